"""What an agent may do with a ticket as it stands. Routing decides; this only spares clicks."""

from __future__ import annotations

from enum import StrEnum

from services.console.domain.tickets import Ticket
from services.console.domain.ways import Ways
from shared.contracts.routing import Status

RESOLVERS = ("desk", "senior", "on-site", "supplier", "expert")
"""Whom an agent may name as the one who solved it; else routing derives it."""

PEND_REASONS = ("customer", "supplier", "change", "until")


class Verb(StrEnum):
    """Commands of agents, named as routing's HTTP does."""

    ACCEPT = "accept"
    REJECT = "reject"
    START = "start"
    ASSIGN = "assign"
    TRANSFER = "transfer"
    PEND = "pend"
    RESUME = "resume"
    RESOLVE = "resolve"
    ESCALATE = "escalate"
    CONFIRM = "confirm"
    REOPEN = "reopen"
    CLOSE = "close"
    PERSON = "person"
    REFER = "refer"
    VISIT = "visit"


def offered(ticket: Ticket, *, me: str, ways: Ways | None = None) -> tuple[Verb, ...]:
    """Return the commands to offer to an agent, the likeliest first.

    Args:
        ticket: as it stands.
        me: the agent.
        ways: to whom its topology can bring its requester; None: to nobody.
    """
    mine = ticket.routing.agent == me
    take: tuple[Verb, ...] = () if mine else (Verb.ASSIGN,)
    verbs: tuple[Verb, ...] = ()
    match ticket.routing.status:
        case Status.QUEUED:
            # At tier 0 nobody can take it before it is sent to a person.
            first = (Verb.ACCEPT, Verb.ASSIGN) if ticket.routing.tier else (Verb.PERSON,)
            verbs = (*first, Verb.TRANSFER, Verb.RESOLVE, Verb.ESCALATE)
        case Status.OFFERED:
            asked = (Verb.ACCEPT, Verb.REJECT)
            verbs = asked if mine else (*take, Verb.TRANSFER, Verb.RESOLVE, Verb.ESCALATE)
        case Status.ASSIGNED:
            begin = (Verb.ACCEPT, Verb.START) if mine else take
            verbs = (*begin, Verb.TRANSFER, Verb.PEND, Verb.RESOLVE, Verb.ESCALATE)
        case Status.ACCEPTED:
            begin = (Verb.START,) if mine else take
            verbs = (*begin, Verb.RESOLVE, Verb.PEND, Verb.TRANSFER, Verb.ESCALATE)
        case Status.IN_PROGRESS:
            verbs = (Verb.RESOLVE, *take, Verb.PEND, Verb.TRANSFER, Verb.ESCALATE)
        case Status.PENDING:
            verbs = (Verb.RESUME, Verb.RESOLVE, *take, Verb.TRANSFER, Verb.ESCALATE)
        case Status.RESOLVED:
            verbs = (Verb.CONFIRM, Verb.REOPEN, Verb.CLOSE)
        case _:
            pass
    return (*verbs, *_brought(ticket, ways or Ways())) if Verb.TRANSFER in verbs else verbs


def _brought(ticket: Ticket, ways: Ways) -> tuple[Verb, ...]:
    """Return the commands that bring the requester to somebody who is not there yet."""
    routing = ticket.routing
    there = routing.status is Status.QUEUED and routing.desk == ways.visit
    refer = (Verb.REFER,) if ways.refer else ()
    return (*refer, Verb.VISIT) if ways.visit and not there else refer
