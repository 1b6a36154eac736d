"""Shift handovers: the list, one with its briefs, matters and signatures, and the shift report."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.console.domain.handovers import (
    KEEP_REASONS,
    MATTER_STATES,
    STEPS,
    Deed,
)
from services.console.domain.words import Words
from services.console.handlers.asking import DOWN, STALE, Refusal, ask
from services.console.handlers.handovers import by_desk, items_shown, zones_of
from services.console.pages.faults import Fault, fault_of, told
from services.console.pages.forms import fields_of
from services.console.pages.frame import Frame, is_partial
from services.console.pages.showing import Showing
from services.console.ports import Caller
from services.console.ports.handovers import OPEN_SHOWN_MAX, Handover, Listed, Quote, Reading
from shared.auth import Action
from shared.http import Problem

SERVICE: Final = "routing"
INVALID: Final = 422
CURSOR_CHARACTERS_MAX: Final = 300
NAME_CHARACTERS_MAX: Final = 80
FIELDS: Final = ("reason", "note", "next", "state", "text", "side", "matters", "agent")


def handover_router(frame: Frame) -> APIRouter:
    """Return the routes of handovers."""
    router = APIRouter(include_in_schema=False, prefix="/handovers")
    pages = _HandoverPages(frame)
    handovers, clock = frame.console.handovers, frame.console.clock
    router.add_api_route("", pages.list)
    router.add_api_route("/{handover}/report", pages.report)
    router.add_api_route("/{handover}/items/{ticket}/quotes", pages.quotes)

    @router.get("/{handover}")
    async def show(request: Request, handover: str) -> Response:
        """Show one; to htmx only its live part."""
        return await pages.show(request, frame.caller(request), handover)

    @router.post("/{handover}/items/{ticket}/{deed}")
    async def item(request: Request, handover: str, ticket: str, deed: Deed) -> Response:
        """Say something about one ticket."""
        caller, fields = frame.caller(request, Action.WORK), await fields_of(request)
        key = fields.get("key") or clock.unique()
        note, reason = fields.get("note", ""), fields.get("reason", "")
        command: Awaitable[None]
        match deed:
            case Deed.ACCEPT:
                take = fields.get("take") == "yes"
                command = handovers.accept(caller, handover, ticket, take=take)
            case Deed.DECLINE:
                command = handovers.decline(
                    caller, handover, ticket, reason=reason, note=note, key=key
                )
            case Deed.KEEP:
                command = handovers.keep(caller, handover, ticket, reason=reason)
            case Deed.BRIEF:
                step = fields.get("next", "")
                command = handovers.brief(caller, handover, ticket, step=step, note=note, key=key)
        return await pages.sent(
            request, caller, handover, command, form=f"{deed}-{ticket}", done=deed, fields=fields
        )

    @router.post("/{handover}/matters/{matter}")
    async def note(request: Request, handover: str, matter: str) -> Response:
        """Say how a matter stands."""
        caller, fields = frame.caller(request, Action.WORK), await fields_of(request)
        command = handovers.matter(
            caller,
            handover,
            matter,
            state=fields.get("state", ""),
            text=fields.get("text", ""),
            revision=_revision(fields),
        )
        return await pages.sent(
            request,
            caller,
            handover,
            command,
            form=f"matter-{matter}",
            done="matter",
            fields=fields,
        )

    @router.post("/{handover}/sign")
    async def sign(request: Request, handover: str) -> Response:
        """Sign for a side."""
        caller, fields = frame.caller(request, Action.WORK), await fields_of(request)
        side = fields.get("side", "")
        command = handovers.sign(caller, handover, side=side, revision=_revision(fields))
        return await pages.sent(
            request, caller, handover, command, form=f"sign-{side}", done="sign", fields=fields
        )

    return router


class _HandoverPages:
    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._handovers = frame.console.handovers

    async def list(self, request: Request) -> Response:
        """List the open ones by desk, then the others; to htmx only the live part."""
        frame, caller = self._frame, self._frame.caller(request)
        desk = request.query_params.get("desk", "")[:NAME_CHARACTERS_MAX] or None
        after = request.query_params.get("after", "")[:CURSOR_CHARACTERS_MAX] or None
        open_ones, every = await asyncio.gather(
            ask(
                self._handovers.listed(caller, desk=desk, open_only=True, after=None),
                service=SERVICE,
            ),
            ask(
                self._handovers.listed(caller, desk=desk, open_only=False, after=after),
                service=SERVICE,
            ),
        )
        refusal = next((f for f in (open_ones, every) if isinstance(f, Refusal)), None)
        now = Listed() if isinstance(open_ones, Refusal) else open_ones
        page = Listed() if isinstance(every, Refusal) else every
        configuration = frame.console.views.configuration(caller.tenant)
        current = by_desk(now.handovers, configuration) if after is None else []
        earlier = [handover for handover in page.handovers if handover.is_over]
        return frame.page(
            request,
            "handovers_live.html" if is_partial(request) else "handovers.html",
            caller,
            problem=told(refusal, frame.words(request)) if refusal else None,
            current=current,
            earlier=earlier,
            is_cut=now.next is not None,
            limit=OPEN_SHOWN_MAX,
            next=page.next,
            after=after,
            desk=desk,
            desks=configuration.desks.desks if configuration else (),
            names=frame.console.views.names(caller.tenant),
            local=self._local(request, caller, [*current, *earlier]),
        )

    async def show(
        self,
        request: Request,
        caller: Caller,
        handover: str,
        *,
        said: str | None = None,
        status: int = 200,
        fault: Fault | None = None,
        given: Mapping[str, str] | None = None,
    ) -> Response:
        """Render one, with what became of a command."""
        frame, console = self._frame, self._frame.console
        asked = self._handovers.whole(caller, handover, self._reading(request))
        found = await ask(asked, service=SERVICE)
        if isinstance(found, Refusal):
            return self._missing(request, caller, found)
        configuration = console.views.configuration(caller.tenant)
        shown = await items_shown(
            caller,
            found,
            relating=console.relating,
            configuration=configuration,
            now=console.clock.now(),
        )
        return frame.page(
            request,
            "handover_live.html" if is_partial(request) else "handover.html",
            caller,
            # htmx swaps every status; a browser without it should keep the true one.
            status=200 if is_partial(request) else status,
            at=f"/handovers/{found.id}",
            handover=found,
            shown=shown,
            names=console.views.names(caller.tenant),
            local=self._local(request, caller, [found]),
            keep_reasons=KEEP_REASONS,
            decline_reasons=configuration.lifecycle.decline_reasons if configuration else (),
            steps=STEPS,
            states=MATTER_STATES,
            key=console.clock.unique(),
            said=said,
            said_tone="good" if status < 300 else "bad",  # noqa: PLR2004
            fault=fault,
            given=given or {},
        )

    async def sent(
        self,
        request: Request,
        caller: Caller,
        handover: str,
        command: Awaitable[None],
        *,
        form: str,
        done: str,
        fields: Mapping[str, str],
    ) -> Response:
        """Send a command and show what became of it; a refusal stands beside its form."""
        words, answer = self._frame.words(request), await ask(command, service=SERVICE)
        if not isinstance(answer, Refusal):
            return await self.show(request, caller, handover, said=words(f"handover.done.{done}"))
        refusal = _in_words(answer, words)
        said = words("handover.changed") if refusal.status == STALE else told(refusal, words)
        fault = fault_of(refusal, words, form=form, fields=FIELDS)
        return await self.show(
            request,
            caller,
            handover,
            said=said,
            status=refusal.status,
            # What names no field of the form stands beside its button.
            fault=replace(fault, field="") if fault else Fault(form, said),
            given={**fields, "form": form},
        )

    async def report(self, request: Request, handover: str) -> Response:
        """Show the report of the shift, to be printed or read."""
        frame, caller = self._frame, self._frame.caller(request)
        asked = self._handovers.report(caller, handover, self._reading(request))
        found = await ask(asked, service=SERVICE)
        if isinstance(found, Refusal):
            return self._missing(request, caller, found)
        return frame.page(
            request,
            "handover_report.html",
            caller,
            report=found,
            handover=found.handover,
            names=frame.console.views.names(caller.tenant),
            tickets=await frame.console.relating.named(caller, (i.ticket for i in found.items)),
            local=self._local(request, caller, [found.handover]),
        )

    async def quotes(self, request: Request, handover: str, ticket: str) -> Response:
        """Give the last messages of one ticket, which its page leaves out."""
        caller, words = self._frame.caller(request), self._frame.words(request)
        asked = self._handovers.quotes(caller, handover, ticket)
        found: Sequence[Quote] | Refusal = await ask(asked, service=SERVICE)
        if isinstance(found, Refusal):
            return self._frame.page(
                request, "notice.html", caller, text=told(found, words), tone="warn"
            )
        return self._frame.page(request, "handover_quotes.html", caller, quotes=found)

    def _missing(self, request: Request, caller: Caller, refusal: Refusal) -> Response:
        """Say that there is none, or that routing does not answer."""
        words = self._frame.words(request)
        missing = refusal.is_missing
        key = "handover.not_found" if missing else "handover.down"
        return self._frame.page(
            request,
            "notice.html" if is_partial(request) else "error.html",
            caller,
            status=refusal.status if missing else DOWN,
            text=words(key),
            tone="quiet" if missing else "bad",
        )

    def _reading(self, request: Request) -> Reading:
        zone = self._frame.zone(request)
        return Reading(self._frame.words(request).language.value, str(zone or UTC))

    def _local(
        self, request: Request, caller: Caller, handovers: Sequence[Handover]
    ) -> dict[str, Showing]:
        """Return how a desk's own clock reads, by desk."""
        console, words = self._frame.console, self._frame.words(request)
        configuration = console.views.configuration(caller.tenant)
        return {
            desk: Showing(words=words, zone=zone, now=console.clock.now())
            for desk, zone in zones_of(configuration, handovers).items()
        }


def _revision(fields: Mapping[str, Any]) -> int:
    revision = fields.get("revision", "")
    if not revision.isdecimal():
        raise Problem(INVALID, "invalid", "revision: a whole number is needed")
    return int(revision)


def _in_words(refusal: Refusal, words: Words) -> Refusal:
    """Return a refusal with the code of this page's own sentence, where there is one.

    Tickets and handovers are refused by the same codes for other reasons.
    """
    code = f"handover.{refusal.code}"
    return replace(refusal, code=code) if words.has(f"refusal.{code}") else refusal
