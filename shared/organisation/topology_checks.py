"""What is wrong with the topologies as part of their configuration."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from shared.organisation.problems import Path, unknown_name
from shared.organisation.topologies import (
    ANY,
    UNROUTED,
    BusinessSupport,
    CentralContactPoint,
    Centralized,
    LocalContactPoint,
    Scope,
    SelfService,
    Topology,
)

if TYPE_CHECKING:
    from shared.organisation.configuration import Configuration

Fault = tuple[Path, str]
"""Where in the section, and why."""

_SCOPE_KINDS: Final[Mapping[str, str]] = {
    "regions": "region",
    "sites": "site",
    "countries": "country",
    "businesses": "business",
    "services": "service",
}


def places_of(configuration: Configuration) -> list[tuple[str | None, str | None, str | None]]:
    """Return region, site and country of every place that a ticket may come from.

    A site's region is its own. The first place is the one that nobody knows.
    """
    organisation = configuration.organisation
    found: list[tuple[str | None, str | None]] = [(None, None)]
    found += [(region.name, None) for region in organisation.regions]
    found += [(site.region, site.name) for site in organisation.sites]
    return [(r, s, configuration.country_of(region=r, site=s)) for r, s in found]


def scope_names(configuration: Configuration) -> dict[str, frozenset[str]]:
    """Return field of a scope to the names that it may hold; without the field any may stand."""
    organisation = configuration.organisation
    known = {
        "regions": {region.name for region in organisation.regions},
        "sites": {site.name for site in organisation.sites},
        "countries": {c for _, _, c in places_of(configuration) if c is not None},
        "businesses": {business.name for business in organisation.businesses},
    }
    if configuration.catalogue.services:
        known["services"] = {service.name for service in configuration.catalogue.services}
    return {field: frozenset(names) for field, names in known.items()}


def scope_faults(at: Path, scope: Scope, known: Mapping[str, frozenset[str]]) -> Iterator[Fault]:
    """Yield each name of a scope that there is not."""
    for field, names in known.items():
        for number, name in enumerate(getattr(scope, field)):
            reason = unknown_name(_SCOPE_KINDS[field], name, names | {ANY})
            if reason is not None:
                if field == "countries":
                    reason += ": no site and no region is in it"
                yield (*at, field, number), reason


def topology_faults(configuration: Configuration) -> Iterator[Fault]:
    """Yield path and reason of each fault, the path from the top of the section."""
    section = configuration.topologies
    topologies = section.topologies
    known = scope_names(configuration)
    desks = frozenset(desk.name for desk in configuration.desks.desks)
    named = _Named(
        {
            "desk": desks,
            "group": desks | {queue.name for queue in configuration.desks.queues},
            "site": known["sites"],
            "region": known["regions"],
            "business": known["businesses"],
            "topology": frozenset(topology.name for topology in topologies),
        }
        | ({"service": known["services"]} if "services" in known else {})
    )
    yield from _everything_comes_to_somebody(configuration, desks)
    seen: set[str] = set()
    scopes_are_right = True
    for index, topology in enumerate(topologies):
        at: Path = ("topologies", index)
        if topology.name in seen:
            yield (*at, "name"), f"a second topology is named {topology.name!r}"
        seen.add(topology.name)
        if topology.name == UNROUTED:
            yield (*at, "name"), f"{UNROUTED!r} means that no topology took it; take another name"
        faults = list(scope_faults((*at, "scope"), topology.scope, known))
        yield from faults
        scopes_are_right = scopes_are_right and not faults
        for path, kind, name in topology.references():
            yield from named.check((*at, *path), kind, name)
        yield from _inside(configuration, at, topology, desks)
    yield from _circular(topologies)
    if scopes_are_right:
        yield from _overlaps(configuration)


class _Named:
    """What there is to refer to, by kind; of a kind that is not in it any name will do."""

    _WORDS: Final[Mapping[str, str]] = {"group": "desk or queue"}

    def __init__(self, known: Mapping[str, Collection[str]]) -> None:
        self._known = known

    def check(self, at: Path, kind: str, name: str) -> Iterator[Fault]:
        """Yield why a reference is wrong."""
        if kind in self._known:
            reason = unknown_name(self._WORDS.get(kind, kind), name, self._known[kind])
            if reason is not None:
                yield at, reason


def _everything_comes_to_somebody(
    configuration: Configuration, desks: Collection[str]
) -> Iterator[Fault]:
    section = configuration.topologies
    if section.fallback is not None:
        reason = unknown_name("desk", section.fallback, desks)
        if reason is not None:
            yield ("fallback",), reason
    elif not section.topologies or not section.topologies[-1].scope.takes_all:
        reason = (
            "required: name the desk of what no topology takes (fallback: DESK), "
            "or let the last topology have no scope, so that it takes every ticket"
        )
        yield ("fallback",), reason


def _inside(
    configuration: Configuration, at: Path, topology: Topology, desks: Collection[str]
) -> Iterator[Fault]:
    """Yield what is wrong with how the parts of one topology fit."""
    match topology:
        case Centralized(desk=desk, business_support=BusinessSupport() as support):
            queues = {queue.name: queue.desk for queue in configuration.desks.queues}
            group = support.group
            if group in desks or (group in queues and queues[group] != desk):
                reason = f"{group!r} is no queue of {desk!r}; of another desk it is a department"
                yield (*at, "business_support", "group"), reason
            if support.department == desk:
                reason = f"{desk!r} is the central desk itself: that is by: desk"
                yield (*at, "business_support", "department"), reason
        case CentralContactPoint(point=point):
            for path, kind, name in topology.references():
                if kind == "group" and name == point:
                    yield (*at, *path), f"{point!r} distributes and does not solve"
        case LocalContactPoint():
            yield from _neighbours(at, topology, desks)
        case _:
            pass


def _neighbours(at: Path, topology: LocalContactPoint, desks: Collection[str]) -> Iterator[Fault]:
    own = {r.name for r in topology.references() if r.path[0] != "overflow"}
    for desk, neighbours in topology.overflow.neighbours.items():
        path = (*at, "overflow", "neighbours", desk)
        if desk in desks and desk not in own:
            yield path, f"{desk!r} has no work of this topology"
        for number, name in enumerate(neighbours):
            if name == desk:
                yield (*path, number), f"{desk!r} is no neighbour of its own"


def _circular(topologies: tuple[Topology, ...]) -> Iterator[Fault]:
    """Yield each circle of self-service once, at its first topology in the file."""
    behind = {t.name: t.behind for t in topologies if isinstance(t, SelfService)}
    reported: set[str] = set()
    for index, topology in enumerate(topologies):
        chain: list[str] = []
        name: str | None = topology.name
        while name is not None and name not in chain:
            chain.append(name)
            name = behind.get(name)
        if name == topology.name and name not in reported:
            reported.update(chain)
            reason = f"nobody is behind it: {' -> '.join([*chain, name])}"
            yield ("topologies", index, "behind"), reason


def _overlaps(configuration: Configuration) -> Iterator[Fault]:
    """Yield each topology that no ticket can ever reach.

    One that others are put in front of (self-service) is reached by its name.
    """
    topologies = configuration.topologies.topologies
    named = {t.behind for t in topologies if isinstance(t, SelfService)}
    places = _Places(configuration)
    taken: list[tuple[str, Scope, int]] = []
    for index, topology in enumerate(topologies):
        scope = topology.scope
        own = places.taken(scope)
        if topology.name not in named:
            path: Path = ("topologies", index, "scope")
            if not own:
                yield path, "no request fits it: no place is in its regions, sites and countries"
            else:
                for name, earlier, theirs in taken:
                    if not own & ~theirs and _covers(earlier, scope):
                        reason = f"never reached: {name!r} before it takes all that it would take"
                        yield path, reason
                        break
        taken.append((topology.name, scope, own))


class _Places:
    """Sets of places as the bits of numbers: what a scope takes is found by a few operations."""

    def __init__(self, configuration: Configuration) -> None:
        places = places_of(configuration)
        # One more bit: a place that is configured no more is in scope of what asks for none.
        self._all = (1 << (len(places) + 1)) - 1
        self._named: dict[tuple[str, str], int] = {}
        for number, place in enumerate(places):
            for field, name in zip(("regions", "sites", "countries"), place, strict=True):
                if name is not None:
                    for key in ((field, name), (field, ANY)):
                        self._named[key] = self._named.get(key, 0) | 1 << number

    def taken(self, scope: Scope) -> int:
        """Return the places in scope; all of them where none is named."""
        found = self._all
        for field in ("regions", "sites", "countries"):
            names: tuple[str, ...] = getattr(scope, field)
            if names:
                of_field = 0
                for name in names:
                    of_field |= self._named.get((field, name), 0)
                found &= of_field
        return found


def _covers(earlier: Scope, later: Scope) -> bool:
    """Whether a scope takes all that another one takes, of one and the same place."""
    return all(
        _wider(getattr(earlier, field), getattr(later, field))
        for field in ("businesses", "services", "channels")
    )


def _wider(earlier: tuple[str, ...], later: tuple[str, ...]) -> bool:
    if not earlier:
        return True
    return bool(later) and (ANY in earlier or set(later) <= set(earlier))
