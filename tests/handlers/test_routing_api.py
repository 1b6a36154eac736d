from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from services.routing.api import dry_run_router, people_router, ticket_router
from services.routing.domain.tickets import TICKETS
from shared.auth import Authenticator, Identities, token_digest
from shared.contracts.control import IdentityChanged, IdentityKind, Role, TokenDigest
from shared.contracts.envelope import Event, numbered
from shared.contracts.facts import Priority
from shared.http import equip
from tests.support.routing import MONDAY, TENANT, Routing, accepted, sample


def identities() -> Identities:
    """Return agents, an administrator, an integration and a service; token ``hd_`` + name."""
    known = Identities()
    people = {
        "h-clarke": (IdentityKind.AGENT, Role.AGENT),
        "a-novak": (IdentityKind.AGENT, Role.AGENT),
        "boss": (IdentityKind.AGENT, Role.ADMIN),
        "mail-demo": (IdentityKind.INTEGRATION, Role.INTEGRATION),
        "console": (IdentityKind.SERVICE, Role.SERVICE),
    }
    for name, (kind, role) in people.items():
        digest = TokenDigest(digest=token_digest(f"hd_{name}"))
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
    """Routing's routes in process, and who calls."""

    def __init__(self) -> None:
        self.routing = Routing()
        self.app = app = FastAPI()
        equip(app)
        app.state.authenticator = Authenticator(identities(), self.routing.clock)
        app.include_router(ticket_router(self.routing.reader, self.routing.commands))
        app.include_router(dry_run_router(self.routing.foresight))
        app.include_router(people_router(self.routing.reader, self.routing.commands))
        transport = httpx.ASGITransport(app=app)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://routing")

    async def call(
        self, method: str, path: str, body: Any = None, *, by: str = "h-clarke", **headers: str
    ) -> httpx.Response:
        """Send a request with a caller's token."""
        sent = {"Authorization": f"Bearer hd_{by}"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        return await self.client.request(method, f"/v1{path}", json=body, headers=sent)


@pytest.fixture
async def api() -> AsyncGenerator[Api]:
    """Give the routes with one ticket, HD-1, that waits in London."""
    api = Api()
    await api.routing.feed("t1", accepted("HD-1"))
    yield api
    await api.client.aclose()


async def test_a_ticket_is_shown_by_id_and_by_number_with_its_etag(api: Api) -> None:
    """Both ways give the same ticket, and its revision as the entity tag."""
    for name in ("t1", "HD-1"):
        answer = await api.call("GET", f"/tickets/{name}")
        assert (answer.status_code, answer.headers["ETag"]) == (200, '"1"')
        shown = answer.json()
        assert (shown["id"], shown["number"], shown["status"], shown["desk"]) == (
            "t1",
            "HD-1",
            "queued",
            "london",
        )
        assert (shown["agent"], shown["priority"], shown["revision"]) == (None, "P3", 1)


async def test_the_life_of_a_ticket_over_http(api: Api) -> None:
    """Accept, pend, resume, transfer, resolve, reopen, resolve, close: each answers the ticket."""
    steps: list[tuple[str, Any, str, str | None]] = [
        ("accept", None, "accepted", "h-clarke"),
        ("pend", {"reason": "supplier"}, "pending", "h-clarke"),
        ("resume", {}, "accepted", "h-clarke"),
        ("transfer", {"desk": "london"}, "queued", None),
        ("accept", {}, "accepted", "h-clarke"),
        ("resolve", {"code": "restarted"}, "resolved", "h-clarke"),
        ("reopen", {"reason": "came-back"}, "queued", None),
        ("resolve", None, "resolved", None),
        ("close", None, "closed", None),
    ]
    for command, body, status, agent in steps:
        answer = await api.call("POST", f"/tickets/HD-1/{command}", body)
        assert answer.status_code == 200, (command, answer.text)
        assert (answer.json()["status"], answer.json()["agent"]) == (status, agent), command
        assert answer.headers["ETag"] == f'"{answer.json()["revision"]}"'


async def test_the_second_who_accepts_gets_409_with_the_name(api: Api) -> None:
    """Both saw revision 1: one wins, the other learns who has it."""
    assert (await api.call("POST", "/tickets/t1/accept", if_match='"1"')).status_code == 200
    answer = await api.call("POST", "/tickets/t1/accept", by="a-novak", if_match='"1"')
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == "urn:heliodesk:problem:already-assigned"
    assert problem["detail"] == "HD-1 is h-clarke's (accepted)"


async def test_a_stale_revision_gets_412(api: Api) -> None:
    """A command on revision 1 is refused once the ticket is at 3; an unreadable one is a 400."""
    await api.call("POST", "/tickets/t1/accept")
    stale = await api.call("POST", "/tickets/t1/resolve", if_match='"1"')
    assert (stale.status_code, stale.json()["title"]) == (412, "revision stale")
    fresh = await api.call("POST", "/tickets/t1/resolve", if_match='"3"')
    assert fresh.status_code == 200
    broken = await api.call("POST", "/tickets/t1/close", if_match="three")
    assert (broken.status_code, broken.json()["errors"][0]["field"]) == (400, "If-Match")


async def test_an_administrator_acts_for_an_agent_and_an_agent_for_nobody_else(api: Api) -> None:
    """The administrator accepts for Adam; Hannah may not; an administrator is no agent."""
    refused = await api.call("POST", "/tickets/t1/accept", {"agent": "a-novak"})
    assert refused.status_code == 403
    nobody = await api.call("POST", "/tickets/t1/accept", by="boss")
    assert (nobody.status_code, nobody.json()["errors"][0]["field"]) == (422, "agent")
    done = await api.call("POST", "/tickets/t1/accept", {"agent": "a-novak"}, by="boss")
    assert (done.status_code, done.json()["agent"]) == (200, "a-novak")


@pytest.mark.parametrize(
    ("command", "body", "field"),
    [
        ("assign", {}, "agent"),
        ("assign", {"agent": "zoe"}, "agent"),
        ("transfer", {"desk": "moon"}, "desk"),
        ("pend", {"reason": "boredom"}, "reason"),
        ("pend", {"reason": "until"}, "until"),
        ("pend", {"until": "2026-03-02T10:00:00"}, "until"),
        ("resolve", {"code": "Not a code"}, "code"),
        ("resolve", {"colour": "red"}, "colour"),
    ],
)
async def test_a_body_that_does_not_fit_names_the_field(
    api: Api, command: str, body: dict[str, str], field: str
) -> None:
    """A 422 with the field and the reason, and the ticket stays as it was."""
    await api.call("POST", "/tickets/t1/accept")
    answer = await api.call("POST", f"/tickets/t1/{command}", body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)
    assert (await api.routing.document("t1")).seq == 3


async def test_only_who_may_work_commands_and_only_who_is_known_reads(api: Api) -> None:
    """A service reads but does not work, an integration does neither, a stranger gets 401."""
    assert (await api.call("GET", "/tickets", by="console")).status_code == 200
    assert (await api.call("POST", "/tickets/t1/accept", by="console")).status_code == 403
    assert (await api.call("GET", "/desks", by="mail-demo")).status_code == 403
    assert (await api.call("GET", "/agents", by="stranger")).status_code == 401


async def test_an_unknown_ticket_is_a_404(api: Api) -> None:
    """Reading and commanding alike."""
    for method, path in (("GET", "/tickets/HD-9"), ("POST", "/tickets/HD-9/resolve")):
        answer = await api.call(method, path)
        assert (answer.status_code, answer.json()["title"]) == (404, "not found")


async def test_a_list_is_filtered_and_paged_the_newest_first(api: Api) -> None:
    """Of five tickets two a page, then those of one priority, desk and status."""
    for number in range(2, 6):
        await api.routing.feed(
            f"t{number}",
            accepted(
                f"HD-{number}",
                accepted_at=MONDAY.replace(minute=number),
                priority=Priority.P1 if number % 2 else Priority.P3,
            ),
        )
    seen: list[str] = []
    after = ""
    for _ in range(3):
        page = (await api.call("GET", f"/tickets?limit=2{after}")).json()
        seen += [ticket["number"] for ticket in page["tickets"]]
        after = f"&after={page['next']}"
    assert seen == ["HD-5", "HD-4", "HD-3", "HD-2", "HD-1"]
    assert page["next"] is None
    await api.call("POST", "/tickets/HD-5/accept")
    for query, numbers in [
        ("priority=P1", ["HD-5", "HD-3"]),
        ("status=queued&priority=P1", ["HD-3"]),
        ("agent=h-clarke", ["HD-5"]),
        ("desk=shanghai", []),
    ]:
        found = (await api.call("GET", f"/tickets?{query}")).json()["tickets"]
        assert [ticket["number"] for ticket in found] == numbers, query


@pytest.mark.parametrize(
    ("query", "field"),
    [("limit=0", "limit"), ("status=lost", "status"), ("after=nonsense", "after")],
)
async def test_a_query_that_does_not_fit_names_the_parameter(
    api: Api, query: str, field: str
) -> None:
    """A 422 with the parameter's name."""
    answer = await api.call("GET", f"/tickets?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


async def test_a_ticket_explains_its_desk_and_its_agent(api: Api) -> None:
    """While it waits only the desk is explained; then the agent too."""
    waiting = (await api.call("GET", "/tickets/HD-1/explain")).json()
    assert waiting["queued"]["topology"] == "follow-the-sun"
    assert waiting["assigned"] is None
    await api.routing.match()
    given = (await api.call("GET", "/tickets/HD-1/explain")).json()
    assert given["agent"] == "a-novak"
    assert [c["name"] for c in given["assigned"]["candidates"]] == [
        "a-novak",
        "h-clarke",
        "p-sharma",
    ]


async def test_agents_say_whether_they_take_work_and_what_they_hold(api: Api) -> None:
    """Hannah goes away with one ticket in hand; she may not speak for Adam."""
    await api.call("POST", "/tickets/t1/accept")
    away = {"presence": "away"}
    answer = await api.call("PUT", "/agents/h-clarke/presence", away)
    assert (answer.status_code, answer.json()["presence"]) == (200, "away")
    assert (await api.call("PUT", "/agents/a-novak/presence", away)).status_code == 403
    assert (await api.call("PUT", "/agents/a-novak/presence", away, by="boss")).status_code == 200
    wrong = await api.call("PUT", "/agents/h-clarke/presence", {"presence": "asleep"})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "presence")
    agents = (await api.call("GET", "/agents?desk=london")).json()["agents"]
    assert {a["id"]: (a["presence"], a["load"], a["capacity"]) for a in agents} == {
        "h-clarke": ("away", 1, 10),
        "a-novak": ("away", 0, 8),
        "p-sharma": ("available", 0, 8),
    }
    assert agents[0]["holds"] == [{"ticket": "t1", "weight": 1}]
    assert (await api.call("GET", "/agents?desk=moon")).status_code == 422


async def test_desks_say_who_is_open_and_how_much_waits(api: Api) -> None:
    """At 09:00 UTC London is open until 17:00, and New York opens at 15:00."""
    desks = {d["name"]: d for d in (await api.call("GET", "/desks")).json()["desks"]}
    london, new_york = desks["london"], desks["new-york"]
    assert (london["open"], london["closes_at"], london["opens_at"]) == (
        True,
        "2026-03-02T17:00:00Z",
        None,
    )
    assert (new_york["open"], new_york["opens_at"], new_york["time_zone"]) == (
        False,
        "2026-03-02T15:00:00Z",
        "America/New_York",
    )
    assert (london["queued"], new_york["queued"]) == (1, 0)
    assert (desks["operations"]["closes_at"], desks["operations"]["tier"]) == (None, 2)
    assert (desks["operations"]["on_duty"], desks["operations"]["duty_manager"]) == (None, None)


async def test_a_parked_ticket_refuses_commands_and_says_so(api: Api) -> None:
    """A ticket with a record that could not be applied is shown as parked, and waits."""
    document = await api.routing.document("t1")
    await api.routing.store.mark(TICKETS, document, 1)
    assert (await api.call("GET", "/tickets/t1")).json()["parked"] is True
    answer = await api.call("POST", "/tickets/t1/accept")
    assert (answer.status_code, answer.json()["title"]) == (409, "parked")
    await api.routing.match()
    assert (await api.routing.state("t1")).holder is None


async def raw(api: Api, body: bytes, media_type: str = "application/json") -> httpx.Response:
    """Accept HD-1 with a body as it stands."""
    headers = {"Authorization": "Bearer hd_h-clarke", "Content-Type": media_type}
    return await api.client.post("/v1/tickets/HD-1/accept", content=body, headers=headers)


@pytest.mark.parametrize(
    ("body", "media_type", "status", "field"),
    [
        (b'{"agent": ', "application/json", 400, ""),
        (b'{"agent": "\xff"}', "application/json", 400, ""),
        (b"[" * 100_000, "application/json", 400, ""),
        (b'{"agent": "h-clarke"}', "text/plain", 415, "Content-Type"),
        (b'{"agents": "h-clarke"}', "application/json", 422, "agents"),
        (b'{"agent": "h\\u0000"}', "application/json", 422, "agent"),
    ],
)
async def test_a_body_that_cannot_be_read_says_why(
    api: Api, body: bytes, media_type: str, status: int, field: str
) -> None:
    """No JSON is 400, another media type 415, a field that does not fit 422; each names it."""
    answer = await raw(api, body, media_type)
    problem = answer.json()
    assert (answer.status_code, problem["errors"][0]["field"]) == (status, field), problem
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await api.call("GET", "/tickets/HD-1")).json()["status"] == "queued"


async def test_a_body_that_grows_too_large_while_it_comes_is_413(api: Api) -> None:
    """Sent in chunks it has no declared length, and is refused by what has come."""

    async def chunks() -> AsyncGenerator[bytes]:
        for _ in range(11):
            yield b" " * 64 * 1024

    headers = {"Authorization": "Bearer hd_h-clarke", "Content-Type": "application/json"}
    answer = await api.client.post("/v1/tickets/HD-1/accept", content=chunks(), headers=headers)
    assert (answer.status_code, answer.json()["title"]) == (413, "too large")


async def test_a_method_that_is_not_there_names_those_that_are(api: Api) -> None:
    """405 carries Allow, as RFC 9110 asks."""
    answer = await api.call("DELETE", "/tickets/HD-1")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")


async def test_a_parameter_is_named_without_its_place(api: Api) -> None:
    """The field is called as the caller calls it: ``ticket``, not ``path.ticket``."""
    answer = await api.call("GET", "/tickets/" + "x" * 81)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "ticket")


def north_america() -> dict[str, Any]:
    """Return the sample's sections with New York as the desk of everything."""
    sections = sample().sections()
    everything = {"name": "all", "shape": "centralized", "desk": "new-york"}
    return sections | {"topologies": {"topologies": [everything]}}


async def test_a_dry_run_tells_what_would_move_and_why(api: Api) -> None:
    """The ways that tickets go with their counts, reasons and first tickets, and as of when."""
    body = {"sections": north_america(), "examples": 1}
    answer = await api.call("POST", "/routing/dry-run", body, by="boss")
    assert answer.status_code == 200
    told = answer.json()
    assert (told["version"], told["complete"], told["tickets"], told["moving"]) == (1, True, 1, 1)
    assert (told["later"], told["nobody_able"], told["stays"]) == ([], [], {})
    (flow,) = told["moves"]
    assert (flow["origin"], flow["target"], flow["reason"], flow["tickets"]) == (
        "london",
        "new-york",
        "choice-changed",
        1,
    )
    assert flow["examples"] == [
        {
            "id": "t1",
            "number": "HD-1",
            "revision": 1,
            "status": "queued",
            "desk": "london",
            "agent": None,
            "rule": "new-york takes everything of this scope",
            "was": "london is the first open desk in the order of follow-the-sun",
        }
    ]
    assert (await api.call("GET", "/tickets/t1")).json()["desk"] == "london"


async def test_a_dry_run_refuses_a_wrong_configuration_by_its_places(api: Api) -> None:
    """The answer is control's: each file, path and reason."""
    sections = north_america()
    sections["topologies"]["topologies"][0]["desk"] = "new-yrok"
    answer = await api.call("POST", "/routing/dry-run", {"sections": sections}, by="boss")
    assert (answer.status_code, answer.json()["type"]) == (
        422,
        "urn:heliodesk:problem:configuration-invalid",
    )
    assert answer.json()["errors"] == [
        {
            "file": "topologies",
            "path": "topologies[0].desk",
            "reason": "unknown desk 'new-yrok'; did you mean 'new-york'?",
        }
    ]


@pytest.mark.parametrize(
    ("body", "by", "status"),
    [
        ({"sections": {"desks": {}}}, "h-clarke", 403),
        ({"sections": {}}, "boss", 422),
        ({"sections": {"desks": {}}, "examples": 51}, "boss", 422),
        ({"sections": {"desks": {}}, "force": True}, "boss", 422),
    ],
)
async def test_a_dry_run_is_for_who_may_configure_and_says_which_field_is_wrong(
    api: Api, body: Any, by: str, status: int
) -> None:
    """Others are refused before their body is looked at."""
    assert (await api.call("POST", "/routing/dry-run", body, by=by)).status_code == status
