"""The kinds of ticket that an organisation can have, as far as questions tell them apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final, get_args

from shared.condition_reading import ANOTHER
from shared.organisation import TICKET_FIELDS, Configuration
from shared.organisation.topology_checks import places_of
from shared.organisation.words import LEVELS, PRIORITIES, ChannelName, KindName
from shared.service_levels.questions import Facts, Question, Value

STEPS_MAX: Final = 50_000
"""Parts of a search; a search that needs more is given up, which is said."""
TAGS_MAX: Final = 8
"""Tags whose every combination is tried; of more, those of two at most."""

PLACE: Final = ("region", "site", "country")
HOLDER: Final = ("desk", "tier")
_ALWAYS: Final[Mapping[str, tuple[Value, ...]]] = {
    "kind": get_args(KindName),
    "channel": get_args(ChannelName),
    "priority": PRIORITIES,
    "impact": LEVELS,
    "urgency": LEVELS,
    "vip": (False, True),
}
"""Fields that every ticket has."""


class SearchTooLong(Exception):
    """There are more kinds of ticket than a search looks at."""


@dataclass(frozen=True)
class Choice:
    """One way in which a ticket can be; ``stands_for`` are all the ways like it, in words."""

    facts: Mapping[str, Value]
    stands_for: tuple[str, ...]


@dataclass(frozen=True)
class Found:
    """A kind of ticket, and how it answers the questions; None is an answer that stays open."""

    choices: Mapping[str, Choice]
    """Part of a ticket (a field, ``place`` or ``holder``) to what it is; others do not matter."""
    answers: tuple[bool | None, ...]

    @property
    def facts(self) -> dict[str, Value]:
        """The fields that matter."""
        return {f: v for choice in self.choices.values() for f, v in choice.facts.items()}


class Tickets:
    """Every kind of ticket of an organisation that some questions can tell apart."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        organisation = configuration.organisation
        services = tuple(s.name for s in configuration.catalogue.services)
        categories = configuration.intake.classification.categories
        self._listed: dict[str, tuple[Value, ...]] = {
            **_ALWAYS,
            "service": (*services, None) if services else (ANOTHER, None),
            "category": (*categories, ANOTHER, None),
            "business": (*(b.name for b in organisation.businesses), None),
            "language": (*organisation.languages, ANOTHER, None),
            "integration": (*(i.name for i in configuration.integrations.integrations), None),
        }
        """The last of ``service`` and so on is a ticket without."""

    def search(
        self,
        questions: Sequence[Question],
        *,
        stop: Callable[[Sequence[bool | None]], bool],
        given: Facts | None = None,
    ) -> Iterator[Found]:
        """Yield kinds of ticket that together are all, but for those at which it stops.

        Args:
            questions: what is asked.
            stop: whether answers, as far as they are known, make a kind of no interest.
            given: facts that are so of every ticket.

        Raises:
            SearchTooLong: after `STEPS_MAX` parts.
        """
        parts = self._parts(questions, given or {})
        of_field = {field: part for part, choices in parts.items() for field in choices[0].facts}
        budget = [STEPS_MAX]

        def look(choices: dict[str, Choice], facts: dict[str, Value]) -> Iterator[Found]:
            budget[0] -= 1
            if budget[0] < 0:
                raise SearchTooLong
            answers = tuple(question(facts) for question in questions)
            if stop(answers):
                return
            part = next(
                (
                    of_field[field]
                    for question, answer in zip(questions, answers, strict=True)
                    if answer is None
                    for field in question.fields
                    if field not in facts
                ),
                None,
            )
            if part is None:
                yield Found(choices, answers)
                return
            for choice in parts[part]:
                yield from look({**choices, part: choice}, {**facts, **choice.facts})

        yield from look({}, dict(given or {}))

    def _parts(self, questions: Sequence[Question], given: Facts) -> dict[str, list[Choice]]:
        asked = {f for question in questions for f in question.fields} - set(given)
        named: dict[str, set[str]] = {}
        for question in questions:
            for field, texts in question.named.items():
                named.setdefault(field, set()).update(texts)
        exact = {f for question in questions for f in question.exact}
        parts: dict[str, list[Choice]] = {}
        for field in TICKET_FIELDS:
            if field not in asked:
                continue
            if field in PLACE:
                parts.setdefault("place", self._places(asked, named, exact))
            elif field in HOLDER:
                parts.setdefault("holder", self._holders(asked, named, exact))
            elif field == "tags":
                parts[field] = _tags(named.get(field, set()), is_open=field in exact)
            else:
                parts[field] = self._of(field, named.get(field, set()), is_exact=field in exact)
        return parts

    def _of(self, field: str, named: set[str], *, is_exact: bool) -> list[Choice]:
        values = self._listed[field]
        if ANOTHER in values:
            values = tuple(dict.fromkeys((*sorted(named), *values)))
        return _grouped([({field: value}, _word(value)) for value in values], named, exact=is_exact)

    def _places(
        self, asked: set[str], named: Mapping[str, set[str]], exact: set[str]
    ) -> list[Choice]:
        fields = [f for f in PLACE if f in asked]
        found: dict[tuple[Value, ...], tuple[dict[str, Value], list[str]]] = {}
        for place in places_of(self._configuration):
            facts: dict[str, Value] = dict(zip(PLACE, place, strict=True))
            key = tuple(_letter(facts[f], named.get(f, set()), exact=f in exact) for f in fields)
            region, site, _ = place
            word = f"site {site}" if site else f"region {region}" if region else "no place"
            found.setdefault(key, (facts, []))[1].append(word)
        return [Choice(facts, tuple(words)) for facts, words in found.values()]

    def _holders(
        self, asked: set[str], named: Mapping[str, set[str]], exact: set[str]
    ) -> list[Choice]:
        found: dict[tuple[Value, ...], tuple[dict[str, Value], list[str]]] = {}
        for desk in self._configuration.desks.desks:
            facts: dict[str, Value] = {"desk": desk.name, "tier": desk.tier}
            letter = _letter(desk.name, named.get("desk", set()), exact="desk" in exact)
            key = (letter if "desk" in asked else None, desk.tier if "tier" in asked else None)
            found.setdefault(key, (facts, []))[1].append(f"desk {desk.name}")
        return [Choice(facts, tuple(words)) for facts, words in found.values()]


def _letter(value: Value, named: set[str], *, exact: bool) -> Value:
    """Return what tells a value from others as far as questions can."""
    return value if value is None or exact or value in named else ANOTHER


def _word(value: Value) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "any other" if value == ANOTHER else str(value)


def _grouped(
    values: Sequence[tuple[dict[str, Value], str]], named: set[str], *, exact: bool
) -> list[Choice]:
    """Return the values, those that no question tells apart as one."""
    found: dict[Value, tuple[dict[str, Value], list[str]]] = {}
    for facts, word in values:
        (value,) = facts.values()
        alike = value if isinstance(value, bool) else _letter(value, named, exact=exact)
        found.setdefault(alike, (facts, []))[1].append(word)
    return [Choice(facts, tuple(words)) for facts, words in found.values()]


def _tags(named: set[str], *, is_open: bool) -> list[Choice]:
    """Return which of the named tags a ticket has, of many two at most, and others besides."""
    most = len(named) if len(named) <= TAGS_MAX else 2
    sets = [chosen for size in range(most + 1) for chosen in combinations(sorted(named), size)]
    choices = [Choice({"tags": chosen}, (", ".join(chosen) or "none",)) for chosen in sets]
    if is_open:
        choices += [
            Choice({"tags": (*chosen, ANOTHER)}, (", ".join((*chosen, "any other")),))
            for chosen in sets
        ]
    return choices
