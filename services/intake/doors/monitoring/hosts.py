"""Monitors of hosts and services in Nagios' tradition: Nagios, Icinga 2 and Checkmk.

They notify of an object, a host or a service on a host, with a kind of notification and a state.
Sources: Nagios Core documentation, "Standard Macros"; Icinga 2 documentation, "Monitoring
Basics", section "Notifications"; Checkmk documentation, "Notification scripts".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, assert_never

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.intake.domain.normal import AlertGroup, AlertSignal, Hint, NormalForm
from services.intake.domain.text import clean_line, clean_text
from services.intake.doors.monitoring.groups import (
    delivery,
    fingerprint,
    group_key,
    occurrence_key,
    one_alert,
)
from services.intake.doors.monitoring.instants import instant_of
from services.intake.doors.monitoring.macros import by_our_names
from services.intake.doors.monitoring.settings import MonitorSettings
from services.intake.doors.monitoring.texts import AS_LINE, Line
from services.intake.doors.shape import Fault, Fault4xx, Raw, Read, Refused

QUIET_STATES = frozenset({"OK", "UP"})
STATES = {
    "OK": "OK",
    "UP": "UP",
    "DOWN": "DOWN",
    "UNREACHABLE": "UNREACHABLE",
    "UNREACH": "UNREACHABLE",
    "WARNING": "WARNING",
    "WARN": "WARNING",
    "CRITICAL": "CRITICAL",
    "CRIT": "CRITICAL",
    "UNKNOWN": "UNKNOWN",
    "UNKN": "UNKNOWN",
    "PENDING": "PENDING",
    "PEND": "PENDING",
}
"""States of hosts and services, as they are and as Checkmk shortens them."""


class Occasion(Enum):
    """Why a monitor notifies, in one word for all of them."""

    CHANGE = "change"
    ACKNOWLEDGED = "acknowledged"
    FLAPPING_STARTED = "flapping-started"
    FLAPPING_ENDED = "flapping-ended"
    DOWNTIME_STARTED = "downtime-started"
    DOWNTIME_ENDED = "downtime-ended"


OCCASIONS = {
    "PROBLEM": Occasion.CHANGE,
    "RECOVERY": Occasion.CHANGE,
    "CUSTOM": Occasion.CHANGE,
    "ACKNOWLEDGEMENT": Occasion.ACKNOWLEDGED,
    "FLAPPINGSTART": Occasion.FLAPPING_STARTED,
    "FLAPPINGSTOP": Occasion.FLAPPING_ENDED,
    "FLAPPINGEND": Occasion.FLAPPING_ENDED,
    "FLAPPINGDISABLED": Occasion.FLAPPING_ENDED,
    "DOWNTIMESTART": Occasion.DOWNTIME_STARTED,
    "DOWNTIMEEND": Occasion.DOWNTIME_ENDED,
    "DOWNTIMECANCELLED": Occasion.DOWNTIME_ENDED,
    "DOWNTIMEREMOVED": Occasion.DOWNTIME_ENDED,
}
"""Kinds of notifications of all three monitors."""


class HostNotification(BaseModel):
    """One notification. Macros that have no value are empty."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: Annotated[str, Field(min_length=1, max_length=60), AS_LINE]
    """PROBLEM, RECOVERY, ACKNOWLEDGEMENT, …"""
    host: Annotated[str, Field(min_length=1, max_length=255), AS_LINE]
    service: Annotated[str, Field(max_length=255), AS_LINE] = ""
    """Empty where it is of the host itself."""
    state: Annotated[str, Field(min_length=1, max_length=20), AS_LINE]
    host_display: Line = ""
    service_display: Line = ""
    address: Line = ""
    output: Line = ""
    long_output: Line = ""
    changed_at: Line = ""
    """When the state last changed, in seconds since 1970."""
    at: Line = ""
    """When the monitor notified, in seconds since 1970."""
    author: Line = ""
    comment: Line = ""
    url: Line = ""
    labels: dict[str, Any] | None = None

    @model_validator(mode="before")
    @classmethod
    def _by_our_names(cls, body: Any) -> Any:
        return by_our_names(body)


def host_read(
    told: HostNotification, raw: Raw, settings: MonitorSettings
) -> Sequence[Read[NormalForm]]:
    """Return the submission of one notification.

    Raises:
        Refused: 422, the kind of notification or the state is not known.
    """
    changed, at = instant_of(told.changed_at), instant_of(told.at)
    form = form_of(told, settings, changed=changed, at=at or raw.received_at)
    # A problem that is told again and again is one occurrence, by its beginning. Of the others
    # each is an event of its own.
    moment = changed or at if _type(told) in {"PROBLEM", "RECOVERY"} else at or changed
    if moment is None:
        return [delivery(form, key=None, raw=raw)]
    key = occurrence_key(_key(told), _type(told), moment, _state(told))
    return [delivery(form, key=key, raw=raw)]


def form_of(
    told: HostNotification, settings: MonitorSettings, *, changed: datetime | None, at: datetime
) -> AlertGroup | Hint:
    """Return what a notification says of its alert.

    While an object flaps, these monitors keep silent about its states: it counts as firing until
    they say that it flaps no more. A downtime that begins mutes the alert and changes nothing;
    when it ends, the state of that moment counts.

    Args:
        told: the notification.
        settings: of the integration.
        changed: when the state changed, where that is known.
        at: when the monitor said so.

    Raises:
        Refused: 422, the kind of notification or the state is not known.
    """
    occasion, state = _occasion(told), _state(told)
    stands = AlertSignal.RESOLVED if state in QUIET_STATES else AlertSignal.FIRING
    since = changed or at
    match occasion:
        case Occasion.CHANGE:
            # A recovery is one, whatever state a template of one's own puts beside it.
            status = AlertSignal.RESOLVED if _type(told) == "RECOVERY" else stands
        case Occasion.ACKNOWLEDGED:
            status = AlertSignal.ACKNOWLEDGED
        case Occasion.FLAPPING_STARTED:
            status, since = AlertSignal.FIRING, at
        case Occasion.FLAPPING_ENDED | Occasion.DOWNTIME_ENDED:
            status, since = stands, at
        case Occasion.DOWNTIME_STARTED:
            return Hint(key=_key(told), muted=(fingerprint(_key(told)),))
        case _:
            assert_never(occasion)
    return _group(told, settings, status=status, since=since, state=state)


def _group(
    told: HostNotification,
    settings: MonitorSettings,
    *,
    status: AlertSignal,
    since: datetime,
    state: str,
) -> AlertGroup:
    host = told.host_display or told.host
    service = told.service_display or told.service
    thing = f"{service} on {host}" if service else host
    lines = [f"{clean_line(told.type).upper()}: {thing} is {state}"]
    if told.address:
        lines.append(f"Address: {clean_line(told.address)}")
    lines += ["", told.output] if told.output else []
    lines += ["", clean_text(told.long_output.replace("\\n", "\n"))] if told.long_output else []
    if told.comment:
        lines += ["", f"{clean_line(told.author) or 'Comment'}: {told.comment}"]
    return one_alert(
        key=_key(told),
        identity=fingerprint(_key(told)),
        status=status,
        starts_at=since,
        settings=settings,
        summary=(f"{thing} is {state}", told.output),
        lines=lines,
        name=thing,
        severity=None if state in QUIET_STATES else state,
        labels={"host": told.host, "service_description": told.service, **(told.labels or {})},
        configuration_item=told.host,
        urls=(told.url,),
    )


def _key(told: HostNotification) -> str:
    if told.service:
        return group_key("service", told.host, told.service)
    return group_key("host", told.host)


def _type(told: HostNotification) -> str:
    return clean_line(told.type).upper().replace(" ", "").replace("_", "")


def _occasion(told: HostNotification) -> Occasion:
    found = OCCASIONS.get(_type(told))
    if found is None:
        reason = f"{', '.join(OCCASIONS)} are known, not {clean_line(told.type)[:40]!r}"
        raise Refused(Fault4xx.INVALID, [Fault("type", reason)])
    return found


def _state(told: HostNotification) -> str:
    found = STATES.get(clean_line(told.state).upper())
    if found is None:
        reason = f"{', '.join(sorted(set(STATES.values())))} are known"
        raise Refused(Fault4xx.INVALID, [Fault("state", reason)])
    return found
