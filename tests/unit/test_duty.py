"""The section ``duty``: who is on duty when, and what is refused with its place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.organisation import Configuration, ConfigurationInvalid, parse_sections
from shared.organisation.duty import on_duty

FILES = {
    "calendars.yaml": "calendars:\n  - {name: always, time_zone: Europe/London, hours: 24x7}\n",
    "desks.yaml": """\
desks:
  - {name: london, title: London, calendar: always}
  - {name: paris, title: Paris, calendar: always, time_zone: Europe/Paris}
""",
    "topologies.yaml": """\
topologies:
  - {name: all, shape: centralized, desk: london}
""",
    "agents.yaml": """\
agents:
  - {id: ann, name: Ann, email: ann@example.org, desks: [london], leave: [{first: 2027-02-01, last: 2027-02-05}]}
  - {id: abe, name: Abe, email: abe@example.org, desks: [london]}
  - {id: zoe, name: Zoe, email: zoe@example.org, desks: [paris]}
""",
}
DUTY = """\
desks:
  - desk: london
    weekly:
      - {agent: ann, hours: {mon-fri: [[08:00, 16:00]]}}
      - {agent: abe, hours: {mon-fri: [[16:00, 02:00]]}}
    dates:
      - {date: 2027-01-14, agent: abe, hours: [[07:00, 12:00]]}
      - {date: 2027-01-15}
"""


def configured(duty: str = DUTY) -> Configuration:
    """Return two desks, one of which has people on duty."""
    return parse_sections(FILES | {"duty.yaml": duty})


def at(text: str) -> datetime:
    """Return an instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("when", "who"),
    [
        ("2027-01-13 07:59", None),
        ("2027-01-13 08:00", "ann"),
        ("2027-01-13 15:59:59", "ann"),
        ("2027-01-13 16:00", "abe"),
        # The window of the evening before goes on, until the date has somebody of its own.
        ("2027-01-14 01:59", "abe"),
        ("2027-01-14 02:00", None),
        ("2027-01-14 07:00", "abe"),
        ("2027-01-14 12:00", None),
        ("2027-01-14 17:00", None),
        # Nobody in particular on that date, whatever the week says.
        ("2027-01-15 00:30", None),
        ("2027-01-15 09:00", None),
        ("2027-01-16 09:00", None),
        # On leave.
        ("2027-02-03 09:00", None),
        ("2027-02-03 17:00", "abe"),
        ("2027-02-08 09:00", "ann"),
    ],
)
def test_the_week_says_who_is_on_duty_and_a_date_counts_before_it(
    when: str, who: str | None
) -> None:
    """Half-open windows on the desk's wall clock; nights belong to the day on which they begin."""
    found = on_duty(configured(), "london", at(when))
    assert (found.id if found else None) == who


def test_a_desk_without_duties_has_nobody_in_particular() -> None:
    """Nor has one that is configured no more, nor an organisation without the section."""
    noon = at("2027-01-13 12:00")
    assert on_duty(configured(), "paris", noon) is None
    assert on_duty(configured(), "atlantis", noon) is None
    assert on_duty(parse_sections(FILES), "london", noon) is None


@pytest.mark.parametrize(
    ("utc", "who"),
    [
        # The clocks go forward at 01:00 UTC on 28 March 2027: 01:30 on the wall never comes.
        ("2027-03-28 00:59", "ann"),
        ("2027-03-28 01:00", "abe"),
        # They go back at 01:00 UTC on 31 October: 01:30 comes twice, and the first one counts.
        ("2027-10-31 00:29", "ann"),
        ("2027-10-31 00:30", "abe"),
        ("2027-10-31 01:10", "abe"),
        ("2027-10-31 01:45", "abe"),
    ],
)
def test_one_person_takes_over_from_the_other_while_the_clocks_change(utc: str, who: str) -> None:
    """Turns that meet on the wall clock meet on the time line: no gap, and nobody twice."""
    duty = """\
desks:
  - desk: london
    weekly:
      - {agent: ann, hours: {sun: [[00:00, 01:30]]}}
      - {agent: abe, hours: {sun: [[01:30, 12:00]]}}
"""
    found = on_duty(configured(duty), "london", at(utc))
    assert found is not None
    assert found.id == who


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("desk: london", "desk: londn", "duty.yaml:2: desks[0].desk: unknown desk 'londn'; did"),
        ("{agent: ann", "{agent: anne", "duty.yaml:4: desks[0].weekly[0].agent: unknown agent"),
        ("{agent: ann", "{agent: zoe", "weekly[0].agent: 'zoe' does not serve 'london'"),
        ("[[16:00,", "[[15:00,", "duty.yaml:5: desks[0].weekly[1].hours: overlaps weekly[0] (ann)"),
        ("2027-01-14, agent: abe", "2027-02-02, agent: ann", "dates[0].agent: 'ann' is on leave"),
        ("{date: 2027-01-15}", "{date: 2027-01-14, agent: ann}", "dates[1].hours: overlaps dates"),
        ("{date: 2027-01-15}", "{date: 2027-01-15, agent: eve}", "dates[1].agent: unknown agent"),
        (
            "[[08:00, 16:00]]}",
            "[[08:00, 16:00]]}, first: 2027-02-01, last: 2027-02-04",
            "weekly[0].agent: 'ann' is on leave from 2027-02-01 to 2027-02-05",
        ),
        (
            "[[08:00, 16:00]]}",
            "[[08:00, 16:00]]}, first: 2027-02-04, last: 2027-02-01",
            "it ends on 2027-02-01, before",
        ),
        ("{mon-fri: [[08:00, 16:00]]}", "{}", "weekly[0]: hours: no window"),
        ("    dates:", "  - desk: london\n    dates:", "desks[1].desk: the duties of 'london' are"),
    ],
)
def test_a_fault_is_told_with_its_place(old: str, new: str, problem: str) -> None:
    """File, line, path and reason."""
    text = DUTY.replace(old, new)
    assert text != DUTY
    with pytest.raises(ConfigurationInvalid) as caught:
        configured(text)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("one", "two", "overlaps"),
    [
        ("hours: {sun: [[22:00, 06:00]]}", "hours: {mon: [[05:00, 08:00]]}", True),
        ("hours: {sun: [[22:00, 06:00]]}", "hours: {mon: [[06:00, 08:00]]}", False),
        (
            "hours: {mon: [[09:00, 10:00]]}",
            "hours: {mon: [[09:00, 10:00]]}, first: 2027-05-01",
            True,
        ),
        (
            "hours: {mon: [[09:00, 10:00]]}, last: 2027-04-30",
            "hours: {mon: [[09:00, 10:00]]}, first: 2027-05-01",
            False,
        ),
        # The last night of one reaches into the first day of the other.
        (
            "hours: {mon-sun: [[22:00, 06:00]]}, last: 2027-04-30",
            "hours: {mon-sun: [[05:00, 22:00]]}, first: 2027-05-01",
            True,
        ),
        # Only Mondays within one Tuesday: never.
        (
            "hours: {mon: [[09:00, 10:00]]}, first: 2027-05-04, last: 2027-05-04",
            "hours: {mon: [[09:00, 10:00]]}",
            False,
        ),
    ],
)
def test_two_turns_overlap_only_where_they_meet(one: str, two: str, *, overlaps: bool) -> None:
    """Over midnight, over the end of the week, and within the days for which they are meant."""
    text = (
        f"desks:\n  - desk: london\n    weekly:\n      - {{agent: ann, {one}}}\n"
        f"      - {{agent: abe, {two}}}\n"
    )
    if not overlaps:
        configured(text)
        return
    with pytest.raises(ConfigurationInvalid, match="one person at a time"):
        configured(text)


@given(
    cuts=st.lists(st.integers(1, 95), min_size=1, max_size=6, unique=True),
    start=st.datetimes(datetime(2027, 1, 1), datetime(2027, 12, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_turns_that_share_the_day_leave_nobody_out(cuts: list[int], start: datetime) -> None:
    """A day that is cut into turns always has exactly one person on duty, clock changes included."""
    edges = [0, *sorted(cuts), 96]
    turns = [
        f"[{a // 4:02}:{a % 4 * 15:02}, {b // 4:02}:{b % 4 * 15:02}]" for a, b in pairwise(edges)
    ]
    people = ("ann", "abe")
    rows = "".join(
        f"      - {{agent: {people[n % 2]}, hours: {{mon-sun: [{turn}]}}}}\n"
        for n, turn in enumerate(turns)
    )
    configuration = parse_sections(
        FILES
        | {
            "agents.yaml": FILES["agents.yaml"].replace(
                ", leave: [{first: 2027-02-01, last: 2027-02-05}]", ""
            ),
            "duty.yaml": f"desks:\n  - desk: london\n    weekly:\n{rows}",
        }
    )
    for minutes in range(0, 48 * 60, 37):
        assert on_duty(configuration, "london", start + timedelta(minutes=minutes)) is not None
