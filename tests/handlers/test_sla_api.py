from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from services.sla.api import clock_router
from shared.auth import Actor
from shared.contracts.control import IdentityKind, Role
from shared.http import equip
from tests.support.foresight import foresight_of
from tests.support.sla import Sla, Story, facts, utc


class Tokens:
    """An authenticator that knows one agent of ``main`` and one of ``other``."""

    def actor(self, bearer: str) -> Actor | None:
        """Return who presents a token: its text is ``tenant role``."""
        tenant, _, role = bearer.partition(" ")
        return Actor(
            identity="id",
            name="ann",
            tenant=tenant,
            kind=IdentityKind.SERVICE if role == "service" else IdentityKind.AGENT,
            roles=frozenset({Role(role or "agent")}),
        )


@pytest.fixture
async def sla() -> Sla:
    """Three tickets: one waits, one is late, one is due tomorrow; it is Thursday, 15:10 UTC."""
    sla = Sla()
    one = Story()
    two = Story(ticket="ticket-2", facts=facts("HD-2"), desk="global")
    three = Story(ticket="ticket-3", facts=facts("HD-3"))
    await sla.feed(
        one.accepted(),
        one.queued(utc(2, 14)),
        one.pended(utc(2, 14, 10)),
        two.accepted(),
        two.queued(utc(2, 14), "global"),
        three.accepted(),
        three.queued(utc(2, 14)),
        three.message(utc(2, 14, 5)),
    )
    await sla.tick(utc(2, 15, 10))
    return sla


@pytest.fixture
async def http(sla: Sla) -> AsyncIterator[httpx.AsyncClient]:
    """A client that speaks as an agent of the tenant."""
    app = FastAPI()
    equip(app)
    app.state.authenticator = Tokens()
    app.include_router(
        clock_router(
            index=sla.index,
            handlers=sla.handlers,
            foresight=foresight_of(sla),
            clock=sla.clock,
        )
    )
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://sla",
        headers={"Authorization": "Bearer main"},
    ) as client:
        yield client


@pytest.mark.parametrize("name", ["ticket-3", "HD-3"])
async def test_the_clocks_of_a_ticket_by_id_or_number(http: httpx.AsyncClient, name: str) -> None:
    """Each clock is shown as of now; those that run come first."""
    answer = await http.get(f"/v1/clocks/{name}")
    assert answer.status_code == 200
    body = answer.json()
    assert answer.headers["etag"] == f'"{body["revision"]}"'
    assert (body["ticket"], body["number"], body["desk"]) == ("ticket-3", "HD-3", "london")
    assert [clock["policy"] for clock in body["clocks"]] == ["fix", "answer"]
    fix = body["clocks"][0]
    assert (fix["state"], fix["used_seconds"], fix["due_at"]) == (
        "running",
        4200.0,
        "2026-07-03T13:00:00Z",
    )


async def test_both_figures_say_what_is_left_as_the_explanation_does(
    sla: Sla, http: httpx.AsyncClient
) -> None:
    """To the millisecond: of a clock that runs, of one that is paused, and of one that is late."""
    sla.clock.set(utc(3, 8) + timedelta(milliseconds=400))
    found = {}
    for page in (await http.get("/v1/clocks")).json()["items"]:
        told = (await http.get(f"/v1/clocks/{page['ticket']}/explain")).json()["clocks"]
        parts = {clock["clock"]: clock for clock in told}
        names = ("used_seconds", "left_seconds", "elapsed_seconds", "calendar_left_seconds")
        for clock in page["clocks"]:
            figures = [clock[name] for name in names]
            assert figures == [parts[clock["clock"]][name] for name in names]
            found[page["number"], clock["policy"]] = figures
    # London was open from 14:00 to 17:00 on Thursday, and is since 08:00 on Friday.
    assert found["HD-3", "fix"] == [10_800.4, 17_999.6, 64_800.4, -36_000.4]
    assert found["HD-1", "fix"] == [600.0, 28_200.0, 600.0, 28_200.0]
    assert found["HD-2", "answer"] == [64_800.4, -61_200.4, 64_800.4, -61_200.4]


async def test_a_ticket_without_clocks_and_another_tenants_are_not_found(
    http: httpx.AsyncClient,
) -> None:
    """What belongs to somebody else looks like what is not there."""
    assert (await http.get("/v1/clocks/HD-99")).status_code == 404
    stranger = {"Authorization": "Bearer other"}
    answer = await http.get("/v1/clocks/HD-1", headers=stranger)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await http.get("/v1/clocks", headers=stranger)).json()["items"] == []


async def test_an_integration_may_not_read(http: httpx.AsyncClient) -> None:
    """Handing in requests is no right to read clocks."""
    answer = await http.get("/v1/clocks", headers={"Authorization": "Bearer main integration"})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ({}, ["HD-2", "HD-3", "HD-1"]),
        ({"breached": "true"}, ["HD-2"]),
        ({"breached": "false"}, ["HD-3", "HD-1"]),
        ({"due_before": "2026-07-03T00:00:00Z"}, ["HD-2"]),
        ({"due_before": "2026-07-03T13:00:01Z"}, ["HD-2", "HD-3"]),
        ({"desk": "global"}, ["HD-2"]),
        ({"desk": "london", "breached": "true"}, []),
    ],
)
async def test_lists_show_what_is_due_first(
    http: httpx.AsyncClient, query: dict[str, str], numbers: list[str]
) -> None:
    """Tickets come by their earliest due time; one that waits comes last."""
    body = (await http.get("/v1/clocks", params=query)).json()
    assert [item["number"] for item in body["items"]] == numbers
    assert body["next"] is None


async def test_a_list_is_read_page_by_page(http: httpx.AsyncClient) -> None:
    """``next`` leads on until all was shown once."""
    seen: list[str] = []
    params: dict[str, Any] = {"limit": 1}
    for _ in range(5):
        body = (await http.get("/v1/clocks", params=params)).json()
        seen.extend(item["number"] for item in body["items"])
        if body["next"] is None:
            break
        params["after"] = body["next"]
    assert seen == ["HD-2", "HD-3", "HD-1"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "501"}, "limit"),
        ({"due_before": "tomorrow"}, "due_before"),
        ({"due_before": "2026-07-03T00:00:00"}, "due_before"),
        ({"after": "nonsense"}, "after"),
        ({"breached": "perhaps"}, "breached"),
    ],
)
async def test_bad_queries_are_refused_by_name(
    http: httpx.AsyncClient, query: dict[str, str], field: str
) -> None:
    """The answer names the parameter that is at fault."""
    answer = await http.get("/v1/clocks", params=query)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_the_explanation_is_json_and_on_demand_text(http: httpx.AsyncClient) -> None:
    """``lang`` gives the same as plain text in that language."""
    body = (await http.get("/v1/clocks/HD-1/explain")).json()
    fix = next(clock for clock in body["clocks"] if clock["policy"] == "fix")
    assert (fix["state"], fix["used_seconds"], fix["pauses"][0]["reason"]) == (
        "paused",
        600.0,
        "customer",
    )
    english = await http.get("/v1/clocks/HD-1/explain", params={"lang": "en"})
    assert english.headers["content-type"].startswith("text/plain")
    assert "Business time: 10 min used, 7 h 50 min left" in english.text
    chinese = await http.get("/v1/clocks/HD-1/explain", params={"lang": "zh"})
    assert "工作时间：已用 10分，剩余 7小时50分" in chinese.text
    assert (await http.get("/v1/clocks/HD-1/explain", params={"lang": "tlh"})).status_code == 422
