"""Contacts and corrections over HTTP, with every kind of caller; what outsiders can learn: nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from services.intake.adapters.web import Web
from services.intake.api.classification import classification_router
from services.intake.api.contacts import confirmation_router, contact_router
from services.intake.api.submit import Answers, Entering, door_routes
from services.intake.doors import DOORS
from services.intake.handlers.limiting import Limiter
from services.intake.handlers.public_keys import PublicKeys
from shared.auth import Authenticator
from shared.contracts.intake import RequestReclassified
from shared.http import equip
from shared.kernel import rfc3339
from shared.log import silent
from shared.testing.clock import START
from tests.support.allowances import MemoryAllowances
from tests.support.callers import Callers, identities
from tests.support.intake import SIGNER, TENANT, Intake
from tests.support.intake_input import request

ROWS = [
    {"employee": "E1", "name": "Grace Hopper", "mail": "grace@example.org", "level": "vip"},
    {"employee": "E2", "name": "张伟", "phone": "+86 138 0013 8000"},
]


class Service:
    """Intake's routes for agents, in process."""

    def __init__(self) -> None:
        self.intake = Intake()
        cases = self.intake.use_cases
        self.callers = Callers(
            contact_router(
                contacts=cases.contacts, importing=cases.importing, proving=cases.proving
            ),
            confirmation_router(cases.proving),
            classification_router(
                reading=self.intake.reading,
                reclassifying=cases.reclassifying,
                accepting=self.intake.accepting,
            ),
            clock=self.intake.clock,
        )

    async def call(self, method: str, path: str, **given: Any) -> httpx.Response:
        """Send a request."""
        return await self.callers.call(method, path, **given)

    async def imported(self) -> list[dict[str, Any]]:
        """Import two people and return them."""
        answer = await self.call("PUT", "/v1/contacts", body={"contacts": ROWS})
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["contacts"]
        return found

    async def ticket(self, **fields: Any) -> str:
        """Return the id of a new ticket of Grace's."""
        caller = self.intake.caller("requests-demo")
        read = request(mail="grace@example.org", **fields)
        receipt = await self.intake.accepting.submit(DOORS["requests"], read, caller)
        await self.intake.settle()
        assert receipt.ticket is not None
        return receipt.ticket


def errors(answer: httpx.Response) -> list[str]:
    """Return the fields that a refusal names."""
    return [error["field"] for error in answer.json()["errors"]]


async def test_importing_finding_and_showing() -> None:
    """What was imported is found by its start and shown with its proven addresses."""
    service = Service()
    grace, wei = await service.imported()
    found = await service.call("GET", "/v1/contacts?q=hop")
    assert [c["id"] for c in found.json()["contacts"]] == [grace["id"]]
    found = await service.call("GET", "/v1/contacts?q=zw&limit=1")
    assert [c["name"] for c in found.json()["contacts"]] == ["张伟"]
    shown = (await service.call("GET", f"/v1/contacts/{wei['id']}")).json()
    assert [(a["address"], a["verified"], a["reason"]) for a in shown["addresses"]] == [
        ("id:E2", True, "import"),
        ("phone:+8613800138000", True, "import"),
    ]
    assert shown["contact"]["phone"] == "+8613800138000"


async def test_csv_is_imported_as_well() -> None:
    """A file of a spreadsheet; an unknown column and a wrong cell are named."""
    service = Service()
    headers = {"Authorization": "Bearer hd_h-clarke", "Content-Type": "text/csv; charset=utf-8"}
    good = await service.callers.client.put(
        "/v1/contacts", content=b"employee,name,vip\nE9,Ada,yes\n", headers=headers
    )
    assert [(c["employee"], c["vip"]) for c in good.json()["contacts"]] == [("E9", True)]
    for content, field in (
        ("employee,colour\nE9,blue\n", "colour"),
        ("employee,site\nE9,\nE8,atlantis\n", "contacts.1.site"),
        ("employee,business\nE9,helio-enrgy\n", "contacts.0.business"),
    ):
        bad = await service.callers.client.put(
            "/v1/contacts", content=content.encode(), headers=headers
        )
        assert (bad.status_code, errors(bad)) == (422, [field])


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 422),
        (b'{"contacts": 7}', "application/json", 422),
        (b'{"contacts": []}', "application/json", 422),
        (b'{"contacts": [{}], "more": 1}', "application/json", 422),
        (b"[" * 100_000, "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"<contacts/>", "application/xml", 415),
        (b"", "", 415),
        (b"\xff", "text/csv", 422),
        (b"", "text/csv", 422),
    ],
)
async def test_a_body_that_is_no_import_is_refused(
    content: bytes, media_type: str, status: int
) -> None:
    """With the right status, and nothing is stored."""
    service = Service()
    headers = {"Authorization": "Bearer hd_h-clarke", "Content-Type": media_type}
    answer = await service.callers.client.put("/v1/contacts", content=content, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert service.intake.data.collection("people") == {}


async def test_links_and_merges_over_http() -> None:
    """Each command answers with the contact after it; undoing is a command, too."""
    service = Service()
    grace, wei = await service.imported()
    path = f"/v1/contacts/{grace['id']}"
    body = {"kind": "mail", "value": "Hopper@Example.org", "reason": "told by her manager"}
    linked = (await service.call("POST", f"{path}/addresses", body=body)).json()
    (address,) = [a for a in linked["addresses"] if a["address"] == "mail:hopper@example.org"]
    assert (address["by"], linked["links"][0]["reason"]) == ("h-clarke", "told by her manager")
    gone = await service.call("DELETE", f"{path}/addresses/{address['id']}?reason=wrong")
    assert address["id"] not in [a["id"] for a in gone.json()["addresses"]]
    assert gone.json()["links"][0]["action"] == "unlinked"

    merged = await service.call(
        "POST", f"/v1/contacts/{wei['id']}/merge", body={"into": grace["id"]}
    )
    assert merged.json()["contact"]["merged_into"] == grace["id"]
    target = (await service.call("GET", path)).json()
    assert target["absorbed"] == [wei["id"]]
    undone = await service.call("POST", f"/v1/contacts/{wei['id']}/unmerge")
    assert undone.json()["contact"]["merged_into"] is None
    again = await service.call("POST", f"/v1/contacts/{wei['id']}/unmerge", body={"reason": "x"})
    assert again.status_code == 409


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "phone", "value": "0170 123"}, "value"),
        ({"kind": "mail", "value": "nobody"}, "value"),
        ({"kind": "pigeon", "value": "x"}, "kind"),
        ({"kind": "mail"}, "value"),
        ({"kind": "chat", "value": "x" * 300}, "value"),
    ],
)
async def test_a_wrong_address_is_refused(body: dict[str, Any], field: str) -> None:
    """422, and the field is named."""
    service = Service()
    grace, _ = await service.imported()
    answer = await service.call("POST", f"/v1/contacts/{grace['id']}/addresses", body=body)
    assert (answer.status_code, errors(answer)) == (422, [field])


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/contacts?q=grace", None),
        ("GET", "/v1/contacts/{id}", None),
        ("PUT", "/v1/contacts", {"contacts": ROWS}),
        ("POST", "/v1/contacts/{id}/addresses", {"kind": "mail", "value": "a@b.c"}),
        ("POST", "/v1/contacts/{id}/merge", {"into": "x"}),
        ("POST", "/v1/contacts/{id}/unmerge", None),
        ("DELETE", "/v1/contacts/{id}/addresses/x", None),
    ],
)
async def test_callers_who_only_submit_learn_nothing(method: str, path: str, body: Any) -> None:
    """An integration is answered alike whether the contact is there or not; so is nobody."""
    service = Service()
    grace, _ = await service.imported()
    for by, status in (("mail-demo", 403), (None, 401)):
        answers = [
            await service.call(method, path.format(id=contact), by=by, body=body)
            for contact in (grace["id"], "0c9a2f5e-3d62-5b0e-9c58-5d2a3d5a7a10")
        ]
        assert [a.status_code for a in answers] == [status, status]
        assert answers[0].content == answers[1].content


async def test_another_tenant_sees_what_is_not_there() -> None:
    """An agent of another tenant gets the 404 of an id that never was."""
    service = Service()
    grace, _ = await service.imported()
    found = await service.call("GET", "/v1/contacts?q=grace", by="stranger")
    assert found.json() == {"contacts": []}
    theirs = await service.call("GET", f"/v1/contacts/{grace['id']}", by="stranger")
    never = await service.call("GET", "/v1/contacts/never-was", by="stranger")
    assert (theirs.status_code, theirs.content) == (404, never.content)


async def test_no_door_tells_whether_an_address_is_known() -> None:
    """A request of a known and of an unknown address are answered alike, but for its own ids."""
    service = Service()
    await service.imported()
    intake = service.intake
    app = FastAPI(
        routes=[
            *door_routes(
                Entering(
                    accepting=intake.accepting,
                    configurations=intake.configurations,
                    answers=Answers(link="https://desk.example/t/{number}", wait_seconds_max=1),
                    closed=lambda: "",
                    clock=intake.clock,
                    public_keys=PublicKeys(documents=Web(), clock=intake.clock),
                    monitors=intake.monitors,
                    limiter=Limiter(MemoryAllowances(), clock=intake.clock),
                    log=silent(),
                )
            )
        ]
    )
    equip(app)
    app.state.authenticator = Authenticator(identities(intake.clock), intake.clock)
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url="http://service",
        headers={"Authorization": "Bearer hd_h-clarke"},
    )
    shapes = []
    for mail in ("grace@example.org", "nobody@example.org"):
        for contact in ({"mail": mail}, {"mail": "x@example.org", "phone": "+8613800138000"}):
            answer = await client.post(
                "/v1/requests", json={"contact": contact, "subject": "Screen dark"}
            )
            headers = {k for k in answer.headers if k != "content-length"}
            ids = {k: len(v) for k, v in answer.json().items() if isinstance(v, str)}
            shapes.append((answer.status_code, headers, sorted(answer.json()), ids))
    assert shapes[0][0] == 202
    assert all(shape == shapes[0] for shape in shapes)


async def test_an_agent_corrects_a_ticket() -> None:
    """The answer has the new facts, the priority that follows, and who had said it first."""
    service = Service()
    await service.imported()
    ticket = await service.ticket()
    path = f"/v1/tickets/{ticket}/classification"
    answer = await service.call(
        "POST",
        path,
        body={"kind": "incident", "impact": "high", "urgency": "high", "category": "network"},
        headers={"If-Match": '"1"'},
    )
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert (shown["facts"]["kind"], shown["facts"]["priority"]) == ("incident", "P1")
    assert shown["priority_because"]["method"] == "matrix"
    assert shown["classification"]["kind_by"] == "integration:requests-demo"
    assert (answer.headers["ETag"], shown["revision"]) == ('"2"', 2)
    assert shown["facts"]["contact_level"] == "vip"
    await service.intake.settle()
    (event,) = [e for e in service.intake.events() if e.type == RequestReclassified.type]
    assert event.body.by == "h-clarke"
    assert {c.field for c in event.body.changes} == {
        "kind",
        "impact",
        "urgency",
        "category",
        "priority",
    }
    stale = await service.call("POST", path, body={"kind": "change"}, headers={"If-Match": '"1"'})
    assert stale.status_code == 412


async def test_a_priority_by_hand_keeps_its_reason_as_a_note() -> None:
    """Free text is a message of the ticket's, never part of an event."""
    service = Service()
    ticket = await service.ticket()
    path = f"/v1/tickets/{ticket}/classification"
    refused = await service.call("POST", path, body={"priority": "P1"})
    assert refused.status_code == 422
    answer = await service.call(
        "POST", path, body={"priority": "P1", "reason": "The board meets in an hour."}
    )
    assert answer.json()["priority_because"]["method"] == "agent"
    await service.intake.settle()
    found = await service.intake.reading.conversation(ticket, tenant=TENANT)
    assert found is not None
    assert [m.text for m in found.messages][1:] == ["The board meets in an hour."]
    wire = b"".join(e.encoded().body for e in service.intake.events())
    assert b"board" not in wire


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 422, ""),
        ({"kind": "riddle"}, 422, "kind"),
        ({"category": "astrology"}, 422, "category"),
        ({"colour": "blue"}, 422, "colour"),
    ],
)
async def test_a_wrong_correction_is_refused(body: dict[str, Any], status: int, field: str) -> None:
    """The field is named, and the ticket stays as it was."""
    service = Service()
    ticket = await service.ticket()
    answer = await service.call("POST", f"/v1/tickets/{ticket}/classification", body=body)
    assert (answer.status_code, errors(answer)) == (status, [field])
    (document,) = service.intake.tickets()
    assert document.seq == 1


async def test_who_may_correct_what() -> None:
    """Integrations may not, other tenants' agents see no ticket, and nobody corrects nothing."""
    service = Service()
    ticket = await service.ticket()
    path = f"/v1/tickets/{ticket}/classification"
    body = {"kind": "incident"}
    assert (await service.call("POST", path, body=body, by="mail-demo")).status_code == 403
    assert (await service.call("POST", path, body=body, by="stranger")).status_code == 404
    unknown = await service.call("POST", "/v1/tickets/none/classification", body=body)
    assert unknown.status_code == 404
    odd = await service.call("POST", path, body=body, headers={"If-Match": "three"})
    assert (odd.status_code, errors(odd)) == (400, ["If-Match"])


async def test_the_figures_of_wrong_kinds() -> None:
    """Of three kinds by defaults one was wrong; categories are counted apart."""
    service = Service()
    for number in range(3):
        ticket = await service.ticket(key=f"k-{number}", category="hardware")
    path = f"/v1/tickets/{ticket}/classification"
    await service.call("POST", path, body={"kind": "incident", "category": "network"})
    await service.call("POST", path, body={"kind": "complaint"}, by="boss")
    window = {"from": rfc3339(START - timedelta(days=1)), "to": rfc3339(START + timedelta(days=1))}
    query = f"from={window['from']}&to={window['to']}"
    figures = (await service.call("GET", f"/v1/classification/figures?{query}")).json()
    assert figures["kind"]["sources"] == [
        {"source": "integration:requests-demo", "decided": 3, "wrong": 1, "share": 0.3333},
        {"source": "agent:h-clarke", "decided": 1, "wrong": 1, "share": 1.0},
        {"source": "agent:boss", "decided": 1, "wrong": 0, "share": 0.0},
    ]
    assert (figures["kind"]["decided"], figures["kind"]["wrong"]) == (5, 2)
    assert [(s["source"], s["wrong"]) for s in figures["category"]["sources"]] == [
        ("caller:requests-demo", 1),
        ("agent:h-clarke", 0),
    ]
    empty = f"from={window['to']}&to={window['from']}"
    refused = await service.call("GET", f"/v1/classification/figures?{empty}")
    assert (refused.status_code, errors(refused)) == (422, ["to"])
    naive = await service.call("GET", "/v1/classification/figures?from=2026-01-01&to=x")
    assert naive.status_code == 422
    early = "from=0001-01-01T00:00:00%2B10:00&to=2026-01-01T00:00:00Z"
    odd = await service.call("GET", f"/v1/classification/figures?{early}")
    assert (odd.status_code, errors(odd)) == (422, ["from"])


async def test_an_agent_has_an_address_confirmed_by_a_code() -> None:
    """The answer names the code and not its digits; the right ones link, as they are said."""
    service = Service()
    grace, _ = await service.imported()
    path = f"/v1/contacts/{grace['id']}/codes"
    asked = await service.call("POST", path, body={"mail": "g.hopper@example.net"})
    assert asked.status_code == 202
    assert sorted(asked.json()) == ["expires_at", "id"]
    code = asked.json()["id"]
    wrong = await service.call("POST", f"{path}/{code}", body={"code": "0"})
    assert (wrong.status_code, errors(wrong)) == (422, ["code"])
    digits = SIGNER.code(tenant=TENANT, name=code)
    said = f"{digits[:4]} {digits[4:]}"
    right = await service.call("POST", f"{path}/{code}", body={"code": said})
    assert right.status_code == 200, right.text
    linked = [a for a in right.json()["addresses"] if a["address"] == "mail:g.hopper@example.net"]
    assert [(a["verified"], a["reason"]) for a in linked] == [(True, "code")]


@pytest.mark.parametrize("body", [{}, {"mail": "no address"}, {"mail": "a@example.org", "x": 1}])
async def test_a_code_goes_to_a_mail_address_only(body: dict[str, Any]) -> None:
    """Anything else is refused with its field."""
    service = Service()
    grace, _ = await service.imported()
    answer = await service.call("POST", f"/v1/contacts/{grace['id']}/codes", body=body)
    assert answer.status_code == 422


async def test_an_integration_that_vouches_for_nobody_confirms_nothing() -> None:
    """It is told so whatever it asks for, and learns of no address and no code."""
    service = Service()
    await service.imported()
    answers = [
        await service.call(
            "POST",
            "/v1/confirmations",
            by="mail-demo",
            body={"contact": {"id": "E1"}, "mail": mail},
        )
        for mail in ("grace@example.org", "nobody@example.org")
    ]
    answers += [
        await service.call("POST", "/v1/confirmations/x", by="mail-demo", body={"code": "1"})
    ]
    assert [a.status_code for a in answers] == [403, 403, 403]
    assert answers[0].content == answers[1].content


async def test_a_confirmation_tells_nothing_of_whose_an_address_is() -> None:
    """Known or not, somebody else's or nobody's: the answers differ in their ids alone."""
    service = Service()
    await service.imported()
    current = service.intake.configurations.current(TENANT)
    portal = current.integration("requests-demo").model_copy(
        update={"name": "mail-demo", "settings": {"vouches": True}}
    )
    others = [i for i in current.integrations.integrations if i.name != "mail-demo"]
    section = current.integrations.model_copy(update={"integrations": (*others, portal)})
    service.intake.configurations.install(TENANT, replace(current, integrations=section))
    shapes = []
    for mail in ("grace@example.org", "nobody@example.org"):
        asked = await service.call(
            "POST",
            "/v1/confirmations",
            by="mail-demo",
            body={"contact": {"id": f"portal-{mail}"}, "mail": mail},
        )
        code = asked.json()["id"]
        path = f"/v1/confirmations/{code}"
        wrong = await service.call("POST", path, by="mail-demo", body={"code": "1"})
        digits = SIGNER.code(tenant=TENANT, name=code)
        right = await service.call("POST", path, by="mail-demo", body={"code": digits})
        shapes.append((asked.status_code, sorted(asked.json()), wrong.content, right.content))
    assert shapes[0] == shapes[1]
    assert (shapes[0][0], shapes[0][3]) == (202, b'{"confirmed":true}')
