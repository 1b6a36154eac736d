"""From an event to what is kept of it: parts of summaries, each guarded by its own sequence.

A part is a snapshot that comes from one stream of one service. It is replaced only by a later
event of that stream. So it makes no difference in which order the topics are read, how often an
event comes, or how many processes write: the newest snapshot of each part stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from shared.contracts.envelope import Body, Event
from shared.contracts.intake import (
    AlertsChanged,
    ConversationClosed,
    ConversationReopened,
    MessageAdded,
    RequestAccepted,
    RequestReclassified,
)
from shared.contracts.knowledge import ArticlesSuggested
from shared.contracts.offering import TicketOffered
from shared.contracts.routing import (
    HoldReleased,
    HoldTaken,
    PresenceChanged,
    TicketAssigned,
    TicketEvent,
    TicketPended,
    TicketQueued,
    TicketReferred,
)
from shared.contracts.sla import (
    ClocksCounted,
    ClocksEvent,
    ClocksRerated,
    ClocksStarted,
    ClockState,
    ClockTimed,
    ClockView,
)
from shared.contracts.topics import CLOCKS, NOTICES, REQUESTS, SHIFTS, SUGGESTIONS, TICKETS
from shared.documents import plain
from shared.kernel import derived_id

TOPICS = (REQUESTS, TICKETS, SHIFTS, CLOCKS, NOTICES, SUGGESTIONS)
"""What the console consumes."""

NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""Stands for "not due" in an index that sorts by due time."""


class Kind(StrEnum):
    """The kinds of summary."""

    TICKET = "tickets"
    AGENT = "agents"
    HOLD = "holds"


@dataclass(frozen=True, slots=True)
class Part:
    """A snapshot that replaces an older one of the same summary and name.

    ``fields`` are of BSON types. Invariant: two parts with the same kind, id, name and sequence
    have the same fields.
    """

    kind: Kind
    id: str
    tenant: str
    name: str
    seq: int
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One event as it is kept for timelines; the body stays as it came, in JSON."""

    id: str
    tenant: str
    stream: str
    source: str
    type: str
    seq: int
    at: datetime
    configversion: int
    cause: str | None
    body: bytes


@dataclass(frozen=True, slots=True)
class Touched:
    """Whose pages an event changes."""

    tickets: frozenset[str] = frozenset()
    agents: bool = False


def row_of(event: Event[bytes]) -> Row:
    """Return the row that an event is kept as."""
    return Row(
        id=event.id,
        tenant=event.tenant,
        stream=event.subject,
        source=event.source,
        type=event.type,
        seq=event.sequence,
        at=event.time,
        configversion=event.configversion,
        cause=event.causationid,
        body=event.body,
    )


def touched_by(row: Row) -> Touched:
    """Return what a row changes: its ticket, or who is present with what load."""
    if row.source == SHIFTS.source:
        return Touched(agents=True)
    return Touched(tickets=frozenset({row.stream}))


def parts_of(event: Event[Any]) -> list[Part]:
    """Return the parts that an event replaces; none for notices, which are rows only."""
    body: Body = event.body
    make = _PARTS.get(type(body))
    if make is not None:
        return make(event, body)
    if isinstance(body, TicketEvent):
        return _ticket_event(event, body)
    if isinstance(body, ClocksEvent):
        return _clocks_event(event, body)
    if event.source == TICKETS.source:
        return [_part(event, "revision", {})]
    return []


def newest(parts: Iterable[Part]) -> list[Part]:
    """Return only the newest of the parts that replace each other."""
    best: dict[tuple[Kind, str, str], Part] = {}
    for part in parts:
        key = (part.kind, part.id, part.name)
        if key not in best or best[key].seq < part.seq:
            best[key] = part
    return list(best.values())


def _part(event: Event[Any], name: str, fields: Mapping[str, Any]) -> Part:
    return Part(
        kind=Kind.TICKET,
        id=event.subject,
        tenant=event.tenant,
        name=name,
        seq=event.sequence,
        fields=plain(fields),
    )


def _accepted(event: Event[Any], body: Any) -> list[Part]:
    opening = {"message": body.message, "follows": body.follows}
    return [
        _part(event, "opening", opening),
        _part(event, "intake", {"facts": body.facts}),
        _part(event, "alerts", {"firing": body.firing}),
    ]


def _facts(event: Event[Any], body: Any) -> list[Part]:
    return [_part(event, "intake", {"facts": body.facts})]


def _alerts(event: Event[Any], body: Any) -> list[Part]:
    return [*_facts(event, body), _part(event, "alerts", {"firing": body.firing})]


def _ticket_event(event: Event[Any], body: TicketEvent) -> list[Part]:
    routing = {
        "facts": body.facts,
        "status": body.status,
        "desk": body.desk,
        "tier": body.tier,
        "agent": body.agent,
        "by": body.by,
        "at": event.time,
        "priority": body.facts.priority,
        "accepted_at": body.facts.accepted_at,
    }
    parts = [_part(event, "routing", routing), _part(event, "revision", {})]
    if isinstance(body, TicketQueued):
        queued = {"opens_at": body.opens_at, "since": event.time, "unrouted": body.unrouted}
        parts += [_part(event, "queued", queued), _part(event, "waits", {"queue": body.queue})]
        if body.contact_desk is not None:
            parts.append(_part(event, "referred", {"desk": body.contact_desk}))
    if isinstance(body, TicketReferred):
        parts.append(_part(event, "referred", {"desk": body.to_desk}))
    if isinstance(body, TicketOffered):
        parts.append(_part(event, "offered", {"answer_by": body.answer_by}))
    if isinstance(body, TicketAssigned):
        parts.append(_part(event, "waits", {"queue": body.queue}))
    if isinstance(body, TicketPended):
        pended = {"reason": body.reason, "until": body.until, "supplier": body.supplier}
        parts.append(_part(event, "pended", pended))
    return parts


def _clocks_event(event: Event[Any], body: ClocksEvent) -> list[Part]:
    fields: dict[str, Any] = {
        "clocks": list(body.clocks),
        "at": _counted_at(body) or event.time,
        "due_at": next_due(body.clocks),
        "breached": any(clock.breached_at is not None for clock in body.clocks),
        "number": body.number,
    }
    parts = [_part(event, "clocks", fields)]
    if isinstance(body, ClocksStarted):
        parts.append(_part(event, "measured", {"facts": body.facts, "desk": body.desk}))
    return parts


def _counted_at(body: ClocksEvent) -> datetime | None:
    """Return up to when an event counts the time of its clocks; None: up to its own time."""
    if isinstance(body, ClocksCounted | ClocksRerated):
        return body.at
    return body.as_of if isinstance(body, ClockTimed) else None


def next_due(clocks: Iterable[ClockView]) -> datetime:
    """Return when the most urgent running clock is due; `NEVER` where none is."""
    due = [c.due_at for c in clocks if c.state is ClockState.RUNNING and c.due_at is not None]
    return min(due, default=NEVER)


def _suggested(event: Event[Any], body: Any) -> list[Part]:
    return [_part(event, "suggested", {"suggestions": list(body.suggestions)})]


def _presence(event: Event[Any], body: Any) -> list[Part]:
    return [
        Part(
            kind=Kind.AGENT,
            id=event.subject,
            tenant=event.tenant,
            name="presence",
            seq=event.sequence,
            fields=plain(
                {
                    "agent": body.agent,
                    "presence": body.presence,
                    "since": event.time,
                    "reason": body.reason,
                }
            ),
        )
    ]


def _hold(event: Event[Any], body: Any) -> list[Part]:
    weight = body.weight if isinstance(body, HoldTaken) else 0
    return [
        Part(
            kind=Kind.HOLD,
            id=derived_id(event.subject, body.ticket),
            tenant=event.tenant,
            name="hold",
            seq=event.sequence,
            fields={"agent": body.agent, "ticket": body.ticket, "weight": weight},
        )
    ]


_PARTS: Mapping[type[Body], Callable[[Event[Any], Any], list[Part]]] = {
    RequestAccepted: _accepted,
    MessageAdded: _facts,
    RequestReclassified: _facts,
    ConversationClosed: _facts,
    ConversationReopened: _facts,
    AlertsChanged: _alerts,
    ArticlesSuggested: _suggested,
    PresenceChanged: _presence,
    HoldTaken: _hold,
    HoldReleased: _hold,
}
