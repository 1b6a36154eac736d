from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from services.console.adapters import Addresses, HttpOwners
from services.console.domain.levels import ReportFile
from services.console.ports import Caller
from shared.auth import Actor
from shared.contracts.control import IdentityKind, Role
from shared.kernel import CommandRejected, Infrastructure
from shared.testing.clock import ManualClock
from tests.support.console import NOON
from tests.support.console_services import problem

CALLER = Caller(
    actor=Actor("i-1", "h-clarke", "main", IdentityKind.AGENT, frozenset({Role.AGENT})),
    token="signed",
    expires_at=NOON + timedelta(hours=1),
)


class Rig:
    """The adapters before one service that answers as told, and keeps what it was asked."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOON)
        self.answer: Response = JSONResponse({})
        self.asked: list[Any] = []
        self.queries: list[dict[str, str]] = []
        app = FastAPI()

        @app.api_route("/{path:path}", methods=["GET", "POST", "PUT"])
        async def anything(path: str, request: Request) -> Response:
            body = await request.body()
            headers = {name: request.headers.get(name) for name in ("authorization", "if-match")}
            self.queries.append(dict(request.query_params))
            self.asked.append((request.method, request.url.path, headers, body))
            return self.answer

        base = "http://service"
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app))
        self.owners = HttpOwners(
            Addresses(base, base, base, base, base, base),
            client,
            clock=self.clock,
            service_token="hd_service",
            subject_seconds_max=30,
        )


async def test_a_command_carries_the_token_and_the_revision() -> None:
    """The owner hears who acts and what was seen; the answer's ETag is the revision after it."""
    rig = Rig()
    rig.answer = JSONResponse({}, headers={"ETag": '"8"'})
    after = await rig.owners.command(CALLER, "t/../1", "close", {}, revision=7)
    assert after == 8
    (asked,) = rig.asked
    assert asked[:3] == (
        "POST",
        "/v1/tickets/t/../1/close",
        {"authorization": "Bearer signed", "if-match": '"7"'},
    )


async def test_a_refusal_keeps_the_owner_s_words() -> None:
    """Code, reason and status of the problem details come through."""
    rig = Rig()
    rig.answer = problem(409, "already-assigned", "HD-1 is m-alvarez's")
    with pytest.raises(CommandRejected) as refused:
        await rig.owners.command(CALLER, "t-1", "accept", {}, revision=1)
    error = refused.value
    assert (error.code, error.reason, error.status) == (
        "already-assigned",
        "HD-1 is m-alvarez's",
        409,
    )


@pytest.mark.parametrize(
    "answer",
    [
        PlainTextResponse("oops", 500),
        problem(503, "unavailable", "store: gone"),
        PlainTextResponse("<html>", 200),
        JSONResponse({"status": 7}, 200),
    ],
)
async def test_an_answer_that_is_none_is_an_outage(answer: Response) -> None:
    """A broken or foreign service counts as one that does not answer."""
    rig = Rig()
    rig.answer = answer
    with pytest.raises(Infrastructure):
        await rig.owners.standing(CALLER, "t-1")


@pytest.mark.parametrize("name", ["", ".", ".."])
async def test_a_name_cannot_climb_out_of_its_path(name: str) -> None:
    """Such a name is of nothing, and nobody is asked."""
    rig = Rig()
    with pytest.raises(CommandRejected):
        await rig.owners.conversation(CALLER, name)
    assert rig.asked == []


async def test_subjects_are_remembered_for_a_short_time_only() -> None:
    """A live queue asks once in half a minute; after that an erasure shows."""
    rig = Rig()
    shown = {
        "id": "m-1",
        "ticket": "t-1",
        "direction": "inbound",
        "channel": "email",
        "subject": "Printer",
        "text": "",
        "author": "Ada",
        "at": "2026-03-02T12:00:00Z",
    }
    rig.answer = JSONResponse({"messages": [shown]})
    for _ in range(2):
        assert await rig.owners.subjects("main", ["m-1"]) == {"m-1": "Printer"}
    assert [asked[2]["authorization"] for asked in rig.asked] == ["Bearer hd_service"]
    rig.answer = JSONResponse({"messages": []})
    await rig.clock.advance(31)
    assert await rig.owners.subjects("main", ["m-1"]) == {}


async def test_risks_are_remembered_for_a_short_time_only() -> None:
    """Also that a ticket is at none; the mark goes when what was read is too old."""
    rig = Rig()
    risk = {"ticket": "t-1", "clock": "fix", "probability": 0.8, "because": {"en": "x"}}
    rig.answer = JSONResponse({"tickets": [risk]})
    for _ in range(2):
        found = await rig.owners.risks("main", ["t-1", "t-2"])
        assert {ticket: one.probability for ticket, one in found.items()} == {"t-1": 0.8}
    assert [asked[1] for asked in rig.asked] == ["/internal/v1/risks"]
    rig.answer = JSONResponse({"tickets": []})
    await rig.clock.advance(21)
    assert await rig.owners.risks("main", ["t-1", "t-2"]) == {}


async def test_clocks_are_asked_for_each_time() -> None:
    """What they have used grows by the second; a ticket without clocks is left out."""
    rig = Rig()
    for used in (10.5, 20.5):
        clock = {
            "clock": "fix-1",
            "policy": "fix",
            "metric": "resolution",
            "state": "running",
            "target_seconds": 60,
            "used_seconds": used,
            "calendar": "always",
            "started_at": "2026-03-02T12:00:00Z",
        }
        rig.answer = JSONResponse({"tickets": [{"ticket": "t-1", "clocks": [clock]}]})
        found = await rig.owners.clocks("main", ["t-1", "t-2"])
        assert {t: [c.used_seconds for c in clocks] for t, clocks in found.items()} == {
            "t-1": [used]
        }
    assert [asked[1] for asked in rig.asked] == ["/internal/v1/clocks"] * 2
    assert rig.asked[0][2]["authorization"] == "Bearer hd_service"


async def test_a_file_keeps_its_name_and_loses_all_that_a_browser_would_run() -> None:
    """Type and name come through; the rest of the headers is the console's own."""
    rig = Rig()
    rig.answer = Response(
        b"png",
        headers={
            "content-type": "image/png",
            "content-disposition": 'attachment; filename="a.png"',
            "set-cookie": "heliodesk=stolen",
        },
    )
    found = await rig.owners.file(CALLER, "f-1")
    assert found.content == b"png"
    assert dict(found.headers) == {
        "content-type": "image/png",
        "content-disposition": 'attachment; filename="a.png"',
        "x-content-type-options": "nosniff",
        "content-security-policy": "sandbox; default-src 'none'",
        "cache-control": "private, no-store",
    }
    assert rig.asked[0][:2] == ("GET", "/v1/files/f-1")


async def test_a_month_s_report_is_saved_and_never_shown() -> None:
    """Month, form and table are asked for; the file has a name, and runs nothing here."""
    rig = Rig()
    rig.answer = Response("<script>", media_type="text/html", headers={"X-Other": "1"})
    found = await rig.owners.report(
        CALLER, "2026-07", ReportFile("csv", "scorecard"), language="zh"
    )
    ((method, path, headers, _body),) = rig.asked
    assert (method, path) == ("GET", "/v1/reports/2026-07")
    assert headers["authorization"] == f"Bearer {CALLER.token}"
    assert rig.queries == [{"format": "csv", "lang": "zh", "table": "scorecard"}]
    assert found.content == b"<script>"
    assert found.headers["content-disposition"] == (
        'attachment; filename="sla-2026-07-scorecard.csv"'
    )
    assert found.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert "x-other" not in found.headers
    with pytest.raises(CommandRejected):
        await rig.owners.report(CALLER, "..", ReportFile("json"), language="en")
