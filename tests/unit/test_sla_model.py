"""The clocks against a plain reference, which walks minute by minute over the whole list of events.

Both topics keep their own order and are mixed at random, with duplicates; tickers run in between
with whatever is known by then, so that breaches are told too soon and must be withdrawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from services.sla.domain.count import seen_at
from services.sla.domain.evolve import TICKET_CLOCKS
from services.sla.domain.model import Clock
from shared.aggregate import Document, fold
from shared.contracts.envelope import Event
from shared.contracts.intake import Direction
from shared.contracts.routing import PendReason
from shared.contracts.sla import ClockBreached, ClockBreachWithdrawn, ClockState
from shared.organisation import Configuration, parse_sections
from tests.support.sla import TICKET, Story, facts
from tests.support.sla_machine import Machine

START: Final = datetime(2026, 3, 5, 10, 0, tzinfo=UTC)
"""A Thursday."""
MINUTE: Final = timedelta(minutes=1)
WALK_MINUTES_MAX: Final = 40 * 24 * 60
DESKS: Final = ("early", "late", "night")
TARGETS: Final = {"answer": 120, "fix": 720, "named": 300}
RESPONSES: Final = frozenset({"answer"})


@cache
def organisation() -> Configuration:
    """Return three desks: 06-14 on weekdays, 12-20 every day, 22-04 over midnight on weekdays."""
    return parse_sections(
        {
            "calendars.yaml": """
calendars:
  - {name: early, time_zone: UTC, hours: {mon-fri: [[06:00, 14:00]]}}
  - {name: late, time_zone: UTC, hours: {mon-sun: [[12:00, 20:00]]}}
  - {name: night, time_zone: UTC, hours: {mon-fri: [[22:00, 04:00]]}}
""",
            "desks.yaml": """
desks:
  - {name: early, title: Early, calendar: early}
  - {name: late, title: Late, calendar: late}
  - {name: night, title: Night, calendar: night}
""",
            "topologies.yaml": """
topologies: [{name: all, shape: centralized, desk: early}]
""",
            "sla.yaml": """
policies:
  - {name: answer, metric: response, targets: {P2: 120m}}
  - {name: fix, metric: resolution, targets: {P2: 720m}}
  - {name: named, metric: resolution, targets: {P2: 300m}, calendar: late}
""",
        }
    )


def is_open(calendar: str, at: datetime) -> bool:
    """Return whether a calendar is open in the minute that begins at an instant."""
    match calendar:
        case "early":
            return at.weekday() < 5 and 6 <= at.hour < 14
        case "late":
            return 12 <= at.hour < 20
        case _:
            yesterday = (at - timedelta(days=1)).weekday()
            return (at.weekday() < 5 and at.hour >= 22) or (yesterday < 5 and at.hour < 4)


@dataclass(frozen=True)
class Move:
    """One thing that routing says: after so many minutes, this."""

    gap: int
    what: str
    desk: str
    reason: PendReason


@dataclass(frozen=True)
class Answer:
    """What the reference says of one clock at the end."""

    used: int
    due: datetime | None
    ended: datetime | None
    breached: bool
    state: ClockState


class Reference:
    """Recomputes a clock from the whole list of events, a minute at a time."""

    def __init__(
        self, moves: Sequence[tuple[datetime, Move]], replies: Sequence[datetime], end: datetime
    ) -> None:
        self.moves = moves
        self.replies = replies
        self.end = end

    def _statuses(self) -> list[tuple[datetime, str, str]]:
        """Return what the work does, and where, from each move on."""
        found = []
        status, desk = "runs", self.moves[0][1].desk
        for when, move in self.moves:
            match move.what:
                case "queued":
                    status, desk = "runs", move.desk
                case "pended":
                    status = "runs" if move.reason is PendReason.SUPPLIER else "waits"
                case "resolved" | "closed":
                    status = "stopped"
                case "resumed" | "reopened" | "begun":
                    status = "runs"
                case _:
                    pass
            found.append((when, status, desk))
        return found

    def _status(self, at: datetime) -> tuple[str, str]:
        """Return what the work does at an instant, and at which desk."""
        status, desk = "runs", self.moves[0][1].desk
        for when, then, where in self._statuses():
            if when <= at:
                status, desk = then, where
        return status, desk

    def _ended(self, policy: str) -> datetime | None:
        statuses = self._statuses()
        if policy in RESPONSES:
            stops = [when for when, status, _ in statuses if status == "stopped"]
            return min([*stops[:1], *self.replies[:1]], default=None)
        ended = None
        for when, status, _ in statuses:
            if status != "stopped":
                ended = None
            elif ended is None:
                ended = when
        return ended

    def answer(self, policy: str) -> Answer:
        """Return how a clock stands at the end."""
        ended, target = self._ended(policy), TARGETS[policy]
        used, due, at = 0, None, START
        changes = {when for when, _ in self.moves}
        status, desk = self._status(at)
        used_at_end = None
        for _ in range(WALK_MINUTES_MAX):
            if at in changes:
                status, desk = self._status(at)
            over = ended is not None and at >= ended
            runs = status == "runs" and not over
            if due is None and used >= target and (runs or at == ended):
                due = at
            if at == self.end:
                used_at_end = used
            if used_at_end is not None and (due is not None or not runs):
                break
            if runs and is_open("late" if policy == "named" else desk, at):
                used += 1
            at += MINUTE
        assert used_at_end is not None
        late = due is not None and due < self.end and (ended is None or ended > due)
        if ended is not None:
            state = ClockState.MISSED if late else ClockState.MET
        else:
            waits = self._status(self.end)[0] == "waits"
            state = ClockState.PAUSED if waits else ClockState.RUNNING
        return Answer(used_at_end, due, ended, late, state)


GAPS = st.integers(0, 30).map(lambda halves: halves * 30) | st.integers(0, 900)
"""Half hours, so that events often meet closing times and exhausted targets, and any minutes."""
WHAT = ["queued", "pended", "resumed", "resolved", "reopened", "closed", "begun", "regarded"]
moves = st.lists(
    st.builds(
        Move,
        gap=GAPS,
        what=st.sampled_from(WHAT),
        desk=st.sampled_from(DESKS),
        reason=st.sampled_from(list(PendReason)),
    ),
    max_size=7,
)


def told(story: Story, at: datetime, move: Move) -> Event[Any]:
    """Return the event of a move."""
    match move.what:
        case "queued":
            return story.queued(at, move.desk)
        case "pended":
            return story.pended(at, move.reason)
        case _:
            event: Event[Any] = getattr(story, move.what)(at)
            return event


@settings(max_examples=250, deadline=None)
@given(
    first=st.builds(
        Move,
        gap=st.integers(0, 60),
        what=st.just("queued"),
        desk=st.sampled_from(DESKS),
        reason=st.just(PendReason.CUSTOMER),
    ),
    others=moves,
    messages=st.lists(
        st.tuples(GAPS, st.sampled_from([Direction.INBOUND, Direction.OUTBOUND])),
        max_size=3,
    ),
    data=st.data(),
)
def test_the_clocks_agree_with_a_walk_over_all_minutes(
    first: Move, others: list[Move], messages: list[tuple[int, Direction]], data: st.DataObject
) -> None:
    """However the topics are mixed, the end is what the whole list of events says it is."""
    story = Story(facts=facts(accepted_at=START))
    requests: list[Event[Any]] = [story.accepted(START)]
    at, replies = START, []
    for gap, direction in messages:
        at += gap * MINUTE
        requests.append(story.message(at, direction))
        if direction is Direction.OUTBOUND:
            replies.append(at)
    latest, at = at, START
    work: list[tuple[datetime, Move]] = []
    tickets: list[Event[Any]] = []
    for move in [first, *others]:
        at += move.gap * MINUTE
        work.append((at, move))
        tickets.append(told(story, at, move))
    end = max(at, latest) + data.draw(st.integers(0, 600)) * MINUTE
    machine = Machine(organisation(), start=START)
    queues = [requests, tickets]
    places = [0, 0]
    while places[0] < len(requests) or places[1] < len(tickets):
        topic = data.draw(st.sampled_from([t for t in (0, 1) if places[t] < len(queues[t])]))
        machine.take(queues[topic][places[topic]])
        places[topic] += 1
        again = data.draw(st.integers(-3, places[topic] - 1))
        if again >= 0:
            machine.take(queues[topic][again])
        if data.draw(st.booleans()):
            machine.tick(START + data.draw(GAPS) * 4 * MINUTE)
    machine.tick(end)
    reference = Reference(work, replies, end)
    for clock in machine.state.clocks:
        check(clock, machine, reference.answer(clock.view.policy), end)
    rebuilt = fold(
        TICKET_CLOCKS,
        Document(id=TICKET, tenant="main"),
        [event.encoded() for event in machine.events],
    )
    assert rebuilt.state == machine.document.state


def check(clock: Clock, machine: Machine, answer: Answer, end: datetime) -> None:
    """Hold a clock against the reference's answer."""
    view = seen_at(clock, max(end, clock.view.started_at), machine.rules)
    assert view.used_seconds == answer.used * 60
    assert view.ended_at == answer.ended
    if answer.ended is None or answer.breached:
        assert view.due_at == answer.due
    own = [e.body for e in machine.events if getattr(e.body, "clock", None) == view.clock]
    net = sum(isinstance(b, ClockBreached) - isinstance(b, ClockBreachWithdrawn) for b in own)
    told_too_soon = view.breached_at is not None and view.breached_at >= end
    if not told_too_soon:  # A ticker may have run with an instant beyond the end.
        assert (view.breached_at is not None) == answer.breached
        assert view.state == answer.state
    assert net == (1 if view.breached_at is not None else 0)
    for before, after in pairwise(clock.spans):
        assert before.ended_at is not None
        assert before.ended_at <= after.started_at
