"""Section ``suppliers``: who outside the organisation works for it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shared.organisation.places import EMAIL_PATTERN, ITEMS_MAX, PHONE_PATTERN
from shared.organisation.words import Model, Name, Title


class Supplier(Model):
    """A company whose work some tickets wait for."""

    name: Name
    title: Title
    calendar: Name | None = None
    """Its hours of service; None: they are not known."""
    email: Annotated[str, Field(pattern=EMAIL_PATTERN)] | None = None
    phone: Annotated[str, Field(pattern=PHONE_PATTERN)] | None = None
    contract: Annotated[str, Field(min_length=1, max_length=120)] | None = None
    """The reference under which it knows the organisation."""
    services: Annotated[tuple[Name, ...], Field(max_length=1_000)] = ()
    """What it works on."""


class SuppliersSection(Model):
    """The suppliers."""

    suppliers: Annotated[tuple[Supplier, ...], Field(max_length=ITEMS_MAX)] = ()
