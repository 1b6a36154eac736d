"""Routing's shift handovers over HTTP: its own shapes, filled by hand, and what came in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from fastapi import FastAPI, Request
from pydantic import BaseModel, ValidationError
from starlette.responses import JSONResponse, Response

from services.routing.api.handover_views import (
    AcceptItem,
    Decline,
    HandoverView,
    ItemView,
    Keep,
    MatterView,
    NoteMatter,
    PutRight,
    QuoteView,
    ReportView,
    Sign,
    WholeView,
)
from services.routing.domain.handover.process import Alarm, Signature
from shared.contracts.facts import Channel, Kind, Priority
from shared.contracts.handover import (
    HandoverBrief,
    HandoverCounts,
    HandoverSide,
    NextStep,
)
from shared.contracts.routing import Status
from shared.contracts.sla import ClockState, ClockView, Metric

BODIES: dict[str, type[BaseModel]] = {
    "keep": Keep,
    "accept": AcceptItem,
    "decline": Decline,
    "brief": PutRight,
}


def view(id_: str, desk: str, to: str, closes_at: datetime, **changed: Any) -> HandoverView:
    """Return a handover as routing lists it."""
    given: dict[str, Any] = {
        "id": id_,
        "desk": desk,
        "to": to,
        "policy": "follow-the-sun",
        "stage": "open",
        "agents": (),
        "time_zone": "Europe/London",
        "started_at": closes_at - timedelta(hours=8),
        "opened_at": closes_at - timedelta(minutes=30),
        "closes_at": closes_at,
        "to_opens_at": closes_at - timedelta(hours=3),
        "overlap_seconds": 10_800,
        "rescheduled": None,
        "withdrawn": None,
        "signatures": {},
        "unsigned": (HandoverSide.GIVING, HandoverSide.TAKING),
        "alarms": (),
        "completed_at": None,
        "revision": 3,
        **changed,
    }
    return HandoverView(**given)


def whole(handover: HandoverView, *items: ItemView, **changed: Any) -> WholeView:
    """Return a handover as routing shows it."""
    given: dict[str, Any] = {
        "items": items,
        "matters": (
            MatterView(name="environment", title="Environment", required=True, noted=None),
        ),
        "sign_by": {},
        "answering": {},
        "may_sign": ("giving",),
        "takes_part": True,
        "missing": (),
        **changed,
    }
    return WholeView(**dict(handover), **given)


def brief(at: datetime, **changed: Any) -> HandoverBrief:
    """Return the brief of a ticket of Hannah's."""
    given: dict[str, Any] = {
        "priority": Priority.P2,
        "kind": Kind.INCIDENT,
        "channel": Channel.EMAIL,
        "status": Status.IN_PROGRESS,
        "accepted_at": at,
        "agent": "h-clarke",
        "next": NextStep.CONTINUE,
        **changed,
    }
    return HandoverBrief(**given)


def item(ticket: str, number: str, at: datetime, **changed: Any) -> ItemView:
    """Return one ticket of a handover, which is with Hannah."""
    clock = ClockView(
        clock="resolution-1",
        policy="standard",
        metric=Metric.RESOLUTION,
        state=ClockState.RUNNING,
        target_seconds=14_400,
        used_seconds=600,
        calendar="london-days",
        started_at=at,
        due_at=at + timedelta(hours=4),
    )
    quote = QuoteView(
        id=f"q-{number}",
        direction="inbound",
        author="Ada Byron",
        at=at,
        language="en",
        text="It is still <b>broken</b>.",
        whole=True,
    )
    given: dict[str, Any] = {
        "ticket": ticket,
        "number": number,
        "stage": "drafted",
        "action": "move",
        "rule": "work-moves",
        "round": 1,
        "added_at": at,
        "late": False,
        "told": f"{number}  drafted",
        "lines": ("P2 incident by mail, open for 1 h.", "Next: go on with the work."),
        "brief": brief(at),
        "clocks": (clock,),
        "quotes": (quote,),
        "offered_to": None,
        "answer_until": None,
        "answered_by": None,
        "declined_reason": None,
        "declined_note": None,
        "kept_by": None,
        "kept_reason": None,
        "opens_at": None,
        "receipts": (),
        "left_why": None,
        "left_to": None,
        "revision": 1,
        **changed,
    }
    return ItemView(**given)


def signature(by: str, at: datetime) -> Signature:
    """Return a signature."""
    return Signature(by=by, at=at)


def alarm(reason: str, at: datetime, **changed: Any) -> Alarm:
    """Return an alarm."""
    return Alarm(reason=reason, at=at, **changed)


@dataclass
class FakeHandovers:
    """Handovers by id, and every command that came in."""

    views: dict[str, WholeView] = field(default_factory=dict)
    counts: HandoverCounts = field(default_factory=HandoverCounts)
    breaches: int = 0
    refusal: tuple[int, dict[str, Any]] | None = None
    """Status and problem with which the next commands are refused."""
    is_down: bool = False
    following: str | None = None
    """Cursor of the list's next page."""
    asked: list[dict[str, str]] = field(default_factory=list)
    received: list[dict[str, Any]] = field(default_factory=list)

    def refuse(self, status: int, code: str, detail: str, *, field_: str = "") -> None:
        """Refuse commands from now on."""
        errors = [{"field": field_, "reason": detail}] if field_ else []
        content = {"type": f"urn:heliodesk:problem:{code}", "detail": detail, "errors": errors}
        self.refusal = (status, content)

    def _shown(self, found: BaseModel | None) -> Response:
        if self.is_down:
            return JSONResponse({"detail": "down"}, 503)
        if found is None:
            problem = {"type": "urn:heliodesk:problem:not-found", "detail": "no such handover"}
            return JSONResponse(problem, 404)
        return JSONResponse(found.model_dump(mode="json"))

    async def _take(
        self, request: Request, body: type[BaseModel], found: BaseModel | None, **what: str
    ) -> Response:
        """Check a command's body as routing does, keep it, and answer."""
        given = await request.json()
        try:
            body.model_validate(given)
        except ValidationError as error:
            name, reason = str(error.errors()[0]["loc"][0]), error.errors()[0]["msg"]
            fault = {"field": name, "reason": reason}
            content = {"type": "urn:heliodesk:problem:invalid", "detail": reason, "errors": [fault]}
            return JSONResponse(content, 422)
        revision = (
            {"revision": request.headers["if-match"]} if "if-match" in request.headers else {}
        )
        self.received.append({**what, **given, **revision})
        if self.refusal is not None:
            status, content = self.refusal
            return JSONResponse(content, status)
        return self._shown(found)

    def _item(self, handover: str, ticket: str) -> ItemView | None:
        found = self.views.get(handover)
        items = found.items if found else ()
        return next((i for i in items if i.ticket == ticket), None)

    def serve(self, app: FastAPI, base: str) -> None:
        """Add routing's paths to an application."""
        self._reading(app, f"{base}/handovers")
        self._saying(app, f"{base}/handovers")

    def _reading(self, app: FastAPI, base: str) -> None:
        @app.get(base)
        async def listed(request: Request) -> Response:
            if self.is_down:
                return self._shown(None)
            asked = dict(request.query_params)
            self.asked.append(asked)
            found = [
                HandoverView(**{n: getattr(w, n) for n in HandoverView.model_fields})
                for w in self.views.values()
                if asked.get("desk") in (None, w.desk, w.to)
                and (asked["open"] == "false" or w.stage in ("open", "shift-over"))
            ]
            answer = {"handovers": [v.model_dump(mode="json") for v in found]}
            return JSONResponse(answer | {"next": self.following})

        @app.get(base + "/{handover}")
        async def show(handover: str, request: Request) -> Response:
            self.asked.append(dict(request.query_params))
            return self._shown(self.views.get(handover))

        @app.get(base + "/{handover}/report")
        async def report(handover: str) -> Response:
            found = self.views.get(handover)
            if found is None:
                return self._shown(None)
            plain = HandoverView(**{n: getattr(found, n) for n in HandoverView.model_fields})
            return self._shown(
                ReportView(
                    handover=plain,
                    counts=self.counts,
                    breaches=self.breaches,
                    items=found.items,
                    matters=found.matters,
                    missing=(),
                    text="",
                )
            )

        @app.get(base + "/{handover}/items/{ticket}")
        async def one(handover: str, ticket: str) -> Response:
            return self._shown(self._item(handover, ticket))

    def _saying(self, app: FastAPI, base: str) -> None:
        @app.post(base + "/{handover}/items/{ticket}/{deed}")
        async def say(handover: str, ticket: str, deed: str, request: Request) -> Response:
            found = self._item(handover, ticket)
            return await self._take(request, BODIES[deed], found, ticket=ticket, deed=deed)

        @app.post(base + "/{handover}/matters/{matter}")
        async def note(handover: str, matter: str, request: Request) -> Response:
            found = self.views.get(handover)
            return await self._take(request, NoteMatter, found, matter=matter)

        @app.post(base + "/{handover}/sign")
        async def sign(handover: str, request: Request) -> Response:
            return await self._take(request, Sign, self.views.get(handover), deed="sign")
