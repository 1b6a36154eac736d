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
from shared.organisation import Configuration
from shared.organisation.places import Desk
from shared.organisation.topologies import Centralized, FollowTheSun, Local

CHANNEL = "phone"


@dataclass(frozen=True, slots=True)
class Line:
    """What a number that can be dialled, or a choice in its menu, says of a call."""

    region: str | None = None
    site: str | None = None
    service: str | None = None
    language: str | None = None

    def over(self, other: Line) -> Line:
        """Return this line's words, and the other's where this one says nothing."""
        placed = self.region is not None or self.site is not None
        place = self if placed else other
        return Line(
            region=place.region,
            site=place.site,
            service=self.service or other.service,
            language=self.language or other.language,
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

    Of a topology that follows the sun it is the first open desk that speaks the caller's
    language, else the first open one, else the fallback. All others name one desk.

    Args:
        configuration: the applied one.
        line: what is known of the call.
        at: the instant of the call.

    Raises:
        UnknownName: the configuration lacks a desk that a topology names, which none does that
            control has checked.
    """
    topology = configuration.topology_for(
        region=line.region, site=line.site, service=line.service, channel=CHANNEL
    )
    match topology:
        case Centralized():
            desk, reason = topology.desk, "one desk takes everything"
        case Local():
            region = configuration.region_of(region=line.region, site=line.site)
            desk = topology.desk_for(region=region, site=line.site)
            reason = "the desk of the caller's place"
        case FollowTheSun():
            desk, reason = _follow_the_sun(configuration, topology, line.language, at=at)
        case _:
            assert_never(topology)
    calendar = configuration.desk_calendar(desk)
    opened = calendar.is_open(at)
    opens_at = None
    if not opened:
        try:
            opens_at = calendar.next_open(at)
        except (NotOpenWithinHorizon, OutsideSupportedYears):
            opens_at = None
    return CallRoute(
        desk=desk, open=opened, opens_at=opens_at, topology=topology.name, reason=reason
    )


def _follow_the_sun(
    configuration: Configuration, topology: FollowTheSun, language: str | None, *, at: datetime
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
