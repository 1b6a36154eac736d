"""Overlaps between two desks, looked ahead over summer and winter time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from shared.coverage.overlaps import short_overlaps
from shared.organisation import Configuration, parse_sections

START = datetime(2027, 1, 4, tzinfo=UTC)


def world(
    *, shanghai: str = "09:00, 17:30", wanted: str = "1h", london: str = "08:00"
) -> Configuration:
    """Return Shanghai, which has no summer time, and London after it."""
    return parse_sections(
        {
            "calendars.yaml": f"""
calendars:
  - {{name: shanghai, time_zone: Asia/Shanghai, hours: {{mon-sun: [[{shanghai}]]}}}}
  - {{name: london, time_zone: Europe/London, hours: {{mon-sun: [[{london}, 17:00]]}}}}
""",
            "desks.yaml": """
desks:
  - {name: shanghai, title: S, calendar: shanghai}
  - {name: london, title: L, calendar: london}
""",
            "agents.yaml": "agents:\n  - {id: a, name: A, email: a@x.org, desks: [shanghai, london]}\n",
            "topologies.yaml": """
topologies:
  - {name: sun, shape: follow_the_sun, desks: [shanghai, london], fallback: london}
""",
            "handover.yaml": f"""
policies:
  - {{name: east, desks: [shanghai], overlap_min: {wanted}}}
""",
        }
    )


def test_an_overlap_that_is_there_in_summer_only_is_told_for_winter() -> None:
    """Shanghai closes at 09:30 UTC all year; London opens at 08:00 UTC, and 07:00 in summer."""
    found = short_overlaps(world(wanted="2h"), START)
    assert [(f.desk, f.to, f.overlap_seconds, f.gap_seconds) for f in found] == [
        ("shanghai", "london", 5_400, 0)
    ]
    winter = found[0]
    assert (winter.desk_utc_offset_seconds, winter.to_utc_offset_seconds) == (8 * 3_600, 0)
    assert winter.first == datetime(2027, 1, 4, 9, 30, tzinfo=UTC)
    # 83 days of this winter until 27 March, 100 of the next from 31 October on.
    assert (
        winter.ends == 83 + (START + timedelta(days=400) - datetime(2027, 10, 31, tzinfo=UTC)).days
    )
    assert "both are open for 1 h 30 min where 2 h are wanted" in winter.words()
    assert "2027-01-04 17:30 +0800 (09:30 UTC)" in winter.words()


def test_a_gap_is_told_with_its_length() -> None:
    """London opens half an hour after Shanghai has closed, in winter; in summer there is overlap."""
    found = short_overlaps(world(shanghai="09:00, 15:30"), START)
    assert [(f.overlap_seconds, f.gap_seconds) for f in found] == [(0, 1_800), (1_800, 0)]
    assert "nobody is there for 30 min" in found[0].words()


def test_enough_overlap_is_not_told() -> None:
    """Nothing falls short; and without a wanted overlap nothing can."""
    assert short_overlaps(world(), START) == []
    assert short_overlaps(world(wanted="0m", shanghai="09:00, 12:00"), START) == []
