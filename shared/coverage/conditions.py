"""Which requests the conditions of routing rules can tell apart, and which rule takes which.

Most conditions only compare fields with texts that they name. For those, every text that no
condition names stands for all others like it. A condition that does more, such as one with a
function, tells every known value apart; of a field whose values nobody can list, what it says
about the others stays open, and the rule *may* match.

Tags are looked at as the sets of those that conditions name: a request may have any of them.

Rules with hours count by calendars. Whether one is open is looked at like a field of the request,
under a name of its own (`hours_field`), and the answer then holds for that time alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice, product
from itertools import combinations as subsets
from math import prod
from typing import Final, get_args

from shared.condition_reading import read_condition
from shared.expressions import Condition
from shared.organisation import ROUTING_FIELDS, Configuration
from shared.organisation.routing_rules import Course, RuleBook
from shared.organisation.topologies.scope import ANY
from shared.organisation.words import LEVELS, PRIORITIES, KindName

COMBINATIONS_MAX: Final = 4_096
"""Values of undecided fields together, for one kind of request; beyond, the rule stays open."""

BY_SCOPE: Final = frozenset(
    {"channel", "service", "region", "site", "business", "country", "desk", "tier", "queue"}
)
"""What is known of a request by its scope, and by the desk that holds it."""
OPEN: Final = frozenset({"category", "configuration_item", "contact_level", "integration"})
"""Fields that may hold texts of which the configuration says nothing, or none."""

TAGS: Final = "tags"
"""Of the fields this one always has a value, if an empty one."""

Value = str | int | bool | tuple[str, ...] | None
Facts = dict[str, Value]


def hours_field(calendar: str) -> str:
    """Return the name under which it is looked at whether a calendar is open."""
    return f"hours:{calendar}"


class Rule:
    """One rule, asked only once of the same values of the fields at which it looks."""

    def __init__(self, condition: Condition, course: Course) -> None:
        self.course = course
        self._condition = condition
        self.reading = read_condition(condition.text, ROUTING_FIELDS)
        self.hours = tuple((hours_field(name), wanted) for name, wanted in course.rule.hours)
        """By field, whether the calendar must be open."""
        # That they have a value may be asked of all fields, and is known of tags.
        without = set() if TAGS in condition.text else {TAGS}
        self.fields = tuple(f for f in ROUTING_FIELDS if f in self.reading.fields - without)
        self._known: dict[tuple[Value, ...], bool | None] = {}

    def takes(self, facts: Mapping[str, Value]) -> bool | None:
        """Return whether a rule takes a request; None: that depends on a text nobody can list."""
        if any(facts.get(field) is not wanted for field, wanted in self.hours):
            return False
        key = tuple(facts.get(name) for name in self.fields)
        if key not in self._known:
            values = {f: v for f, v in zip(self.fields, key, strict=True) if v is not None}
            values.setdefault(TAGS, ())
            is_open = not self.reading.is_plain and (ANY in values.values() or TAGS in self.fields)
            self._known[key] = None if is_open else self._condition(values)
        return self._known[key]


@dataclass(frozen=True)
class Choices:
    """The values of a field that conditions can tell apart, each with those it stands for."""

    field: str
    members: Mapping[Value, tuple[Value, ...]]


class Rulings:
    """Which rules of a configuration may take which requests."""

    def __init__(self, configuration: Configuration) -> None:
        self.book = RuleBook(configuration.routing)
        self.rules = tuple(Rule(condition, course) for condition, course in self.book.rules)
        self.default = self.book.default
        self._configuration = configuration
        readings = [rule.reading for rule in self.rules]
        self.fields = frozenset(f for reading in readings for f in reading.fields)
        self._named = {
            name: frozenset(t for reading in readings for t in reading.named.get(name, ()))
            for name in ROUTING_FIELDS
        }
        self._exact = frozenset(f for r in readings if not r.is_plain for f in r.fields)
        self.hours_fields = frozenset(f for rule in self.rules for f, _ in rule.hours)
        self._weighed = frozenset(configuration.routing.weights)
        self._graded = any(said.reserves for said in configuration.routing.desks.values())

    def named(self, field: str) -> list[str]:
        """Return the texts with which conditions compare a field."""
        return sorted(self._named[field])

    def letter(self, field: str, value: Value) -> Value:
        """Return what tells a value of a field from others, as far as conditions can."""
        if field not in self.fields:
            return None
        if value is None or field in self._exact or value in self._named[field]:
            return value
        return ANY

    def choices(self, field: str, language: str | None = None) -> Choices:
        """Return the values of a field that no scope decides."""
        if field == "language" and language is not None:
            only: dict[Value, tuple[Value, ...]] = {language: (language,)}
            return Choices(field, only)
        if field == TAGS:
            return Choices(field, {tags: (tags,) for tags in self._tag_sets()})
        if field in self.hours_fields:
            return Choices(field, {is_open: (is_open,) for is_open in (True, False)})
        known = self._known(field)
        if field in OPEN:
            known = tuple(dict.fromkeys((*known, *self.named(field), ANY, None)))
        weighs = self._weighed if field == "kind" else frozenset[KindName]()
        # Reserves tell every priority apart.
        each = field == "language" or (field == "priority" and self._graded)
        if each or field in self._exact:
            return Choices(field, {value: (value,) for value in known})
        alone: set[Value] = {
            value for value in known if value in self._named[field] or value in weighs
        }
        alone |= {value for value in known if value is None or isinstance(value, bool)}
        members: dict[Value, tuple[Value, ...]] = {value: (value,) for value in known}
        others = tuple(value for value in known if value not in alone)
        if others:
            stands = ANY if ANY in others else others[0]
            members = {v: m for v, m in members.items() if v in alone} | {stands: others}
        return Choices(field, members)

    def _tag_sets(self) -> Iterator[tuple[str, ...]]:
        """Return every set of the tags that conditions name, or one more than are looked at."""
        named = self.named(TAGS)
        sets = (subsets(named, size) for size in range(len(named) + 1))
        return islice(chain.from_iterable(sets), COMBINATIONS_MAX + 1)

    def _known(self, field: str) -> tuple[Value, ...]:
        configuration = self._configuration
        known: dict[str, tuple[Value, ...]] = {
            "kind": get_args(KindName),
            "priority": PRIORITIES,
            "impact": LEVELS,
            "urgency": LEVELS,
            "vip": (False, True),
            "reopened": (False, True),
            "language": configuration.organisation.languages,
            "category": configuration.intake.classification.categories,
            "configuration_item": tuple(item.name for item in configuration.catalogue.items),
            "integration": tuple(i.name for i in configuration.integrations.integrations),
        }
        return known.get(field, ())

    def possible(self, facts: Mapping[str, Value], rules: Sequence[Rule]) -> tuple[Course, ...]:
        """Return the rule that takes a request of known facts; several where that is open."""
        found: list[Course] = []
        for rule in rules:
            verdict = rule.takes(facts)
            if verdict is not False:
                found.append(rule.course)
            if verdict:
                return tuple(found)
        return (*found, self.default)

    def relevant(self, facts: Mapping[str, Value], language: str | None) -> list[Rule]:
        """Return the rules that may take a request of which only the scope is known, in order."""
        found: list[Rule] = []
        for rule in self.rules:
            unknown = [f for f in rule.fields if f not in BY_SCOPE]
            unknown += [field for field, _ in rule.hours]
            combined = combinations([self.choices(field, language) for field in unknown])
            if combined is None:
                found.append(rule)
                continue
            verdicts = {rule.takes({**facts, **more}) for more in combined}
            if verdicts != {False}:
                found.append(rule)
            if verdicts == {True}:
                break
        return found


def combinations(choices: Sequence[Choices]) -> list[Facts] | None:
    """Return every combination of values; None where there are too many to look at."""
    if prod(len(each.members) for each in choices) > COMBINATIONS_MAX:
        return None
    names = [each.field for each in choices]
    return [
        dict(zip(names, values, strict=True)) for values in product(*(c.members for c in choices))
    ]
