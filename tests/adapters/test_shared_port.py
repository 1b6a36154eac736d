"""Several processes behind one port: a process that starts takes no caller it cannot answer."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from deploy.local.ports import free_ports
from shared.service import shared_socket

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(120)]

CALLS = 40
"""The kernel spreads them: a second listener would get none of them in 1 of 2^40 cases."""
STARTED_SECONDS_MAX = 60
STOPPED_SECONDS_MAX = 30


@asynccontextmanager
async def starting(port: int, *, store: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a process of intake whose store does not answer, once it has noticed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.intake",
        env={
            **os.environ,
            "INTAKE_PORT": str(port),
            "INTAKE_SHARE_PORT": "true",
            "INTAKE_SLOT": "1",
            "HELIODESK_MONGO": f"mongodb://127.0.0.1:{store}/?serverSelectionTimeoutMS=200",
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(STARTED_SECONDS_MAX):
            async for line in process.stdout:
                if b'"waits"' in line and b'"store"' in line:
                    break
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_starting_process_leaves_callers_to_those_that_can_answer() -> None:
    """While one process of a port starts, each caller is answered by the other; SIGTERM ends it."""
    port, store = free_ports(2)

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"the first")
        await writer.drain()
        writer.close()

    first = await asyncio.start_server(answer, sock=shared_socket("127.0.0.1", port))
    async with first, starting(port, store=store) as second:
        for _ in range(CALLS):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            async with asyncio.timeout(5):
                assert await reader.read() == b"the first"
            writer.close()
        assert second.returncode is None
        second.send_signal(signal.SIGTERM)
        async with asyncio.timeout(STOPPED_SECONDS_MAX):
            await second.wait()
