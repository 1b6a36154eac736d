"""What may be done to an alert by Opsgenie's Alert API, and the bodies that say so.

Source: Opsgenie documentation, "Alert API" and "Heartbeat API".
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from services.intake.domain.normal import AlertSignal
from services.intake.doors.monitoring.texts import AS_LINE, Loose, shown

ALIAS_MAX = 512
LISTED_MAX = 200
ALERTS = "/v2/alerts"
ALERTS_SLASH = f"{ALERTS}/"
"""Where Zabbix' media type posts what it creates."""
ONE = f"{ALERTS}/{{identifier:path}}"
"""An alias may have slashes: they are decoded before the route is found."""
REQUESTS = f"{ALERTS}/requests/{{request}}"
PING = "/v2/heartbeats/{name}/ping"


class Act(StrEnum):
    """What is done."""

    CREATE = "create"
    CLOSE = "close"
    ACKNOWLEDGE = "acknowledge"
    UNACKNOWLEDGE = "unacknowledge"
    DELETE = "delete"
    NOTE = "note"
    """All that says something of an alert and changes none: who shall work on it, for one."""
    PING = "ping"
    SHOW = "show"
    STATUS = "status"


STEPS = {
    f"{ONE}/close": Act.CLOSE,
    f"{ONE}/acknowledge": Act.ACKNOWLEDGE,
    f"{ONE}/unacknowledge": Act.UNACKNOWLEDGE,
}
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
_POST: tuple[Method, ...] = ("POST",)
_SET: tuple[Method, ...] = ("PUT", "POST")
_LIST: tuple[Method, ...] = ("POST", "DELETE")
NOTES: Mapping[str, tuple[Method, ...]] = {
    f"{ONE}/notes": _POST,
    f"{ONE}/snooze": _POST,
    f"{ONE}/escalate": _POST,
    f"{ONE}/assign": _POST,
    f"{ONE}/responders": _POST,
    f"{ONE}/teams": _POST,
    f"{ONE}/actions/{{action}}": _POST,
    f"{ONE}/tags": _LIST,
    f"{ONE}/details": _LIST,
    f"{ONE}/message": _SET,
    f"{ONE}/description": _SET,
    f"{ONE}/priority": _SET,
}
ACTS = {
    ALERTS: Act.CREATE,
    ALERTS_SLASH: Act.CREATE,
    REQUESTS: Act.STATUS,
    PING: Act.PING,
    **STEPS,
    **dict.fromkeys(NOTES, Act.NOTE),
}
SIGNALS = {
    Act.CREATE: AlertSignal.FIRING,
    Act.CLOSE: AlertSignal.RESOLVED,
    Act.DELETE: AlertSignal.RESOLVED,
    Act.ACKNOWLEDGE: AlertSignal.ACKNOWLEDGED,
    Act.UNACKNOWLEDGE: AlertSignal.FIRING,
}
DONE = {
    Act.CREATE: "Created alert",
    Act.CLOSE: "Closed alert",
    Act.DELETE: "Deleted alert",
    Act.ACKNOWLEDGE: "Acknowledged alert",
    Act.UNACKNOWLEDGE: "UnAcknowledged alert",
    Act.NOTE: "Added note to alert",
}
"""What the status of a request says of what was done."""


def _upper(value: Any) -> Any:
    return (value.strip().upper() or None) if isinstance(value, str) else value


def _listed(value: Any) -> Any:
    """Return a list of lines; one text has them between commas."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return tuple(filter(None, map(shown, value))) if isinstance(value, list) else value


def _none_of_empty(value: Any) -> Any:
    return None if value is None or value == "" else str(value) if type(value) is int else value


class OpsgenieStep(BaseModel):
    """The body of what is done to an alert; all of it may be left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    user: Loose = ""
    source: Loose = ""
    note: Loose = ""


class OpsgenieCreate(OpsgenieStep):
    """The body of a create."""

    message: Annotated[str, Field(min_length=1), AS_LINE]
    alias: Annotated[str | None, Field(max_length=ALIAS_MAX), BeforeValidator(_none_of_empty)] = (
        None
    )
    """Names the alert; where there is none, one is made and returned as ``requestId``."""
    description: Loose = ""
    tags: Annotated[
        tuple[str, ...] | None, Field(max_length=LISTED_MAX), BeforeValidator(_listed)
    ] = None
    """``name:value`` counts as a label too."""
    details: dict[str, Any] | None = None
    entity: Loose = ""
    priority: Annotated[Literal["P1", "P2", "P3", "P4", "P5"] | None, BeforeValidator(_upper)] = (
        None
    )
    """P3 where nothing is said, and no label says how severe it is."""
