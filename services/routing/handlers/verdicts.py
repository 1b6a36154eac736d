"""What a requester says of a resolution by the link of a mail: no account, only the signature."""

from __future__ import annotations

from services.routing.domain.tickets import TicketState
from services.routing.handlers.changing import Caller
from services.routing.handlers.commands import TicketCommands
from services.routing.ports import TicketDocument, Tickets
from shared.contracts.internal import VerdictAnswer, VerdictState
from shared.contracts.routing import Said, Status
from shared.kernel import CommandRejected
from shared.verdicts import Verdict, VerdictSigner

CONTACT = "contact"


class Verdicts:
    """Reads links, and does what they say where that can be done still."""

    def __init__(
        self, *, signer: VerdictSigner, tickets: Tickets, commands: TicketCommands
    ) -> None:
        self._signer = signer
        self._tickets = tickets
        self._commands = commands

    async def look(self, tenant: str, token: str) -> VerdictAnswer:
        """Return what a link says and whether it can be done; change nothing."""
        verdict, document = await self._read(tenant, token)
        if verdict is None or document is None:
            return VerdictAnswer(state=VerdictState.INVALID)
        return _answer(verdict, standing(document.state, verdict))

    async def give(self, tenant: str, token: str) -> VerdictAnswer:
        """Do what a link says; done twice it changes nothing more.

        Raises:
            CommandRejected: ``parked``: the ticket waits for an operator.
            Infrastructure: it may or may not have been done.
        """
        verdict, document = await self._read(tenant, token)
        if verdict is None or document is None:
            return VerdictAnswer(state=VerdictState.INVALID)
        state = standing(document.state, verdict)
        if state is not VerdictState.OPEN:
            return _answer(verdict, state)
        caller = Caller(tenant=tenant, ticket=document.id, by=CONTACT)
        try:
            await self._commands.confirm(
                caller,
                satisfied=verdict.satisfied,
                said=Said.LINK,
                resolution=verdict.resolution,
            )
        except CommandRejected:
            # Somebody was faster: say how it stands now, unless nothing has changed.
            _, now = await self._read(tenant, token)
            state = standing(now.state if now else None, verdict)
            if state is VerdictState.OPEN:
                raise
            return _answer(verdict, state)
        return _answer(verdict, VerdictState.TAKEN)

    async def _read(self, tenant: str, token: str) -> tuple[Verdict | None, TicketDocument | None]:
        verdict = self._signer.read(token, tenant=tenant)
        if verdict is None:
            return None, None
        return verdict, await self._tickets.by_number(tenant, verdict.number)


def standing(state: TicketState | None, verdict: Verdict) -> VerdictState:
    """Return whether an answer can be given to a ticket as it stands."""
    if state is None or state.status is None:
        return VerdictState.INVALID
    if verdict.resolution != state.resolution:
        return VerdictState.EARLIER
    match state.status:
        case Status.RESOLVED:
            return VerdictState.OPEN
        case Status.CLOSED:
            return VerdictState.TAKEN if verdict.satisfied else VerdictState.CLOSED
        case _:
            return VerdictState.REOPENED if verdict.satisfied else VerdictState.TAKEN


def _answer(verdict: Verdict, state: VerdictState) -> VerdictAnswer:
    return VerdictAnswer(state=state, number=verdict.number, satisfied=verdict.satisfied)
