"""How a command changes a ticket: whoever asks, in one write with the holds, and all are woken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.routing.handlers.closings import Closings
from services.routing.handlers.taking import NO_LIMITS, Limits
from services.routing.handlers.writing import TicketWriter
from services.routing.ports import TicketDocument
from shared.clock import Clock
from shared.configuration import Configurations
from shared.contracts.envelope import Body
from shared.organisation import Configuration


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose ticket is changed, by whom, and which revision they saw."""

    tenant: str
    ticket: str
    """The ticket's id."""
    by: str
    """Name of the agent or administrator."""
    revision: int | None = None
    free_hand: bool = False
    """Whether they may give work beyond what the push would: administrators."""


class TicketChanges:
    """Applies the decision of a command to its caller's ticket.

    ``changed`` is called after each change, to wake those who wait for one; it must not block.
    """

    def __init__(
        self,
        *,
        writer: TicketWriter,
        configurations: Configurations,
        clock: Clock,
        changed: Callable[[], None],
        closings: Closings | None = None,
    ) -> None:
        self._writer = writer
        self._configurations = configurations
        self._clock = clock
        self._closings = closings or Closings()
        self.changed = changed

    def configuration(self, tenant: str) -> Configuration:
        """Return what is in force for a tenant."""
        return self._configurations.current(tenant)

    def now(self) -> datetime:
        """Return the instant of a decision."""
        return self._clock.now()

    async def change(
        self,
        caller: Caller,
        decide: Callable[[Any], Sequence[Body]],
        *,
        check: Callable[[Any], None] | None = None,
        limits: Limits = NO_LIMITS,
    ) -> TicketDocument:
        """Apply a decision and return the ticket after it.

        Args:
            caller: who changes which ticket.
            decide: from the ticket's state to its events; called again after a lost race.
            check: refuses for reasons that tell more than a stale revision does.
            limits: what keeps the agent from the ticket.

        Raises:
            CommandRejected: the states do not allow it.
            Infrastructure: it may or may not have been applied.
        """
        document = await self._writer.change(
            tenant=caller.tenant,
            ticket=caller.ticket,
            decide=decide,
            revision=caller.revision,
            check=check,
            guard=limits.guard,
            picked=limits.picked,
            then=self._closings.decided,
        )
        self.changed()
        return document
