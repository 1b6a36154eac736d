"""Alarms of AWS CloudWatch, as the messages of Amazon SNS have them.

Three forms: an alarm on a metric, or on an expression of several; a composite alarm, with its rule
and the alarms that made it change; and the event of EventBridge, where that hands on to SNS.
Sources: Amazon CloudWatch User Guide, "Notifying users on alarm changes" and "Alarm events and
EventBridge".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from services.intake.domain.normal import AlertSignal
from services.intake.doors.monitoring.texts import AS_LINE, Loose, shown
from services.intake.doors.shape import Fault, Fault4xx, Refused, faults_of
from shared.contracts.facts import Instant

SIGNALS = {
    "ALARM": AlertSignal.FIRING,
    "OK": AlertSignal.RESOLVED,
    "INSUFFICIENT_DATA": AlertSignal.FIRING,
}
"""Without data nobody knows: whoever has SNS say so wants to be told."""

LISTED_MAX = 100
EVENT = "CloudWatch Alarm State Change"
_ARN_PARTS = 7
_ITEMS = ("InstanceId", "DBInstanceIdentifier", "LoadBalancer", "FunctionName", "ClusterName")
"""Dimensions that name a thing, the most telling first."""


class Alarm(BaseModel):
    """The message of a CloudWatch alarm."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: Annotated[str, Field(alias="AlarmName", min_length=1), AS_LINE]
    description: Annotated[Loose, Field(alias="AlarmDescription")] = ""
    account: Annotated[Loose, Field(alias="AWSAccountId")] = ""
    region: Annotated[Loose, Field(alias="Region")] = ""
    arn: Annotated[Loose, Field(alias="AlarmArn")] = ""
    state: Annotated[Literal["ALARM", "OK", "INSUFFICIENT_DATA"], Field(alias="NewStateValue")]
    reason: Annotated[Loose, Field(alias="NewStateReason")] = ""
    changed_at: Annotated[Instant, Field(alias="StateChangeTime")]
    rule: Annotated[Loose, Field(alias="AlarmRule")] = ""
    """Of a composite alarm."""
    children: Annotated[Any, Field(alias="TriggeringChildren")] = None
    trigger: Annotated[Any, Field(alias="Trigger")] = None

    @property
    def labels(self) -> dict[str, Any]:
        """What it watches: namespace, metric and dimensions of its first metric."""
        trigger = _object(self.trigger)
        metric = next((_object(m) for m in _metrics(trigger)), trigger)
        return {
            "account": self.account,
            "aws_region": self.region,
            "namespace": metric.get("Namespace"),
            "metric": metric.get("MetricName") or trigger.get("MetricName"),
            **_dimensions(metric.get("Dimensions")),
        }

    @property
    def item(self) -> str | None:
        """The thing that it watches, where a dimension names one."""
        labels = self.labels
        return next((shown(labels[n]) for n in _ITEMS if n in labels), None)

    @property
    def lines(self) -> list[str]:
        """What people read."""
        lines = [self.description or self.name, "", f"{self.state}: {self.reason}"]
        for metric in _list(_object(self.trigger).get("Metrics")):
            if _object(metric).get("Expression"):
                label = shown(metric.get("Label")) or shown(metric.get("Id"))
                lines.append(f"{label} = {shown(metric['Expression'])}")
        if self.rule:
            lines += ["", f"Rule: {self.rule}"]
        for child in map(_object, _list(self.children)):
            state = shown(_object(child.get("State")).get("Value"))
            lines.append(f"{shown(child.get('Arn'))} is {state}")
        return lines

    @property
    def url(self) -> str | None:
        """The alarm in the console; None where its ARN names no region of AWS' commercial ones."""
        parts = self.arn.split(":", _ARN_PARTS - 1)
        if len(parts) != _ARN_PARTS or parts[:3] != ["arn", "aws", "cloudwatch"]:
            return None
        region, name = quote(parts[3], safe=""), quote(parts[6], safe="")
        return (
            f"https://{region}.console.aws.amazon.com/cloudwatch/home"
            f"?region={region}#alarmsV2:alarm/{name}"
        )


def alarm_of(message: str) -> Alarm:
    """Return the alarm of a message of SNS'.

    Raises:
        Refused: 422, with the field ``Message.…`` that is at fault.
    """
    try:
        found = from_json(message)
    except ValueError as error:
        raise Refused(Fault4xx.INVALID, [Fault("Message", shown(str(error)))]) from error
    try:
        return Alarm.model_validate(_of_event(found) if _is_event(found) else found)
    except ValidationError as error:
        faults = [
            Fault(f"Message.{f.field}" if f.field else "Message", shown(f.reason))
            for f in faults_of(error)
        ]
        raise Refused(Fault4xx.INVALID, faults) from error


def _is_event(found: Any) -> bool:
    return isinstance(found, dict) and found.get("detail-type") == EVENT


def _of_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event of EventBridge with the names that the alarm's own message has."""
    detail = _object(event.get("detail"))
    state, setup = _object(detail.get("state")), _object(detail.get("configuration"))
    metrics = [
        {
            **_object(m),
            "MetricStat": {"Metric": _named(_object(_object(m.get("metricStat")).get("metric")))},
        }
        for m in _list(setup.get("metrics"))
        if isinstance(m, dict) and isinstance(m.get("metricStat"), dict)
    ]
    return {
        "AlarmName": detail.get("alarmName"),
        "AlarmDescription": setup.get("description"),
        "AWSAccountId": event.get("account"),
        "Region": event.get("region"),
        "AlarmArn": next((r for r in _list(event.get("resources")) if isinstance(r, str)), ""),
        "NewStateValue": state.get("value"),
        "NewStateReason": state.get("reason"),
        "StateChangeTime": state.get("timestamp") or event.get("time"),
        "AlarmRule": setup.get("alarmRule"),
        "Trigger": {"Metrics": metrics},
    }


def _named(metric: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Namespace": metric.get("namespace"),
        "MetricName": metric.get("name"),
        "Dimensions": metric.get("dimensions"),
    }


def _metrics(trigger: Mapping[str, Any]) -> list[Any]:
    """Return the metrics of an expression, without the expressions themselves."""
    stats = (_object(_object(m).get("MetricStat")) for m in _list(trigger.get("Metrics")))
    return [found for s in stats if (found := s.get("Metric"))]


def _dimensions(found: Any) -> dict[str, Any]:
    """Return dimensions by their names: a list of pairs from SNS, an object from EventBridge."""
    if isinstance(found, dict):
        return dict(list(found.items())[:LISTED_MAX])
    pairs = map(_object, _list(found))
    return {shown(d.get("name")): d.get("value") for d in pairs if shown(d.get("name"))}


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value[:LISTED_MAX] if isinstance(value, list) else []
