"""Section ``catalogue``: services, and the configuration items that they rest on."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from shared.organisation.words import Model, Name, Title

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
    names: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=200)], ...], Field(max_length=50)
    ] = ()
    """What monitors call it: hosts, instances. Compared in lower case."""


class CatalogueSection(Model):
    """Services and configuration items. Empty: every name that is used is taken as it is."""

    services: Annotated[tuple[Service, ...], Field(max_length=5_000)] = ()
    items: Annotated[tuple[ConfigurationItem, ...], Field(max_length=5_000)] = ()
