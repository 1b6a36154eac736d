"""Referring a requester to the desk that is their contact from then on.

In a hybrid topology the centre is the first contact. It refers the requester to the regional
desk, which gets the ticket and becomes its contact: a follow-up or a reopening goes there, and
not to the centre. It is no change of tier, and an escalated ticket stays one.

What the requester asks for later, in a new request, begins at the centre again: a referral is of
a ticket and not of a person. The centre sees everything that is new, knows who is where today,
and refers again with one command.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.routing.domain.commands import required
from services.routing.domain.desks import first_opening, redirected, topology_of
from services.routing.domain.moves import queued
from services.routing.domain.progress import counted
from services.routing.domain.tickets import OVER, TicketState
from shared.contracts.envelope import Body
from shared.contracts.facts import TicketFacts
from shared.contracts.routing import QueueReason, TicketReferred
from shared.kernel import CommandRejected
from shared.organisation import Configuration, Desk, Hybrid


def decide_refer(
    state: TicketState | None,
    *,
    desk: str | None,
    by: str,
    now: datetime,
    configuration: Configuration,
) -> Sequence[Body]:
    """Refer the requester to a desk, which gets the ticket; again to the same changes nothing.

    Args:
        state: of the ticket.
        desk: one that the topology names; None: the one that its tables say.
        by: who refers.
        now: the instant.
        configuration: in force.

    Raises:
        CommandRejected: ``not-hybrid``, ``not-of-topology``, ``no-regional-desk``, or the ticket
            is over.
    """
    known, facts, status = required(state)
    if status in OVER:
        raise CommandRejected(
            "wrong-status", f"{known.number} is {status}: it cannot be referred now"
        )
    topology = _hybrid(configuration, facts, known.number)
    target = _target(configuration, topology, facts, desk)
    if known.contact_desk == target.name and known.desk == target.name:
        return []
    rule = f"{by} referred the requester to {target.name}, which is the contact from now on"
    referred = TicketReferred(
        facts=facts,
        status=status,
        desk=known.desk,
        tier=known.tier,
        agent=known.agent,
        by=by,
        from_desk=known.desk,
        to_desk=target.name,
    )
    moved = queued(
        facts,
        target,
        QueueReason.REFERRED,
        redirected(known.queued_because, rule, target.name),
        opens_at=first_opening(configuration, [target.name], now),
        released=known.holder,
        by=by,
    )
    return [referred, counted(known, moved.model_copy(update={"tier": max(known.tier, 1)}))]


def _hybrid(configuration: Configuration, facts: TicketFacts, number: str) -> Hybrid:
    topology = topology_of(configuration, facts)
    if topology is not None:
        topology = configuration.behind(topology)
    if not isinstance(topology, Hybrid):
        where = "no topology takes it"
        if topology is not None:
            shape = topology.shape.replace("_", "-")
            where = f"it goes by the topology {topology.name} ({shape})"
        raise CommandRejected(
            "not-hybrid",
            f"{number} cannot be referred: {where}, and only a hybrid one refers; "
            "transfer it instead",
        )
    return topology


def _target(
    configuration: Configuration, topology: Hybrid, facts: TicketFacts, name: str | None
) -> Desk:
    if name is not None:
        if name not in topology.group_names:
            raise CommandRejected(
                "not-of-topology",
                f"{topology.name} does not name the desk {name[:80]!r}",
                field="desk",
                status=422,
            )
        return configuration.desk(name)
    region = configuration.region_of(region=facts.region, site=facts.site)
    found = topology.desk_for(region=region, site=facts.site, business=facts.business)
    if found == topology.centre:
        raise CommandRejected(
            "no-regional-desk",
            f"no table of {topology.name} has a desk for this ticket: name one",
            field="desk",
            status=422,
        )
    return configuration.desk(found)
