"""How alike requests are, and what is proposed of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.proposals import duplicates, mass
from services.intake.domain.similarity import (
    Likeness,
    bands_of,
    base_subject,
    is_copy,
    similarity,
    words_of,
)
from shared.contracts.links import LinkKind
from shared.organisation.intake import DuplicatePolicy

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
POLICY = DuplicatePolicy(window=3_600, similarity=0.8, mass_requests=3, mass_window=1_800)
TEXT = "The printer on the third floor prints nothing but empty pages since this morning"


def like(
    name: str, *, contact: str = "c", seconds: float = 0, text: str = TEXT, tenant: str = "main"
) -> Likeness:
    """Return what a request is found by."""
    words = words_of("Printer", text)
    return Likeness(
        id=name,
        tenant=tenant,
        contact=contact,
        at=T0 + timedelta(seconds=seconds),
        words=tuple(sorted(words)),
        bands=bands_of(words),
    )


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


@given(st.lists(st.text(alphabet="abcdefgh", min_size=1, max_size=4), min_size=20, max_size=60))
def test_nearly_equal_texts_share_a_band(words: list[str]) -> None:
    """One word more in twenty or more is found by the index."""
    one = words_of("", " ".join(words))
    other = words_of("", " ".join([*words, "zz"]))
    if similarity(one, other) > 0.9:
        assert set(bands_of(one)) & set(bands_of(other))


def test_copies_of_one_mail() -> None:
    """A list's prefix and footer make no other mail; other words do."""
    said = {"subject": "Screen dark", "text": TEXT, "similarity_min": 0.8}
    assert is_copy(other_subject="[staff] Screen dark", other_text=f"{TEXT}\n-- \nstaff", **said)  # type: ignore[arg-type]
    assert not is_copy(other_subject="Screen dark", other_text="Something else", **said)  # type: ignore[arg-type]
    assert not is_copy(other_subject="Mouse", other_text=TEXT, **said)  # type: ignore[arg-type]


def test_the_same_contact_within_the_window_is_a_duplicate() -> None:
    """Not another contact, not too late, not the later of the two."""
    old, new = like("a"), like("b", seconds=3_600)
    (found,) = duplicates(new, [old, new], POLICY)
    assert (found.kind, found.tickets, found.similarity) == (LinkKind.DUPLICATE, ("a", "b"), 1.0)
    assert duplicates(old, [old, new], POLICY) == []
    assert duplicates(new, [like("a", contact="d")], POLICY) == []
    assert duplicates(like("b", seconds=3_601), [old], POLICY) == []
    assert duplicates(new, [like("a", text="When is Easter this year?")], POLICY) == []


def test_a_burst_is_of_different_contacts_within_its_window() -> None:
    """So many as the policy says; the oldest is first; one that waits grows."""
    rows = [like(f"t{n}", contact=f"c{n}", seconds=n) for n in range(4)]
    assert mass(rows[1], rows, POLICY, known={}) is None
    found = mass(rows[2], rows, POLICY, known={})
    assert found is not None
    assert (found.kind, found.tickets) == (LinkKind.MASS, ("t0", "t1", "t2"))
    grown = mass(rows[3], rows, POLICY, known=dict.fromkeys(found.tickets, found))
    assert grown is not None
    assert (grown.id, grown.tickets) == (found.id, ("t0", "t1", "t2", "t3"))
    same = [like(f"t{n}", contact="c", seconds=n) for n in range(4)]
    assert mass(same[3], same, POLICY, known={}) is None
    late = like("t9", contact="c9", seconds=1_803)
    assert mass(late, rows, POLICY, known={}) is None


def test_a_burst_is_found_where_people_name_different_places() -> None:
    """One outage, told alike but for the floor: too unlike for a duplicate, alike for a burst."""
    texts = [f"The wireless network on floor {n} is down since this morning" for n in range(3)]
    rows = [like(f"t{n}", contact=f"c{n}", seconds=n, text=texts[n]) for n in range(3)]
    assert similarity(rows[0].words, rows[2].words) < POLICY.similarity
    found = mass(rows[2], rows, DuplicatePolicy(mass_requests=3), known={})
    assert found is not None
    assert found.tickets == ("t0", "t1", "t2")
    other = like("t9", contact="c9", seconds=3, text="My password has expired, please help me")
    assert mass(other, rows, DuplicatePolicy(mass_requests=2), known={}) is None
