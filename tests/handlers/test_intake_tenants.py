"""Whose things a caller may see: every route for people, with every kind of caller."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute

from services.intake.api.call_routing import call_routing_router
from services.intake.api.calls import call_router
from services.intake.api.classification import classification_router
from services.intake.api.contacts import contact_router
from services.intake.api.files import files_router
from services.intake.api.internal import internal_router
from services.intake.api.links import link_router
from services.intake.api.monitors import monitor_router
from services.intake.api.reviews import review_router
from services.intake.api.tickets import ticket_router
from services.intake.handlers.contacts import Agent
from shared.contracts.internal import FILES_PATH
from tests.support.callers import Callers
from tests.support.intake import SIGNER, TENANT, Intake
from tests.support.letters import letter, post

SECRET = "zebra crossing"
"""Stands in all texts of the tenant: nothing that is told to another one has it."""
FOR_INTEGRATIONS = {"/v1/requests/{name}", "/v1/calls/route", "/v1/calls/menu"}
QUERY = {
    "/v1/contacts": "?q=ana",
    "/v1/calls/figures": "?from=2026-03-01T00:00:00Z&to=2026-03-02T00:00:00Z",
    "/v1/classification/figures": "?from=2026-03-01T00:00:00Z&to=2026-03-02T00:00:00Z",
    "/v1/calls/tickets": "?number=%2B493012345678",
    "/v1/callers": "?number=%2B493012345678",
    f"{FILES_PATH}/{{file}}": f"?tenant={TENANT}",
}


def routers(intake: Intake) -> list[APIRouter]:
    """Return all routes but the doors', which have tests of their own."""
    cases = intake.use_cases
    return [
        ticket_router(reading=intake.reading, accepting=intake.accepting, wait_seconds_max=1),
        link_router(reading=intake.reading, linker=cases.linker, splitter=cases.splitter),
        review_router(reading=intake.reading, reviews=cases.reviews, proposals=cases.proposals),
        contact_router(contacts=cases.contacts, importing=cases.importing, proving=cases.proving),
        classification_router(
            reading=intake.reading,
            reclassifying=cases.reclassifying,
            accepting=intake.accepting,
        ),
        monitor_router(cases.monitors),
        call_routing_router(cases.call_routing),
        call_router(cases.call_desk),
        files_router(intake.files, intake.store),
        internal_router(intake.reading, cases.proving),
    ]


def routes(found: list[APIRouter]) -> Iterator[tuple[str, str]]:
    """Yield method and path of each route."""
    for router in found:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            yield from ((method, route.path) for method in sorted(route.methods or ()))


async def filled() -> tuple[Intake, dict[str, str], dict[str, Any]]:
    """Return an intake with things of one tenant, their ids by the routes' parameters, bodies."""
    intake = Intake()
    intake.configurations.install("other", intake.configurations.current(TENANT))
    text = f"The {SECRET}"
    one = await post(intake, letter("<a@x>", text=text, subject=SECRET, attached=SECRET.encode()))
    await post(intake, letter("<b@x>", sender="bob@x.y", text=text), sender="bob@x.y")
    await intake.settle()
    await post(intake, letter("<a2@x>", text=f"more {SECRET}", answers=("<a@x>",)))
    quarantined = letter("<c@x>", sender="cy@x.y", subject=f"Re: {one.number}", text=text)
    review = await post(intake, quarantined, sender="cy@x.y")
    await intake.settle()
    ticket, other = (t for t in intake.tickets() if t.state is not None)
    messages = [m for m in intake.store.all_messages() if m.ticket == ticket.id]
    assert ticket.state is not None
    assert other.state is not None
    assert await intake.store.reviews(tenant=TENANT, limit=9)
    contact = ticket.state.facts.contact
    by = Agent(TENANT, "h-clarke")
    sent = await intake.use_cases.proving.ask(contact, f"{SECRET}@x.y", by=by)
    names = {
        "code": sent.id,
        "ticket": ticket.id,
        "name": one.id,
        "receipt": one.id,
        "review": review.id,
        "suggestion": "0" * 36,
        "contact": ticket.state.facts.contact,
        "address": ticket.state.facts.contact,
        "key": "0" * 36,
        "call": "c1",
        "file": next(f.id or "" for m in messages for f in m.files),
        "message": messages[0].id,
    }
    bodies: dict[str, Any] = {
        "/v1/tickets/{ticket}/messages": {"text": "x", "visibility": "internal"},
        "/v1/tickets/{ticket}/merge": {"into": other.id},
        "/v1/tickets/{ticket}/split": {"messages": [messages[-1].id], "subject": "x"},
        "/v1/tickets/{ticket}/children": {"children": [other.id]},
        "/v1/tickets/{ticket}/children/remove": {"children": [other.id]},
        "/v1/tickets/{ticket}/classification": {"category": "network", "reason": "x"},
        "/v1/reviews/{review}/accept": {"ticket": ticket.id},
        "/v1/contacts/{contact}/addresses": {"kind": "mail", "value": "evil@x.y"},
        "/v1/contacts/{contact}/codes": {"mail": "evil@x.y"},
        "/v1/contacts/{contact}/codes/{code}": {"code": SIGNER.code(tenant=TENANT, name=sent.id)},
        "/v1/contacts/{contact}/merge": {"into": other.state.facts.contact},
        "/v1/calls/route": {"dialled": "+493012345678"},
    }
    return intake, names, bodies


@pytest.mark.parametrize("by", ["stranger", "mail-demo", None])
async def test_no_route_tells_a_caller_of_what_is_not_theirs(by: str | None) -> None:
    """An agent of another tenant, an integration, nobody: each route, with ids that are right."""
    intake, names, bodies = await filled()
    found = routers(intake)
    calls = Callers(*found, clock=intake.clock)
    before = copy.deepcopy(intake.data)
    seen = 0
    for method, path in routes(found):
        url = path.format(**names) + QUERY.get(path, "")
        internal = path.startswith("/internal")
        ids = {"tenant": TENANT, "ids": list(names.values())}
        body = ids if internal else bodies.get(path, {})
        answer = await calls.call(method, url, by=by, body=None if method == "GET" else body)
        where = (method, path, answer.status_code, answer.text[:300])
        assert SECRET not in answer.text, where
        assert "ana@" not in answer.text, where
        if by is None:
            assert answer.status_code == 401, where
        elif internal or (by == "mail-demo" and path not in FOR_INTEGRATIONS):
            assert answer.status_code == 403, where
        elif "{" in path and by == "stranger":
            assert answer.status_code in {404, 422}, where
        seen += 1
    assert seen > 30
    unchanged = {name: intake.data.collection(name) for name in before.collections}
    assert unchanged == before.collections


async def test_the_routes_tell_the_tenants_own_agent() -> None:
    """The ids of the test above are right: their own agent gets to what they name."""
    intake, names, _ = await filled()
    calls = Callers(*routers(intake), clock=intake.clock)
    for path in (
        "/v1/tickets/{ticket}",
        "/v1/requests/{name}",
        "/v1/reviews/{review}",
        "/v1/contacts/{contact}",
        "/v1/files/{file}",
        "/v1/requests/{receipt}/original",
    ):
        answer = await calls.call("GET", path.format(**names))
        assert answer.status_code == 200, (path, answer.text)
