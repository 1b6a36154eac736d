"""How the stream's own events make the state. Reads no configuration: all is in the events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from services.sla.domain.course import appended
from services.sla.domain.model import NEVER, OPEN_STATES, Clock, ClocksState, shard_of
from shared.aggregate import Aggregate
from shared.contracts.envelope import Event
from shared.contracts.sla import (
    ClockLedger,
    ClocksChanged,
    ClocksCounted,
    ClocksEvent,
    ClocksStarted,
    ClockView,
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
            if body.facts is not None:
                state = state.model_copy(update={"facts": body.facts})
            return _taken(_worked(state, body), body, body.ledgers)
        case ClocksEvent() if state is not None:
            return _taken(state, body, ())
        case _:
            message = f"{event.type} cannot follow {'nothing' if state is None else 'a state'}"
            raise ValueError(message)


def _worked(state: ClocksState, body: ClocksCounted) -> ClocksState:
    """Return the state with how the work stands now."""
    update: dict[str, object] = {}
    if body.responded_at is not None:
        update["responded_at"] = body.responded_at
    entry = body.entry
    if entry is not None:
        update |= {
            "status": entry.status,
            "desk": entry.desk,
            "tier": entry.tier,
            "agent": entry.agent,
            "reason": entry.reason,
            "course": appended(state.course, entry)[body.settled :],
            "settled": state.settled + body.settled,
        }
        if state.first_desk is None:
            update |= {"first_desk": entry.desk, "first_tier": entry.tier}
    return state.model_copy(update=update)


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
