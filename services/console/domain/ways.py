"""To whom a ticket's topology can bring its requester: the desks of a referral, and of a visit."""

from __future__ import annotations

from dataclasses import dataclass

from shared.contracts.facts import TicketFacts
from shared.organisation import Configuration, Hybrid, UnknownName, Virtual


@dataclass(frozen=True, slots=True)
class Ways:
    """What is possible by the configuration in force."""

    refer: tuple[str, ...] = ()
    """Desks of a hybrid topology, but for the centre and the one that has it; none elsewhere."""
    refer_to: str | None = None
    """The one of them that the topology's tables say; None: an agent has to choose."""
    visit: str | None = None
    """The desk whose people go to the ticket's site."""


def ways_of(
    configuration: Configuration | None, facts: TicketFacts | None, *, referred: str | None = None
) -> Ways:
    """Return to whom a ticket with these facts can be referred, and who visits its site.

    ``referred`` is the desk that has it because its requester was referred there.
    """
    if configuration is None or facts is None:
        return Ways()
    topology = configuration.topology_for(
        region=facts.region,
        site=facts.site,
        service=facts.service,
        channel=facts.channel,
        business=facts.business,
    )
    try:
        topology = configuration.behind(topology) if topology is not None else None
    except UnknownName:
        return Ways()
    if isinstance(topology, Hybrid):
        refer = tuple(n for n in topology.group_names if n not in {topology.centre, referred})
        region = configuration.region_of(region=facts.region, site=facts.site)
        found = topology.desk_for(region=region, site=facts.site, business=facts.business)
        return Ways(refer=refer, refer_to=found if found in refer else None)
    if isinstance(topology, Virtual) and facts.site is not None:
        return Ways(visit=topology.visits.by_site.get(facts.site))
    return Ways()
