"""Kafka and MongoDB as containers, for machines where a Docker engine answers."""

from __future__ import annotations

import time
from collections.abc import Callable

import docker
from docker.errors import DockerException
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient

from deploy.local import jars, kafka, store
from deploy.local.ports import free_ports

_PING_SECONDS = 2
_READY_SECONDS_MAX = 90
_KAFKA_PORT = 9092
_MONGO_PORT = 27017
_MONGO_IMAGE = "mongo:8.0"


def docker_answers() -> bool:
    """Tell within two seconds whether a Docker engine can be used."""
    try:
        client = docker.from_env(timeout=_PING_SECONDS)
    except DockerException:
        return False
    try:
        return bool(client.ping())
    except (DockerException, OSError):
        return False
    finally:
        client.close()


def start_kafka() -> tuple[DockerContainer, str]:
    """Start Apache Kafka of the locked version; return the container and `host:port`."""
    host = DockerClient().host()
    # The broker tells clients where it is, so the port must be known before it starts.
    (port,) = free_ports(1)
    container = DockerContainer(f"apache/kafka:{jars.read_lock().kafka}")
    container.with_bind_ports(_KAFKA_PORT, port)
    container.with_envs(
        KAFKA_NODE_ID="1",
        KAFKA_PROCESS_ROLES="broker,controller",
        KAFKA_LISTENERS=f"PLAINTEXT://:{_KAFKA_PORT},CONTROLLER://:9093",
        KAFKA_ADVERTISED_LISTENERS=f"PLAINTEXT://{host}:{port}",
        KAFKA_LISTENER_SECURITY_PROTOCOL_MAP="PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        KAFKA_CONTROLLER_LISTENER_NAMES="CONTROLLER",
        KAFKA_INTER_BROKER_LISTENER_NAME="PLAINTEXT",
        KAFKA_CONTROLLER_QUORUM_VOTERS="1@localhost:9093",
        KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR="1",
        KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR="1",
        KAFKA_TRANSACTION_STATE_LOG_MIN_ISR="1",
        KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS="0",
        KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS="1000",
        KAFKA_AUTO_CREATE_TOPICS_ENABLE="false",
        KAFKA_LOG_RETENTION_MS="-1",
    )
    container.start()
    _wait(container, lambda: kafka.is_ready(host, port))
    return container, f"{host}:{port}"


def start_mongo() -> tuple[DockerContainer, str]:
    """Start MongoDB as a replica set of one; return the container and its URL."""
    container = DockerContainer(_MONGO_IMAGE)
    container.with_exposed_ports(_MONGO_PORT)
    container.with_command("--replSet heliodesk --bind_ip_all")
    container.start()
    address = f"{container.get_container_host_ip()}:{container.get_exposed_port(_MONGO_PORT)}"
    member = f"127.0.0.1:{_MONGO_PORT}"
    _wait(container, lambda: store.primary_at(address, member=member))
    return container, f"mongodb://{address}/?directConnection=true"


def _wait(container: DockerContainer, ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _READY_SECONDS_MAX
    while not ready():
        if time.monotonic() > deadline:
            container.stop()
            message = f"{container.image} was not ready after {_READY_SECONDS_MAX} s"
            raise TimeoutError(message)
        time.sleep(0.1)
