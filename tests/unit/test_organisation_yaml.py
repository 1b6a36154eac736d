"""YAML with line numbers, and what is refused of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.organisation.yaml_text import YamlInvalid, load_yaml


def test_values_and_their_lines_are_read() -> None:
    """Each key and each item has the line on which it stands."""
    document = load_yaml("desks:\n  - name: a\n    tier: 2\n\n  - {name: b}\n")
    assert document.content == {"desks": [{"name": "a", "tier": 2}, {"name": "b"}]}
    assert document.lines["desks", 0, "tier"] == 3
    assert document.lines["desks", 1, "name"] == 5


def test_plain_scalars_mean_what_they_look_like() -> None:
    """Countries, times of day and dates stay texts, unlike in YAML 1.1."""
    text = "[NO, on, 17:30, 09:30, 2026-01-01, 0x10, 010, 7, -7, 1.5, 1e3, true, ~, null, '7', '']"
    expected = ["NO", "on", "17:30", "09:30", "2026-01-01", "0x10", 10, 7, -7, 1.5, 1000.0]
    assert load_yaml(text).content == [*expected, True, None, None, "7", ""]


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "~"])
def test_an_empty_text_is_an_empty_mapping(text: str) -> None:
    """A file with comments only configures nothing."""
    assert load_yaml(text).content == {}


def test_aliases_repeat_what_they_name() -> None:
    """A list of days may be written once and used twice."""
    document = load_yaml("a: &days [1, 2]\nb: *days\n")
    assert document.content == {"a": [1, 2], "b": [1, 2]}


def laughs() -> str:
    """Return a text of ten lines that stands for a thousand million values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x]"]
    for level in range(1, 10):
        inside = ", ".join([f"*a{level - 1}"] * 8)
        lines.append(f"a{level}: &a{level} [{inside}]")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a: 1\nb: [", 2, "flow"),
        ("a: 1\na: 2\n", 2, "the key 'a' is given twice"),
        ("a: *b", 1, "names nothing"),
        ("a: &a [*a]", 1, "names nothing"),
        ("a: !!python/object:os.system x", 1, "tag"),
        ("a: !secret x", 1, "tag"),
        ("? [a]\n: 1\n", 1, "a key must be"),
        ("a: 1\n---\nb: 2\n", 2, "one document"),
        ("[" * 40 + "]" * 40, 1, "nested deeper"),
        ("[" * 200_000, 1, "nested deeper"),
        (laughs(), 6, "aliases included"),
        ("a: \x00", 1, "control characters"),
        ("a: '\ud800'", 1, "surrogates"),
        ("x" * 4_000_001, 1, "longer than"),
    ],
)
def test_what_is_no_safe_yaml_is_refused_with_its_line(text: str, line: int, reason: str) -> None:
    """Faults of syntax, doubled keys, tags, bombs and monsters name the line and the reason."""
    with pytest.raises(YamlInvalid, match=reason) as raised:
        load_yaml(text)
    assert raised.value.line == line


@given(st.text(alphabet="ab:-[]{}&*!#|>'\"%@`, \n\t?~1", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text fails in any other way than with a line and a reason."""
    try:
        load_yaml(text)
    except YamlInvalid as error:
        refused = error
    else:
        return
    assert 1 <= refused.line <= max(1, len(text.splitlines()))
    assert refused.reason
