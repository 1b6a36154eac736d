"""What routing says of tickets, for the tests of conversations."""

from __future__ import annotations

from typing import Any

from shared.contracts.envelope import Body, numbered
from shared.contracts.routing import FollowupRequested, Status, TicketClosed, TicketResolved
from shared.contracts.topics import TICKETS
from shared.streams import Record
from tests.support.intake import TENANT, Intake

_SEQUENCES = "test sequences"


async def told(
    intake: Intake, ticket: str, body: type[Body], *, times: int = 1, **fields: Any
) -> None:
    """Let routing say something of a ticket; it may be delivered several times."""
    facts = next(d.state.facts for d in intake.tickets() if d.id == ticket and d.state)
    row = intake.data.collection(_SEQUENCES).setdefault(ticket, {"n": 0})
    row["n"] += 1
    made = body.model_validate({"facts": facts, "desk": "london", **fields})
    event = numbered(
        source="/routing/ticket",
        subject=ticket,
        sequence=row["n"],
        time=intake.clock.now(),
        tenant=TENANT,
        configversion=1,
        body=made,
    ).encoded()
    record = Record(
        topic=TICKETS.name,
        partition=0,
        offset=row["n"],
        key=event.key,
        value=event.body,
        headers=event.headers(),
    )
    for _ in range(times):
        await intake.told([record])


async def closed(intake: Intake, ticket: str, *, desk: str = "london") -> None:
    """Let routing close a ticket."""
    await told(intake, ticket, TicketClosed, status=Status.CLOSED, reason="solved", desk=desk)


async def resolved(intake: Intake, ticket: str, *, times: int = 1) -> None:
    """Let routing resolve a ticket, and its event be delivered several times."""
    await told(intake, ticket, TicketResolved, times=times, status=Status.RESOLVED)


async def followed_up(
    intake: Intake, ticket: str, *, message: str, refused: bool = False, times: int = 1
) -> None:
    """Let routing ask for a follow-up of a closed ticket, or refuse it."""
    fields = {"message": message, "refused": refused, "status": Status.CLOSED}
    await told(intake, ticket, FollowupRequested, times=times, **fields)
