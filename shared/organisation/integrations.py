"""Sections ``integrations`` and ``templates``: doors into Heliodesk, and the words it sends."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from shared.organisation.places import EMAIL_PATTERN
from shared.organisation.words import (
    ChannelName,
    KindName,
    Language,
    LevelName,
    Model,
    Name,
    PriorityName,
)

Door = Literal["alertmanager", "cloudevents", "requests", "smtp"]

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
    category: Name | None = None
    region: Name | None = None
    site: Name | None = None
    language: Language | None = None
    impact: LevelName | None = None
    urgency: LevelName | None = None


class Integration(Model):
    """One caller at one of the doors."""

    name: Name
    door: Door
    secret: SecretReference | None = None
    addresses: Annotated[
        tuple[Annotated[str, Field(pattern=EMAIL_PATTERN)], ...], Field(max_length=100)
    ] = ()
    """The recipient addresses of the door ``smtp``; of no other door."""
    defaults: RequestDefaults = RequestDefaults()
    priority_map: Annotated[
        dict[Annotated[str, Field(min_length=1, max_length=40)], PriorityName],
        Field(max_length=100),
    ] = {}
    """The caller's severity, in lower case, to a priority."""
    enabled: bool = True

    @model_validator(mode="after")
    def _addresses_are_for_mail(self) -> Self:
        if bool(self.addresses) != (self.door == "smtp"):
            message = "addresses belong to the door smtp, and it needs at least one"
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
