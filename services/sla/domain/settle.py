"""Settling: what is kept of a history that has grown too long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from services.sla.domain.clocks import courses_of
from services.sla.domain.history import History, moments
from services.sla.domain.model import HISTORY_MAX, REPLIED, WROTE, Clock, Rules
from shared.contracts.sla import Settled, SettledClock


def settled_at(
    history: History, rules: Rules, known: Sequence[Clock]
) -> tuple[Settled | None, int]:
    """Return what is kept of the older half of a history that has grown too long, and how many
    entries of the work are let go for it.

    None while it has not, or where nothing but one instant could be let go.
    """
    if len(history.work) + len(history.messages) <= HISTORY_MAX:
        return None, 0
    found = moments(history)
    place = len(found) // 2
    while place + 1 < len(found) and found[place + 1].at == found[place].at:
        place += 1
    last = found[place]
    if place + 1 == len(found) or last.entry is None:
        return None, 0
    said = sum(moment.event in {REPLIED, WROTE} for moment in found[1 : place + 1])
    before = replace(history, work=history.work[: place - said], messages=history.messages[:said])
    stood: dict[tuple[str, str | None], SettledClock] = {}
    for one in courses_of(before, rules, at=last.at, known=known):
        view, course = one.clock.view, one.whole
        if course is not None:
            stood[(view.policy, view.subject)] = SettledClock(
                clock=view.clock,
                state=course.phase.value,
                ended_at=course.ended_at,
                ended_by=course.ended_by.value if course.ended_by else "",
            )
    names = {clock.view.clock for clock in known}
    settlement = Settled(
        at=last.at,
        event=last.event,
        entry=last.entry.model_copy(update={"at": last.at, "configversion": last.held}),
        waits_version=last.waited,
        answered=last.answered,
        asked=last.asked,
        clocks=tuple(one for one in stood.values() if one.clock in names),
        messages=said,
    )
    return settlement, place - said
