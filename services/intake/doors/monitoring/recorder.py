"""Door ``recorder``: Alertmanager's event recorder, from Kafka, as hints.

The stream loses what its buffer cannot hold, tells everything once for each instance of a
cluster, and is keyed by the instance: it may mend what is known of an alert, and opens nothing.
The JSON is protobuf's: names in lowerCamelCase, 64-bit numbers as texts, and fields that have
their default left out. Labels are a map, and were a list of pairs in the first release; an alert
of a group stands by itself, and stood in ``details`` beside a hash.
Source: Alertmanager, ``proto/eventrecorder/events/v2/events.proto`` and its first version.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, FailFast, Field, RootModel
from pydantic.alias_generators import to_camel

from services.intake.domain.normal import Alert, AlertSignal, Hint
from services.intake.doors.monitoring.groups import delivery, group_key
from services.intake.doors.monitoring.settings import FactLabels, MonitorSettings, settings_of
from services.intake.doors.monitoring.texts import code, labels_of, subject
from services.intake.doors.shape import Door, HttpEntrance, Raw, Read, Setup, read_json
from shared.contracts.facts import Channel, Instant
from shared.contracts.intake import ALERT_MEMBERS_MAX
from shared.kernel import digest

UINT64_MAX = 2**64 - 1
DIGITS_MAX = 20
BATCH_MAX = 1_000


def _pairs(value: Any) -> Any:
    """Return labels as a map, also where they are a list of pairs."""
    found = value.get("labels") if isinstance(value, Mapping) else None
    if not isinstance(found, list):
        return value if value is not None else {}
    pairs = [(p.get("key"), p.get("value", "")) for p in found if isinstance(p, Mapping)]
    if not all(isinstance(name, str) for name, _ in pairs):
        message = "each pair needs a key that is a text"
        raise ValueError(message)
    return dict(pairs)


def _details(value: Any) -> Any:
    """Return the alert of a group's, which the first release kept beside its hash."""
    if isinstance(value, Mapping) and "hash" in value:
        return value.get("details") or {}
    return value


def _hex(value: Any) -> Any:
    """Return a fingerprint as the webhook has it: sixteen hexadecimal digits."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX:
        number = int(text)
        return f"{number:016x}" if number <= UINT64_MAX else None
    return value


Labels = Annotated[dict[str, str], BeforeValidator(_pairs)]
Fingerprint = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$"), BeforeValidator(_hex)]


class _Recorded(BaseModel):
    """Names as protobuf's JSON has them, or as its own files do."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True
    )


class RecordedAlert(_Recorded):
    """An alert as it was when the event was recorded; without details it names nothing."""

    fingerprint: Fingerprint | None = None
    name: str = ""
    labels: Labels = {}
    starts_at: Instant | None = None
    resolved: bool = False


class GroupInfo(_Recorded):
    """The group of an alert."""

    group_key: Annotated[str, Field(min_length=1)]


GroupedAlert = Annotated[RecordedAlert, BeforeValidator(_details)]


class OneAlert(_Recorded):
    """Of the events that tell of one alert in its group."""

    alert: GroupedAlert
    group_info: GroupInfo


class Notified(_Recorded):
    """Of a notification that was delivered."""

    alerts: Annotated[tuple[GroupedAlert, ...], Field(max_length=ALERT_MEMBERS_MAX * 20)] = ()
    muted_alerts: Annotated[tuple[GroupedAlert, ...], Field(max_length=ALERT_MEMBERS_MAX * 20)] = ()
    group_info: GroupInfo


class MutedAlert(_Recorded):
    """An alert that a silence or an inhibition mutes."""

    fingerprint: Fingerprint


class Muted(_Recorded):
    """Of an alert that was muted. No group is named."""

    muted_alert: MutedAlert


class Recorded(_Recorded):
    """What was recorded: one of these, or something that says nothing of a group's alerts."""

    alert_grouped: OneAlert | None = None
    alert_resolved: OneAlert | None = None
    notification: Notified | None = None
    silence_muted_alert: Muted | None = None
    inhibition_muted_alert: Muted | None = None


class Event(BaseModel):
    """One record of the topic."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    at: Annotated[str | None, Field(alias="@timestamp")] = None
    """Tells two equal events apart, in a batch."""
    data: Recorded


class Batch(RootModel[Annotated[tuple[Event, ...], FailFast(), Field(max_length=BATCH_MAX)]]):
    """Events of the webhook output with ``batch: true``: a JSON array."""


def parse(raw: Raw, setup: Setup) -> Sequence[Read[Hint]]:
    """Read a record, or a batch of them; events that say nothing of a group's alerts give nothing.

    An event of one muted alert names no group: its key is that of `muted_key`. A recorded
    ``alert_resolved`` counts as over only where the alert itself says so: Alertmanager records it
    after a flush that was muted as well.

    Raises:
        Refused: 400 or 422.
    """
    names = settings_of(setup, MonitorSettings).labels
    if not raw.body.lstrip().startswith(b"["):
        hint = _hint_of(read_json(raw, Event).data, names)
        return [] if hint is None else [delivery(hint, key=digest(raw.body), raw=raw)]
    found = [(e, _hint_of(e.data, names)) for e in read_json(raw, Batch).root]
    return [
        delivery(hint, key=digest(event.model_dump_json().encode()), raw=raw)
        for event, hint in found
        if hint is not None
    ]


def _hint_of(event: Recorded, names: FactLabels) -> Hint | None:
    """Return what an event says; None where it is nothing of a group's alerts."""
    hint: Hint | None = None
    if event.notification is not None:
        told = event.notification
        hint = _hint(told.group_info, told.alerts, names, muted=told.muted_alerts)
    elif event.alert_grouped is not None or event.alert_resolved is not None:
        one = event.alert_grouped or event.alert_resolved
        hint = _hint(one.group_info, (one.alert,), names) if one else None
    else:
        silenced = event.silence_muted_alert or event.inhibition_muted_alert
        if silenced is not None:
            found = silenced.muted_alert.fingerprint
            hint = Hint(key=muted_key(found), muted=(found,))
    return hint if hint is not None and (hint.alerts or hint.muted) else None


def muted_key(fingerprint: str) -> str:
    """Return the key of a hint that names an alert and no group."""
    return f"fingerprint {fingerprint}"


def _hint(
    group: GroupInfo,
    alerts: Iterable[RecordedAlert],
    names: FactLabels,
    *,
    muted: Iterable[RecordedAlert] = (),
) -> Hint:
    silent = [a.fingerprint for a in muted if a.fingerprint][:ALERT_MEMBERS_MAX]
    known = [
        _alert(a, a.fingerprint, a.starts_at, names)
        for a in alerts
        if a.fingerprint is not None and a.starts_at is not None
    ]
    return Hint(
        key=group_key(group.group_key),
        alerts=tuple(known[:ALERT_MEMBERS_MAX]),
        muted=tuple(dict.fromkeys(silent)),
    )


def _alert(told: RecordedAlert, fingerprint: str, since: Instant, names: FactLabels) -> Alert:
    return Alert(
        fingerprint=fingerprint,
        status=AlertSignal.RESOLVED if told.resolved else AlertSignal.FIRING,
        starts_at=since,
        severity=code(told.labels.get(names.severity)),
        name=subject(told.name or told.labels.get("alertname", "")),
        configuration_item=code(told.labels.get(names.configuration_item)),
        service=code(told.labels.get(names.service)),
        labels=labels_of(told.labels),
    )


DOOR = Door(
    name="recorder",
    title="Alertmanager's event recorder, over HTTP or from Kafka, as hints",
    parse=parse,
    channel=Channel.MONITORING,
    settings=MonitorSettings,
    entrances=(
        HttpEntrance(
            path="/v1/alerts/recorder",
            media_types=("application/json",),
            summary="Events of Alertmanager's recorder, by its webhook output",
        ),
    ),
    answers_at_once=True,
    source="https://github.com/prometheus/alertmanager/tree/main/proto/eventrecorder",
)
