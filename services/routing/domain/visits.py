"""What has to be done on site becomes the desk's whose people go there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from services.routing.domain.commands import required
from services.routing.domain.desks import first_opening, redirected, topology_of
from services.routing.domain.moves import queued
from services.routing.domain.progress import counted
from services.routing.domain.tickets import OVER, TicketState
from shared.contracts.envelope import Body
from shared.contracts.routing import QueueReason, Status
from shared.kernel import CommandRejected
from shared.organisation import Configuration, Topology, Virtual

VISIT: Final = "visit"
"""Note of the event, and shape of its explanation: who goes somewhere hands it to no open desk
at the end of the day, as the rest of a virtual desk's work is handed on."""


def decide_visit(
    state: TicketState | None, *, by: str, now: datetime, configuration: Configuration
) -> Sequence[Body]:
    """Give a ticket to the desk that visits its site; again changes nothing while it waits there.

    What waits there anyway is a visit from then on, which that desk hands to nobody.

    Raises:
        CommandRejected: ``site-unknown``, ``no-visits``, or the ticket is over.
    """
    known, facts, status = required(state)
    if status in OVER:
        raise CommandRejected(
            "wrong-status", f"{known.number} is {status}: nobody can be sent for it now"
        )
    topology = topology_of(configuration, facts)
    if topology is not None:
        topology = configuration.behind(topology)
    site = facts.site
    if site is None:
        raise CommandRejected("site-unknown", f"{known.number} names no site to go to")
    name = topology.visits.by_site.get(site) if isinstance(topology, Virtual) else None
    if name is None:
        raise CommandRejected("no-visits", f"{_nobody(topology, site)}; transfer it instead")
    if status is Status.QUEUED and known.desk == name and known.shape == VISIT:
        return []
    rule = f"{by} asked for a visit: {name} goes to {site}"
    moved = queued(
        facts,
        configuration.desk(name),
        QueueReason.TRANSFER,
        redirected(known.queued_because, rule, name).model_copy(update={"shape": VISIT}),
        opens_at=first_opening(configuration, [name], now),
        released=known.holder,
        by=by,
        note=VISIT,
    )
    return [counted(known, moved)]


def _nobody(topology: Topology | None, site: str) -> str:
    """Return why nobody goes to a site."""
    if topology is None:
        return f"nobody is sent to {site}: no topology takes the ticket"
    if isinstance(topology, Virtual):
        return (
            f"nobody is sent to {site}: the visits of the topology {topology.name} do not name it"
        )
    shape = topology.shape.replace("_", "-")
    return f"nobody is sent to {site}: the topology {topology.name} ({shape}) makes no visits"
