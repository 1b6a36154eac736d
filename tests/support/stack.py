"""One Kafka and one store for a test session, real whichever way they come.

Use it by `pytest_plugins = ["tests.support.stack"]` in the top conftest. In this order: what
`HELIODESK_KAFKA` and `HELIODESK_MONGO` name, containers where a Docker engine answers, else the
launcher of `make run` with its state in a temporary folder and on free ports.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import suppress

import pytest
from docker.errors import DockerException
from testcontainers.core.container import DockerContainer

from deploy.local.ports import Ports
from deploy.local.stack import KAFKA, STORE, Stack
from tests.support import docker


@pytest.fixture(scope="session")
def local_stack(tmp_path_factory: pytest.TempPathFactory) -> Generator[Stack]:
    """Give the session's own stack, with nothing started in it yet."""
    stack = Stack(tmp_path_factory.mktemp("stack"), ports=Ports.free(), components=(KAFKA, STORE))
    yield stack
    stack.stop()


@pytest.fixture(scope="session")
def docker_here() -> bool:
    """Tell whether containers can be had; asked once a session."""
    return docker.docker_answers()


@pytest.fixture(scope="session")
def kafka(local_stack: Stack, docker_here: bool) -> Generator[str]:  # noqa: FBT001 -- a fixture.
    """Give the bootstrap address, `host:port`, of a running Kafka 4."""
    use_docker = docker_here and not local_stack.is_external(KAFKA)
    started = _in_container(docker.start_kafka) if use_docker else None
    if started is None:
        local_stack.start(KAFKA)
        yield local_stack.kafka
        return
    container, address = started
    yield address
    container.stop()


@pytest.fixture(scope="session")
def mongo(local_stack: Stack, docker_here: bool) -> Generator[str]:  # noqa: FBT001 -- a fixture.
    """Give the URL of a running store that takes transactions and change streams."""
    use_docker = docker_here and not local_stack.is_external(STORE)
    started = _in_container(docker.start_mongo) if use_docker else None
    if started is None:
        local_stack.start(STORE)
        yield local_stack.mongo
        return
    container, url = started
    yield url
    container.stop()


def _in_container(
    start: Callable[[], tuple[DockerContainer, str]],
) -> tuple[DockerContainer, str] | None:
    """Start it, or give None where the engine answers but the image cannot be pulled."""
    with suppress(DockerException):
        return start()
    return None
