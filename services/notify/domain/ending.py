"""Who is told as a ticket comes to its end: of silence, and of work that nobody has to do now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from services.notify.domain.notices import RESOLUTION, Notices, NoticeStatus
from services.notify.domain.planning import (
    details_of,
    key,
    language_of,
    planned_once,
    request_of,
)
from shared.contracts.envelope import Body, Event
from shared.contracts.lifecycle import TaskCancelled, TicketReminded
from shared.contracts.notify import NoticeFailed, NoticeKind, NoticePlanned, RecipientKind
from shared.contracts.routing import TicketClosed, TicketReopened
from shared.kernel import rfc3339
from shared.organisation import Configuration

OVERTAKEN: Final = "overtaken: the ticket was reopened or closed before the reminder was sent"


def remind(
    state: Notices | None, event: Event[TicketReminded], now: datetime, *, reachable: bool
) -> Sequence[Body]:
    """Plan to remind the contact that silence closes the ticket; too late, it says nothing."""
    body = event.body
    if not reachable or now >= body.close_at:
        return ()
    return planned_once(
        state,
        NoticePlanned(
            number=body.facts.number,
            notice=key(NoticeKind.REMINDER.value, event.id),
            kind=NoticeKind.REMINDER,
            recipient_kind=RecipientKind.CONTACT,
            recipient=body.facts.contact,
            language=body.facts.language,
            details={
                **details_of(body.facts),
                **request_of(state),
                "desk": body.desk,
                "close_at": rfc3339(body.close_at),
                RESOLUTION: str(body.resolution),
            },
        ),
    )


def drop_reminders(
    state: Notices | None, _event: Event[TicketReopened] | Event[TicketClosed], _now: datetime
) -> Sequence[Body]:
    """Give up reminders that still wait to be sent: what they say is not true any more."""
    return [
        NoticeFailed(notice=notice.key, reason=OVERTAKEN, attempts=notice.attempts)
        for notice in (state.notices if state is not None else ())
        if notice.kind is NoticeKind.REMINDER and notice.status is NoticeStatus.PLANNED
    ]


def tell_task_cancelled(
    state: Notices | None,
    event: Event[TaskCancelled],
    _now: datetime,
    configuration: Configuration,
) -> Sequence[Body]:
    """Plan to tell who was asked for a task, agent or desk, that it is cancelled, and why.

    Nobody is told of what they did themselves. An event of an older release names nobody.
    """
    body = event.body
    whose = body.task_agent or body.task_desk
    if whose is None or body.task_agent == body.by:
        return ()
    kind = RecipientKind.AGENT if body.task_agent else RecipientKind.DESK
    return planned_once(
        state,
        NoticePlanned(
            number=body.facts.number,
            notice=key(NoticeKind.TASK.value, event.id),
            kind=NoticeKind.TASK,
            recipient_kind=kind,
            recipient=whose,
            language=language_of(configuration, kind, whose),
            details={
                **details_of(body.facts),
                **request_of(state),
                "desk": body.desk,
                "by": body.by,
                "reason": body.reason,
                **({"task": body.code} if body.code else {}),
            },
        ),
    )
