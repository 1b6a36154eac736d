"""Creates the topics of the registry; the brokers' automatic creation would give one partition."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from shared.contracts.topics import TOPICS, Topic
from shared.kernel import Infrastructure

ALREADY_THERE = 36
"""Kafka's error code TOPIC_ALREADY_EXISTS."""


async def ensure_topics(
    servers: Sequence[str],
    *,
    replication_factor: int = 1,
    topics: Sequence[Topic] = TOPICS,
    seconds_max: float = 30.0,
) -> list[str]:
    """Create the topics that are not there, and return their names.

    Args:
        servers: ``host:port`` of the brokers.
        replication_factor: 3 in production, with ``min.insync.replicas=2``.
        topics: all of the registry unless said otherwise.
        seconds_max: how long the brokers may take.

    Raises:
        Infrastructure: the brokers do not answer, or refuse.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=list(servers), client_id="heliodesk-provision")
    wanted = [
        NewTopic(
            name=topic.name,
            num_partitions=topic.partitions,
            replication_factor=replication_factor,
            topic_configs={
                "retention.ms": str(topic.retention_ms),
                "cleanup.policy": "delete",
                **({"min.insync.replicas": "2"} if replication_factor >= 3 else {}),  # noqa: PLR2004
            },
        )
        for topic in topics
    ]
    try:
        async with asyncio.timeout(seconds_max):
            await admin.start()
            answer = await admin.create_topics(wanted)
    except (KafkaError, TimeoutError, OSError) as error:
        message = f"broker: {type(error).__name__}: {error}"
        raise Infrastructure(message) from error
    finally:
        await admin.close()
    created = []
    for name, code, *reason in answer.topic_errors:
        if code == 0:
            created.append(name)
        elif code != ALREADY_THERE:
            message = f"broker: {name} cannot be created: {reason}"
            raise Infrastructure(message)
    return created
