"""Conditions: what compiles, what is met, and what a missing value means."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.expressions import (
    TEXT_LENGTH_MAX,
    Condition,
    ExpressionInvalid,
    FieldType,
    Position,
    compile_condition,
)
from tests.support.cost import TIMES_MAX, assert_grows_at_most, assert_linear

FIELDS: dict[str, FieldType] = {
    "kind": "string",
    "site": "string",
    "tier": "int",
    "share": "float",
    "vip": "bool",
    "tags": "strings",
    "at": "instant",
}
TICKET: dict[str, object] = {
    "kind": "incident",
    "tier": 2,
    "share": 0.5,
    "vip": False,
    "tags": ("vpn", "remote"),
    "at": datetime(2026, 3, 28, 12, tzinfo=UTC),
}


def condition(text: str) -> Condition:
    """Compile over the fields of these tests."""
    return compile_condition(text, FIELDS)


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ("true", True),
        ('kind == "incident" && tier <= 2', True),
        ('kind in ["change", "inquiry"]', False),
        ('"vpn" in tags && !vip', True),
        ('tags.exists(tag, tag.startsWith("rem"))', True),
        ('tags.all(tag, tag == "vpn")', False),
        ('kind.matches("^inc.*t$")', True),
        ("share > 0.25", True),
        ('at < timestamp("2026-03-29T01:00:00Z")', True),
        ('at.getDayOfWeek("Asia/Shanghai") == 6', True),
    ],
)
def test_a_condition_is_met_or_not(text: str, *, met: bool) -> None:
    """Texts, numbers, lists, patterns and instants are compared as they read."""
    assert condition(text)(TICKET) is met


@pytest.mark.parametrize(
    ("text", "met"),
    [
        ('site == "hq"', False),
        ('site != "hq"', False),
        ('!(site == "hq")', False),
        ('site == "hq" || tier == 2', True),
        ('tier == 2 || site == "hq"', True),
        ('site == "hq" && tier == 2', False),
        ('"site" in present', False),
        ('!("site" in present)', True),
        ('!("site" in present) || site == "hq"', True),
        ("tier / 0 == 1", False),
        ('tags[9] == "vpn"', False),
    ],
)
def test_what_is_missing_is_undecided_and_not_met(text: str, *, met: bool) -> None:
    """A value that is absent, or None, makes a comparison neither true nor false."""
    assert condition(text)(TICKET) is met
    assert condition(text)(TICKET | {"site": None}) is met


@pytest.mark.parametrize(
    ("text", "reason", "position"),
    [
        ("prio <= 2", "unknown field or function 'prio'", Position(1, 1)),
        ('kind == "a" &&\n  sight == "b"', "unknown field or function 'sight'", Position(2, 3)),
        ("open(kind)", "unknown field or function 'open'", Position(1, 5)),
        ('kind == "a" kind', "Syntax error", Position(1, 13)),
        ("tier ==", "Syntax error", Position(1, 8)),
        ('tier == "2"', "no matching overload", Position(1, 6)),
        ("site == null", "no matching overload", Position(1, 6)),
        ("", "Syntax error", Position(1, 1)),
        ("tier", "of type INT, not a boolean", None),
        ("null", "of type NULL, not a boolean", None),
        ("dyn(vip)", "of type DYN, not a boolean", None),
        ("kind == '\ud800'", "no Unicode text", None),
        ("(" * 100 + "true" + ")" * 100, "recursion limit", None),
        ("true || " * 1000 + "true", f"longer than {TEXT_LENGTH_MAX:,}", None),
    ],
)
def test_a_wrong_condition_is_refused_where_it_is_configured(
    text: str, reason: str, position: Position | None
) -> None:
    """Unknown fields, bad syntax and types that do not fit are errors with a place."""
    with pytest.raises(ExpressionInvalid, match=reason) as raised:
        condition(text)
    assert raised.value.position == position
    assert raised.value.text == text


@pytest.mark.parametrize("name", ["present", "Kind", "a-b", ""])
def test_fields_must_have_usable_names(name: str) -> None:
    """A reserved or impossible name is a defect of the caller."""
    with pytest.raises(ValueError, match="cannot be the name of a field"):
        compile_condition("true", {name: "string"})


@pytest.mark.parametrize(
    "values",
    [
        {"kind": 1},
        {"tier": "2"},
        {"tier": True},
        {"share": True},
        {"vip": 1},
        {"tags": "vpn"},
        {"tags": ["vpn", 1]},
        {"at": datetime(2026, 1, 1)},  # noqa: DTZ001
    ],
)
def test_a_value_of_another_type_is_a_defect(values: dict[str, object]) -> None:
    """The caller is told, rather than the condition quietly not being met."""
    with pytest.raises(TypeError, match="must be of type"):
        condition("true")(values)


def test_odd_values_are_taken() -> None:
    """Huge numbers, sets, half surrogates and fields that nobody declared do no harm."""
    assert condition("tier > 9000000000000000000")({"tier": 2**80})
    assert condition('"vpn" in tags')({"tags": {"vpn"}})
    assert condition('kind == "?"')({"kind": "\ud800"})
    assert condition("share == 2.0")({"share": 2, "undeclared": object()})


def test_equal_conditions_are_compiled_once() -> None:
    """The same text over the same fields is the same condition."""
    assert condition("vip") is condition("vip")
    assert repr(condition("vip")) == "Condition('vip')"


def test_work_is_bounded() -> None:
    """Nested loops run into the budget of iterations, and patterns cannot backtrack."""
    ten = "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]"

    def nested(names: str) -> Condition:
        text = "true"
        for name in names:
            text = f"{ten}.all({name}, {text})"
        return condition(text)

    # Ten to the eighth steps are a thousand times those of the fifth.
    deep, deeper = nested("abcde"), nested("abcdefgh")
    assert deeper({}) is False
    assert_grows_at_most(TIMES_MAX, lambda: deep({}), lambda: deeper({}))
    # A match that backtracks takes twice as long for each further letter.
    doubling = condition('kind.matches("^(a+)+$")')
    assert doubling({"kind": "a" * 5000 + "!"}) is False
    assert_linear(lambda text: doubling({"kind": text}), lambda n: "a" * n + "!", 40_000)


def test_evaluating_does_not_release_what_it_does_not_own() -> None:
    """The reference count of None stays, which a null result would lower (see the wrapper)."""
    conditions = [condition(text) for text in ("vip", 'site == "hq"', "null == null", "tier > 1")]
    for each in conditions:
        each(TICKET)
    before = sys.getrefcount(None)
    for each in conditions:
        for _ in range(5000):
            each(TICKET)
    assert sys.getrefcount(None) > before - 2000


WORDS = """
    kind tier tags vip site present == && || ! ( ) [ ] { } "a" 1 2u 1.5 null true in ? : - . % `
    .all(t, t .exists( size( matches( dyn( has( .x timestamp( duration( é 中
"""
words = st.sampled_from([*WORDS.split(), "\n", "\x00"])


@settings(max_examples=300, deadline=None)
@given(st.lists(words, max_size=20).map(" ".join) | st.text(max_size=60))
@example("!" * 4000)
@example("-" * 3990 + "1 == 1")
def test_any_text_is_refused_or_answers_with_a_boolean(text: str) -> None:
    """Whatever is written, compiling it refuses it properly or gives a condition that answers."""
    try:
        compiled = condition(text)
    except ExpressionInvalid:
        return
    assert compiled(TICKET) in (True, False)
    assert compiled({}) in (True, False)


maybe = st.one_of(st.none(), st.booleans())


@given(left=maybe, right=maybe)
def test_and_or_not_follow_three_valued_logic(*, left: bool | None, right: bool | None) -> None:
    """With None for undecided, the connectives are those of Kleene."""
    fields: dict[str, FieldType] = {"a": "bool", "b": "bool"}
    values = {"a": left, "b": right}
    both = compile_condition("a && b", fields)(values)
    either = compile_condition("a || b", fields)(values)
    neither = compile_condition("!(a || b)", fields)(values)
    assert both is (left is True and right is True)
    assert either is (left is True or right is True)
    assert neither is (left is False and right is False)
