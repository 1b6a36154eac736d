"""The pipeline end to end: accepted, assigned, clocks started, acknowledgement recorded.

Each round sends requests through ``POST /v1/requests`` into the whole product, and then does the
bare minimum of the same work beside it: as many records of the same mean size through as many
groups, and as many writes of whole documents, on the same broker and store.
"""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from heliodesk.documents import SERVICES
from shared.kernel import digest
from tests.benchmarks import organisation
from tests.benchmarks.floors import Floor, run_floor
from tests.benchmarks.measure import (
    Circumstances,
    Stopwatch,
    Used,
    cores,
    load_average,
    rss_bytes,
)
from tests.benchmarks.pipeline_report import result_of
from tests.benchmarks.report import Result
from tests.benchmarks.traffic import (
    Ends,
    Log,
    Store,
    TopicTraffic,
    Writes,
    acknowledged_at,
    traffic_of,
)
from tests.support.product import RunningProduct, running_product

INFRASTRUCTURE = ("kafka", "store", "mail")
IDLE_SECONDS = 5.0
POLL_SECONDS = 0.25
QUIET_SECONDS = 1.5
"""Nothing was written to the topics for so long: the round may be over."""
ROUND_SECONDS_MAX = 300.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to send; the round that warms up comes on top of ``rounds``."""

    rounds: int = 3
    requests: int = 300
    concurrency: int = 16


@dataclass(frozen=True, slots=True)
class Round:
    """What one round found."""

    used: Used
    seconds: float
    """From the first request to the last acknowledgement's record."""
    latencies_ms: list[int]
    """From sending each request to the record of its acknowledgement."""
    traffic: list[TopicTraffic]
    writes: dict[str, Writes]
    floor: Floor
    rss: dict[str, int] = field(default_factory=dict)

    def handled(self, service: str) -> int:
        """Return how many records a service was given, those of no concern included."""
        return sum(t.records for t in self.traffic if service in t.groups)


def run(*, home: Path, plan: Plan) -> Result:
    """Start a product, run the rounds, and return what they found."""
    load = load_average()
    with running_product(home) as product:
        rounds = asyncio.run(_Bench(product, plan).run())
        kind = next(s.kind for s in product.stack.status() if s.name == "store")
    throughputs = [1 / found.floor.seconds for found in rounds]
    around = Circumstances(
        cores=cores(),
        load_before=load,
        load_after=load_average(),
        floor_spread=max(throughputs) / min(throughputs),
    )
    return result_of(rounds, plan, around=around, store=kind)


class _Bench:
    """The rounds on one running product."""

    def __init__(self, product: RunningProduct, plan: Plan) -> None:
        self._product = product
        self._plan = plan
        names = (*SERVICES, *INFRASTRUCTURE)
        pids = {name: product.stack.pid(name) for name in names}
        self._pids: Mapping[str, int] = {name: pid for name, pid in pids.items() if pid}

    async def run(self) -> list[Round]:
        """Warm up with one round, then return what the others found."""
        sections = organisation.sections_for(
            rounds=self._plan.rounds + 1, requests=self._plan.requests
        )
        await organisation.apply(self._product, sections)
        stack = self._product.stack
        async with Log(stack.kafka) as log:
            with closing(Store(stack.mongo, SERVICES)) as store:
                found = [
                    await self._round(number, log, store) for number in range(self._plan.rounds + 1)
                ]
        return found[1:]

    async def _round(self, number: int, log: Log, store: Store) -> Round:
        await self._quiet(log)
        idle = await self._idle()
        counts, ends = await asyncio.to_thread(store.counts), await log.ends()
        watch = Stopwatch(self._pids, self._product.clock)
        started_ms = _milliseconds(self._product)
        sent = await self._submit(number)
        await self._settled(number, log, store)
        used = watch.read(idle)
        ends_after = await log.ends()
        writes = store.writes(counts, await asyncio.to_thread(store.counts))
        records = await log.between(ends, ends_after)
        told = acknowledged_at(records)
        if told.keys() != sent.keys():
            message = f"{len(sent)} requests, {len(told)} acknowledgements: not the same tickets"
            raise AssertionError(message)
        traffic = traffic_of(records)
        stack = self._product.stack
        floor = await run_floor(
            traffic, writes, kafka=stack.kafka, mongo=stack.mongo, pids=self._pids, idle=idle
        )
        return Round(
            used=used,
            seconds=(max(told.values()) - started_ms) / 1_000,
            latencies_ms=[told[ticket] - at for ticket, at in sent.items()],
            traffic=traffic,
            writes=writes,
            floor=floor,
            rss={name: rss_bytes(pid) for name, pid in self._pids.items()},
        )

    async def _idle(self) -> dict[str, float]:
        """Return how many CPU seconds each process uses per second with nothing to do."""
        watch = Stopwatch(self._pids, self._product.clock)
        await asyncio.sleep(IDLE_SECONDS)
        used = watch.read()
        return {name: seconds / used.seconds for name, seconds in used.cpu.items()}

    async def _submit(self, number: int) -> dict[str, int]:
        """Post the requests, several at once; return each ticket with when it was sent."""
        places = iter(range(self._plan.requests))
        sent: dict[str, int] = {}

        async def sender(client: httpx.AsyncClient) -> None:
            for place in places:
                at = _milliseconds(self._product)
                answer = await client.post(
                    self._product.url("intake") + "/v1/requests",
                    json=request_body(number, place),
                    headers={**self._product.headers, "Idempotency-Key": f"{number}-{place}"},
                )
                if answer.status_code != httpx.codes.ACCEPTED:
                    raise AssertionError(answer.text)
                sent[answer.json()["ticket"]] = at

        async with httpx.AsyncClient(timeout=60) as client, asyncio.TaskGroup() as group:
            for _ in range(self._plan.concurrency):
                group.create_task(sender(client))
        return sent

    async def _quiet(self, log: Log) -> None:
        """Wait until nothing is written to the topics any more."""
        clock = self._product.clock
        known: Ends = await log.ends()
        since = clock.monotonic()
        deadline = since + ROUND_SECONDS_MAX
        while clock.monotonic() - since < QUIET_SECONDS:
            await asyncio.sleep(POLL_SECONDS)
            now = await log.ends()
            if now != known:
                known, since = now, clock.monotonic()
            if clock.monotonic() > deadline:
                message = "the topics do not come to rest"
                raise AssertionError(message)

    async def _settled(self, number: int, log: Log, store: Store) -> None:
        """Wait until every request of the round went all the way, and the topics are at rest."""
        clock = self._product.clock
        deadline = clock.monotonic() + ROUND_SECONDS_MAX
        while True:
            await self._quiet(log)
            done = await asyncio.to_thread(progress, store, organisation.desk_of(number))
            if all(count >= self._plan.requests for count in done.values()):
                return
            if clock.monotonic() > deadline:
                message = f"of {self._plan.requests} requests only: {done}"
                raise AssertionError(message)


def progress(store: Store, desk: str) -> dict[str, int]:
    """Return how many tickets of a desk have come how far."""
    routing, sla, notify = (store.database(name) for name in ("routing", "sla", "notify"))
    tickets = routing["tickets"].find({"state.desk": desk}, {"state.status": 1})
    assigned = [row["_id"] for row in tickets if row["state"]["status"] == "assigned"]
    told = {"kind": "acknowledgement", "status": "sent"}
    return {
        "assigned": len(assigned),
        "clocks": sla["clocks"].count_documents(
            {"_id": {"$in": assigned}, "state.clocks.0": {"$exists": True}}
        ),
        "acknowledged": notify["notices"].count_documents(
            {"_id": {"$in": assigned}, "state.notices": {"$elemMatch": told}}
        ),
    }


def request_body(number: int, place: int) -> dict[str, Any]:
    """Return the body of a request; each comes from a contact of its own."""
    return {
        "subject": f"Request {place} of round {number}",
        # Each of its own words: hundreds of look-alikes would be a mass incident.
        "text": " ".join(textwrap.wrap(digest(f"{number} {place}".encode()), 6)),
        "contact": {
            "name": f"Contact {number} {place}",
            "mail": f"contact-{number}-{place}@example.org",
        },
        "service": organisation.desk_of(number),
        "language": "en",
        "impact": "medium",
        "urgency": "medium",
    }


def _milliseconds(product: RunningProduct) -> int:
    return round(product.clock.now().timestamp() * 1_000)
