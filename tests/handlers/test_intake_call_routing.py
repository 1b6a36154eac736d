"""Where calls go: asked of routing, by the configuration alone, by menu, and put through."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from services.intake.domain.calls import CALL
from services.intake.domain.contact import Person, contact_id
from services.intake.handlers.call_routing import Asking
from services.intake.handlers.calling import callback_request, with_place
from shared.contracts.control import IdentityKind
from shared.contracts.directions import CallDirection, CallQuestion, TicketStanding
from shared.contracts.routing import Status
from shared.kernel import CommandRejected, Infrastructure
from shared.organisation import Configuration, TopologiesSection
from shared.testing.clock import ManualClock
from tests.handlers.test_intake_calls import NUMBER, moment, open_ticket, site, stream
from tests.support.intake_calls import EXCHANGE, TENANT, Stage, with_exchange

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
"""London is open; Shanghai and New York are closed."""
MENU = {
    "name": "menu",
    "shape": "call_centre_menu",
    "entries": {
        "1": {"title": "Pay", "titles": {"zh": "薪资", "de": "Gehalt"}, "group": "people-services"},
        "2": {"title": "Everything", "group": "london"},
    },
    "default": "operations",
}
SELF = {"name": "self", "shape": "self_service", "behind": "sun", "wait": "1h"}
SUN = {"name": "sun", "shape": "virtual", "desks": ["shanghai", "london"], "fallback": "operations"}


def under(*topologies: dict[str, Any], **settings: Any) -> Configuration:
    """Return the sample organisation with an exchange, under topologies."""
    section = TopologiesSection.model_validate({"topologies": list(topologies)})
    return replace(with_exchange(**settings), topologies=section)


class Routing:
    """Routing as intake meets it: it says what it was told to, or nothing."""

    def __init__(self, direction: CallDirection | None, *, down: bool = False) -> None:
        self.direction = direction
        self.down = down
        self.asked: list[CallQuestion] = []
        self.known: tuple[TicketStanding, ...] = ()

    async def direct(self, question: CallQuestion) -> CallDirection | None:
        """Return what it was told to."""
        self.asked.append(question)
        if self.down:
            raise Infrastructure("routing does not answer")
        return self.direction

    async def standings(self, tenant: str, ids: Collection[str]) -> Sequence[TicketStanding]:
        """Return what it was told to."""
        del tenant
        if self.down:
            raise Infrastructure("routing does not answer")
        return [standing for standing in self.known if standing.id in ids]


LONDON = CallDirection(
    desk="london",
    open=True,
    topology="sun",
    shape="virtual",
    reason="the first open desk",
    agents_present=2,
    agents_free=1,
    tickets_waiting=4,
)


def asking(**said: Any) -> Asking:
    """Return a call of the exchange that asks."""
    return Asking(tenant=TENANT, integration=EXCHANGE, **said)


async def test_routing_is_asked_with_what_is_known_of_the_call() -> None:
    """Line, menu, language and caller go into the question; the answer is routing's own."""
    routing = Routing(LONDON)
    stage = Stage(clock=ManualClock(NOON), directions=routing, configuration=under(SUN))
    async with site(stage, kind=IdentityKind.INTEGRATION) as client:
        body = {"dialled": "030 555001", "digits": "2", "number": "anonymous"}
        found = (await client.post("/v1/calls/route", json=body)).json()
    (question,) = routing.asked
    assert (question.language, question.choice, question.service) == ("zh", "2", "payroll")
    assert (found["desk"], found["agents_present"], found["agents_free"]) == ("london", 2, 1)
    assert (found["decided_by"], found["provisional"]) == ("routing", False)
    assert (found["calls_waiting"], found["expected_wait_seconds"]) == (0, 0)


async def test_the_configuration_answers_while_routing_does_not() -> None:
    """Then the answer says so, and knows of nobody."""
    stage = Stage(
        clock=ManualClock(NOON), directions=Routing(None, down=True), configuration=under(SUN)
    )
    found = await stage.routing.route(asking())
    assert (found.direction.desk, found.decided_by) == ("london", "configuration")
    assert (found.direction.agents_present, found.expected_wait_seconds) == (None, None)


async def test_where_a_call_goes_is_kept_with_the_call_once() -> None:
    """Asked twice the same, one event; a first moment that comes later changes nothing of it."""
    routing = Routing(LONDON)
    stage = Stage(clock=ManualClock(NOON), directions=routing, configuration=under(MENU))
    said = {"call": "c-1", "number": "030 901820", "dialled": "030 555000", "digits": "1"}
    for _ in range(2):
        await stage.routing.route(asking(**said))
    (event,) = await stage.sent()
    assert event.subject == stream()
    body = event.body
    assert (body.desk, body.choice, body.service) == ("london", "1", "payroll")
    assert (body.decided_by, body.transfer) == ("routing", False)
    assert NUMBER not in body.model_dump_json()
    await stage.tell(moment("offered", 0), moment("ringing", 2, agent="bo"))
    call = (await stage.streams.load(CALL, [stream()]))[stream()].state
    assert call is not None
    assert call.directed is not None
    assert (call.directed.desk, call.choice, len(call.moments)) == ("london", "1", 2)


async def test_a_lost_call_asks_for_the_same_group() -> None:
    """The request to call back carries the choice, and the place by which the call was sent."""
    configuration = under(MENU, missed_opens=True)
    stage = Stage(clock=ManualClock(NOON), directions=Routing(LONDON), configuration=configuration)
    said = {"call": "c-1", "number": "030 901820", "dialled": "030 555000", "digits": "1"}
    await stage.routing.route(asking(**said))
    call = (await stage.streams.load(CALL, [stream()]))[stream()].state
    assert call is not None
    request = with_place(callback_request(stream(), call, number=NUMBER), call, stage.configuration)
    assert (request.choice, request.service) == ("1", "payroll")


async def test_the_menu_can_be_asked_for_in_both_languages() -> None:
    """Entries with titles, where each goes, whether it is open; and the default."""
    stage = Stage(clock=ManualClock(NOON), configuration=under(MENU))
    async with site(stage, kind=IdentityKind.INTEGRATION) as client:
        found = (await client.get("/v1/calls/menu", params={"dialled": "100"})).json()
    assert (found["topology"], found["shape"]) == ("menu", "call-centre-menu")
    one, two = found["entries"]
    assert (one["key"], one["action"]) == ("1", "group")
    assert one["titles"] == {"en": "Pay", "zh": "薪资", "de": "Gehalt"}
    assert one["way"]["desk"] == "people-services"
    assert one["way"]["open"] == (one["way"]["opens_at"] is None)
    assert two["titles"] == {"en": "Everything", "zh": "Everything"}
    assert found["default"]["desk"] == "operations"


@pytest.mark.parametrize(
    ("digits", "desk"), [("", "operations"), ("9", "operations"), ("2", "london")]
)
async def test_nothing_and_nonsense_are_the_default_entry(digits: str, desk: str) -> None:
    """So that no caller is lost in a menu."""
    stage = Stage(clock=ManualClock(NOON), configuration=under(MENU))
    assert (await stage.routing.route(asking(digits=digits))).direction.desk == desk


async def test_the_menu_of_self_service_has_the_state_and_a_person() -> None:
    """A person is a choice like any other, and the default too."""
    stage = Stage(clock=ManualClock(NOON), configuration=under(SELF, SUN))
    async with site(stage, kind=IdentityKind.INTEGRATION) as client:
        found = (await client.get("/v1/calls/menu")).json()
        person = (await client.post("/v1/calls/route", json={"digits": "0"})).json()
        first = (await client.post("/v1/calls/route", json={})).json()
    assert [(e["key"], e["action"]) for e in found["entries"]] == [
        ("1", "ticket-state"),
        ("0", "person"),
    ]
    assert all({"en", "zh"} <= set(e["titles"]) for e in found["entries"])
    assert found["entries"][0]["way"] is None
    assert found["default"]["desk"] == "london"
    assert (person["desk"], person["menu"]) == ("london", None)
    assert (first["desk"], first["menu"]) == ("london", "self-service")


async def test_other_shapes_have_no_menu() -> None:
    """A call needs no choice there."""
    stage = Stage(clock=ManualClock(NOON), configuration=under(SUN))
    async with site(stage, kind=IdentityKind.INTEGRATION) as client:
        found = (await client.get("/v1/calls/menu")).json()
    assert (found["entries"], found["default"]["desk"]) == ([], "london")


async def test_a_telephone_tells_how_tickets_stand() -> None:
    """Number and state in both languages; to a number that nobody has, nothing."""
    routing = Routing(LONDON)
    stage = Stage(clock=ManualClock(NOON), directions=routing, configuration=under(SELF, SUN))
    ana = contact_id(tenant=TENANT, address=f"phone:{NUMBER}")
    stage.rows.persons[ana] = Person(id=ana, tenant=TENANT, address=f"phone:{NUMBER}", name="Ana")
    open_ticket(stage, 1, contact=ana)
    open_ticket(stage, 2, contact=ana)
    async with site(stage, kind=IdentityKind.INTEGRATION) as client:
        received = (await client.get("/v1/calls/tickets", params={"number": NUMBER})).json()
        identifiers = [
            i for i, _ in await stage.store.open_tickets(tenant=TENANT, contact=ana, limit=9)
        ]
        routing.known = tuple(
            TicketStanding(id=i, number="T", status=Status.QUEUED, tier=n, desk="london")
            for n, i in enumerate(identifiers)
        )
        answer = await client.get("/v1/calls/tickets", params={"number": NUMBER})
        nobody = (await client.get("/v1/calls/tickets?number=%2B14155550123")).json()
        routing.down = True
        down = (await client.get("/v1/calls/tickets", params={"number": NUMBER})).json()
    assert [t["status"] for t in received["tickets"]] == [None, None]
    first, second = answer.json()["tickets"]
    assert (first["number"], first["status"]) == ("T-000002", "queued")
    assert "Press 0" in first["says"]["en"]
    assert "按 0" in first["says"]["zh"]
    assert second["says"]["en"] == "It waits for an agent."
    assert "Ana" not in answer.text
    assert nobody == {"tickets": []}
    assert down == received


async def on_the_line(stage: Stage, routing: Routing) -> None:
    """Let a call be sent to London and answered there."""
    routing.direction = LONDON
    await stage.routing.route(asking(call="c-1", language="zh"))
    await stage.tell(moment("offered", 0), moment("answered", 9, agent="bo"))
    routing.asked.clear()


async def test_a_call_is_put_through_to_the_next_open_desk() -> None:
    """The same decision without the present desk; the call's stream says from where and by whom."""
    routing = Routing(LONDON)
    stage = Stage(clock=ManualClock(NOON), directions=routing, configuration=under(SUN))
    await on_the_line(stage, routing)
    routing.direction = LONDON.model_copy(update={"desk": "operations"})
    async with site(stage) as client:
        answer = await client.post("/v1/calls/c-1/transfer")
    assert answer.status_code == 200, answer.text
    assert answer.json()["desk"] == "operations"
    (question,) = routing.asked
    assert (question.excluded, question.language) == (("london",), "zh")
    body = (await stage.sent())[-1].body
    assert (body.transfer, body.from_desk, body.desk) == (True, "london", "operations")
    assert body.by == "ana"


async def test_a_transfer_to_nobody_says_when_somebody_opens() -> None:
    """Nothing closed is offered: the refusal has the moment, and nothing is kept."""
    routing = Routing(LONDON)
    stage = Stage(clock=ManualClock(NOON), directions=routing, configuration=under(SUN))
    await on_the_line(stage, routing)
    closed = {"desk": "shanghai", "open": False, "opens_at": NOON.replace(hour=23)}
    routing.direction = LONDON.model_copy(update=closed)
    async with site(stage) as client:
        nobody = await client.post("/v1/calls/c-1/transfer", json={})
        named = await client.post("/v1/calls/c-1/transfer", json={"desk": "shanghai"})
        unknown = await client.post("/v1/calls/c-1/transfer", json={"desk": "paris"})
        itself = await client.post("/v1/calls/c-1/transfer", json={"desk": "london"})
        gone = await client.post("/v1/calls/c-9/transfer")
        opened = await client.post("/v1/calls/c-1/transfer", json={"desk": "operations"})
    assert nobody.status_code == 409
    assert "2026-03-02T23:00:00" in nobody.text
    assert named.status_code == 409
    assert "shanghai opens 2026-03-03T00:00:00" in named.text
    assert unknown.json()["errors"][0]["field"] == "desk"
    assert (itself.status_code, gone.status_code) == (409, 404)
    assert opened.json()["desk"] == "operations"
    assert [e.body.desk for e in await stage.sent()] == ["london", "operations"]


async def test_a_call_that_is_over_is_put_through_to_nobody() -> None:
    """The caller is not there any more."""
    routing = Routing(LONDON)
    stage = Stage(clock=ManualClock(NOON), directions=routing, configuration=under(SUN))
    await on_the_line(stage, routing)
    await stage.tell(moment("ended", 20))
    with pytest.raises(CommandRejected) as refused:
        await stage.routing.transfer("c-1", tenant=TENANT, by="bo", desk=None)
    assert refused.value.code == "call-over"


async def test_an_integration_puts_nobody_through() -> None:
    """That is an agent's deed."""
    stage = Stage(configuration=under(SUN))
    async with site(stage, kind=IdentityKind.INTEGRATION) as client:
        answer = await client.post("/v1/calls/c-1/transfer")
        bad = await client.post("/v1/calls/route", json={"digits": "two"})
    assert answer.status_code == 403
    assert bad.json()["errors"][0]["field"] == "digits"


async def test_only_an_exchange_asks_for_tickets_by_number() -> None:
    """Another integration could try numbers; an agent may look."""
    stage = Stage(configuration=under(SUN))
    asks = Asking(tenant=TENANT, integration="mail-demo", number=NUMBER)
    with pytest.raises(CommandRejected) as refused:
        await stage.routing.tickets(asks)
    assert refused.value.status == 403
    assert await stage.routing.tickets(replace(asks, integration=None)) == []
