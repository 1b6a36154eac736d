"""Intake as its agents meet it over HTTP: answers in the shapes of the real API, made by hand."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI, Request
from pydantic import BaseModel, ValidationError
from starlette.responses import JSONResponse, Response

from services.intake.api.bodies import ReviewShown, VerdictShown
from services.intake.api.classification import CorrectingBody
from services.intake.api.contact_bodies import (
    AddressBody,
    AddressShown,
    ContactDetail,
    LinkShown,
    PeopleShown,
)
from services.intake.api.contact_bodies import MergeBody as MergeContactBody
from services.intake.api.links import ChildrenBody, MergeBody, SplitAnswer, SplitBody
from services.intake.api.monitors import AlertGroupShown, HeartbeatShown, WindowShown
from services.intake.api.reviews import (
    AcceptProposalBody,
    AcceptReviewBody,
    DismissBody,
    ProposalShown,
    ReviewAnswer,
)

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
NEW_TICKET = ReviewAnswer(ticket="t-new", number="HD-99")
BODIES: dict[str, type[BaseModel]] = {
    "merge": MergeBody,
    "children": ChildrenBody,
    "children/remove": ChildrenBody,
    "classification": CorrectingBody,
    "split": SplitBody,
}


def problem(
    status: int, code: str, detail: str, *, errors: tuple[dict[str, str], ...] = ()
) -> Response:
    """Return problem details as all services do."""
    content: dict[str, Any] = {
        "type": f"urn:heliodesk:problem:{code}",
        "status": status,
        "detail": detail,
    }
    if errors:
        content["errors"] = list(errors)
    return JSONResponse(content, status, media_type="application/problem+json")


def refused(field_: str, reason: str, *, code: str = "invalid", status: int = 422) -> Response:
    """Return the refusal of a field."""
    fault = {"field": field_, "reason": reason}
    return problem(status, code, f"{field_}: {reason}", errors=(fault,))


@dataclass
class FakeIntake:
    """What waits for agents, and every command that came in."""

    reviews: dict[str, ReviewShown] = field(default_factory=dict)
    originals: dict[str, bytes] = field(default_factory=dict)
    suggestions: dict[str, ProposalShown] = field(default_factory=dict)
    contacts: dict[str, ContactDetail] = field(default_factory=dict)
    groups: dict[str, AlertGroupShown] = field(default_factory=dict)
    windows: list[WindowShown] = field(default_factory=list)
    heartbeats: list[HeartbeatShown] = field(default_factory=list)
    numbers: dict[str, str] = field(default_factory=dict)
    """The ids of tickets by their numbers."""
    refusal: Response | None = None
    """Answers every command, where it is given."""
    is_down: bool = False
    commands: list[tuple[Any, ...]] = field(default_factory=list)
    """Who did what, with which body and which headers that matter."""
    asked: list[str] = field(default_factory=list)
    """Each path that was read, with its query."""

    def serve(self, app: FastAPI, base: str) -> None:
        """Add the routes."""

        @app.middleware("http")
        async def outage(request: Request, call_next: Callable[..., Any]) -> Response:
            path = request.url.path
            if self.is_down and path.startswith(base):
                return problem(503, "unavailable", "intake: it is down")
            if request.method == "GET" and path.startswith(base):
                query = f"?{request.url.query}" if request.url.query else ""
                self.asked.append(path.removeprefix(base) + query)
            answer: Response = await call_next(request)
            return answer

        self._reviews(app, base)
        self._suggestions(app, base)
        self._tickets(app, base)
        self._contacts(app, base)
        self._monitors(app, base)

    def _reviews(self, app: FastAPI, base: str) -> None:
        @app.get(f"{base}/reviews")
        async def listed() -> Response:
            return shown([r for r in self.reviews.values() if r.verdict is None])

        @app.get(f"{base}/reviews/{{review}}")
        async def one(review: str) -> Response:
            return self._one(self.reviews, review)

        @app.get(f"{base}/requests/{{receipt}}/original")
        async def original(receipt: str) -> Response:
            if receipt not in self.originals:
                return problem(404, "not-found", f"there is no receipt {receipt!r}")
            headers = {"Content-Disposition": 'attachment; filename="original.eml"'}
            return Response(self.originals[receipt], media_type="message/rfc822", headers=headers)

        @app.post(f"{base}/reviews/{{review}}/{{verb}}")
        async def decide(review: str, verb: str, request: Request) -> Response:
            body = await request.json()
            self._note(request, f"reviews/{review}/{verb}", body)
            if self.refusal is not None:
                return self.refusal
            return self._review_decided(review, verb, request, body)

    def _review_decided(
        self, review: str, verb: str, request: Request, body: dict[str, Any]
    ) -> Response:
        found = self.reviews[review]
        if verb == "dismiss":
            said = DismissBody.model_validate(body)
            verdict = _verdict("dismissed", request, reason=said.reason)
        else:
            wanted = AcceptReviewBody.model_validate(body).ticket
            ticket = None if wanted is None else self._named(wanted)
            if wanted is not None and ticket is None:
                return refused("ticket", f"there is no ticket {wanted!r}")
            verdict = _verdict("accepted", request, ticket=ticket)
        decided, late = _decided(found.verdict, verdict)
        if late is not None:
            return late
        self.reviews[review] = found.model_copy(update={"verdict": decided})
        if verb == "dismiss":
            return shown(self.reviews[review])
        if decided.ticket is None:
            return shown(NEW_TICKET)
        numbers = {ticket: number for number, ticket in self.numbers.items()}
        return shown(ReviewAnswer(ticket=decided.ticket, number=numbers[decided.ticket]))

    def _suggestions(self, app: FastAPI, base: str) -> None:
        @app.get(f"{base}/suggestions")
        async def listed() -> Response:
            return shown([s for s in self.suggestions.values() if s.verdict is None])

        @app.get(f"{base}/suggestions/{{suggestion}}")
        async def one(suggestion: str) -> Response:
            return self._one(self.suggestions, suggestion)

        @app.post(f"{base}/suggestions/{{suggestion}}/{{verb}}")
        async def decide(suggestion: str, verb: str, request: Request) -> Response:
            body = await request.json()
            self._note(request, f"suggestions/{suggestion}/{verb}", body)
            if self.refusal is not None:
                return self.refusal
            found = self.suggestions[suggestion]
            if verb == "dismiss":
                said = DismissBody.model_validate(body)
                verdict = _verdict("dismissed", request, reason=said.reason)
            else:
                parent = AcceptProposalBody.model_validate(body).parent
                verdict = _verdict("accepted", request, ticket=parent or found.tickets[0])
            decided, late = _decided(found.verdict, verdict)
            if late is not None:
                return late
            self.suggestions[suggestion] = found.model_copy(update={"verdict": decided})
            return shown(self.suggestions[suggestion])

    def _tickets(self, app: FastAPI, base: str) -> None:
        @app.post(f"{base}/tickets/{{ticket}}/{{verb:path}}")
        async def change(ticket: str, verb: str, request: Request) -> Response:
            body = await request.json()
            self._note(request, f"tickets/{ticket}/{verb}", body)
            if self.refusal is not None:
                return self.refusal
            try:
                if verb in BODIES:
                    BODIES[verb].model_validate(body)
            except ValidationError as error:
                return refused(str(error.errors()[0]["loc"][0]), error.errors()[0]["msg"])
            for name in [body.get("into"), *body.get("children", ())]:
                if name and name not in {*self.numbers, *self.numbers.values()}:
                    field_ = "into" if "into" in body else "children"
                    return refused(field_, f"there is no ticket {name!r}")
            if verb == "split":
                answer = SplitAnswer(ticket=NEW_TICKET.ticket or "", number="HD-99")
                return shown(answer, status=201)
            return JSONResponse({})

    def _contacts(self, app: FastAPI, base: str) -> None:
        @app.get(f"{base}/contacts")
        async def search(q: str) -> Response:
            found = [
                d.contact for d in self.contacts.values() if q.lower() in d.contact.name.lower()
            ]
            return shown(PeopleShown(contacts=tuple(found)))

        @app.get(f"{base}/contacts/{{contact}}")
        async def one(contact: str) -> Response:
            return self._one(self.contacts, contact)

        @app.post(f"{base}/contacts/{{contact}}/addresses")
        async def link(contact: str, request: Request) -> Response:
            body = AddressBody.model_validate(await request.json())
            self._note(request, f"contacts/{contact}/addresses", body.model_dump())
            if self.refusal is not None:
                return self.refusal
            try:
                address = body.address()
            except ValidationError:
                return refused("value", "telephone numbers are written as E.164")
            except ValueError as error:
                return refused("value", str(error))
            new = AddressShown(
                id=f"a-{body.value}",
                address=address,
                verified=True,
                reason="agent",
                by=_name(request),
                at=NOW,
                was=None,
            )
            return self._changed(contact, "linked", address, request, add=new)

        @app.delete(f"{base}/contacts/{{contact}}/addresses/{{address}}")
        async def unlink(contact: str, address: str, request: Request) -> Response:
            self._note(request, f"contacts/{contact}/addresses/{address}", "delete")
            if self.refusal is not None:
                return self.refusal
            found = next(a for a in self.contacts[contact].addresses if a.id == address)
            return self._changed(contact, "unlinked", found.address, request, gone=address)

        self._merges(app, base)

    def _merges(self, app: FastAPI, base: str) -> None:
        @app.post(f"{base}/contacts/{{contact}}/{{verb}}")
        async def merge(contact: str, verb: str, request: Request) -> Response:
            body = await request.json()
            self._note(request, f"contacts/{contact}/{verb}", body)
            if self.refusal is not None:
                return self.refusal
            into = MergeContactBody.model_validate(body).into if verb == "merge" else None
            found = self.contacts[contact]
            person = found.contact.model_copy(update={"merged_into": into})
            self.contacts[contact] = found.model_copy(update={"contact": person})
            return shown(self.contacts[contact])

    def _monitors(self, app: FastAPI, base: str) -> None:
        @app.get(f"{base}/alert-groups")
        async def groups(*, firing: bool | None = None) -> Response:
            found = self.groups.values()
            return shown([g for g in found if firing is None or (g.firing > 0) == firing])

        @app.get(f"{base}/alert-groups/{{key}}")
        async def group(key: str) -> Response:
            return self._one(self.groups, key)

        @app.get(f"{base}/maintenance")
        async def windows() -> Response:
            return shown(self.windows)

        @app.get(f"{base}/heartbeats")
        async def heartbeats() -> Response:
            return shown(self.heartbeats)

    def _named(self, name: str) -> str | None:
        return self.numbers.get(name) or (name if name in self.numbers.values() else None)

    def _one(self, kept: Any, identifier: str) -> Response:
        if identifier not in kept:
            return problem(404, "not-found", f"there is nothing of the id {identifier!r}")
        return shown(kept[identifier])

    def _changed(
        self,
        contact: str,
        action: str,
        other: str,
        request: Request,
        *,
        add: AddressShown | None = None,
        gone: str = "",
    ) -> Response:
        found = self.contacts[contact]
        kept = tuple(a for a in found.addresses if a.id not in {gone, add.id if add else ""})
        link = LinkShown(action=action, other=other, by=_name(request), at=NOW, reason="")
        self.contacts[contact] = found.model_copy(
            update={"addresses": (*kept, *([add] if add else [])), "links": (*found.links, link)}
        )
        return shown(self.contacts[contact])

    def _note(self, request: Request, what: str, body: Any) -> None:
        seen = {n: request.headers[n] for n in ("if-match",) if n in request.headers}
        self.commands.append((_name(request), what, body, *([seen] if seen else [])))


def shown(found: BaseModel | list[Any], *, status: int = 200) -> Response:
    """Return models of the real API as it answers."""
    if isinstance(found, BaseModel):
        return JSONResponse(found.model_dump(mode="json"), status)
    return JSONResponse([one.model_dump(mode="json") for one in found], status)


def _verdict(action: Any, request: Request, *, ticket: str | None = None, reason: str = "") -> Any:
    return VerdictShown(action=action, by=_name(request), at=NOW, ticket=ticket, reason=reason)


def _decided(before: VerdictShown | None, wanted: VerdictShown) -> tuple[Any, Response | None]:
    """Return the verdict that counts, or the refusal of one that comes too late."""
    if before is None:
        return wanted, None
    if (before.action, before.ticket) == (wanted.action, wanted.ticket):
        return before, None
    return before, problem(409, "already-decided", f"{before.by} has decided otherwise")


def _name(request: Request) -> str:
    """Return who a signed token names; that it is signed is the console's business here."""
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return str(claims["sub"])
