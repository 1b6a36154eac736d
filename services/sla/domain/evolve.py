"""How the stream's own events make the state. Reads no configuration: all is in the events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from services.sla.domain.history import OVER, history_of, with_entry, with_facts, with_message
from services.sla.domain.model import (
    NEVER,
    OPEN_STATES,
    REPLIED,
    Clock,
    ClocksState,
    Rating,
    shard_of,
)
from shared.aggregate import Aggregate
from shared.contracts.envelope import Event
from shared.contracts.routing import PendReason, Status
from shared.contracts.sla import (
    ClockLedger,
    ClocksChanged,
    ClocksCounted,
    ClocksEvent,
    ClocksRerated,
    ClocksStarted,
    ClockView,
    MessageEntry,
    WorkEntry,
)
from shared.contracts.topics import CLOCKS


def evolve(state: ClocksState | None, event: Event[Any]) -> ClocksState:
    """Return the state after one of the stream's own events."""
    body = event.body
    match body:
        case ClocksStarted():
            state = ClocksState(
                number=body.number,
                facts=body.facts,
                configversion=body.configversion,
                shard=shard_of(event.subject),
            )
            return _taken(_worked(state, body), body, body.ledgers)
        case ClocksChanged() if state is not None:
            state = _known_better(state, body, event)
            return _taken(_worked(state, body), body, body.ledgers)
        case ClocksRerated() if state is not None:
            rating = Rating(
                at=body.at, version=body.configversion, by=body.by, because=body.because
            )
            state = state.model_copy(update={"ratings": (*state.ratings, rating)})
            return _taken(state, body, body.ledgers)
        case ClocksEvent() if state is not None:
            return _taken(state, body, ())
        case _:
            message = f"{event.type} cannot follow {'nothing' if state is None else 'a state'}"
            raise ValueError(message)


def _known_better(state: ClocksState, body: ClocksChanged, event: Event[Any]) -> ClocksState:
    """Return the state with what the ticket is now, and whose policies apply."""
    if body.configversion is not None:
        state = state.model_copy(update={"configversion": body.configversion})
    if body.facts is None:
        return state
    since = body.facts_since or body.at or event.time
    log = with_facts(history_of(state).facts, body.facts, since)
    return state.model_copy(update={"facts": body.facts, "facts_log": log if len(log) > 1 else ()})


def _worked(state: ClocksState, body: ClocksCounted) -> ClocksState:
    """Return the state with what was said, and how the work stands now."""
    update: dict[str, object] = {}
    message = body.message
    if body.responded_at is not None:
        update["responded_at"] = body.responded_at
        if message is None:  # Release 0.1 told of the first reply alone.
            message = MessageEntry(at=body.responded_at, change=REPLIED)
    if message is not None:
        update["messages"] = with_message(state.messages, message)
    entry = body.entry
    if entry is not None:
        update |= {
            "status": entry.status,
            "desk": entry.desk,
            "tier": entry.tier,
            "agent": entry.agent,
            "reason": entry.reason,
            "supplier": entry.supplier,
            "course": with_entry(state.course, entry),
        }
        if state.first_desk is None:
            update |= {"first_desk": entry.desk, "first_tier": entry.tier}
    return _settled(state.model_copy(update=update), body)


def _settled(state: ClocksState, body: ClocksCounted) -> ClocksState:
    """Return the state without the entries that were let go."""
    settlement = body.settlement
    if settlement is not None:
        return state.model_copy(
            update={
                "course": state.course[body.settled :],
                "messages": state.messages[settlement.messages :],
                "settled": state.settled + body.settled,
                "settlement": settlement,
            }
        )
    if not body.settled:
        return state
    return state.model_copy(
        update={
            "course": _let_go_by_0_1(state.course, body.settled),
            "settled": state.settled + body.settled,
        }
    )


def _let_go_by_0_1(course: tuple[WorkEntry, ...], count: int) -> tuple[WorkEntry, ...]:
    """Return what is left where release 0.1 let so many stretches go.

    It took entries together that made no difference to a clock.
    """
    places: list[int] = []
    for place, entry in enumerate(course):
        if not places or _stretch(course[places[-1]]) != _stretch(entry):
            places.append(place)
    return course[places[min(count, len(places) - 1)] :]


def _stretch(entry: WorkEntry) -> tuple[object, ...]:
    """Return what told stretches apart in release 0.1."""
    pauses = entry.status == Status.PENDING and entry.reason != PendReason.SUPPLIER
    return entry.desk, entry.status in OVER, pauses, entry.reason if pauses else None


def _taken(state: ClocksState, body: ClocksEvent, ledgers: Sequence[ClockLedger]) -> ClocksState:
    """Return the state with the clocks as they are after the event."""
    spans = {clock.view.clock: clock.spans for clock in state.clocks}
    changes: Mapping[str, ClockLedger] = {ledger.clock: ledger for ledger in ledgers}
    clocks = []
    for view in body.clocks:
        kept = spans.get(view.clock, ())
        change = changes.get(view.clock)
        if change is not None:
            kept = (*kept[: change.keep], *change.spans)
        clocks.append(Clock(view=view, spans=kept))
    return state.model_copy(update={"clocks": tuple(clocks), **_derived(body.clocks)})


def _derived(views: Sequence[ClockView]) -> dict[str, object]:
    """Return what is looked up by: derived from the clocks, kept for the indexes."""
    ranks = [v.due_at for v in views if v.state in OPEN_STATES and v.due_at is not None]
    return {
        "due_at": min((v.next_at for v in views if v.next_at is not None), default=None),
        "rank_at": min(ranks, default=NEVER),
        "breached": any(v.breached_at is not None for v in views),
    }


TICKET_CLOCKS: Aggregate[ClocksState] = Aggregate(
    name="clocks", topic=CLOCKS, state=ClocksState, evolve=evolve
)
