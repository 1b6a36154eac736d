"""The local mail sink's mailbox, for trying things out."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.console.pages.frame import Frame, is_partial
from services.console.ports import Mail
from shared.http import Problem
from shared.kernel import CommandRejected, Infrastructure


def mailbox_router(frame: Frame) -> APIRouter:
    """Return the routes of the mailbox; they are not there where no sink is configured."""
    router = APIRouter(include_in_schema=False, prefix="/mailbox")
    owners = frame.console.owners

    @router.get("")
    async def mails(request: Request) -> Response:
        """List the mails, the newest first; to htmx only the list."""
        caller = frame.caller(request)
        found: Sequence[Mail] | None
        try:
            found = await owners.mails()
        except (Infrastructure, CommandRejected):
            found = None
        template = "mailbox_live.html" if is_partial(request) else "mailbox.html"
        return frame.page(request, template, caller, mails=found)

    @router.get("/{mail}")
    async def mail(request: Request, mail: str) -> Response:
        """Show a mail's text and source; its HTML is never rendered."""
        caller = frame.caller(request)
        try:
            found = await owners.mail(mail)
        except CommandRejected as error:
            raise Problem(404, "not-found", error.reason) from error
        return frame.page(request, "mail.html", caller, mail=found)

    return router
