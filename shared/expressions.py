"""The one expression language of rules and conditions: CEL, type-checked when it is configured.

A condition is an expression of the Common Expression Language over declared fields, such as
``priority in ["P1", "P2"] && service == "network" && !vip``. It has no loops without bounds, no
assignment, no access to anything but the fields, and regular expressions in linear time (RE2).

**Missing values.** A field without a value (absent or None) makes each comparison with it
*undecided*. ``&&`` and ``||`` decide without it where their other side does (``false && x`` is
false, ``true || x`` is true); the negation of undecided is undecided. A condition that stays
undecided is **not met**. So neither ``site == "hq"`` nor ``site != "hq"`` holds for a ticket
without a site. Ask with ``"site" in present``: the list ``present`` holds the names of the fields
that have a value. Other failures (a division by zero, an index out of range, more than 10,000
iterations) leave a condition undecided in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final, Literal, NamedTuple, assert_never

from cel_expr_python import cel

from shared.kernel import HeliodeskError

FieldType = Literal["string", "int", "float", "bool", "strings", "instant"]
"""``strings`` is a list of texts (list, tuple or set); ``instant`` an aware datetime."""

PRESENT: Final = "present"
"""Reserved field: the names of the fields that have a value."""

TEXT_LENGTH_MAX: Final = 4_000
"""Longest condition: one that a person can still read, and a bound on compiling."""

_INT_MIN: Final = -(2**63)
_INT_MAX: Final = 2**63 - 1
_PLACE = re.compile(r"ERROR: <input>:(\d+):(\d+): (.+)")
_STATUS = re.compile(r"^[A-Z_]+: | \[[A-Z_]+\]$")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Position(NamedTuple):
    """A place in an expression; both count from 1."""

    line: int
    column: int


class ExpressionInvalid(HeliodeskError, ValueError):
    """A condition cannot be compiled: bad syntax, an unknown field, or types that do not fit.

    It is a ValueError too, so that a pydantic validator reports it with the field's place.
    """

    def __init__(self, text: str, reason: str, position: Position | None = None) -> None:
        place = f" (line {position.line}, column {position.column})" if position else ""
        super().__init__(f"{reason}{place}")
        self.text = text
        self.reason = reason
        self.position = position


class Condition:
    """A compiled condition. Calling it with values says whether it is met.

    Invariants: it holds no state, and the same values give the same answer.
    """

    __slots__ = ("_compiled", "_fields", "text")

    def __init__(
        self, text: str, fields: tuple[tuple[str, FieldType], ...], compiled: cel.Expression
    ) -> None:
        self.text = text
        self._fields = fields
        self._compiled = compiled

    def __repr__(self) -> str:
        return f"Condition({self.text!r})"

    def __call__(self, values: Mapping[str, object]) -> bool:
        """Return whether the condition is met; undecided is False.

        Values of fields that are not declared are ignored.

        Raises:
            TypeError: a value is not of its field's type, which is a defect of the caller.
        """
        known: dict[str, object] = {}
        for name, kind in self._fields:
            value = values.get(name)
            if value is not None:
                known[name] = _converted(name, kind, value)
        known[PRESENT] = list(known)
        try:
            # An undecided expression evaluates to a value that is an error, and not True.
            return self._compiled.eval(data=known).value() is True
        except RuntimeError:
            # The budget of iterations is spent, which the library raises.
            return False


def compile_condition(text: str, fields: Mapping[str, FieldType]) -> Condition:
    """Compile a condition over declared fields; compiled ones are kept and shared.

    Args:
        text: a CEL expression that is a boolean, at most `TEXT_LENGTH_MAX` characters.
        fields: lower-case name to type. ``present`` is reserved.

    Raises:
        ExpressionInvalid: the text is not such an expression.
        ValueError: the declared fields are not valid, which is a defect of the caller.
    """
    return _compile(text, tuple(fields.items()))


@lru_cache(maxsize=4_096)
def _compile(text: str, fields: tuple[tuple[str, FieldType], ...]) -> Condition:
    if len(text) > TEXT_LENGTH_MAX:
        reason = f"the expression is longer than {TEXT_LENGTH_MAX:,} characters"
        raise ExpressionInvalid(text, reason)
    if not _encodable(text):
        raise ExpressionInvalid(text, "the expression holds a character that is no Unicode text")
    try:
        compiled = _environment(fields).compile(text)
    except RuntimeError as error:
        raise _explained(text, str(error)) from error
    # Only a boolean may be evaluated: a null result would also trip over a reference-count defect
    # of cel-expr-python 0.1.3 (`Value.value()` of a null releases a None that it does not own).
    if compiled.return_type() != cel.Type.BOOL:
        reason = f"the expression is of type {compiled.return_type().name()}, not a boolean"
        raise ExpressionInvalid(text, reason)
    return Condition(text, fields, compiled)


@lru_cache(maxsize=64)
def _environment(fields: tuple[tuple[str, FieldType], ...]) -> cel.Env:
    for name, _ in fields:
        if name == PRESENT or _NAME.fullmatch(name) is None:
            message = f"{name!r} cannot be the name of a field"
            raise ValueError(message)
    declared = {name: _declared(kind) for name, kind in fields}
    return cel.NewEnv(variables=declared | {PRESENT: cel.Type.List(cel.Type.STRING)})


def _declared(kind: FieldType) -> cel.Type:
    match kind:
        case "string":
            return cel.Type.STRING
        case "int":
            return cel.Type.INT
        case "float":
            return cel.Type.DOUBLE
        case "bool":
            return cel.Type.BOOL
        case "strings":
            return cel.Type.List(cel.Type.STRING)
        case "instant":
            return cel.Type.TIMESTAMP
    assert_never(kind)


def _explained(text: str, raw: str) -> ExpressionInvalid:
    """Turn the library's report into the first reason and its place."""
    found = _PLACE.search(raw)
    if found is None:
        return ExpressionInvalid(text, _STATUS.sub("", raw.splitlines()[0]))
    reason = _STATUS.sub("", found[3]).replace(" (in container '')", "")
    unknown = re.fullmatch(r"undeclared reference to '(.+)'", reason)
    if unknown is not None:
        reason = f"unknown field or function {unknown[1]!r}"
    return ExpressionInvalid(text, reason, Position(int(found[1]), int(found[2])))


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _text(value: str) -> str:
    """Return a text that the library can take: half a surrogate pair becomes a question mark."""
    if value.isascii() or _encodable(value):
        return value
    return value.encode(errors="replace").decode()


def _string(value: object) -> str | None:
    return _text(value) if isinstance(value, str) else None


def _bool(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _int(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return min(max(value, _INT_MIN), _INT_MAX)


def _float(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value)


def _strings(value: object) -> list[str] | None:
    if not isinstance(value, (list, tuple, set, frozenset)):
        return None
    texts = [_text(item) for item in value if isinstance(item, str)]
    return texts if len(texts) == len(value) else None


def _instant(value: object) -> datetime | None:
    return value if isinstance(value, datetime) and value.tzinfo is not None else None


_CONVERTERS: Final[Mapping[FieldType, Callable[[object], object]]] = {
    "string": _string,
    "bool": _bool,
    "int": _int,
    "float": _float,
    "strings": _strings,
    "instant": _instant,
}


def _converted(name: str, kind: FieldType, value: object) -> object:
    """Return a value as the library takes it, or refuse one that is of another type."""
    converted = _CONVERTERS[kind](value)
    if converted is None:
        message = f"the value of {name} must be of type {kind}, not {type(value).__name__}"
        raise TypeError(message)
    return converted
