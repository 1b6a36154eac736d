"""Settling: what is kept of a history that has grown too long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from services.sla.domain.clocks import courses_of
from services.sla.domain.history import History, moments
from services.sla.domain.model import HISTORY_MAX, REPLIED, WROTE, Clock, Rules
from shared.contracts.sla import CLOCKS_MAX, Settled, SettledClock


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
    earlier = history.settlement.clocks if history.settlement is not None else ()
    stood = {_family(one.clock): one for one in earlier}
    for one in courses_of(before, rules, at=last.at, known=known):
        course = one.whole
        # One that a later change of what the ticket is lets begin is of the time to come.
        if course is not None and course.started_at <= last.at:
            stood[_family(one.clock.view.clock)] = SettledClock(
                clock=one.clock.view.clock,
                state=course.phase.value,
                ended_at=course.ended_at,
                ended_by=course.ended_by.value if course.ended_by else "",
            )
    names = {clock.view.clock for clock in known}
    # The cycle may have been let go since: its number counts all the same.
    clocks = sorted(stood.values(), key=lambda one: one.clock not in names)[:CLOCKS_MAX]
    settlement = Settled(
        at=last.at,
        event=last.event,
        entry=last.entry.model_copy(update={"at": last.at, "configversion": last.held}),
        waits_version=last.waited,
        answered=last.answered,
        asked=last.asked,
        clocks=tuple(clocks),
        messages=said,
    )
    return settlement, place - said


def _family(clock: str) -> str:
    """Return the name that all cycles of a clock share."""
    return clock.rpartition(":")[0]
