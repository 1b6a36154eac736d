"""Tickets that look as if they belonged together: one click joins them, or says that they do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.console.domain.words import Words
from services.console.handlers.asking import Refusal, ask
from services.console.handlers.relating import MERGES, Suggested
from services.console.pages.faults import ALREADY_DECIDED, told
from services.console.pages.forms import fields_of
from services.console.pages.frame import Frame, is_partial
from services.console.ports import Caller
from services.console.ports.intake import WAITING_SHOWN_MAX
from shared.auth import Action


class Choice(StrEnum):
    """What becomes of a suggestion."""

    ACCEPT = "accept"
    DISMISS = "dismiss"


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of it: a sentence, and the ticket that it is about now."""

    said: str
    status: int = 200
    ticket: str | None = None


def suggestion_router(frame: Frame) -> APIRouter:
    """Return the routes of suggestions."""
    router = APIRouter(include_in_schema=False, prefix="/suggestions")

    async def show(request: Request, caller: Caller, decided: Decided | None = None) -> Response:
        found = await frame.console.relating.suggestions(caller)
        down = isinstance(found, Refusal)
        waiting: list[Suggested] = [] if isinstance(found, Refusal) else found
        if not down:
            frame.console.waiting.note(caller.tenant, suggestions=len(waiting))
        names = await frame.console.relating.named(caller, [decided.ticket if decided else None])
        status = decided.status if decided else 200
        return frame.page(
            request,
            "suggestions_live.html" if is_partial(request) else "suggestions.html",
            caller,
            # htmx swaps every status; a browser without it should keep the true one.
            status=200 if is_partial(request) else status,
            at="/suggestions",
            suggestions=waiting,
            limit=WAITING_SHOWN_MAX,
            down=down,
            said=decided.said if decided else None,
            said_tone="good" if status < 300 else "bad",  # noqa: PLR2004
            said_ticket=next(iter(names.values()), None),
        )

    @router.get("")
    async def suggestions(request: Request) -> Response:
        """List what waits; to htmx only the list."""
        return await show(request, frame.caller(request))

    @router.post("/{suggestion}/{choice}")
    async def decide(request: Request, suggestion: str, choice: Choice) -> Response:
        """Decide on one, and list what is left."""
        caller = frame.caller(request, Action.WORK)
        fields = await fields_of(request)
        done = await decision(frame, request, caller, suggestion, choice=choice, fields=fields)
        return await show(request, caller, done)

    return router


async def decision(
    frame: Frame,
    request: Request,
    caller: Caller,
    suggestion: str,
    *,
    choice: Choice,
    fields: Mapping[str, str],
) -> Decided:
    """Pass a decision on, and say what became of it."""
    intake, words = frame.console.intake, frame.words(request)
    if choice is Choice.ACCEPT:
        asked = intake.accept_suggestion(caller, suggestion, parent=fields.get("parent") or None)
    else:
        asked = intake.dismiss_suggestion(caller, suggestion, reason=fields.get("reason", ""))
    done = await ask(asked)
    if isinstance(done, Refusal):
        return Decided(await _why(frame, caller, suggestion, done, words), done.status)
    await frame.console.waiting.counts(caller, anew=True)
    by = done.verdict.by if done.verdict else caller.name
    if by != caller.name:
        return Decided(words("suggestion.done.same", by=frame.agent(caller, by)))
    if choice is Choice.DISMISS:
        return Decided(words("suggestion.done.dismiss"))
    key = "suggestion.done.merged" if done.kind in MERGES else "suggestion.done.linked"
    ticket = done.verdict.ticket if done.verdict else None
    return Decided(words(key), ticket=ticket)


async def _why(
    frame: Frame, caller: Caller, suggestion: str, refusal: Refusal, words: Words
) -> str:
    """Return why nothing was changed; where somebody was faster, who it was and what they did."""
    if refusal.code == ALREADY_DECIDED:
        found = await ask(frame.console.intake.suggestion(caller, suggestion))
        if not isinstance(found, Refusal) and found.verdict is not None:
            by = frame.agent(caller, found.verdict.by)
            return words(f"decided.before.{found.verdict.action}", by=by)
    return told(refusal, words)
