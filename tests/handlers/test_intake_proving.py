"""Addresses that are confirmed by a code: asked for, entered, refused, and undone."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

import pytest

from services.intake.domain.contact import CODE_TRIES_MAX, CONTACT, Contact
from services.intake.domain.normal import Party
from services.intake.domain.people import SentCode, address_id
from services.intake.domain.proofs import CODE_LIFETIME, CODES_OPEN_MAX
from services.intake.handlers.contacts import Agent
from shared.contracts.contacts import ContactCodeAsked, ContactCodeTried, ContactLinked
from shared.contracts.envelope import decode
from shared.contracts.topics import CONTACTS
from shared.kernel import CommandRejected
from tests.handlers.test_intake_contacts import met, state_of
from tests.support.intake import SIGNER, TENANT, Intake
from tests.support.intake_input import Crash, CrashAt

ANN = Agent(TENANT, "h-clarke")
PORTAL = Agent(TENANT, "requests-demo")
MAIL = "ana@example.org"
CHAT = "slack:T1:U1"


async def asked(intake: Intake) -> tuple[str, SentCode]:
    """Return a contact of a chat, and the code that was sent to the address that they claim."""
    contact = await met(intake, chat=CHAT, verified=True, name="Ana")
    return contact, await intake.use_cases.proving.ask(contact, MAIL, by=ANN)


def digits(sent: SentCode) -> str:
    """Return what the mail says."""
    return SIGNER.code(tenant=TENANT, name=sent.id)


def told(intake: Intake) -> list[Any]:
    """Return what was told of codes and links."""
    records = intake.log.records(CONTACTS.name)
    found = [decode(r.headers, r.value) for r in records]
    models = {m.type: m for m in (ContactCodeAsked, ContactCodeTried, ContactLinked)}
    return [event.with_body(models[event.type]).body for event in found if event.type in models]


async def refused(intake: Intake, contact: str, sent: SentCode, said: str) -> None:
    """Enter digits that are refused, whatever is wrong, in the same words."""
    with pytest.raises(CommandRejected) as error:
        await intake.use_cases.proving.confirm(sent.id, said, by=ANN, contact=contact)
    assert (error.value.code, error.value.status, error.value.field) == ("wrong-code", 422, "code")
    assert error.value.reason == "the code is wrong, too old, or was entered too often"


async def test_the_right_code_links_the_address_on_that_proof() -> None:
    """The event says that a code proved it; neither the address nor the code is in any event."""
    intake = Intake()
    contact, sent = await asked(intake)
    before = await intake.use_cases.contacts.show(contact, tenant=TENANT)
    assert [n.address for n in before.noted] == [f"mail:{MAIL}"]
    assert before.person.mail is None
    known = await intake.use_cases.proving.confirm(sent.id, digits(sent), by=ANN, contact=contact)
    row = next(a for a in known.addresses if a.address == f"mail:{MAIL}")
    assert (row.verified, row.reason, row.by) == (True, "code", "h-clarke")
    assert known.person.mail == MAIL
    assert [(link.action, link.reason) for link in known.links][:2] == [
        ("linked", f"code {sent.id}"),
        ("code-asked", f"code {sent.id}"),
    ]
    await intake.settle()
    asked_, tried, linked = told(intake)[-3:]
    address = address_id(tenant=TENANT, address=f"mail:{MAIL}")
    assert (asked_.code, asked_.address) == (sent.id, address)
    assert (tried.right, tried.left) == (True, CODE_TRIES_MAX - 1)
    assert (linked.address, linked.reason) == (address, "code")
    records = b"".join(r.value or b"" for r in intake.log.records(CONTACTS.name))
    assert digits(sent).encode() not in records
    assert MAIL.encode() not in records


async def test_a_code_is_used_once_and_its_link_can_be_undone() -> None:
    """Entering it again changes nothing; after the link was taken back it proves nothing."""
    intake = Intake()
    contact, sent = await asked(intake)
    proving, contacts = intake.use_cases.proving, intake.use_cases.contacts
    await proving.confirm(sent.id, digits(sent), by=ANN, contact=contact)
    await proving.confirm(sent.id, digits(sent), by=ANN, contact=contact)
    assert (await state_of(intake, contact)).codes == ()
    address = address_id(tenant=TENANT, address=f"mail:{MAIL}")
    known = await contacts.unlink(contact, address, by=ANN)
    assert known.person.mail is None
    await refused(intake, contact, sent, digits(sent))
    assert address not in (await state_of(intake, contact)).links


async def test_after_too_many_wrong_tries_the_right_one_is_refused() -> None:
    """Each wrong try counts, whichever process takes it."""
    intake = Intake()
    contact, sent = await asked(intake)
    other = Intake(data=intake.data, log=intake.log, clock=intake.clock)
    wrong = f"{(int(digits(sent)) + 1) % 10**8:08d}"
    for number in range(CODE_TRIES_MAX):
        await refused((intake, other)[number % 2], contact, sent, wrong)
    await refused(intake, contact, sent, digits(sent))
    await intake.settle()
    lefts = [body.left for body in told(intake) if isinstance(body, ContactCodeTried)]
    assert lefts == [4, 3, 2, 1, 0]


async def test_a_code_is_too_old_after_its_time() -> None:
    """Neither the code nor the mail with it can be had any more."""
    intake = Intake()
    contact, sent = await asked(intake)
    (view,) = await intake.use_cases.proving.codes([sent.id], tenant=TENANT)
    assert (view.mail, view.code) == (MAIL, digits(sent))
    await intake.clock.advance(CODE_LIFETIME.total_seconds())
    await refused(intake, contact, sent, digits(sent))
    assert await intake.use_cases.proving.codes([sent.id], tenant=TENANT) == []


async def test_nobodys_mailbox_is_filled_with_codes() -> None:
    """So many of a contact are open at once; once they are too old, more may be asked for."""
    intake = Intake()
    contact, _ = await asked(intake)
    proving = intake.use_cases.proving
    for _ in range(CODES_OPEN_MAX - 1):
        await proving.ask(contact, MAIL, by=ANN)
    with pytest.raises(CommandRejected) as error:
        await proving.ask(contact, MAIL, by=ANN)
    assert (error.value.code, error.value.status) == ("too-many", 429)
    await intake.clock.advance(CODE_LIFETIME.total_seconds())
    await proving.ask(contact, MAIL, by=ANN)
    assert len((await state_of(intake, contact)).codes) == 1


@pytest.mark.parametrize("said", ["", "0", "abc", "\ud800", "１２３４５６７８"])
async def test_what_is_no_code_is_a_wrong_one(said: str) -> None:
    """It is refused in the same words."""
    intake = Intake()
    contact, sent = await asked(intake)
    await refused(intake, contact, sent, said)


async def test_a_code_of_another_contact_or_tenant_or_of_nobody_is_wrong() -> None:
    """The right digits of one prove nothing of another, and nothing tells them apart."""
    intake = Intake()
    _, sent = await asked(intake)
    other = await met(intake, chat="slack:T1:U2", verified=True)
    await refused(intake, other, sent, digits(sent))
    nobody = sent.model_copy(update={"id": "never-was"})
    await refused(intake, other, nobody, digits(nobody))
    stranger = Agent("other", "stranger")
    with pytest.raises(CommandRejected) as error:
        await intake.use_cases.proving.confirm(
            sent.id, digits(sent), by=stranger, contact=sent.contact
        )
    assert error.value.code == "wrong-code"


async def test_an_agent_moves_an_address_that_was_somebody_elses() -> None:
    """Who can read its mail now has it; the former owner is told of, and an undo gives it back."""
    intake = Intake()
    former = await met(intake, mail=MAIL, name="Bea")
    contact, sent = await asked(intake)
    known = await intake.use_cases.proving.confirm(sent.id, digits(sent), by=ANN, contact=contact)
    (row,) = (a for a in known.addresses if a.address == f"mail:{MAIL}")
    assert row.was == former
    assert (await intake.use_cases.contacts.show(former, tenant=TENANT)).person.mail is None


@pytest.mark.parametrize("number", range(20))
async def test_a_crash_at_any_point_of_confirming_is_mended_by_entering_again(number: int) -> None:
    """The address is linked once, whichever write was the last."""
    steady = Intake()
    contact, sent = await asked(steady)
    faults = CrashAt(number)
    crashing = Intake(data=steady.data, log=steady.log, clock=steady.clock, faults=faults)
    faults.armed = True
    with contextlib.suppress(Crash):
        await crashing.use_cases.proving.confirm(sent.id, digits(sent), by=ANN, contact=contact)
    known = await steady.use_cases.proving.confirm(sent.id, digits(sent), by=ANN, contact=contact)
    assert [a.address for a in known.addresses if a.verified].count(f"mail:{MAIL}") == 1
    document = (await steady.streams.load(CONTACT, [contact]))[contact]
    assert isinstance(document.state, Contact)
    address = address_id(tenant=TENANT, address=f"mail:{MAIL}")
    assert document.state.links.count(address) == 1


async def test_somebody_whom_a_portal_signed_in_confirms_an_address() -> None:
    """Only the portal that asked may enter the code; the address is linked then."""
    intake = Intake()
    proving = intake.use_cases.proving
    sent = await proving.ask_for(Party(id="E7", name="Ana"), MAIL, by=PORTAL)
    with pytest.raises(CommandRejected):
        await proving.confirm_for(sent.id, digits(sent), by=Agent(TENANT, "another-portal"))
    await proving.confirm_for(sent.id, digits(sent), by=PORTAL)
    known = await intake.use_cases.contacts.show(sent.contact, tenant=TENANT)
    assert sorted((a.address, a.reason) for a in known.addresses) == [
        ("id:E7", "door"),
        (f"mail:{MAIL}", "code"),
    ]


async def test_an_address_that_is_proven_for_another_stays_theirs_and_nobody_is_told() -> None:
    """The portal is answered as ever; the claim is noted, for an agent to judge."""
    intake = Intake()
    owner = await met(intake, mail=MAIL, verified=True, name="Bea")
    proving, contacts = intake.use_cases.proving, intake.use_cases.contacts
    sent = await proving.ask_for(Party(id="E7", name="Ana"), MAIL, by=PORTAL)
    await proving.confirm_for(sent.id, digits(sent), by=PORTAL)
    assert (await contacts.show(owner, tenant=TENANT)).person.mail == MAIL
    claimer = await contacts.show(sent.contact, tenant=TENANT)
    assert [a.address for a in claimer.addresses] == ["id:E7"]
    assert [n.address for n in claimer.noted] == [f"mail:{MAIL}"]
    assert "claimed" in [link.action for link in claimer.links]


async def test_only_an_integration_that_vouches_may_have_addresses_confirmed() -> None:
    """The setting is off by default, and no door of machines has it."""
    intake = Intake()
    proving = intake.use_cases.proving
    for name in ("requests-demo", "mail-demo", "never-was"):
        with pytest.raises(CommandRejected) as error:
            proving.vouching(tenant=TENANT, name=name)
        assert (error.value.code, error.value.status) == ("forbidden", 403)
    current = intake.configurations.current(TENANT)
    rows = tuple(
        item.model_copy(update={"settings": {"vouches": True}})
        if item.name == "requests-demo"
        else item
        for item in current.integrations.integrations
    )
    section = current.integrations.model_copy(update={"integrations": rows})
    intake.configurations.install(TENANT, replace(current, integrations=section))
    assert proving.vouching(tenant=TENANT, name="requests-demo").name == "requests-demo"
