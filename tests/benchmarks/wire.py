"""The least HTTP client that will do: requests that were written before, over open connections.

A client such as httpx uses a millisecond of CPU a request, more than what is measured.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

HEAD_END: Final = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Answered:
    """What a run found."""

    seconds: float
    statuses: dict[int, int]
    latencies_ms: list[float]


def request_bytes(*, path: str, token: str, body: bytes, host: str) -> bytes:
    """Return a POST of JSON as it goes over the wire."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def send_all(
    address: tuple[str, int], requests: Sequence[bytes], *, connections: int
) -> Answered:
    """Send requests, one at a time on each connection; return how they were answered."""
    left: Iterator[bytes] = iter(requests)
    statuses: dict[int, int] = {}
    latencies: list[float] = []

    async def sender() -> None:
        reader, writer = await asyncio.open_connection(*address)
        try:
            for request in left:
                at = time.perf_counter()
                writer.write(request)
                status = await _answer(reader)
                latencies.append((time.perf_counter() - at) * 1_000)
                statuses[status] = statuses.get(status, 0) + 1
        finally:
            writer.close()

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(sender())
    return Answered(
        seconds=time.perf_counter() - began, statuses=statuses, latencies_ms=sorted(latencies)
    )


async def _answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(HEAD_END)
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    await reader.readexactly(length)
    return int(head.split(b" ", 2)[1])
