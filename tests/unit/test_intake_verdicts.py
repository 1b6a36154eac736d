from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.verdicts import (
    COURTESIES,
    DISSATISFIED,
    SATISFIED,
    verdict_of,
)
from shared.contracts.intake import ReplyVerdict

YES, NO = ReplyVerdict.SATISFIED, ReplyVerdict.DISSATISFIED


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("Solved", YES),
        ("works now, thanks!", YES),
        ("Works now thanks", YES),
        ("Hi,\n\nit's fixed.\n\nThank you\nAda", YES),
        ("Yes, it works now. You can close the ticket.\n-- \nAda King\nHead of numbers", YES),
        ("已解决", YES),
        ("已解决，谢谢！", YES),
        ("已经解决了谢谢", YES),
        ("您好，问题解决了。", YES),
        ("Not yet.", NO),
        ("Unfortunately, it still doesn't work", NO),
        ("还是不行", NO),
        ("没有解决，谢谢", NO),
        ("Thanks", None),
        ("谢谢", None),
        ("Solved?", None),
        ("解决了吗？", None),
        ("Solved, but now the printer is dark", None),
        ("Solved. Still broken.", None),
        ("It will be solved", None),
        ("not solved by that, works now", None),
        ("no", None),
        ("yes", None),
        ("Solved " * 40, None),
        ("", None),
        ("已解决了一部分", None),
    ],
)
def test_a_whole_message_says_solved_or_not(text: str, verdict: ReplyVerdict | None) -> None:
    """Courtesies and the author's own name do not matter; everything else makes it a message."""
    assert verdict_of(text, author="Ada King") is verdict


def test_a_file_or_a_strangers_name_makes_it_a_message() -> None:
    """What came with it has to be looked at, and a word that is no name says something."""
    assert verdict_of("Solved", has_files=True) is None
    assert verdict_of("Solved\nBob", author="Ada King") is None


def test_no_word_says_both() -> None:
    """And no courtesy says anything."""
    assert not SATISFIED & DISSATISFIED
    assert not (SATISFIED | DISSATISFIED) & COURTESIES


@given(st.sampled_from(sorted(SATISFIED)), st.sampled_from(sorted(DISSATISFIED)))
def test_who_says_both_says_neither(good: str, bad: str) -> None:
    """In whatever order, and each word alone says its own."""
    assert (verdict_of(good), verdict_of(bad)) == (YES, NO)
    assert verdict_of(f"{good}. {bad}") is None
    assert verdict_of(f"{bad}\n{good}") is None


@given(st.text(max_size=300), st.text(max_size=20))
def test_any_text_can_be_read(text: str, author: str) -> None:
    """Whatever is written, nothing raises; what says solved has one of the words in it."""
    found = verdict_of(text, author=author)
    if found is not None:
        assert len(text.strip()) > 0
