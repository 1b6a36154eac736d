"""Contacts on the memory store: meeting, linking, merging, importing, and each undone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from services.intake.domain.contact import CONTACT, Contact
from services.intake.domain.normal import Party
from services.intake.domain.people import address_id
from services.intake.doors import DOORS
from services.intake.handlers.contacts import Agent, Contacts
from services.intake.handlers.importing import ImportRefused
from services.intake.handlers.meeting import Asking
from shared.contracts.envelope import decode
from shared.contracts.topics import CONTACTS
from shared.kernel import CommandRejected
from tests.support.intake import TENANT, Intake
from tests.support.intake_input import Crash, CrashAt, request
from tests.support.mails import MemoryMails

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ANN = Agent(TENANT, "h-clarke", "she said so on the phone")
PHONE = "+491701234567"


def asking(key: str = "r", *, tenant: str = TENANT, **party: Any) -> Asking:
    """Return somebody who asks."""
    return Asking(
        key=key, tenant=tenant, party=Party(**party), by="chat-demo", at=AT, language_default="en"
    )


async def met(intake: Intake, **party: Any) -> str:
    """Return the contact that a party is."""
    people = await intake.use_cases.meeting.met([asking(**party)])
    return people["r"].id


async def state_of(intake: Intake, contact: str) -> Contact:
    """Return the state of a contact's stream."""
    document = (await intake.streams.load(CONTACT, [contact]))[contact]
    assert document.state is not None
    return document.state


async def events(intake: Intake) -> list[tuple[str, str]]:
    """Return the sent events of contacts: type and subject."""
    await intake.settle()
    records = intake.log.records(CONTACTS.name)
    found = [decode(record.headers, record.value) for record in records]
    return [(event.type.split(".")[2], event.subject) for event in found]


async def test_a_stranger_is_recorded_once() -> None:
    """A second mail, and a later process, find the same contact; one event tells of it."""
    intake = Intake()
    first = await met(intake, mail="ana@example.org", name="Ana")
    again = await met(Intake(data=intake.data, log=intake.log), mail="Ana@Example.org")
    assert first == again
    assert await events(intake) == [("recorded", first)]
    known = await intake.use_cases.contacts.show(first, tenant=TENANT)
    assert [(a.address, a.verified) for a in known.addresses] == [("mail:ana@example.org", False)]


async def test_two_doors_at_once_make_one_contact() -> None:
    """Two processes that meet somebody for the first time write one document and one row."""
    one = Intake()
    two = Intake(data=one.data, log=one.log)
    found = await asyncio.gather(
        *(met(process, mail="ana@example.org") for process in (one, two, one, two))
    )
    assert len(set(found)) == 1
    assert await events(one) == [("recorded", found[0])]


async def test_a_signed_chat_with_its_mail_is_the_known_mail_contact() -> None:
    """Mail first, then the signed chat: one person; the link is told without an address."""
    intake = Intake()
    ana = await met(intake, mail="ana@example.org")
    assert await met(intake, mail="ana@example.org", chat="slack:T:U", verified=True) == ana
    assert await met(intake, chat="slack:T:U", verified=True) == ana
    assert await events(intake) == [("recorded", ana), ("linked", ana), ("linked", ana)]
    wire = b"".join(r.value or b"" for r in intake.log.records(CONTACTS.name))
    assert b"slack" not in wire
    assert b"example.org" not in wire
    known = await intake.use_cases.contacts.show(ana, tenant=TENANT)
    assert {a.address: a.verified for a in known.addresses} == {
        "chat:slack:T:U": True,
        "mail:ana@example.org": True,
    }


async def test_an_unproven_number_is_noted_and_changes_nobody() -> None:
    """Naming a known number beside an own mail address makes a contact of the mail alone."""
    intake = Intake()
    victim = await met(intake, phone=PHONE, verified=True)
    mallory = await met(intake, mail="mallory@example.org", phone=PHONE)
    assert mallory != victim
    known = await intake.use_cases.contacts.show(mallory, tenant=TENANT)
    assert [n.address for n in known.noted] == [f"phone:{PHONE}"]
    assert [a.address for a in known.addresses] == ["mail:mallory@example.org"]
    assert await met(intake, phone=PHONE) == victim


async def test_within_one_batch_the_second_meets_whom_the_first_made() -> None:
    """A mail with a chat, and the chat alone, in one group of receipts are one person."""
    intake = Intake()
    found = await intake.use_cases.meeting.met(
        [
            asking("a", mail="ana@example.org", chat="slack:T:U", verified=True),
            asking("b", chat="slack:T:U", verified=True),
        ]
    )
    assert found["a"].id == found["b"].id


async def test_a_proof_that_contradicts_another_is_noted_for_an_agent() -> None:
    """Two people with one proven telephone: it stays with the first."""
    intake = Intake()
    bob = await met(intake, phone=PHONE, verified=True)
    ana = await met(intake, mail="ana@example.org", phone=PHONE, verified=True)
    assert ana == bob  # The known address is the stronger evidence.
    eve = await met(intake, mail="eve@example.org", verified=True)
    again = await met(intake, mail="eve@example.org", phone=PHONE, verified=True)
    assert again == eve
    known = await intake.use_cases.contacts.show(eve, tenant=TENANT)
    assert [n.address for n in known.noted] == [f"phone:{PHONE}"]
    assert await met(intake, phone=PHONE) == bob


async def test_an_agents_link_and_its_undoing() -> None:
    """The address comes over, who why and when is kept, and undoing gives it back."""
    intake = Intake()
    contacts = intake.use_cases.contacts
    ana = await met(intake, mail="ana@example.org")
    caller = await met(intake, phone=PHONE, name="Somebody")
    known = await contacts.link(ana, f"phone:{PHONE}", by=ANN)
    assert [(x.action, x.other, x.by, x.reason) for x in known.links] == [
        ("linked", f"phone:{PHONE}", "h-clarke", "she said so on the phone")
    ]
    assert await met(intake, phone=PHONE) == ana
    assert known.person.phone == PHONE
    (address,) = [a for a in known.addresses if a.address == f"phone:{PHONE}"]
    assert (address.was, address.verified, address.by) == (caller, True, "h-clarke")
    assert [p.id for p in await contacts.search("0170 123", tenant=TENANT)] == [ana]

    back = await contacts.unlink(ana, address.id, by=ANN)
    assert [x.action for x in back.links] == ["unlinked", "linked"]
    assert back.person.phone is None
    assert await met(intake, phone=PHONE) == caller
    assert (await state_of(intake, ana)).links == ()
    told = [kind for kind, subject in await events(intake) if subject == ana]
    assert told == ["recorded", "linked", "unlinked"]


async def test_linking_twice_is_linking_once() -> None:
    """A repeated command, after a lost answer, changes nothing."""
    intake = Intake()
    ana = await met(intake, mail="ana@example.org")
    for _ in range(3):
        await intake.use_cases.contacts.link(ana, f"phone:{PHONE}", by=ANN)
    assert [kind for kind, _ in await events(intake)].count("linked") == 1


async def test_tickets_keep_their_contact_when_a_link_is_undone() -> None:
    """What was opened while the link stood stays where it is."""
    intake = Intake()
    contacts = intake.use_cases.contacts
    ana = await met(intake, mail="ana@example.org", verified=True)
    known = await contacts.link(ana, "mail:other@example.org", by=ANN)
    await intake.accepting.submit(*_submission(intake, mail="other@example.org"))
    await intake.settle()
    (ticket,) = intake.tickets()
    assert ticket.state is not None
    assert ticket.state.facts.contact == ana
    (address,) = [a for a in known.addresses if a.address == "mail:other@example.org"]
    await contacts.unlink(ana, address.id, by=ANN)
    (ticket,) = intake.tickets()
    assert ticket.state is not None
    assert ticket.state.facts.contact == ana
    assert await met(intake, mail="other@example.org") != ana


def _submission(intake: Intake, **fields: Any) -> Any:
    return DOORS["requests"], request(**fields), intake.caller("requests-demo")


async def test_the_address_of_the_first_meeting_cannot_be_taken_away() -> None:
    """It is what the contact was made under; and nobody unlinks what is not theirs."""
    intake = Intake()
    contacts = intake.use_cases.contacts
    ana = await met(intake, mail="ana@example.org", verified=True)
    bob = await met(intake, mail="bob@example.org", verified=True)
    (address,) = (await contacts.show(ana, tenant=TENANT)).addresses
    with pytest.raises(CommandRejected, match="own-address"):
        await contacts.unlink(ana, address.id, by=ANN)
    with pytest.raises(CommandRejected) as caught:
        await contacts.unlink(bob, address.id, by=ANN)
    assert caught.value.status == 404


async def test_merging_and_its_undoing() -> None:
    """What comes for the merged contact is the other's; undone, each stands for itself again."""
    intake = Intake()
    contacts = intake.use_cases.contacts
    ana = await met(intake, mail="ana@example.org", name="Ana García")
    old = await met(intake, mail="a.garcia@example.org", name="安娜")
    await contacts.merge(old, into=ana, by=ANN)
    assert await met(intake, mail="a.garcia@example.org") == ana
    assert [p.id for p in await contacts.search("anna", tenant=TENANT)] == [ana]
    (view,) = await intake.reading.contacts([old], tenant=TENANT)
    assert (view.id, view.name, view.mail) == (old, "Ana García", "ana@example.org")

    known = await contacts.unmerge(old, by=ANN)
    assert [x.action for x in known.links] == ["unmerged", "merged"]
    assert await met(intake, mail="a.garcia@example.org") == old
    assert [p.id for p in await contacts.search("anna", tenant=TENANT)] == [old]
    (view,) = await intake.reading.contacts([old], tenant=TENANT)
    assert view.name == "安娜"
    assert {kind for kind, _ in await events(intake)} == {
        "recorded",
        "merged",
        "absorbed",
        "unmerged",
        "released",
    }


async def reach_of(intake: Intake, contact: str) -> tuple[str | None, str | None, bool]:
    """Return where mail and calls to a contact go, and whether others are told that mail does."""
    person = (await intake.store.people([contact]))[contact]
    return person.mail, person.phone, (await state_of(intake, contact)).reachable_by_mail


async def test_who_is_merged_is_still_reached_and_an_undo_takes_it_back() -> None:
    """Somebody known by telephone takes in somebody known by mail: answers go to that mail."""
    intake = Intake()
    contacts = intake.use_cases.contacts
    by_mail, by_phone = await met(intake, mail="ana@example.org"), await met(intake, phone=PHONE)
    await contacts.merge(by_mail, into=by_phone, by=ANN)
    assert await reach_of(intake, by_phone) == ("ana@example.org", PHONE, True)
    (view,) = await intake.reading.contacts([by_mail], tenant=TENANT)
    assert view.mail == "ana@example.org"
    await contacts.unmerge(by_mail, by=ANN)
    assert await reach_of(intake, by_phone) == (None, PHONE, False)
    assert await reach_of(intake, by_mail) == ("ana@example.org", None, True)


async def test_an_undone_link_gives_the_address_back_to_whose_it_was() -> None:
    """They are found and reached by it as before, and the event says so."""
    intake = Intake()
    contacts = intake.use_cases.contacts
    ana, bob = await met(intake, mail="ana@example.org"), await met(intake, phone=PHONE)
    before = await reach_of(intake, ana)
    await contacts.link(bob, "mail:ana@example.org", by=ANN)
    assert await reach_of(intake, ana) == (None, None, False)
    address = address_id(tenant=TENANT, address="mail:ana@example.org")
    await contacts.unlink(bob, address, by=ANN)
    assert await reach_of(intake, ana) == before
    assert [p.id for p in await contacts.search("ana@example.org", tenant=TENANT)] == [ana]
    assert await met(intake, mail="ana@example.org") == ana


async def test_two_merges_at_once_make_no_circle() -> None:
    """Of two agents who merge the same two both ways, one is refused."""
    one = Intake()
    two = Intake(data=one.data, log=one.log)
    a, b = await met(one, mail="a@example.org"), await met(one, mail="b@example.org")
    results = await asyncio.gather(
        one.use_cases.contacts.merge(a, into=b, by=ANN),
        two.use_cases.contacts.merge(b, into=a, by=ANN),
        return_exceptions=True,
    )
    refused = [r for r in results if isinstance(r, CommandRejected)]
    assert len(refused) == 1
    merged = [(await state_of(one, c)).merged_into for c in (a, b)]
    assert sorted(m is not None for m in merged) == [False, True]


@pytest.mark.parametrize(
    ("source", "target", "code"),
    [
        ("a", "a", "same"),
        ("a", "x", "not-found"),
        ("x", "a", "not-found"),
        ("b", "m", "target-merged"),
    ],
)
async def test_a_merge_that_makes_no_sense_is_refused(source: str, target: str, code: str) -> None:
    """Into itself, into nobody, into one that is merged itself."""
    intake = Intake()
    ids = {name: await met(intake, mail=f"{name}@example.org") for name in ("a", "b", "m")}
    ids["x"] = "nobody"
    await intake.use_cases.contacts.merge(ids["m"], into=ids["a"], by=ANN)
    with pytest.raises(CommandRejected) as caught:
        await intake.use_cases.contacts.merge(ids[source], into=ids[target], by=ANN)
    assert caught.value.code == code


async def test_another_tenants_contact_is_not_there() -> None:
    """Neither shown, found, linked nor merged."""
    intake = Intake()
    contacts = intake.use_cases.contacts
    ana = await met(intake, mail="ana@example.org", name="Ana")
    stranger = Agent("other", "stranger")
    assert await contacts.search("ana", tenant="other") == []
    for refused in (
        contacts.show(ana, tenant="other"),
        contacts.link(ana, "mail:x@y.z", by=stranger),
        contacts.merge(ana, into=ana + "x", by=stranger),
        contacts.unmerge(ana, by=stranger),
    ):
        with pytest.raises(CommandRejected) as caught:
            await refused
        assert caught.value.status == 404


ROWS: list[dict[str, Any]] = [
    {
        "employee": "E1",
        "name": "张伟",
        "mail": "wei@example.org",
        "phone": PHONE,
        "chats": ["wecom:corp:wei"],
        "language": "zh-Hans",
        "time_zone": "Asia/Shanghai",
        "site": "berlin",
        "organisation": "finance",
        "business": "helio-energy",
        "level": "manager",
        "vip": True,
    },
    {"employee": "E2", "name": "Grace Hopper"},
]


async def test_importing_makes_contacts_once() -> None:
    """The same file again tells nothing; a changed row tells what changed."""
    intake = Intake()
    importing = intake.use_cases.importing
    first = await importing.put(ROWS, by=ANN)
    before = await events(intake)
    second = await importing.put(ROWS, by=ANN)
    assert [p.id for p in first] == [p.id for p in second]
    assert await events(intake) == before
    wei = first[0].id
    for address in ("wecom:corp:wei",):
        assert await met(intake, chat=address, verified=True) == wei
    assert await met(intake, phone=PHONE) == wei
    state = await state_of(intake, wei)
    assert (state.level, state.organisation, state.business, state.time_zone) == (
        "manager",
        "finance",
        "helio-energy",
        "Asia/Shanghai",
    )
    assert len(state.links) == 4
    await importing.put([{**ROWS[0], "level": "staff"}], by=ANN)
    assert len(await events(intake)) == len(before) + 1
    assert (await state_of(intake, wei)).level == "staff"


async def test_who_wrote_before_is_the_one_who_is_imported() -> None:
    """A mail's contact becomes the employee, who is found by everything that the row says."""
    intake = Intake()
    wrote = await met(intake, mail="wei@example.org", name="wei")
    (wei, _) = await intake.use_cases.importing.put(ROWS, by=ANN)
    assert wei.id == wrote
    for question in ("zw", "zhangwei", "张", "E1", "wei@", "0170"):
        found = await intake.use_cases.contacts.search(question, tenant=TENANT)
        assert wei.id in [p.id for p in found], question


async def test_an_address_that_was_given_back_may_be_imported() -> None:
    """Nobody is there under it yet: the row makes them, under the address that was known."""
    intake = Intake()
    contacts = intake.use_cases.contacts
    ana = await met(intake, mail="ana@example.org")
    known = await contacts.link(ana, "mail:wei@example.org", by=ANN)
    (address,) = [a for a in known.addresses if a.address == "mail:wei@example.org"]
    await contacts.unlink(ana, address.id, by=ANN)
    (wei, _) = await intake.use_cases.importing.put(ROWS, by=ANN)
    assert wei.address == "mail:wei@example.org"
    assert wei.id == await met(intake, mail="wei@example.org")
    assert wei.id == await met(intake, id="E1", verified=True)


async def test_an_import_that_is_wrong_in_one_row_writes_nothing() -> None:
    """Every fault is said, and no row of it is there afterwards."""
    intake = Intake()
    with pytest.raises(ImportRefused) as caught:
        await intake.use_cases.importing.put([*ROWS, {"employee": "E3", "site": "x"}], by=ANN)
    assert [f.field for f in caught.value.faults] == ["contacts.2.site"]
    assert intake.data.collection("people") == {}
    assert intake.data.collection(CONTACT.name) == {}


async def test_an_import_takes_no_proven_address_from_another() -> None:
    """Two employees with one mail address: the second file is refused with the field."""
    intake = Intake()
    await intake.use_cases.importing.put(ROWS, by=ANN)
    with pytest.raises(ImportRefused) as caught:
        await intake.use_cases.importing.put(
            [{"employee": "E2", "mail": "wei@example.org"}], by=ANN
        )
    assert [f.field for f in caught.value.faults] == ["contacts.0.mail"]


async def test_one_person_in_two_rows_is_refused() -> None:
    """Their employee number and their mail, apart, name the same contact."""
    intake = Intake()
    await intake.use_cases.importing.put(ROWS, by=ANN)
    with pytest.raises(ImportRefused, match="the same person"):
        await intake.use_cases.importing.put(
            [{"employee": "E1"}, {"mail": "wei@example.org"}], by=ANN
        )


@pytest.mark.parametrize("number", range(14))
async def test_a_crash_at_any_point_of_a_meeting_is_mended_by_meeting_again(number: int) -> None:
    """Whatever was written before, the same receipts again give one contact with its links."""
    faults = CrashAt(number)
    intake = Intake(faults=faults)
    faults.armed = True
    people: dict[str, Any] = {}
    party: dict[str, Any] = {"mail": "ana@example.org", "chat": "slack:T:U", "verified": True}
    try:
        people = await intake.use_cases.meeting.met([asking(**party)])
    except Crash:
        faults.armed = False
        again = Intake(data=intake.data, log=intake.log)
        people = await again.use_cases.meeting.met([asking(**party)])
    after = Intake(data=intake.data, log=intake.log)
    ana = people["r"].id
    assert await met(after, chat="slack:T:U", verified=True) == ana
    assert await met(after, mail="ana@example.org") == ana
    assert len((await state_of(after, ana)).links) == 2
    kinds = [kind for kind, _ in await events(after)]
    assert (kinds.count("recorded"), kinds.count("linked")) == (1, 2)


async def test_the_view_of_a_contact_says_that_mail_bounces() -> None:
    """A hard bounce of their address is seen by whoever would send to it."""
    intake = Intake()
    ana = await met(intake, mail="ana@example.org")
    mails = MemoryMails(intake.data)
    intake.reading.bounces = mails
    (view,) = await intake.reading.contacts([ana], tenant=TENANT)
    assert not view.mail_bounces
    await mails.mark_bounced(tenant=TENANT, address="Ana@example.org", hard=True, at=AT)
    (view,) = await intake.reading.contacts([ana], tenant=TENANT)
    assert view.mail_bounces


async def one_of_each(intake: Intake) -> dict[str, str]:
    """Return contacts: Ana with a linked telephone that was Bob's, and Eve merged into Ana."""
    contacts = intake.use_cases.contacts
    ids = {
        "ana": await met(intake, mail="ana@example.org", name="Ana"),
        "bob": await met(intake, phone=PHONE, name="Bob"),
        "eve": await met(intake, mail="eve@example.org", name="Eve"),
        "dan": await met(intake, mail="dan@example.org", name="Dan"),
    }
    await contacts.link(ids["ana"], f"phone:{PHONE}", by=ANN)
    await contacts.merge(ids["eve"], into=ids["ana"], by=ANN)
    return ids


def summary(intake: Intake) -> dict[str, Any]:
    """Return what is stored of contacts, without times and history."""
    people = intake.data.collection("people").values()
    addresses = intake.data.collection("addresses").values()
    states = intake.data.collection(CONTACT.name).items()
    return {
        "people": {p["id"]: (p["mail"], p["phone"], p["merged_into"], p["keys"]) for p in people},
        "addresses": {a["address"]: (a["contact"], a["verified"], a["was"]) for a in addresses},
        "states": {i: row["state"] for i, row in states},
    }


COMMANDS: dict[str, Callable[[Contacts, dict[str, str]], Awaitable[object]]] = {
    "link": lambda contacts, ids: contacts.link(ids["dan"], f"phone:{PHONE}", by=ANN),
    "link_new": lambda contacts, ids: contacts.link(ids["dan"], "mail:new@example.org", by=ANN),
    "unlink": lambda contacts, ids: contacts.unlink(
        ids["ana"], address_id(tenant=TENANT, address=f"phone:{PHONE}"), by=ANN
    ),
    "merge": lambda contacts, ids: contacts.merge(ids["bob"], into=ids["dan"], by=ANN),
    "unmerge": lambda contacts, ids: contacts.unmerge(ids["eve"], by=ANN),
}


@pytest.mark.parametrize("number", range(24))
@pytest.mark.parametrize("command", list(COMMANDS))
async def test_a_command_that_crashed_is_mended_by_giving_it_again(
    command: str, number: int
) -> None:
    """Wherever the process died, the same command again ends where it would have ended."""
    straight = Intake()
    ids = await one_of_each(straight)
    await COMMANDS[command](straight.use_cases.contacts, ids)

    faults = CrashAt(number)
    broken = Intake(faults=faults)
    assert await one_of_each(broken) == ids
    faults.armed = True
    with contextlib.suppress(Crash):
        await COMMANDS[command](broken.use_cases.contacts, ids)
    assert faults.died or number > 5
    again = Intake(data=broken.data, log=broken.log)
    with contextlib.suppress(CommandRejected):
        # It may have been done to the end: then it is refused, for there is nothing to undo.
        await COMMANDS[command](again.use_cases.contacts, ids)
    assert summary(again) == summary(straight)
    actions = [row["action"] for row in again.data.collection("links").values()]
    done = {"link": "linked", "link_new": "linked", "unlink": "unlinked"}
    assert done.get(command, f"{command}d") in actions
