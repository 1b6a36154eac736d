"""Section ``catalogue``: services, the configuration items that they rest on, and forms."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from shared.calendar.zones import ZoneName
from shared.organisation.words import KindName, Model, Name, Title
from shared.tags import Tags

CriticalityName = Literal["critical", "high", "medium", "low"]


class Service(Model):
    """A service that people use."""

    name: Name
    title: Title
    criticality: CriticalityName = "medium"


class ConfigurationItem(Model):
    """A part of the infrastructure that monitors watch."""

    name: Name
    title: Title
    service: Name | None = None
    criticality: CriticalityName | None = None
    """None: that of its service."""
    calendar: Name | None = None
    """The hours in which it is supported."""
    time_zone: ZoneName | None = None
    """In which a floating calendar counts for it."""
    names: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=200)], ...], Field(max_length=50)
    ] = ()
    """What monitors call it: hosts, instances. Compared in lower case."""


FieldType = Literal["text", "number", "date", "boolean", "choice"]


class FormField(Model):
    """A field of a form, beside what every request has."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,79}$")]
    title: Title
    type: FieldType = "text"
    required: bool = False
    choices: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=200)], ...], Field(max_length=500)
    ] = ()
    """Of the type ``choice``, and of no other."""

    @model_validator(mode="after")
    def _choices_where_one_chooses(self) -> Self:
        if (self.type == "choice") != bool(self.choices):
            message = "choices are of the type choice, and it needs some"
            raise ValueError(message)
        return self


class Form(Model):
    """A form that people fill in; a request names it as its ``template``."""

    name: Name
    title: Title
    kind: KindName | None = None
    service: Name | None = None
    category: Name | None = None
    """What a request of this form is, where neither the caller nor a rule says otherwise."""
    tags: Tags = ()
    """Added to those that the caller and the rules say."""
    fields: Annotated[tuple[FormField, ...], Field(max_length=50)] = ()


class CatalogueSection(Model):
    """Services, configuration items and forms.

    Where there are none of a kind, every name of it that is used is taken as it is.
    """

    services: Annotated[tuple[Service, ...], Field(max_length=5_000)] = ()
    items: Annotated[tuple[ConfigurationItem, ...], Field(max_length=5_000)] = ()
    forms: Annotated[tuple[Form, ...], Field(max_length=1_000)] = ()
