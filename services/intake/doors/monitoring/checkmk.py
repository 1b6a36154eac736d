"""Door ``checkmk``: what the notification script for Checkmk posts.

The script, in ``deploy/integrations/checkmk``, hands on the variables that Checkmk gives to every
notification script, with or without the ``NOTIFY_`` before their names.
Source: Checkmk documentation, "Notifications", section "Notification scripts".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.intake.domain.normal import NormalForm
from services.intake.doors.monitoring.hosts import HostNotification, host_read
from services.intake.doors.monitoring.settings import MonitorSettings, settings_of
from services.intake.doors.monitoring.texts import AS_LINE, JSON, Line, repaired
from services.intake.doors.shape import (
    Door,
    Fault,
    HttpEntrance,
    Raw,
    Read,
    Refused,
    Setup,
    read_json,
    require_media_type,
)
from shared.contracts.facts import Channel

PREFIX = "NOTIFY_"
HANDLED = "ALERTHANDLER"


class CheckmkContext(BaseModel):
    """The variables of a notification that this door reads; others are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    what: Annotated[Literal["HOST", "SERVICE"], Field(alias="WHAT")]
    kind: Annotated[str, Field(alias="NOTIFICATIONTYPE", min_length=1, max_length=60), AS_LINE]
    host: Annotated[str, Field(alias="HOSTNAME", min_length=1, max_length=255), AS_LINE]
    host_state: Annotated[Line, Field(alias="HOSTSTATE")] = ""
    host_output: Annotated[Line, Field(alias="HOSTOUTPUT")] = ""
    host_changed_at: Annotated[Line, Field(alias="LASTHOSTSTATECHANGE")] = ""
    host_url: Annotated[Line, Field(alias="HOSTURL")] = ""
    address: Annotated[Line, Field(alias="HOSTADDRESS")] = ""
    service: Annotated[str, Field(alias="SERVICEDESC", max_length=255), AS_LINE] = ""
    service_state: Annotated[Line, Field(alias="SERVICESTATE")] = ""
    service_output: Annotated[Line, Field(alias="SERVICEOUTPUT")] = ""
    service_long_output: Annotated[Line, Field(alias="LONGSERVICEOUTPUT")] = ""
    service_changed_at: Annotated[Line, Field(alias="LASTSERVICESTATECHANGE")] = ""
    service_url: Annotated[Line, Field(alias="SERVICEURL")] = ""
    notified_at: Annotated[Line, Field(alias="MICROTIME")] = ""
    """Microseconds since 1970."""
    site: Annotated[Line, Field(alias="OMD_SITE")] = ""
    author: Annotated[Line, Field(alias="NOTIFICATIONAUTHOR")] = ""
    comment: Annotated[Line, Field(alias="NOTIFICATIONCOMMENT")] = ""

    @model_validator(mode="before")
    @classmethod
    def _without_prefix(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {str(name).removeprefix(PREFIX): found for name, found in value.items()}

    @model_validator(mode="after")
    def _names_its_object(self) -> Self:
        wanted = (
            {"HOSTSTATE": self.host_state}
            if self.what == "HOST"
            else {"SERVICEDESC": self.service, "SERVICESTATE": self.service_state}
        )
        missing = [name for name, found in wanted.items() if not found]
        if missing:
            message = f"{missing[0]} is missing"
            raise ValueError(message)
        return self

    def notification(self) -> HostNotification:
        """Return the notification in the words of all such monitors."""
        host = self.what == "HOST"
        return HostNotification(
            type=self.kind,
            host=self.host,
            service="" if host else self.service,
            state=self.host_state if host else self.service_state,
            address=self.address,
            output=self.host_output if host else self.service_output,
            long_output="" if host else self.service_long_output,
            changed_at=self.host_changed_at if host else self.service_changed_at,
            at=self.notified_at,
            author=self.author,
            comment=self.comment,
            url=self.host_url if host else self.service_url,
            labels={"site": self.site},
        )


def parse(raw: Raw, setup: Setup) -> Sequence[Read[NormalForm]]:
    """Read a notification.

    Raises:
        Refused: 415, 400 or 422.
    """
    require_media_type(raw, (JSON,))
    context = read_json(repaired(raw), CheckmkContext)
    if context.kind.upper().startswith(HANDLED):
        # An alert handler ran; what it ran for has a notification of its own.
        return []
    names = {"type": "NOTIFICATIONTYPE", "state": f"{context.what}STATE"}
    try:
        return host_read(context.notification(), raw, settings_of(setup, MonitorSettings))
    except Refused as error:
        faults = [Fault(names.get(f.field, f.field), f.reason) for f in error.faults]
        raise Refused(error.kind, faults) from error


DOOR = Door(
    name="checkmk",
    title="Checkmk, by the notification script in deploy/integrations/checkmk",
    parse=parse,
    channel=Channel.MONITORING,
    settings=MonitorSettings,
    entrances=(HttpEntrance(path="/v1/alerts/checkmk", media_types=(JSON,), model=CheckmkContext),),
    source="https://docs.checkmk.com/latest/en/notifications.html#scripts",
)
