"""What is asked of a ticket to know which policies and agreements are for it.

A question answers True, False, or None where what is known of the ticket does not decide it yet,
or where the answer hangs on a text that nobody can list.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Final, Protocol

from shared.condition_reading import ANOTHER, read_condition
from shared.expressions import TEXT_LENGTH_MAX, Condition, compile_condition
from shared.organisation import TICKET_FIELDS, Scope
from shared.organisation.topologies.scope import list_takes

Value = str | int | bool | tuple[str, ...] | None
Facts = Mapping[str, Value]
"""Field to value; a field that is absent is not known yet, None is a ticket without a value."""


class Question(Protocol):
    """A question about a ticket."""

    @property
    def fields(self) -> Collection[str]:
        """The fields that may decide it, in a fixed order."""

    @property
    def named(self) -> Mapping[str, Collection[str]]:
        """Field to the texts that it knows."""

    @property
    def exact(self) -> Collection[str]:
        """Fields of which it may tell any two texts apart."""

    def __call__(self, facts: Facts) -> bool | None:
        """Return the answer as far as these facts decide it."""


class Asks:
    """Whether a ticket meets a condition.

    A condition that has a value, whatever the missing fields are, keeps it: CEL decides ``&&``
    and ``||`` without what is missing where it can.
    """

    def __init__(self, text: str, desk: Mapping[str, Value] | None = None) -> None:
        """Prepare a condition.

        Args:
            text: compiles over `TICKET_FIELDS`.
            desk: fields that are known whatever the ticket is, such as the desk that holds it.
        """
        reading = read_condition(text, TICKET_FIELDS)
        self._fixed = dict(desk or {})
        self.fields = tuple(
            f for f in TICKET_FIELDS if f in reading.fields and f not in self._fixed
        )
        self.named = {f: n for f, n in reading.named.items() if f in self.fields}
        self.exact = () if reading.is_plain else self.fields
        self._asks_present = reading.asks_present
        self._is_met = compile_condition(text, TICKET_FIELDS)
        self._is_not = _negated(text)
        self._known: dict[tuple[object, ...], bool | None] = {}

    def __call__(self, facts: Facts) -> bool | None:
        """Return whether the condition is met."""
        key = tuple(facts.get(f, ...) for f in self.fields)
        if key not in self._known:
            self._known[key] = self._answer(key)
        return self._known[key]

    def _answer(self, key: Sequence[object]) -> bool | None:
        given = dict(zip(self.fields, key, strict=True))
        open_fields = [f for f, v in given.items() if v is ...]
        if self.exact:
            open_fields += [f for f, v in given.items() if v == ANOTHER or _has_another(v)]
        if open_fields and self._asks_present:
            return None
        known = {f: v for f, v in given.items() if f not in open_fields} | self._fixed
        tags = known.get("tags")
        if isinstance(tags, tuple):
            known["tags"] = tuple(tag for tag in tags if tag != ANOTHER)
        if self._is_met(known):
            return True
        if not open_fields:
            return False
        return False if self._is_not is not None and self._is_not(known) else None


def _has_another(value: object) -> bool:
    return isinstance(value, tuple) and ANOTHER in value


@lru_cache(maxsize=4_096)
def _negated(text: str) -> Condition | None:
    """Return the condition's contrary; None where it would be too long."""
    negated = f"!({text}\n)"
    return compile_condition(negated, TICKET_FIELDS) if len(negated) <= TEXT_LENGTH_MAX else None


_SCOPE_FIELDS: Final = {
    "region": "regions",
    "site": "sites",
    "country": "countries",
    "business": "businesses",
    "service": "services",
    "channel": "channels",
}


class InScope:
    """Whether a ticket is in a scope."""

    exact: tuple[str, ...] = ()

    def __init__(self, scope: Scope) -> None:
        self._lists: dict[str, tuple[str, ...]] = {
            field: wanted
            for field, name in _SCOPE_FIELDS.items()
            if (wanted := getattr(scope, name))
        }
        self.fields = tuple(self._lists)
        self.named = {f: frozenset(w) - {ANOTHER} for f, w in self._lists.items()}

    def __call__(self, facts: Facts) -> bool | None:
        """Return whether it is."""
        answer: bool | None = True
        for field, wanted in self._lists.items():
            value = facts.get(field, ...)
            if value is ...:
                answer = None
            elif not list_takes(wanted, value if isinstance(value, str) else None):
                return False
        return answer


class OneOf:
    """Whether a field has one of some values."""

    exact: tuple[str, ...] = ()

    def __init__(self, field: str, values: Collection[str]) -> None:
        self.fields = (field,)
        self.named = {field: frozenset(values)}

    def __call__(self, facts: Facts) -> bool | None:
        """Return whether it has."""
        value = facts.get(self.fields[0], ...)
        return None if value is ... else value in self.named[self.fields[0]]


class Both:
    """Whether all of some questions are answered with yes."""

    def __init__(self, *parts: Question) -> None:
        self._parts = parts
        self.fields = tuple(dict.fromkeys(f for part in parts for f in part.fields))
        named: dict[str, frozenset[str]] = {}
        for part in parts:
            for field, texts in part.named.items():
                named[field] = named.get(field, frozenset()) | frozenset(texts)
        self.named = named
        self.exact = tuple(dict.fromkeys(f for part in parts for f in part.exact))

    def __call__(self, facts: Facts) -> bool | None:
        """Return the answer: no where one says no."""
        answer: bool | None = True
        for part in self._parts:
            match part(facts):
                case False:
                    return False
                case None:
                    answer = None
        return answer
