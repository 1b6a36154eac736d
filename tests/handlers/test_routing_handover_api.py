"""Handovers over HTTP, and from the command line."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from services.routing.api import handover_router
from services.routing.handlers.handover_reading import HandoverReader
from shared.auth import Authenticator, Identities, token_digest
from shared.contracts.control import IdentityChanged, IdentityKind, Role, TokenDigest
from shared.contracts.envelope import Event, numbered
from shared.contracts.facts import Channel, Priority
from shared.contracts.intake import Direction
from shared.contracts.internal import ClocksView, MessageView
from shared.contracts.routing import PendReason
from shared.contracts.sla import ClockState, ClockView, Metric
from shared.http import equip
from shared.kernel import Infrastructure
from tests.handlers.test_routing_handover import caller, handing, on, ticket
from tests.support.routing import MONDAY, TENANT
from tests.support.routing_handover import Words

ROLES = {"ann": Role.AGENT, "bob": Role.AGENT, "boss": Role.ADMIN, "mail": Role.INTEGRATION}


def identities() -> Identities:
    """Return who calls; token ``hd_`` + name."""
    known = Identities()
    for name, role in ROLES.items():
        digest = TokenDigest(digest=token_digest(f"hd_{name}"))
        kind = IdentityKind.INTEGRATION if role is Role.INTEGRATION else IdentityKind.AGENT
        body = IdentityChanged(identity=name, kind=kind, name=name, roles=(role,), tokens=(digest,))
        event: Event[Any] = numbered(
            source="/control/identity",
            subject=name,
            sequence=1,
            time=MONDAY,
            tenant=TENANT,
            configversion=0,
            body=body,
        )
        known.learn(event.encoded())
    return known


class Api:
    """The routes in process, half an hour before the end of London's shift."""

    def __init__(self) -> None:
        self.routing = handing()
        self.words = Words()
        reader = HandoverReader(
            handovers=self.routing.handovers,
            committer=self.routing.committer,
            configurations=self.routing.configurations,
            clock=self.routing.clock,
            texts=self.words,
            clocks=self.words,
        )
        app = FastAPI()
        equip(app)
        app.state.authenticator = Authenticator(identities(), self.routing.clock)
        app.include_router(handover_router(reader, self.routing.reader, self.routing.say))
        transport = httpx.ASGITransport(app=app)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://routing")

    async def call(
        self, method: str, path: str, body: Any = None, *, by: str = "ann", **headers: str
    ) -> httpx.Response:
        """Send a request with a caller's token."""
        sent = {"Authorization": f"Bearer hd_{by}"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return await self.client.request(method, f"/v1/handovers{path}", json=body, headers=sent)

    async def begin(self) -> str:
        """Let two tickets come and the handover be opened; return its id."""
        await ticket(self.routing, "t1", Priority.P2, agent="ann")
        await ticket(self.routing, "t2", Priority.P4, agent="ann")
        await self.routing.commands.pend(
            caller("t1", "ann"), reason=PendReason.SUPPLIER, until=on(18)
        )
        await self.routing.go(on(16, 30))
        return self.routing.one("london")[0]


@pytest.fixture
async def api() -> Api:
    """Give the routes."""
    return Api()


def clock_view() -> ClockView:
    """Return a resolution clock that is due at 17:30 in London."""
    return ClockView(
        clock="resolution-1",
        policy="resolution",
        metric=Metric.RESOLUTION,
        state=ClockState.RUNNING,
        target_seconds=14_400,
        used_seconds=3_600,
        calendar="london",
        started_at=on(12),
        due_at=on(17, 30),
    )


def said(text: str) -> MessageView:
    """Return a message of the contact's."""
    return MessageView(
        id="message-1",
        ticket="t1",
        direction=Direction.INBOUND,
        channel=Channel.EMAIL,
        subject="Printer",
        text=text,
        author="王芳",
        at=on(12),
        language="zh",
    )


async def test_one_call_gives_what_a_page_needs_in_the_reader_s_language(api: Api) -> None:
    """Briefs with due times and quotes in the original, matters, deadlines, who may sign."""
    handover = await api.begin()
    api.words.due["t1"] = ClocksView(ticket="t1", clocks=(clock_view(),))
    api.words.messages["t1"] = (said("打印机不工作。" * 100),)
    found = (await api.call("GET", f"/{handover}?lang=zh&zone=Europe/London", by="bob")).json()
    assert (found["stage"], found["may_sign"], found["missing"]) == ("open", ["taking"], [])
    assert found["sign_by"]["giving"].startswith("2027-01-13T17:30")
    assert (found["time_zone"], found["takes_part"], found["agents"]) == ("Europe/London", True, [])
    assert found["answering"]["giving"] == {"on_duty": None, "duty_manager": "max"}
    first = found["items"][0]
    assert first["number"] == "HD-t1"
    assert "ann: 等待供应商,至 18:00。" in first["lines"]
    assert "解决时限:17:30,剩余 1 小时。" in first["lines"]
    assert "下一步:催问供应商进展。" in first["lines"]
    quote = first["quotes"][0]
    assert (quote["language"], len(quote["text"]), quote["whole"]) == ("zh", 500, False)
    assert [m["name"] for m in found["matters"]] == ["environment", "keys"]
    english = (await api.call("GET", f"/{handover}")).json()["items"][0]["lines"]
    assert "ann: it waits for a supplier, until 13:00." in english
    assert "Next: ask the supplier how it stands." in english


async def test_what_others_do_not_answer_is_left_out_and_named(api: Api) -> None:
    """Without sla and intake the briefs are there all the same."""
    handover = await api.begin()
    api.words.error = Infrastructure("down")
    found = await api.call("GET", f"/{handover}")
    assert found.status_code == 200
    assert found.json()["missing"] == ["sla", "intake"]
    assert found.json()["items"][0]["lines"]


async def test_a_handover_from_opening_to_signatures_over_http(api: Api) -> None:
    """Brief, matter, signatures, acceptance; the report says it in numbers and in words."""
    handover = await api.begin()
    path = f"/{handover}"
    body = {"next": "visit-site", "note": "message-7"}
    brief = await api.call("POST", f"{path}/items/HD-t1/brief", body)
    assert "Next: visit the site (says ann)." in brief.json()["lines"]
    accepted = await api.call("POST", f"{path}/items/t2/accept", {"take": True}, by="bob")
    assert accepted.json()["told"].startswith("HD-t2  moved: → new-york")
    body = {"state": "attention", "text": "One switch is down."}
    assert (await api.call("POST", f"{path}/matters/environment", body)).status_code == 200
    assert (await api.call("POST", f"{path}/sign")).json()["unsigned"] == ["taking"]
    assert (await api.call("POST", f"{path}/sign", by="bob")).json()["unsigned"] == []
    await api.routing.until(on(17, 10), step=timedelta(minutes=5))
    report = (await api.call("GET", f"{path}/report?lang=en&zone=UTC")).json()
    assert report["handover"]["stage"] == "completed"
    counts = report["counts"]
    assert (counts["came"], counts["moved"], counts["kept"]) == (0, 1, 1)
    assert "environment: needs attention (ann, 16:30): One switch is down." in report["text"]
    assert "taking side: bob, 16:30" in report["text"]
    chinese = (await api.call("GET", f"{path}/report?lang=zh")).json()["text"]
    assert "移交 1" in chinese


async def test_lists_are_paged_and_filtered_by_desk(api: Api) -> None:
    """Either side's desk finds it; the cursor goes on; another's finds nothing."""
    handover = await api.begin()
    await api.routing.until(on(23, 30), step=timedelta(minutes=30))
    for desk, ids in (("london", 2), ("new-york", 2), ("nowhere", 0)):
        found = (await api.call("GET", f"?desk={desk}")).json()
        assert len(found["handovers"]) == ids
    first = (await api.call("GET", "?limit=1")).json()
    rest = (await api.call("GET", f"?limit=5&after={first['next']}")).json()
    assert [h["id"] for h in rest["handovers"]] == [handover]
    assert rest["next"] is None
    assert (await api.call("GET", "?open=true")).json()["handovers"]


@pytest.mark.parametrize(
    ("method", "path", "body", "by", "status", "where"),
    [
        ("GET", "/nothing", None, "ann", 404, None),
        ("GET", "?after=!", None, "ann", 422, "after"),
        ("GET", "/{id}?zone=Mars/Base", None, "ann", 422, "zone"),
        ("GET", "/{id}?lang=fr", None, "ann", 422, "lang"),
        ("GET", "/{id}/items/HD-99", None, "ann", 404, None),
        ("POST", "/{id}/items/t1/decline", {}, "bob", 422, "reason"),
        ("POST", "/{id}/items/t1/decline", {"reason": "A text."}, "bob", 422, "reason"),
        ("POST", "/{id}/items/t1/brief", {"next": "sleep"}, "ann", 422, "next"),
        ("POST", "/{id}/items/t1/accept", None, "bob", 409, None),
        ("POST", "/{id}/items/t2/accept", None, "ann", 403, None),
        ("POST", "/{id}/items/t2/accept", {"agent": "bob"}, "ann", 403, "agent"),
        ("POST", "/{id}/items/t2/keep", {"reason": "mine"}, "bob", 409, None),
        ("POST", "/{id}/matters/weather", {"state": "normal"}, "ann", 422, "matter"),
        ("POST", "/{id}/matters/keys", {"state": "lost"}, "ann", 422, "state"),
        ("POST", "/{id}/sign", None, "ann", 409, "matters"),
        ("POST", "/{id}/sign", None, "boss", 403, None),
        ("POST", "/{id}/sign", {"agent": "bob", "side": "north"}, "boss", 422, "side"),
        ("POST", "/{id}/sign", None, "mail", 403, None),
    ],
)
async def test_bad_input_is_refused_and_names_its_field(
    *, api: Api, method: str, path: str, body: Any, by: str, status: int, where: str | None
) -> None:
    """Each with its status, and nothing changes."""
    handover = await api.begin()
    answer = await api.call(method, path.replace("{id}", handover), body, by=by)
    assert answer.status_code == status, answer.text
    if where is not None:
        assert answer.json()["errors"][0]["field"] == where


async def test_a_stale_revision_is_refused(api: Api) -> None:
    """Two people who sign on what they saw: the second is told that it has changed."""
    handover = await api.begin()
    tag = (await api.call("GET", f"/{handover}")).headers["ETag"]
    body = {"state": "normal"}
    path = f"/{handover}/matters/environment"
    assert (await api.call("POST", path, body, If_Match=tag)).status_code == 200
    stale = await api.call("POST", f"/{handover}/matters/keys", body, If_Match=tag)
    assert stale.status_code == 412
