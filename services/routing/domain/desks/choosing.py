"""Which desk and queue take a ticket: by the topology of its scope, and by who is open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, assert_never

from services.routing.domain.desks.able import Soonest, soonest_desk
from services.routing.domain.desks.opening import first_opening, is_open
from services.routing.domain.versions import stamped
from shared.contracts.facts import TicketFacts
from shared.contracts.routing import CANDIDATES_MAX, Candidate, Explanation
from shared.organisation import (
    UNROUTED,
    CallCentreMenu,
    CentralContactPoint,
    Centralized,
    Configuration,
    Desk,
    Hybrid,
    LocalContactPoint,
    SelfService,
    Topology,
    UnknownName,
    Virtual,
)

FALLBACK_SHAPE: Final = "fallback"
"""Instead of a shape: no topology took the ticket."""

AT_POINT: Final = frozenset({"distributed-by-hand", "distributed-by-operator"})
"""What decided where a ticket waits at a central contact point until somebody distributes it."""
CLOSED: Final = "closed"
LATER: Final = "later-in-order"
UNABLE: Final = "unable"
"""Nobody there could be given the ticket, or not as soon."""
LANGUAGE: Final = "language"
"""Nobody there speaks it, and somebody at the chosen desk does."""
DISTRIBUTES: Final = "distributes"
"""The point recorded the ticket and gave it to a support group."""
SUGGESTED: Final = "suggested"
"""The group to which an operator of the point may distribute the ticket."""


@dataclass(frozen=True, slots=True)
class DeskChoice:
    """A desk, why it is the one, and when it or another opens, where nobody is open now."""

    desk: Desk
    explanation: Explanation
    opens_at: datetime | None = None
    queue: str | None = None
    """One of the queues of the desk; None: the desk's own."""
    unrouted: bool = False
    """No topology takes the ticket: it is an alarm, and the fallback desk's."""


def topology_of(configuration: Configuration, facts: TicketFacts) -> Topology | None:
    """Return the first topology whose scope takes a ticket; None: it is the fallback desk's."""
    return configuration.topology_for(
        region=facts.region,
        site=facts.site,
        service=facts.service,
        channel=facts.channel,
        business=facts.business,
    )


@stamped
def choose_desk(
    configuration: Configuration, facts: TicketFacts, now: datetime, *, reopened: bool = False
) -> DeskChoice:
    """Choose the desk and the queue of a ticket.

    Of self-service it is where the topology behind it says that a person is found.

    Args:
        configuration: a checked one.
        facts: of the ticket.
        now: the instant.
        reopened: whether it was solved before, which routing rules may ask for.

    Raises:
        UnknownName: the configuration refers to what it does not have, which control excludes.
    """
    topology = topology_of(configuration, facts)
    if topology is None:
        return _unrouted(configuration, now)
    behind = configuration.behind(topology)
    choice = _Choosing(configuration, behind, facts, now, reopened=reopened).choose()
    if behind is topology:
        return choice
    rule = f"behind {topology.name}: {choice.explanation.rule}"[:300]
    explanation = choice.explanation.model_copy(update={"rule": rule})
    return DeskChoice(choice.desk, explanation, choice.opens_at, choice.queue)


def _unrouted(configuration: Configuration, now: datetime) -> DeskChoice:
    fallback = configuration.topologies.fallback
    if fallback is None:
        raise UnknownName("topology", "for every ticket")
    return DeskChoice(
        desk=configuration.desk(fallback),
        explanation=Explanation(
            topology=UNROUTED,
            shape=FALLBACK_SHAPE,
            rule=f"no topology takes it: {fallback} has it, and somebody should look why",
            candidates=(Candidate(name=fallback, chosen=True),),
            decided="unrouted",
        ),
        opens_at=first_opening(configuration, [fallback], now),
        unrouted=True,
    )


class _Choosing:
    """One choice under one topology."""

    def __init__(
        self,
        configuration: Configuration,
        topology: Topology,
        facts: TicketFacts,
        now: datetime,
        *,
        reopened: bool,
    ) -> None:
        self._configuration = configuration
        self._topology = topology
        self._facts = facts
        self._now = now
        self._reopened = reopened
        self._region = configuration.region_of(region=facts.region, site=facts.site)

    def choose(self) -> DeskChoice:
        match topology := self._topology:
            case Centralized():
                return self._centralized(topology)
            case CentralContactPoint():
                return self._distributed(topology)
            case LocalContactPoint():
                return self._local(topology)
            case CallCentreMenu():
                return self._by_menu(topology)
            case Virtual():
                return self._by_the_sun(topology)
            case Hybrid():
                rule = f"{topology.centre} is the first contact of {topology.name}"
                return self._alone(topology.centre, "first-contact", rule)
            case SelfService():  # Another topology is behind it, which is asked instead.
                raise UnknownName("topology behind", topology.name)
        assert_never(topology)

    def _centralized(self, topology: Centralized) -> DeskChoice:
        support, service = topology.business_support, self._facts.service
        if support is not None and service in support.services:
            running = f"{service} is the running of the business"
            if support.group is not None:
                rule = f"{running}, which {support.group} of {topology.desk} supports"
                return self._alone(support.group, "business-group", rule)
            if support.department is not None:
                rule = f"{running}, which {support.department} supports as a department"
                return self._alone(support.department, "business-department", rule)
        rule = f"{topology.desk} takes everything of this scope"
        return self._alone(topology.desk, "centralized", rule)

    def _distributed(self, topology: CentralContactPoint) -> DeskChoice:
        point, facts = topology.point, self._facts
        found = topology.find(
            service=facts.service, site=facts.site, business=facts.business, region=self._region
        )
        if found is None:
            rule = f"{point} recorded it; no table takes it, so an operator distributes it"
            return self._alone(point, "distributed-by-operator", rule)
        of = f"of the {found.table} {found.key}"
        if topology.distribute == "by_hand":
            rule = f"{point} recorded it for an operator to distribute; {found.name} is that {of}"
            others = [Candidate(name=found.name, left_out=SUGGESTED)]
            return self._given(point, "distributed-by-hand", rule, others)
        rule = f"{point} recorded it and distributed it to {found.name}, the group {of}"
        others = [Candidate(name=point, left_out=DISTRIBUTES)]
        return self._given(found.name, "distributed", rule, others)

    def _local(self, topology: LocalContactPoint) -> DeskChoice:
        found = topology.find(
            region=self._region, site=self._facts.site, business=self._facts.business
        )
        if found.table is None:
            rule = f"{found.name} takes what comes from no place or business of the tables"
            decided = "local-fallback"
        else:
            rule = f"{found.name} is the desk of the {found.table} {found.key}"
            decided = f"local-{found.table}"
        after = topology.overflow.after(found.name)
        if not after:
            return self._alone(found.name, decided, rule)
        opened = [desk for desk in (found.name, *after) if self._is_open(desk)]
        chosen, soonest = self._soonest(opened)
        if chosen == found.name:
            return self._alone(found.name, decided, rule)
        if chosen is None:
            rule = f"{rule}; it is closed, and so is whoever takes its work meanwhile"
            return self._given(
                found.name, decided, rule, [Candidate(name=desk, left_out=CLOSED) for desk in after]
            )
        why = "nobody there could have it as soon" if opened[0] == found.name else "it is closed"
        rule = f"{rule}; {why}, and {chosen} takes its work meanwhile"
        others = self._others((found.name, *after), chosen, opened, soonest)
        decided = f"overflow-{topology.overflow.policy}"
        if opened[0] == found.name:
            decided = "overflow-able"
        return self._given(chosen, decided, rule, others)

    def _by_menu(self, topology: CallCentreMenu) -> DeskChoice:
        choice = self._facts.choice
        entry = topology.entries.get(choice) if choice is not None else None
        if entry is not None:
            rule = f"{entry.group} is the group of {choice} ({entry.title}) in the menu"
            return self._alone(entry.group, "menu-choice", rule)
        pressed = "nothing was chosen" if choice is None else f"{choice} is no entry"
        rule = f"{topology.default} takes it: {pressed} in the menu"
        return self._alone(topology.default, "menu-default", rule)

    def _by_the_sun(self, topology: Virtual) -> DeskChoice:
        """Return the open desk that may have it the soonest, the first of equal ones.

        While none is open, the fallback holds the work. It is asked like another desk where it
        is open and nobody at the others could be given the ticket, or not as soon.
        """
        opened = [desk for desk in topology.desks if self._is_open(desk)]
        if not opened:
            chosen = topology.fallback
            others = self._others(topology.desks, chosen, opened, {})
            rule = f"no desk of {topology.name} is open; {chosen} holds the work"
            return self._given(chosen, "none-open", rule, others, openers=topology.desk_names)
        asked = [desk for desk in topology.desk_names if self._is_open(desk)]
        found, soonest = self._soonest(asked, preferred=topology.desks)
        chosen = found or opened[0]
        named = topology.desk_names if chosen not in topology.desks else topology.desks
        others = self._others(named, chosen, asked, soonest)
        if chosen == opened[0]:
            rule = f"{chosen} is the first open desk in the order of {topology.name}"
            return self._given(chosen, "first-open", rule, others)
        rule = f"{chosen} is the first open desk of {topology.name} where somebody may have it"
        return self._given(chosen, "first-able", rule, others)

    def _alone(self, group: str, decided: str, rule: str) -> DeskChoice:
        return self._given(group, decided, rule, [])

    def _given(
        self,
        group: str,
        decided: str,
        rule: str,
        others: Sequence[Candidate],
        *,
        openers: Iterable[str] | None = None,
    ) -> DeskChoice:
        """Return the choice of a desk or a queue; ``openers`` are the desks that may take it."""
        desk, queue = self._configuration.group(group)
        chosen = Candidate(name=group, chosen=True, desk=desk.name if queue is not None else None)
        return DeskChoice(
            desk=desk,
            explanation=explained(self._topology, decided, rule, [chosen, *others]),
            opens_at=first_opening(self._configuration, openers or [desk.name], self._now),
            queue=queue.name if queue is not None else None,
        )

    def _is_open(self, desk: str) -> bool:
        return is_open(self._configuration, desk, self._now)

    def _soonest(
        self, opened: Iterable[str], *, preferred: Iterable[str] = ()
    ) -> tuple[str | None, dict[str, Soonest | None]]:
        return soonest_desk(
            self._configuration,
            opened,
            self._facts,
            self._now,
            preferred=preferred,
            reopened=self._reopened,
        )

    @staticmethod
    def _others(
        desks: Iterable[str],
        chosen: str,
        opened: Sequence[str],
        soonest: Mapping[str, Soonest | None],
    ) -> list[Candidate]:
        """Return the desks that were not chosen, and why."""
        found = []
        best = soonest.get(chosen)
        for desk in desks:
            why = LATER if desk in opened else CLOSED
            if desk in soonest and best is not None:
                other = soonest[desk]
                if other is None or other.after > best.after:
                    why = UNABLE
                elif best.speaks and not other.speaks and desk in opened[: opened.index(chosen)]:
                    why = LANGUAGE
            if desk != chosen:
                found.append(Candidate(name=desk, left_out=why))
        return found


def explained(
    topology: Topology, decided: str, rule: str, candidates: Sequence[Candidate]
) -> Explanation:
    """Return the reason with the chosen desk and the first others; the rest is counted."""
    left_out: dict[str, int] = {}
    for candidate in candidates:
        if candidate.left_out is not None:
            left_out[candidate.left_out] = left_out.get(candidate.left_out, 0) + 1
    return Explanation(
        topology=topology.name,
        shape=topology.shape.replace("_", "-"),
        rule=rule[:300],
        candidates=tuple(candidates[:CANDIDATES_MAX]),
        left_out=left_out,
        decided=decided,
    )


def redirected(explanation: Explanation | None, rule: str, desk: str) -> Explanation:
    """Return why a ticket was moved by something other than its topology."""
    return Explanation(
        topology=explanation.topology if explanation else "",
        shape=explanation.shape if explanation else "",
        rule=rule[:300],
        candidates=(Candidate(name=desk, chosen=True),),
    )
