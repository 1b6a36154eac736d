"""Settling: what is kept of a history that has grown too long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from services.sla.domain.clocks import whole_fold
from services.sla.domain.fold import Fold
from services.sla.domain.history import History, moments
from services.sla.domain.machine import Course
from services.sla.domain.model import HISTORY_MAX, REPLIED, WROTE, Clock, Rules
from shared.contracts.sla import CLOCKS_MAX, Settled, SettledClock, SettledVersion


def settled_at(
    history: History, rules: Rules, known: Sequence[Clock]
) -> tuple[Settled | None, int]:
    """Return what is kept of the older half of a history that has grown too long, and how many
    entries of the work are let go for it.

    None while it has not, or where nothing but one instant could be let go. It is settled at an
    entry of the work or after one: before, no desk is known. What a rerate counts anew is not let
    go before it: it may count other cycles than were there.
    """
    if len(history.work) + len(history.messages) <= HISTORY_MAX:
        return None, 0
    if history.settlement is None and not history.work:
        return None, 0
    found = moments(history)
    place = len(found) // 2
    until = history.accepted_at if history.settlement else history.work[0].at
    if history.ratings:
        until = max(until, history.ratings[-1].at)
    while place + 1 < len(found) and (
        found[place].at < until or found[place + 1].at == found[place].at
    ):
        place += 1
    last = found[place]
    if place + 1 == len(found) or last.entry is None:
        return None, 0
    said = sum(moment.event in {REPLIED, WROTE} for moment in found[1 : place + 1])
    fold = whole_fold(
        replace(history, work=history.work[: place - said], messages=history.messages[:said]),
        rules,
        at=last.at,
        known=known,
    )
    groups = _groups(_stood(history.settlement, history.version, fold, last.at), known)
    stands = dict(reversed(list(fold.levels())))
    newest = stands[fold.version]
    settlement = Settled(
        at=last.at,
        event=last.event,
        entry=last.entry.model_copy(update={"at": last.at, "configversion": newest.held}),
        waits_version=newest.waited,
        answered=last.answered,
        asked=last.asked,
        clocks=groups.pop(fold.version, ()),
        earlier=tuple(
            SettledVersion(
                version=version,
                desk_version=stands.get(version, newest).held,
                waits_version=stands.get(version, newest).waited,
                clocks=clocks,
            )
            for version, clocks in groups.items()
        ),
        messages=said,
    )
    return settlement, place - said


_Stood = tuple[int, SettledClock]
"""How a clock stood, and by which version it counts."""


def _stood(settlement: Settled | None, version: int, fold: Fold, at: datetime) -> dict[str, _Stood]:
    """Return how the newest cycle of each clock stands at an instant, by what its cycles share."""
    stood: dict[str, _Stood] = {}
    if settlement is not None:
        stood = {_family(one.clock): (version, one) for one in settlement.clocks}
        for group in settlement.earlier:
            stood |= {_family(one.clock): (group.version, one) for one in group.clocks}
    for one in fold.all(let_go=True):
        if one.verdict is None or one.verdict.whole.started_at > at:
            # One that a later change of what the ticket is lets begin is of the time to come.
            continue
        view = one.clock.view
        stood[_family(view.clock)] = (view.configversion, _as_of(view.clock, one.verdict.whole))
    for name, course in fold.passed.items():
        if course.started_at <= at:
            stood[name] = (fold.version, _as_of(name, course))
    return stood


def _as_of(name: str, course: Course) -> SettledClock:
    return SettledClock(
        clock=name,
        state=course.phase.value,
        ended_at=course.ended_at,
        ended_by=course.ended_by.value if course.ended_by else "",
    )


def _groups(
    stood: Mapping[str, _Stood], known: Sequence[Clock]
) -> dict[int, tuple[SettledClock, ...]]:
    """Return how clocks stand by the version that they count by, as many as may be kept."""
    names = {clock.view.clock for clock in known}
    # The cycle may have been let go since: its number counts all the same.
    chosen = sorted(stood.values(), key=lambda one: one[1].clock not in names)[:CLOCKS_MAX]
    groups: dict[int, tuple[SettledClock, ...]] = {}
    for version, clock in chosen:
        groups[version] = (*groups.get(version, ()), clock)
    return groups


def _family(clock: str) -> str:
    """Return the name that all cycles of a clock share."""
    return clock.rpartition(":")[0]
