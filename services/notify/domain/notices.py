"""The notices of one ticket, or the codes of one contact: their state, and what changes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from shared.aggregate import Aggregate
from shared.contracts.envelope import Event
from shared.contracts.notify import (
    NoticeDeferred,
    NoticeFailed,
    NoticeKind,
    NoticePlanned,
    NoticeSent,
    RecipientKind,
    WatchingChanged,
)
from shared.contracts.topics import NOTICES as NOTICES_TOPIC

CODE: Final = "code"
"""Name of the detail that names a code; what the code is, no event says."""

SETTLED_KEPT_MAX: Final = 50
"""Settled notices that a document remembers; older ones are in the topic and in the console."""

OPEN_MAX: Final = 200
"""Notices of one ticket that may wait at once; one beyond is recorded as failed, with the reason."""

RESOLUTION: Final = "resolution"
"""Name of the detail that says which resolution a mail is about: the sequence of its event."""

REQUEST: Final = "request"
"""Name of the detail that holds the message with which the ticket began."""


class NoticeStatus(StrEnum):
    """What became of a notice."""

    PLANNED = "planned"
    SENT = "sent"
    FAILED = "failed"


class Notice(BaseModel):
    """One notice.

    Invariants: ``id`` is that of its planned event, and never changes; ``due_at`` is set where
    and only where the notice is still to be sent; ``since`` is when trying began.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    key: str
    """Unique within the ticket."""
    kind: NoticeKind
    recipient_kind: RecipientKind
    recipient: str
    language: str
    message: str | None = None
    details: Mapping[str, str] = {}
    configversion: int = 0
    status: NoticeStatus = NoticeStatus.PLANNED
    attempts: int = 0
    planned_at: datetime
    since: datetime
    due_at: datetime | None = None
    settled_at: datetime | None = None
    reason: str | None = None
    message_id: str | None = None


class Watching(BaseModel):
    """One who follows a ticket: an agent or a contact."""

    model_config = ConfigDict(frozen=True)

    watcher: str
    kind: RecipientKind


class Notices(BaseModel):
    """All notices of a ticket.

    Invariants: ``notices`` are in the order of planning, their keys are distinct; ``due_at`` is
    the earliest of theirs; ``acknowledged`` never becomes false again.
    """

    model_config = ConfigDict(frozen=True)

    number: str = ""
    request: str | None = None
    """The message with which the ticket began, where an acknowledgement was planned for it."""
    acknowledged: bool = False
    contact_desk: str | None = None
    """The desk to which the requester was referred last: answers go there."""
    due_at: datetime | None = None
    watchers: tuple[Watching, ...] = ()
    """Who follows the ticket."""
    notices: tuple[Notice, ...] = ()

    def find(self, key: str) -> Notice | None:
        """Return the notice of a key, or None."""
        return next((notice for notice in self.notices if notice.key == key), None)

    @property
    def open_count(self) -> int:
        """How many notices are still to be sent."""
        return sum(1 for notice in self.notices if notice.status is NoticeStatus.PLANNED)


def evolve(state: Notices | None, event: Event[Any]) -> Notices:
    """Return the state after one of its own events; an unknown one changes nothing."""
    before = state or Notices()
    match event.body:
        case NoticePlanned() as body:
            return _planned(before, event, body)
        case WatchingChanged() as body:
            one = Watching(watcher=body.watcher, kind=body.kind)
            others = tuple(known for known in before.watchers if known != one)
            watchers = (*others, one) if body.watching else others
            return before.model_copy(update={"watchers": watchers})
        case NoticeSent() as body:
            return _changed(
                before,
                body.notice,
                status=NoticeStatus.SENT,
                attempts=body.attempts,
                due_at=None,
                settled_at=event.time,
                reason=None,
                message_id=body.message_id,
            )
        case NoticeFailed() as body:
            return _changed(
                before,
                body.notice,
                status=NoticeStatus.FAILED,
                attempts=body.attempts,
                due_at=None,
                settled_at=event.time,
                reason=body.reason,
            )
        case NoticeDeferred() as body:
            again = {} if body.by is None else {"since": event.time}
            return _changed(
                before,
                body.notice,
                status=NoticeStatus.PLANNED,
                attempts=body.attempts,
                due_at=body.until,
                settled_at=None,
                reason=body.reason,
                **again,
            )
        case _:
            return before


def _planned(before: Notices, event: Event[Any], body: NoticePlanned) -> Notices:
    notice = Notice(
        id=event.id,
        key=body.notice,
        kind=body.kind,
        recipient_kind=body.recipient_kind,
        recipient=body.recipient,
        language=body.language,
        message=body.message,
        details=body.details,
        configversion=event.configversion,
        planned_at=event.time,
        since=event.time,
        due_at=event.time,
    )
    acknowledges = body.kind is NoticeKind.ACKNOWLEDGEMENT
    refers = body.kind is NoticeKind.REFERRAL
    return _with(
        before.model_copy(
            update={
                "number": body.number,
                "request": body.details.get(REQUEST, before.request),
                "acknowledged": before.acknowledged or acknowledges,
                "contact_desk": body.details.get("desk") if refers else before.contact_desk,
            }
        ),
        (*before.notices, notice),
    )


def _changed(before: Notices, key: str, **changes: Any) -> Notices:
    return _with(
        before,
        (
            notice.model_copy(update=changes) if notice.key == key else notice
            for notice in before.notices
        ),
    )


def _with(state: Notices, notices: Iterable[Notice]) -> Notices:
    """Return the state with these notices, the oldest settled ones forgotten."""
    every = tuple(notices)
    settled = [n.id for n in every if n.status is not NoticeStatus.PLANNED]
    forgotten = set(settled[: max(0, len(settled) - SETTLED_KEPT_MAX)])
    kept = tuple(notice for notice in every if notice.id not in forgotten)
    due = [notice.due_at for notice in kept if notice.due_at is not None]
    return state.model_copy(update={"notices": kept, "due_at": min(due, default=None)})


NOTICES: Final = Aggregate(name="notices", topic=NOTICES_TOPIC, state=Notices, evolve=evolve)
"""One document per ticket; of the codes that are sent for a contact, one per contact."""
