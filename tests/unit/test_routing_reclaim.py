"""When work goes back from who is absent or silent: exact, in the agent's own hours alone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.routing.domain.agents import AgentState
from services.routing.domain.reclaim import Overdue, decide_reclaim, overdue, worked_at
from services.routing.domain.shifts import on_shift
from services.routing.domain.tickets import TicketState
from shared.contracts.facts import Priority
from shared.contracts.routing import PendReason, Presence, Status, TicketQueued
from shared.organisation import Agent, Configuration, Leave, parse_sections
from tests.support.routing import facts
from tests.unit.organisation_files import FILES

ROUTING = """
desks:
  london:
    reclaim: {absent: 30m, silent: {P1: 15m, P2: 1h}}
  shanghai:
    reclaim: {absent: 30m, pending: true}
"""
MORE = """
  - {name: evening, time_zone: Europe/London, hours: {mon-fri: [[16:00, 20:00]]}}
  - {name: small-hours, time_zone: Europe/London, hours: {mon-sun: [[00:00, 03:30]]}}
"""
ORGANISATION: Configuration = parse_sections(
    FILES | {"calendars.yaml": FILES["calendars.yaml"] + MORE, "routing.yaml": ROUTING}
)
CALENDARS = ("day", "evening", "small-hours", "china", "always")
SPRING = datetime(2026, 3, 27, 12, tzinfo=UTC)
"""A Friday; on Sunday London's clocks go from 01:00 to 02:00."""
AUTUMN = datetime(2026, 10, 23, 12, tzinfo=UTC)


def agent(**fields: Any) -> Agent:
    """Return an agent of London's, who works by day."""
    given_: dict[str, Any] = {"id": "a", "name": "A", "email": "a@example.org"}
    return Agent(**(given_ | {"desks": ("london",), "hours": ("day",)} | fields))


def ticket(**fields: Any) -> TicketState:
    """Return a P1 that the agent accepted on that Friday at noon."""
    given_: dict[str, Any] = {
        "facts": facts(priority=Priority.P1),
        "status": Status.ACCEPTED,
        "desk": "london",
        "agent": "a",
        "touched_at": SPRING,
    }
    return TicketState(**(given_ | fields))


def due(
    state: TicketState, someone: Agent | None = None, standing: AgentState | None = None
) -> Overdue | None:
    """Return from when on a ticket is to go back."""
    return overdue(
        state, someone or agent(), standing, ORGANISATION, presence_default=Presence.AVAILABLE
    )


@pytest.mark.parametrize(
    ("start", "seconds", "expected"),
    [
        # 17:00 is the end of the day: the rest is on Monday, an hour earlier in UTC.
        (datetime(2026, 3, 27, 16, 45, tzinfo=UTC), 1800, datetime(2026, 3, 30, 8, 15, tzinfo=UTC)),
        (datetime(2026, 3, 27, 16, 45, tzinfo=UTC), 900, datetime(2026, 3, 27, 17, tzinfo=UTC)),
        (
            datetime(2026, 10, 23, 15, 45, tzinfo=UTC),
            1800,
            datetime(2026, 10, 26, 9, 15, tzinfo=UTC),
        ),
    ],
)
def test_who_goes_home_is_not_absent_at_night(
    start: datetime, seconds: int, expected: datetime
) -> None:
    """A quarter before the weekend and a quarter after it, across both changes of the clock."""
    assert worked_at(ORGANISATION, agent(), start, seconds) == expected


def test_leave_does_not_count() -> None:
    """Monday is leave: the second quarter of an hour is on Tuesday."""
    day = date(2026, 3, 30)
    someone = agent(leave=(Leave(first=day, last=day, reason="Home"),))
    start = datetime(2026, 3, 27, 16, 45, tzinfo=UTC)
    expected = datetime(2026, 3, 31, 8, 15, tzinfo=UTC)
    assert worked_at(ORGANISATION, someone, start, 1800) == expected


def test_who_never_works_is_never_overdue() -> None:
    """Leave for four years: no instant, instead of a search without end."""
    someone = agent(leave=(Leave(first=date(2026, 1, 1), last=date(2030, 1, 1), reason="Home"),))
    assert worked_at(ORGANISATION, someone, SPRING, 60) is None


@settings(max_examples=80, deadline=None)
@given(
    base=st.sampled_from([SPRING, AUTUMN]),
    hours=st.lists(st.sampled_from(CALENDARS), unique=True, min_size=1).map(tuple),
    leave=st.lists(st.tuples(st.integers(-1, 5), st.integers(0, 2)), max_size=2),
    offset=st.integers(0, 3 * 24 * 60),
    minutes=st.integers(1, 24 * 60),
)
def test_the_instant_is_that_of_a_scan_of_every_minute(
    base: datetime,
    hours: tuple[str, ...],
    leave: list[tuple[int, int]],
    offset: int,
    minutes: int,
) -> None:
    """Minute by minute it is asked whether the agent is at work, and counted."""
    someone = agent(
        hours=hours,
        leave=tuple(
            Leave(
                first=(base + timedelta(days=first)).date(),
                last=(base + timedelta(days=first + more)).date(),
                reason="Home",
            )
            for first, more in leave
        ),
    )
    start = base + timedelta(minutes=offset)
    found = worked_at(ORGANISATION, someone, start, minutes * 60)
    now, left, end = start, minutes, start + timedelta(days=10)
    while left and now < end:
        left -= on_shift(ORGANISATION, someone, now).absent is None
        now += timedelta(minutes=1)
    if left:
        assert found is None or found > end
    else:
        assert found == now


def test_silence_depends_on_the_priority_and_on_nothing_else() -> None:
    """A P1 after a quarter of an hour, a P2 after an hour, a P3 never."""
    quarter, hour = timedelta(minutes=15), timedelta(hours=1)
    assert due(ticket()) == Overdue("silent", SPRING + quarter)
    assert due(ticket(facts=facts(priority=Priority.P2))) == Overdue("silent", SPRING + hour)
    assert due(ticket(facts=facts(priority=Priority.P3))) is None
    assert due(ticket(touched_at=None)) is None
    assert due(ticket(desk="new-york")) is None


@pytest.mark.parametrize("status", [Status.OFFERED, Status.QUEUED, Status.RESOLVED, Status.CLOSED])
def test_only_what_somebody_works_on_is_taken_back(status: Status) -> None:
    """What is offered has its own time, and what is over has none."""
    assert due(ticket(status=status)) is None


def test_absence_counts_from_the_last_deed_on_the_ticket() -> None:
    """Away since eleven, accepted at noon: 30 minutes from noon; away since one: from one."""
    out = {"presence": Presence.AWAY, "agent": "a"}
    low = ticket(facts=facts(priority=Priority.P4))
    for since, expected in ((-1, 0.5), (1, 1.5)):
        away = AgentState(**out, out_since=SPRING + timedelta(hours=since))
        assert due(low, standing=away) == Overdue("absent", SPRING + timedelta(hours=expected))
    assert due(low, standing=AgentState(agent="a", presence=Presence.AVAILABLE)) is None


def test_what_is_pending_stays_unless_the_desk_says_otherwise() -> None:
    """London leaves it, Shanghai takes it from who is absent; silence never does."""
    away = AgentState(agent="a", presence=Presence.OFFLINE, out_since=SPRING)
    waits = {"status": Status.PENDING, "pend_reason": PendReason.CUSTOMER}
    assert due(ticket(**waits), standing=away) is None
    found = due(ticket(**waits, desk="shanghai"), standing=away)
    assert found == Overdue("absent", SPRING + timedelta(minutes=30))
    assert due(ticket(**waits, desk="shanghai")) is None


def test_it_is_taken_back_at_the_instant_and_not_before() -> None:
    """Nothing a millisecond before; then the event names why, and who had it."""

    def decided(now: datetime) -> list[Any]:
        return list(
            decide_reclaim(
                ticket(),
                agent(),
                None,
                now=now,
                configuration=ORGANISATION,
                presence_default=Presence.AVAILABLE,
            )
        )

    at = SPRING + timedelta(minutes=15)
    assert decided(at - timedelta(milliseconds=1)) == []
    (queued,) = decided(at)
    assert isinstance(queued, TicketQueued)
    assert (queued.reason, queued.code, queued.released, queued.by) == (
        "reclaimed",
        "silent",
        "a",
        "system",
    )
    assert queued.explanation.rule == (
        "a did nothing about it for too long: back to the queue of london"
    )
