"""Pages of shift handovers: what routing says, with names, subjects and running clocks over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from services.console.domain.handovers import Deed, deeds
from services.console.domain.tickets import leading_clock, urgency
from services.console.handlers.relating import Related, Relating
from services.console.handlers.views import ClockShown
from services.console.ports import Caller
from services.console.ports.handovers import Handover, Item, Whole
from shared.organisation import Configuration, UnknownName


@dataclass(frozen=True, slots=True)
class ItemShown:
    """One ticket of a handover, and what the person may do with it."""

    item: Item
    ticket: Related
    leading: ClockShown | None
    deeds: Sequence[Deed]


async def items_shown(
    caller: Caller,
    whole: Whole,
    *,
    relating: Relating,
    configuration: Configuration | None,
    now: datetime,
) -> list[ItemShown]:
    """Return a handover's tickets as its page shows them, in routing's order.

    Raises:
        Infrastructure: the projection cannot be read.
    """
    named = await relating.named(caller, (item.ticket for item in whole.items))
    desks = desks_of(configuration, caller.name)
    return [
        ItemShown(
            item=item,
            ticket=named[item.ticket],
            leading=_leading(item, now),
            deeds=_deeds(item, whole, me=caller.name, desks=desks),
        )
        for item in whole.items
    ]


def _leading(item: Item, now: datetime) -> ClockShown | None:
    clock = leading_clock(item.clocks)
    return None if clock is None else ClockShown(clock=clock, urgency=urgency(clock, now))


def _deeds(item: Item, whole: Whole, *, me: str, desks: frozenset[str]) -> Sequence[Deed]:
    if whole.stage == "withdrawn" or item.brief is None:
        return ()
    return deeds(
        item.stage,
        offered_to=item.offered_to,
        holder=item.brief.agent,
        kept_by=item.kept_by if item.stage == "kept" else None,
        me=me,
        desks=desks,
        takes_part=whole.takes_part,
    )


def desks_of(configuration: Configuration | None, agent: str) -> frozenset[str]:
    """Return the desks that somebody serves; none for who is no agent."""
    try:
        return frozenset(configuration.agent(agent).desks) if configuration else frozenset()
    except UnknownName:
        return frozenset()


def zones_of(
    configuration: Configuration | None, handovers: Sequence[Handover]
) -> Mapping[str, ZoneInfo]:
    """Return the time zones of both sides' desks; without those that are gone."""
    found: dict[str, ZoneInfo] = {}
    for desk in dict.fromkeys(d for handover in handovers for d in (handover.desk, handover.to)):
        try:
            if configuration is not None:
                found[desk] = ZoneInfo(configuration.desk_time_zone(desk))
        except UnknownName:
            continue
    return found


def by_desk(handovers: Sequence[Handover], configuration: Configuration | None) -> list[Handover]:
    """Return handovers in the order of the configuration's desks, then the earliest end first."""
    names = [desk.name for desk in configuration.desks.desks] if configuration else []
    places = {name: place for place, name in enumerate(names)}

    def place(handover: Handover) -> tuple[int, str, float]:
        ends = handover.closes_at.timestamp() if handover.closes_at else 0.0
        return (places.get(handover.desk, len(places)), handover.desk, ends)

    return sorted(handovers, key=place)
