"""What brings a ticket to its requester's contact: referral, a person, a visit; or needs none."""

from __future__ import annotations

from services.routing.domain.referral import decide_refer
from services.routing.domain.self_service import Who, decide_complete, decide_person
from services.routing.domain.visits import decide_visit
from services.routing.handlers.changing import Caller, TicketChanges
from services.routing.ports import TicketDocument


class ContactCommands:
    """The commands by which a requester comes to somebody. Each returns the ticket after it.

    Each raises `CommandRejected` where the state or the topology does not allow it, and
    `Infrastructure` where it may or may not have been applied.
    """

    def __init__(self, changes: TicketChanges) -> None:
        self._changes = changes

    async def refer(self, caller: Caller, *, desk: str | None) -> TicketDocument:
        """Refer the requester to a desk of the hybrid topology, by default the regional one."""
        configuration = self._changes.configuration(caller.tenant)
        return await self._changes.change(
            caller,
            lambda state: decide_refer(
                state,
                desk=desk,
                by=caller.by,
                now=self._changes.now(),
                configuration=configuration,
            ),
        )

    async def person(self, caller: Caller) -> TicketDocument:
        """Send a ticket of tier 0 to the desk behind."""
        configuration = self._changes.configuration(caller.tenant)
        return await self._changes.change(
            caller,
            lambda state: decide_person(
                state, by=caller.by, now=self._changes.now(), configuration=configuration
            ),
        )

    async def complete(self, caller: Caller, *, who: Who, article: str | None) -> TicketDocument:
        """Say that the requester, or automation, has done what was asked for."""
        configuration = self._changes.configuration(caller.tenant)
        return await self._changes.change(
            caller,
            lambda state: decide_complete(
                state,
                who=who,
                article=article,
                by=caller.by,
                now=self._changes.now(),
                configuration=configuration,
            ),
        )

    async def visit(self, caller: Caller) -> TicketDocument:
        """Give a ticket to the desk that visits its site."""
        configuration = self._changes.configuration(caller.tenant)
        return await self._changes.change(
            caller,
            lambda state: decide_visit(
                state, by=caller.by, now=self._changes.now(), configuration=configuration
            ),
        )
