"""aiokafka on the loop that services run on: a connection that was lost is told as lost.

uvloop raises ``RuntimeError`` where something is written to a connection whose end it knows of
before the reader does; asyncio's own loop raises nothing, and aiokafka 0.14 catches ``OSError``
alone (aiokafka issue 1038). The error ends the tasks that keep a client's metadata and its
membership of a group, without a word: after the loss of a broker a consumer stood still until the
watchdog ended its process.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError, KafkaError

WRITING = ("send", "_send_sasl_token")


def tell_lost_connections() -> None:
    """Let every aiokafka client of this process take a write to a lost connection for its loss."""
    for name in WRITING:
        method = getattr(AIOKafkaConnection, name)
        if not hasattr(method, "__wrapped__"):
            setattr(AIOKafkaConnection, name, _telling(method))


def _telling(write: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(write)
    def told(connection: AIOKafkaConnection, *args: Any, **kwargs: Any) -> Any:
        try:
            return write(connection, *args, **kwargs)
        except KafkaError:
            # Aiokafka's own errors are RuntimeErrors as well, and say what is wrong.
            raise
        except RuntimeError as error:
            connection.close(reason=CloseReason.CONNECTION_BROKEN)
            message = f"Connection at {connection.host}:{connection.port} broken: {error}"
            raise KafkaConnectionError(message) from error

    return told
