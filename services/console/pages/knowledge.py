"""Searching knowledge, reading an article, and sending a request where none helped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.console.pages.forms import fields_of
from services.console.pages.frame import Frame
from services.console.ports import Caller, Submitted
from shared.auth import Action
from shared.kernel import CommandRejected, Infrastructure
from shared.organisation.words import LEVELS

QUERY_CHARACTERS_MAX = 200
KINDS = ("incident", "service-request", "inquiry", "change", "complaint", "compliment")
NOT_FOUND = 404
CONTEXT = ("host", "application", "version", "page")
"""What a help link of a desktop or an application knows; it goes with the request."""
CONTEXT_CHARACTERS_MAX = 200


def knowledge_router(frame: Frame) -> APIRouter:
    """Return the routes of knowledge."""
    router = APIRouter(include_in_schema=False, prefix="/knowledge")
    owners = frame.console.owners

    @router.get("")
    async def search(request: Request) -> Response:
        """Search, where something is asked."""
        caller = frame.caller(request)
        query = request.query_params.get("q", "").strip()[:QUERY_CHARACTERS_MAX]
        found, down = [], False
        if query:
            try:
                found = list(await owners.search(caller, query, language=""))
            except (Infrastructure, CommandRejected):
                down = True
        return frame.page(request, "knowledge.html", caller, query=query, found=found, down=down)

    @router.get("/{article}")
    async def article(request: Request, article: str) -> Response:
        """Show an article."""
        caller = frame.caller(request)
        words = frame.words(request)
        try:
            found = await owners.article(caller, article)
        except CommandRejected:
            text = words("knowledge.not_found")
            return frame.page(
                request, "error.html", caller, status=NOT_FOUND, text=text, tone="quiet"
            )
        except Infrastructure:
            text = words("knowledge.down")
            return frame.page(request, "error.html", caller, status=503, text=text, tone="bad")
        return frame.page(request, "article.html", caller, article=found)

    return router


def request_router(frame: Frame) -> APIRouter:
    """Return the routes of the request form."""
    router = APIRouter(include_in_schema=False)
    console = frame.console

    def form(
        request: Request,
        caller: Caller,
        *,
        fields: Mapping[str, str],
        problem: str | None = None,
        status: int = 200,
        done: Submitted | None = None,
    ) -> Response:
        configuration = console.views.configuration(caller.tenant)
        return frame.page(
            request,
            "request.html",
            caller,
            status=status,
            fields=fields,
            problem=problem,
            done=done,
            kinds=KINDS,
            levels=LEVELS,
            context=context_of(fields),
            sites=configuration.organisation.sites if configuration else (),
            key=fields.get("key") or console.clock.unique(),
        )

    @router.get("/request")
    async def ask(request: Request) -> Response:
        """Show the form; a help link fills in what it knows by the address's parameters."""
        caller = frame.caller(request, Action.SUBMIT)
        return form(request, caller, fields=dict(request.query_params))

    @router.post("/request")
    async def submit(request: Request) -> Response:
        """Hand the request in; the form's key makes a double click one request."""
        caller = frame.caller(request, Action.SUBMIT)
        fields = await fields_of(request)
        words = frame.words(request)
        try:
            done = await console.owners.submit(
                caller, request_body(fields, caller), key=fields.get("key", "")
            )
        except CommandRejected as error:
            said = words("act.invalid", reason=error.reason)
            return form(request, caller, fields=fields, problem=said, status=422)
        except Infrastructure:
            down = words("request.down")
            return form(request, caller, fields=fields, problem=down, status=503)
        return form(request, caller, fields={}, done=done)

    return router


def request_body(fields: Mapping[str, str], caller: Caller) -> dict[str, Any]:
    """Return the body for intake: what was left empty is left out."""
    contact = {"mail": fields.get("mail"), "name": fields.get("name")}
    given = {name: value for name, value in contact.items() if value}
    names = ("subject", "text", "kind", "site", "service", "impact", "urgency")
    body: dict[str, Any] = {name: fields[name] for name in names if fields.get(name)}
    if known := context_of(fields):
        body["fields"] = known
    return {**body, "channel": "web", "contact": given or {"id": caller.name}}


def context_of(fields: Mapping[str, str]) -> dict[str, str]:
    """Return what a help link knows of where somebody needs help."""
    given = {name: fields.get(name, "").strip()[:CONTEXT_CHARACTERS_MAX] for name in CONTEXT}
    return {name: value for name, value in given.items() if value}
