"""Section ``coverage``: which hours are promised, and to whom.

A promise is held against the calendars, rosters and leave of the same version
(`shared.coverage`). A version that leaves promised time uncovered is refused.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from shared.organisation.topologies import Scope
from shared.organisation.words import Language, Model, Name, PriorityName, Title

ALWAYS: Final = "always"
"""Instead of a calendar's name: every minute of every day."""


class PromiseScope(Scope):
    """Which requests a promise is for: those that fit each list that is not empty.

    Languages and skills ask: for each that is named somebody must be there who has it. Where
    none is named, anybody will do.
    """

    priorities: Annotated[tuple[PriorityName, ...], Field(max_length=5)] = ()
    languages: Annotated[tuple[Language, ...], Field(max_length=50)] = ()
    skills: Annotated[tuple[Name, ...], Field(max_length=200)] = ()


class Promise(Model):
    """Somebody is there for the requests of a scope, during some hours."""

    name: Name
    title: Title | None = None
    scope: PromiseScope = PromiseScope()
    hours: Name = ALWAYS
    """``always``, or the name of a calendar."""
    agents_min: Annotated[int, Field(ge=1, le=1_000)] = 1
    """Cover by fewer agents is thin. Cover by none is a gap, whatever stands here."""


class CoverageSection(Model):
    """The promises."""

    promises: Annotated[tuple[Promise, ...], Field(max_length=1_000)] = ()
