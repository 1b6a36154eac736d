"""Questions about places, groups and topologies, by name and by the facts of a ticket."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from shared.kernel import HeliodeskError
from shared.organisation.topologies import SelfService

if TYPE_CHECKING:
    from shared.organisation.places import (
        Business,
        Desk,
        DesksSection,
        OrganisationSection,
        Queue,
        Region,
        Site,
    )
    from shared.organisation.suppliers import Supplier, SuppliersSection
    from shared.organisation.topologies import TopologiesSection, Topology


class UnknownName(HeliodeskError, LookupError):
    """A configuration has no item of such a name."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"the configuration has no {kind} {name!r}")
        self.kind = kind
        self.name = name


class Group(NamedTuple):
    """Whom work is given to: a desk, or one of its queues; without one it is the desk's own."""

    desk: Desk
    queue: Queue | None


class Places:
    """The part of `Configuration` that knows places, groups and topologies."""

    organisation: OrganisationSection
    desks: DesksSection
    suppliers: SuppliersSection
    topologies: TopologiesSection

    def desk(self, name: str) -> Desk:
        """Return a desk; raise UnknownName."""
        return found("desk", name, self._desks)

    def site(self, name: str) -> Site:
        """Return a site; raise UnknownName."""
        return found("site", name, self._sites)

    def business(self, name: str) -> Business:
        """Return a part of the company or a customer organisation; raise UnknownName."""
        return found("business", name, self._businesses)

    def supplier(self, name: str) -> Supplier:
        """Return a supplier; raise UnknownName."""
        return found("supplier", name, self._suppliers)

    def queue(self, name: str) -> Queue:
        """Return a queue; a desk's own is none of these. Raise UnknownName."""
        return found("queue", name, self._queues)

    def group(self, name: str) -> Group:
        """Return the desk of a group, and its queue where the group is one; raise UnknownName."""
        queue = self._queues.get(name)
        if queue is not None:
            return Group(self.desk(queue.desk), queue)
        return Group(found("desk or queue", name, self._desks), None)

    def queues_of(self, desk: str) -> tuple[Queue, ...]:
        """Return the queues that a desk has beside its own, in the order of the file."""
        return tuple(queue for queue in self.desks.queues if queue.desk == desk)

    def region_of(self, *, region: str | None, site: str | None) -> str | None:
        """Return the region of a ticket: its own, or else that of its site."""
        if region is not None or site is None:
            return region
        known = self._sites.get(site)
        return known.region if known else None

    def country_of(self, *, region: str | None, site: str | None) -> str | None:
        """Return the country of a ticket: that of its site, or else that of its region."""
        known = self._sites.get(site) if site is not None else None
        if known is not None and known.country is not None:
            return known.country
        name = self.region_of(region=region, site=site)
        found = self._regions.get(name) if name is not None else None
        return found.country if found else None

    def topology_for(
        self,
        *,
        region: str | None,
        site: str | None,
        service: str | None,
        channel: str | None,
        business: str | None = None,
    ) -> Topology | None:
        """Return the first topology whose scope takes a ticket with these facts.

        The region of the site counts where the region is not known. None: no topology takes it,
        and it is the fallback desk's.
        """
        country = self.country_of(region=region, site=site)
        region = self.region_of(region=region, site=site)
        for topology in self.topologies.topologies:
            if topology.scope.takes(
                region=region,
                site=site,
                service=service,
                channel=channel,
                business=business,
                country=country,
            ):
                return topology
        return None

    def topology(self, name: str) -> Topology:
        """Return a topology; raise UnknownName."""
        return found("topology", name, self._topologies)

    def behind(self, topology: Topology) -> Topology:
        """Return the topology at which people are found: of self-service the one behind it.

        Raises:
            UnknownName: there is none, or the way to it is circular.
        """
        seen = {topology.name}
        while isinstance(topology, SelfService):
            topology = self.topology(topology.behind)
            if topology.name in seen:
                raise UnknownName("topology other than self-service behind", topology.name)
            seen.add(topology.name)
        return topology

    @cached_property
    def _desks(self) -> dict[str, Desk]:
        return {desk.name: desk for desk in self.desks.desks}

    @cached_property
    def _sites(self) -> dict[str, Site]:
        return {site.name: site for site in self.organisation.sites}

    @cached_property
    def _regions(self) -> dict[str, Region]:
        return {region.name: region for region in self.organisation.regions}

    @cached_property
    def _businesses(self) -> dict[str, Business]:
        return {business.name: business for business in self.organisation.businesses}

    @cached_property
    def _suppliers(self) -> dict[str, Supplier]:
        return {supplier.name: supplier for supplier in self.suppliers.suppliers}

    @cached_property
    def _queues(self) -> dict[str, Queue]:
        return {queue.name: queue for queue in self.desks.queues}

    @cached_property
    def _topologies(self) -> dict[str, Topology]:
        return {topology.name: topology for topology in self.topologies.topologies}


_Item = TypeVar("_Item")


def found(kind: str, name: str, known: Mapping[str, _Item]) -> _Item:
    """Return what has a name; raise UnknownName."""
    try:
        return known[name]
    except KeyError:
        raise UnknownName(kind, name) from None
