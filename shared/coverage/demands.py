"""Which requests can be told apart, and who may take each.

Two requests with the same candidates are the same to coverage. So places, services and channels
that every topology and every promise treats alike stand for one another, and only one of each
class is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar, assert_never, get_args

from shared.organisation import (
    Centralized,
    Configuration,
    FollowTheSun,
    Local,
    Promise,
    Scope,
    Topology,
)
from shared.organisation.topologies import ANY
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
    """The desks that may take a request, in their order, and who holds it while none is open.

    The fallback covers as the others do while it is open, but is no desk to hand over to or
    from: it does not make an overlap.
    """

    desks: tuple[str, ...]
    fallback: str | None = None

    @property
    def every_desk(self) -> tuple[str, ...]:
        """The desks and the fallback."""
        return self.desks if self.fallback is None else (*self.desks, self.fallback)


@dataclass(frozen=True, slots=True)
class RequestScope:
    """Requests of each of the places, services and channels: all of them have one fate."""

    topology: str
    places: tuple[Place, ...]
    services: tuple[str | None, ...]
    """None is a request without a service, ``*`` a service that nothing names."""
    channels: tuple[ChannelName, ...]


@dataclass(frozen=True, slots=True)
class ScopeClass:
    """A scope, its candidates, and which promises it falls under, by their place in the file."""

    scope: RequestScope
    candidates: Candidates
    promises: frozenset[int]


def scope_classes(configuration: Configuration) -> list[ScopeClass]:
    """Return the classes of requests; every request falls into one."""
    topologies = configuration.topologies.topologies
    promises = configuration.coverage.promises
    scopes: list[Scope] = [t.scope for t in topologies] + [p.scope for p in promises]
    of_services = [Scope(services=scope.services) for scope in scopes]
    of_channels = [Scope(channels=scope.channels) for scope in scopes]
    places = _classes(_places(configuration), _place_fate(configuration, scopes))
    services = _classes(
        _services(configuration, scopes),
        lambda service: tuple(
            part.takes(region=None, site=None, service=service, channel=None)
            for part in of_services
        ),
    )
    channels = _classes(
        CHANNELS,
        lambda channel: tuple(
            part.takes(region=None, site=None, service=None, channel=channel)
            for part in of_channels
        ),
    )
    found = []
    for in_places in places:
        for for_services in services:
            for by_channels in channels:
                place, service, channel = in_places[0], for_services[0], by_channels[0]
                topology = configuration.topology_for(
                    region=place.region, site=place.site, service=service, channel=channel
                )
                scope = RequestScope(
                    topology.name, tuple(in_places), tuple(for_services), tuple(by_channels)
                )
                under = frozenset(
                    number
                    for number, promise in enumerate(promises)
                    if _promised(promise, place, service, channel)
                )
                found.append(ScopeClass(scope, candidates_of(topology, place), under))
    return found


def candidates_of(topology: Topology, place: Place) -> Candidates:
    """Return the desks that may take what comes from a place under a topology."""
    match topology:
        case Centralized():
            return Candidates((topology.desk,))
        case Local():
            return Candidates((topology.desk_for(region=place.region, site=place.site),))
        case FollowTheSun():
            desks, fallback = topology.desks, topology.fallback
            return Candidates(desks, None if fallback in desks else fallback)
    assert_never(topology)


def _places(configuration: Configuration) -> list[Place]:
    organisation = configuration.organisation
    return [
        Place(),
        *(Place(region.name) for region in organisation.regions),
        *(Place(site.region, site.name) for site in organisation.sites),
    ]


def _services(configuration: Configuration, scopes: Iterable[Scope]) -> list[str | None]:
    named = [service.name for service in configuration.catalogue.services]
    named += [name for scope in scopes for name in scope.services if name != ANY]
    return [None, *dict.fromkeys(named), OTHER]


def _place_fate(
    configuration: Configuration, scopes: Iterable[Scope]
) -> Callable[[Place], Hashable]:
    """Return what tells on what of a place anything depends."""
    parts = [Scope(regions=scope.regions, sites=scope.sites) for scope in scopes]
    tables = [t for t in configuration.topologies.topologies if isinstance(t, Local)]

    def fate(place: Place) -> Hashable:
        region, site = place.region, place.site
        return (
            tuple(p.takes(region=region, site=site, service=None, channel=None) for p in parts),
            tuple(table.desk_for(region=region, site=site) for table in tables),
        )

    return fate


def _promised(promise: Promise, place: Place, service: str | None, channel: ChannelName) -> bool:
    return promise.scope.takes(
        region=place.region, site=place.site, service=service, channel=channel
    )


Value = TypeVar("Value")


def _classes(values: Iterable[Value], fate: Callable[[Value], Hashable]) -> list[list[Value]]:
    found: dict[Hashable, list[Value]] = {}
    for value in values:
        found.setdefault(fate(value), []).append(value)
    return list(found.values())


def merged(scopes: Iterable[RequestScope]) -> tuple[RequestScope, ...]:
    """Return the same requests in fewer scopes: first by channel, then by service, then by place."""
    found = list(scopes)
    found = _joined(
        found,
        lambda s: (s.topology, s.places, s.services),
        lambda t: RequestScope(
            t[0].topology,
            t[0].places,
            t[0].services,
            tuple(sorted({c for s in t for c in s.channels}, key=CHANNELS.index)),
        ),
    )
    found = _joined(
        found,
        lambda s: (s.topology, s.places, s.channels),
        lambda t: RequestScope(
            t[0].topology,
            t[0].places,
            tuple(dict.fromkeys(name for s in t for name in s.services)),
            t[0].channels,
        ),
    )
    found = _joined(
        found,
        lambda s: (s.topology, s.services, s.channels),
        lambda t: RequestScope(
            t[0].topology,
            tuple(dict.fromkeys(place for s in t for place in s.places)),
            t[0].services,
            t[0].channels,
        ),
    )
    return tuple(found)


def _joined(
    scopes: Iterable[RequestScope],
    alike: Callable[[RequestScope], Hashable],
    join: Callable[[Sequence[RequestScope]], RequestScope],
) -> list[RequestScope]:
    return [join(group) for group in _classes(scopes, alike)]
