"""What is proposed of requests that look alike."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.intake.domain.likeness import Compared, Likeness, Rarity, terms_of
from services.intake.domain.proposals import Proposal, duplicates, mass
from shared.contracts.links import LinkKind
from shared.organisation.intake import DuplicatePolicy
from tests.support.alike import (
    LANGUAGES,
    T0,
    Labelled,
    labelled,
    likeness,
    measured,
    proposed,
    proposed_before,
    windows,
)
from tests.support.cost import assert_linear, beginning

POLICY = DuplicatePolicy(mass_requests=3)
TEXT = "The printer on the third floor prints nothing but empty pages since this morning"


def like(name: str, *, contact: str = "c", seconds: float = 0, text: str = TEXT) -> Likeness:
    """Return what a request is found by."""
    return Likeness(
        id=name,
        tenant="main",
        contact=contact,
        at=T0 + timedelta(seconds=seconds),
        terms=terms_of("Printer", text),
    )


def everyday() -> Rarity:
    """Return how rare words are at a desk that has seen what desks see."""
    rows = [r for language in LANGUAGES for r in labelled(language) if not r.incident]
    return Rarity(likeness(row, 9_000 + n, at=T0) for n, row in enumerate(rows))


def twice(new: Likeness, *others: Likeness) -> list[Proposal]:
    """Return what is proposed as duplicates of a request."""
    return duplicates(new, Compared([*others, new], everyday()), POLICY)


def burst(rows: list[Likeness], known: dict[str, Proposal] | None = None) -> Proposal | None:
    """Return what is proposed of the last of some requests."""
    return mass(rows[-1], Compared(rows, everyday()), POLICY, known=known or {})


def test_the_same_contact_within_the_window_is_a_duplicate() -> None:
    """Not another contact, not too late, not the later of the two; with the words, rarest first."""
    old, new = like("a"), like("b", seconds=3_600)
    (found,) = twice(new, old)
    assert (found.kind, found.tickets, found.similarity) == (LinkKind.DUPLICATE, ("a", "b"), 1.0)
    assert {"prints", "pages"} & set(found.words)
    assert twice(old, new) == []
    assert twice(new, like("a", contact="d")) == []
    assert twice(like("b", seconds=3_601), old) == []
    assert twice(new, like("a", text="When is Easter this year?")) == []


def test_the_same_text_with_a_signature_or_a_sentence_more_is_a_duplicate() -> None:
    """In each language; another request of the same contact about the same product is none."""
    more = {
        "en": " I wrote to you before.\n-- \nBest regards\nTom Miller, Finance, ext. 4711",
        "de": " Ich hatte schon geschrieben.\n-- \nViele Grüße\nTom Müller, Einkauf, Tel. 4711",
        "zh": " 我之前发过一次，没有收到回复。\n祝好\n李雷 财务部 分机4711",
    }
    policy = DuplicatePolicy()
    found = missed = wrong = 0
    for language in LANGUAGES:
        rarity, rows = everyday(), labelled(language)
        mine = [
            likeness(row, n, at=T0).model_copy(update={"contact": "c"})
            for n, row in enumerate(rows)
        ]
        for n, row in enumerate(rows):
            again = Labelled(language, "", "", f"Fwd: {row.subject}", row.text + more[language])
            new = likeness(again, 500 + n, at=T0 + timedelta(minutes=9))
            new = new.model_copy(update={"contact": "c"})
            hits = {p.tickets[0] for p in duplicates(new, Compared([*mine, new], rarity), policy)}
            found += mine[n].id in hits
            missed += mine[n].id not in hits
            wrong += len(hits - {mine[n].id})
    assert found / (found + missed) > 0.97
    assert wrong < 0.1 * found


def test_a_burst_is_of_different_contacts_within_its_window() -> None:
    """So many as the policy says; the oldest is first; one that waits grows."""
    rows = [like(f"t{n}", contact=f"c{n}", seconds=n) for n in range(4)]
    assert burst(rows[:2]) is None
    found = burst(rows[:3])
    assert found is not None
    assert (found.kind, found.tickets) == (LinkKind.MASS, ("t0", "t1", "t2"))
    grown = burst(rows, dict.fromkeys(found.tickets, found))
    assert grown is not None
    assert (grown.id, grown.tickets) == (found.id, ("t0", "t1", "t2", "t3"))
    assert burst([like(f"t{n}", contact="c", seconds=n) for n in range(4)]) is None
    assert burst([*rows, like("t9", contact="c9", seconds=1_803)]) is None


def test_what_is_common_at_the_desk_makes_nothing_alike() -> None:
    """A form that puts the same words around each request; those that differ decide."""
    form = "Contact form submission. Department: Sales. Building: North. Device: notebook. Text: {}"
    said = ["screen flickers", "password expired", "toner empty", "mouse broken", "licence Visio"]
    new = [
        like(f"t{n}", contact=f"c{n}", seconds=n, text=form.format(text))
        for n, text in enumerate(said)
    ]
    earlier = Rarity(
        like(f"e{n}", text=form.format(f"{row.subject} {row.text}"))
        for n, row in enumerate(labelled("en"))
    )
    policy = DuplicatePolicy(mass_requests=3)
    assert mass(new[-1], Compared(new, earlier), policy, known={}) is None
    assert mass(new[-1], Compared(new, Rarity()), policy, known={}) is None, "a new desk"
    assert duplicates(new[-1], Compared(new, earlier), policy) == []


def test_greetings_and_grammar_say_nothing() -> None:
    """In several languages; numbers count where they may be an error's."""
    assert terms_of("Re: Hello", "Please help me, it does not work today! Thanks") == ()
    assert terms_of("Bitte um Hilfe", "Guten Tag, es geht nicht. Viele Grüße") == ()
    assert terms_of("您好", "请帮我，谢谢") == ()
    assert terms_of("", "これはです") == ()
    assert terms_of("Error 503 at 8:30", "error") == ("error", "503")
    assert terms_of("", "VPN\x00 Druckt" + "x" * 99)[1] == ("druckt" + "x" * 99)[:40]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("connecting to the gateway fails", "no connection, gateway timeout"),
        ("Der Drucker streikt", "es wird nicht gedruckt, Druckausgabe streikt"),
        ("打印机只打印白纸", "打印机打出来都是白纸"),
        ("プリンターが印刷できません", "プリンターの印刷がおかしい"),
    ],
)
def test_other_forms_of_a_word_are_the_same_word(one: str, other: str) -> None:
    """Inflection, compounds, and pairs of characters where nobody writes spaces."""
    rows = [like("a", contact="c", text=one), like("b", contact="c", seconds=1, text=other)]
    policy = DuplicatePolicy(similarity=0.2)
    (found,) = duplicates(rows[1], Compared(rows, everyday()), policy)
    assert found.words


def test_paraphrases_of_one_incident_are_found_among_everything_else() -> None:
    """With the shipped threshold, on texts written before it was chosen: fifteen incidents in
    three languages, each in a window with twenty other requests and all that is near it. The
    whole report is `python -m tests.support.alike`.
    """
    made = windows(seeds=(0,))
    found = measured(made, DuplicatePolicy())
    assert found.incidents == found.found == 15
    assert found.recall > 0.8
    assert found.precision > 0.8
    assert found.wrong - found.near <= 0.02 * found.right, "strangers"
    assert found.disturbed == 0
    before = measured(made, DuplicatePolicy(mass_similarity=0.5), by=proposed_before)
    assert before.right == 0


@pytest.mark.parametrize("known", [0, 10])
def test_a_new_desk_proposes_what_is_nearly_the_same_and_no_nonsense(known: int) -> None:
    """While it does not know what is common."""
    found = measured(windows(seeds=(0, 1), earlier_max=known), DuplicatePolicy())
    assert (found.disturbed, found.wrong) == (0, 0)
    rows = [like(f"t{n}", contact=f"c{n}", seconds=n, text=f"{TEXT} {n}") for n in range(5)]
    assert mass(rows[-1], Compared(rows, Rarity()), DuplicatePolicy(), known={}) is not None
    many = [like(f"t{n}", contact=f"c{n}", seconds=n) for n in range(90)]
    whole = mass(many[-1], Compared(many, Rarity()), DuplicatePolicy(), known={})
    assert whole is not None
    assert len(whole.tickets) == 90


def test_the_reason_names_what_the_burst_is_about() -> None:
    """As people write it."""
    window = next(w for w in windows(seeds=(0,)) if w.incident == "vpn")
    assert len(proposed(window, DuplicatePolicy())) >= 9
    rows = [r for r in labelled("en") if r.incident == "vpn"]
    alike = [likeness(r, n, at=T0 + timedelta(seconds=n)) for n, r in enumerate(rows)]
    proposal = mass(alike[-1], Compared(alike, everyday()), DuplicatePolicy(), known={})
    assert proposal is not None
    assert proposal.words[0] == "vpn"
    assert {"connection", "connect"} & set(proposal.words)


def test_comparing_with_the_newest_500_costs_little() -> None:
    """Whatever they say, no more than in proportion to how many they are."""
    rarity, policy = everyday(), DuplicatePolicy()
    rows = [r for language in LANGUAGES for r in labelled(language)]
    kinds = {
        "mixed": [likeness(rows[n % len(rows)], n, at=T0) for n in range(500)],
        "storm": [likeness(rows[n % 12], n, at=T0) for n in range(500)],
        "one text": [
            like(f"t{n}", contact=f"c{n}", text=" ".join(f"{i}word" for i in range(50)))
            for n in range(500)
        ],
    }
    for compared_rows in kinds.values():

        def newest(count: int, rows: list[Likeness] = compared_rows) -> Compared:
            return Compared(rows[-count:], rarity)

        def proposes(compared: Compared, rows: list[Likeness] = compared_rows) -> None:
            for row in rows[-9:]:
                duplicates(row, compared, policy)
                mass(row, compared, policy, known={})

        assert_linear(proposes, newest, len(compared_rows))


@pytest.mark.parametrize(
    "hostile", ["我" * 64_000, "a " * 32_000, "\u0301" * 64_000, "が" * 64_000, "x" * 64_000]
)
def test_hostile_texts_cost_no_more_than_their_length(hostile: str) -> None:
    """64 KB of anything."""
    assert_linear(lambda text: terms_of(text, text), beginning(hostile), len(hostile))
