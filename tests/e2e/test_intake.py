"""Intake with two processes behind one port: a storm in which one is killed, and its OpenAPI."""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case
from schemathesis.core.result import Ok

from heliodesk import documents
from heliodesk.product.secrets import integration_token
from heliodesk.product.services import INTAKE_PROCESSES
from tests.support.product import RunningProduct, running_product

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(1_800)]

DISTINCT = 100
TIMES = 2
"""Each occurrence is delivered so often: two peers of Alertmanager's, or a sender's retry."""
SECOND = "intake-2"
ANSWER_SECONDS_MAX = 120
CASES = 200 if os.environ.get("HELIODESK_CHAOS") else 6
"""For each operation."""
SERVER_ERROR = 500
OPERATION_SECONDS_MAX = 60
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


def test_no_operation_answers_with_an_error_of_ours(product: RunningProduct) -> None:
    """Whatever fits the description, and whatever does not: never 5xx, and some of it is taken."""
    schema = schemathesis.openapi.from_dict(documents.openapi("intake"))
    statuses: Counter[int] = Counter()
    operations = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found.err()
        operation = found.ok()
        operations += 1

        @settings(
            max_examples=CASES,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def try_out(case: Case[Any]) -> None:
            answer = case.call(
                base_url=product.url("intake"),
                headers=product.headers,
                timeout=OPERATION_SECONDS_MAX,
            )
            statuses[answer.status_code] += 1
            where = f"{case.method} {case.path}"
            assert answer.status_code < SERVER_ERROR, f"{where}: {answer.text}"

        try_out()
    assert operations > 50
    assert statuses[200] > 0
    assert statuses[202] > 0
    assert statuses[422] > 0
