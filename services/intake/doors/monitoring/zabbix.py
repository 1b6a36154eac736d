"""Door ``zabbix``: what the media type in ``deploy/integrations/zabbix`` posts.

Its parameters are Zabbix' macros, and all of them come as texts. A macro that has no value where
it is used stays as it is written, ``{EVENT.RECOVERY.DATE}``, or is ``*UNKNOWN*``.
Sources: Zabbix documentation, "Webhook" and "Macros supported by location".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import from_json

from services.intake.domain.normal import AlertGroup, AlertSignal, NormalForm
from services.intake.domain.text import clean_line
from services.intake.doors.monitoring.groups import (
    delivery,
    fingerprint,
    group_key,
    occurrence_key,
    one_alert,
)
from services.intake.doors.monitoring.instants import instant_of, zabbix_instant
from services.intake.doors.monitoring.settings import MonitorSettings, settings_of
from services.intake.doors.monitoring.texts import JSON, repaired, shown
from services.intake.doors.shape import (
    Door,
    Fault,
    Fault4xx,
    HttpEntrance,
    Raw,
    Read,
    Refused,
    Setup,
    read_json,
    require_media_type,
)
from shared.calendar.zones import ZoneName, zone
from shared.contracts.facts import Channel, Instant

SEVERITIES = ("not-classified", "information", "warning", "average", "high", "disaster")
"""By the number of ``{EVENT.NSEVERITY}``; the names themselves are translated in Zabbix."""

_MACRO = re.compile(r"^(\{[A-Z0-9$._:\"]+\}|\*UNKNOWN\*)$")


def _without_macro(value: Any) -> Any:
    """Return a text, empty where the macro had no value."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    line = str(value).strip()
    return "" if _MACRO.match(line) else line


def _as_json(value: Any) -> Any:
    """Return tags as the text that they are; a script of one's own may post them as an array."""
    return json.dumps(value) if isinstance(value, list) else value


AS_MACRO = BeforeValidator(_without_macro)
Macro = Annotated[str, AS_MACRO]


class ZabbixEvent(BaseModel):
    """One notification of Zabbix'."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    event_source: Annotated[str, Field(pattern=r"^[0-4]?$"), AS_MACRO] = ""
    """0 is a trigger's, 3 an internal event, 4 a service's."""
    event_id: Annotated[str, Field(pattern=r"^\d{1,20}$"), AS_MACRO]
    """Of the problem: a recovery and an update name it too."""
    event_value: Annotated[str, Field(pattern=r"^[01]$"), AS_MACRO]
    """1 is a problem, 0 is over."""
    event_update_status: Annotated[str, Field(pattern=r"^[01]?$"), AS_MACRO] = ""
    event_update_action: Macro = ""
    event_update_message: Macro = ""
    event_update_timestamp: Macro = ""
    event_update_date: Macro = ""
    event_update_time: Macro = ""
    event_ack_status: Macro = ""
    event_name: Annotated[str, Field(min_length=1), AS_MACRO]
    event_opdata: Macro = ""
    event_nseverity: Annotated[str, Field(pattern=r"^[0-5]?$"), AS_MACRO] = ""
    event_update_nseverity: Annotated[str, Field(pattern=r"^[0-5]?$"), AS_MACRO] = ""
    event_timestamp: Macro = ""
    """Seconds since 1970, from Zabbix 7.0 on; before, date and time without a zone."""
    event_date: Macro = ""
    event_time: Macro = ""
    event_recovery_timestamp: Macro = ""
    event_recovery_date: Macro = ""
    event_recovery_time: Macro = ""
    event_tags: Annotated[Macro, BeforeValidator(_as_json)] = ""
    """``{EVENT.TAGSJSON}``: a JSON array of tags."""
    trigger_id: Macro = ""
    trigger_description: Macro = ""
    host: Macro = ""
    host_ip: Macro = ""
    url: Macro = ""


class Settings(MonitorSettings):
    """Settings of an integration of this door."""

    time_zone: ZoneName = "UTC"
    """Of Zabbix' dates and times, which name none: that of the user who is notified."""


def parse(raw: Raw, setup: Setup) -> Sequence[Read[NormalForm]]:
    """Read a notification.

    The group is the trigger, and each of its problem events is an alert of it: a trigger that
    opens several problems at once ends only when all of them are over.

    Raises:
        Refused: 415, 400 or 422.
    """
    require_media_type(raw, (JSON,))
    event = read_json(repaired(raw), ZabbixEvent)
    settings = settings_of(setup, Settings)
    began = _instant(event, "event", settings)
    if began is None:
        reason = "event_timestamp, or event_date and event_time, say when it began"
        raise Refused(Fault4xx.INVALID, [Fault("event_date", reason)])
    status, told_at = _status(event), _told_at(event, settings)
    form = _group(event, settings, status=status, began=began)
    about = (event.event_update_action, event.event_update_message, event.event_nseverity)
    more = about if event.event_update_status == "1" else ()
    key = occurrence_key(event.event_id, status, told_at or began, *more)
    return [delivery(form, key=key, raw=raw)]


def _status(event: ZabbixEvent) -> AlertSignal:
    if event.event_value == "0":
        return AlertSignal.RESOLVED
    acknowledged = event.event_ack_status.lower() in {"yes", "1"}
    if event.event_update_status == "1" and acknowledged:
        return AlertSignal.ACKNOWLEDGED
    return AlertSignal.FIRING


def _told_at(event: ZabbixEvent, settings: Settings) -> Instant | None:
    if event.event_update_status == "1":
        return _instant(event, "event_update", settings)
    return _instant(event, "event_recovery", settings) if event.event_value == "0" else None


def _instant(
    event: ZabbixEvent,
    which: Literal["event", "event_update", "event_recovery"],
    settings: Settings,
) -> Instant | None:
    said = event.model_dump(include={f"{which}_timestamp", f"{which}_date", f"{which}_time"})
    found = instant_of(said[f"{which}_timestamp"])
    if found is not None:
        return found
    date, time = said[f"{which}_date"], said[f"{which}_time"]
    return zabbix_instant(date, time, zone=zone(settings.time_zone))


def _group(
    event: ZabbixEvent, settings: Settings, *, status: AlertSignal, began: Instant
) -> AlertGroup:
    name, host = clean_line(event.event_name), clean_line(event.host)
    number = event.event_update_nseverity or event.event_nseverity
    lines = [f"{name} on {host}" if host else name]
    lines += [f"Now: {event.event_opdata}"] if event.event_opdata else []
    lines += [f"Address: {event.host_ip}"] if event.host_ip else []
    if event.event_update_status == "1":
        said = (event.event_update_action, event.event_update_message)
        lines += ["", *(part for part in said if part)]
    lines += ["", event.trigger_description] if event.trigger_description else []
    # An internal event and a service's have no trigger: the event's name stands for it.
    thing = ("trigger", event.trigger_id) if event.trigger_id else ("event", host, name)
    return one_alert(
        key=group_key(*thing),
        identity=fingerprint(event.event_id),
        status=status,
        starts_at=began,
        settings=settings,
        summary=(host, name),
        lines=lines,
        name=name,
        severity=SEVERITIES[int(number)] if number else None,
        labels={"host": host, "trigger": event.trigger_id, **_tags(event.event_tags)},
        configuration_item=host,
        urls=(event.url,),
    )


def _tags(text: str) -> Mapping[str, str]:
    """Return tags by their names; a name with several values has all of them.

    Tags are not worth a refusal: what is no array of them is left out.
    """
    try:
        found = from_json(text) if text else []
    except ValueError:
        return {}
    tags: dict[str, list[str]] = {}
    for tag in found if isinstance(found, list) else []:
        if isinstance(tag, dict) and shown(tag.get("tag")):
            tags.setdefault(shown(tag["tag"]), []).append(shown(tag.get("value")) or "true")
    return {name: ", ".join(values) for name, values in tags.items()}


DOOR = Door(
    name="zabbix",
    title="Zabbix, by the media type in deploy/integrations/zabbix",
    parse=parse,
    channel=Channel.MONITORING,
    settings=Settings,
    entrances=(HttpEntrance(path="/v1/alerts/zabbix", media_types=(JSON,), model=ZabbixEvent),),
    source="https://www.zabbix.com/documentation/current/en/manual/config/notifications/media/webhook",
)
