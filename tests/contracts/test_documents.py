from __future__ import annotations

import pytest

from heliodesk import documents
from shared.contracts.topics import TOPICS


def test_the_generated_documents_are_current() -> None:
    """Flow map, AsyncAPI, OpenAPI and schema lock are what the code says."""
    stale = [str(path.relative_to(documents.ROOT)) for path in documents.stale()]
    assert not stale, "run `make docs`"


@pytest.mark.parametrize("service", documents.SERVICES)
def test_a_service_consumes_what_the_registry_says(service: str) -> None:
    """The running application subscribes to exactly the topics that name it as a consumer."""
    runtime = documents.application(service).state.runtime
    wanted = {topic.name for topic in TOPICS if service in topic.consumers}
    assert runtime.bus.topics == wanted


@pytest.mark.parametrize("service", documents.SERVICES)
def test_a_service_emits_only_to_its_own_topics(service: str) -> None:
    """Every aggregate of a service writes to a topic that the service owns."""
    runtime = documents.application(service).state.runtime
    owned = {topic.name for topic in TOPICS if topic.owner == service}
    assert {aggregate.topic.name for aggregate in runtime.aggregates} == owned


@pytest.mark.parametrize("service", documents.SERVICES)
def test_a_service_handles_only_events_of_its_topics(service: str) -> None:
    """Each row of a consumer names an event that its topic carries."""
    for consumer in documents.application(service).state.runtime.consumers:
        carried = {body.type for body in consumer.topic.events}
        assert set(consumer.on) <= carried
