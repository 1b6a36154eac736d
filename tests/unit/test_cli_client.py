"""The client that integrators import, against what intake's doors read."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from heliodesk.client import (
    Accepted,
    AlertReported,
    AlertStatus,
    Heliodesk,
    Refused,
    Unavailable,
    alertmanager_body,
    cloud_event,
)
from services.intake.domain.normal import AlertGroup, Request
from services.intake.doors import Raw
from tests.support.intake_input import read_one

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
ANSWER = {"ticket": "t1", "number": "T-000001", "link": "/v1/requests/t1", "receipt": "r1"}


def reported(status: AlertStatus = AlertStatus.FIRING) -> AlertReported:
    """Return an alert."""
    return AlertReported(
        key="disk-7", status=status, summary="Disk full", starts_at=NOON, severity="major",
        service="network", labels={"host": "h7"},
    )  # fmt: skip


def desk(answer: Callable[[httpx.Request], httpx.Response], **options: Any) -> Heliodesk:
    """Return a client whose network is a function."""
    transport = httpx.MockTransport(answer)
    return Heliodesk("http://desk.example", "hd_x", transport=transport, **options)


async def test_a_request_is_handed_in_as_the_door_reads_it() -> None:
    """What the client sends is a request in the door's own terms, with the caller's key."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(202, json=ANSWER)

    async with desk(answer) as client:
        accepted = await client.submit_request(
            subject="Screen dark",
            mail="ada@example.org",
            text="Since noon.",
            key="k1",
            site="berlin",
        )
    assert accepted == Accepted(**ANSWER)
    (request,) = seen
    assert request.headers["Authorization"] == "Bearer hd_x"
    read = read_one(
        "requests", Raw(request.content, {k.lower(): v for k, v in request.headers.items()})
    )
    assert read.key == "k1"
    assert isinstance(read.form, Request)
    assert read.form.contact.mail == "ada@example.org"
    assert (read.form.subject, read.form.site) == ("Screen dark", "berlin")


async def test_a_refusal_names_the_fields() -> None:
    """Problem details become an error with status, code and fields."""
    problem = {
        "type": "urn:heliodesk:problem:invalid",
        "detail": "kind: not a kind",
        "errors": [{"field": "kind", "reason": "not a kind"}],
    }
    async with desk(lambda _request: httpx.Response(422, json=problem)) as client:
        with pytest.raises(Refused) as caught:
            await client.submit_request(subject="x", mail="a@b.example", kind="song", key="k")
    assert caught.value.status == 422
    assert caught.value.code == "invalid"
    assert caught.value.errors == ({"field": "kind", "reason": "not a kind"},)


async def test_what_has_a_key_is_tried_again() -> None:
    """A lost answer and a 503 are followed by the same request under the same key."""
    keys: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["Idempotency-Key"])
        if len(keys) == 1:
            message = "gone"
            raise httpx.ReadError(message)
        if len(keys) == 2:
            return httpx.Response(503, headers={"Retry-After": "0"}, json={"detail": "starting"})
        return httpx.Response(202, json=ANSWER)

    async with desk(answer) as client:
        accepted = await client.submit_request(subject="x", mail="a@b.example", key="k")
    assert accepted.number == "T-000001"
    assert keys == ["k", "k", "k"]


async def test_what_has_no_key_is_not_repeated() -> None:
    """Without a key a second attempt could make a second ticket: the caller decides."""
    count = 0

    def answer(_request: httpx.Request) -> httpx.Response:
        nonlocal count
        count += 1
        message = "gone"
        raise httpx.ReadError(message)

    async with desk(answer) as client:
        with pytest.raises(Unavailable):
            await client.submit_request(subject="x", mail="a@b.example")
    assert count == 1


async def test_attempts_end() -> None:
    """A Heliodesk that stays down is `Unavailable` after the last attempt."""
    answer = httpx.Response(503, json={"detail": "the store is down"})
    async with desk(lambda _request: answer, attempts_max=1) as client:
        with pytest.raises(Unavailable, match="the store is down"):
            await client.send_alert(reported())


def test_an_alert_reads_the_same_through_both_doors() -> None:
    """HTTP and Kafka lead to the same group, severity and service."""
    over_http = read_one(
        "alertmanager",
        Raw(
            json.dumps(alertmanager_body(reported())).encode(), {"content-type": "application/json"}
        ),
    )
    event = cloud_event(reported(), source="/test", integration="cloudevents-demo")
    headers = {name: value.decode() for name, value in event.headers}
    over_kafka = read_one("cloudevents", Raw(event.value, headers))
    for form in (over_http.form, over_kafka.form):
        assert isinstance(form, AlertGroup)
        assert form.key == "disk-7"
        assert form.severities == ("major",)
        assert form.service == "network"
        assert form.alerts[0].starts_at == NOON
    assert over_kafka.label == "cloudevents-demo"
    assert over_kafka.tenant == "main"


def test_the_cloudevent_has_what_the_standard_asks_for() -> None:
    """Binary mode: attributes as ce_ headers, the media type beside them, the key as the key."""
    event = cloud_event(reported(), source="/test", integration="i")
    headers = dict(event.headers)
    assert headers["ce_specversion"] == b"1.0"
    assert headers["ce_type"] == b"heliodesk.alert.reported.v1"
    assert headers["ce_source"] == b"/test"
    assert headers["ce_subject"] == b"disk-7"
    assert headers["ce_time"] == b"2026-03-04T12:00:00+00:00"
    assert headers["content-type"] == b"application/json"
    assert event.key == b"disk-7"


def test_an_occurrence_has_one_id() -> None:
    """The same occurrence has the same id on every attempt; resolved is another occurrence."""

    def id_of(status: AlertStatus) -> bytes:
        return dict(cloud_event(reported(status), source="/t", integration="i").headers)["ce_id"]

    assert id_of(AlertStatus.FIRING) == id_of(AlertStatus.FIRING)
    assert id_of(AlertStatus.FIRING) != id_of(AlertStatus.RESOLVED)
