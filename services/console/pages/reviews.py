"""What came in and made no ticket: an agent looks, and decides in one click."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.console.domain.words import Words
from services.console.handlers.asking import DOWN, NOT_FOUND, Refusal, ask
from services.console.pages.faults import ALREADY_DECIDED, Fault, fault_of, told
from services.console.pages.forms import fields_of
from services.console.pages.frame import Frame, is_partial
from services.console.ports import Caller, Review
from services.console.ports.intake import WAITING_SHOWN_MAX, Placed
from shared.auth import Action
from shared.http import Problem

CONFLICT = 409
INVALID = 422
TICKET_CHARACTERS_MAX = 80


class Choice(StrEnum):
    """What becomes of it."""

    JOIN = "join"
    NEW = "new"
    DISMISS = "dismiss"


def review_router(frame: Frame) -> APIRouter:
    """Return the routes of reviews."""
    router = APIRouter(include_in_schema=False, prefix="/reviews")
    pages = _ReviewPages(frame)
    intake = frame.console.intake

    @router.get("")
    async def reviews(request: Request) -> Response:
        """List what waits; to htmx only the list."""
        caller = frame.caller(request)
        found = await ask(intake.reviews(caller))
        down = isinstance(found, Refusal)
        waiting = () if isinstance(found, Refusal) else found
        if not down:
            frame.console.waiting.note(caller.tenant, reviews=len(waiting))
        tickets = await frame.console.relating.named(caller, (r.ticket for r in waiting))
        return frame.page(
            request,
            "reviews_live.html" if is_partial(request) else "reviews.html",
            caller,
            reviews=waiting,
            tickets=tickets,
            down=down,
            partial=is_partial(request),
            limit=WAITING_SHOWN_MAX,
        )

    @router.get("/{review}")
    async def show(request: Request, review: str) -> Response:
        """Show one, or what became of it."""
        return await pages.show(request, frame.caller(request), review)

    @router.get("/{review}/original")
    async def original(request: Request, review: str) -> Response:
        """Give what was handed in byte for byte, to be saved."""
        found = await ask(intake.original(frame.caller(request), review))
        if isinstance(found, Refusal):
            raise Problem(found.status, found.code, found.reason)
        return Response(found.content, headers=dict(found.headers))

    @router.post("/{review}/{choice}")
    async def decide(request: Request, review: str, choice: Choice) -> Response:
        """Decide. Somebody else may have been faster: then the page says who, and what."""
        caller = frame.caller(request, Action.WORK)
        return await pages.decide(request, caller, review, choice, await fields_of(request))

    return router


class _ReviewPages:
    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    async def decide(
        self,
        request: Request,
        caller: Caller,
        review: str,
        choice: Choice,
        fields: Mapping[str, str],
    ) -> Response:
        intake, words = self._frame.console.intake, self._frame.words(request)
        ticket = fields.get("ticket", "")[:TICKET_CHARACTERS_MAX]
        if choice is Choice.JOIN and not ticket:
            fault = Fault("join", words("review.ticket_missing"), "ticket")
            return await self.show(request, caller, review, fault=fault, status=INVALID)
        done: Placed | Refusal | None
        if choice is Choice.DISMISS:
            done = await ask(intake.dismiss_review(caller, review, reason=fields.get("reason", "")))
        else:
            wanted = ticket if choice is Choice.JOIN else None
            done = await ask(intake.accept_review(caller, review, ticket=wanted))
        if isinstance(done, Refusal):
            names = {Choice.JOIN: ("ticket",), Choice.DISMISS: ("reason",)}.get(choice, ())
            return await self.show(
                request,
                caller,
                review,
                fault=fault_of(done, words, form=choice.value, fields=names),
                said=told(done, words),
                status=done.status,
                given=fields,
                is_late=done.code == ALREADY_DECIDED,
            )
        await self._frame.console.waiting.counts(caller, anew=True)
        return await self.show(
            request, caller, review, said=words(f"review.done.{choice.value}"), placed=done
        )

    async def show(
        self,
        request: Request,
        caller: Caller,
        review: str,
        *,
        fault: Fault | None = None,
        said: str | None = None,
        status: int = 200,
        placed: Placed | None = None,
        given: Mapping[str, str] | None = None,
        is_late: bool = False,
    ) -> Response:
        frame, words = self._frame, self._frame.words(request)
        found = await ask(frame.console.intake.review(caller, review))
        if isinstance(found, Refusal):
            return _missing(frame, request, caller, found, words)
        verdict = found.verdict
        if said and verdict and verdict.by != caller.name and (is_late or status < CONFLICT):
            # Somebody was faster: with the same decision, or with another one.
            key = f"decided.before.{verdict.action}" if is_late else "review.done.same"
            said = words(key, by=frame.agent(caller, verdict.by))
        ids = [found.ticket, verdict.ticket if verdict else None]
        return frame.page(
            request,
            "review_live.html" if is_partial(request) else "review.html",
            caller,
            # htmx swaps every status; a browser without it should keep the true one.
            status=200 if is_partial(request) else status,
            at=f"/reviews/{review}",
            review=found,
            tickets=await frame.console.relating.named(caller, ids),
            placed=_new_ticket(found, placed),
            fault=fault,
            given=given or {},
            said=said,
            said_tone="good" if status < 300 else "bad",  # noqa: PLR2004
        )


def _new_ticket(review: Review, placed: Placed | None) -> Placed | None:
    """Return the ticket that was just made of it: only intake's answer to the decision names it."""
    is_new = review.verdict is not None and review.verdict.ticket is None
    return placed if placed is not None and placed.ticket and is_new else None


def _missing(
    frame: Frame, request: Request, caller: Caller, refusal: Refusal, words: Words
) -> Response:
    if refusal.is_missing:
        text = words("review.not_found")
        return frame.page(request, "error.html", caller, status=NOT_FOUND, text=text, tone="quiet")
    text = words("intake.down") if refusal.is_down else refusal.reason
    status = DOWN if refusal.is_down else refusal.status
    return frame.page(request, "error.html", caller, status=status, text=text, tone="bad")
