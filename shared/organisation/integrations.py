"""Sections ``integrations`` and ``templates``: doors into Heliodesk, and the words it sends."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from shared.expressions import FieldType
from shared.organisation.places import EMAIL_PATTERN
from shared.organisation.words import (
    ChannelName,
    KindName,
    Language,
    LevelName,
    Model,
    Name,
    PriorityName,
    TargetSeconds,
)
from shared.tags import Tags

MAIL_DOORS: Final = ("imap", "smtp")
ALERT_FIELDS: Final[dict[str, FieldType]] = {
    "status": "string",
    "severity": "string",
    "severities": "strings",
    "service": "string",
    "configuration_item": "string",
    "criticality": "string",
    "impact": "string",
    "region": "string",
    "predicted": "bool",
    "firing": "int",
    "key": "string",
    "subject": "string",
}
"""What a condition on alerts may look at, with the type of each; criticality is the item's."""

SettingName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]

SecretReference = Annotated[
    str,
    Field(
        pattern=r"^(env:[A-Z][A-Z0-9_]{0,126}|file:/[^\x00\n]{1,250})$",
        description="Where the secret is found, env:NAME or file:/path; never the secret itself.",
    ),
]


class RequestDefaults(Model):
    """Facts of a request that the integration fills in where the caller says nothing."""

    kind: KindName | None = None
    channel: ChannelName | None = None
    service: Name | None = None
    configuration_item: Name | None = None
    category: Name | None = None
    region: Name | None = None
    site: Name | None = None
    business: Name | None = None
    language: Language | None = None
    impact: LevelName | None = None
    urgency: LevelName | None = None
    tags: Tags = ()
    """Added to those that the caller says."""


class AlertOpening(Model):
    """What is done with alerts that meet a condition, before an incident opens."""

    when: Annotated[str, Field(min_length=1, max_length=4_000)]
    """A CEL condition over the fields of `ALERT_FIELDS`; the first rule that is met counts."""
    action: Literal["open", "record", "raise"]
    """``record`` keeps the facts and opens nothing; ``raise`` opens with ``priority``."""
    priority: PriorityName | None = None
    """For ``raise``; None makes it one step more pressing."""
    reason: Annotated[str, Field(max_length=200)] = ""
    """Kept with the group, for people to read."""


class Flapping(Model):
    """When a group counts as flapping: it opens and ends its incident too often.

    The score counts anew once flapping is over. So ``quiet`` is as long as ``within``: were it
    shorter, bursts with pauses between them would be told of anew after each pause. With both an
    hour, people are told at most three times in any hour, whatever the spacing.
    """

    changes: Annotated[int, Field(ge=2, le=100)] = 6
    """Changes between firing and quiet."""
    within: TargetSeconds = 3_600
    quiet: TargetSeconds = 3_600
    """Without a change for so long, it flaps no more."""


class Storm(Model):
    """When alerts of one shape collect under one parent incident."""

    groups: Annotated[int, Field(ge=2, le=10_000)] = 50
    """New incidents of one integration and one shape."""
    within: TargetSeconds = 60


class AlertPolicy(Model):
    """How alerts of an integration become incidents."""

    group: Literal["group", "alert", "labels"] = "group"
    """By the monitor's own group, each alert apart, or by the labels named here."""
    labels: Annotated[tuple[Annotated[str, Field(max_length=80)], ...], Field(max_length=20)] = ()
    window: TargetSeconds | None = None
    """Rolling: each alert extends it; after it a new incident. None: while the incident is open."""
    reopen: TargetSeconds = 3_600
    """Firing again so soon after it was over, it is the same incident; later a new, linked one.

    The hour of flapping: what comes and goes within it is one incident.
    """
    flapping: Flapping | None = Flapping()
    storm: Storm | None = Storm()
    expire: TargetSeconds | None = None
    """Not told of for so long, a firing alert is expired: some times the repeat interval."""
    opening: Annotated[tuple[AlertOpening, ...], Field(max_length=100)] = ()

    @model_validator(mode="after")
    def _labels_group(self) -> Self:
        if bool(self.labels) != (self.group == "labels"):
            message = "labels belong to group: labels, which needs at least one"
            raise ValueError(message)
        if self.window is not None and self.group != "labels":
            message = "window belongs to group: labels"
            raise ValueError(message)
        return self


class Limits(Model):
    """What an integration may hand in.

    None for ``per_minute`` is no limit; for files it is the organisation's (section ``intake``).
    """

    per_minute: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Calls over HTTP, at all processes together; above it 429 with Retry-After."""
    file_bytes_max: Annotated[int, Field(ge=1, le=100_000_000)] | None = None
    request_bytes_max: Annotated[int, Field(ge=1, le=100_000_000)] | None = None
    """All files of one request together."""


class Integration(Model):
    """One caller at one of the doors."""

    name: Name
    door: Name
    """A door of intake's registry, see ``docs/doors.md``."""
    secret: SecretReference | None = None
    """The secret of the door's signature, where it needs only one."""
    secrets: Annotated[dict[SettingName, SecretReference], Field(max_length=20)] = {}
    """Secrets by the names that the door gives them."""
    settings: Annotated[dict[SettingName, Any], Field(max_length=50)] = {}
    """The door's own."""
    addresses: Annotated[
        tuple[Annotated[str, Field(pattern=EMAIL_PATTERN)], ...], Field(max_length=100)
    ] = ()
    """The addresses of mail that is the integration's: of the doors smtp and imap only."""
    defaults: RequestDefaults = RequestDefaults()
    priority_map: Annotated[
        dict[Annotated[str, Field(min_length=1, max_length=40)], PriorityName],
        Field(max_length=100),
    ] = {}
    """The caller's severity, in lower case, to a priority."""
    limits: Limits = Limits()
    alerts: AlertPolicy = AlertPolicy()
    enabled: bool = True

    @model_validator(mode="after")
    def _addresses_are_for_mail(self) -> Self:
        if self.addresses and self.door not in MAIL_DOORS:
            message = f"addresses belong to the doors {' and '.join(MAIL_DOORS)}"
            raise ValueError(message)
        if self.door == "smtp" and not self.addresses:
            message = "the door smtp needs at least one address"
            raise ValueError(message)
        if any(severity != severity.lower() for severity in self.priority_map):
            message = "priority_map: write severities in lower case"
            raise ValueError(message)
        return self


class IntegrationsSection(Model):
    """The integrations."""

    integrations: Annotated[tuple[Integration, ...], Field(max_length=1_000)] = ()


class Template(Model):
    """The words of one notice in one language, instead of those that notify ships."""

    notice: Name
    language: Language
    subject: Annotated[str, Field(min_length=1, max_length=500)]
    body: Annotated[str, Field(min_length=1, max_length=20_000)]


class TemplatesSection(Model):
    """Who messages come from, and words that replace those that notify ships."""

    sender: Annotated[str, Field(pattern=EMAIL_PATTERN)] | None = None
    sender_name: Annotated[str, Field(min_length=1, max_length=120)] | None = None
    templates: Annotated[tuple[Template, ...], Field(max_length=1_000)] = ()
