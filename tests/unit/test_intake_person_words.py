from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.person_words import WORDS, asks_for_person


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PERSON", True),
        ("  a person, please. ", False),
        ("Person please!", True),
        ("\n\nperson\n\nI cannot find the button.", True),
        ("人工", True),
        ("转人工。", True),
        ("ｐｅｒｓｏｎ", True),
        ("“agent”", True),
        ("The person at the desk was nice", False),
        ("I am not a person", False),
        ("Thanks.\nPerson", False),
        ("", False),
        ("人工智能不能用", False),
    ],
)
def test_a_word_alone_in_the_first_line_asks_for_a_person(
    text: str,
    expected: bool,  # noqa: FBT001
) -> None:
    """The agreed words count, whatever their case, width and marks; a sentence never does."""
    assert asks_for_person(text) is expected


@given(st.sampled_from(sorted(WORDS)), st.text(max_size=50), st.sampled_from(["", "!", " 。"]))
def test_what_follows_the_first_line_does_not_matter(word: str, rest: str, mark: str) -> None:
    """Whatever is said below it."""
    assert asks_for_person(f"{word}{mark}\n{rest}")


@given(st.text(max_size=300))
def test_no_text_makes_it_fail(text: str) -> None:
    """Any text is a wish for a person, or none."""
    assert asks_for_person(text) in {True, False}
