"""Which requests can be told apart, and who may take each.

Two requests with the same candidates are the same to coverage. So places, services and channels
that every topology and every promise treats alike stand for one another, and only one of each
class is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import product
from typing import Any, Final, TypeVar, assert_never, get_args

from shared.coverage.conditions import Rulings
from shared.organisation import (
    UNROUTED,
    CallCentreMenu,
    CentralContactPoint,
    Centralized,
    Configuration,
    Hybrid,
    LocalContactPoint,
    Scope,
    SelfService,
    Topology,
    UnknownName,
    Virtual,
)
from shared.organisation.topologies.scope import ANY, list_takes
from shared.organisation.words import ChannelName

CHANNELS: Final[tuple[ChannelName, ...]] = get_args(ChannelName)
OTHER: Final = ANY
"""A service that no topology, no promise and no catalogue names."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request comes from; None is not known. A site's region is its own."""

    region: str | None = None
    site: str | None = None


@dataclass(frozen=True, slots=True)
class Candidates:
    """The desks that may take a request, in their order, and who does while they are closed.

    Those that stand in cover as the others do while they are open, but are no desks to hand over
    to or from: they make no overlap.
    """

    desks: tuple[str, ...]
    fallback: str | None = None
    """Who holds it while none is open."""
    stand_ins: tuple[str, ...] = ()
    """Who takes it while the desk is closed, in order."""
    queue: str | None = None
    """The queue of the only desk whose members alone take it; None: any agent of the desks."""
    holder: str | None = None
    """One of the desks which holds it while none is open, where that is not the first."""

    @property
    def held_by(self) -> str:
        """Who holds it while none is open."""
        return self.holder or self.fallback or self.desks[0]

    @property
    def every_desk(self) -> tuple[str, ...]:
        """The desks, and those that stand in for them."""
        others = self.stand_ins if self.fallback is None else (*self.stand_ins, self.fallback)
        return (*self.desks, *others)


@dataclass(frozen=True, slots=True)
class RequestScope:
    """Requests of each of the places, services and so on: all of them have one fate."""

    topology: str
    """``unrouted`` where none takes them."""
    places: tuple[Place, ...]
    services: tuple[str | None, ...]
    """None is a request without a service, ``*`` a service that nothing names."""
    channels: tuple[ChannelName, ...]
    businesses: tuple[str | None, ...] = (None, ANY)
    """As services are."""
    choices: tuple[str | None, ...] = ()
    """Of a telephone menu: the keys, None for no choice. Empty: the choice does not matter."""


@dataclass(frozen=True, slots=True)
class ScopeClass:
    """A scope, its candidates, and which promises it falls under, by their place in the file."""

    scope: RequestScope
    candidates: Candidates
    promises: frozenset[int]


def scope_classes(configuration: Configuration, rulings: Rulings) -> list[ScopeClass]:
    """Return the classes of requests; every request falls into one.

    Requests that a routing rule may tell apart by their scope are in different ones.
    """
    topologies = configuration.topologies.topologies
    promises = configuration.coverage.promises
    scopes: list[Scope] = [t.scope for t in topologies] + [p.scope for p in promises]
    letter = rulings.letter
    of_place = _place_fate(configuration, scopes, letter)
    places = _classes(_places(configuration), of_place)
    of_service, of_business = _service_fate(topologies, scopes), _business_fate(topologies, scopes)
    services = _classes(
        _services(configuration, scopes, rulings.named("service")),
        lambda s: (of_service(s), letter("service", s)),
    )
    businesses = _classes(
        _businesses(configuration), lambda b: (of_business(b), letter("business", b))
    )
    limited = {c for agent in configuration.all_agents() for c in agent.capacity_by_channel}
    channels = _classes(
        CHANNELS,
        lambda c: (
            tuple(list_takes(s.channels, c) for s in scopes),
            letter("channel", c),
            c if c in limited else None,
        ),
    )
    found = []
    for in_places, for_services, of_businesses, by_channels in product(
        places, services, businesses, channels
    ):
        place, service = in_places[0], for_services[0]
        business, channel = of_businesses[0], by_channels[0]
        topology = configuration.topology_for(
            region=place.region,
            site=place.site,
            service=service,
            channel=channel,
            business=business,
        )
        country = configuration.country_of(region=place.region, site=place.site)
        under = frozenset(
            number
            for number, promise in enumerate(promises)
            if promise.scope.takes(
                region=place.region,
                site=place.site,
                service=service,
                channel=channel,
                business=business,
                country=country,
            )
        )
        for choices, candidates in _fates(configuration, topology, place, service, business):
            scope = RequestScope(
                UNROUTED if topology is None else topology.name,
                tuple(in_places),
                tuple(for_services),
                tuple(by_channels),
                tuple(of_businesses),
                choices,
            )
            found.append(ScopeClass(scope, candidates, under))
    return found


def _fates(
    configuration: Configuration,
    topology: Topology | None,
    place: Place,
    service: str | None,
    business: str | None,
) -> Iterator[tuple[tuple[str | None, ...], Candidates]]:
    """Yield who may take requests, by what was chosen in a menu where there is one."""
    if topology is None:
        # A configuration that was checked has a fallback where a request may find no topology.
        yield (), Candidates((configuration.topologies.fallback or "",))
        return
    topology = configuration.behind(topology)
    if not isinstance(topology, CallCentreMenu):
        yield (), candidates_of(configuration, topology, place, service, business)
        return
    by_group: dict[str, list[str | None]] = {topology.default: [None]}
    for key, entry in topology.entries.items():
        by_group.setdefault(entry.group, []).append(key)
    for group, choices in by_group.items():
        yield tuple(choices), _of_group(configuration, group)


def candidates_of(
    configuration: Configuration,
    topology: Topology,
    place: Place,
    service: str | None = None,
    business: str | None = None,
) -> Candidates:
    """Return the desks that may take what comes from a place under a topology.

    Of a menu it is who takes it where nothing was chosen, of self-service who is behind it.
    """
    match behind := configuration.behind(topology):
        case Centralized(desk=desk, business_support=support):
            group = desk
            if support is not None and service in support.services:
                group = support.group or support.department or desk
            found = _of_group(configuration, group)
        case CentralContactPoint():
            to = behind.find(
                service=service, site=place.site, business=business, region=place.region
            )
            by_hand = behind.distribute == "by_hand"
            found = _of_group(configuration, behind.point if to is None or by_hand else to.name)
        case LocalContactPoint():
            desk = behind.desk_for(region=place.region, site=place.site, business=business)
            found = Candidates((desk,), stand_ins=behind.overflow.after(desk))
        case CallCentreMenu():
            found = _of_group(configuration, behind.default)
        case Virtual(desks=desks, fallback=fallback):
            if fallback in desks:
                found = Candidates(desks, holder=None if fallback == desks[0] else fallback)
            else:
                found = Candidates(desks, fallback)
        case Hybrid():
            found = Candidates((behind.centre,))
        case SelfService():
            raise UnknownName("topology behind", behind.name)
        case _:
            assert_never(behind)
    return found


def _of_group(configuration: Configuration, group: str) -> Candidates:
    desk, queue = configuration.group(group)
    return Candidates((desk.name,), queue=queue.name if queue is not None else None)


def _places(configuration: Configuration) -> list[Place]:
    organisation = configuration.organisation
    return [
        Place(),
        *(Place(region.name) for region in organisation.regions),
        *(Place(site.region, site.name) for site in organisation.sites),
    ]


def _services(
    configuration: Configuration, scopes: Iterable[Scope], in_rules: Iterable[str]
) -> list[str | None]:
    named = [service.name for service in configuration.catalogue.services]
    named += [name for scope in scopes for name in scope.services if name != ANY]
    for topology in configuration.topologies.topologies:
        named += [r.name for r in topology.references() if r.kind == "service"]
    named += in_rules
    return [None, *dict.fromkeys(named), OTHER]


def _businesses(configuration: Configuration) -> list[str | None]:
    return [None, *(business.name for business in configuration.organisation.businesses), OTHER]


def _place_fate(
    configuration: Configuration,
    scopes: Iterable[Scope],
    letter: Callable[[str, str | None], Hashable],
) -> Callable[[Place], Hashable]:
    """Return what tells on what of a place anything depends."""
    parts = list(scopes)
    tables = [
        table
        for table in configuration.topologies.topologies
        if isinstance(table, CentralContactPoint | LocalContactPoint)
    ]

    def fate(place: Place) -> Hashable:
        region, site = place.region, place.site
        country = configuration.country_of(region=region, site=site)
        return (
            tuple(p.takes_place(region=region, site=site, country=country) for p in parts),
            # Businesses are asked between the two, and looked at by themselves.
            tuple((t.by_site.get(site or ""), t.by_region.get(region or "")) for t in tables),
            (letter("region", region), letter("site", site), letter("country", country)),
        )

    return fate


def _service_fate(
    topologies: Iterable[Topology], scopes: Iterable[Scope]
) -> Callable[[str | None], Hashable]:
    parts = list(scopes)
    points = [t.by_service for t in topologies if isinstance(t, CentralContactPoint)]
    support = [
        t.business_support.services
        for t in topologies
        if isinstance(t, Centralized) and t.business_support is not None
    ]
    return lambda service: (
        tuple(list_takes(part.services, service) for part in parts),
        tuple(table.get(service or "") for table in points),
        tuple(service in services for services in support),
    )


def _business_fate(
    topologies: Iterable[Topology], scopes: Iterable[Scope]
) -> Callable[[str | None], Hashable]:
    parts = list(scopes)
    tables = [
        t.by_business for t in topologies if isinstance(t, CentralContactPoint | LocalContactPoint)
    ]
    return lambda business: (
        tuple(list_takes(part.businesses, business) for part in parts),
        tuple(table.get(business or "") for table in tables),
    )


Value = TypeVar("Value")


def _classes(values: Iterable[Value], fate: Callable[[Value], Hashable]) -> list[list[Value]]:
    found: dict[Hashable, list[Value]] = {}
    for value in values:
        found.setdefault(fate(value), []).append(value)
    return list(found.values())


def merged(scopes: Iterable[RequestScope]) -> tuple[RequestScope, ...]:
    """Return the same requests in fewer scopes: first by channel, then by service, by place."""
    found = list(scopes)
    for field in ("choices", "channels", "services", "businesses", "places"):
        found = [_join(group, field) for group in _classes(found, _without(field))]
    return tuple(found)


def _without(field: str) -> Callable[[RequestScope], Hashable]:
    others = [other.name for other in fields(RequestScope) if other.name != field]
    return lambda scope: tuple(getattr(scope, other) for other in others)


def _join(scopes: Sequence[RequestScope], field: str) -> RequestScope:
    """Return scopes that differ in one field as one."""
    values = dict.fromkeys(value for scope in scopes for value in getattr(scope, field))
    ordered = sorted(values, key=CHANNELS.index) if field == "channels" else values
    joined: dict[str, Any] = {field: tuple(ordered)}
    return replace(scopes[0], **joined)
