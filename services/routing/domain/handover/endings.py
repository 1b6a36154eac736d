"""The end of a shift as it is looked at: of a desk, or of some of its agents."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from services.routing.domain.desks import DeskChoice, desk_named, is_open
from services.routing.domain.handover.shifts import (
    candidates,
    reopens_at,
    somebody_opens_at,
    stays_with,
    successor,
)
from services.routing.domain.tickets import OVER, TicketState
from shared.contracts.facts import TicketFacts
from shared.contracts.routing import Status
from shared.organisation import Configuration
from shared.organisation.agent_shifts import at_work, next_shift
from shared.organisation.handover import HandoverPolicy

DESK_OPEN = "desk-open"
AGENT_BACK = "agent-back"
"""Its agent is at work again, and it did not move meanwhile."""


class Seen(NamedTuple):
    """A ticket as the store had it."""

    id: str
    seq: int
    state: TicketState
    facts: TicketFacts
    status: Status

    @classmethod
    def of(cls, ticket: str, seq: int, state: TicketState | None) -> Seen | None:
        """Return a ticket whose request has come; None before that."""
        if state is None or state.facts is None or state.status is None:
            return None
        return cls(ticket, seq, state, state.facts, state.status)

    def is_at(self, desk: str) -> bool:
        """Return whether it is open work of a desk; at tier 0 it is nobody's work yet."""
        return self.state.desk == desk and self.status not in OVER and not self.state.unattended


@dataclass(frozen=True)
class Ending:
    """The end of a shift, as it is looked at.

    Of a desk, all of its open work is handed over, to another desk. Of some of its agents
    (``agents``), what they hold is, to those of the same desk who are at work.
    """

    handover: str
    giving: str
    closes_at: datetime
    configuration: Configuration
    policy: HandoverPolicy
    now: datetime
    agents: frozenset[str] = frozenset()

    @cached_property
    def is_past(self) -> bool:
        """Whether the shift has ended."""
        return self.now >= self.closes_at

    @cached_property
    def is_closed(self) -> bool:
        """Whether the shift has ended and the next one has not begun, of any of the agents."""
        if not self.is_past:
            return False
        if self.agents:
            return bool(self.agents - self._at_work)
        return not is_open(self.configuration, self.giving, self.now)

    @cached_property
    def _at_work(self) -> frozenset[str]:
        return at_work(self.configuration, self.policy, self.agents, self.now)

    @property
    def word_back(self) -> str:
        """Why a ticket stays whose desk, or agent, is there again."""
        return AGENT_BACK if self.agents else DESK_OPEN

    def concerns(self, seen: Seen) -> bool:
        """Return whether a ticket is among the work that is handed over.

        What an agent took after the end of the own shift is none of that shift's.
        """
        if not seen.is_at(self.giving):
            return False
        if not self.agents:
            return True
        since = seen.state.held_since
        took_later = since is not None and since >= self.closes_at
        return seen.state.holder in self.agents and not took_later

    def is_left(self, seen: Seen) -> bool:
        """Return whether those are gone who had a ticket: the desk, or its agent."""
        if not self.agents or not self.is_closed:
            return self.is_closed
        return seen.state.holder not in self._at_work

    def successor(self, state: TicketState) -> DeskChoice | None:
        """Return who takes over a ticket now; None while nobody is open who may."""
        if self.agents:
            return stays_with(self.configuration, state, self.now, desk=self.giving)
        return successor(self.configuration, self.policy, state, self.now, giving=self.giving)

    def has_successors(self, state: TicketState) -> bool:
        """Return whether anybody may ever take a ticket over."""
        if self.agents:
            return desk_named(self.configuration, self.giving) is not None
        return bool(candidates(self.configuration, self.policy, state, giving=self.giving))

    def somebody_at(self, state: TicketState) -> datetime | None:
        """Return when somebody opens who may take a ticket over."""
        if self.agents:
            return reopens_at(self.configuration, self.giving, self.now)
        return somebody_opens_at(
            self.configuration, self.policy, state, self.now, giving=self.giving
        )

    def back_at(self, state: TicketState | None = None) -> datetime | None:
        """Return when those are there again who have a ticket, or the first of them all."""
        since = max(self.now, self.closes_at)
        if not self.agents:
            return reopens_at(self.configuration, self.giving, since)
        if state is not None and state.holder is not None:
            return next_shift(self.configuration, [state.holder], since)
        return next_shift(self.configuration, self.agents, self.closes_at)
