"""What an event of a ticket means for its clocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.sla.domain.clocks import clocks_of, whole_fold
from services.sla.domain.count import RERATED, is_broken, merged, timed
from services.sla.domain.cycles import Family, family_of
from services.sla.domain.history import (
    OVER,
    TAKEN,
    History,
    first_reply,
    history_of,
    told_apart,
    with_entry,
    with_facts,
    with_message,
)
from services.sla.domain.model import REPLIED, Clock, ClocksState, FactsEntry, Rules
from services.sla.domain.promises import Terms, terms_of
from services.sla.domain.settle import settled_at
from shared.contracts.envelope import Body
from shared.contracts.facts import TicketFacts
from shared.contracts.routing import Status
from shared.contracts.sla import (
    ClockBreachWithdrawn,
    ClockLedger,
    ClocksChanged,
    ClocksStarted,
    ClockView,
    DeskSpan,
    MessageEntry,
    Settled,
    WorkEntry,
)

REGARDED = "regarded"


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
    message: MessageEntry | None = None
    owner: bool = False
    first: bool = False
    """Whether facts and version are those of the acceptance, which count."""


def decide(state: ClocksState | None, news: News, rules: Rules) -> list[Body]:
    """Return the events that follow from news of a ticket; none where no clock cares.

    Raises:
        PoliciesTooMany: more clocks apply than a document may hold.
        Infrastructure: a version is not known here.
    """
    before = None if state is None else history_of(state)
    versions = (news.version,) if before is None else before.versions
    news = _cared_for(state, before, news, [terms_of(rules(version)) for version in versions])
    history = taken(before, news)
    if before is not None and history == before:
        return []
    known = state.clocks if state else ()
    # What a ticket is counts from its beginning: news from before the last change of that may show
    # that what was told after it never was so.
    told = news.at if before is None or news.at > before.facts[-1].at else None
    clocks = clocks_of(history, rules, at=news.at, known=known, told=told)
    settlement, entries = settled_at(history, rules, clocks)
    if settlement is not None:
        clocks = tuple(
            clock.model_copy(update={"spans": merged(clock.spans, until=settlement.at)})
            for clock in clocks
        )
    clocks, withdrawn = _withdrawn(known, clocks, rules, told=told)
    withdrawn += _undone(history, rules, known, clocks, at=news.at)
    views = tuple(clock.view for clock in clocks)
    ledgers = ledgers_of(known, clocks)
    if state is None or before is None:
        return [_started(news, views, ledgers)]
    changed = _changed(state, news, before, history).model_copy(
        update={"clocks": views, "ledgers": ledgers} | _let_go(state, settlement, entries)
    )
    bodies: list[Body] = [changed]
    bodies.extend(
        ClockBreachWithdrawn(
            number=state.number, clocks=views, clock=view.clock, metric=view.metric
        )
        for view in withdrawn
    )
    return bodies


def taken(history: History | None, news: News) -> History:
    """Return a history with news taken in; the same where they say nothing new.

    The news of each topic come in its own order; that of the two makes no difference.
    """
    if history is None:
        accepted = FactsEntry(at=news.facts.accepted_at, facts=news.facts)
        history = History(version=news.version, facts=(accepted,))
    elif news.owner:
        # The acceptance is settled by the first event: clocks start there.
        kept = {"accepted_at": history.accepted_at, "number": history.now.number}
        facts = news.facts.model_copy(update=kept)
        if facts != history.now:
            since = history.accepted_at if news.first else news.at
            history = replace(history, facts=with_facts(history.facts, facts, since))
    if news.first and news.version != history.version and not history.rated:
        history = replace(history, version=news.version)
    if news.message is not None:
        history = replace(history, messages=with_message(history.messages, news.message))
    if news.entry is not None:
        entry = news.entry
        history = replace(history, work=with_entry(history.work, entry))
        if history.desk is None:
            history = replace(history, desk=entry.desk, tier=entry.tier)
    return history


def _cared_for(
    state: ClocksState | None, history: History | None, news: News, terms: Sequence[Terms]
) -> News:
    """Return the news without what no policy of the ticket's versions could ever ask for."""
    message, entry = news.message, news.entry
    if message is not None and not any(one.asked.every_message for one in terms):
        replied = history is not None and first_reply(history.messages) is not None
        answered = replied or (state is not None and state.responded_at is not None)
        if answered or message.change != REPLIED:
            news = replace(news, message=None)
    if entry is None or history is None:
        return news
    last = history.work[-1] if history.work else None
    if last is None and history.settlement is not None:
        last = history.settlement.entry
    if last is not None and not any(_entry_matters(last, entry, one) for one in terms):
        news = replace(news, entry=None)
    return news


def _entry_matters(last: WorkEntry, entry: WorkEntry, terms: Terms) -> bool:
    if entry.change == REGARDED and not terms.asked.regarded:
        return told_apart(last, entry)
    if terms.asked.every_entry:
        return True
    return _as_clocks_see(last) != _as_clocks_see(entry)


def _as_clocks_see(entry: WorkEntry) -> tuple[object, ...]:
    """Return what the defaults of the metrics ask of an entry, and who has the work.

    Among statuses in which it is taken, and among those in which it is not, a change matters to
    none. Whether it is taken is kept also where no policy asks: a rerate may bring one that does.
    """
    pending = entry.status == Status.PENDING
    status = entry.status if pending or entry.status in OVER else str(entry.status in TAKEN)
    reason = entry.reason if pending or entry.status in OVER else None
    return status, reason, entry.desk, entry.tier, entry.agent, entry.supplier


def _withdrawn(
    known: Sequence[Clock], clocks: Sequence[Clock], rules: Rules, *, told: datetime | None
) -> tuple[tuple[Clock, ...], list[ClockView]]:
    """Take back the breaches of which an event from before them says that they were none, or that
    they were told of another cycle, or by a version that does not count for the clock.

    ``told`` is as for `clocks_of`.
    """
    was = {clock.view.clock: (clock.view.configversion, clock.view.started_at) for clock in known}
    kept: list[Clock] = []
    withdrawn: list[ClockView] = []
    for clock in clocks:
        view = clock.view
        breached_at = view.breached_at
        is_same = was.get(view.clock) == (view.configversion, view.started_at)
        is_same = is_same and view.cancelled_for != RERATED
        stays = breached_at is None or (is_same and told is not None and told > breached_at)
        if stays or breached_at is None or _broke(view, breached_at):
            kept.append(clock)
            continue
        view = view.model_copy(update={"breached_at": None})
        free = timed(Clock(view=view, spans=clock.spans), rules)
        kept.append(free)
        withdrawn.append(free.view)
    return tuple(kept), withdrawn


def _undone(
    history: History,
    rules: Rules,
    known: Sequence[Clock],
    clocks: Sequence[Clock],
    *,
    at: datetime,
) -> list[ClockView]:
    """Return the clocks with a breach that was told, and that there never were, as is known now.

    A clock that is only let go, to make room, did break.
    """
    left = {clock.view.clock for clock in clocks}
    gone = [c.view for c in known if c.view.clock not in left and c.view.breached_at is not None]
    if not gone:
        return []
    fold = whole_fold(history, rules, at=at, known=known)
    there = {one.clock.view.clock for one in fold.all(let_go=True)}
    newest: dict[Family, int] = {}
    for clock in clocks:
        newest[family_of(clock.view)] = clock.view.cycle
    return [
        view
        for view in gone
        if view.clock not in there and view.cycle > newest.get(family_of(view), 0)
    ]


def _broke(view: ClockView, breached_at: datetime) -> bool:
    """Whether a clock broke its target by the instant of a breach that was told."""
    return is_broken(view) and view.due_at is not None and view.due_at <= breached_at


def _let_go(state: ClocksState, settlement: Settled | None, entries: int) -> dict[str, object]:
    """Return how much of the history is let go, and what is kept of it."""
    if settlement is None:
        return {}
    # The first entry of what release 0.1 settled stands in the document, and not in the history.
    first = len(state.course) - len(history_of(state).work)
    return {"settlement": settlement, "settled": first + entries}


def ledgers_of(before: Sequence[Clock], after: Sequence[Clock]) -> tuple[ClockLedger, ...]:
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
    message = news.message
    return ClocksStarted(
        number=news.facts.number,
        clocks=views,
        facts=news.facts,
        desk=news.entry.desk if news.entry else None,
        at=news.at,
        entry=news.entry,
        message=message,
        responded_at=message.at if message and message.change == REPLIED else None,
        ledgers=ledgers,
        configversion=news.version,
    )


def _changed(state: ClocksState, news: News, before: History, after: History) -> ClocksChanged:
    """Return the event of a change; what was counted is put in by the caller."""
    entry, message = news.entry, news.message
    change = news.change
    if entry is not None and change == "queued" and entry.desk != state.desk:
        change = "desk-changed"
    elif entry is None and message is None:
        change = "facts-changed"
    replied = message is not None and message.change == REPLIED
    if replied and state.responded_at is not None:
        change = REPLIED
    return ClocksChanged(
        number=state.number,
        clocks=(),
        change=change,
        status=entry.status if entry else state.status,
        desk=entry.desk if entry else state.desk,
        facts=after.now if after.now != before.now else None,
        facts_since=after.accepted_at if news.first and after.now != before.now else None,
        configversion=None if after.version == before.version else after.version,
        at=news.at,
        entry=entry,
        message=message,
        responded_at=news.at if replied and state.responded_at is None else None,
    )
