from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.sla.domain.horizon import Due, Horizon
from tests.support.sla import utc

START = utc(2, 14)
TICKETS = st.sampled_from([f"ticket-{n}" for n in range(6)])
SECONDS = st.integers(0, 60)


def at(seconds: int) -> datetime:
    """Return an instant."""
    return START + timedelta(seconds=seconds)


def due(ticket: str, seconds: int) -> Due:
    """Return a timer."""
    return Due(ticket=ticket, tenant="main", due_at=at(seconds))


class HorizonMachine(RuleBasedStateMachine):
    """The heap against a plain dictionary: ticket to due time, and to when it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.horizon = Horizon()
        self.timers: dict[str, datetime] = {}
        self.held: dict[str, datetime] = {}

    def _at(self, ticket: str) -> datetime:
        return max(self.timers[ticket], self.held.get(ticket, START))

    @rule(ticket=TICKETS, seconds=SECONDS)
    def arm(self, ticket: str, seconds: int) -> None:
        """Set or move a timer."""
        self.horizon.arm(due(ticket, seconds))
        self.timers[ticket] = at(seconds)

    @rule(ticket=TICKETS, seconds=SECONDS, until=SECONDS)
    def hold(self, ticket: str, seconds: int, until: int) -> None:
        """Leave one alone for a while."""
        self.horizon.hold(due(ticket, seconds), at(until))
        self.timers[ticket], self.held[ticket] = at(seconds), at(until)

    @rule(ticket=TICKETS)
    def cancel(self, ticket: str) -> None:
        """Forget one, whether it is there or not."""
        self.horizon.cancel(ticket)
        self.timers.pop(ticket, None)

    @rule(seconds=SECONDS, limit=st.integers(1, 4))
    def take(self, seconds: int, limit: int) -> None:
        """Those before an instant come out, the earliest first, and no more."""
        taken = self.horizon.take(before=at(seconds), limit=limit)
        ready = sorted((self._at(t), t) for t in self.timers if self._at(t) < at(seconds))
        assert [item.ticket for item in taken] == [ticket for _, ticket in ready[:limit]]
        for item in taken:
            assert item.due_at == self.timers.pop(item.ticket)
            self.held.pop(item.ticket, None)

    @invariant()
    def knows_the_first(self) -> None:
        """It says how many there are, and when the first is due."""
        assert len(self.horizon) == len(self.timers)
        assert self.horizon.next_at() == min((self._at(t) for t in self.timers), default=None)


TestHorizon = HorizonMachine.TestCase


@given(st.integers(2, 30))
def test_timers_that_move_for_ever_take_no_room(moves: int) -> None:
    """What moved away leaves its entry behind; they are cleared before they are most of it."""
    horizon = Horizon()
    for move in range(moves * 200):
        horizon.arm(due(f"ticket-{move % 7}", move))
    assert len(horizon) == 7
    assert len(horizon._heap) <= 2 * 7 + 1_025
    everything = horizon.take(before=at(moves * 200), limit=100)
    assert [item.due_at for item in everything] == [at(moves * 200 - n) for n in range(7, 0, -1)]
