"""What brings a ticket to its requester's contact: referral, a person, a visit; or needs none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from services.routing.domain.referral import decide_refer
from services.routing.domain.self_service import Who, decide_complete, decide_person
from services.routing.domain.visits import decide_visit
from services.routing.handlers.closings import Closings
from services.routing.handlers.commands import Caller
from services.routing.handlers.writing import TicketWriter
from services.routing.ports import TicketDocument
from shared.clock import Clock
from shared.configuration import Configurations
from shared.contracts.envelope import Body


class ContactCommands:
    """The commands by which a requester comes to somebody. Each returns the ticket after it.

    Each raises `CommandRejected` where the state or the topology does not allow it, and
    `Infrastructure` where it may or may not have been applied.
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
        self._changed = changed
        self._closings = closings or Closings()

    async def refer(self, caller: Caller, *, desk: str | None) -> TicketDocument:
        """Refer the requester to a desk of the hybrid topology, by default the regional one."""
        configuration = self._configurations.current(caller.tenant)
        return await self._change(
            caller,
            lambda state: decide_refer(
                state,
                desk=desk,
                by=caller.by,
                now=self._clock.now(),
                configuration=configuration,
            ),
        )

    async def person(self, caller: Caller) -> TicketDocument:
        """Send a ticket of tier 0 to the desk behind."""
        configuration = self._configurations.current(caller.tenant)
        return await self._change(
            caller,
            lambda state: decide_person(
                state, by=caller.by, now=self._clock.now(), configuration=configuration
            ),
        )

    async def complete(self, caller: Caller, *, who: Who, article: str | None) -> TicketDocument:
        """Say that the requester, or automation, has done what was asked for."""
        configuration = self._configurations.current(caller.tenant)
        return await self._change(
            caller,
            lambda state: decide_complete(
                state,
                who=who,
                article=article,
                by=caller.by,
                now=self._clock.now(),
                configuration=configuration,
            ),
        )

    async def visit(self, caller: Caller) -> TicketDocument:
        """Give a ticket to the desk that visits its site."""
        configuration = self._configurations.current(caller.tenant)
        return await self._change(
            caller,
            lambda state: decide_visit(
                state, by=caller.by, now=self._clock.now(), configuration=configuration
            ),
        )

    async def _change(
        self, caller: Caller, decide: Callable[[Any], Sequence[Body]]
    ) -> TicketDocument:
        document = await self._writer.change(
            tenant=caller.tenant,
            ticket=caller.ticket,
            decide=decide,
            revision=caller.revision,
            then=self._closings.decided,
        )
        self._changed()
        return document
