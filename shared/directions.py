"""Where a telephone call goes: pure, by the configuration, and by who is there where that is known.

Routing asks this with the desk that it would give a ticket, and with the agents who are present.
Intake asks it with neither, while routing does not answer in time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, NamedTuple, assert_never

from shared.calendar import CalendarError
from shared.contracts.directions import CallDirection, CallQuestion, CallWay
from shared.organisation import (
    UNROUTED,
    CallCentreMenu,
    CentralContactPoint,
    Centralized,
    Configuration,
    Hybrid,
    LocalContactPoint,
    SelfService,
    Topology,
    UnknownName,
    Virtual,
)
from shared.organisation.languages import speaks

PHONE: Final = "phone"
PERSON_KEY: Final = "0"
"""In the menu of self-service: a person."""
STATE_KEY: Final = "1"
"""In the menu of self-service: the state of my tickets."""
FALLBACK_SHAPE: Final = "fallback"
OTHERS_MAX: Final = 20
"""Other desks that an answer names."""

Menu = Literal["choices", "self-service"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known of a call. A choice is a key of the menu, as it was pressed."""

    language: str | None = None
    region: str | None = None
    site: str | None = None
    service: str | None = None
    business: str | None = None
    choice: str | None = None


class Way(NamedTuple):
    """A desk or one of its queues, and why it is one of the ways."""

    desk: str
    queue: str | None
    """None: the desk's own."""
    rule: str


class Stand(NamedTuple):
    """A way as it stands at an instant."""

    way: Way
    open: bool
    opens_at: datetime | None
    """None where it is open, or never opens."""
    present: int | None
    """Agents who take work there now; None where that is not known."""


class Direction(NamedTuple):
    """Where a call goes, where else it could, and the menu that it should hear first."""

    stand: Stand
    others: tuple[Stand, ...]
    """The open ones first; at most `OTHERS_MAX`."""
    topology: str
    shape: str
    menu: Menu | None


@dataclass(frozen=True, slots=True)
class _Ways:
    """The ways of a topology: those that it decides among, and those that are left after them."""

    first: tuple[Way, ...]
    after: tuple[Way, ...] = ()
    """For transfers away from the first ones."""
    choosy: bool = False
    """Any of the first ones will do: who is there and speaks the language decides."""
    own: bool = False
    """A call goes another way than the ticket that comes of it."""


def direct(
    configuration: Configuration,
    asked: Asked,
    at: datetime,
    *,
    excluded: Collection[str] = (),
    present: Mapping[str, int] | None = None,
    decided: Way | None = None,
) -> Direction | None:
    """Return where a call goes; None where every way leads to an excluded desk.

    Of a virtual desk it is the first open desk that speaks the language and has somebody there;
    then somebody counts more than the language. All other shapes name one desk, closed or not.

    Args:
        configuration: that is in force.
        asked: what is known of the call.
        at: the instant.
        excluded: desks that it must not go to: of a transfer the one that it comes from.
        present: group to how many agents take work there now; None where that is not known.
        decided: the desk that a ticket would go to, where somebody has decided that already.

    Raises:
        UnknownName: the configuration lacks what a topology names, which control excludes.
    """
    topology = topology_of_call(configuration, asked)
    menu = _menu(topology, asked.choice)
    ways = _ways(configuration, topology, asked)
    if decided is not None and not (ways.choosy or ways.own):
        rest = tuple(w for w in ways.first if w[:2] != decided[:2])
        ways = _Ways((decided, *rest), ways.after)
    every = (*ways.first, *ways.after)
    usable = {
        way: _stand(configuration, way, at, present) for way in every if way.desk not in excluded
    }
    found = _chosen(
        configuration,
        [usable[way] for way in ways.first if way in usable],
        [usable[way] for way in ways.after if way in usable],
        asked.language,
        choosy=ways.choosy,
        elsewhere=any(way.desk in excluded for way in every),
    )
    if found is None:
        return None
    others = {s.way[:2]: s for s in usable.values() if s.way[:2] != found.way[:2]}
    return Direction(
        stand=found,
        others=tuple(sorted(others.values(), key=lambda s: not s.open))[:OTHERS_MAX],
        topology=topology.name if topology is not None else UNROUTED,
        shape=topology.shape.replace("_", "-") if topology is not None else FALLBACK_SHAPE,
        menu=menu,
    )


def groups_of_call(configuration: Configuration, asked: Asked) -> frozenset[str]:
    """Return the desks and queues among which `direct` would choose: whose people matter.

    Raises:
        UnknownName: as `direct`.
    """
    ways = _ways(configuration, topology_of_call(configuration, asked), asked)
    return frozenset(way.queue or way.desk for way in (*ways.first, *ways.after))


def topology_of_call(configuration: Configuration, asked: Asked) -> Topology | None:
    """Return the topology that takes a call; None where the fallback desk does."""
    return configuration.topology_for(
        region=asked.region,
        site=asked.site,
        service=asked.service,
        business=asked.business,
        channel=PHONE,
    )


def _menu(topology: Topology | None, choice: str | None) -> Menu | None:
    """Return the menu that a caller should hear first; none once they have chosen."""
    if isinstance(topology, SelfService):
        return None if choice == PERSON_KEY else "self-service"
    if isinstance(topology, CallCentreMenu) and not choice:
        return "choices"
    return None


def _ways(configuration: Configuration, topology: Topology | None, asked: Asked) -> _Ways:
    if topology is None:
        return _Ways((_fallback(configuration),))
    topology = configuration.behind(topology)
    match topology:
        case Centralized():
            ways = _centralized(configuration, topology, asked.service)
        case CentralContactPoint():
            rule = f"{topology.point} records every call"
            ways = _Ways((Way(topology.point, None, rule),), own=True)
        case LocalContactPoint() | Hybrid():
            ways = _placed(configuration, topology, asked)
        case CallCentreMenu():
            ways = _by_choice(configuration, topology, asked.choice)
        case Virtual():
            named = (Way(d, None, f"an open desk of {topology.name}") for d in topology.desks)
            held = f"no desk of {topology.name} is open: the fallback holds it"
            ways = _Ways(tuple(named), (Way(topology.fallback, None, held),), choosy=True)
        case SelfService():
            raise UnknownName("topology behind", topology.name)
        case _:
            assert_never(topology)
    return ways


def _placed(
    configuration: Configuration, topology: LocalContactPoint | Hybrid, asked: Asked
) -> _Ways:
    """Return the ways of a topology with tables: its own desk, or first the centre."""
    region = configuration.region_of(region=asked.region, site=asked.site)
    own = topology.desk_for(region=region, site=asked.site, business=asked.business)
    if isinstance(topology, Hybrid):
        return _Ways(
            (Way(topology.centre, None, "the centre is the first contact"),),
            (Way(own, None, "the regional desk"),),
        )
    stands_in = (Way(d, None, f"it stands in for {own}") for d in topology.overflow.after(own))
    return _Ways(
        (Way(own, None, "the desk of the caller's place"), *stands_in),
        (Way(topology.fallback, None, "the fallback"),),
    )


def _centralized(configuration: Configuration, topology: Centralized, service: str | None) -> _Ways:
    desk = Way(topology.desk, None, "one desk takes everything")
    support = topology.business_support
    if support is None or service not in support.services:
        return _Ways((desk,))
    if support.department is not None:
        rule = f"{support.department} supports the running of the business"
        return _Ways((Way(support.department, None, rule),), (desk,))
    if support.group is not None:
        rule = f"{support.group} supports the running of the business"
        return _Ways((_group(configuration, support.group, rule),), (desk,))
    return _Ways((desk,))


def _by_choice(configuration: Configuration, topology: CallCentreMenu, choice: str | None) -> _Ways:
    entry = topology.entries.get(choice or "")
    said = f"{choice} is no entry" if choice else "nothing was pressed"
    default = _group(configuration, topology.default, f"{said}: the default entry")
    others = tuple(
        _group(configuration, e.group, f"entry {key} of the menu")
        for key, e in topology.entries.items()
    )
    if entry is None:
        return _Ways((default,), others)
    chosen = _group(configuration, entry.group, f"entry {choice} of the menu")
    return _Ways((chosen,), (default._replace(rule="the default entry"), *others))


def _fallback(configuration: Configuration) -> Way:
    name = configuration.topologies.fallback
    if name is None:
        raise UnknownName("topology", "for every call")
    return _group(configuration, name, "no topology takes it: the fallback")


def _group(configuration: Configuration, name: str, rule: str) -> Way:
    found = configuration.group(name)
    return Way(found.desk.name, found.queue.name if found.queue else None, rule)


def stand_of(configuration: Configuration, desk: str, at: datetime) -> tuple[bool, datetime | None]:
    """Return whether a desk is open, and when it opens where it is not; None where never."""
    calendar = configuration.desk_calendar(desk)
    if calendar.is_open(at):
        return True, None
    try:
        return False, calendar.next_open(at)
    except CalendarError:
        return False, None


def _stand(
    configuration: Configuration, way: Way, at: datetime, present: Mapping[str, int] | None
) -> Stand:
    opened, opens_at = stand_of(configuration, way.desk, at)
    there = None if present is None else present.get(way.queue or way.desk, 0)
    return Stand(way, opened, opens_at, there)


def _chosen(
    configuration: Configuration,
    first: Sequence[Stand],
    after: Sequence[Stand],
    language: str | None,
    *,
    choosy: bool,
    elsewhere: bool,
) -> Stand | None:
    """Return the way that is taken; ``elsewhere`` says that some were excluded."""
    if choosy:
        opened = [s for s in first if s.open]
        spoken = {s for s in opened if speaks(configuration.desk(s.way.desk).languages, language)}
        there = [s for s in opened if s.present is None or s.present > 0]
        ranks = ([s for s in there if s in spoken], there, [s for s in opened if s in spoken])
        for few in (*ranks, opened):
            if few:
                found = few[0]
                rule = _virtual_rule(found, spoken=language is not None and found in spoken)
                return found._replace(way=found.way._replace(rule=rule))
        return next(iter([*after, *first]), None)
    opened = [s for s in (*first, *(after if elsewhere else ())) if s.open]
    return next(iter([*opened, *first, *after]), None)


def _virtual_rule(stand: Stand, *, spoken: bool) -> str:
    rule = "the first open desk"
    if spoken:
        rule += " that speaks the language"
    return f"{rule}, with somebody there" if stand.present else rule


def asked_by(question: CallQuestion) -> Asked:
    """Return what the pure decision asks for."""
    return Asked(
        language=question.language,
        region=question.region,
        site=question.site,
        service=question.service,
        business=question.business,
        choice=question.choice,
    )


def answer_of(
    found: Direction, *, free: int | None = None, waiting: int | None = None
) -> CallDirection:
    """Return a decision as it is told over HTTP."""
    return CallDirection(
        **_way(found.stand).model_dump(),
        topology=found.topology,
        shape=found.shape,
        reason=found.stand.way.rule[:300],
        menu=found.menu,
        agents_free=free,
        tickets_waiting=waiting,
        others=tuple(_way(stand) for stand in found.others),
    )


def _way(stand: Stand) -> CallWay:
    return CallWay(
        desk=stand.way.desk,
        queue=stand.way.queue,
        open=stand.open,
        opens_at=stand.opens_at,
        agents_present=stand.present,
    )
