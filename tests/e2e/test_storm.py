"""One alert key, two hundred callers at once, two processes behind one port, one of them killed."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from heliodesk.product.secrets import integration_token
from heliodesk.product.services import INTAKE_PROCESSES
from tests.support.product import RunningProduct, running_product

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(600)]

DISTINCT = 100
TIMES = 2
"""Each occurrence is delivered so often: two peers of Alertmanager's, or a sender's retry."""
SECOND = "intake-2"
ANSWER_SECONDS_MAX = 120
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProduct]:
    """Start a product with two processes of intake."""
    home = tmp_path_factory.mktemp("storm")
    with running_product(home, environ={INTAKE_PROCESSES: "2"}) as running:
        yield running


def delivery(number: int) -> bytes:
    """Return the ``number``-th occurrence of the one alert."""
    alert = {
        "status": "firing",
        "labels": {"alertname": "StormTest", "severity": "warning"},
        "annotations": {"summary": "it fires again"},
        "startsAt": (START + timedelta(seconds=number)).isoformat(),
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": "00000000deadbeef",
    }
    body = {
        "version": "4",
        "groupKey": '{}:{alertname="StormTest"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "heliodesk",
        "alerts": [alert],
    }
    return json.dumps(body).encode()


class Senders:
    """Callers that hand in until they are answered, as monitors do."""

    def __init__(self, product: RunningProduct) -> None:
        token = product.product.secrets.find(integration_token("alertmanager-demo"))
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._url = product.url("intake") + "/v1/alerts/alertmanager"
        self._clock = product.clock
        self.statuses: Counter[int] = Counter()
        self.broken = 0
        """Connections that ended without an answer."""
        self.midst = asyncio.Event()

    async def send(self, number: int) -> None:
        """Hand one occurrence in, on a connection of its own."""
        deadline = self._clock.monotonic() + ANSWER_SECONDS_MAX
        while True:
            try:
                async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
                    answer = await client.post(
                        self._url, content=delivery(number), headers=self._headers
                    )
            except httpx.TransportError:
                self.broken += 1
                assert self._clock.monotonic() < deadline, "nobody answers any more"
                await asyncio.sleep(0.05)
                continue
            self.statuses[answer.status_code] += 1
            if sum(self.statuses.values()) >= DISTINCT // 2:
                self.midst.set()
            return


async def incidents(product: RunningProduct) -> list[dict[str, Any]]:
    """Return the groups of alerts, as agents read them."""
    found: list[dict[str, Any]] = await product.get("intake", "/v1/alert-groups")
    return [group for group in found if group["integration"] == "alertmanager-demo"]


async def test_one_key_is_one_incident_whatever_dies(product: RunningProduct) -> None:
    """No 5xx, one incident, every distinct occurrence counted once; nothing waits in the end."""
    senders = Senders(product)

    async def kill() -> None:
        await senders.midst.wait()
        await asyncio.to_thread(product.stack.kill, SECOND)
        await asyncio.to_thread(product.stack.restart, SECOND)

    async with asyncio.TaskGroup() as group:
        group.create_task(kill())
        for number in range(DISTINCT):
            for _ in range(TIMES):
                group.create_task(senders.send(number))
    assert set(senders.statuses) == {202}
    assert senders.statuses[202] == DISTINCT * TIMES
    database = product.database("intake")

    async def applied() -> bool:
        waiting = {"pending_since": {"$exists": True}}
        return not await asyncio.to_thread(database["receipts"].count_documents, waiting)

    await product.until(applied, seconds=120, what="every receipt is applied")
    (group_shown,) = await incidents(product)
    assert (group_shown["firing"], group_shown["occurrences"]) == (1, DISTINCT)
    tickets = list(database["tickets"].find({"state.alert_key": group_shown["key"]}))
    assert len(tickets) == 1
    opened = [episode["ticket"] for episode in group_shown["episodes"]]
    assert opened == [tickets[0]["_id"]]
