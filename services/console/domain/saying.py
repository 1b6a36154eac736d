"""What a sentence of the timeline is made of, for every kind of event."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from services.console.domain.names import Names
from services.console.domain.words import Words
from shared.contracts import links, notify, routing

ACTORS = ("system", "monitoring", "contact")
"""Who acts without being an agent."""

Details = list[tuple[str, Mapping[str, Any]]]


class Tone(StrEnum):
    """How an event feels."""

    PLAIN = "plain"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True)
class Scope:
    """Whom to call what, in which language, and the notices that earlier events planned."""

    words: Words
    names: Names
    notices: dict[str, notify.NoticePlanned] = field(default_factory=dict)

    def word(self, group: str, code: str) -> str:
        """Return the word for a code."""
        return self.words.code(group, code)

    def actor(self, code: str) -> str:
        """Return the name of who acted."""
        return self.word("actor", code) if code in ACTORS else self.names.agent(code)


@dataclass(frozen=True, slots=True)
class Said:
    """What a line of the timeline is made of."""

    key: str
    icon: str
    tone: Tone = Tone.PLAIN
    fields: Mapping[str, Any] = field(default_factory=dict)
    details: Sequence[tuple[str, Mapping[str, Any]]] = ()
    explanation: routing.Explanation | None = None
    message: str | None = None


def stand(scope: Scope, body: routing.TicketEvent) -> dict[str, Any]:
    """Return where a ticket stands, in the words of people."""
    return {
        "desk": scope.names.desk(body.desk),
        "agent": scope.names.agent(body.agent),
        "by": scope.actor(body.by),
        "tier": body.tier,
        "priority": body.facts.priority.value,
    }


def link_said(key: str, icon: str) -> Callable[[Scope, Any], Said]:
    """Return how a deed on tickets is told: by whom, and of how many others it speaks."""

    def tell(scope: Scope, body: links.LinkEvent) -> Said:
        children = getattr(body, "children", ())
        fields = {"by": scope.actor(body.by), "count": len(children)}
        return Said(f"say.link.{key}", icon, Tone.PLAIN, fields)

    return tell
