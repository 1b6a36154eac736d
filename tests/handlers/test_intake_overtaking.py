"""An answer that comes before the mail that it answers: whose ticket that is."""

from __future__ import annotations

from typing import Any

import pytest

from services.intake.domain.receipts import Receipt
from services.intake.domain.threads import Evidence
from shared.contracts.intake import MessageAdded
from shared.contracts.links import LinkKind, LinkSuggested
from tests.support.intake import TENANT, Intake
from tests.support.letters import HELP, letter, post

ANA, BOB, EVE = "ana@example.org", "bob@example.org", "eve@evil.example"
SALARY = letter("<secret@ana>", text="My salary is wrong, please look.")


async def from_(intake: Intake, sender: str, name: str, *, to: str = HELP, **said: Any) -> Receipt:
    """Hand in a mail of somebody's, and let it be applied."""
    receipt = await post(intake, letter(name, sender=sender, **said), sender=sender, to=to)
    await intake.settle()
    return receipt


async def contact(intake: Intake, ticket: str | None) -> str | None:
    """Return to whom answers go."""
    (found,) = (t.state for t in intake.tickets() if t.id == ticket)
    assert found is not None
    people = await intake.store.people([found.facts.contact])
    return people[found.facts.contact].mail


async def test_a_stranger_who_answers_first_is_not_the_contact_of_what_others_ask() -> None:
    """Who knows a Message-ID has not had the mail: two tickets, and an agent is asked."""
    intake = Intake()
    eve = await from_(intake, EVE, "<e@evil>", answers=("<secret@ana>",), cc=(ANA,))
    ana = await post(intake, SALARY)
    await intake.settle()
    assert ana.ticket != eve.ticket
    assert await contact(intake, ana.ticket) == ANA
    later = await from_(intake, ANA, "<a2@x>", text="Well?", answers=("<secret@ana>",))
    assert later.ticket == ana.ticket
    await intake.use_cases.proposing.look()
    (proposal,) = await intake.use_cases.proposals.waiting(tenant=TENANT)
    assert (proposal.kind, proposal.tickets) == (LinkKind.REFERENCE, (ana.ticket, eve.ticket))
    await intake.relay.drain()
    told = [e for e in intake.events() if isinstance(e.body, LinkSuggested)]
    assert [(e.subject, e.body.others) for e in told] == [(ana.ticket, (eve.ticket,))]
    await intake.use_cases.proposals.accept(proposal.id, tenant=TENANT, by="h-clarke", parent=None)
    merged = {t.id: t.state.links.merged_into for t in intake.tickets() if t.state}
    assert merged == {ana.ticket: None, eve.ticket: ana.ticket}


@pytest.mark.parametrize("applied", [True, False])
async def test_who_asked_is_the_contact_although_an_answer_came_first(applied: bool) -> None:  # noqa: FBT001 - a parameter
    """A reply to all overtakes the mail: one ticket, and its answers go to who asked."""
    intake = Intake()
    reply = letter("<b@x>", sender=BOB, to=(ANA, HELP), text="Mine too.", answers=("<a@x>",))
    bob = await post(intake, reply, sender=BOB)
    if applied:
        await intake.settle()
        assert await contact(intake, bob.ticket) == BOB
    ana = await post(intake, letter("<a@x>", cc=(BOB,)))
    for _ in range(2):  # What waited for its ticket when it was offered waits a little longer.
        await intake.settle()
    assert ana.ticket == bob.ticket
    assert await contact(intake, ana.ticket) == ANA
    (added,) = (e.body for e in intake.events() if isinstance(e.body, MessageAdded))
    assert (added.facts.contact, added.contact_was is None) == (added.author, False)
    rows = [m.evidence for m in intake.store.all_messages() if m.n > 1]
    assert rows == [Evidence.REFERENCED]


async def test_an_agent_who_answers_from_a_mail_program_first_is_not_the_contact() -> None:
    """They were written to by another address than the desk's; the requester stays who asked."""
    intake = Intake()
    agent = next(a.email for a in intake.configurations.current(TENANT).all_agents() if a.email)
    first = await from_(intake, agent, "<g@x>", to=HELP, answers=("<a@x>",))
    ana = await post(intake, letter("<a@x>"))
    await intake.settle()
    assert ana.ticket == first.ticket
    assert await contact(intake, ana.ticket) == ANA


async def test_a_ticket_that_was_there_before_takes_no_mail_because_it_names_it() -> None:
    """A second mail of a stranger's ticket may name what others are about to ask."""
    intake = Intake()
    eve = await from_(intake, EVE, "<e1@evil>", text="Hello.")
    await from_(intake, EVE, "<e2@evil>", text="Hm.", answers=("<secret@ana>", "<e1@evil>"))
    ana = await post(intake, letter("<secret@ana>", text="My salary is wrong.", cc=(EVE,)))
    await intake.settle()
    assert ana.ticket != eve.ticket
    assert await contact(intake, ana.ticket) == ANA


async def test_a_merge_meanwhile_leaves_the_other_tickets_contact() -> None:
    """The answer's ticket goes on in somebody else's: there, they asked."""
    intake = Intake()
    other = await from_(intake, "cy@example.org", "<c@x>", subject="Mouse", text="Gone.")
    bob = await from_(intake, BOB, "<b@x>", text="Mine too.", answers=("<a@x>",))
    found = {t.id: t for t in intake.tickets()}
    await intake.use_cases.linker.merge(
        found[bob.ticket or ""], found[other.ticket or ""], by="h-clarke", key=None
    )
    ana = await post(intake, letter("<a@x>", cc=(BOB,)))
    await intake.settle()
    assert ana.ticket == other.ticket
    assert await contact(intake, other.ticket) == "cy@example.org"


async def test_a_crash_between_the_two_tickets_changes_nothing() -> None:
    """The mail handed in once more is in its own ticket again."""
    intake = Intake()
    await from_(intake, EVE, "<e@evil>", answers=("<secret@ana>",))
    lost = Intake(data=intake.data, log=intake.log, clock=intake.clock, full=lambda: "dying")
    with pytest.raises(Exception, match="dying"):
        await post(lost, SALARY)
    ana = await post(intake, SALARY)
    again = await post(intake, SALARY)
    await intake.settle()
    assert ana.ticket == again.ticket
    assert await contact(intake, ana.ticket) == ANA
    assert len(intake.tickets()) == 2


async def test_a_list_shows_its_mails_to_all_who_answer_by_it() -> None:
    """Lists deliver in any order: the reply that comes by the same list first is of the ticket."""
    intake = Intake()
    listed = (("List-Id", "<staff.example.org>"),)
    bob = await from_(intake, BOB, "<b@x>", text="Mine too.", answers=("<a@x>",), headers=listed)
    ana = await post(intake, letter("<a@x>", headers=listed))
    await intake.settle()
    assert ana.ticket == bob.ticket
    assert await contact(intake, ana.ticket) == ANA
