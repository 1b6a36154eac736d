"""HTTP of notify: who may see and retry what."""

from __future__ import annotations

import pytest

from services.notify.api import notices_router
from services.notify.ports import Refused
from shared.contracts.facts import Channel, Kind, Level, Priority, TicketFacts
from shared.contracts.intake import RequestAccepted
from shared.contracts.internal import ContactView
from shared.testing.clock import START
from tests.support.callers import Callers
from tests.support.notify import MemoryChannel, MemoryDirectory, Notify

FACTS = TicketFacts(
    number="T-000001",
    kind=Kind.INCIDENT,
    channel=Channel.EMAIL,
    priority=Priority.P2,
    impact=Level.HIGH,
    urgency=Level.MEDIUM,
    contact="wei",
    accepted_at=START,
)


async def failed() -> Callers:
    """Return the routes of a process that has one notice, of ticket t-1, that failed."""
    people = {"wei": ContactView(id="wei", name="Wei", mail="wei@example.com")}
    notify = Notify(
        directory=MemoryDirectory(people=people),
        channel=MemoryChannel(answers=[Refused("smtp 550")]),
    )
    await notify.receive(notify.event("t-1", RequestAccepted(facts=FACTS, message="m-1")))
    await notify.sender.round()
    return Callers(notices_router(notify.desk), clock=notify.clock)


async def test_a_tickets_notices() -> None:
    """A ticket's notices are listed with what became of them."""
    answer = await (await failed()).call("GET", "/v1/notices?ticket=t-1")
    assert answer.status_code == 200
    (notice,) = answer.json()["notices"]
    assert notice | {"id": "", "planned_at": "", "settled_at": ""} == {
        "id": "",
        "key": "acknowledgement",
        "kind": "acknowledgement",
        "recipient_kind": "contact",
        "recipient": "wei",
        "language": "en",
        "message": None,
        "status": "failed",
        "attempts": 1,
        "planned_at": "",
        "due_at": None,
        "settled_at": "",
        "reason": "smtp 550",
        "message_id": None,
    }


async def test_retry() -> None:
    """A retry makes the notice due, and answers with what it is then."""
    callers = await failed()
    answer = await callers.call("POST", "/v1/notices/t-1/acknowledgement/retry")
    assert answer.status_code == 202
    assert answer.json()["status"] == "planned"
    assert answer.json()["due_at"] == "2026-03-02T09:00:00Z"
    missing = await callers.call("POST", "/v1/notices/t-1/other/retry")
    assert missing.status_code == 404
    assert missing.json()["type"] == "urn:heliodesk:problem:not-found"
    unnamed = await callers.call("GET", "/v1/notices")
    assert unnamed.status_code == 422
    assert unnamed.json()["errors"][0]["field"] == "ticket"


@pytest.mark.parametrize(
    ("by", "read", "retry"),
    [
        (None, 401, 401),
        ("nobody", 401, 401),
        ("mail-demo", 403, 403),
        ("console", 200, 403),
        ("boss", 200, 202),
        ("stranger", 200, 404),
    ],
)
async def test_who_may(by: str | None, read: int, retry: int) -> None:
    """Readers read, agents retry, and another tenant's agent finds nothing to read or retry."""
    callers = await failed()
    seen = await callers.call("GET", "/v1/notices?ticket=t-1", by=by)
    assert seen.status_code == read
    if by == "stranger":
        assert seen.json() == {"ticket": "t-1", "notices": []}
    tried = await callers.call("POST", "/v1/notices/t-1/acknowledgement/retry", by=by)
    assert tried.status_code == retry
