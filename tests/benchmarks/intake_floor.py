"""The floors of intake, in a process of their own: grouped inserts, and SMTP that keeps nothing.

``python -m tests.benchmarks.intake_floor inserts`` reads a plan from the standard input, inserts,
and prints what it used. ``… smtp`` prints its port and serves until its input ends.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

import pymongo
import uvloop
from aiosmtpd.smtp import SMTP, Envelope

from tests.benchmarks.measure import own_cpu_seconds

DATABASE = "heliodesk_floor"


def inserts(plan: dict[str, Any]) -> dict[str, float]:
    """Insert documents of one size in groups; return seconds and CPU seconds."""
    client: Any = pymongo.MongoClient(plan["mongo"])
    collection = client[DATABASE][f"receipts_{plan['name']}"]
    collection.insert_one({"_id": "warm-up"})
    filler = "x" * plan["bytes"]
    cpu, at = own_cpu_seconds(), time.perf_counter()
    for start in range(0, plan["documents"], plan["group"]):
        numbers = range(start, min(start + plan["group"], plan["documents"]))
        collection.insert_many(
            [{"_id": f"{number:032d}", "filler": filler} for number in numbers], ordered=False
        )
    found = {"seconds": time.perf_counter() - at, "cpu_seconds": own_cpu_seconds() - cpu}
    client.close()
    return found


class Nothing:
    """Takes every mail and keeps none."""

    async def handle_DATA(  # noqa: N802 - the library's name
        self, _server: Any, _session: Any, _envelope: Envelope
    ) -> str:
        """Say that it is taken."""
        return "250 OK"


async def smtp() -> None:
    """Serve until the standard input ends, then print the CPU seconds since the first line."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Nothing(), loop=loop), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    cpu = own_cpu_seconds()
    await asyncio.to_thread(sys.stdin.readline)
    sys.stdout.write(json.dumps({"cpu_seconds": own_cpu_seconds() - cpu}) + "\n")
    server.close()


if __name__ == "__main__":
    if sys.argv[1:] == ["smtp"]:
        uvloop.run(smtp())
    else:
        sys.stdout.write(json.dumps(inserts(json.load(sys.stdin))) + "\n")
