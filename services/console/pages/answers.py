"""The public page of a resolution's mail: solved, or not yet. It needs no account.

Looking at it does nothing, since mail scanners fetch links; the button does. What it shows is the
ticket's number and no more: a link may be passed on.
"""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.console.pages.frame import Frame
from shared.contracts.internal import VerdictAnswer, VerdictState
from shared.kernel import CommandRejected, Infrastructure
from shared.verdicts import PATH, TOKEN_CHARACTERS

TENANT_CHARACTERS_MAX: Final = 80
_STATUS: Final = {VerdictState.INVALID: 404}


def answer_router(frame: Frame) -> APIRouter:
    """Return the routes of the page."""
    router = APIRouter(include_in_schema=False, prefix=PATH)

    @router.get("/{tenant}/{token}")
    async def look(request: Request, tenant: str, token: str) -> Response:
        """Show what the link would say."""
        return await _shown(frame, request, tenant, token, apply=False)

    @router.post("/{tenant}/{token}")
    async def give(request: Request, tenant: str, token: str) -> Response:
        """Say it."""
        return await _shown(frame, request, tenant, token, apply=True)

    return router


async def _shown(
    frame: Frame, request: Request, tenant: str, token: str, *, apply: bool
) -> Response:
    plausible = len(token) == TOKEN_CHARACTERS and len(tenant) <= TENANT_CHARACTERS_MAX
    found: VerdictAnswer | None = VerdictAnswer(state=VerdictState.INVALID)
    status = 200
    if plausible:
        try:
            found = await frame.console.work.verdict(tenant, token, apply=apply)
        except (Infrastructure, CommandRejected):
            found, status = None, 503
    state = found.state if found is not None else None
    if state is not None:
        status = _STATUS.get(state, status)
    return frame.page(
        request,
        "answer.html",
        None,
        status=status,
        headers={"X-Robots-Tag": "noindex", "Referrer-Policy": "no-referrer"},
        answer=found,
        key=_key(found),
    )


def _key(found: VerdictAnswer | None) -> str:
    """Return the key of the sentence for what became of it."""
    if found is None:
        return "answer.down"
    if found.state in {VerdictState.OPEN, VerdictState.TAKEN}:
        which = "satisfied" if found.satisfied else "dissatisfied"
        return f"answer.{found.state.value}.{which}"
    return f"answer.{found.state.value}"
