"""Doors of monitors: credentials, answers, addresses, instants and settings."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.intake.domain.normal import AlertGroup
from services.intake.doors import Raw, Refused, Setup, Unauthenticated
from services.intake.doors.examples import Example, examples
from services.intake.doors.monitoring import opsgenie, pagerduty, sns, webhook, zabbix
from services.intake.doors.monitoring.groups import group_key
from services.intake.doors.monitoring.instants import instant_of, zabbix_instant
from services.intake.doors.monitoring.settings import bearer_or_query

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
JSON = {"content-type": "application/json"}
BERLIN = ZoneInfo("Europe/Berlin")
EXAMPLES = {(e.door.name, e.case): e for e in examples()}


def raw(body: Any, **more: Any) -> Raw:
    """Return a call with a JSON body."""
    return Raw(body=json.dumps(body).encode(), headers=JSON, received_at=NOW, **more)


def example(door: str, case: str) -> Example:
    """Return an example by its name."""
    return EXAMPLES[door, case]


TRIGGER = {
    "routing_key": "secret-token",
    "event_action": "trigger",
    "payload": {"summary": "disk full", "source": "db-7", "severity": "critical"},
}


def test_the_routing_key_is_the_token() -> None:
    """It is found in the body or in the header, and nowhere in what is kept."""
    assert pagerduty.token(raw(TRIGGER)) == "secret-token"
    header = Raw(body=b"{}", headers={"x-routing-key": "other"})
    assert pagerduty.token(header) == "other"
    assert pagerduty.token(Raw(body=b"[1]")) is None
    assert pagerduty.token(Raw(body=b"{")) is None
    (read,) = pagerduty.parse(raw(TRIGGER), Setup())
    assert b"secret-token" not in read.content
    assert "secret-token" not in read.form.model_dump_json()


def test_a_trigger_without_a_key_is_given_one() -> None:
    """The answer names the key under which the alert is known, and two calls have two."""
    call = raw(TRIGGER)
    (read,) = pagerduty.parse(call, Setup())
    answer = pagerduty.answer(call, ())
    assert isinstance(read.form, AlertGroup)
    assert (answer.status, answer.content) == (
        202,
        {"status": "success", "message": "Event processed", "dedup_key": read.form.key},
    )
    later = replace(call, received_at=datetime(2026, 3, 2, 10, 1, tzinfo=UTC))
    assert pagerduty.answer(later, ()).content["dedup_key"] != read.form.key


def test_a_sender_whose_clock_goes_ahead_can_still_resolve() -> None:
    """A trigger is never later than its receipt, so that what follows it is newer."""
    ahead = {**TRIGGER["payload"], "timestamp": "2026-03-02T23:00:00Z"}  # type: ignore[dict-item]
    (read,) = pagerduty.parse(raw({**TRIGGER, "dedup_key": "k", "payload": ahead}), Setup())
    assert isinstance(read.form, AlertGroup)
    assert read.form.alerts[0].starts_at == NOW


def test_a_refusal_is_said_as_pagerduty_says_it() -> None:
    """400, with the list of what is wrong."""
    call = raw({**TRIGGER, "payload": {"source": "x", "severity": "info"}})
    with pytest.raises(Refused) as caught:
        pagerduty.parse(call, Setup())
    refusal = pagerduty.refuse(call, caught.value)
    assert (refusal.status, refusal.content) == (
        400,
        {
            "status": "invalid event",
            "message": "Event object is invalid",
            "errors": ["'payload.summary' Field required"],
        },
    )


def test_an_alert_of_opsgenie_is_closed_by_what_its_answer_named() -> None:
    """Alias and id lead to one key; without an alias the answer's id is the key."""
    for create in ({"message": "m", "alias": "a/b c"}, {"message": "m"}):
        call = raw(create, route="/v2/alerts")
        (opened,) = opsgenie.parse(call, Setup())
        answer = opsgenie.answer(call, ())
        assert (answer.status, answer.content["result"]) == (202, "Request will be processed")
        close = raw(
            {},
            route="/v2/alerts/{identifier:path}/close",
            path={"identifier": answer.content["requestId"]},
        )
        (closed,) = opsgenie.parse(close, Setup())
        assert isinstance(opened.form, AlertGroup)
        assert isinstance(closed.form, AlertGroup)
        assert opened.form.key == closed.form.key
        request = opsgenie.answer(close, ()).content["requestId"]
        assert request == f"{answer.content['requestId']}.close"


def test_a_refusal_is_said_as_opsgenie_says_it() -> None:
    """422, with a reason for each field."""
    call = raw({"alias": "a"})
    with pytest.raises(Refused) as caught:
        opsgenie.parse(call, Setup())
    refusal = opsgenie.refuse(call, caught.value)
    assert refusal.status == 422
    assert refusal.content["errors"] == {"message": "Field required"}
    assert refusal.content["message"].startswith("Request body is not processable")


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("GenieKey abc", "abc"),
        ("geniekey  abc ", "abc"),
        ("Bearer abc", "abc"),
        ("GenieKey ", None),
        ("Digest abc", None),
        ("", None),
    ],
)
def test_the_key_of_opsgenie_is_the_token(header: str, found: str | None) -> None:
    """It stands after GenieKey; a bearer does as well."""
    assert opsgenie.token(Raw(body=b"", headers={"authorization": header})) == found


def test_a_token_in_the_address_counts_after_the_header() -> None:
    """Monitors that cannot send a header have it in the query."""
    query = {"token": "q"}
    assert bearer_or_query(Raw(body=b"", query=query)) == "q"
    assert bearer_or_query(Raw(body=b"", query={})) is None
    both = Raw(body=b"", query=query, headers={"authorization": "Bearer h"})
    assert bearer_or_query(both) == "h"


def with_message(name: str, **fields: Any) -> tuple[Raw, Setup]:
    """Return a message of SNS' with other fields; its signature is not looked at."""
    found = example("sns", name)
    body = json.dumps({**json.loads(found.payload), **fields}).encode()
    return replace(found.raw, body=body), found.setup


PEM = "/SimpleNotificationService-f3ecfb72.pem"


@pytest.mark.parametrize(
    ("url", "fetched"),
    [
        (f"https://sns.us-east-2.amazonaws.com{PEM}", True),
        (f"https://sns.cn-north-1.amazonaws.com.cn{PEM}", True),
        (f"https://sns.us-gov-west-1.amazonaws.com:443{PEM}", True),
        (f"http://sns.us-east-2.amazonaws.com{PEM}", False),
        (f"https://sns.us-east-2.amazonaws.com:8443{PEM}", False),
        (f"https://sns.us-east-2.amazonaws.com.example.org{PEM}", False),
        (f"https://example.org/sns.us-east-2.amazonaws.com{PEM}", False),
        (f"https://sns.us-east-2.amazonaws.com@example.org{PEM}", False),
        (f"https://user@sns.us-east-2.amazonaws.com{PEM}", False),
        (f"https://example.org\\@sns.us-east-2.amazonaws.com{PEM}", False),
        (f"https://bucket.s3.us-east-2.amazonaws.com{PEM}", False),
        ("https://sns.us-east-2.amazonaws.com/other.pem", False),
        ("https://sns.us-east-2.amazonaws.com/a/../x.pem", False),
        (f"https://sns.us-east-2.amazonaws.com:x{PEM}", False),
        (f"https://[::1{PEM}", False),
        ("", False),
    ],
)
def test_a_certificate_is_fetched_from_sns_only(url: str, fetched: bool) -> None:  # noqa: FBT001
    """Host, port, scheme and path are pinned."""
    call, setup = with_message("alarm", SigningCertURL=url)
    assert sns.certificate_url(call, setup) == (url if fetched else None)


def test_nothing_is_fetched_for_a_topic_that_is_not_configured() -> None:
    """An outsider cannot make intake fetch an address, not even one of SNS'."""
    call, setup = with_message("alarm", TopicArn="arn:aws:sns:us-east-2:999999999999:alarms")
    assert sns.certificate_url(call, setup) is None
    call, setup = with_message("subscription", TopicArn="arn:aws:sns:us-east-2:999999999999:x")
    assert sns.subscription_url(call, setup) is None
    assert sns.certificate_url(example("sns", "alarm").raw, Setup()) is None


def test_a_subscription_is_confirmed_at_its_own_address_only() -> None:
    """The address has to confirm this topic with this token."""
    call, setup = with_message("subscription")
    url = json.loads(call.body)["SubscribeURL"]
    assert sns.subscription_url(call, setup) == url
    for wrong in (
        url.replace("Token=2336412f37", "Token=1"),
        url.replace("ConfirmSubscription", "DeleteTopic"),
        url.replace(":alarms&", ":other&"),
        url.replace("amazonaws.com", "example.org"),
    ):
        call, setup = with_message("subscription", SubscribeURL=wrong)
        assert sns.subscription_url(call, setup) is None
    assert sns.subscription_url(example("sns", "alarm").raw, setup) is None


def test_the_end_of_a_subscription_is_answered_and_confirms_nothing() -> None:
    """Fetching its address would subscribe again."""
    call, setup = with_message("subscription", Type="UnsubscribeConfirmation")
    assert sns.subscription_url(call, setup) is None
    greeting = sns.greet(call, setup)
    assert greeting is not None
    assert greeting.status == 200


@pytest.mark.parametrize(
    "fields",
    [
        {"SignatureVersion": "3"},
        {"SignatureVersion": "2"},
        {"Signature": "%"},
        {"Timestamp": "soon"},
        {"Timestamp": "2026-03-02T10:06:00.000Z"},
        {"Subject": "other"},
        {"MessageId": "other"},
    ],
)
def test_a_changed_message_is_not_authenticated(fields: dict[str, str]) -> None:
    """Every signed field counts, and so do the version and the age."""
    call, setup = with_message("alarm", **fields)
    with pytest.raises(Unauthenticated):
        sns.verify(call, setup, NOW)


@pytest.mark.parametrize("pem", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_a_certificate_that_cannot_be_read_authenticates_nobody(pem: str) -> None:
    """The caller is told; nothing else happens."""
    found = example("sns", "alarm")
    setup = replace(found.setup, secrets={"certificate": pem})
    with pytest.raises(Unauthenticated):
        sns.verify(found.raw, setup, NOW)


def test_a_certificate_that_has_run_out_authenticates_nobody() -> None:
    """Its time is looked at even where the message's time fits."""
    stamp = "2027-06-01T00:00:00.000Z"
    call, setup = with_message("alarm", Timestamp=stamp)
    with pytest.raises(Unauthenticated, match="not valid now"):
        sns.verify(call, setup, datetime(2027, 6, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1_772_445_480, datetime(2026, 3, 2, 9, 58, tzinfo=UTC)),
        ("1772445480.5", datetime(2026, 3, 2, 9, 58, 0, 500_000, tzinfo=UTC)),
        (1_772_445_480_000, datetime(2026, 3, 2, 9, 58, tzinfo=UTC)),
        ("1772445480000000", datetime(2026, 3, 2, 9, 58, tzinfo=UTC)),
        (1_772_445_480_000_000_000, datetime(2026, 3, 2, 9, 58, tzinfo=UTC)),
        ("2026-03-02T09:58:00.1239999Z", datetime(2026, 3, 2, 9, 58, 0, 123_000, tzinfo=UTC)),
        ("2026-03-02T10:58:00", datetime(2026, 3, 2, 9, 58, tzinfo=UTC)),
        ("2026-03-02 10:58:00+0100", datetime(2026, 3, 2, 9, 58, tzinfo=UTC)),
        (True, None),
        (None, None),
        ("", None),
        ("1e999", None),
        (float("nan"), None),
        (float("inf"), None),
        (10**400, None),
        ("0000-00-00", None),
        ("9999-12-31T23:59:59-10:00", None),
        ([1], None),
    ],
)
def test_instants_are_read_in_the_forms_of_all_monitors(
    value: Any, expected: datetime | None
) -> None:
    """Seconds and their fractions, texts with and without a zone; anything else is none."""
    assert instant_of(value, zone=BERLIN) == expected


@given(st.one_of(st.text(), st.floats(), st.integers(), st.booleans(), st.none()))
def test_no_value_makes_the_reading_of_an_instant_fail(value: Any) -> None:
    """It is an instant in milliseconds, or none."""
    found = instant_of(value)
    assert found is None or (found.tzinfo is UTC and found.microsecond % 1_000 == 0)


def test_zabbix_dates_are_read_in_its_own_zone() -> None:
    """Before and after the change to summer time, by the local clock."""
    assert zabbix_instant("2026.03.02", "10:58:00", zone=BERLIN) == datetime(
        2026, 3, 2, 9, 58, tzinfo=UTC
    )
    assert zabbix_instant("2026.07.02", "10:58:00", zone=BERLIN) == datetime(
        2026, 7, 2, 8, 58, tzinfo=UTC
    )
    assert zabbix_instant("{EVENT.DATE}", "10:58:00", zone=BERLIN) is None


def test_two_problems_of_one_trigger_are_two_alerts_of_one_group() -> None:
    """The incident ends when both are over."""
    found = example("zabbix", "problem")
    body = json.loads(found.payload)
    forms = [
        zabbix.parse(raw({**body, "event_id": event}), found.setup)[0].form for event in ("1", "2")
    ]
    assert all(isinstance(form, AlertGroup) and form.key == "trigger/23456" for form in forms)
    assert {f.alerts[0].fingerprint for f in forms if isinstance(f, AlertGroup)} == {"1", "2"}


@given(st.lists(st.text(st.characters(codec="ascii"), min_size=1, max_size=6), min_size=2))
def test_no_part_of_a_key_is_taken_for_two(parts: list[str]) -> None:
    """Slashes within a part do not make another key's parts of it."""
    tidy = [" ".join(part.split()) for part in parts]
    if all(tidy) and all(part.isprintable() for part in parts) and len(parts) > 2:
        joined = [f"{parts[0]}/{parts[1]}", *parts[2:]]
        assert group_key(*parts) != group_key(*joined)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({}, "fields"),
        ({"fields": {}}, ""),
        ({"fields": {"key": "a["}}, "fields.key"),
        ({"fields": {"key": "nonsense(@)"}}, "fields.key"),
        ({"fields": {"key": "length(a, b)"}}, "fields.key"),
        ({"fields": {"key": "(" * 450}}, "fields.key"),
        ({"fields": {"key": "a" * 501}}, "fields.key"),
        ({"fields": {"keys": "a"}}, "fields.keys"),
        ({"form": "request", "fields": {"subject": "a"}}, ""),
        ({"fields": {"key": "a"}, "statuses": {"x": "odd"}}, "statuses.x"),
        ({"fields": {"key": "a"}, "time_zone": "Mars/Base"}, "time_zone"),
    ],
)
def test_a_mapping_is_checked_when_it_is_configured(settings: Any, field: str) -> None:
    """An expression that cannot be compiled is refused before a payload comes."""
    with pytest.raises(ValidationError) as caught:
        webhook.Settings.model_validate(settings)
    assert ".".join(str(part) for part in caught.value.errors()[0]["loc"]) == field


def test_a_dry_run_without_the_mapping_says_so() -> None:
    """The fault names the setting that is missing."""
    with pytest.raises(Refused) as caught:
        webhook.parse(raw({}), Setup())
    assert caught.value.faults[0].field == "settings.fields"


def test_an_id_that_cannot_be_printed_still_names_its_event() -> None:
    """A digest stands for it, so that its repetition is recognised."""
    found = example("webhook", "alert")
    body = json.loads(found.payload)
    keys = [
        found.door.parse(raw({**body, "delivery": {"id": event}}), found.setup)[0].key
        for event in ("\U00018cd6", "\U00018cd6", "\U00018cd7")
    ]
    assert keys[0] == keys[1] != keys[2]
    assert keys[0] is not None
    assert keys[0].isprintable()
