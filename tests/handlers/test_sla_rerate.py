"""`/v1/clocks/rerate` on memory: the difference, the deed, and who may."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from services.sla.api import clock_router
from services.sla.rerate_api import rerate_router
from services.sla.rerating import Rerating
from shared.contracts.sla import ClockBreachWithdrawn, ClocksRerated
from shared.http import equip
from tests.handlers.test_sla_api import Tokens
from tests.support.foresight import foresight_of
from tests.support.sla import TENANT, Sla, Story, facts, organisation, utc

SHORT = "policies: [{name: fix, metric: resolution, targets: {P1: 1h, P2: 1h}}]"
LONG = "policies: [{name: fix, metric: resolution, targets: {P1: 1h, P2: 20h}}]"
ADMIN = {"Authorization": "Bearer main admin"}
DIFF, RERATE = "/v1/clocks/rerate/diff", "/v1/clocks/rerate"


@pytest.fixture
async def sla() -> Sla:
    """Three tickets under a short promise: one is late, one solved, one waits; and a longer one."""
    sla = Sla(configuration=organisation(sla=SHORT))
    stories = [
        Story(),
        Story(ticket="ticket-2", facts=facts("HD-2")),
        Story(ticket="ticket-3", facts=facts("HD-3"), desk="global"),
    ]
    for story in stories:
        await sla.feed(story.accepted(), story.queued(utc(2, 14), story.desk))
    await sla.feed(stories[1].resolved(utc(2, 14, 30)), stories[2].pended(utc(2, 14, 30)))
    await sla.tick(utc(2, 15, 30))
    sla.configurations.install(TENANT, organisation(sla=LONG), version=2)
    return sla


@pytest.fixture
async def http(sla: Sla) -> AsyncIterator[httpx.AsyncClient]:
    """A client that speaks as an administrator of the tenant."""
    app = FastAPI()
    equip(app)
    app.state.authenticator = Tokens()
    rerating = Rerating(
        index=sla.index, handlers=sla.handlers, committer=sla.committer, clock=sla.clock
    )
    app.include_router(rerate_router(rerating))
    app.include_router(
        clock_router(
            index=sla.index, handlers=sla.handlers, foresight=foresight_of(sla), clock=sla.clock
        )
    )
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://sla", headers=ADMIN
    ) as client:
        yield client


async def shown(http: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    """Return a difference."""
    answer = await http.post(DIFF, json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_the_difference_is_shown_and_changes_nothing(
    http: httpx.AsyncClient, sla: Sla
) -> None:
    """Tickets with a running clock, each with its due time and breach before and after."""
    before = await sla.state()
    page = await shown(http)
    assert (page["version"], page["next"], page["missing"]) == (2, None, [])
    assert [item["number"] for item in page["items"]] == ["HD-1", "HD-3"]
    (clock,) = page["items"][0]["clocks"]
    assert clock["before"]["due_at"] == "2026-07-02T15:00:00Z"
    assert clock["before"]["breached_at"] == "2026-07-02T15:00:00Z"
    assert clock["after"]["due_at"] == "2026-07-06T16:00:00Z"
    assert (clock["changed"], clock["breach_withdrawn"], clock["newly_late"]) == (True, True, False)
    (waits,) = page["items"][1]["clocks"]
    assert (waits["before"]["target_seconds"], waits["after"]["target_seconds"]) == (3600, 72000)
    assert (waits["after"]["state"], waits["after"]["due_at"]) == ("paused", None)
    assert await sla.state() == before


async def test_what_was_shown_is_done_and_the_breach_is_withdrawn(
    http: httpx.AsyncClient, sla: Sla
) -> None:
    """One event for each ticket, which says who asked, why, and by which version."""
    page = await shown(http)
    seen = {item["number"]: item["revision"] for item in page["items"]}
    body = {"version": 2, "because": "the contract says 20 hours", "tickets": seen}
    answer = (await http.post(RERATE, json=body)).json()
    assert [(one["ticket"], one["done"]) for one in answer["items"]] == [
        ("HD-1", True),
        ("HD-3", True),
    ]
    bodies = [
        event.body for ticket in ("ticket-1", "ticket-3") for event in await sla.emitted(ticket)
    ]
    acts = [body for body in bodies if isinstance(body, ClocksRerated)]
    assert [(b.number, b.from_version, b.configversion, b.by, b.because) for b in acts] == [
        ("HD-1", 1, 2, "ann", "the contract says 20 hours"),
        ("HD-3", 1, 2, "ann", "the contract says 20 hours"),
    ]
    assert [b.number for b in bodies if isinstance(b, ClockBreachWithdrawn)] == ["HD-1"]
    clocks = (await http.get("/v1/clocks/HD-1")).json()
    assert (clocks["breached"], clocks["clocks"][0]["configversion"]) == (False, 2)
    again = await shown(http)
    assert [item["changed"] for item in again["items"]] == [False, False]
    assert [item["from_version"] for item in again["items"]] == [2, 2]


async def test_the_explanation_says_that_and_why_it_was_rerated(http: httpx.AsyncClient) -> None:
    """In both languages, with who asked for it."""
    body = {"version": 2, "because": "the contract says so", "tickets": {"HD-1": 3}}
    page = await shown(http, tickets=["HD-1"])
    body["tickets"] = {"HD-1": page["items"][0]["revision"]}
    await http.post(RERATE, json=body)
    found = (await http.get("/v1/clocks/HD-1/explain")).json()
    (rating,) = found["ratings"]
    assert (rating["version"], rating["by"], rating["because"]) == (
        2,
        "ann",
        "the contract says so",
    )
    for lang, words in (("en", "Rerated"), ("zh", "重新计时")):
        text = (await http.get("/v1/clocks/HD-1/explain", params={"lang": lang})).text
        assert words in text
        assert "the contract says so" in text


async def test_a_ticket_that_has_changed_since_is_left_as_it_is(
    http: httpx.AsyncClient, sla: Sla
) -> None:
    """Nobody gets what was not shown; the others are done."""
    page = await shown(http)
    seen = {item["number"]: item["revision"] for item in page["items"]}
    story = Story(tickets=1)
    await sla.feed(story.pended(utc(2, 15, 20)))
    body = {"version": 2, "because": "why", "tickets": seen}
    items = (await http.post(RERATE, json=body)).json()["items"]
    assert [(one["done"], one["problem"]) for one in items] == [
        (False, "revision-stale"),
        (True, None),
    ]
    assert (await sla.state()).clocks[0].view.configversion == 1


async def test_named_tickets_and_those_that_cannot_be(http: httpx.AsyncClient) -> None:
    """A name of no ticket and a ticket without a running clock are told apart."""
    page = await shown(http, tickets=["HD-2", "HD-99", "ticket-1", "HD-1"])
    assert page["missing"] == ["HD-99"]
    assert [(item["number"], item["problem"]) for item in page["items"]] == [
        ("HD-2", "no-running-clock"),
        ("HD-1", None),
    ]
    body = {"version": 2, "because": "why", "tickets": {"HD-99": 1, "HD-2": 3}}
    items = (await http.post(RERATE, json=body)).json()["items"]
    assert [(one["done"], one["problem"]) for one in items] == [
        (False, "not-found"),
        (False, "no-running-clock"),
    ]


async def test_pages_and_a_desk(http: httpx.AsyncClient) -> None:
    """The list goes page by page, of one desk where that is asked."""
    first = await shown(http, limit=1)
    second = await shown(http, limit=1, after=first["next"])
    assert [p["items"][0]["number"] for p in (first, second)] == ["HD-1", "HD-3"]
    third = await shown(http, limit=1, after=second["next"])
    assert (third["items"], third["next"]) == ([], None)
    found = await shown(http, desk="global")
    assert [item["number"] for item in found["items"]] == ["HD-3"]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (DIFF, {"version": 9}, "version"),
        (DIFF, {"version": 0}, "version"),
        (DIFF, {"limit": 0}, "limit"),
        (DIFF, {"after": "x"}, "after"),
        (DIFF, {"ticket": "HD-1"}, "ticket"),
        (RERATE, {"version": 9, "because": "why", "tickets": {"HD-1": 2}}, "version"),
        (RERATE, {"version": 2, "because": " ", "tickets": {"HD-1": 2}}, "because"),
        (RERATE, {"version": 2, "because": "why", "tickets": {}}, "tickets"),
        (
            RERATE,
            {"version": 2, "because": "why", "tickets": {f"HD-{n}": 1 for n in range(201)}},
            "tickets",
        ),
        (RERATE, {"because": "why", "tickets": {"HD-1": 2}}, "version"),
    ],
)
async def test_bad_input_names_the_field(
    http: httpx.AsyncClient, path: str, body: dict[str, Any], field: str
) -> None:
    """422, the field, and nothing is done."""
    answer = await http.post(path, json=body)
    assert answer.status_code == 422
    assert field in answer.text


async def test_an_agent_may_not_and_another_tenant_finds_nothing(http: httpx.AsyncClient) -> None:
    """To rerate is to configure."""
    agent = {"Authorization": "Bearer main"}
    assert (await http.post(DIFF, json={}, headers=agent)).status_code == 403
    assert (await http.post(RERATE, json={}, headers=agent)).status_code == 403
