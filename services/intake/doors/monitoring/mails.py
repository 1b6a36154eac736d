"""Mails that monitors send about alerts, in the formats of their standard templates.

Sources: Icinga 2's ``mail-host-notification.sh`` and ``mail-service-notification.sh`` (and their
elder form, which is Nagios'), the sample ``commands.cfg`` of Nagios Core, Checkmk's plug-in
``mail``, Zabbix' default messages of the media type "Email".

A mail that is none of these is a mail like any other: it is read as a request, never lost.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal, assert_never

from pydantic import ValidationError

from services.intake.domain.normal import AlertGroup, AlertSignal, Hint
from services.intake.domain.text import clean_line, clean_text
from services.intake.doors.monitoring.groups import fingerprint, group_key, one_alert
from services.intake.doors.monitoring.hosts import HostNotification, form_of
from services.intake.doors.monitoring.settings import MonitorSettings
from services.intake.doors.shape import Refused, not_ahead
from shared.kernel import instant

Monitor = Literal["icinga2", "nagios", "checkmk", "zabbix"]

TEXT_MAX = 50_000
"""Characters of a mail that are looked at: what names the alert stands at its beginning."""

SUBJECT_LOOKED_AT = 500
EVENT_LOOKED_AT = 200

_NAMED = re.compile(r"^([A-Za-z][A-Za-z0-9 /]{1,30}?):[ \t]*(.*)$")
_ICINGA = re.compile(
    r"^\[?(?P<type>[A-Z]{6,20})\]?(?: -)? (?:(?P<service>.+) on )?(?P<host>.+) is "
    r"(?P<state>[A-Z]{2,12})!?$"
)
_NAGIOS = re.compile(
    r"^\*\* (?P<type>[A-Z]{6,20}) (?P<what>Host|Service) Alert: (?P<thing>.+) is "
    r"(?P<state>[A-Z]{2,12}) \*\*$"
)
_CHECKMK = re.compile(r"^(?:Check_MK|Checkmk): (?P<thing>.+)$")
_BULK = re.compile(r"\b\d+ notifications for ")
_CHANGED = re.compile(r"(?P<before>[A-Z]{2,12}) -> (?P<state>[A-Z]{2,12})\s*$")
_WHILE = re.compile(r"(?P<event>[A-Z][A-Za-z ]+?) \((?P<state>[A-Z]{2,12})\)\s*$")
_EVENTS = {
    "Acknowledged": "ACKNOWLEDGEMENT",
    "Stopped Flapping": "FLAPPINGSTOP",
    "Downtime Start": "DOWNTIMESTART",
    "Downtime End": "DOWNTIMEEND",
    "Downtime Cancelled": "DOWNTIMECANCELLED",
    "Custom Notification": "CUSTOM",
}
_ZABBIX = re.compile(r"^(?P<what>Problem|Resolved in [^:]{1,40}|Updated problem in [^:]{1,40}): ")


def monitor_mail(
    monitor: Monitor,
    *,
    subject: str,
    text: str,
    headers: Mapping[str, str],
    received_at: datetime,
    settings: MonitorSettings | None = None,
) -> AlertGroup | Hint | None:
    """Return what a monitor's mail says of an alert; None where it is no such mail.

    Args:
        monitor: whose format is expected.
        subject: of the mail, decoded.
        text: its plain text.
        headers: with lower-case names; ``date`` tells when the monitor notified.
        received_at: counts where the mail has no date, or one that lies ahead.
        settings: of the integration.
    """
    line, named = clean_line(subject)[:SUBJECT_LOOKED_AT], _named(text)
    at, known = _date(headers, received_at), settings or MonitorSettings()
    match monitor:
        case "icinga2":
            told = _icinga(line, _named(text, last=True)) or _nagios(line, named)
        case "nagios":
            told = _nagios(line, named)
        case "checkmk":
            told = _checkmk(line, named)
        case "zabbix":
            return _zabbix(line, named, text, at, known)
        case _:
            assert_never(monitor)
    if told is None:
        return None
    try:
        return form_of(told, known, changed=None, at=at)
    except Refused:
        return None


def _named(text: str, *, last: bool = False) -> dict[str, str]:
    """Return the lines ``Name: value`` of a text; of equal names the first or the last.

    Icinga 2 puts the plug-in's output before them and Nagios after them: what a plug-in prints
    must not name another host.
    """
    found: dict[str, str] = {}
    lines = clean_text(text[:TEXT_MAX]).split("\n")
    for number, line in enumerate(lines):
        match = _NAMED.match(line)
        if match is None or not (last or match[1].lower() not in found):
            continue
        name, value = match[1].lower(), match[2].strip()
        # Nagios writes what the plug-in printed below its heading.
        rest = name == "additional info" and not value and name not in found
        found[name] = "\n".join(lines[number + 1 :]).strip() if rest else value
    return found


def _date(headers: Mapping[str, str], received_at: datetime) -> datetime:
    try:
        found = parsedate_to_datetime(headers.get("date", ""))
        at = instant(found if found.tzinfo else found.replace(tzinfo=UTC))
    except (ValueError, TypeError, OverflowError):
        return received_at
    return not_ahead(at, received_at)


def _told(**fields: str) -> HostNotification | None:
    try:
        return HostNotification(**fields)
    except ValidationError:
        return None


def _icinga(subject: str, named: Mapping[str, str]) -> HostNotification | None:
    match = _ICINGA.match(subject)
    if match is None or "when" not in named:
        return None
    service = named.get("service") or match["service"] or ""
    return _told(
        type=match["type"],
        host=named.get("host") or match["host"],
        service=service,
        state=match["state"],
        address=named.get("ipv4", ""),
        output=named.get("info", ""),
    )


def _nagios(subject: str, named: Mapping[str, str]) -> HostNotification | None:
    match = _NAGIOS.match(subject)
    kind = named.get("notification type") or (match["type"] if match else "")
    state = named.get("state") or (match["state"] if match else "")
    host, service = named.get("host", ""), named.get("service", "")
    if match is not None and not host:
        host, _, service = match["thing"].partition("/")
    return _told(
        type=kind,
        host=host,
        service=service,
        state=state,
        address=named.get("address", ""),
        output=named.get("info") or named.get("additional info") or "",
    )


def _checkmk(subject: str, named: Mapping[str, str]) -> HostNotification | None:
    host, event = named.get("host", "").partition(" (")[0], named.get("event", "")
    match = _CHECKMK.match(subject)
    # A bulk of several notifications in one mail is left for people to read.
    if not host or (match is None and not event) or _BULK.search(subject):
        return None
    event = (event or (match["thing"] if match else ""))[:EVENT_LOOKED_AT]
    changed, during = _CHANGED.search(event), _WHILE.search(event)
    if changed is not None:
        state = changed["state"]
        kind = "RECOVERY" if state in {"OK", "UP"} else "PROBLEM"
    elif during is not None:
        state, said = during["state"], during["event"]
        kind = next((k for word, k in _EVENTS.items() if said.endswith(word)), "")
    elif event.endswith("Started Flapping"):
        kind, state = "FLAPPINGSTART", "UNKNOWN"
    else:
        return None
    return _told(
        type=kind,
        host=host,
        service=named.get("service", ""),
        state=state,
        address=named.get("address", ""),
        output=named.get("plugin output") or named.get("summary") or "",
    )


def _zabbix(
    subject: str, named: Mapping[str, str], text: str, at: datetime, settings: MonitorSettings
) -> AlertGroup | None:
    match = _ZABBIX.match(subject)
    problem, host = named.get("original problem id", ""), named.get("host", "")
    name = named.get("problem name") or (subject[match.end() :] if match else "")
    if match is None or not problem or not host:
        return None
    status = AlertSignal.FIRING
    if match["what"].startswith("Resolved"):
        status = AlertSignal.RESOLVED
    elif match["what"].startswith("Updated") and "acknowledged: yes" in text.lower():
        status = AlertSignal.ACKNOWLEDGED
    return one_alert(
        key=group_key("problem", host, name),
        identity=fingerprint(problem),
        status=status,
        starts_at=at,
        settings=settings,
        summary=(host, name),
        lines=(clean_text(text),),
        name=name,
        severity=named.get("severity"),
        labels={"host": host, "event": problem},
        configuration_item=host,
    )
