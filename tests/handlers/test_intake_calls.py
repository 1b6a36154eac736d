"""Calls through their use cases: moments in, calls, cards, figures and call-backs out."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from services.intake.api.call_routing import call_routing_router
from services.intake.api.calls import call_router
from services.intake.domain.calls import CALL, Call, call_stream
from services.intake.domain.contact import Person, contact_id
from services.intake.domain.receipts import Reviewing, receipt_id
from services.intake.domain.ticket import TICKET, Ticket
from services.intake.handlers.call_routing import Asking
from services.intake.handlers.calling import CALLBACK
from services.intake.handlers.outcomes import Outcome
from shared.auth import Authenticator, Identities, token_digest
from shared.contracts.calls import CallOutcome
from shared.contracts.control import IdentityChanged, IdentityKind, Role, TokenDigest
from shared.contracts.envelope import Body, numbered
from shared.contracts.facts import Channel, Kind, Level, Priority, TicketFacts
from shared.contracts.topics import CALLS
from shared.documents import plain
from shared.http import equip
from shared.testing.clock import START, ManualClock
from tests.support.intake_calls import EXCHANGE, TENANT, MemoryRows, Stage, with_exchange
from tests.support.intake_input import Crash, CrashAt

T0 = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
NUMBER = "+4930901820"


def moment(kind: str, seconds: float, *, call: str = "c-1", **fields: Any) -> dict[str, Any]:
    """Return a moment as an exchange tells it."""
    at = (T0 + timedelta(seconds=seconds)).isoformat()
    return {"call": call, "moment": kind, "at": at, **fields}


ANSWERED = (
    moment("offered", 0, **{"from": "030 901820", "to": "030 555000", "name": "Ana Lima"}),
    moment("menu", 2, digits="2", menu="Payroll"),
    moment("queued", 5, queue="first-level"),
    moment("ringing", 10, agent="bo"),
    moment("answered", 15, agent="bo"),
    moment("recorded", 15, recording=f"https://pbx.example/{NUMBER}.wav"),
    moment("ended", 75, reason="caller"),
)
LOST = (
    moment("offered", 0, **{"from": "030 901820", "to": "030 555000"}),
    moment("queued", 5, queue="first-level"),
    moment("abandoned", 65),
)


def stream(call: str = "c-1", tenant: str = TENANT) -> str:
    """Return the id of a call."""
    return call_stream(tenant=tenant, integration=EXCHANGE, call=call)


async def call_of(stage: Stage, call: str = "c-1") -> Call:
    """Return a call as it is kept."""
    found = await stage.store.call(stream(call), tenant=TENANT)
    assert found is not None
    return found


async def test_the_moments_of_a_call_make_one_call_and_its_events() -> None:
    """In one batch it is one event that says all; every receipt is done."""
    stage = Stage()
    receipts = stage.receipts(*ANSWERED)
    assert await stage.apply(receipts) == {r.id: Outcome() for r in receipts}
    (event,) = stage.events()
    assert (event.subject, event.tenant) == (stream(), TENANT)
    body = event.body
    assert (body.outcome, body.open, body.agent) == (CallOutcome.ANSWERED, False, "bo")
    assert (body.times.wait_ms, body.times.talk_ms) == (10_000, 60_000)
    assert body.contact == contact_id(tenant=TENANT, address=f"phone:{NUMBER}")


async def test_moments_one_by_one_twice_and_backwards_make_the_same_call() -> None:
    """Whatever the batches, the last event says the same; what is known makes no event."""
    whole, single = Stage(), Stage()
    await whole.tell(*ANSWERED)
    for one in (*reversed(ANSWERED), *ANSWERED):
        await single.tell(one)
    assert await call_of(single) == await call_of(whole)
    assert len(single.events()) == len(ANSWERED)
    last = single.events()[-1].body.model_copy(update={"seen": ()})
    assert last == whole.events()[-1].body.model_copy(update={"seen": ()})


async def test_no_number_and_no_name_leaves_intake() -> None:
    """Events carry ids and codes: what people are called and reached by stays in the rows."""
    stage = Stage()
    await stage.tell(*ANSWERED)
    sent = b"".join(
        (r.value or b"") + repr(r.headers).encode() for r in stage.log.records(CALLS.name)
    )
    for secret in ("901820", "555000", "Ana", "Payroll", "pbx.example"):
        assert secret.encode() not in sent
    kept = json.dumps(stage.data.collection(CALL.name), default=str)
    for secret in ("901820", "555000", "Ana", "Payroll", "pbx.example"):
        assert secret not in kept


async def test_a_crash_at_any_point_is_mended_by_applying_again() -> None:
    """The call is the same, and there is one call-back, wherever the process died."""
    for number in range(60):
        faults = CrashAt(number)
        first = Stage(faults=faults, rows=MemoryRows(faults=faults), configuration=CALLS_BACK)
        receipts = first.receipts(*LOST)
        faults.armed = True
        try:
            await first.calls.apply(receipts, first.meet(receipts))
        except Crash:
            faults.armed = False
        if not faults.died:
            break
        rows = MemoryRows()
        rows.kept, rows.persons = first.rows.kept, first.rows.persons
        again = Stage(data=first.data, log=first.log, rows=rows, configuration=CALLS_BACK)
        await again.apply(receipts)
        call = await call_of(again)
        assert (call.outcome, call.times.wait_ms) == (CallOutcome.ABANDONED, 60_000)
        assert len(rows.kept) == 1
    assert number > 5


CALLS_BACK = with_exchange(missed_opens=True)


async def test_a_lost_call_opens_one_request_to_call_back() -> None:
    """However often and in whatever order its moments are told."""
    stage = Stage(configuration=CALLS_BACK)
    for _ in range(2):
        await stage.tell(*reversed(LOST))
        await stage.tell(moment("after-call-done", 70))
    (receipt,) = stage.rows.kept.values()
    assert receipt.id == receipt_id(tenant=TENANT, door=CALLBACK, key=stream())
    assert (receipt.by, receipt.door, receipt.pending_since) == (EXCHANGE, CALLBACK, START)
    task = receipt.task
    assert isinstance(task, Reviewing)
    assert task.author.phone == NUMBER
    assert task.words.subject == f"Call back {NUMBER}"
    assert task.words.text == "The call was abandoned in queue after 60 seconds of waiting."
    assert task.words.fields == {"call": stream()}
    assert task.channel is Channel.PHONE


@pytest.mark.parametrize(
    ("moments", "settings"),
    [
        (LOST, {}),
        (ANSWERED, {"missed_opens": True}),
        (LOST[:2], {"missed_opens": True}),
        ([{**m, "from": "anonymous"} for m in LOST], {"missed_opens": True}),
        ([{**m, "from": "4711"} for m in LOST], {"missed_opens": True}),
        ([{**m, "outbound": True} for m in LOST], {"missed_opens": True}),
        ([*LOST[:2], moment("refused", 6, reason="full")], {"missed_opens": True}),
    ],
    ids=["not asked for", "answered", "open", "withheld", "extension", "outbound", "refused"],
)
async def test_no_other_call_opens_a_request(moments: Any, settings: dict[str, Any]) -> None:
    """Only a call that came in, was given up or missed, and shows a number in the world."""
    stage = Stage(configuration=with_exchange(**settings))
    await stage.tell(*moments)
    assert stage.rows.kept == {}


async def test_calls_of_another_tenant_are_not_there() -> None:
    """The same exchange's name of a call is another call elsewhere, and nobody reads across."""
    stage = Stage()
    stage.configurations.install("other", stage.configuration)
    await stage.tell(*ANSWERED)
    await stage.tell(*LOST, tenant="other")
    assert (await call_of(stage)).outcome is CallOutcome.ANSWERED
    for name in (stream(), "c-1"):
        found = await stage.desk.call(name, tenant="other")
        assert found is None or found.call.outcome is CallOutcome.ABANDONED
        assert await stage.desk.card_of_call(name, tenant="nobody") is None
    card = await stage.desk.card_of_number(NUMBER, country=None, tenant="nobody")
    assert card.contact is None


def open_ticket(stage: Stage, number: int, *, contact: str, closed: bool = False) -> None:
    """Keep a ticket of a contact's."""
    facts = TicketFacts(
        number=f"T-{number:06d}",
        kind=Kind.INCIDENT,
        channel=Channel.WEB,
        priority=Priority.P2,
        impact=Level.HIGH,
        urgency=Level.MEDIUM,
        contact=contact,
        accepted_at=T0,
        service="laptops",
    )
    state = Ticket(facts=facts, ordinal=number, message="m", closed=closed)
    row = {"_id": f"ticket-{number}", "tenant": TENANT, "v": 1, "seq": 1, "state": plain(state)}
    stage.data.collection(TICKET.name)[f"ticket-{number}"] = row


def site(stage: Stage, *, kind: IdentityKind = IdentityKind.AGENT) -> httpx.AsyncClient:
    """Return a client of the routes, as an agent or as the exchange."""
    role = Role.AGENT if kind is IdentityKind.AGENT else Role.INTEGRATION
    changed: Body = IdentityChanged(
        identity="i",
        kind=kind,
        name="ana" if kind is IdentityKind.AGENT else EXCHANGE,
        roles=(role,),
        tokens=(TokenDigest(digest=token_digest("hd_x")),),
    )
    identities = Identities()
    identities.learn(
        numbered(
            source="/control/identity",
            subject="i",
            sequence=1,
            time=START,
            tenant=TENANT,
            configversion=1,
            body=changed,
        ).encoded()
    )
    app = FastAPI()
    equip(app)
    app.state.authenticator = Authenticator(identities, stage.clock)
    app.include_router(call_routing_router(stage.routing))
    app.include_router(call_router(stage.desk))
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://intake",
        headers={"Authorization": "Bearer hd_x"},
    )


async def test_a_call_whose_end_was_never_told_is_not_shown_for_ever() -> None:
    """After a day it no longer stands among those that are on the line."""
    stage = Stage()
    await stage.tell(*LOST[:2])
    async with site(stage) as client:
        before = (await client.get("/v1/calls")).json()
        await stage.clock.advance((T0 - START).total_seconds() + 86_401)
        after = (await client.get("/v1/calls")).json()
    assert [len(before), len(after)] == [1, 0]


async def test_the_card_before_the_answer() -> None:
    """Who rings, with their open tickets, by the call's name, its id, or the number alone."""
    stage = Stage()
    await stage.tell(*LOST[:2])
    ana = contact_id(tenant=TENANT, address=f"phone:{NUMBER}")
    stage.rows.persons[ana] = Person(
        id=ana,
        tenant=TENANT,
        address=f"phone:{NUMBER}",
        name="Ana Lima",
        language="pt",
        vip=True,
    )
    open_ticket(stage, 1, contact=ana)
    open_ticket(stage, 2, contact=ana)
    open_ticket(stage, 3, contact=ana, closed=True)
    open_ticket(stage, 4, contact="somebody-else")
    async with site(stage) as client:
        cards = [
            (await client.get("/v1/calls/c-1/card")).json(),
            (await client.get(f"/v1/calls/{stream()}/card")).json(),
            (await client.get("/v1/callers", params={"number": NUMBER})).json(),
            (await client.get(f"/v1/callers?number={NUMBER}")).json(),
            (await client.get("/v1/callers?number=030/901820&country=de")).json(),
        ]
        unknown = (await client.get("/v1/callers?number=%2B14155550123")).json()
        withheld = (await client.get("/v1/callers?number=anonymous")).json()
        gone = await client.get("/v1/calls/c-2/card")
        odd = await client.get("/v1/callers?number=1&country=XX")
    assert all(card == cards[0] for card in cards)
    assert cards[0]["number"] == NUMBER
    assert cards[0]["contact"]["name"] == "Ana Lima"
    assert (cards[0]["contact"]["language"], cards[0]["contact"]["vip"]) == ("pt", True)
    assert [t["number"] for t in cards[0]["tickets"]] == ["T-000002", "T-000001"]
    assert unknown == {"number": "+14155550123", "contact": None, "tickets": []}
    assert withheld == {"number": "", "contact": None, "tickets": []}
    assert (gone.status_code, odd.status_code) == (404, 422)


async def test_a_call_is_shown_with_what_only_intake_knows() -> None:
    """Number, menu as people read it, recordings; and the request that it opened."""
    stage = Stage(configuration=CALLS_BACK)
    await stage.tell(*ANSWERED)
    await stage.tell(*({**m, "call": "c-2"} for m in LOST))
    await stage.tell(moment("offered", 3, call="c-3"))
    async with site(stage) as client:
        one = (await client.get("/v1/calls/c-1")).json()
        two = (await client.get("/v1/calls/c-2")).json()
        opened = (await client.get("/v1/calls?open")).json()
        gone = await client.get("/v1/calls/none")
    assert (one["number"], one["dialled"], one["menu"]) == (NUMBER, "030 555000", "Payroll")
    assert one["recordings"] == [f"https://pbx.example/{NUMBER}.wav"]
    assert [m["moment"] for m in one["moments"]][:3] == ["offered", "menu", "queued"]
    assert (one["outcome"], one["times"]["wait_ms"], one["callback"]) == ("answered", 10_000, None)
    assert two["callback"] == {"ticket": None, "number": None}
    assert [c["call"] for c in opened] == [stream("c-3")]
    assert "number" not in opened[0]
    assert gone.status_code == 404


async def test_the_figures_of_a_span() -> None:
    """From one instant to before another; a span that cannot be answered is refused by field."""
    stage = Stage()
    await stage.tell(*ANSWERED)
    await stage.tell(*({**m, "call": "c-2"} for m in LOST))
    span = {"from": "2026-03-02T12:00:00Z", "to": "2026-03-02T13:00:00+01:00"}
    async with site(stage) as client:
        empty = await client.get("/v1/calls/figures", params=span)
        whole = await client.get("/v1/calls/figures", params={**span, "to": "2026-03-02T12:00:01Z"})
        none = await client.get("/v1/calls/figures", params={**span, "from": T0.isoformat()[:-6]})
        long = await client.get("/v1/calls/figures", params={**span, "to": "2028-03-02T12:00:00Z"})
        before = await client.get(
            "/v1/calls/figures", params={**span, "to": "0001-01-01T00:00:00+14:00"}
        )
    assert empty.status_code == 422
    assert empty.json()["errors"][0]["field"] == "to"
    found = whole.json()
    assert (found["offered"], found["answered"], found["loss_rate"]) == (2, 1, 0.5)
    assert found["abandoned"] == {"queue": 1}
    assert found["answer_wait"]["p95_ms"] == 10_000
    assert [none.status_code, long.status_code, before.status_code] == [422, 422, 422]


async def test_an_exchange_asks_where_a_call_goes() -> None:
    """The dialled line, the menu and the language decide, from the configuration alone."""
    stage = Stage(clock=ManualClock(datetime(2026, 3, 2, 3, tzinfo=UTC)))
    async with site(stage, kind=IdentityKind.INTEGRATION) as client:

        async def asked(**body: Any) -> tuple[str, bool]:
            answer = await client.post("/v1/calls/route", json=body)
            assert answer.status_code == 200, answer.text
            found = answer.json()
            assert found["provisional"] is True
            return found["desk"], found["open"]

        assert await asked() == ("shanghai", True)
        assert await asked(number="anonymous", dialled="+49 30 555000") == ("people-services", True)
        assert await asked(dialled="+4930555001", digits="2") == ("people-services", True)
        assert await asked(dialled="somewhere", language="zh") == ("shanghai", True)
        bad = await client.post("/v1/calls/route", json={"number": 7, "colour": "red"})
        refused = [
            (await client.get(path)).status_code
            for path in ("/v1/calls", "/v1/calls/c-1", "/v1/calls/c-1/card", "/v1/callers?number=1")
        ]
        stranger = await client.post("/v1/calls/route", json={}, headers={"Authorization": ""})
    assert {e["field"] for e in bad.json()["errors"]} == {"number", "colour"}
    assert refused == [403, 403, 403, 403]
    assert stranger.status_code == 401


async def test_a_caller_is_routed_by_their_home_where_the_line_says_nothing() -> None:
    """What is dialled and pressed counts more than where the contact is at home."""
    stage = Stage(clock=ManualClock(datetime(2026, 3, 2, 3, tzinfo=UTC)))
    ana = contact_id(tenant=TENANT, address=f"phone:{NUMBER}")
    stage.rows.persons[ana] = Person(
        id=ana, tenant=TENANT, address=f"phone:{NUMBER}", site="toronto", language="de"
    )
    asked = Asking(tenant=TENANT, number="030 901820")
    home = (await stage.routing.route(replace(asked, dialled="100"))).direction
    payroll = (await stage.routing.route(replace(asked, dialled="030 555000"))).direction
    assert (home.topology, home.desk) == ("follow-the-sun", "shanghai")
    assert payroll.topology == "payroll"
