"""The way in: accepting (B1), a storm of alerts (B9), mail (B10), each against its own floor.

The other services are stopped: what is measured is intake, the broker and the store.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import make_msgid
from pathlib import Path
from typing import Any, Final

import aiosmtplib
import pymongo

from heliodesk.documents import SERVICES
from heliodesk.product.secrets import integration_token
from shared.kernel import digest
from tests.benchmarks import organisation
from tests.benchmarks.measure import (
    Circumstances,
    Spread,
    Stopwatch,
    Used,
    cores,
    load_average,
    percentile,
    ratios,
    rss_bytes,
)
from tests.benchmarks.report import Grid, Result, rows_of, shown
from tests.benchmarks.wire import Answered, request_bytes, send_all
from tests.support.product import RunningProduct, running_product

REPOSITORY: Final = Path(__file__).resolve().parents[2]
OTHERS: Final = tuple(name for name in SERVICES if name not in {"intake", "control"})
CONNECTIONS: Final = 16
MAIL_CONNECTIONS: Final = 8
MAILS_A_CONNECTION: Final = 50
LARGE_BYTES: Final = 6_000_000
"""Of an attachment; with base64 the mail is a third larger, and our limit is 10 MB."""
APPLIED_SECONDS_MAX: Final = 300.0
IDLE_SECONDS: Final = 3.0
ACCEPTED: Final = {202}


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is sent in each round; the round that warms up comes on top of ``rounds``."""

    rounds: int = 3
    requests: int = 1_000
    keys: int = 100


@dataclass(frozen=True, slots=True)
class Accepted:
    """One round of accepting, and its floor."""

    answered: Answered
    used: Used
    floor_seconds: float
    floor_cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Stormed:
    """One round of a storm: alerts of new keys, then of the same ones."""

    new_per_second: float
    duplicates_per_second: float
    tickets: int
    rss_per_incident: float


@dataclass(frozen=True, slots=True)
class Mailed:
    """One round of mails, its floor, and how long small mails took beside a large one."""

    seconds: float
    floor_seconds: float
    cpu_seconds: float
    floor_cpu_seconds: float
    alone_p99_ms: float
    beside_large_p99_ms: float


def run(*, home: Path, plan: Plan) -> Result:
    """Start a product without what comes after intake, run the rounds, return what they found."""
    load = load_average()
    with running_product(home) as product:
        product.stack.stop(*OTHERS)
        bench = _Bench(product, plan)
        with closing(bench):
            found = asyncio.run(bench.run())
    accepted, stormed, mailed = found
    floors = [1 / a.floor_seconds for a in accepted]
    around = Circumstances(
        cores=cores(),
        load_before=load,
        load_after=load_average(),
        floor_spread=max(floors) / min(floors),
    )
    return _result(plan, accepted, stormed, mailed, around)


class _Bench:
    """The rounds on one running product."""

    def __init__(self, product: RunningProduct, plan: Plan) -> None:
        self._product = product
        self._plan = plan
        self._client: Any = pymongo.MongoClient(product.stack.mongo, tz_aware=True)
        self._rows = self._client["heliodesk_intake"]
        pids = {"intake": product.stack.pid("intake")}
        self._pids: Mapping[str, int] = {name: pid for name, pid in pids.items() if pid}
        host, _, port = product.url("intake").rpartition("//")[2].partition(":")
        self._address = (host, int(port))
        self._idle: Mapping[str, float] = {}

    def close(self) -> None:
        """Let go of the store."""
        self._client.close()

    async def run(self) -> tuple[list[Accepted], list[Stormed], list[Mailed]]:
        """Warm up with one round of each, then return what the others found."""
        # Each key is to have its own ticket: no storm collects them.
        sections = organisation.sections_for(rounds=0, requests=0)
        for integration in sections["integrations"]["integrations"]:
            integration["alerts"]["storm"] = None
        await organisation.apply(self._product, sections)
        await self._settled()
        watch = Stopwatch(self._pids, self._product.clock)
        await asyncio.sleep(IDLE_SECONDS)
        used = watch.read()
        self._idle = {name: seconds / used.seconds for name, seconds in used.cpu.items()}
        numbers = range(self._plan.rounds + 1)
        accepted = [await self._accept(number) for number in numbers]
        stormed = [await self._storm(number) for number in numbers]
        mailed = [await self._mail(number) for number in numbers]
        return accepted[1:], stormed[1:], mailed[1:]

    def _alert(self, key: str, second: int) -> bytes:
        token = self._product.product.secrets.find(integration_token("alertmanager-demo")) or ""
        started = f"2026-03-02T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}Z"
        body = {
            "version": "4",
            "groupKey": f'{{}}:{{alertname="{key}"}}',
            "truncatedAlerts": 0,
            "status": "firing",
            "receiver": "heliodesk",
            "groupLabels": {"alertname": key},
            "commonLabels": {"alertname": key, "severity": "warning", "job": "node"},
            "commonAnnotations": {"summary": f"{key} fires", "description": "x" * 280},
            "externalURL": "http://alertmanager.example.org:9093",
            "alerts": [
                {
                    "status": "firing",
                    "labels": {"alertname": key, "instance": "node-7:9100", "job": "node"},
                    "annotations": {"summary": f"{key} fires"},
                    "startsAt": started,
                    "endsAt": "0001-01-01T00:00:00Z",
                    "generatorURL": "http://prometheus.example.org/graph?g0.expr=up",
                    "fingerprint": digest(key.encode())[:16],
                }
            ],
        }
        return request_bytes(
            path="/v1/alerts/alertmanager",
            token=token,
            body=json.dumps(body).encode(),
            host=self._address[0],
        )

    async def _accept(self, number: int) -> Accepted:
        """Hand in requests; the floor inserts as many documents of the same size."""
        requests = [self._request(number, place) for place in range(self._plan.requests)]
        watch = Stopwatch(self._pids, self._product.clock)
        answered = await self._send(requests)
        used = watch.read(self._idle)
        await self._settled()
        sizes = self._rows["receipts"].aggregate(
            [{"$limit": 200}, {"$group": {"_id": None, "mean": {"$avg": {"$bsonSize": "$$ROOT"}}}}]
        )
        floor = await asyncio.to_thread(
            _inserts,
            {
                "mongo": self._product.stack.mongo,
                "name": str(number),
                "documents": self._plan.requests,
                "bytes": int(next(iter(sizes))["mean"]),
                "group": CONNECTIONS,
            },
        )
        return Accepted(
            answered=answered,
            used=used,
            floor_seconds=floor["seconds"],
            floor_cpu_seconds=floor["cpu_seconds"],
        )

    def _request(self, number: int, place: int) -> bytes:
        token = self._product.product.secrets.find(integration_token("requests-demo")) or ""
        body = {
            "contact": {"mail": f"bench-{number}-{place}@example.org"},
            "subject": f"Request {place}",
            # Each of its own words: a thousand look-alikes would be a mass incident.
            "text": " ".join(digest(f"{number} {place} {n}".encode())[:7] for n in range(110)),
        }
        return request_bytes(
            path="/v1/requests",
            token=token,
            body=json.dumps(body).encode(),
            host=self._address[0],
        )

    async def _send(self, requests: Sequence[bytes]) -> Answered:
        answered = await send_all(self._address, requests, connections=CONNECTIONS)
        if set(answered.statuses) != ACCEPTED:
            message = f"not all were accepted: {answered.statuses}"
            raise AssertionError(message)
        return answered

    async def _storm(self, number: int) -> Stormed:
        """Open an incident for each key, then tell all of them again, some far more often."""
        chance = random.Random(number)  # noqa: S311 - a storm of its own, the same each time
        keys = [f"Storm{number}x{place}" for place in range(self._plan.keys)]
        before = self._rows["tickets"].count_documents({})
        memory = sum(rss_bytes(pid) for pid in self._pids.values())
        new = await self._timed([self._alert(key, 0) for key in keys])
        weights = [1 / (rank + 1) for rank in range(len(keys))]
        again = chance.choices(keys, weights=weights, k=self._plan.requests)
        # Each is told at another time of its monitor's: an occurrence of its own, and no news.
        duplicates = await self._timed([self._alert(key, 0) for key in again])
        made = self._rows["tickets"].count_documents({}) - before
        grown = sum(rss_bytes(pid) for pid in self._pids.values()) - memory
        return Stormed(
            new_per_second=len(keys) / new,
            duplicates_per_second=len(again) / duplicates,
            tickets=made,
            rss_per_incident=max(0, grown) / len(keys),
        )

    async def _timed(self, requests: Sequence[bytes]) -> float:
        """Return how long it took until everything was accepted and applied."""
        at = self._product.clock.monotonic()
        await self._send(requests)
        await self._settled()
        return self._product.clock.monotonic() - at

    async def _settled(self) -> None:
        """Wait until no receipt waits."""
        clock = self._product.clock
        deadline = clock.monotonic() + APPLIED_SECONDS_MAX
        while self._rows["receipts"].count_documents({"pending_since": {"$exists": True}}, limit=1):
            if clock.monotonic() > deadline:
                message = "receipts wait and are not applied"
                raise AssertionError(message)
            await asyncio.sleep(0.02)

    async def _mail(self, number: int) -> Mailed:
        """Send mails to us and to a server that keeps nothing; then some beside a large one."""
        host, _, port = self._product.product.addresses.mail_in.rpartition(":")
        watch = Stopwatch(self._pids, self._product.clock)
        seconds, alone = await _send_mails(host, int(port), tag=f"{number}-a")
        used = watch.read(self._idle)
        await self._settled()
        floor_seconds, floor_cpu = await _smtp_floor(f"{number}-f")
        large = asyncio.create_task(_large_mail(host, int(port), tag=f"{number}-l"))
        _, beside = await _send_mails(host, int(port), tag=f"{number}-b")
        await large
        await self._settled()
        return Mailed(
            seconds=seconds,
            floor_seconds=floor_seconds,
            cpu_seconds=used.net("intake"),
            floor_cpu_seconds=floor_cpu,
            alone_p99_ms=percentile(alone, 0.99),
            beside_large_p99_ms=percentile(beside, 0.99),
        )


def _inserts(plan: dict[str, Any]) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.intake_floor", "inserts"],
        input=json.dumps(plan),
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _message(tag: str) -> EmailMessage:
    """Return a mail of about 2.3 KB in two parts."""
    message = EmailMessage()
    message["From"] = f"Ana Lima <ana-{tag}@example.org>"
    message["To"] = "help@helio.example"
    message["Subject"] = "The printer on the second floor"
    message["Message-ID"] = make_msgid(tag, domain="example.org")
    words = [digest(f"{tag} {n}".encode())[:7] for n in range(110)]
    text = "\n".join(" ".join(words[n : n + 10]) for n in range(0, 110, 10))
    message.set_content(text)
    message.add_alternative(f"<p>{text}</p>", subtype="html")
    return message


async def _send_mails(host: str, port: int, *, tag: str) -> tuple[float, list[int]]:
    """Send mails over several connections at once; return the seconds, and each one's in ms."""
    loop = asyncio.get_running_loop()
    times: list[int] = []
    batches = [
        [_message(f"{tag}-{c}-{n}") for n in range(MAILS_A_CONNECTION)]
        for c in range(MAIL_CONNECTIONS)
    ]

    async def sender(batch: Sequence[EmailMessage]) -> None:
        async with aiosmtplib.SMTP(hostname=host, port=port, start_tls=False) as smtp:
            for message in batch:
                at = loop.time()
                await smtp.send_message(message)
                times.append(round((loop.time() - at) * 1_000))

    began = loop.time()
    async with asyncio.TaskGroup() as group:
        for batch in batches:
            group.create_task(sender(batch))
    return loop.time() - began, sorted(times)


async def _large_mail(host: str, port: int, *, tag: str) -> None:
    message = _message(tag)
    message.add_attachment(
        bytes(LARGE_BYTES), maintype="application", subtype="octet-stream", filename="large.bin"
    )
    async with aiosmtplib.SMTP(hostname=host, port=port, start_tls=False, timeout=120) as smtp:
        await smtp.send_message(message)


async def _smtp_floor(tag: str) -> tuple[float, float]:
    """Return the seconds for as many mails to a server that keeps nothing, and its CPU seconds."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.benchmarks.intake_floor",
        "smtp",
        cwd=REPOSITORY,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    if process.stdin is None or process.stdout is None:
        message = "the floor has no pipes"
        raise AssertionError(message)
    port = int(await process.stdout.readline())
    process.stdin.write(b"go\n")
    await process.stdin.drain()
    seconds, _ = await _send_mails("127.0.0.1", port, tag=tag)
    process.stdin.write(b"end\n")
    await process.stdin.drain()
    found = json.loads(await process.stdout.readline())
    await process.wait()
    return seconds, float(found["cpu_seconds"])


def _result(
    plan: Plan,
    accepted: Sequence[Accepted],
    stormed: Sequence[Stormed],
    mailed: Sequence[Mailed],
    around: Circumstances,
) -> Result:
    mails = MAIL_CONNECTIONS * MAILS_A_CONNECTION
    throughput = ratios(
        [plan.requests / a.answered.seconds for a in accepted],
        [plan.requests / a.floor_seconds for a in accepted],
    )
    cpu = Spread.of(a.used.net("intake") * 1_000 / plan.requests for a in accepted)
    floor_cpu = Spread.of(a.floor_cpu_seconds * 1_000 / plan.requests for a in accepted)
    storm = ratios([s.duplicates_per_second for s in stormed], [s.new_per_second for s in stormed])
    mail = ratios([mails / m.seconds for m in mailed], [mails / m.floor_seconds for m in mailed])
    mail_cpu = ratios([m.cpu_seconds for m in mailed], [m.floor_cpu_seconds for m in mailed])
    stall = ratios([m.beside_large_p99_ms for m in mailed], [m.alone_p99_ms for m in mailed])
    exact = all(s.tickets == plan.keys for s in stormed)
    rows = [
        ("B1 accepted/s", _rate(plan.requests / a.answered.seconds for a in accepted), ""),
        (
            "   floor: grouped inserts/s",
            _rate(plan.requests / a.floor_seconds for a in accepted),
            "",
        ),
        ("   ratio", shown(throughput), ">= 0.60"),
        ("   intake's CPU ms a request", shown(cpu), ""),
        ("   floor's CPU ms a document", shown(floor_cpu, digits=3), ""),
        ("B9 new/s", _rate(s.new_per_second for s in stormed), ""),
        ("   duplicates/s", _rate(s.duplicates_per_second for s in stormed), ""),
        ("   ratio", shown(storm), ">= 2"),
        ("   tickets", "exact" if exact else "WRONG", f"{plan.keys} a round"),
        ("   memory KiB an incident", _rate(s.rss_per_incident / 1_024 for s in stormed), "<= 4"),
        ("B10 mails/s", _rate(mails / m.seconds for m in mailed), ""),
        ("    floor: no-op SMTP mails/s", _rate(mails / m.floor_seconds for m in mailed), ""),
        ("    ratio", shown(mail), ">= 0.5"),
        ("    CPU ratio", shown(mail_cpu), "<= 2.5"),
        ("    p99 beside a large mail / alone", shown(stall), "<= 2"),
    ]
    return Result(
        name="intake",
        circumstances=around,
        grids=(Grid(title="Intake", columns=("", "median", "aim"), rows=rows_of(rows)),),
        figures={
            "accept_ratio": throughput.plain(),
            "accept_cpu_ms": cpu.plain(),
            "storm_ratio": storm.plain(),
            "storm_exact": exact,
            "mail_ratio": mail.plain(),
            "mail_cpu_ratio": mail_cpu.plain(),
            "mail_stall": stall.plain(),
        },
    )


def _rate(values: Any) -> str:
    return shown(Spread.of(values), digits=0)
