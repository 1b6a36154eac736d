"""What each level of staffing may do, and how much it is expected to solve itself.

The level is the agent's own, or that of the desk. Who is no agent of the configuration, such as
an administrator, is not held to any.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from shared.contracts.routing import TicketResolved
from shared.kernel import CommandRejected
from shared.organisation import Configuration, LifecycleSection, UnknownName
from shared.organisation.words import StaffingName


class Deed(StrEnum):
    """The commands that a level decides on; all others are open to everybody."""

    START = "start"
    RESOLVE = "resolve"


class Need(StrEnum):
    """What a deed asks of a level."""

    NOTHING = "nothing"
    NEVER = "never"
    STANDARD_CODE = "standard-code"
    """A code of the section's ``standard_codes``: work by standard procedure."""
    ARTICLE = "article"
    """The article that documents the solution, where the section asks for it."""


NEEDS: Final[Mapping[StaffingName, Mapping[Deed, Need]]] = {
    "call-operator": {Deed.START: Need.NEVER, Deed.RESOLVE: Need.NEVER},
    "logger": {Deed.START: Need.NOTHING, Deed.RESOLVE: Need.STANDARD_CODE},
    "skilled": {Deed.START: Need.NOTHING, Deed.RESOLVE: Need.ARTICLE},
    "expert": {Deed.START: Need.NOTHING, Deed.RESOLVE: Need.NOTHING},
}
"""Level to deed to what it needs."""


def level_of(configuration: Configuration, agent: str, desk: str) -> StaffingName | None:
    """Return the level of an agent at a desk; None of who is no agent.

    An agent who helps out at a desk that they do not serve has the level of their own first desk.
    """
    try:
        found = configuration.agent(agent)
    except UnknownName:
        return None
    if found.staffing is not None:
        return found.staffing
    for name in (desk, *found.desks) if desk in found.desks else found.desks:
        try:
            return configuration.desk(name).staffing
        except UnknownName:
            continue
    return None


def require_level(
    level: StaffingName | None,
    deed: Deed,
    section: LifecycleSection,
    *,
    code: str = "",
    article: str | None = None,
) -> None:
    """Refuse what a level may not do.

    Raises:
        CommandRejected: 403 ``level``, saying what is open instead; 422 ``article-missing``.
    """
    need = Need.NOTHING if level is None else NEEDS[level][deed]
    match need:
        case Need.NOTHING:
            return
        case Need.NEVER:
            reason = "a call operator records and passes on: transfer it or escalate it"
            raise CommandRejected("level", reason, status=403)
        case Need.STANDARD_CODE if code not in section.standard_codes:
            codes = ", ".join(section.standard_codes) or "none is configured"
            reason = f"a logger solves by standard procedure ({codes}): use its code, or transfer"
            raise CommandRejected("level", reason, field="code", status=403)
        case Need.ARTICLE if section.require_article and article is None:
            reason = "name the article that documents the solution, or transfer it"
            raise CommandRejected("article-missing", reason, field="article", status=422)
        case _:
            return


@dataclass(frozen=True, slots=True)
class FirstLine:
    """How much a desk solved itself, beside what its level is expected to."""

    resolved: int
    first_line: int
    expected: float

    @property
    def rate(self) -> float | None:
        """The share that it solved itself; None where nothing was resolved."""
        return self.first_line / self.resolved if self.resolved else None


def first_line_of(
    configuration: Configuration, desk: str, resolutions: Iterable[TicketResolved]
) -> FirstLine:
    """Count the first-line rate of a desk from its resolutions.

    Raises:
        UnknownName: there is no such desk.
    """
    level = configuration.desk(desk).staffing
    found = [body for body in resolutions if body.desk == desk]
    return FirstLine(
        resolved=len(found),
        first_line=sum(body.first_line for body in found),
        expected=configuration.lifecycle.first_line_of(level),
    )
