"""The history of a ticket: what clocks are folded from, and how it grows.

Two topics tell it: what was said and what the ticket is (intake), and how the work stands
(routing). Each keeps its own order; which of them is read first makes no difference, because
their entries are put in the order of their own times. At one instant what was said comes before
what the work did of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from services.sla.domain.model import REPLIED, WROTE, ClocksState, FactsEntry, Rating
from shared.contracts.facts import TicketFacts
from shared.contracts.routing import PendReason, Status
from shared.contracts.sla import MessageEntry, Settled, SettledClock, WorkEntry

OVER: Final = frozenset({Status.RESOLVED.value, Status.CLOSED.value})
TAKEN: Final = frozenset({Status.ACCEPTED.value, Status.IN_PROGRESS.value})
_UNTAKEN: Final = frozenset({Status.QUEUED.value, Status.OFFERED.value, Status.ASSIGNED.value})
MERGED: Final = "merged"
FACTS_MAX: Final = 20
"""Changes of what a ticket is that its document keeps; the oldest of more is let go."""
MS: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class History:
    """All that is known of a ticket, as far as clocks care.

    Each list is in order of time. ``facts`` has one entry at least, the first at acceptance.
    """

    version: int
    """The version whose policies apply, until a rating says another."""
    facts: tuple[FactsEntry, ...]
    work: tuple[WorkEntry, ...] = ()
    messages: tuple[MessageEntry, ...] = ()
    desk: str | None = None
    """The first desk, for which policies may ask; None before it is known."""
    tier: int | None = None
    settlement: Settled | None = None
    ratings: tuple[Rating, ...] = ()
    """Since when running clocks count by another version; none of the time that is settled."""
    rated: bool = False
    """Whether the version is that of a rating that is settled, and not of the acceptance."""

    @property
    def versions(self) -> tuple[int, ...]:
        """The versions whose policies apply or did, the newest last."""
        earlier = () if self.settlement is None else self.settlement.earlier
        ratings = (rating.version for rating in self.ratings)
        return (*(group.version for group in earlier), self.version, *ratings)

    @property
    def now(self) -> TicketFacts:
        """What the ticket is."""
        return self.facts[-1].facts

    @property
    def accepted_at(self) -> datetime:
        """When clocks start."""
        return self.facts[0].at


@dataclass(frozen=True, slots=True)
class Moment:
    """An entry of the history, and all that a condition may ask for as of then.

    ``entry`` is None before the first desk is known.
    """

    at: datetime
    event: str
    """The word for what happened; empty at acceptance."""
    entry: WorkEntry | None
    held: int = 0
    """The version of the hand-over to the desk: it says which calendar the desk has."""
    waited: int = 0
    """The version as of which it waits for a supplier."""
    was_over: bool = False
    """Whether the work was over just before."""
    answered: bool = False
    """Whether the requester has had an answer at all."""
    asked: bool = False
    """Whether a later message of the requester waits for an answer."""

    @property
    def over(self) -> bool:
        """Whether the work is resolved or closed."""
        return self.entry is not None and self.entry.status in OVER

    @property
    def reopened(self) -> bool:
        """Whether the work goes on after it was over."""
        return self.was_over and not self.over

    @property
    def merged(self) -> bool:
        """Whether the ticket is closed because it is part of another now."""
        entry = self.entry
        return entry is not None and entry.status in OVER and entry.reason == MERGED

    @property
    def desk(self) -> str | None:
        """The desk that holds the work."""
        return self.entry.desk if self.entry else None

    @property
    def waits_for(self) -> str | None:
        """Whom or what pending work waits for; ``unknown`` where that was not said."""
        entry = self.entry
        if entry is None or entry.status != Status.PENDING:
            return None
        return entry.reason or PendReason.UNKNOWN.value

    @property
    def supplier(self) -> str | None:
        """The supplier whom it waits for, where that was said."""
        waits = self.entry is not None and self.waits_for == PendReason.SUPPLIER
        return self.entry.supplier if waits and self.entry else None

    def values(self) -> dict[str, object]:
        """Return what a condition may ask for as of the moment."""
        found: dict[str, object] = {"event": self.event or None}
        if self.entry is not None:
            entry = self.entry
            found |= {
                "desk": entry.desk,
                "tier": entry.tier,
                "status": entry.status,
                "reason": entry.reason,
                "supplier": self.supplier,
                "agent": entry.agent,
            }
        return found


def history_of(state: ClocksState) -> History:
    """Return the history that a ticket's document holds."""
    first = FactsEntry(at=state.facts.accepted_at, facts=state.facts)
    work, settlement = state.course, state.settlement
    if settlement is None and state.settled and work:
        settlement, work = _settled_by_0_1(state), work[1:]
    version, ratings = state.configversion, state.ratings
    rated = False
    while settlement is not None and ratings and ratings[0].at <= settlement.at:
        version, ratings, rated = ratings[0].version, ratings[1:], True
    return History(
        version=version,
        ratings=ratings,
        facts=state.facts_log or (first,),
        work=work,
        messages=state.messages,
        desk=state.first_desk,
        tier=state.first_tier,
        settlement=settlement,
        rated=rated,
    )


def with_entry(work: tuple[WorkEntry, ...], entry: WorkEntry) -> tuple[WorkEntry, ...]:
    """Return the entries with a further one; it is not earlier than the last."""
    if work and entry.at < work[-1].at:
        entry = entry.model_copy(update={"at": work[-1].at})
    return (*work, entry)


def with_message(
    messages: tuple[MessageEntry, ...], message: MessageEntry
) -> tuple[MessageEntry, ...]:
    """Return the messages with a further one; it is not earlier than the last."""
    if messages and message.at < messages[-1].at:
        message = message.model_copy(update={"at": messages[-1].at})
    return (*messages, message)


def with_facts(
    log: tuple[FactsEntry, ...], facts: TicketFacts, since: datetime
) -> tuple[FactsEntry, ...]:
    """Return what the ticket was and is, with a change; that is not earlier than the last.

    What it is since its acceptance replaces what was taken for that: routing may have spoken of
    the ticket before intake was read. The oldest of too many is let go: the one after it counts
    from the beginning.
    """
    entry = FactsEntry(at=max(since, log[-1].at), facts=facts)
    if since <= log[0].at and len(log) == 1:
        return (entry,)
    log = (*log, entry)
    if len(log) <= FACTS_MAX:
        return log
    return (log[1].model_copy(update={"at": log[0].at}), *log[2:])


def moments(history: History) -> list[Moment]:
    """Return the history in order, one moment for each entry.

    The first is the acceptance, or where the history is settled. The time between acceptance and
    the first entry is charged to that entry's desk: which of a ticket's first events is read
    first must make no difference.
    """
    last = _first(history)
    found = [last]
    settlement = history.settlement
    bound = history.accepted_at if settlement is None else settlement.at + MS
    work, messages = history.work, history.messages
    done = said = 0
    while done < len(work) or said < len(messages):
        if said < len(messages) and (done == len(work) or messages[said].at <= work[done].at):
            last = _spoken(last, messages[said], bound)
            said += 1
        else:
            last = _moved(last, work[done], bound)
            done += 1
        found.append(last)
    return found


def _first(history: History) -> Moment:
    settlement = history.settlement
    if settlement is not None:
        return Moment(
            at=settlement.at,
            event=settlement.event,
            entry=settlement.entry,
            held=settlement.entry.configversion,
            waited=settlement.waits_version,
            was_over=settlement.entry.status in OVER,
            answered=settlement.answered,
            asked=settlement.asked,
        )
    at = history.accepted_at
    if not history.work:
        return Moment(at=at, event="", entry=None)
    entry = history.work[0]
    version = entry.configversion
    queued = WorkEntry(
        at=at,
        status=Status.QUEUED.value,
        desk=entry.desk,
        tier=entry.tier,
        configversion=version,
    )
    return Moment(at=at, event="", entry=queued, held=version)


def _spoken(last: Moment, message: MessageEntry, bound: datetime) -> Moment:
    replied = message.change == REPLIED
    return Moment(
        at=max(message.at, bound, last.at),
        event=message.change,
        entry=last.entry,
        held=last.held,
        waited=last.waited,
        was_over=last.over,
        answered=last.answered or replied,
        asked=not replied and (last.asked or (last.answered and message.change == WROTE)),
    )


def _moved(last: Moment, entry: WorkEntry, bound: datetime) -> Moment:
    kept = last.entry is not None and last.entry.desk == entry.desk
    moment = Moment(
        at=max(entry.at, bound, last.at),
        event=entry.change,
        entry=entry,
        held=last.held if kept else entry.configversion,
        was_over=last.over,
    )
    solved = moment.over and not last.over
    waits_on = moment.supplier is not None and moment.supplier == last.supplier
    return Moment(
        at=moment.at,
        event=moment.event,
        entry=entry,
        held=moment.held,
        waited=last.waited if waits_on else entry.configversion,
        was_over=moment.was_over,
        answered=last.answered or solved,
        asked=last.asked and not solved,
    )


def _settled_by_0_1(state: ClocksState) -> Settled:
    """Return what release 0.1 kept of a settled history: it knew one rule of pausing."""
    first = state.course[0]
    clocks = []
    for clock in state.clocks:
        view = clock.view
        how, ended_at = "running", None
        if view.ended_at is not None and view.ended_at <= first.at:
            how, ended_at = "ended", view.ended_at
        elif first.status in OVER:
            how, ended_at = "ended", first.at
        elif first.status == Status.PENDING and first.reason != PendReason.SUPPLIER:
            how = "paused"
        clocks.append(SettledClock(clock=view.clock, state=how, ended_at=ended_at))
    return Settled(
        at=first.at,
        event=first.change,
        entry=first,
        answered=bool(state.messages) and state.messages[0].at <= first.at,
        clocks=tuple(clocks),
    )


def told_apart(last: WorkEntry, entry: WorkEntry) -> bool:
    """Return whether two entries differ in what a condition may ask for, but for the event."""
    return (
        last.status,
        last.desk,
        last.tier,
        last.agent,
        last.reason,
        last.supplier,
    ) != (
        entry.status,
        entry.desk,
        entry.tier,
        entry.agent,
        entry.reason,
        entry.supplier,
    )


def first_reply(messages: Sequence[MessageEntry]) -> datetime | None:
    """Return when the requester was answered first."""
    return next((m.at for m in messages if m.change == REPLIED), None)


def unaccepted_since(history: History) -> datetime | None:
    """Return since when nobody has accepted the ticket; None where somebody has."""
    return _since(history, lambda entry: entry.status in _UNTAKEN or _nobodys(entry))


def unresolved_since(history: History) -> datetime | None:
    """Return since when the ticket is not resolved; None where it is."""
    return _since(history, lambda entry: entry.status not in OVER)


def _nobodys(entry: WorkEntry) -> bool:
    return entry.status == Status.PENDING and entry.agent is None


def _since(history: History, holds: Callable[[WorkEntry], bool]) -> datetime | None:
    """Return since when something holds of how the work stands; None where it does not."""
    since = None
    for entry in reversed(history.work):
        if not holds(entry):
            return since
        since = entry.at
    settlement = history.settlement
    if settlement is None:
        return history.accepted_at
    return settlement.entry.at if holds(settlement.entry) else since
