"""Calls through the whole of intake: door, receipt, call, contact, and the request to call back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from services.intake.domain.calls import call_stream
from services.intake.domain.normal import Party
from services.intake.doors import DOORS, Raw
from services.intake.handlers.callers import Caller, setup_of
from shared.contracts.calls import CallOutcome
from shared.contracts.facts import Channel
from tests.support.intake import TENANT, Intake
from tests.support.intake_calls import EXCHANGE, with_exchange

NUMBER = "+4930901820"


class Whole:
    """One process of intake that takes calls."""

    def __init__(self) -> None:
        self.intake = Intake()
        intake = self.intake
        self.configuration = with_exchange(missed_opens=True)
        intake.configurations.install(TENANT, self.configuration)
        self.desk = intake.use_cases.call_desk

    async def settle(self) -> None:
        """Apply the moments, and then the requests that they opened: the sweeper's next look."""
        await self.intake.settle()
        await self.intake.settle()

    async def tell(self, *moments: Mapping[str, Any]) -> None:
        """Hand in moments at the door ``cti``, as the exchange does."""
        integration = self.configuration.integration(EXCHANGE)
        door = DOORS["cti"]
        setup = setup_of(integration, door)
        caller = Caller(tenant=TENANT, name=EXCHANGE, integration=integration, setup=setup)
        raw = Raw(body=json.dumps(moments).encode(), headers={"content-type": "application/json"})
        for read in door.parse(raw, setup):
            await self.intake.accepting.submit(door, read, caller)


def moment(kind: str, second: int, **fields: Any) -> dict[str, Any]:
    """Return a moment of one call."""
    at = f"2026-03-02T12:00:{second:02d}Z"
    return {"call": "c-1", "moment": kind, "at": at, "from": "030 901820", **fields}


MISSED = (moment("offered", 0), moment("ringing", 2, agent="bo"), moment("missed", 30))


async def test_a_missed_call_becomes_one_ticket_of_the_caller() -> None:
    """Told twice over, it is one call, one contact and one ticket on the channel phone."""
    whole = Whole()
    for _ in range(2):
        await whole.tell(*MISSED)
        await whole.settle()
    (ticket,) = whole.intake.tickets()
    assert ticket.state is not None
    facts = ticket.state.facts
    assert (facts.channel, facts.integration) == (Channel.PHONE, EXCHANGE)
    known = await whole.intake.use_cases.meeting.known(Party(phone=NUMBER), tenant=TENANT)
    assert known is not None
    assert facts.contact == known.id
    (message,) = whole.intake.store.all_messages()
    stream = call_stream(tenant=TENANT, integration=EXCHANGE, call="c-1")
    assert message.fields == {"call": stream}
    found = await whole.desk.call("c-1", tenant=TENANT)
    assert found is not None
    assert (found.call.outcome, found.call.contact) == (CallOutcome.MISSED, known.id)
    assert found.callback is not None
    assert found.callback.number == facts.number
    assert not any(r.pending_since for r in whole.intake.store.all_receipts())


async def test_the_card_shows_the_ticket_of_an_earlier_call() -> None:
    """Who rings again is known, and what they asked for is open."""
    whole = Whole()
    await whole.tell(*MISSED)
    await whole.settle()
    card = await whole.desk.card_of_number("030/901820", country="DE", tenant=TENANT)
    assert card.contact is not None
    assert [t.facts.number for _, t in card.tickets] == ["T-000001"]
    await whole.tell(moment("offered", 50, call="c-2"))
    await whole.settle()
    again = await whole.desk.card_of_call("c-2", tenant=TENANT)
    assert again == card


async def test_what_an_agent_records_of_a_call_goes_by_its_choice() -> None:
    """A request that names its call has what was pressed there as the fact choice."""
    whole = Whole()
    await whole.tell(moment("offered", 0), moment("menu", 2, digits="2"), moment("answered", 9))
    await whole.settle()
    door = DOORS["requests"]
    body = {"contact": {"phone": NUMBER}, "subject": "Pay", "fields": {"call": "c-1"}}
    caller = Caller(tenant=TENANT, name="ana")
    raw = Raw(body=json.dumps(body).encode(), headers={"content-type": "application/json"})
    (read,) = door.parse(raw, caller.setup)
    await whole.intake.accepting.submit(door, read, caller)
    await whole.settle()
    (ticket,) = whole.intake.tickets()
    assert ticket.state is not None
    assert ticket.state.facts.choice == "2"
