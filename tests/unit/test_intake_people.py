from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.contact import (
    ABSORBED_MAX,
    CONTACT,
    KEYS_MAX,
    LINKS_MAX,
    Contact,
    Person,
    contact_id,
    decide_absorbed,
    decide_linked,
    decide_merged,
    decide_profile,
    decide_released,
    decide_unlinked,
    decide_unmerged,
)
from services.intake.domain.finding import folded, question_words, search_keys
from services.intake.domain.importing import Fault, checked, read_csv
from services.intake.domain.normal import Party
from services.intake.domain.people import (
    Address,
    address_id,
    asked_by,
    claims,
    meet,
    told,
    unlinked,
)
from shared.aggregate import Document, Step, fold, plan
from shared.contracts.contacts import ContactLinked
from shared.kernel import CommandRejected
from tests.support.intake import sample_configuration

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def own(address: str) -> str:
    """Return the contact that is made under an address."""
    return contact_id(tenant="main", address=address)


def known(*rows: tuple[str, str, bool]) -> dict[str, Address]:
    """Return rows of addresses: text, whose contact it is, and whether it is proven."""
    return {
        address: Address(
            id=address_id(tenant="main", address=address),
            tenant="main",
            address=address,
            contact=contact,
            verified=verified,
            by="x",
            at=AT,
        )
        for address, contact, verified in rows
    }


def met(rows: dict[str, Address], **party: Any) -> Any:
    """Return who a party is."""
    return meet(Party(**party), rows, tenant="main", by="slack", at=AT)


def test_a_stranger_becomes_a_contact_of_their_first_address() -> None:
    """Nobody proves a From line: the address is kept unproven, and links nothing."""
    found = met({}, mail="Ana@Example.ORG", name="Ana")
    assert found.contact == own("mail:ana@example.org")
    assert [(r.address, r.verified) for r in found.plain] == [("mail:ana@example.org", False)]
    assert (found.proven, found.noted) == ((), ())


def test_a_proof_links_all_addresses_to_one_contact() -> None:
    """A signed chat identity with its mail address is one person with two proven addresses."""
    found = met({}, mail="ana@example.org", chat="slack:T1:U1", verified=True)
    assert found.contact == own("mail:ana@example.org")
    assert [(r.address, r.verified, r.contact) for r in found.proven] == [
        ("mail:ana@example.org", True, found.contact),
        ("chat:slack:T1:U1", True, found.contact),
    ]


def test_with_a_proof_the_strongest_known_address_wins() -> None:
    """The mail is new and the chat is known: it is whoever has the chat, and gets the mail."""
    rows = known(("chat:slack:T1:U1", "c-1", True))
    found = met(rows, mail="ana@example.org", chat="slack:T1:U1", verified=True)
    assert found.contact == "c-1"
    assert [(r.address, r.contact, r.was) for r in found.proven] == [
        ("mail:ana@example.org", "c-1", None)
    ]


def test_without_a_proof_a_second_address_is_noted_and_means_nothing() -> None:
    """Whoever writes a stranger's number beside their own mail does not become the stranger."""
    rows = known(("phone:+491701234567", "victim", True))
    found = met(rows, mail="mallory@example.org", phone="+491701234567")
    assert found.contact == own("mail:mallory@example.org")
    assert found.noted == ("phone:+491701234567",)
    assert found.proven == ()
    assert asked_by(Party(mail="a@b.c", phone="+491701234567")) == ("mail:a@b.c",)


def test_an_address_comes_over_only_where_it_was_not_proven() -> None:
    """An unproven one moves and remembers whose it was; a proven one stays, and is noted."""
    rows = known(
        ("mail:ana@example.org", "c-1", True),
        ("chat:a", "c-2", False),
        ("phone:+491701234567", "c-3", True),
    )
    found = met(rows, mail="ana@example.org", chat="a", phone="+491701234567", verified=True)
    assert found.contact == "c-1"
    assert [(r.address, r.contact, r.was) for r in found.proven] == [("chat:a", "c-1", "c-2")]
    assert found.noted == ("phone:+491701234567",)


def test_what_is_proven_already_says_nothing_new() -> None:
    """The same proof again links nothing."""
    rows = known(("mail:ana@example.org", "c-1", True), ("chat:a", "c-1", True))
    found = met(rows, mail="ana@example.org", chat="a", verified=True)
    assert (found.proven, found.plain, found.noted) == ((), (), ())


def test_a_proof_of_nothing_proves_nothing() -> None:
    """Whoever has no address at all is the one contact of the nameless, and links nothing."""
    found = met({}, verified=True)
    assert (found.contact, found.proven) == (own("id:"), ())
    assert [r.verified for r in found.plain] == [False]


def test_a_contact_without_mail_is_a_contact() -> None:
    """An employee number, a telephone or a chat is enough."""
    for party in ({"id": "E1"}, {"phone": "+491701234567"}, {"chat": "line:1:2"}):
        kind, value = next(iter(party.items()))
        assert met({}, **party).contact == own(f"{kind}:{value}")


def test_an_undone_link_gives_the_address_back() -> None:
    """To whom it was before, unproven; one that nobody had goes to whoever comes by it."""
    row = known(("chat:a", "c-1", True))["chat:a"].model_copy(update={"was": "c-2"})
    back = unlinked(row, by="ann", at=AT)
    assert (back.contact, back.verified, back.was) == ("c-2", False, None)
    assert unlinked(row.model_copy(update={"was": None}), by="ann", at=AT).contact == own("chat:a")


addresses = st.sampled_from(["mail:a@b.c", "phone:+491701", "chat:x", "id:7"])


@given(
    st.dictionaries(addresses, st.tuples(st.sampled_from(["c-1", "c-2"]), st.booleans())),
    st.lists(addresses, min_size=1, max_size=4, unique=True),
)
def test_a_proof_takes_nothing_that_is_proven_elsewhere(
    rows: dict[str, tuple[str, bool]], asked: list[str]
) -> None:
    """Whatever is known, a proven address changes hands only by an agent, and nothing is lost."""
    before = known(*((a, contact, verified) for a, (contact, verified) in rows.items()))
    proven, claimed = claims(
        asked, before, contact="c-1", tenant="main", by="door", at=AT, reason="door"
    )
    for row in proven:
        old = before.get(row.address)
        assert old is None or not old.verified
        assert (row.contact, row.verified) == ("c-1", True)
    assert all(before[a].verified and before[a].contact != "c-1" for a in claimed)
    settled = {a for a in asked if a in before and before[a].verified and a not in claimed}
    assert {r.address for r in proven} | set(claimed) | settled == set(asked)


PERSON = Person(id="c-1", tenant="main", address="mail:a@b.c", name="Ana", mail="a@b.c")


def run(*steps: Any) -> Document[Contact]:
    """Return a contact after decisions, each one plan."""
    document: Document[Contact] = Document(id="c-1", tenant="main")
    for decide in steps:
        found = plan(CONTACT, document, [Step(decide=decide)], now=AT, configversion=1)
        document = found.write.after if found.write else document
    return document


def link(address: str, *, was: str | None = None) -> ContactLinked:
    """Return the event of a link."""
    return ContactLinked(address=address, reason="agent", by="ann", was=was)


def test_a_contact_is_recorded_once_and_again_where_it_differs() -> None:
    """The same again says nothing; a new time zone does; no name or address is in any event."""
    moved = PERSON.model_copy(update={"time_zone": "Asia/Shanghai", "level": "manager"})
    document = run(
        lambda s: decide_profile(s, PERSON, language="en"),
        lambda s: decide_profile(s, PERSON, language="de"),
        lambda s: decide_profile(s, moved, language="de"),
    )
    assert document.state is not None
    assert document.seq == 2
    assert (document.state.language, document.state.time_zone) == ("en", "Asia/Shanghai")
    assert (document.state.level, document.state.reachable_by_mail) == ("manager", True)
    wire = b"".join(event.body for event in document.outbox)
    assert b"Ana" not in wire
    assert b"a@b.c" not in wire


def test_links_are_counted_once_and_taken_back() -> None:
    """The number of proven addresses is told; the state is the fold of the events."""
    document = run(
        lambda s: decide_profile(s, PERSON, language="en", links=[link("a-1"), link("a-2")]),
        lambda s: decide_linked(s, PERSON, link("a-2")),
        lambda s: decide_unlinked(s, address="a-1", by="ann", back_to="c-9"),
        lambda s: decide_unlinked(s, address="a-1", by="ann", back_to="c-9"),
    )
    assert document.state is not None
    assert document.state.links == ("a-2",)
    assert [e.type.split(".")[2] for e in document.outbox] == [
        "recorded",
        "linked",
        "linked",
        "unlinked",
    ]
    empty: Document[Contact] = Document(id="c-1", tenant="main")
    assert fold(CONTACT, empty, document.outbox).state == document.state


def test_merging_makes_no_chain_and_no_circle() -> None:
    """One that is merged takes nobody in, and is merged once; undoing is told once."""
    recorded = run(lambda s: decide_profile(s, PERSON, language="en")).state
    merged = run(
        lambda s: decide_profile(s, PERSON, language="en"),
        lambda s: decide_merged(s, into="c-2", by="ann"),
    ).state
    assert merged is not None
    assert merged.merged_into == "c-2"
    assert decide_merged(merged, into="c-2", by="ann") == []
    refusals: list[Callable[[], object]] = [
        lambda: decide_merged(merged, into="c-3", by="ann"),
        lambda: decide_absorbed(merged, contact="c-3", by="ann"),
        lambda: decide_merged(None, into="c-2", by="ann"),
        lambda: decide_absorbed(None, contact="c-2", by="ann"),
        lambda: decide_unmerged(None, by="ann"),
        lambda: decide_linked(None, PERSON, link("a")),
    ]
    for refused in refusals:
        with pytest.raises(CommandRejected):
            refused()
    assert decide_unmerged(recorded, by="ann") == []
    assert decide_released(recorded, contact="c-9", by="ann") == []


def test_a_contact_is_bounded() -> None:
    """It has at most fifty proven addresses and absorbed contacts: a person has fewer."""
    full = Contact(
        language="en",
        links=tuple(f"a-{n}" for n in range(LINKS_MAX)),
        absorbed=tuple(f"c-{n}" for n in range(ABSORBED_MAX)),
    )
    assert decide_profile(full, PERSON, language="en", links=[link("new")])[1:] == []
    with pytest.raises(CommandRejected, match="at most 50"):
        decide_linked(full, PERSON, link("new"))
    with pytest.raises(CommandRejected, match="at most 50"):
        decide_absorbed(full, contact="new", by="ann")


def test_the_event_of_a_link_names_no_address() -> None:
    """It has the address's id only."""
    row = known(("mail:ana@example.org", "c-1", True))["mail:ana@example.org"]
    assert "ana" not in told(row).model_dump_json()


def found_by(question: str, name: str, **fields: Any) -> bool:
    """Return whether a question finds a person."""
    person = Person(id="x", tenant="main", address="id:1", name=name, **fields)
    keys = search_keys(person)
    return all(any(k.startswith(forms) for k in keys) for forms in question_words(question))


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("hop", "Grace Brewster Hopper"),
        ("grace hop", "Grace Brewster Hopper"),
        ("Hopper, Grace", "Grace Brewster Hopper"),
        ("gbh", "Grace Brewster Hopper"),
        ("gh", "Grace Brewster Hopper"),
        ("hg", "Grace Brewster Hopper"),
        ("muller", "Jörg Müller"),
        ("MÜLLER", "Jorg Muller"),
        ("müller-lüd", "Łukasz Müller-Lüdenscheidt"),
        ("lukasz", "Łukasz Müller"),
        ("strasse", "Anna Straße"),
        ("o'neill", "Ryan O'Neill"),
        ("张", "张伟"),
        ("伟", "张伟"),
        ("zhangwei", "张伟"),
        ("zhang wei", "张伟"),
        ("weizhang", "张伟"),
        ("zw", "张伟"),
        ("张", "張偉"),
        ("zengguofan", "曾国藩"),
        ("ceng", "曾国藩"),
        ("sxx", "单雄信"),
        ("lvbu", "吕布"),
        ("lubu", "吕布"),
        ("lyubu", "吕布"),
        ("yuchigong", "尉迟恭"),
        ("ｇｒａｃｅ", "Grace Hopper"),
        ("김", "김민준"),
        ("иван", "Иван Петров"),
        ("太郎", "ブラウン 太郎"),
    ],
)
def test_people_are_found_by_names_pinyin_and_initials(question: str, name: str) -> None:
    """Case, accents and widths do not count; surnames count as they are read."""
    assert found_by(question, name)


@pytest.mark.parametrize(
    ("question", "fields"),
    [
        ("ana@ex", {"mail": "ana@example.org"}),
        ("+49 170", {"phone": "+491701234567"}),
        ("0170 123", {"phone": "+491701234567"}),
        ("(0170) 1234-567", {"phone": "+491701234567"}),
        ("170", {"phone": "+491701234567"}),
        ("e47", {"employee": "E4711"}),
    ],
)
def test_people_are_found_by_addresses(question: str, fields: dict[str, Any]) -> None:
    """The start of a mail address, a number as it is dialled here or there, an employee number."""
    assert found_by(question, "Somebody", **fields)


@pytest.mark.parametrize(
    ("question", "name"), [("opper", "Grace Hopper"), ("grace x", "Grace Hopper"), ("li", "张伟")]
)
def test_what_starts_nothing_finds_nobody(question: str, name: str) -> None:
    """Every word of a question must start a key."""
    assert not found_by(question, name)


@given(st.text(max_size=250), st.text(max_size=80))
def test_keys_are_bounded_for_any_name(name: str, question: str) -> None:
    """At most sixty-four keys of sixty-four characters; a question has eight words at most."""
    person = Person(id="x", tenant="main", address="id:1", name=name, mail=name or None)
    keys = search_keys(person, [f"mail:{name}", f"phone:{name}"])
    assert len(keys) <= KEYS_MAX
    assert all(0 < len(key) <= 64 for key in keys)
    assert len(question_words(question)) <= 8


@given(st.text(max_size=60))
def test_folding_twice_is_folding_once(text: str) -> None:
    """A key and a question are alike, whichever was folded before."""
    assert folded(folded(text)) == folded(text)


def faults(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return the faults of rows."""
    return [tuple(fault) for fault in checked(rows, sample_configuration())[1]]  # type: ignore[misc]


def test_right_rows_are_read() -> None:
    """Numbers lose their spaces, addresses their capitals; what is empty says nothing."""
    rows, wrong = checked(
        [
            {
                "employee": "E1",
                "name": " 张伟 ",
                "mail": "Wei@Example.ORG",
                "phone": "+86 138-0013 8000",
                "chats": ["wecom:corp:wei"],
                "language": "zh-Hans",
                "time_zone": "Asia/Shanghai",
                "site": "berlin",
                "level": "manager",
                "vip": False,
            },
            {"chats": ["line:1:2"]},
        ],
        sample_configuration(),
    )
    assert wrong == []
    assert rows[0].addresses == (
        "id:E1",
        "mail:wei@example.org",
        "phone:+8613800138000",
        "chat:wecom:corp:wei",
    )
    person = rows[0].applied(PERSON)
    assert (person.name, person.mail, person.phone) == ("张伟", "wei@example.org", "+8613800138000")
    assert (person.level, person.vip, person.employee) == ("manager", False, "E1")


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"mail": "nobody"}, "contacts.1.mail"),
        ({"employee": "E2", "phone": "0170 123"}, "contacts.1.phone"),
        ({"employee": "E2", "site": "atlantis"}, "contacts.1.site"),
        ({"employee": "E2", "region": "mars"}, "contacts.1.region"),
        ({"employee": "E2", "time_zone": "Europe/Atlantis"}, "contacts.1.time_zone"),
        ({"employee": "E2", "language": "zh_CN"}, "contacts.1.language"),
        ({"employee": "E2", "vip": "perhaps"}, "contacts.1.vip"),
        ({"employee": "E2", "colour": "blue"}, "contacts.1.colour"),
        ({"employee": 7}, "contacts.1.employee"),
        ({"name": "Nobody"}, "contacts.1"),
        ({"employee": "E1"}, "contacts.1.employee"),
        ({"chats": ["x", ""]}, "contacts.1.chats.1"),
    ],
)
def test_a_wrong_row_names_itself_and_its_field(row: dict[str, Any], field: str) -> None:
    """The first row is right; the second is refused with its number."""
    found = faults([{"employee": "E1", "name": "Ana"}, row])
    assert [name for name, _ in found] == [field]


def test_a_name_has_one_line() -> None:
    """It goes into headers of mails: a line break in it would end them."""
    rows, wrong = checked(
        [{"employee": "E1", "name": "Ana\r\nBcc: x@y.z\x00"}], sample_configuration()
    )
    assert wrong == []
    assert rows[0].name is not None
    assert rows[0].name.isprintable()


def test_all_faults_are_said_at_once() -> None:
    """Nobody has to try thirty times."""
    found = faults([{"mail": "x", "phone": "y"}, {"employee": "E1", "site": "atlantis"}])
    assert [name for name, _ in found] == ["contacts.0.mail", "contacts.0.phone", "contacts.1.site"]


@pytest.mark.parametrize("rows", [[], [{"employee": str(n)} for n in range(1_001)]])
def test_none_and_too_many_rows_are_refused(rows: list[dict[str, Any]]) -> None:
    """An import has one to a thousand rows."""
    assert [name for name, _ in faults(rows)] == ["contacts"]


def test_a_csv_file_is_read_as_spreadsheets_write_it() -> None:
    """With a byte order mark, quotes, semicolons, empty cells, several chats and words for yes."""
    text = '\ufeffemployee;name;chats;vip;site\r\nE1;"Hopper; Grace";slack:1:2 line:3:4;yes;\r\n'
    rows, wrong = read_csv(text.encode())
    assert wrong == []
    assert rows == [
        {"employee": "E1", "name": "Hopper; Grace", "chats": ["slack:1:2", "line:3:4"], "vip": True}
    ]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"employee,colour\nE1,blue\n", "colour"),
        (b"employee\n\xff\xfe\n", ""),
        (b'employee,name\nE1,"open\n', ""),
    ],
)
def test_a_file_that_is_no_csv_is_refused(content: bytes, fault: str) -> None:
    """An unknown column is named; bytes that are no text, and a quote that never ends, are said."""
    rows, wrong = read_csv(content)
    assert rows == []
    assert [f.field for f in wrong] == [fault]
    assert isinstance(wrong[0], Fault)


def test_more_cells_than_columns_are_a_fault_of_the_row() -> None:
    """A comma too many shifts nothing silently."""
    rows, _ = read_csv(b"employee,name\nE1,Ana,more\n")
    assert [name for name, _ in faults(rows)] == ["contacts.0.cells"]


@given(st.binary(max_size=300))
def test_any_bytes_are_rows_or_faults(content: bytes) -> None:
    """No file makes an error that is not said."""
    rows, wrong = read_csv(content)
    assert not (rows and wrong)
    checked(rows, sample_configuration())
