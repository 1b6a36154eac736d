"""A broker that goes away, as a client on uvloop sees it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import uvloop
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import IncompatibleBrokerVersion, KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

from shared.kafka_connections import tell_lost_connections

METADATA = 3
VERSIONS = (0, 5)


class Broker(asyncio.Protocol):
    """Takes connections and answers nothing."""

    def __init__(self, taken: asyncio.Queue[Any]) -> None:
        self._taken = taken

    def connection_made(self, transport: Any) -> None:
        """Tell of the connection."""
        self._taken.put_nowait(transport)


async def write_while_the_broker_goes() -> None:
    """Write at every turn of the loop until the connection is known to be lost."""
    taken: asyncio.Queue[Any] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Broker(taken), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    connection = AIOKafkaConnection("127.0.0.1", port, request_timeout_ms=500)

    async def versions() -> None:
        connection._versions = {METADATA: VERSIONS}

    connection._do_version_lookup = versions
    await connection.connect()
    (await taken.get()).abort()
    sent: list[asyncio.Future[Any]] = []
    try:
        for _ in range(1000):
            sent.append(asyncio.ensure_future(connection.send(MetadataRequest([]))))
            await asyncio.sleep(0)
    finally:
        connection.close()
        await asyncio.gather(*sent, return_exceptions=True)
        server.close()


@pytest.mark.enable_socket
def test_a_write_to_a_connection_that_was_lost_is_a_lost_connection() -> None:
    """Not uvloop's ``RuntimeError``, which ends the client's own tasks and is caught nowhere."""
    tell_lost_connections()
    tell_lost_connections()
    with pytest.raises(KafkaConnectionError):
        uvloop.run(write_while_the_broker_goes())


def test_what_aiokafka_says_itself_stays_as_it_is() -> None:
    """Its errors are RuntimeErrors too: a request that a broker does not know loses no connection."""
    tell_lost_connections()
    connection = AIOKafkaConnection.__new__(AIOKafkaConnection)
    connection._writer = object()
    connection._versions = {}
    with pytest.raises(IncompatibleBrokerVersion):
        connection.send(MetadataRequest([]))
