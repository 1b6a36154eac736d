"""The projection's rows and summaries as documents of the store, and back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pymongo import UpdateOne

from services.console.domain.projection import NEVER, Kind, Part, Row
from services.console.domain.tickets import Count, Order, QueueFilter, Tab, Ticket
from shared.contracts.routing import Status

Json = dict[str, Any]


def values_of(statuses: Collection[Status | None]) -> list[str | None]:
    """Return the values to look for; None also finds a field that is missing."""
    return [None if status is None else status.value for status in statuses]


def order_of(chosen: QueueFilter) -> list[tuple[str, int]]:
    """Return fields and directions of a selection."""
    if chosen.tab in (Tab.RESOLVED, Tab.CLOSED):
        return [("routing.at", -1), ("_id", 1)]
    match chosen.order:
        case Order.DUE:
            return [("clocks.due_at", 1), ("routing.accepted_at", 1), ("_id", 1)]
        case Order.PRIORITY:
            return [("routing.priority", 1), ("clocks.due_at", 1), ("_id", 1)]
        case Order.AGE:
            return [("routing.accepted_at", 1), ("_id", 1)]


def guarded(part: Part) -> UpdateOne:
    """Return the update that replaces a part where it is older."""
    return UpdateOne(
        {"_id": part.id, f"{part.name}.seq": {"$not": {"$gte": part.seq}}},
        {"$set": {part.name: {**part.fields, "seq": part.seq}}},
    )


def skeleton(kind: Kind, identifier: str, tenant: str) -> Json:
    """Return a summary without parts. Sorted fields have a value, so that it is not first."""
    document: Json = {"_id": identifier, "tenant": tenant}
    if kind is Kind.TICKET:
        document["clocks"] = {"seq": 0, "due_at": NEVER}
        document["routing"] = {"seq": 0, "priority": "unknown", "accepted_at": NEVER, "at": NEVER}
    if kind is Kind.AGENT:
        document["presence"] = {"seq": 0}
    return document


def row_document(row: Row) -> Json:
    """Return a row as the store keeps it."""
    return {
        "_id": row.id,
        "tenant": row.tenant,
        "stream": row.stream,
        "source": row.source,
        "type": row.type,
        "seq": row.seq,
        "at": row.at,
        "cv": row.configversion,
        "cause": row.cause,
        "body": row.body,
    }


def row_from(document: Mapping[str, Any]) -> Row:
    """Return a row of the store."""
    return Row(
        id=document["_id"],
        tenant=document["tenant"],
        stream=document["stream"],
        source=document["source"],
        type=document["type"],
        seq=document["seq"],
        at=document["at"],
        configversion=document["cv"],
        cause=document["cause"],
        body=bytes(document["body"]),
    )


def ticket_from(document: Mapping[str, Any]) -> Ticket:
    """Return a ticket of its summary in the store."""
    parts: Json = {**document, "id": document["_id"]}
    if parts["routing"]["seq"] == 0:
        # The skeleton's values are for sorting only.
        del parts["routing"]
    return Ticket.model_validate(parts)


def count_from(group: Mapping[str, Any]) -> Count:
    """Return a count of a group that the store made."""
    key = group["_id"]
    status = key.get("status")
    return Count(
        status=None if status is None else Status(status),
        desk=key.get("desk"),
        agent=key.get("agent"),
        tickets=int(group["tickets"]),
        unattended=status == Status.QUEUED and key.get("tier") == 0,
    )
