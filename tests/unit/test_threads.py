"""Tokens of conversations: found in every place, and never guessed."""

from __future__ import annotations

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.threads import (
    Numbered,
    ThreadSigner,
    marks_in,
    number_text,
    numbers_in,
    ordinal_of,
    plus_address,
    tokens_in_addresses,
    tokens_in_message_ids,
)

SIGNER = ThreadSigner("a key")
TENANTS = st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True)
ORDINALS = st.integers(1, 2**40 - 1)


@given(tenant=TENANTS, ordinal=ORDINALS)
def test_a_token_leads_back_to_its_number(tenant: str, ordinal: int) -> None:
    """From a Message-ID and from a plus-address, in whatever case a mailer writes it."""
    number = number_text(ordinal)
    token = SIGNER.token(tenant=tenant, number=number)
    (read,) = tokens_in_message_ids([f"<0123456789a.{token.upper()}@desk.example>"])
    assert SIGNER.number_of(read, tenant=tenant) == number
    (read,) = tokens_in_addresses([plus_address("help@helio.example", token)])
    assert SIGNER.number_of(read, tenant=tenant) == number
    mark = SIGNER.mark(tenant=tenant, number=number)
    (found,) = numbers_in(f"AW: [{number} #{mark}] Screen dark")
    assert SIGNER.is_marked(found, tenant=tenant)


@given(tenant=TENANTS, other=TENANTS, ordinal=ORDINALS)
def test_a_token_of_one_tenant_or_key_means_nothing_to_another(
    tenant: str, other: str, ordinal: int
) -> None:
    """Each tenant signs with a key of its own, and each deployment too."""
    number = number_text(ordinal)
    token = SIGNER.token(tenant=tenant, number=number)
    if tenant != other:
        assert SIGNER.number_of(token, tenant=other) is None
    assert ThreadSigner("another").number_of(token, tenant=tenant) is None
    assert ThreadSigner("").number_of(token, tenant=tenant) is None


@given(ordinal=ORDINALS, place=st.integers(1, 24), letter=st.sampled_from("abcdefghij234567"))
def test_a_token_with_one_changed_letter_is_none(ordinal: int, place: int, letter: str) -> None:
    """Neither the number nor the signature can be changed."""
    token = SIGNER.token(tenant="main", number=number_text(ordinal))
    changed = token[:place] + letter + token[place + 1 :]
    if changed != token:
        assert SIGNER.number_of(changed, tenant="main") is None


def test_a_hundred_thousand_guesses_find_nothing() -> None:
    """Random tokens, and a known number with random signatures: no conversation is taken over."""
    chance = random.Random(4)  # noqa: S311 - the attacker's chance, the same in every run
    letters = string.ascii_lowercase + "234567"
    known = SIGNER.token(tenant="main", number="T-000001")
    found = 0
    for n in range(100_000):
        guess = "".join(chance.choices(letters, k=24 if n % 2 else 16))
        token = "1" + guess if n % 2 else known[:9] + guess
        found += SIGNER.number_of(token, tenant="main") is not None
        mark = Numbered(number="T-000001", mark=guess[:16])
        found += SIGNER.is_marked(mark, tenant="main")
    assert found == 0


def test_a_token_as_it_is_written() -> None:
    """One letter for the version, eight for the number, sixteen for the signature."""
    token = SIGNER.token(tenant="main", number="T-000042")
    assert len(token) == 25
    assert token[:9] == "1aaaaaabk"
    assert SIGNER.mark(tenant="main", number="T-000042") == token[9:]


@pytest.mark.parametrize("number", ["", "T-", "T-0", "T-x", "x", "T-" + "9" * 15])
def test_what_is_no_number_has_no_token(number: str) -> None:
    """Nor has one that is too large for it."""
    assert SIGNER.token(tenant="main", number=number) == ""
    assert SIGNER.mark(tenant="main", number=number) == ""


@pytest.mark.parametrize(
    ("subject", "numbers"),
    [
        ("Screen dark", []),
        ("Re: [T-000042] Screen", ["T-000042"]),
        ("t-000042: and T-1000043", ["T-000042", "T-1000043"]),
        ("XT-000042 T-00042 T-000042-1 T-0000420000000000001", []),
        ("[Ticket#2026042]", []),
    ],
)
def test_numbers_of_a_subject(subject: str, numbers: list[str]) -> None:
    """Only what looks like one of ours, as a word of its own."""
    assert [n.number for n in numbers_in(subject)] == numbers


def test_an_address_with_no_room_stays_plain() -> None:
    """RFC 5321 gives a local part 64 characters."""
    token = SIGNER.token(tenant="main", number="T-000042")
    assert plus_address("help@x.example", token) == f"help+t.{token}@x.example"
    assert plus_address("a" * 36 + "@x.example", token).startswith("a" * 36 + "+t.")
    assert plus_address("a" * 37 + "@x.example", token) == "a" * 37 + "@x.example"
    assert plus_address("help@x.example", "") == "help@x.example"


@given(st.text(max_size=60))
def test_nothing_that_is_read_raises(text: str) -> None:
    """Whatever strangers write."""
    for found in numbers_in(text):
        SIGNER.is_marked(found, tenant="main")
    assert SIGNER.number_of(text, tenant="main") is None
    tokens_in_addresses([text])
    tokens_in_message_ids([text])


def test_numbers_are_written_and_read() -> None:
    """A number's count sorts it; what is no number counts 0."""
    assert number_text(7) == "T-000007"
    assert ordinal_of("T-000007") == 7
    assert ordinal_of(number_text(1_234_567)) == 1_234_567
    assert [ordinal_of(text) for text in ("", "T-", "T-x", "T-²", "T-" + "9" * 30)] == [0] * 5


def test_a_mark_is_of_one_mail_to_one_address_of_one_tenant() -> None:
    """Without a key, and of another mail, address, tenant or deployment, it proves nothing."""
    mark = SIGNER.own_mark(tenant="main", message_id="<a@x>", to="Ana@example.org")
    to = ("bo@example.org", "ana@example.org")
    assert SIGNER.is_own(f" {mark} ", tenant="main", message_id="<a@x>", to=to)
    assert SIGNER.went_to("ANA@example.org", mark, tenant="main", message_id="<a@x>")
    assert not SIGNER.went_to("bo@example.org", mark, tenant="main", message_id="<a@x>")
    assert not SIGNER.is_own(mark, tenant="main", message_id="<a@x>", to=to[:1])
    assert not SIGNER.is_own(mark, tenant="main", message_id="<b@x>", to=to)
    assert not SIGNER.is_own(mark, tenant="main", message_id=None, to=to)
    assert not SIGNER.is_own(mark, tenant="other", message_id="<a@x>", to=to)
    assert not ThreadSigner("another").is_own(mark, tenant="main", message_id="<a@x>", to=to)
    assert not SIGNER.is_own("\ud800", tenant="main", message_id="<a@x>", to=to)
    bare = ThreadSigner("")
    own = bare.own_mark(tenant="main", message_id="<a@x>", to=to[0])
    assert not bare.is_own(own, tenant="main", message_id="<a@x>", to=to)


def test_marks_are_found_in_what_a_report_returns() -> None:
    """In the headers of the mail, wherever they stand in the report."""
    mark = SIGNER.own_mark(tenant="main", message_id="<a@x>", to="ana@example.org")
    report = f"Subject: x\r\n\r\n--b\r\n\r\nMessage-ID: <a@x>\r\nX-HELIODESK: {mark}\r\nTo: y\r\n"
    assert marks_in(report) == [mark]
    assert marks_in("X-Heliodesk: notice\r\n") == []
