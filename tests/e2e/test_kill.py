"""The whole product on the real broker and store, while its parts are killed."""

from __future__ import annotations

import asyncio
import os
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from heliodesk.documents import SERVICES
from shared.contracts.envelope import numbered
from shared.contracts.intake import RequestAccepted
from shared.contracts.topics import REQUESTS
from shared.kernel import digest, stream_id
from tests.support.product import RunningProduct, running_product

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(1500)]

REQUESTS_SENT = int(os.environ.get("HELIODESK_KILL_REQUESTS", "1000"))
SENDERS = 16
NOTIFY_KILLS = 1
"""A mail that was sent when notify died, and not recorded yet, is sent again under its own id."""
ANSWER_SECONDS_MAX = 180
CONVERGE_SECONDS_MAX = 700


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProduct]:
    """Start one product for this module's tests."""
    with running_product(tmp_path_factory.mktemp("product")) as running:
        yield running


def request_body(key: str, number: int) -> dict[str, Any]:
    """Return the body of the ``number``-th request; each comes from a contact of its own."""
    return {
        "subject": f"Request {number}",
        # Each of its own words: a thousand look-alikes would be a mass incident.
        "text": " ".join(textwrap.wrap(digest(key.encode()), 6)),
        "contact": {"name": f"Contact {number}", "mail": f"{key}@example.org"},
        "impact": "medium",
        "urgency": "medium",
    }


async def submit(client: httpx.AsyncClient, product: RunningProduct, key: str, number: int) -> str:
    """Post one request until it is answered with 202, as a careful caller does; return the ticket."""
    deadline = product.clock.monotonic() + ANSWER_SECONDS_MAX
    while True:
        try:
            answer = await client.post(
                product.url("intake") + "/v1/requests",
                json=request_body(key, number),
                headers={**product.headers, "Idempotency-Key": key},
            )
        except httpx.HTTPError:
            answer = None
        if answer is not None and answer.status_code == httpx.codes.ACCEPTED:
            ticket: str = answer.json()["ticket"]
            return ticket
        if answer is not None and answer.status_code not in {
            httpx.codes.SERVICE_UNAVAILABLE,
            httpx.codes.UNAUTHORIZED,  # intake was started anew and does not know tokens yet
        }:
            raise AssertionError(answer.text)
        if product.clock.monotonic() > deadline:
            message = f"request {number} was not accepted within {ANSWER_SECONDS_MAX} s"
            raise AssertionError(message)
        await asyncio.sleep(0.3)


async def submit_all(
    product: RunningProduct,
    *,
    prefix: str,
    numbers: Sequence[int],
    accepted: Callable[[], None] = lambda: None,
) -> list[str]:
    """Post so many requests, several at once; return their tickets."""
    left = iter(numbers)
    tickets: list[str] = []

    async def sender(client: httpx.AsyncClient) -> None:
        for number in left:
            ticket = await submit(client, product, f"{prefix}-{number}", number)
            tickets.append(ticket)
            accepted()

    async with httpx.AsyncClient(timeout=20) as client, asyncio.TaskGroup() as group:
        for _ in range(SENDERS):
            group.create_task(sender(client))
    return tickets


async def submit_while_dying(
    product: RunningProduct, *, victim: str, numbers: Sequence[int]
) -> list[str]:
    """Post requests, and kill a part of the product in their midst; it is started again at once."""
    count = 0
    midst = asyncio.Event()

    def accepted() -> None:
        nonlocal count
        count += 1
        if count >= len(numbers) // 4:
            midst.set()

    async def kill() -> None:
        await midst.wait()
        await asyncio.to_thread(product.stack.kill, victim)
        await asyncio.to_thread(product.stack.restart, victim)

    killing = asyncio.create_task(kill())
    tickets = await submit_all(product, prefix="kill", numbers=numbers, accepted=accepted)
    await killing
    return tickets


def acknowledged(product: RunningProduct) -> dict[str, Counter[str]]:
    """Return, per contact of the kill test, how often each Message-ID was sent to it."""
    found: dict[str, Counter[str]] = {}
    for address, message_id in product.mails():
        if address.startswith("kill-"):
            found.setdefault(address, Counter())[message_id] += 1
    return found


async def test_a_thousand_requests_survive_the_death_of_everything(
    product: RunningProduct,
) -> None:
    """Each accepted request is one ticket with its clocks and one acknowledgement, whatever dies."""
    victims = (*SERVICES, "kafka", "store")
    tickets: list[str] = []
    for place, victim in enumerate(victims):
        share = range(REQUESTS_SENT)[place :: len(victims)]
        tickets += await submit_while_dying(product, victim=victim, numbers=share)
    assert len(set(tickets)) == REQUESTS_SENT

    routing, sla = product.database("routing"), product.database("sla")
    wanted = {"_id": {"$in": tickets}}

    async def converged() -> bool:
        # The mails come last, and to count them asks nothing of the store: asked again and again
        # for a thousand tickets, it would do little else.
        if len(acknowledged(product)) < REQUESTS_SENT:
            return False
        routed = routing["tickets"].count_documents({**wanted, "state": {"$ne": None}})
        clocked = sla["clocks"].count_documents({**wanted, "state.clocks.0": {"$exists": True}})
        return bool(min(routed, clocked) >= REQUESTS_SENT)

    await product.until(converged, seconds=CONVERGE_SECONDS_MAX, what="tickets, clocks and mails")

    numbers = Counter(t["state"]["facts"]["number"] for t in routing["tickets"].find(wanted))
    assert len(numbers) == REQUESTS_SENT
    assert set(numbers.values()) == {1}
    told = acknowledged(product)
    assert {address: len(ids) for address, ids in told.items()} == {
        f"kill-{number}@example.org": 1 for number in range(REQUESTS_SENT)
    }
    repeats = sum(count - 1 for ids in told.values() for count in ids.values())
    assert repeats <= NOTIFY_KILLS
    accepted = {
        headers["ce_subject"]
        async for headers, _ in product.log(REQUESTS.name)
        if headers["ce_type"] == RequestAccepted.type
    }
    assert set(tickets) <= accepted
    for service in SERVICES:
        parked = product.database(service)["parked_records"]
        assert parked.count_documents({"stream": {"$in": tickets}}) == 0


async def test_an_event_that_nobody_can_read_parks_one_ticket_and_delays_no_other(
    product: RunningProduct,
) -> None:
    """A poisoned ticket waits for an operator; others are routed meanwhile; commands are refused."""
    poisoned = stream_id("main", "ticket", "poison")
    await publish_poison(product, poisoned)

    async def parked() -> bool:
        rows = await product.get("routing", "/v1/parked")
        return any(row["stream"] == poisoned for row in rows)

    await product.until(parked, seconds=30, what="the poisoned event is parked")
    tickets = await submit_all(product, prefix="beside-poison", numbers=range(20))
    routing = product.database("routing")

    async def routed() -> bool:
        found = routing["tickets"].count_documents(
            {"_id": {"$in": tickets}, "state": {"$ne": None}}
        )
        return bool(found == len(tickets))

    await product.until(routed, seconds=30, what="tickets beside a poisoned one are routed")
    answer = await product.post("routing", f"/v1/tickets/{poisoned}/accept", {"agent": "nobody"})
    assert answer.status_code in {404, 409}, answer.text
    replayed = await product.post("routing", f"/v1/parked/{poisoned}/replay", None)
    assert replayed.json()["remaining"] == 1
    assert "facts" in replayed.json()["error"]


async def publish_poison(product: RunningProduct, stream: str) -> None:
    """Write an event whose envelope is right and whose body is not."""
    event = numbered(
        source="/intake/ticket",
        subject=stream,
        sequence=1,
        time=product.clock.now(),
        tenant="main",
        configversion=1,
        body=RequestAccepted.model_construct(),  # type: ignore[call-arg]
    )
    producer = AIOKafkaProducer(bootstrap_servers=product.stack.kafka)
    await producer.start()
    try:
        await producer.send_and_wait(
            REQUESTS.name, b"{}", key=event.key, headers=list(event.headers())
        )
    finally:
        await producer.stop()


@pytest.mark.parametrize("service", ["routing", "sla", "notify", "knowledge"])
async def test_a_store_that_was_thrown_away_is_rebuilt_from_its_topic(
    product: RunningProduct, service: str
) -> None:
    """A service that finds its store empty folds its topics to the very same states."""
    await submit_all(product, prefix=f"before-{service}", numbers=range(5))

    async def quiet() -> bool:
        before = states(product, service)
        await asyncio.sleep(2)
        return bool(before) and states(product, service) == before

    await product.until(quiet, seconds=60, what=f"{service} comes to rest")
    await asyncio.to_thread(product.stack.stop, service)
    before = states(product, service)
    product.database(service).client.drop_database(f"heliodesk_{service}")
    await asyncio.to_thread(product.stack.start, service)

    async def rebuilt() -> bool:
        return states(product, service).keys() >= before.keys()

    await product.until(rebuilt, seconds=90, what=f"{service} is rebuilt")
    after = states(product, service)
    assert {stream: after[stream] for stream in before} == before


COLLECTIONS = {
    "routing": ("tickets", "agents"),
    "sla": ("clocks",),
    "notify": ("notices",),
    "knowledge": ("articles", "suggestions"),
}


def states(product: RunningProduct, service: str) -> dict[str, Any]:
    """Return revision and state of every document that has one."""
    return {
        row["_id"]: (row["seq"], row["state"])
        for name in COLLECTIONS[service]
        for row in product.database(service)[name].find({"state": {"$ne": None}})
    }
