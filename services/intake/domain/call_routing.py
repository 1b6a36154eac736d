"""Where a call goes now, by the configuration alone: provisional until routing answers this.

It knows topologies and opening hours. It knows no agents, no skills and no queues.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from services.intake.domain.telephone import e164
from shared.calendar import NotOpenWithinHorizon, OutsideSupportedYears
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

CHANNEL = "phone"


@dataclass(frozen=True, slots=True)
class Line:
    """What a number that can be dialled, or a choice in its menu, says of a call."""

    region: str | None = None
    site: str | None = None
    service: str | None = None
    language: str | None = None
    business: str | None = None
    choice: str | None = None
    """What was chosen in the menu of a central number: its key."""

    def over(self, other: Line) -> Line:
        """Return this line's words, and the other's where this one says nothing."""
        placed = self.region is not None or self.site is not None
        place = self if placed else other
        return Line(
            region=place.region,
            site=place.site,
            service=self.service or other.service,
            language=self.language or other.language,
            business=self.business or other.business,
            choice=self.choice or other.choice,
        )


@dataclass(frozen=True, slots=True)
class CallRoute:
    """Where a call goes: which desk, whether it is open, and when it opens where it is not."""

    desk: str
    open: bool
    opens_at: datetime | None
    topology: str
    reason: str
    provisional: bool = True


def lines_of(
    lines: Sequence[tuple[str, Line]], *, dialled: str, country: str | None
) -> Line | None:
    """Return the line of a dialled number; None where it is not among them."""
    wanted = e164(dialled, country=country) or dialled
    for number, line in lines:
        if (e164(number, country=country) or number) == wanted:
            return line
    return None


def route_call(configuration: Configuration, line: Line, *, at: datetime) -> CallRoute:
    """Return where a call goes.

    Of a virtual desk it is the first open one that speaks the caller's language, else the first
    open one, else the fallback. All others name one desk.

    Args:
        configuration: the applied one.
        line: what is known of the call.
        at: the instant of the call.

    Raises:
        UnknownName: the configuration lacks a desk that a topology names, which none does that
            control has checked.
    """
    topology = configuration.topology_for(
        region=line.region,
        site=line.site,
        service=line.service,
        channel=CHANNEL,
        business=line.business,
    )
    if topology is None:
        desk, reason = _fallback(configuration), "no topology takes it: the fallback desk"
    else:
        desk, reason = _answering(configuration, configuration.behind(topology), line, at=at)
    calendar = configuration.desk_calendar(desk)
    opened = calendar.is_open(at)
    opens_at = None
    if not opened:
        try:
            opens_at = calendar.next_open(at)
        except (NotOpenWithinHorizon, OutsideSupportedYears):
            opens_at = None
    return CallRoute(
        desk=desk,
        open=opened,
        opens_at=opens_at,
        topology=UNROUTED if topology is None else topology.name,
        reason=reason,
    )


def _fallback(configuration: Configuration) -> str:
    fallback = configuration.topologies.fallback
    if fallback is None:
        raise UnknownName("topology", "for every ticket")
    return fallback


def _answering(
    configuration: Configuration, topology: Topology, line: Line, *, at: datetime
) -> tuple[str, str]:
    """Return the desk that answers, and why."""
    match topology:
        case Centralized(business_support=support):
            found = topology.desk, "one desk takes everything"
            if support is not None and line.service in support.services and support.department:
                found = support.department, "the department that supports the service"
        case CentralContactPoint():
            found = topology.point, "the central contact point"
        case LocalContactPoint():
            found = _local(configuration, topology, line, at=at)
        case CallCentreMenu():
            entry = topology.entries.get(line.choice) if line.choice is not None else None
            group = topology.default if entry is None else entry.group
            reason = "nothing was chosen" if entry is None else "the choice in the menu"
            found = configuration.group(group).desk.name, reason
        case Virtual():
            found = _by_the_sun(configuration, topology, line.language, at=at)
        case Hybrid():
            found = topology.centre, "the centre is the first contact"
        case SelfService():
            raise UnknownName("topology behind", topology.name)
        case _:
            assert_never(topology)
    return found


def _local(
    configuration: Configuration, topology: LocalContactPoint, line: Line, *, at: datetime
) -> tuple[str, str]:
    region = configuration.region_of(region=line.region, site=line.site)
    desk = topology.desk_for(region=region, site=line.site, business=line.business)
    reason = "the desk of the caller's place"
    after = topology.overflow.after(desk)
    if not after or configuration.desk_calendar(desk).is_open(at):
        return desk, reason
    opened = [name for name in after if configuration.desk_calendar(name).is_open(at)]
    return (opened[0], f"{reason} is closed") if opened else (desk, reason)


def _by_the_sun(
    configuration: Configuration, topology: Virtual, language: str | None, *, at: datetime
) -> tuple[str, str]:
    opened = {desk.name: desk for desk in configuration.open_desks(at)}
    candidates = [opened[name] for name in topology.desks if name in opened]
    if not candidates:
        return topology.fallback, "no desk is open: the fallback holds it"
    speaking = [desk for desk in candidates if speaks(desk, language)]
    if language and speaking:
        return speaking[0].name, "the first open desk that speaks the language"
    return candidates[0].name, "the first open desk"


def speaks(desk: Desk, language: str | None) -> bool:
    """Return whether a desk speaks a language: the same, or the same without script or country."""
    if language is None:
        return True
    wanted = language.lower()
    for spoken in desk.languages:
        known = spoken.lower()
        shorter, longer = sorted((known, wanted), key=len)
        if shorter == longer or longer.startswith(f"{shorter}-"):
            return True
    return False
