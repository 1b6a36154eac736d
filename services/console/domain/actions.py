"""What an agent may do with a ticket as it stands. Routing decides; this only spares clicks."""

from __future__ import annotations

from enum import StrEnum

from services.console.domain.tickets import Ticket
from shared.contracts.routing import Status

RESOLUTIONS = ("solved", "workaround", "fulfilled", "no-fault", "duplicate", "withdrawn")
"""Codes that the page offers; the first is the usual one."""

PEND_REASONS = ("customer", "supplier", "change", "until")


class Verb(StrEnum):
    """Commands of agents, named as routing's HTTP does."""

    ACCEPT = "accept"
    ASSIGN = "assign"
    TRANSFER = "transfer"
    PEND = "pend"
    RESUME = "resume"
    RESOLVE = "resolve"
    REOPEN = "reopen"
    CLOSE = "close"
    PERSON = "person"


def offered(ticket: Ticket, *, me: str) -> tuple[Verb, ...]:
    """Return the commands to offer to an agent, the likeliest first."""
    mine = ticket.routing.agent == me
    take: tuple[Verb, ...] = () if mine else (Verb.ASSIGN,)
    match ticket.routing.status:
        case Status.QUEUED:
            # At tier 0 nobody can take it before it is sent to a person.
            first = (Verb.ACCEPT, Verb.ASSIGN) if ticket.routing.tier else (Verb.PERSON,)
            return (*first, Verb.TRANSFER, Verb.RESOLVE)
        case Status.ASSIGNED:
            begin = (Verb.ACCEPT,) if mine else take
            return (*begin, Verb.TRANSFER, Verb.PEND, Verb.RESOLVE)
        case Status.ACCEPTED:
            return (Verb.RESOLVE, *take, Verb.PEND, Verb.TRANSFER)
        case Status.PENDING:
            return (Verb.RESUME, Verb.RESOLVE, *take, Verb.TRANSFER)
        case Status.RESOLVED:
            return (Verb.CLOSE, Verb.REOPEN)
        case Status.CLOSED | Status.UNKNOWN | None:
            return ()
