"""When a shift ends: the same answer at every instant around its end, whatever the clocks do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.organisation import Configuration, parse_sections
from shared.organisation.shift_ends import shift_end, shifts, takeover

MARCH = datetime(2027, 3, 10, tzinfo=UTC)


def world(hours: str, zone: str = "Europe/London", *, pause: str = "0m") -> Configuration:
    """Return a desk with some hours, and one that opens at noon in New York."""
    return parse_sections(
        {
            "calendars.yaml": f"""
calendars:
  - {{name: here, time_zone: {zone}, hours: {{mon-sun: {hours}}}}}
  - {{name: there, time_zone: America/New_York, hours: {{mon-sun: [[12:00, 20:00]]}}}}
""",
            "desks.yaml": """
desks:
  - {name: here, title: Here, calendar: here}
  - {name: there, title: There, calendar: there}
""",
            "agents.yaml": "agents:\n  - {id: a, name: A, email: a@x.org, desks: [here, there]}\n",
            "topologies.yaml": """
topologies:
  - {name: sun, shape: follow_the_sun, desks: [here, there], fallback: there}
""",
            "handover.yaml": f"""
policies:
  - {{name: all, desks: ["*"], opens: 30m, stay_max: 3h, pause_max: {pause}}}
""",
        }
    )


@st.composite
def days(draw: st.DrawFn) -> str:
    """Return the windows of a day: one, or two with a break."""
    marks = draw(st.lists(st.integers(0, 47), min_size=2, max_size=4, unique=True))
    marks = sorted(marks)[: len(marks) // 2 * 2]
    texts = [f"{mark // 2:02}:{mark % 2 * 30:02}" for mark in marks]
    pairs = zip(texts[::2], texts[1::2], strict=True)
    return "[" + ", ".join(f"[{opens}, {closes}]" for opens, closes in pairs) + "]"


@settings(max_examples=60, deadline=None)
@given(
    hours=days(),
    zone=st.sampled_from(["Europe/London", "America/New_York", "Asia/Shanghai", "Asia/Kolkata"]),
    pause=st.sampled_from(["0m", "30m", "2h"]),
    offset=st.integers(0, 60 * 24 * 24),
)
def test_every_instant_around_an_end_names_the_same_end(
    hours: str, zone: str, pause: str, offset: int
) -> None:
    """From `opens` before the end until the next shift begins; in its midst there is none."""
    configuration = world(hours, zone, pause=pause)
    policy = configuration.handover.policies[0]
    calendar = configuration.desk_calendar("here")
    now = MARCH + timedelta(minutes=offset)
    start, end = now - timedelta(days=5), now + timedelta(days=5)
    known = shifts(calendar, start, end, pause_max_seconds=policy.pause_max)
    before = [s for s in known if s.started_at <= now][-1]
    found = shift_end(configuration, policy, "here", now)
    due = before.closes_at - timedelta(seconds=policy.opens) <= now
    assert (found is not None) == due
    if found is not None:
        assert found.closes_at == before.closes_at
        following = calendar.windows(found.closes_at, found.closes_at + timedelta(seconds=1))
        assert not following
        taking = takeover(configuration, policy, "here", found.closes_at)
        assert taking.desk in {"here", "there"}
        assert 0 <= taking.overlap_seconds <= 24 * 3_600


def test_the_clocks_of_both_sides_count_on_a_day_of_change() -> None:
    """On 14 March America is in summer time and London is not; on 28 March both are."""
    configuration = world("[[09:00, 17:00]]")
    policy = configuration.handover.policies[0]
    ends = {
        10: (datetime(2027, 3, 10, 17, tzinfo=UTC), 0.0, datetime(2027, 3, 10, 17, tzinfo=UTC)),
        14: (datetime(2027, 3, 14, 17, tzinfo=UTC), 3_600.0, datetime(2027, 3, 14, 16, tzinfo=UTC)),
        28: (datetime(2027, 3, 28, 16, tzinfo=UTC), 0.0, datetime(2027, 3, 28, 16, tzinfo=UTC)),
    }
    for day, (closes_at, overlap, opens_at) in ends.items():
        now = datetime(2027, 3, day, 22, tzinfo=UTC)
        found = shift_end(configuration, policy, "here", now)
        assert found is not None
        assert found.closes_at == closes_at
        taking = takeover(configuration, policy, "here", closes_at)
        assert (taking.desk, taking.overlap_seconds, taking.opens_at) == (
            "there",
            overlap,
            opens_at,
        )


def test_a_desk_that_never_closes_has_no_end_of_a_shift() -> None:
    """Nothing is opened for it at any time."""
    configuration = world("[[00:00, 24:00]]")
    policy = configuration.handover.policies[0]
    assert shift_end(configuration, policy, "here", MARCH) is None
