"""The normal forms: what every door makes of what it was handed.

A field that is None was not said by the caller; the integration's defaults fill it in.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.intake.domain.text import normal_mail
from shared.contracts.facts import Channel, Code, Instant, Kind, Level
from shared.contracts.intake import ALERT_MEMBERS_MAX
from shared.tags import Tags

TEXT_MAX = 100_000
HTML_MAX = 400_000
SUBJECT_MAX = 300
NAME_MAX = 200
ADDRESS_MAX = 254
"""RFC 5321: a path is at most 256 octets with its brackets."""
OWN_MARK_MAX = 100
REFERENCES_MAX = 50
FILES_MAX = 100
FIELDS_MAX = 100
KEY_MAX = 1_000

Language = Annotated[str, Field(max_length=35)]
"""A BCP 47 tag; Chinese is told apart by its script: zh-Hans, zh-Hant."""


class Party(BaseModel):
    """Who asks: by whatever they can be known. At least one of the addresses is there.

    ``chat`` is ``<vendor>:<workspace>:<user>``. ``verified`` says that the door proves the
    addresses: a signed chat identity, or an agent's word. A From line proves nothing.
    """

    model_config = ConfigDict(frozen=True)

    mail: Annotated[str, Field(max_length=ADDRESS_MAX)] | None = None
    id: Annotated[str, Field(max_length=ADDRESS_MAX)] | None = None
    """A name that the caller's own records have for them, such as an employee number."""
    phone: Annotated[str, Field(max_length=20, pattern=r"^\+[1-9]\d{3,17}$")] | None = None
    """E.164."""
    chat: Annotated[str, Field(max_length=ADDRESS_MAX)] | None = None
    name: Annotated[str, Field(max_length=NAME_MAX)] = ""
    verified: bool = False
    language: Language | None = None
    time_zone: Code | None = None

    @property
    def addresses(self) -> tuple[str, ...]:
        """All addresses, each with its kind in front, the strongest first."""
        found = (
            ("mail", normal_mail(self.mail) if self.mail else None),
            ("id", self.id),
            ("phone", self.phone),
            ("chat", self.chat),
        )
        return tuple(f"{kind}:{value}" for kind, value in found if value)

    @property
    def address(self) -> str:
        """The one address under which the contact is made where none of them is known."""
        return next(iter(self.addresses), "id:")


class Thread(BaseModel):
    """What a submission says of the conversation that it belongs to."""

    model_config = ConfigDict(frozen=True)

    message_id: Annotated[str, Field(max_length=998)] | None = None
    references: Annotated[tuple[str, ...], Field(max_length=REFERENCES_MAX)] = ()
    """Message-IDs of In-Reply-To and References, the nearest first."""
    recipients: Annotated[tuple[str, ...], Field(max_length=200)] = ()
    """Addresses of To, Cc and of the envelope, in lower case: a plus-address may be our token."""
    chat: Annotated[str, Field(max_length=KEY_MAX)] | None = None
    """The chat's own name of the conversation, unique among all vendors and workspaces."""
    list_id: Annotated[str, Field(max_length=300)] | None = None
    own_mark: Annotated[str, Field(max_length=OWN_MARK_MAX)] = ""
    """What a mail shows to prove that we sent it; it proves nothing before it is checked."""
    unproven: bool = False
    """A mail server that is trusted in this does not say that the mail is from its sender."""


class File(BaseModel):
    """A file of a request. Its bytes are kept apart: ``part`` counts those that came with it.

    ``url`` is there instead where the bytes have to be fetched from the vendor.
    """

    model_config = ConfigDict(frozen=True)

    name: Annotated[str, Field(max_length=255)]
    media_type: Annotated[str, Field(max_length=127)] = "application/octet-stream"
    size: Annotated[int, Field(ge=0)] | None = None
    content_id: Annotated[str, Field(max_length=998)] | None = None
    """Names the file in the HTML, without brackets, where it is shown within the text."""
    part: Annotated[int, Field(ge=0)] | None = None
    missing: Annotated[str, Field(max_length=200)] = ""
    """Why there are no bytes, where they were left out."""
    url: Annotated[str, Field(max_length=2_000)] | None = None


class Automatic(BaseModel):
    """Why nobody wrote this mail, where a machine did: it becomes no ticket."""

    model_config = ConfigDict(frozen=True)

    reason: Code
    """auto-submitted, out-of-office, bounce, delivery-report, report, list, loop, own-mail, own-address, …"""
    bounced: Annotated[str, Field(max_length=ADDRESS_MAX)] | None = None
    """The address to which nothing could be delivered."""
    hard: bool = False
    """The address is wrong for good."""


class Request(BaseModel):
    """One request of a person."""

    model_config = ConfigDict(frozen=True)

    form: Literal["request"] = "request"
    contact: Party
    subject: Annotated[str, Field(max_length=SUBJECT_MAX)]
    text: Annotated[str, Field(max_length=TEXT_MAX)] = ""
    """What is new in it, as plain text."""
    quoted: Annotated[str, Field(max_length=TEXT_MAX)] = ""
    """The whole text, where earlier messages or a signature were split off."""
    html: Annotated[str, Field(max_length=HTML_MAX)] = ""
    """Cleaned by an allow-list; empty where there is none."""
    kind: Kind | None = None
    channel: Channel | None = None
    service: Code | None = None
    configuration_item: Code | None = None
    category: Code | None = None
    region: Code | None = None
    site: Code | None = None
    business: Code | None = None
    language: Language | None = None
    """As somebody said; what is found in the text is found later."""
    impact: Level | None = None
    urgency: Level | None = None
    template: Code | None = None
    """The form of the organisation's that was filled in, where there was one."""
    fields: Annotated[
        dict[Code, Annotated[str, Field(max_length=4_000)]], Field(max_length=FIELDS_MAX)
    ] = {}
    """Custom fields of the form."""
    choice: Code | None = None
    """The key that was chosen in the menu of the call of which it comes."""
    tags: Tags = ()
    files: Annotated[tuple[File, ...], Field(max_length=FILES_MAX)] = ()
    thread: Thread = Thread()
    automatic: Automatic | None = None
    silent: bool = False
    """No automatic answer is sent: the sender asks for none, or a mailing list would get it."""
    confirm: bool = False
    """An agent confirms it before it is a ticket: what was harvested from a forum, for one."""


class Amendment(BaseModel):
    """A message that came in before was edited or deleted where it was written."""

    model_config = ConfigDict(frozen=True)

    form: Literal["amendment"] = "amendment"
    key: Annotated[str, Field(max_length=KEY_MAX)]
    """The key under which the same door handed the message in."""
    contact: Party
    text: Annotated[str, Field(max_length=TEXT_MAX)] | None = None
    """None where it was deleted."""
    at: Instant | None = None
    """When it was edited or deleted; None: when it came in."""


class AlertSignal(StrEnum):
    """What a monitor says of one alert."""

    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Alert(BaseModel):
    """One alert of a group, as a delivery has it."""

    model_config = ConfigDict(frozen=True)

    fingerprint: Code
    """The monitor's own identity of it; never its name alone."""
    status: AlertSignal
    starts_at: Instant
    """When it began to fire; where the monitor tells only when it spoke, that instant."""
    severity: Code | None = None
    """In lower case, as the monitor calls it."""
    name: Annotated[str, Field(max_length=SUBJECT_MAX)] = ""
    configuration_item: Code | None = None
    service: Code | None = None
    labels: Annotated[
        dict[Code, Annotated[str, Field(max_length=300)]], Field(max_length=FIELDS_MAX)
    ] = {}
    """What grouping and policies may look at."""


class AlertGroup(BaseModel):
    """What a monitor says of a group of alerts, or of one."""

    model_config = ConfigDict(frozen=True)

    form: Literal["alerts"] = "alerts"
    key: Annotated[str, Field(min_length=1, max_length=2_000)]
    """The monitor's own name of the group; where it has none, its identity of the alert."""
    alerts: Annotated[tuple[Alert, ...], Field(min_length=1, max_length=ALERT_MEMBERS_MAX)]
    subject: Annotated[str, Field(max_length=SUBJECT_MAX)]
    text: Annotated[str, Field(max_length=TEXT_MAX)] = ""
    severities: tuple[str, ...] = ()
    """Severities of the alerts that fire, in lower case."""
    service: Code | None = None
    region: Code | None = None
    configuration_item: Code | None = None
    impact: Level | None = None
    truncated: Annotated[int, Field(ge=0)] = 0
    """Alerts that the monitor left out: nothing is known of them."""
    predicted: bool = False
    """It is about to happen, and has not happened yet."""
    links: Annotated[tuple[Annotated[str, Field(max_length=2_000)], ...], Field(max_length=20)] = ()


class Heartbeat(BaseModel):
    """A monitor says that it lives. Where it stops saying so, an incident opens."""

    model_config = ConfigDict(frozen=True)

    form: Literal["heartbeat"] = "heartbeat"
    name: Annotated[str, Field(min_length=1, max_length=300)]
    at: Instant
    every_seconds: Annotated[int, Field(ge=10, le=604_800)] | None = None
    """None: as the integration's settings say."""


class Hint(BaseModel):
    """What a lossy stream says of alerts: it may mend what is known, never open anything."""

    model_config = ConfigDict(frozen=True)

    form: Literal["hint"] = "hint"
    key: Annotated[str, Field(min_length=1, max_length=2_000)]
    """The group's key, as the webhook has it."""
    alerts: Annotated[tuple[Alert, ...], Field(max_length=ALERT_MEMBERS_MAX)] = ()
    muted: tuple[Code, ...] = ()
    """Fingerprints of alerts that are silenced or inhibited at their monitor."""


class CallMoment(StrEnum):
    """What happened in a telephone call."""

    OFFERED = "offered"
    MENU = "menu"
    QUEUED = "queued"
    RINGING = "ringing"
    ANSWERED = "answered"
    HELD = "held"
    RETRIEVED = "retrieved"
    TRANSFER_STARTED = "transfer-started"
    TRANSFER_ANSWERED = "transfer-answered"
    MISSED = "missed"
    ABANDONED = "abandoned"
    REFUSED = "refused"
    ENDED = "ended"
    AFTER_CALL_DONE = "after-call-done"
    RECORDED = "recorded"


class CallProgress(BaseModel):
    """One moment of a telephone call."""

    model_config = ConfigDict(frozen=True)

    form: Literal["call"] = "call"
    call: Annotated[str, Field(min_length=1, max_length=300)]
    """The exchange's own name of the call."""
    moment: CallMoment
    at: Instant
    contact: Party | None = None
    """None where the number is withheld."""
    dialled: Annotated[str, Field(max_length=40)] = ""
    agent: Code | None = None
    digits: Annotated[str, Field(max_length=40)] = ""
    """The menu path, as the caller pressed it."""
    menu: Annotated[str, Field(max_length=200)] = ""
    """The menu path, as people read it."""
    queue: Code | None = None
    reason: Code | None = None
    """Why it was refused: full, nobody, timeout; where it was abandoned: menu, queue, ringing."""
    recording: Annotated[str, Field(max_length=2_000)] | None = None
    """A reference; the recording itself stays with the exchange."""
    outbound: bool = False


NormalForm = Request | Amendment | AlertGroup | Heartbeat | Hint | CallProgress
