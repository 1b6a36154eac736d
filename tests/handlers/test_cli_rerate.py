"""`heliodesk sla rerate` against the service itself, on memory."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from services.sla.rerate_api import rerate_router
from services.sla.rerating import Rerating
from shared.http import equip
from tests.handlers.test_cli_commands import SLA, Desk
from tests.handlers.test_sla_api import Tokens
from tests.handlers.test_sla_rerate import ADMIN, LONG, SHORT
from tests.support.sla import TENANT, Sla, Story, facts, organisation, utc

POST = "POST"
PATHS = ("/v1/clocks/rerate/diff", "/v1/clocks/rerate")


@pytest.fixture
def sla() -> Sla:
    """Give two late tickets and one that waits, and a version that allows more."""
    sla = Sla(configuration=organisation(sla=SHORT))

    async def fill() -> None:
        for number in (1, 2, 3):
            story = Story(ticket=f"ticket-{number}", facts=facts(f"HD-{number}"))
            await sla.feed(story.accepted(), story.queued(utc(2, 14)))
        await sla.tick(utc(2, 15, 30))

    asyncio.run(fill())
    sla.configurations.install(TENANT, organisation(sla=LONG), version=2)
    return sla


@pytest.fixture
def desk(sla: Sla, tmp_path: Path) -> Desk:
    """Give a command line whose sla is the service's own code."""
    app = FastAPI()
    equip(app)
    app.state.authenticator = Tokens()
    app.include_router(
        rerate_router(
            Rerating(
                index=sla.index, handlers=sla.handlers, committer=sla.committer, clock=sla.clock
            )
        )
    )

    def answer(request: httpx.Request) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://sla") as client:
                kind = {"Content-Type": request.headers["content-type"]}
                return await client.post(
                    request.url.path, content=request.content, headers=ADMIN | kind
                )

        found = asyncio.run(ask())
        return httpx.Response(found.status_code, content=found.content, headers=found.headers)

    return Desk(tmp_path / "home", {(SLA, POST, path): answer for path in PATHS})


def versions(sla: Sla) -> list[int]:
    """Return by which version each ticket's clock counts."""

    async def read() -> list[int]:
        states = [await sla.state(f"ticket-{number}") for number in (1, 2, 3)]
        return [state.clocks[0].view.configversion for state in states]

    return asyncio.run(read())


def test_without_a_reason_it_is_only_shown(desk: Desk, sla: Sla) -> None:
    """Due time, target and breach before and after; nothing is done, and how to do it is said."""
    shown = desk.run("sla", "rerate")
    assert shown.exit_code == 0, shown.output
    assert "HD-1 (london)" in shown.stdout
    assert "due 2026-07-02 15:00:00 UTC → 2026-07-06 16:00:00 UTC" in shown.stdout
    assert "target 1 h → 20 h; breach withdrawn" in shown.stdout
    assert "By version 2: 3 of 3 would change." in shown.stdout
    assert "--because" in shown.stderr
    assert versions(sla) == [1, 1, 1]
    zh = desk.run("sla", "rerate", "HD-1", "--lang", "zh").stdout
    assert "目标 1 h → 20 h" in zh
    assert "撤销超期" in zh


def test_with_a_reason_it_is_done_after_a_question(desk: Desk, sla: Sla) -> None:
    """Who says no changes nothing; --yes asks nothing."""
    refused = desk.run("sla", "rerate", "--because", "the contract", typed="n\n")
    assert refused.exit_code == 1
    assert versions(sla) == [1, 1, 1]
    done = desk.run("sla", "rerate", "HD-1", "HD-2", "--because", "the contract", "--yes")
    assert done.exit_code == 0, done.output
    assert "Rerated by version 2: 2." in done.stdout
    assert versions(sla) == [2, 2, 1]
    again = desk.run("sla", "rerate", "HD-1", "--because", "the contract", "--yes", "--all")
    assert "HD-1: nothing changes" in again.stdout
    assert "There is nothing to rerate." in again.stdout


def test_json_holds_the_difference_and_what_was_done(desk: Desk, sla: Sla) -> None:
    """The whole of it, for scripts."""
    found: dict[str, Any] = desk.json("sla", "rerate", "HD-3", "--because", "why", "--yes")
    assert (found["version"], found["missing"]) == (2, [])
    assert [one["done"] for one in found["done"]] == [True]
    assert versions(sla) == [1, 1, 2]


def test_a_name_of_no_ticket_and_a_version_that_is_none(desk: Desk, sla: Sla) -> None:
    """Each is named, and the exit code tells."""
    shown = desk.run("sla", "rerate", "HD-99")
    assert shown.exit_code == 1
    assert "HD-99: no clocks are known of it" in shown.stdout
    wrong = desk.run("sla", "rerate", "--version", "7")
    assert wrong.exit_code == 2
    assert "there is no version 7; the newest is 2" in wrong.stderr
    assert versions(sla) == [1, 1, 1]


def test_a_desk_beside_named_tickets_is_refused(desk: Desk, sla: Sla) -> None:
    """Which of the two was meant is not guessed: both are named, and nothing is asked or done."""
    args = ("HD-1", "HD-2", "--desk", "paris", "--because", "the contract", "--yes")
    wrong = desk.run("sla", "rerate", *args)
    assert wrong.exit_code == 2
    assert "--desk paris" in wrong.stderr
    assert "HD-1, HD-2" in wrong.stderr
    assert not wrong.stdout
    assert versions(sla) == [1, 1, 1]
    assert desk.run("sla", "rerate", "--desk", "london").exit_code == 0
