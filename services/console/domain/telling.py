"""The lines of a timeline: what each event says to a person, in their language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from string import Formatter
from typing import Any

from pydantic import ValidationError

from services.console.domain.contact_sayings import say_contact
from services.console.domain.names import Names
from services.console.domain.projection import TOPICS, Row
from services.console.domain.sayings import Said, Scope, Tone, say
from services.console.domain.words import Words
from shared.contracts.envelope import Body
from shared.contracts.routing import Candidate, Explanation

SERVICE_OF = {topic.source: topic.owner for topic in TOPICS}


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of a sentence; ``at`` is an instant that the page shows in the viewer's time."""

    text: str
    strong: bool = False
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Considered:
    """A desk or agent that was considered, for the explanation of a choice."""

    name: str
    chosen: bool
    verdict: str


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of the timeline."""

    id: str
    at: datetime
    service: str
    icon: str
    tone: Tone
    pieces: tuple[Piece, ...]
    details: tuple[tuple[Piece, ...], ...] = ()
    considered: tuple[Considered, ...] = ()
    message: str | None = None
    """The message of intake that the event is about."""

    @property
    def text(self) -> str:
        """The sentence without its markup."""
        return "".join(piece.text for piece in self.pieces)


class Teller:
    """Tells a ticket's events. Knows the notices that earlier rows planned."""

    def __init__(self, *, words: Words, names: Names) -> None:
        self._scope = Scope(words=words, names=names)

    def tell(self, row: Row) -> Line:
        """Return the entry of one row; an event that cannot be read is told as such."""
        body = body_of(row)
        said = None
        if body is not None:
            said = say_contact(self._scope, body) or say(self._scope, body)
        if said is None:
            code = row.type.removeprefix("heliodesk.")
            said = Said("say.unknown", "dot", Tone.QUIET, {"type": code})
        details = [self._pieces(key, fields) for key, fields in said.details]
        considered: tuple[Considered, ...] = ()
        if said.explanation is not None:
            details.extend(self._because(said.explanation))
            considered = self._considered(said.explanation)
        return Line(
            id=row.id,
            at=row.at,
            service=SERVICE_OF.get(row.source, "unknown"),
            icon=said.icon,
            tone=said.tone,
            pieces=self._pieces(said.key, said.fields),
            details=tuple(details),
            considered=considered,
            message=said.message,
        )

    def _pieces(self, key: str, fields: Mapping[str, Any]) -> tuple[Piece, ...]:
        pieces: list[Piece] = []
        words = self._scope.words
        sentence = words.raw(words.counted(key, fields))
        for literal, name, _spec, _conversion in Formatter().parse(sentence):
            if literal:
                pieces.append(Piece(literal))
            if name is None:
                continue
            value = fields.get(name, "–")
            if isinstance(value, datetime):
                pieces.append(Piece(value.isoformat(), strong=True, at=value))
            else:
                pieces.append(Piece(str(value), strong=True))
        return tuple(pieces)

    def _because(self, explanation: Explanation) -> list[tuple[Piece, ...]]:
        because = self._decided(explanation)
        if explanation.policy:
            because.append(self._pieces("say.policy", {"policy": explanation.policy}))
            hours = {"during": explanation.during, "outside": explanation.outside}
            because += [
                self._pieces(f"say.policy.{which}", {"calendar": name})
                for which, name in hours.items()
                if name is not None
            ]
        shape = self._scope.word("shape", explanation.shape)
        fields = {"topology": explanation.topology, "shape": shape}
        because.append(self._pieces("say.explanation", fields))
        if explanation.left_out:
            left = [f"{self._scope.word('left', k)} {n}" for k, n in explanation.left_out.items()]
            because.append(self._pieces("say.left_out", {"reasons": " · ".join(left)}))
        return because

    def _decided(self, explanation: Explanation) -> list[tuple[Piece, ...]]:
        """Return what decided, in the reader's language where the event has a word for it."""
        chosen = next((c.name for c in explanation.candidates if c.chosen), None)
        of_desk = f"say.desk.{explanation.decided}"
        if chosen is not None and self._scope.words.has(of_desk):
            return [self._pieces(of_desk, {"desk": self._scope.names.group(chosen)})]
        key = f"say.decided.{explanation.decided}"
        if chosen is None or not self._scope.words.has(key):
            return [(Piece(explanation.rule),)] if explanation.rule else []
        if explanation.free == 1 and self._scope.words.has(f"{key}.one"):
            key = f"{key}.one"
        fields = {"agent": self._scope.names.agent(chosen), "free": explanation.free or 0}
        spoken = "say.spoken" if explanation.language else "say.unspoken"
        language = {"language": explanation.language} if explanation.language else {}
        return [self._pieces(key, fields), self._pieces(spoken, language)]

    def _considered(self, explanation: Explanation) -> tuple[Considered, ...]:
        def verdict(candidate: Candidate) -> str:
            if candidate.left_out:
                return self._scope.word("left", candidate.left_out)
            return "" if candidate.score is None else f"{candidate.score:.0%}"

        def name(code: str) -> str:
            names = self._scope.names
            known = names.desks.get(code) or names.queues.get(code) or names.agents.get(code)
            return known or code

        return tuple(
            Considered(name=name(c.name), chosen=c.chosen, verdict=verdict(c))
            for c in explanation.candidates
        )


def body_of(row: Row) -> Body | None:
    """Return a row's body as its model; None for a type or a shape that is unknown here."""
    for topic in TOPICS:
        model = topic.body(row.type)
        if model is not None and topic.source == row.source:
            try:
                return model.model_validate_json(row.body)
            except ValidationError:
                return None
    return None
