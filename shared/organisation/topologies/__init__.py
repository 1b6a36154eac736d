"""Section ``topologies``: which desks take the work of which scope."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from shared.organisation.topologies.scope import ANY, Scope
from shared.organisation.topologies.shapes import (
    BusinessSupport,
    CallCentreMenu,
    CentralContactPoint,
    Centralized,
    Found,
    Hybrid,
    LocalContactPoint,
    MenuEntry,
    Overflow,
    Reference,
    SelfService,
    Topology,
    Virtual,
    Visits,
)
from shared.organisation.words import Model, Name

UNROUTED: Final = "unrouted"
"""Instead of a topology's name: none took the ticket, so that the fallback desk has it."""

BY_SUN: Final = frozenset({"virtual", "follow-the-sun"})
"""What a ticket's shape is called that moves with the sun, by both words that were ever stored."""


class TopologiesSection(Model):
    """Topologies in the order in which their scopes are tried.

    Required is that every ticket comes to somebody: either ``fallback`` is named, or the last
    topology has no scope and takes the rest.
    """

    topologies: Annotated[tuple[Topology, ...], Field(max_length=1_000)] = ()
    fallback: Name | None = None
    """The desk of what no topology's scope takes. It goes there with an alarm."""


__all__ = [
    "ANY",
    "BY_SUN",
    "UNROUTED",
    "BusinessSupport",
    "CallCentreMenu",
    "CentralContactPoint",
    "Centralized",
    "Found",
    "Hybrid",
    "LocalContactPoint",
    "MenuEntry",
    "Overflow",
    "Reference",
    "Scope",
    "SelfService",
    "TopologiesSection",
    "Topology",
    "Virtual",
    "Visits",
]
