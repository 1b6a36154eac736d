"""One ticket in a handover: its state, the fold of its events."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from shared.aggregate import Aggregate
from shared.contracts.envelope import Event
from shared.contracts.handover import (
    HANDOVER_ITEM_EVENTS,
    HandoverAction,
    HandoverBrief,
    HandoverItemAccepted,
    HandoverItemAdded,
    HandoverItemBriefed,
    HandoverItemDeclined,
    HandoverItemEvent,
    HandoverItemKept,
    HandoverItemLeft,
    HandoverItemMoved,
    HandoverItemOffered,
)
from shared.contracts.topics import SHIFTS
from shared.kernel import stream_id


class Stage(StrEnum):
    """How far an item is."""

    DRAFTED = "drafted"
    OFFERED = "offered"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    KEPT = "kept"
    MOVED = "moved"
    LEFT = "left"


GONE: Final = frozenset({Stage.MOVED, Stage.LEFT})
"""The ticket is not with the desk any more, as far as the item knows."""
SETTLED: Final = frozenset({*GONE, Stage.KEPT})


class Receipt(BaseModel):
    """One move: which event of the ticket it was."""

    model_config = ConfigDict(frozen=True)

    to: str
    sequence: int
    why: str
    at: datetime
    by: str = "system"
    agent: str | None = None


class ItemState(BaseModel):
    """One ticket in one handover.

    Invariants: each move of the ticket by this handover has exactly one receipt, written in the
    same transaction; ``sequence`` is the ticket's when it was last seen to be gone.
    """

    model_config = ConfigDict(frozen=True)

    handover: str = ""
    ticket: str = ""
    number: str = ""
    desk: str = ""
    stage: Stage = Stage.DRAFTED
    action: HandoverAction = HandoverAction.MOVE
    rule: str = ""
    round: int = 1
    brief: HandoverBrief | None = None
    added_at: datetime | None = None
    offered_to: str | None = None
    answer_until: datetime | None = None
    answered_by: str | None = None
    declined_reason: str | None = None
    declined_note: str | None = None
    kept_by: str | None = None
    """An agent's name where it is that agent's word, ``system`` otherwise."""
    kept_reason: str | None = None
    opens_at: datetime | None = None
    receipts: tuple[Receipt, ...] = ()
    left_why: str | None = None
    left_to: str | None = None
    sequence: int = 0
    at: datetime | None = None
    """Of its last event."""


def evolve_item(state: ItemState | None, event: Event[Any]) -> ItemState:
    """Return the state after one of the item's own events."""
    before = state or ItemState()
    body = event.body
    if not isinstance(body, HandoverItemEvent):
        message = f"{event.type} is no event of an item of a handover"
        raise TypeError(message)
    common = {
        "handover": body.handover,
        "ticket": body.ticket,
        "number": body.number,
        "desk": body.desk,
        "at": event.time,
    }
    return before.model_copy(update=common | _changes(before, body, event.time))


def _changes(before: ItemState, body: HandoverItemEvent, at: datetime) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    match body:
        case HandoverItemAdded():
            changes = _added(before, body, at)
        case HandoverItemBriefed():
            changes = {"action": body.action, "rule": body.rule, "brief": body.brief}
        case HandoverItemOffered():
            changes = {
                "stage": Stage.OFFERED,
                "offered_to": body.to,
                "answer_until": body.answer_until,
                "answered_by": None,
            }
        case HandoverItemAccepted():
            changes = {"stage": Stage.ACCEPTED, "answered_by": body.by}
        case HandoverItemDeclined():
            changes = {
                "stage": Stage.DECLINED,
                "answered_by": body.by,
                "declined_reason": body.reason,
                "declined_note": body.note,
            }
        case HandoverItemKept():
            changes = {
                "stage": Stage.KEPT,
                "kept_by": body.by,
                "kept_reason": body.reason,
                "opens_at": body.opens_at,
            }
        case HandoverItemMoved():
            changes = _moved(before, body, at)
        case HandoverItemLeft():
            changes = {
                "stage": Stage.LEFT,
                "left_why": body.why,
                "left_to": body.to,
                "sequence": body.sequence,
            }
        case _:
            pass
    return changes


def _added(before: ItemState, body: HandoverItemAdded, at: datetime) -> dict[str, Any]:
    """Return everything anew but the receipts: it may have come back."""
    fresh = ItemState(
        handover=body.handover,
        ticket=body.ticket,
        number=body.number,
        desk=body.desk,
        action=body.action,
        rule=body.rule,
        round=body.round,
        brief=body.brief,
        added_at=at,
        receipts=before.receipts,
        sequence=before.sequence,
        at=at,
    )
    return dict(fresh)


def _moved(before: ItemState, body: HandoverItemMoved, at: datetime) -> dict[str, Any]:
    receipt = Receipt(
        to=body.to,
        sequence=body.sequence,
        why=body.why,
        at=at,
        by=body.by,
        agent=body.agent,
    )
    return {
        "stage": Stage.MOVED,
        "receipts": (*before.receipts, receipt),
        "sequence": body.sequence,
    }


ITEMS: Final = Aggregate(
    name="handover_items",
    topic=SHIFTS,
    state=ItemState,
    evolve=evolve_item,
    events=HANDOVER_ITEM_EVENTS,
)


def item_stream(tenant: str, handover: str, ticket: str) -> str:
    """Return the id of an item's stream: a ticket is in a handover once."""
    return stream_id(tenant, "handover-item", handover, ticket)
