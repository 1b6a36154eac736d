"""Doors of monitors: what single payloads of the vendors are read into, and which are refused."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from services.intake.domain.normal import AlertGroup, AlertSignal, Heartbeat
from services.intake.doors.monitoring import alertmanager, cloudevents
from services.intake.doors.monitoring.prometheus import label_fingerprint
from services.intake.doors.shape import Door, NoSettings, Raw, Read, Refused, Setup

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
JSON = {"content-type": "application/json; charset=utf-8"}

WEBHOOK: dict[str, Any] = {
    "receiver": "desk",
    "status": "firing",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "ProbeFailure", "instance": "a", "severity": "Critical"},
            "annotations": {"summary": "a does not answer", "description": "for 5 minutes"},
            "startsAt": "2026-03-02T10:00:00.123456789+01:00",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus.example.org/graph?g0.expr=up",
            "fingerprint": "1a30ba71cca2921f",
        },
        {
            "status": "resolved",
            "labels": {"alertname": "ProbeFailure", "instance": "b", "severity": "warning"},
            "annotations": {},
            "startsAt": "2026-03-02T08:00:00Z",
            "endsAt": "2026-03-02T08:30:00Z",
            "generatorURL": "",
            "fingerprint": "2b30ba71cca2921f",
        },
    ],
    "groupLabels": {"alertname": "ProbeFailure"},
    "commonLabels": {"alertname": "ProbeFailure", "service": "Network", "region": "emea"},
    "commonAnnotations": {},
    "externalURL": "http://alertmanager.example.org:9093",
    "version": "4",
    "groupKey": '{}/{severity="critical"}:{alertname="ProbeFailure"}',
    "truncatedAlerts": 0,
}

REPORTED: dict[str, Any] = {
    "key": "db-7/disk",
    "status": "firing",
    "summary": "disk full",
    "starts_at": "2026-03-02T09:00:00Z",
    "severity": "Major",
    "service": "databases",
    "labels": {"host": "db-7"},
}

CE_HEADERS = {
    "ce_specversion": "1.0",
    "ce_id": "e-1",
    "ce_source": "/monitor/7",
    "ce_type": "org.example.alert",
    "ce_subject": "db-7/disk",
    "ce_integration": "cloudevents-demo",
    "content-type": "application/json",
}


def reads(
    door: Door,
    body: Any,
    headers: Mapping[str, str] = JSON,
    *,
    settings: BaseModel | None = None,
    route: str = "",
) -> Sequence[Read[Any]]:
    """Return what a door reads; a body that is not bytes is written as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    raw = Raw(body=content, headers=headers, route=route, received_at=NOW)
    return door.parse(raw, Setup(settings=settings or NoSettings()))


def read(door: Door, body: Any, headers: Mapping[str, str] = JSON) -> Any:
    """Return the only submission that a door reads."""
    (only,) = reads(door, body, headers)
    return only


def without(body: dict[str, Any], field: str) -> dict[str, Any]:
    """Return a body that lacks a field."""
    return {name: value for name, value in body.items() if name != field}


def test_a_webhook_of_alertmanager_is_read_into_a_group() -> None:
    """Key, members to the millisecond, the severities that fire, and words for people."""
    form: AlertGroup = read(alertmanager.DOOR, WEBHOOK, JSON).form
    assert form.key == '{}/{severity="critical"}:{alertname="ProbeFailure"}'
    assert [(a.fingerprint, a.status, a.starts_at) for a in form.alerts] == [
        (
            "1a30ba71cca2921f",
            AlertSignal.FIRING,
            datetime(2026, 3, 2, 9, 0, 0, 123_000, tzinfo=UTC),
        ),
        ("2b30ba71cca2921f", AlertSignal.RESOLVED, datetime(2026, 3, 2, 8, 0, tzinfo=UTC)),
    ]
    assert form.severities == ("critical",)
    assert (form.service, form.region) == ("network", "emea")
    assert form.subject == "ProbeFailure: a does not answer"
    assert "for 5 minutes" in form.text
    assert "instance=a" in form.text


def test_a_fingerprint_that_is_not_sent_is_what_prometheus_would_compute() -> None:
    """Grafana's test notification has these labels and this fingerprint, wherever it is sent."""
    labels = {"alertname": "TestAlert", "instance": "Grafana"}
    alert = {**without(WEBHOOK["alerts"][0], "fingerprint"), "labels": labels}
    form = read(alertmanager.DOOR, {**WEBHOOK, "alerts": [alert]}).form
    assert form.alerts[0].fingerprint == "57c6d9296de2ad39"
    assert label_fingerprint(dict(reversed(labels.items()))) == "57c6d9296de2ad39"
    assert label_fingerprint({"a": "b" * 70_000}) != label_fingerprint({"a": "b" * 70_001})


def test_a_webhook_with_fields_of_a_newer_alertmanager_is_read() -> None:
    """Unknown fields are ignored: Alertmanager adds some with its releases."""
    newer = {**WEBHOOK, "notificationReason": "new", "alerts": [{**WEBHOOK["alerts"][0], "x": 1}]}
    assert len(read(alertmanager.DOOR, newer, JSON).form.alerts) == 1


def test_a_delivery_is_named_by_its_set_of_occurrences() -> None:
    """The same alerts in another order are the same delivery; another status is another one."""
    turned = {**WEBHOOK, "alerts": WEBHOOK["alerts"][::-1]}
    ended = {**WEBHOOK, "alerts": [{**a, "status": "resolved"} for a in WEBHOOK["alerts"]]}
    key = read(alertmanager.DOOR, WEBHOOK, JSON).key
    assert read(alertmanager.DOOR, turned, JSON).key == key
    assert read(alertmanager.DOOR, ended, JSON).key != key
    assert read(alertmanager.DOOR, {**WEBHOOK, "groupKey": "other"}, JSON).key != key


@pytest.mark.parametrize(
    ("body", "headers", "status", "field"),
    [
        (WEBHOOK, {"content-type": "text/json"}, 415, "Content-Type"),
        (b"not json", JSON, 400, ""),
        ({**WEBHOOK, "version": "3"}, JSON, 422, "version"),
        (without(WEBHOOK, "version"), JSON, 422, "version"),
        (without(WEBHOOK, "groupKey"), JSON, 422, "groupKey"),
        ({**WEBHOOK, "alerts": []}, JSON, 422, "alerts"),
        ({**WEBHOOK, "alerts": "many"}, JSON, 422, "alerts"),
        ({**WEBHOOK, "status": "muted"}, JSON, 422, "status"),
        ({**WEBHOOK, "truncatedAlerts": -1}, JSON, 422, "truncatedAlerts"),
        (
            {**WEBHOOK, "alerts": [without(WEBHOOK["alerts"][0], "labels")]},
            JSON,
            422,
            "alerts.0.labels",
        ),
        (
            {**WEBHOOK, "alerts": [{**WEBHOOK["alerts"][0], "startsAt": "yesterday"}]},
            JSON,
            422,
            "alerts.0.startsAt",
        ),
        (
            {**WEBHOOK, "alerts": [{**WEBHOOK["alerts"][0], "labels": {"a": 1}}]},
            JSON,
            422,
            "alerts.0.labels.a",
        ),
    ],
)
def test_a_bad_webhook_is_refused_by_field(
    body: Any, headers: dict[str, str], status: int, field: str
) -> None:
    """The refusal has the right status, and its first fault names the field."""
    with pytest.raises(Refused) as caught:
        read(alertmanager.DOOR, body, headers)
    assert (caught.value.kind.value, caught.value.faults[0].field) == (status, field)


def test_a_group_beyond_the_bound_keeps_what_fires() -> None:
    """Of more alerts than a ticket holds those that fire are kept."""
    one = WEBHOOK["alerts"][1]
    many = [{**one, "fingerprint": f"r{n}"} for n in range(600)]
    firing = {**WEBHOOK["alerts"][0], "fingerprint": "f"}
    form = read(alertmanager.DOOR, {**WEBHOOK, "alerts": [*many, firing]}, JSON).form
    assert len(form.alerts) == 500
    assert form.alerts[0].fingerprint == "f"


def structured(**changes: Any) -> dict[str, Any]:
    """Return the golden event in structured mode."""
    attributes = {n.removeprefix("ce_"): v for n, v in CE_HEADERS.items() if n.startswith("ce_")}
    return {**attributes, "data": REPORTED, **changes}


def test_a_cloud_event_is_read_in_both_modes() -> None:
    """Binary, structured and base64 data give one group, key and integration."""
    mode = {"content-type": "application/cloudevents+json; charset=utf-8"}
    packed = base64.b64encode(json.dumps(REPORTED).encode()).decode()
    forms = [
        read(cloudevents.DOOR, REPORTED, CE_HEADERS),
        read(cloudevents.DOOR, structured(), mode),
        read(cloudevents.DOOR, {**without(structured(), "data"), "data_base64": packed}, mode),
    ]
    assert forms[0] == forms[1] == forms[2]
    form = forms[0].form
    assert (form.key, form.subject, form.severities) == ("db-7/disk", "disk full", ("major",))
    assert forms[0].label == "cloudevents-demo"
    assert len(form.alerts) == 1


def test_the_subject_of_an_event_names_the_alert_where_its_body_does_not() -> None:
    """A producer may leave the key to the event's subject."""
    form = read(cloudevents.DOOR, without(REPORTED, "key"), CE_HEADERS).form
    assert form.key == "db-7/disk"


@pytest.mark.parametrize(
    ("body", "headers", "field"),
    [
        (REPORTED, without(CE_HEADERS, "ce_id"), "id"),
        (REPORTED, {**CE_HEADERS, "ce_specversion": "0.3"}, "specversion"),
        (REPORTED, {"content-type": "application/json"}, "specversion"),
        (b"{", CE_HEADERS, "data"),
        (b"\xff", CE_HEADERS, "data"),
        (b"[" * 100_000, CE_HEADERS, "data"),
        (without(REPORTED, "summary"), CE_HEADERS, "summary"),
        ({**REPORTED, "status": "odd"}, CE_HEADERS, "status"),
        ({**REPORTED, "starts_at": "2026-03-02T09:00:00"}, CE_HEADERS, "starts_at"),
        (b'{"specversion": "1.0"}', {"content-type": "application/cloudevents+json"}, "id"),
        (
            structured(data_base64="%%%"),
            {"content-type": "application/cloudevents+json"},
            "data_base64",
        ),
        ([structured()], {"content-type": "application/cloudevents-batch+json"}, "content-type"),
        (REPORTED | {"summary": "\ud800"}, CE_HEADERS, "data"),
    ],
)
def test_a_bad_event_is_refused_by_field(body: Any, headers: dict[str, str], field: str) -> None:
    """What is no CloudEvent, or no alert, is refused with the field at fault."""
    with pytest.raises(Refused) as caught:
        read(cloudevents.DOOR, body, headers)
    assert caught.value.faults[0].field == field


def test_each_alert_of_a_webhook_has_facts_of_its_own() -> None:
    """Severity, name, service and labels are told of each alert, also of those that are over."""
    form: AlertGroup = read(alertmanager.DOOR, WEBHOOK).form
    assert [(a.severity, a.name) for a in form.alerts] == [
        ("critical", "ProbeFailure"),
        ("warning", "ProbeFailure"),
    ]
    assert form.alerts[1].labels == {
        "alertname": "ProbeFailure",
        "instance": "b",
        "severity": "warning",
    }
    assert form.links == (
        "http://alertmanager.example.org:9093",
        "http://prometheus.example.org/graph?g0.expr=up",
    )


def test_alerts_that_were_left_out_are_counted() -> None:
    """What Alertmanager truncated counts, and so does what goes over the bound here."""
    assert read(alertmanager.DOOR, {**WEBHOOK, "truncatedAlerts": 3}).form.truncated == 3
    many = [{**WEBHOOK["alerts"][1], "fingerprint": f"r{n}"} for n in range(510)]
    form = read(alertmanager.DOOR, {**WEBHOOK, "truncatedAlerts": 3, "alerts": many}).form
    assert (len(form.alerts), form.truncated) == (500, 13)


def test_the_watchdog_is_a_heartbeat_and_no_alert() -> None:
    """Each Prometheus is told apart by its labels; other alerts of the webhook stay alerts."""
    watchdog = {
        **WEBHOOK["alerts"][0],
        "labels": {"alertname": "Watchdog", "severity": "none", "prometheus": "monitoring/k8s"},
    }
    settings = alertmanager.Settings(watchdog="Watchdog", watchdog_seconds=300)
    body = {**WEBHOOK, "alerts": [watchdog, WEBHOOK["alerts"][1]]}
    beat, others = reads(alertmanager.DOOR, body, settings=settings)
    assert beat.form == Heartbeat(
        name="Watchdog: prometheus=monitoring/k8s", at=NOW, every_seconds=300
    )
    assert beat.key is None
    assert [a.fingerprint for a in others.form.alerts] == ["2b30ba71cca2921f"]
    over = {**WEBHOOK, "alerts": [{**watchdog, "status": "resolved"}]}
    assert reads(alertmanager.DOOR, over, settings=settings) == []
    assert len(read(alertmanager.DOOR, {**WEBHOOK, "alerts": [watchdog]}).form.alerts) == 1


def test_an_alert_is_predicted_by_its_label_or_by_the_integration() -> None:
    """Either is enough; the label has to say true."""
    label = {**WEBHOOK["commonLabels"], "predicted": "true"}
    assert read(alertmanager.DOOR, {**WEBHOOK, "commonLabels": label}).form.predicted
    assert not read(alertmanager.DOOR, WEBHOOK).form.predicted
    settings = alertmanager.Settings(predicted=True)
    (found,) = reads(alertmanager.DOOR, WEBHOOK, settings=settings)
    assert isinstance(found.form, AlertGroup)
    assert found.form.predicted


def test_a_key_that_is_too_long_is_replaced_and_stays_its_own() -> None:
    """No group is refused for its long key, and two long keys that differ are two groups."""
    keys = {
        read(alertmanager.DOOR, {**WEBHOOK, "groupKey": "x" * 3_000 + end}).form.key
        for end in ("a", "b")
    }
    assert len(keys) == 2
    assert all(len(key) <= 2_000 for key in keys)


HTTP_EVENT = {
    "ce-specversion": "1.0",
    "ce-id": "e-1",
    "ce-source": '"/monitor/\\"7\\""',
    "ce-type": "org.example.alert",
    "ce-subject": "Gro%C3%9F%20%25",
    "content-type": "application/json",
}
ROUTE = "/v1/alerts/cloudevents"


def test_headers_of_http_are_decoded_and_those_of_kafka_are_not() -> None:
    """Over HTTP attributes are quoted and percent-encoded; on Kafka they stand as they are."""
    body = without(REPORTED, "key")
    (http,) = reads(cloudevents.DOOR, body, HTTP_EVENT, route=ROUTE)
    assert isinstance(http.form, AlertGroup)
    assert http.form.key == "Groß %"
    kafka = read(cloudevents.DOOR, body, {**CE_HEADERS, "ce_subject": "a%20b"})
    assert kafka.form.key == "a%20b"


def test_a_batch_is_read_whole_or_refused_whole() -> None:
    """Each event of a batch is a submission; a fault names the event that has it."""
    mode = {"content-type": "application/cloudevents-batch+json"}
    found = reads(cloudevents.DOOR, [structured(), structured(id="e-2")], mode, route=ROUTE)
    assert [f.key for f in found] == [
        read(cloudevents.DOOR, REPORTED, CE_HEADERS).key,
        read(cloudevents.DOOR, REPORTED, {**CE_HEADERS, "ce_id": "e-2"}).key,
    ]
    assert reads(cloudevents.DOOR, [], mode, route=ROUTE) == []
    bad = [structured(), structured(data=without(REPORTED, "status"))]
    with pytest.raises(Refused) as caught:
        reads(cloudevents.DOOR, bad, mode, route=ROUTE)
    assert caught.value.faults[0].field == "1.status"


def reads_or_refuses(door: Door, body: Any, headers: Mapping[str, str]) -> bool:
    """Return whether a door reads a body, or refuses it with a fault; other errors are raised."""
    try:
        reads(door, body, headers)
    except Refused as error:
        return bool(error.faults)
    return True


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(field=st.sampled_from(sorted(WEBHOOK)), value=JSON_VALUES)
def test_no_value_of_a_field_makes_the_webhook_fail_otherwise(field: str, value: Any) -> None:
    """A webhook with one field replaced by any JSON value is read or refused."""
    assert reads_or_refuses(alertmanager.DOOR, {**WEBHOOK, field: value}, JSON)
