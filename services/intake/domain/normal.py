"""The normal forms: what every door makes of what it was handed.

A field that is None was not said by the caller; the integration's defaults fill it in.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from services.intake.domain.text import normal_mail
from shared.contracts.facts import Channel, Code, Instant, Kind, Level
from shared.contracts.intake import ALERT_MEMBERS_MAX, AlertStatus

TEXT_MAX = 100_000
SUBJECT_MAX = 300
NAME_MAX = 200
ADDRESS_MAX = 254
"""RFC 5321: a path is at most 256 octets with its brackets."""
REFERENCES_MAX = 50


class Party(BaseModel):
    """Who asks: known by a mail address, or by an id that the caller has for them."""

    model_config = ConfigDict(frozen=True)

    mail: Annotated[str, Field(max_length=ADDRESS_MAX)] | None = None
    id: Annotated[str, Field(max_length=ADDRESS_MAX)] | None = None
    name: Annotated[str, Field(max_length=NAME_MAX)] = ""

    @property
    def address(self) -> str:
        """The one address under which the contact is kept, with its kind in front."""
        return f"mail:{normal_mail(self.mail)}" if self.mail else f"id:{self.id or ''}"


class Thread(BaseModel):
    """What a mail says of the conversation that it belongs to."""

    model_config = ConfigDict(frozen=True)

    message_id: Annotated[str, Field(max_length=998)] | None = None
    references: Annotated[tuple[str, ...], Field(max_length=REFERENCES_MAX)] = ()
    """Message-IDs of In-Reply-To and References, the nearest first."""


class Request(BaseModel):
    """One request of a person."""

    model_config = ConfigDict(frozen=True)

    contact: Party
    subject: Annotated[str, Field(max_length=SUBJECT_MAX)]
    text: Annotated[str, Field(max_length=TEXT_MAX)] = ""
    kind: Kind | None = None
    channel: Channel | None = None
    service: Code | None = None
    category: Code | None = None
    region: Code | None = None
    site: Code | None = None
    language: Code | None = None
    impact: Level | None = None
    urgency: Level | None = None
    thread: Thread = Thread()
    automatic: Code | None = None
    """Why nobody wrote this mail, where a machine did: it becomes no ticket."""


class Alert(BaseModel):
    """One alert of a group, as a delivery has it."""

    model_config = ConfigDict(frozen=True)

    fingerprint: Code
    status: AlertStatus
    starts_at: Instant


class AlertGroup(BaseModel):
    """What a monitor says of a group of alerts."""

    model_config = ConfigDict(frozen=True)

    key: Annotated[str, Field(min_length=1, max_length=2_000)]
    """The monitor's own name of the group."""
    alerts: Annotated[tuple[Alert, ...], Field(min_length=1, max_length=ALERT_MEMBERS_MAX)]
    subject: Annotated[str, Field(max_length=SUBJECT_MAX)]
    text: Annotated[str, Field(max_length=TEXT_MAX)] = ""
    severities: tuple[str, ...] = ()
    """Severities of the alerts that fire, in lower case."""
    service: Code | None = None
    region: Code | None = None


NormalForm = Request | AlertGroup
