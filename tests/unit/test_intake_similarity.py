"""Whether two texts are the same but for little."""

from __future__ import annotations

import pytest

from services.intake.domain.similarity import base_subject, is_copy, similarity, words_of

TEXT = "The printer on the third floor prints nothing but empty pages since this morning"


@pytest.mark.parametrize(
    ("subject", "base"),
    [
        ("Re: AW: [staff] Fwd: Screen  Dark", "screen dark"),
        ("Re[2]: x", "x"),
        ("回复：打印机", "打印机"),
        ("Report: x", "report: x"),
    ],
)
def test_what_mailers_and_lists_put_before_a_subject_does_not_count(
    subject: str, base: str
) -> None:
    """Prefixes of several languages, and a list's name."""
    assert base_subject(subject) == base


@pytest.mark.parametrize(
    ("one", "other", "share"),
    [
        (TEXT, TEXT, 1.0),
        ("a b c", "a b c d", 5 / 7),
        ("打印机打不开", "打印机打不开", 1.0),
        ("a", "b", 0.0),
        ("", "", 0.0),
    ],
)
def test_the_share_of_words_and_pairs(one: str, other: str, share: float) -> None:
    """Three words and two pairs, of four and three; ideographs in pairs."""
    assert similarity(words_of("", one), words_of("", other)) == pytest.approx(share)


def test_chinese_that_says_another_thing_is_not_alike() -> None:
    """Without spaces too: two sentences share few pairs of characters."""
    one, other = words_of("", "三楼打印机只打印白纸"), words_of("", "我的屏幕今天早上一直是黑的")
    assert similarity(one, other) < 0.2


def test_copies_of_one_mail() -> None:
    """A list's prefix and footer make no other mail; other words do."""
    said = {"subject": "Screen dark", "text": TEXT, "similarity_min": 0.8}
    assert is_copy(other_subject="[staff] Screen dark", other_text=f"{TEXT}\n-- \nstaff", **said)  # type: ignore[arg-type]
    assert not is_copy(other_subject="Screen dark", other_text="Something else", **said)  # type: ignore[arg-type]
    assert not is_copy(other_subject="Mouse", other_text=TEXT, **said)  # type: ignore[arg-type]
