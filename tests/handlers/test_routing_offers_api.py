from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from shared.contracts.routing import Presence
from shared.organisation import parse_sections
from shared.testing.clock import ManualClock
from tests.handlers.test_routing_api import Api
from tests.support.routing import SAMPLE, TENANT, accepted, at


@pytest.fixture
async def api() -> AsyncGenerator[Api]:
    """Give the routes with HD-1, which waits in London, where Hannah alone is there and is asked
    first.
    """
    api = Api()
    files = {
        str(path.relative_to(SAMPLE)): path.read_text(encoding="utf-8")
        for path in sorted(SAMPLE.rglob("*.yaml"))
    }
    london = "desks:\n  london:\n"
    assert london in files["routing.yaml"]
    offers = f"{london}    offers: {{timeout: 2m}}\n"
    asking = parse_sections(files | {"routing.yaml": files["routing.yaml"].replace(london, offers)})
    api.routing.configurations.install(TENANT, asking, version=2)
    for agent in asking.agents_of("london"):
        there = Presence.AVAILABLE if agent.id == "h-clarke" else Presence.OFFLINE
        await api.routing.commands.presence(TENANT, agent=agent.id, presence=there)
    await api.routing.feed("t1", accepted("HD-1"))
    yield api
    await api.client.aclose()


async def test_an_offer_is_shown_with_its_end_and_rejected_with_a_word(api: Api) -> None:
    """The ticket says until when; a word of the list gives it back; another is refused by name."""
    await api.routing.match()
    shown = (await api.call("GET", "/tickets/HD-1")).json()
    assert (shown["status"], shown["agent"], shown["answer_by"]) == (
        "offered",
        "h-clarke",
        "2026-03-02T09:02:00Z",
    )
    listed = (await api.call("GET", "/tickets?status=offered")).json()["tickets"]
    assert [one["number"] for one in listed] == ["HD-1"]
    desks = (await api.call("GET", "/desks")).json()["desks"]
    assert {d["name"]: d["offered"] for d in desks}["london"] == 1
    wrong = await api.call("POST", "/tickets/HD-1/reject", {"reason": "tired"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "reason")
    text = await api.call("POST", "/tickets/HD-1/reject", {"reason": "I am tired!"})
    assert text.status_code == 422
    other = await api.call("POST", "/tickets/HD-1/reject", {"reason": "busy"}, by="a-novak")
    assert (other.status_code, other.json()["type"]) == (409, "urn:heliodesk:problem:not-offered")
    back = await api.call("POST", "/tickets/HD-1/reject", {"reason": "busy"})
    assert (back.status_code, back.json()["status"], back.json()["answer_by"]) == (
        200,
        "queued",
        None,
    )
    explained = (await api.call("GET", "/tickets/HD-1/explain")).json()["waiting"]
    assert explained["explanation"]["left_out"]["declined"] == 1
    assert "declined" in [change["what"] for change in explained["changes"]]


async def test_a_late_accept_is_a_conflict_that_says_so(api: Api) -> None:
    """409 offer-expired, with the instant; with If-Match of what was seen as well."""
    await api.routing.match()
    tag = (await api.call("GET", "/tickets/HD-1")).headers["etag"]
    assert isinstance(api.routing.clock, ManualClock)
    api.routing.clock.set(at(9, 2))
    await api.routing.offers.expire()
    for headers in ({}, {"If-Match": tag}):
        late = await api.call("POST", "/tickets/HD-1/accept", **headers)
        assert late.status_code == 409
        assert late.json()["type"] == "urn:heliodesk:problem:offer-expired"
        assert "expired at 2026-03-02T09:02:00" in late.json()["detail"]


async def test_the_next_ticket_is_asked_for_over_http(api: Api) -> None:
    """200 with the ticket and its ETag, then 204; nobody asks for another but an administrator."""
    other = await api.call("POST", "/agents/h-clarke/next", by="a-novak")
    assert other.status_code == 403
    found = await api.call("POST", "/agents/h-clarke/next")
    assert (found.status_code, found.json()["status"], found.json()["agent"]) == (
        200,
        "accepted",
        "h-clarke",
    )
    assert found.headers["etag"] == f'"{found.json()["revision"]}"'
    nothing = await api.call("POST", "/agents/h-clarke/next", by="boss")
    assert (nothing.status_code, nothing.content) == (204, b"")
    away = await api.call("POST", "/agents/a-novak/next", by="a-novak")
    assert (away.status_code, away.json()["type"]) == (409, "urn:heliodesk:problem:offline")
