"""What the clouds' alarms say, each kind in its own form. SNS' examples are signed: these are not."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from services.intake.domain.normal import AlertGroup, AlertSignal
from services.intake.doors.monitoring import sns
from services.intake.doors.monitoring.azure_context import told_of
from services.intake.doors.monitoring.cloudwatch import alarm_of
from services.intake.doors.shape import Raw, Refused, Setup

ARN = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:"


def read(alarm: dict[str, Any]) -> AlertGroup:
    """Return what a notification of an alarm is read into."""
    message = {
        "Type": "Notification",
        "MessageId": "m-1",
        "TopicArn": "arn:aws:sns:eu-west-1:123456789012:alarms",
        "Message": json.dumps(alarm),
        "Timestamp": "2026-03-02T09:58:01.000Z",
    }
    raw = Raw(body=json.dumps(message).encode(), headers={"content-type": "text/plain"})
    (only,) = sns.parse(raw, Setup())
    assert isinstance(only.form, AlertGroup)
    return only.form


def alarm(**changes: Any) -> dict[str, Any]:
    """Return the message of an alarm."""
    return {
        "AlarmName": "Errors",
        "AlarmDescription": None,
        "AWSAccountId": 123456789012,
        "NewStateValue": "ALARM",
        "NewStateReason": "Threshold Crossed",
        "StateChangeTime": "2026-03-02T09:58:00.123+0000",
        "Region": "EU (Ireland)",
        "AlarmArn": f"{ARN}Errors",
        **changes,
    }


METRIC = {
    "Dimensions": [{"name": "LoadBalancer", "value": "app/shop"}],
    "MetricName": "HTTPCode_5XX",
    "Namespace": "AWS/ApplicationELB",
}


def test_an_alarm_on_an_expression_tells_it_and_what_it_is_computed_from() -> None:
    """The metrics of an expression are no level deeper for those who read."""
    trigger = {
        "Metrics": [
            {"Expression": "m1/m2", "Id": "e1", "Label": "Error rate", "ReturnData": True},
            {"Id": "m1", "MetricStat": {"Metric": METRIC, "Period": 60, "Stat": "Sum"}},
        ]
    }
    form = read(alarm(Trigger=trigger))
    assert "Error rate = m1/m2" in form.text
    labels = form.alerts[0].labels
    assert (labels["namespace"], labels["LoadBalancer"]) == ("AWS/ApplicationELB", "app/shop")
    assert form.configuration_item == "app/shop"


def test_a_composite_alarm_tells_its_rule_and_the_alarms_that_made_it_change() -> None:
    """It has no trigger; without them nobody would know what is the matter."""
    children = [{"Arn": f"{ARN}Disk", "State": {"Value": "ALARM", "Timestamp": "x"}}]
    form = read(alarm(AlarmRule="ALARM(Disk) OR ALARM(Errors)", TriggeringChildren=children))
    assert "Rule: ALARM(Disk) OR ALARM(Errors)" in form.text
    assert f"{ARN}Disk is ALARM" in form.text


def test_an_event_of_eventbridge_is_the_alarm_that_it_tells_of() -> None:
    """By whichever way it comes, the alarm is the same one."""
    metric = {"dimensions": {"InstanceId": "i-1"}, "name": "CPU", "namespace": "AWS/EC2"}
    event = {
        "detail-type": "CloudWatch Alarm State Change",
        "account": "123456789012",
        "region": "eu-west-1",
        "time": "2026-03-02T09:58:00Z",
        "resources": [f"{ARN}Errors"],
        "detail": {
            "alarmName": "Errors",
            "configuration": {"metrics": [{"id": "m1", "metricStat": {"metric": metric}}]},
            "state": {
                "value": "OK",
                "reason": "Threshold",
                "timestamp": "2026-03-02T09:58:00.123+0000",
            },
        },
    }
    form, other = read(event), read(alarm())
    assert (form.key, form.alerts[0].fingerprint) == (other.key, other.alerts[0].fingerprint)
    assert form.alerts[0].status is AlertSignal.RESOLVED
    assert form.alerts[0].starts_at == datetime(2026, 3, 2, 9, 58, 0, 123_000, tzinfo=UTC)
    assert form.configuration_item == "i-1"


def test_an_alarm_has_a_link_to_the_console() -> None:
    """Where its ARN is one of AWS' commercial regions; elsewhere there is another console."""
    name = "Errors%20of%20shop"
    (link,) = read(alarm(AlarmArn=f"{ARN}Errors of shop")).links
    assert link.endswith(f"cloudwatch/home?region=eu-west-1#alarmsV2:alarm/{name}")
    assert link.startswith("https://eu-west-1.console.aws.amazon.com/")
    assert read(alarm(AlarmArn="arn:aws-cn:cloudwatch:cn-north-1:1:alarm:x")).links == ()
    assert read(alarm(AlarmArn=None, Region=None)).links == ()


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("Your budget is spent", "Message"),
        ("[]", "Message"),
        (json.dumps(alarm(NewStateValue="FINE")), "Message.NewStateValue"),
        (json.dumps({"detail-type": "CloudWatch Alarm State Change"}), "Message.AlarmName"),
    ],
)
def test_a_message_of_no_alarm_is_refused_by_field(message: str, field: str) -> None:
    """422; the field is inside the message."""
    with pytest.raises(Refused) as caught:
        alarm_of(message)
    assert caught.value.faults[0].field == field


@pytest.mark.parametrize(
    "context",
    [
        None,
        [],
        "x",
        {"condition": [], "properties": "x", "labels": 5, "Dimensions": {"a": 1}},
        {"condition": {"allOf": [None, {"dimensions": [5, {"name": None}]}]}},
        {"LinkToSearchResults": 7, "AlertData": [1]},
    ],
)
def test_an_odd_context_of_azure_says_little_and_harms_nothing(context: Any) -> None:
    """What an alert is about is told by its essentials; the rest may have any form."""
    told = told_of(context)
    assert not told.labels
    assert all(isinstance(line, str) for line in told.lines)
