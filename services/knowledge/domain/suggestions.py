"""Suggestions: what was found for a ticket, decided once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from services.knowledge.domain.words import words_of_query
from shared.aggregate import Aggregate
from shared.contracts.envelope import Body, Event
from shared.contracts.intake import RequestAccepted
from shared.contracts.knowledge import SUGGESTIONS_MAX, ArticlesSuggested, Suggestion
from shared.contracts.topics import SUGGESTIONS as SUGGESTIONS_TOPIC

TEXT_CHARACTERS_MAX: Final = 2_000
"""Of a ticket's text: what it is about is said in the beginning; the end is signatures."""
WORDS_MAX: Final = 60
"""Of a ticket that are searched for: each costs, and the first ones say most."""


class Suggested(BaseModel):
    """What was suggested for a ticket, best first."""

    model_config = ConfigDict(frozen=True)

    number: str
    suggestions: tuple[Suggestion, ...] = ()


def evolve(state: Suggested | None, event: Event[Any]) -> Suggested:
    """Return the suggestions after one of their own events."""
    match event.body:
        case ArticlesSuggested() as body:
            return Suggested(number=body.number, suggestions=body.suggestions)
        case _:
            return state or Suggested(number="")


def suggest(
    state: Suggested | None, event: Event[RequestAccepted], found: Sequence[Suggestion]
) -> Sequence[Body]:
    """Attach to a new ticket what was found for it, also where that is nothing; once."""
    if state is not None:
        return ()
    number = event.body.facts.number
    return (ArticlesSuggested(number=number, suggestions=tuple(found[:SUGGESTIONS_MAX])),)


def words_of_ticket(*, subject: str, text: str) -> list[str]:
    """Return the words to search for: those of the subject first, each once."""
    words = [*words_of_query(subject), *words_of_query(text[:TEXT_CHARACTERS_MAX])]
    return list(dict.fromkeys(words))[:WORDS_MAX]


SUGGESTIONS: Final = Aggregate(
    name="suggestions", topic=SUGGESTIONS_TOPIC, state=Suggested, evolve=evolve
)
"""One document per ticket."""
