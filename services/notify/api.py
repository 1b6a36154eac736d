"""HTTP of notify: what a ticket's contact and agents were told, and another try."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi import Path as PathParameter
from pydantic import BaseModel, ConfigDict

from services.notify.domain.notices import Notice, NoticeStatus
from services.notify.handlers import NoticeDesk
from shared.auth import Action, Actor
from shared.contracts.notify import NoticeKind, RecipientKind
from shared.http import allowed

Reader = Annotated[Actor, allowed(Action.READ)]
Worker = Annotated[Actor, allowed(Action.WORK)]
TicketId = Annotated[str, Query(min_length=1, max_length=64)]


class NoticeView(BaseModel):
    """A notice. ``due_at`` is when it is tried next; ``reason`` why it was not taken yet."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    id: str
    key: str
    kind: NoticeKind
    recipient_kind: RecipientKind
    recipient: str
    language: str
    message: str | None
    status: NoticeStatus
    attempts: int
    planned_at: datetime
    due_at: datetime | None
    settled_at: datetime | None
    reason: str | None
    message_id: str | None

    @classmethod
    def of(cls, notice: Notice) -> NoticeView:
        """Return the view of a notice."""
        return cls.model_validate(notice)


class NoticesAnswer(BaseModel):
    """A ticket's notices in the order of planning."""

    model_config = ConfigDict(frozen=True)

    ticket: str
    notices: tuple[NoticeView, ...]


def notices_router(desk: NoticeDesk) -> APIRouter:
    """Return the routes of notices."""
    router = APIRouter(tags=["notices"])

    @router.get("/v1/notices")
    async def list_notices(ticket: TicketId, actor: Reader) -> NoticesAnswer:
        """List the notices of a ticket; none where the ticket is unknown here."""
        found = await desk.notices(ticket, tenant=actor.tenant)
        return NoticesAnswer(ticket=ticket, notices=tuple(NoticeView.of(n) for n in found))

    @router.post("/v1/notices/{ticket}/{notice}/retry", status_code=202)
    async def retry_notice(
        ticket: Annotated[str, PathParameter(max_length=64)],
        notice: Annotated[str, PathParameter(max_length=80)],
        actor: Worker,
    ) -> NoticeView:
        """Try a failed or waiting notice again now; its Message-ID stays the same."""
        found = await desk.retry(ticket, notice, tenant=actor.tenant, by=actor.name)
        return NoticeView.of(found)

    return router
