"""What an event of a ticket means for its clocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.sla.domain.count import Work, merged, recounted, timed
from services.sla.domain.course import MERGED, appended, merged_at, segments
from services.sla.domain.model import COURSE_MAX, Clock, ClocksState, Rules, Stretch
from services.sla.domain.promises import promised
from shared.contracts.envelope import Body
from shared.contracts.facts import TicketFacts
from shared.contracts.routing import Status
from shared.contracts.sla import (
    ClockBreachWithdrawn,
    ClockLedger,
    ClocksChanged,
    ClocksStarted,
    ClockState,
    ClockView,
    DeskSpan,
    Metric,
    WorkEntry,
)

STATUSES_TOLD = frozenset({Status.PENDING.value, Status.RESOLVED.value, Status.CLOSED.value})
"""Between the others a change of status alone matters to no clock: accepting is no response."""


@dataclass(frozen=True, slots=True)
class News:
    """What an event says, in the words of the clocks.

    ``facts`` start the clocks where the event is the first of its ticket. Later they count only
    where ``owner`` is set: what routing carries of a ticket may be older than what intake said.
    """

    at: datetime
    version: int
    facts: TicketFacts
    change: str
    entry: WorkEntry | None = None
    responded_at: datetime | None = None
    owner: bool = False


@dataclass(frozen=True, slots=True)
class _Draft:
    """What clocks are counted from, with the news taken in."""

    facts: TicketFacts
    version: int
    desk: str | None
    tier: int | None
    course: tuple[Stretch, ...]
    responded_at: datetime | None
    settled: int


def decide(state: ClocksState | None, news: News, rules: Rules) -> list[Body]:
    """Return the events that follow from news of a ticket; none where no clock cares."""
    draft = _draft(state, news)
    if state is not None and not _matters(state, news, draft):
        return []
    clocks = [_taken_up(clock) for clock in state.clocks] if state else []
    if state is None or (draft.facts, draft.desk) != (state.facts, state.first_desk):
        clocks = _chosen(clocks, draft, at=news.at, rules=rules)
    work = Work(
        segments=segments(draft.course, accepted_at=draft.facts.accepted_at, settled=draft.settled),
        responded_at=draft.responded_at,
        settled_at=draft.course[0].at if draft.settled else None,
    )
    # News from before the newest stretch must not make a clock's used time look smaller.
    at = max(news.at, draft.course[-1].at) if draft.course else news.at
    clocks = [recounted(clock, work, at=at, rules=rules) for clock in clocks]
    clocks, withdrawn = _withdrawn(clocks, at=news.at, rules=rules)
    clocks = [_given_up(clock, work) for clock in clocks]
    drop = len(draft.course) // 2 if len(draft.course) > COURSE_MAX else 0
    if drop:
        until = draft.course[drop].at
        clocks = [
            clock.model_copy(update={"spans": merged(clock.spans, until=until)}) for clock in clocks
        ]
    views = tuple(clock.view for clock in clocks)
    ledgers = _ledgers(state.clocks if state else (), clocks)
    if state is None:
        return [_started(news, views, ledgers)]
    changed = _changed(state, news, draft).model_copy(
        update={"clocks": views, "ledgers": ledgers, "settled": drop}
    )
    bodies: list[Body] = [changed]
    bodies.extend(
        ClockBreachWithdrawn(
            number=state.number, clocks=views, clock=view.clock, metric=view.metric
        )
        for view in withdrawn
    )
    return bodies


def _draft(state: ClocksState | None, news: News) -> _Draft:
    entry = news.entry
    if state is None:
        return _Draft(
            facts=news.facts,
            version=news.version,
            desk=entry.desk if entry else None,
            tier=entry.tier if entry else None,
            course=appended((), entry) if entry else (),
            responded_at=news.responded_at,
            settled=0,
        )
    first = state.first_desk is None and entry is not None
    return _Draft(
        facts=_adopted(state, news),
        version=state.configversion,
        desk=entry.desk if first and entry else state.first_desk,
        tier=entry.tier if first and entry else state.first_tier,
        course=appended(state.course, entry) if entry else state.course,
        responded_at=state.responded_at or news.responded_at,
        settled=state.settled,
    )


def _adopted(state: ClocksState, news: News) -> TicketFacts:
    """Return the ticket's facts. The acceptance is settled by the first event: clocks start there."""
    if not news.owner:
        return state.facts
    return news.facts.model_copy(
        update={"accepted_at": state.facts.accepted_at, "number": state.number}
    )


def _matters(state: ClocksState, news: News, draft: _Draft) -> bool:
    if draft.facts != state.facts or draft.responded_at != state.responded_at:
        return True
    entry = news.entry
    if entry is None:
        return False
    told = entry.status != state.status and bool({entry.status, state.status} & STATUSES_TOLD)
    return (
        told
        or draft.course is not state.course
        or (entry.agent, entry.tier) != (state.agent, state.tier)
    )


def _chosen(clocks: Sequence[Clock], draft: _Draft, *, at: datetime, rules: Rules) -> list[Clock]:
    """Return the clocks that the ticket is to have now: kept, retargeted, new or cancelled.

    A clock that was breached keeps the target that it broke.
    """
    wanted = {
        view.clock: view
        for view in promised(
            draft.facts, desk=draft.desk, tier=draft.tier, version=draft.version, rules=rules
        )
    }
    found = [_kept(clock, wanted.pop(clock.view.clock, None), at=at) for clock in clocks]
    return [*found, *(Clock(view=view) for view in wanted.values())]


def _kept(clock: Clock, wanted: ClockView | None, *, at: datetime) -> Clock:
    view = clock.view
    if view.state is ClockState.CANCELLED:
        if wanted is None:
            return clock
        revived = {"state": wanted.state, "ended_at": None, "target_seconds": wanted.target_seconds}
        return Clock(view=view.model_copy(update=revived), spans=clock.spans)
    if view.breached_at is not None:
        return clock
    if wanted is None:
        if view.ended_at is not None:
            return clock
        spent = {"state": ClockState.CANCELLED, "ended_at": at, "next_at": None, "due_at": None}
        return Clock(view=view.model_copy(update=spent), spans=clock.spans)
    update = {"target_seconds": wanted.target_seconds}
    return Clock(view=view.model_copy(update=update), spans=clock.spans)


def _taken_up(clock: Clock) -> Clock:
    """Return a clock that a merge had cancelled as one that is to be counted again."""
    if clock.view.cancelled_for != MERGED:
        return clock
    again = {"state": ClockState.RUNNING, "ended_at": None, "cancelled_for": None}
    return Clock(view=clock.view.model_copy(update=again), spans=clock.spans)


def _given_up(clock: Clock, work: Work) -> Clock:
    """Return a clock of a merged ticket: what only the merge ended is cancelled, and not met.

    What was answered, solved or missed before stays so. Taking the merge back counts it again.
    """
    view, at = clock.view, merged_at(work.segments)
    if at is None or view.state is not ClockState.MET or view.ended_at != at:
        return clock
    responded_at = work.responded_at if view.metric is Metric.RESPONSE else None
    if responded_at is not None and responded_at <= at:
        return clock
    spent = {
        "state": ClockState.CANCELLED,
        "cancelled_for": MERGED,
        "next_at": None,
        "due_at": None,
    }
    return Clock(view=view.model_copy(update=spent), spans=clock.spans)


def _withdrawn(
    clocks: Sequence[Clock], *, at: datetime, rules: Rules
) -> tuple[list[Clock], list[ClockView]]:
    """Take back the breaches of which an event from before them says that they were none."""
    kept: list[Clock] = []
    withdrawn: list[ClockView] = []
    for clock in clocks:
        breached_at, due_at = clock.view.breached_at, clock.view.due_at
        if breached_at is None or at > breached_at or clock.view.state is ClockState.CANCELLED:
            kept.append(clock)
            continue
        ended_at = clock.view.ended_at
        in_time = ended_at is not None and (due_at is None or ended_at <= due_at)
        if due_at is not None and due_at <= breached_at and not in_time:
            kept.append(clock)
            continue
        view = clock.view.model_copy(update={"breached_at": None})
        free = timed(Clock(view=view, spans=clock.spans), rules)
        kept.append(free)
        withdrawn.append(free.view)
    return kept, withdrawn


def _ledgers(before: Sequence[Clock], after: Sequence[Clock]) -> tuple[ClockLedger, ...]:
    """Return how the desk ledgers differ."""
    known = {clock.view.clock: clock.spans for clock in before}
    found = []
    for clock in after:
        old: tuple[DeskSpan, ...] = known.get(clock.view.clock, ())
        if old == clock.spans:
            continue
        keep = 0
        while keep < min(len(old), len(clock.spans)) and old[keep] == clock.spans[keep]:
            keep += 1
        found.append(ClockLedger(clock=clock.view.clock, keep=keep, spans=clock.spans[keep:]))
    return tuple(found)


def _started(
    news: News, views: tuple[ClockView, ...], ledgers: tuple[ClockLedger, ...]
) -> ClocksStarted:
    return ClocksStarted(
        number=news.facts.number,
        clocks=views,
        facts=news.facts,
        desk=news.entry.desk if news.entry else None,
        at=news.at,
        entry=news.entry,
        responded_at=news.responded_at,
        ledgers=ledgers,
        configversion=news.version,
    )


def _changed(state: ClocksState, news: News, draft: _Draft) -> ClocksChanged:
    """Return the event of a change; what was counted is put in by the caller."""
    entry = news.entry
    change = news.change
    if entry is not None and change == "queued" and entry.desk != state.desk:
        change = "desk-changed"
    elif entry is None and draft.responded_at == state.responded_at:
        change = "facts-changed"
    return ClocksChanged(
        number=state.number,
        clocks=(),
        change=change,
        status=entry.status if entry else state.status,
        desk=entry.desk if entry else state.desk,
        facts=draft.facts if draft.facts != state.facts else None,
        at=news.at,
        entry=entry,
        responded_at=None if draft.responded_at == state.responded_at else draft.responded_at,
    )
