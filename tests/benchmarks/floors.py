"""Starts the pipeline's floor beside a running product and measures it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from shared.clock import SystemClock
from shared.contracts.topics import TOPICS, Topic
from shared.provision import ensure_topics
from tests.benchmarks.measure import Stopwatch, Used
from tests.benchmarks.traffic import TopicTraffic, Writes

SECONDS_MAX: Final = 360
REPOSITORY: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Floor:
    """What the bare minimum of a round's work cost."""

    seconds: float
    cpu_seconds: float
    """Of its own process."""
    used: Used
    """Of the broker and the store meanwhile."""


async def run_floor(
    traffic: Sequence[TopicTraffic],
    writes: Mapping[str, Writes],
    *,
    kafka: str,
    mongo: str,
    pids: Mapping[str, int],
    idle: Mapping[str, float],
) -> Floor:
    """Do as many records and writes as a round did, in a process of its own."""
    await ensure_topics(kafka.split(","), topics=[_topic(item) for item in traffic])
    plan = {
        "kafka": kafka,
        "mongo": mongo,
        "topics": [{**item.plain(), "topic": _name(item)} for item in traffic],
        "writes": {name: found.plain() for name, found in writes.items() if found.total},
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.benchmarks.floor",
        cwd=REPOSITORY,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1024 * 1024,
    )
    try:
        async with asyncio.timeout(SECONDS_MAX):
            await _tell(process, json.dumps(plan))
            await _hear(process)
            watch = Stopwatch(pids, SystemClock())
            await _tell(process, "go")
            found = await _hear(process)
            used = watch.read(idle)
            await _tell(process, "end")
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Floor(seconds=found["seconds"], cpu_seconds=found["cpu_seconds"], used=used)


def _name(item: TopicTraffic) -> str:
    return f"floor.{item.topic}"


def _topic(item: TopicTraffic) -> Topic:
    own = next(topic for topic in TOPICS if topic.name == item.topic)
    return replace(own, name=_name(item), partitions=item.partitions)


async def _tell(process: asyncio.subprocess.Process, line: str) -> None:
    if process.stdin is not None:
        process.stdin.write(line.encode() + b"\n")
        await process.stdin.drain()


async def _hear(process: asyncio.subprocess.Process) -> dict[str, Any]:
    line = await process.stdout.readline() if process.stdout is not None else b""
    if not line:
        message = "the floor's process ended early; what it says is above"
        raise AssertionError(message)
    heard: dict[str, Any] = json.loads(line)
    return heard
