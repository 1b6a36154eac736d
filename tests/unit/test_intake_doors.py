"""Each door: a golden payload with its normal form, and the bad twins of it."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.normal import AlertGroup, Party, Request
from services.intake.doors import DOORS, Raw, Refused
from shared.contracts.facts import Channel, Kind, Level
from shared.contracts.intake import AlertStatus

JSON = {"content-type": "application/json; charset=utf-8"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
BOUNDARY = "----heliodesk"
MULTIPART = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}

REQUEST: dict[str, Any] = {
    "contact": {"mail": "Ana@Example.org", "name": "Ana  Lima"},
    "subject": " Screen\n dark ",
    "text": "It stays dark.\r\nSince nine.",
    "kind": "incident",
    "channel": "phone",
    "service": "laptops",
    "region": "emea",
    "site": "berlin",
    "language": "de",
    "impact": "high",
    "urgency": "low",
}

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


def read(door: str, body: Any, headers: dict[str, str], sender: str | None = None) -> Any:
    """Return what a door reads; a body that is not bytes is written as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return DOORS[door].parse(Raw(body=content, headers=headers, sender=sender))


def without(body: dict[str, Any], field: str) -> dict[str, Any]:
    """Return a body that lacks a field."""
    return {name: value for name, value in body.items() if name != field}


def multipart(*parts: tuple[str, str]) -> bytes:
    """Return a form of (disposition parameters, content)."""
    lines = [
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; {parameters}\r\n\r\n{content}\r\n"
        for parameters, content in parts
    ]
    return ("".join(lines) + f"--{BOUNDARY}--\r\n").encode()


def test_a_request_is_read_into_its_normal_form() -> None:
    """Every field arrives; lines are cleaned, and what is not said stays unsaid."""
    found = read("requests", REQUEST, {**JSON, "idempotency-key": "k-1"})
    assert found.key == "k-1"
    assert found.form == Request(
        contact=Party(mail="Ana@Example.org", name="Ana Lima"),
        subject="Screen dark",
        text="It stays dark.\nSince nine.",
        kind=Kind.INCIDENT,
        channel=Channel.PHONE,
        service="laptops",
        region="emea",
        site="berlin",
        language="de",
        impact=Level.HIGH,
        urgency=Level.LOW,
    )
    small = read("requests", {"contact": {"id": "E-17"}, "subject": "x"}, JSON)
    assert small.key is None
    assert small.form == Request(contact=Party(id="E-17"), subject="x")


def test_the_same_request_in_other_words_of_json_has_the_same_content() -> None:
    """White space and the order of fields do not make another body of it."""
    turned = json.dumps(dict(reversed(REQUEST.items())), indent=4).encode()
    assert read("requests", turned, JSON).content == read("requests", REQUEST, JSON).content


@pytest.mark.parametrize(
    ("body", "headers", "status", "field"),
    [
        (REQUEST, {}, 415, "Content-Type"),
        (REQUEST, {"content-type": "text/plain"}, 415, "Content-Type"),
        (b"{", JSON, 400, ""),
        (b"\xff\xfe", JSON, 400, ""),
        (b"", JSON, 400, ""),
        (b"[]", JSON, 422, ""),
        (without(REQUEST, "subject"), JSON, 422, "subject"),
        (without(REQUEST, "contact"), JSON, 422, "contact"),
        ({**REQUEST, "contact": {}}, JSON, 422, "contact"),
        ({**REQUEST, "contact": {"mail": "nobody"}}, JSON, 422, "contact.mail"),
        ({**REQUEST, "contact": {"mail": "a@b.c", "x": 1}}, JSON, 422, "contact.x"),
        ({**REQUEST, "subject": " \n "}, JSON, 422, "subject"),
        ({**REQUEST, "subject": "x" * 301}, JSON, 422, "subject"),
        ({**REQUEST, "text": "x" * 100_001}, JSON, 422, "text"),
        ({**REQUEST, "subject": 7}, JSON, 422, "subject"),
        ({**REQUEST, "kind": "unknown"}, JSON, 422, "kind"),
        ({**REQUEST, "impact": "P1"}, JSON, 422, "impact"),
        ({**REQUEST, "language": "Deutsch"}, JSON, 422, "language"),
        ({**REQUEST, "servce": "laptops"}, JSON, 422, "servce"),
    ],
)
def test_a_bad_request_is_refused_by_field(
    body: Any, headers: dict[str, str], status: int, field: str
) -> None:
    """The refusal has the right status, and its first fault names the field."""
    with pytest.raises(Refused) as caught:
        read("requests", body, headers)
    assert caught.value.kind.value == status
    assert caught.value.faults[0].field == field


def test_a_form_is_read_in_both_encodings() -> None:
    """Urlencoded and multipart fields give the same request; empty fields are not said."""
    plain = (
        b"mail=bo%40example.org&name=Bo&subject=Hallo+Welt&text=%E4%BD%A0&site=&idempotency_key=f1"
    )
    parts = multipart(
        ('name="mail"', "bo@example.org"),
        ('name="name"', "Bo"),
        ('name="subject"', "Hallo Welt"),
        ('name="text"', "你"),
        ('name="site"', ""),
        ('name="idempotency_key"', "f1"),
    )
    expected = Request(
        contact=Party(mail="bo@example.org", name="Bo"), subject="Hallo Welt", text="你"
    )
    for body, headers in ((plain, FORM), (parts, MULTIPART)):
        found = read("forms", body, headers)
        assert (found.form, found.key) == (expected, "f1")


@pytest.mark.parametrize(
    ("body", "headers", "status", "field"),
    [
        (b"subject=x", {"content-type": "application/json"}, 415, "Content-Type"),
        (b"subject=x&mail=%ff%40a.b", FORM, 400, ""),
        (b"&".join(b"f%d=1" % n for n in range(60)), FORM, 400, ""),
        (b"subject", FORM, 400, ""),
        (b"subject=x", FORM, 422, "mail"),
        (b"mail=a%40b.c", FORM, 422, "subject"),
        (b"mail=a%40b.c&subject=x&subject=y", FORM, 422, "subject"),
        (b"mail=a%40b.c&subject=x&colour=red", FORM, 422, "colour"),
        (multipart(('name="photo"; filename="a.png"', "png")), MULTIPART, 422, "photo"),
        (b"nothing of the kind", MULTIPART, 400, ""),
        (b"", {"content-type": "multipart/form-data"}, 400, ""),
    ],
)
def test_a_bad_form_is_refused_by_field(
    body: bytes, headers: dict[str, str], status: int, field: str
) -> None:
    """The refusal has the right status, and its first fault names the field."""
    with pytest.raises(Refused) as caught:
        read("forms", body, headers)
    assert (caught.value.kind.value, caught.value.faults[0].field) == (status, field)


def test_a_webhook_of_alertmanager_is_read_into_a_group() -> None:
    """Key, members to the millisecond, the severities that fire, and words for people."""
    form: AlertGroup = read("alertmanager", WEBHOOK, JSON).form
    assert form.key == '{}/{severity="critical"}:{alertname="ProbeFailure"}'
    assert [(a.fingerprint, a.status, a.starts_at) for a in form.alerts] == [
        (
            "1a30ba71cca2921f",
            AlertStatus.FIRING,
            datetime(2026, 3, 2, 9, 0, 0, 123_000, tzinfo=UTC),
        ),
        ("2b30ba71cca2921f", AlertStatus.RESOLVED, datetime(2026, 3, 2, 8, 0, tzinfo=UTC)),
    ]
    assert form.severities == ("critical",)
    assert (form.service, form.region) == ("network", "emea")
    assert form.subject == "ProbeFailure: a does not answer"
    assert "for 5 minutes" in form.text
    assert "instance=a" in form.text


def test_a_webhook_with_fields_of_a_newer_alertmanager_is_read() -> None:
    """Unknown fields are ignored: Alertmanager adds some with its releases."""
    newer = {**WEBHOOK, "notificationReason": "new", "alerts": [{**WEBHOOK["alerts"][0], "x": 1}]}
    assert len(read("alertmanager", newer, JSON).form.alerts) == 1


def test_a_delivery_is_named_by_its_set_of_occurrences() -> None:
    """The same alerts in another order are the same delivery; another status is another one."""
    turned = {**WEBHOOK, "alerts": WEBHOOK["alerts"][::-1]}
    ended = {**WEBHOOK, "alerts": [{**a, "status": "resolved"} for a in WEBHOOK["alerts"]]}
    key = read("alertmanager", WEBHOOK, JSON).key
    assert read("alertmanager", turned, JSON).key == key
    assert read("alertmanager", ended, JSON).key != key
    assert read("alertmanager", {**WEBHOOK, "groupKey": "other"}, JSON).key != key


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
            {**WEBHOOK, "alerts": [without(WEBHOOK["alerts"][0], "fingerprint")]},
            JSON,
            422,
            "alerts.0.fingerprint",
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
        read("alertmanager", body, headers)
    assert (caught.value.kind.value, caught.value.faults[0].field) == (status, field)


def test_a_group_beyond_the_bound_keeps_what_fires() -> None:
    """Of more alerts than a ticket holds those that fire are kept."""
    one = WEBHOOK["alerts"][1]
    many = [{**one, "fingerprint": f"r{n}"} for n in range(600)]
    firing = {**WEBHOOK["alerts"][0], "fingerprint": "f"}
    form = read("alertmanager", {**WEBHOOK, "alerts": [*many, firing]}, JSON).form
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
        read("cloudevents", REPORTED, CE_HEADERS),
        read("cloudevents", structured(), mode),
        read("cloudevents", {**without(structured(), "data"), "data_base64": packed}, mode),
    ]
    assert forms[0] == forms[1] == forms[2]
    form = forms[0].form
    assert (form.key, form.subject, form.severities) == ("db-7/disk", "disk full", ("major",))
    assert forms[0].label == "cloudevents-demo"
    assert len(form.alerts) == 1


def test_the_subject_of_an_event_names_the_alert_where_its_body_does_not() -> None:
    """A producer may leave the key to the event's subject."""
    form = read("cloudevents", without(REPORTED, "key"), CE_HEADERS).form
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
        (REPORTED | {"summary": "\ud800"}, CE_HEADERS, "summary"),
    ],
)
def test_a_bad_event_is_refused_by_field(body: Any, headers: dict[str, str], field: str) -> None:
    """What is no CloudEvent, or no alert, is refused with the field at fault."""
    with pytest.raises(Refused) as caught:
        read("cloudevents", body, headers)
    assert caught.value.faults[0].field == field


def reads_or_refuses(door: str, body: Any, headers: dict[str, str]) -> bool:
    """Return whether a door reads a body, or refuses it with a fault; other errors are raised."""
    try:
        read(door, body, headers)
    except Refused as error:
        return bool(error.faults)
    return True


@pytest.mark.parametrize("door", ["requests", "forms", "alertmanager", "cloudevents"])
@given(body=st.binary(max_size=300), kind=st.sampled_from([JSON, FORM, MULTIPART, CE_HEADERS, {}]))
def test_no_bytes_make_a_door_fail_otherwise_than_by_refusing(
    door: str, body: bytes, kind: dict[str, str]
) -> None:
    """Whatever comes in, a door reads it or refuses it."""
    assert reads_or_refuses(door, body, kind)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(field=st.sampled_from(sorted(WEBHOOK)), value=JSON_VALUES)
def test_no_value_of_a_field_makes_the_webhook_fail_otherwise(field: str, value: Any) -> None:
    """A webhook with one field replaced by any JSON value is read or refused."""
    assert reads_or_refuses("alertmanager", {**WEBHOOK, field: value}, JSON)


def test_a_text_that_is_missing_or_too_long_is_counted_in_characters() -> None:
    """What is left of an invisible subject is empty; the reason speaks of characters."""
    contact = {"mail": "a@b.c"}
    for subject, reason in (
        ("\0 ", "String should have at least 1 character"),
        ("x" * 301, "String should have at most 300 characters"),
    ):
        body = json.dumps({"subject": subject, "contact": contact}).encode()
        with pytest.raises(Refused) as caught:
            read("requests", body, {"content-type": "application/json"})
        fault = caught.value.faults[0]
        assert (fault.field, fault.reason) == ("subject", reason)
