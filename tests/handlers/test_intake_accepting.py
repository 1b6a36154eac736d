"""Accepting and applying: one request is one ticket, whatever crashes in between."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from services.intake.domain.receipts import Receipt
from services.intake.doors import DOORS, Raw, Read
from services.intake.handlers.callers import Caller
from services.intake.handlers.contacts import Agent
from shared.contracts.contacts import ContactRecorded
from shared.contracts.intake import Direction, MessageAdded, RequestAccepted
from shared.contracts.topics import CONTACTS
from shared.kernel import CommandRejected, Infrastructure
from shared.organisation.catalogue import CatalogueSection
from tests.support.intake import SIGNER, TENANT, Intake
from tests.support.intake_input import Crash, CrashAt, mail, read_one, request

AGENT = Caller(tenant=TENANT, name="j-smith")


async def submit(intake: Intake, *, key: str | None = "k", **fields: Any) -> Receipt:
    """Hand a request in at the JSON door."""
    return await intake.accepting.submit(
        DOORS["requests"], request(key=key, **fields), intake.caller("requests-demo")
    )


async def send(intake: Intake, body: bytes, *, sender: str = "ana@example.org") -> Receipt:
    """Hand a mail in."""
    read = read_one("smtp", Raw(body=body, sender=sender))
    return await intake.accepting.submit(
        DOORS["smtp"], read, intake.caller("mail-demo"), original=Raw(body=body)
    )


async def test_a_request_becomes_a_ticket_a_contact_and_a_message() -> None:
    """The whole way: facts from configuration, one contact, the text in a row, three events."""
    intake = Intake()
    receipt = await submit(intake, text="since nine", site="berlin")
    await intake.settle()
    (ticket,) = intake.tickets()
    assert ticket.id == receipt.ticket
    assert ticket.state is not None
    facts = ticket.state.facts
    assert (facts.number, facts.priority, facts.region, facts.site) == (
        "T-000001",
        "P4",
        "emea",
        "berlin",
    )
    assert (facts.integration, facts.accepted_at) == ("requests-demo", receipt.accepted_at)
    (message,) = intake.store.all_messages()
    assert (message.id, message.n, message.text) == (ticket.state.message, 1, "since nine")
    assert [type(e.body) for e in intake.events()] == [RequestAccepted]
    (contact,) = intake.log.records(CONTACTS.name)
    assert contact.key == facts.contact.encode()
    body = ContactRecorded.model_validate_json(contact.value or b"")
    assert (body.reachable_by_mail, body.region) == (True, "emea")
    assert b"Ana" not in (contact.value or b"")


async def test_the_same_key_and_body_get_the_same_answer() -> None:
    """Before and after it is applied, and one ticket."""
    intake = Intake(lazy=True)
    first = await submit(intake)
    second = await submit(intake)
    await intake.settle()
    third = await submit(intake)
    assert {(r.id, r.ticket, r.number) for r in (first, second, third)} == {
        (first.id, first.ticket, "T-000001")
    }
    assert len(intake.tickets()) == 1


async def test_the_same_key_gets_the_same_answer_after_the_organisation_has_changed() -> None:
    """What the request names is gone by then: the request stands, and a new one is refused."""
    intake = Intake()
    first = await submit(intake, service="network")
    catalogue = CatalogueSection.model_validate({"services": [{"name": "mail", "title": "Mail"}]})
    before = intake.configurations.current(TENANT)
    intake.configurations.install(TENANT, replace(before, catalogue=catalogue))
    assert (await submit(intake, service="network")).number == first.number
    with pytest.raises(CommandRejected) as caught:
        await submit(intake, key="new", service="network")
    assert (caught.value.status, caught.value.field) == (422, "service")


async def test_the_same_key_with_another_body_is_refused() -> None:
    """422 that names the header; the first request stands."""
    intake = Intake()
    await submit(intake)
    with pytest.raises(CommandRejected) as caught:
        await submit(intake, subject="another")
    assert (caught.value.status, caught.value.field) == (422, "Idempotency-Key")
    await intake.settle()
    assert len(intake.tickets()) == 1


async def test_without_a_key_every_request_is_another_one() -> None:
    """Nobody said that they are the same."""
    intake = Intake()
    receipts = [await submit(intake, key=None) for _ in range(3)]
    await intake.settle()
    assert len({r.ticket for r in receipts}) == 3
    assert [t.state.facts.number for t in intake.tickets() if t.state] == [
        "T-000001",
        "T-000002",
        "T-000003",
    ]


async def test_keys_of_two_callers_do_not_meet() -> None:
    """An agent and an integration may use the same words."""
    intake = Intake()
    await submit(intake)
    await intake.accepting.submit(DOORS["requests"], request(key="k", subject="other"), AGENT)
    await intake.settle()
    assert len(intake.tickets()) == 2


@pytest.mark.parametrize("key", ["", "x" * 1_001, "a\nb"])
async def test_a_key_that_is_none_is_refused(key: str) -> None:
    """Empty, too long or not printable: 422."""
    with pytest.raises(CommandRejected) as caught:
        await submit(Intake(), key=key)
    assert caught.value.status == 422


async def test_a_hundred_at_once_on_two_processes_are_one_ticket() -> None:
    """Concurrent repetitions all get the answer of the one that won."""
    one = Intake()
    two = Intake(data=one.data, log=one.log, clock=one.clock)
    answers = await asyncio.gather(*(submit((one, two)[n % 2]) for n in range(100)))
    assert len({(a.ticket, a.number) for a in answers}) == 1
    await one.settle()
    assert len(one.tickets()) == 1
    assert len(one.events()) == 1


async def test_a_full_backlog_refuses_and_keeps_nothing() -> None:
    """Infrastructure means 503: nothing was stored."""
    intake = Intake(full=lambda: "the broker takes no events")
    with pytest.raises(Infrastructure):
        await submit(intake)
    assert not intake.store.all_receipts()


@pytest.mark.parametrize("door", ["request", "mail", "reply"])
async def test_a_crash_at_any_point_loses_nothing_and_doubles_nothing(door: str) -> None:
    """Whatever I/O the process dies at, before or after its effect, the sweeper completes it."""
    points = 0
    for number in range(200):
        crash = CrashAt(number)
        dying = Intake(faults=crash, lazy=True)
        healthy = Intake(data=dying.data, log=dying.log, clock=dying.clock)
        if door == "reply":
            await send(healthy, mail(message_id="<m1@x>"))
            await healthy.settle()
        crash.armed = True
        body = mail(message_id="<m2@x>", references="<m1@x>" if door == "reply" else "")
        try:
            if door == "request":
                receipt = await submit(dying)
            else:
                receipt = await send(dying, body)
            await dying.applying.apply([receipt])
        except (Crash, Infrastructure):
            crash.died = True
        if not crash.died:
            points = number
        # The caller saw no answer, or a broken one, and asks again.
        await (submit(healthy) if door == "request" else send(healthy, body))
        await healthy.settle()
        kinds = Counter(type(e.body).__name__ for e in healthy.events())
        assert kinds == (
            {"RequestAccepted": 1, "MessageAdded": 1} if door == "reply" else {"RequestAccepted": 1}
        )
        assert all(r.pending_since is None for r in healthy.store.all_receipts())
        if points:
            break
    assert points > 8


class Defect:
    """Fails at a point, so many times, as a defect does: not as infrastructure."""

    def __init__(self, name: str, *, times: int) -> None:
        self._name = name
        self._times = times

    async def point(self, name: str) -> None:
        """Pass, or fail."""
        if name == self._name and self._times:
            self._times -= 1
            raise ValueError(name)


async def test_a_defect_of_one_receipt_does_not_keep_the_others() -> None:
    """It waits and says why; the rest of its batch is applied; later it gets another chance."""
    # Once for the batch, and once for the first receipt alone.
    intake = Intake(lazy=True, faults=Defect("intake.add_people", times=2))
    bad = await submit(intake, key="bad", mail="bad@example.org")
    await intake.clock.advance(1)
    good = await submit(intake, key="good", mail="good@example.org")
    await intake.applying.sweep(age_seconds=0, limit=100)
    assert [t.id for t in intake.tickets()] == [good.ticket]
    row = intake.data.collection("receipts")[bad.id]
    assert row["pending_since"] > intake.clock.now()
    assert (row["error"], row["attempts"]) == ("ValueError: intake.add_people", 1)
    await intake.settle()
    assert [t.id for t in intake.tickets()] == [bad.ticket, good.ticket]


async def test_an_agents_message_is_added_once_and_in_order() -> None:
    """Public is outbound, internal is internal; the same key is the same message."""
    intake = Intake()
    receipt = await submit(intake)
    await intake.settle()

    async def note(text: str, direction: Direction, key: str) -> Receipt:
        made = await intake.accepting.note(
            AGENT,
            ticket=receipt.ticket or "",
            number="T-000001",
            text=text,
            direction=direction,
            key=key,
        )
        return await intake.accepting.applied(made, seconds_max=5)

    first = await note("on it", Direction.OUTBOUND, "n1")
    again = await note("on it", Direction.OUTBOUND, "n1")
    await note("hm", Direction.INTERNAL, "n2")
    with pytest.raises(CommandRejected):
        await note("other", Direction.OUTBOUND, "n1")
    await intake.settle()
    assert again.message == first.message
    found = await intake.reading.conversation(receipt.ticket or "", tenant=TENANT)
    assert found is not None
    assert [(m.n, m.text, m.direction) for m in found.messages] == [
        (1, "", "inbound"),
        (2, "on it", "outbound"),
        (3, "hm", "internal"),
    ]
    added = [e.body for e in intake.events() if isinstance(e.body, MessageAdded)]
    assert [(b.message, b.author) for b in added] == [
        (found.messages[1].id, "j-smith"),
        (found.messages[2].id, "j-smith"),
    ]


async def test_concurrent_messages_of_two_processes_are_all_added_in_one_order() -> None:
    """Counts are unique and without gaps, and the ticket has taken them all."""
    one = Intake()
    two = Intake(data=one.data, log=one.log, clock=one.clock)
    receipt = await submit(one)
    await one.settle()

    async def note(number: int) -> None:
        intake = (one, two)[number % 2]
        made = await intake.accepting.note(
            AGENT,
            ticket=receipt.ticket or "",
            number="T-000001",
            text=str(number),
            direction=Direction.INTERNAL,
            key=None,
        )
        await intake.accepting.applied(made, seconds_max=5)

    await asyncio.gather(*(note(n) for n in range(20)))
    await one.settle()
    (ticket,) = one.tickets()
    assert ticket.state is not None
    assert ticket.state.messages == 21
    assert [m.n for m in one.store.all_messages()] == list(range(1, 22))
    added = [e.body.message for e in one.events() if isinstance(e.body, MessageAdded)]
    assert added == [m.id for m in one.store.all_messages()[1:]]


async def test_the_same_mail_twice_is_one_ticket_and_its_original_is_kept() -> None:
    """Also by another path, with other transport headers."""
    intake = Intake()
    body = mail(message_id="<m1@x>")
    first = await send(intake, body)
    second = await send(intake, b"Received: by other\r\n" + body)
    await intake.settle()
    assert first.ticket == second.ticket
    assert len(intake.tickets()) == 1
    assert intake.store.all_originals() == [body]


async def test_two_mails_with_one_message_id_are_both_kept() -> None:
    """A broken mailer's second mail is a ticket of its own that names its twin."""
    intake = Intake()
    first = await send(intake, mail(message_id="<m1@x>"))
    twin = await send(intake, mail(message_id="<m1@x>", text="another matter"))
    again = await send(intake, mail(message_id="<m1@x>", text="another matter"))
    await intake.settle()
    assert len(intake.tickets()) == 2
    assert twin.twin_of == first.id
    assert again.ticket == twin.ticket


@pytest.mark.parametrize("applied", [True, False])
async def test_a_reply_joins_the_conversation(applied: bool) -> None:  # noqa: FBT001 - a parameter
    """By our token, by the Message-ID of a mail of it, before it is applied as well."""
    intake = Intake(lazy=not applied)
    first = await send(intake, mail(message_id="<m1@x>"))
    if applied:
        await intake.settle()
    token = SIGNER.token(tenant=TENANT, number=first.number or "")
    thread = f"<{first.ticket}.thread.{token}@helio.example>"
    replies = [
        await send(
            intake, mail(message_id="<m2@x>", references="<m1@x>", text="2"), sender="b@x.y"
        ),
        await send(intake, mail(message_id="<m3@x>", references="<other@x> <m2@x>", text="3")),
        await send(intake, mail(message_id="<m4@x>", references="<gone@x>", text="new")),
    ]
    if applied:
        replies.append(await send(intake, mail(message_id="<m5@x>", references=thread, text="5")))
    await intake.settle()
    assert [r.ticket == first.ticket for r in replies] == [True, True, False, True][: len(replies)]
    assert len(intake.tickets()) == 2
    (ticket,) = (t for t in intake.tickets() if t.id == first.ticket)
    assert ticket.state is not None
    assert ticket.state.messages == (4 if applied else 3)


async def test_a_token_of_another_tenant_joins_nothing() -> None:
    """A ticket's id is no way into another tenant."""
    intake = Intake()
    first = await send(intake, mail(message_id="<m1@x>"))
    await intake.settle()
    intake.configurations.install("other", intake.configurations.current(TENANT))
    caller = Caller(
        tenant="other", name="mail-demo", integration=intake.caller("mail-demo").integration
    )
    token = SIGNER.token(tenant=TENANT, number=first.number or "")
    body = mail(message_id="<m2@x>", references=f"<{first.ticket}.thread.{token}@h>")
    read = read_one("smtp", Raw(body=body, sender="b@x.y"))
    receipt = await intake.accepting.submit(DOORS["smtp"], read, caller)
    assert receipt.ticket != first.ticket


async def test_a_mail_that_nobody_wrote_waits_for_review() -> None:
    """No ticket, no event; the mail is kept and listed."""
    intake = Intake()
    body = mail(message_id="<m1@x>", extra="Auto-Submitted: auto-replied\r\n")
    await send(intake, body, sender="")
    await send(intake, body, sender="")
    await intake.settle()
    assert not intake.tickets()
    assert not intake.events()
    (review,) = await intake.reading.reviews(tenant=TENANT)
    assert (review.mail.reason, review.mail.words.subject) == ("auto-submitted", "Screen dark")
    assert intake.store.all_originals() == [body]


async def test_a_ticket_can_be_read_as_soon_as_it_is_accepted() -> None:
    """Reading completes what is durable: no window in which a 202 leads to a 404."""
    intake = Intake(lazy=True)
    receipt = await submit(intake)
    for name in (receipt.ticket or "", receipt.number or "", receipt.id):
        found = await intake.reading.request(name, tenant=TENANT)
        assert found is not None
        assert (found.ticket, found.applied) == (receipt.ticket, False)
    assert await intake.reading.conversation(receipt.ticket or "", tenant=TENANT) is not None
    assert await intake.reading.conversation(receipt.ticket or "", tenant="other") is None
    found = await intake.reading.request(receipt.number or "", tenant=TENANT)
    assert found is not None
    assert found.applied
    assert await intake.reading.request(receipt.id, tenant="other") is None
    assert await intake.reading.request("T-999999", tenant=TENANT) is None


async def test_a_contact_keeps_what_is_known_of_them() -> None:
    """The second request of somebody takes language, place and business from the first."""
    intake = Intake()
    await submit(intake, key="a", language="de", site="berlin", business="helio-energy")
    await intake.settle()
    await submit(intake, key="b", mail="ANA@example.org")
    await intake.settle()
    first, second = (t.state.facts for t in intake.tickets() if t.state)
    assert first.contact == second.contact
    assert (second.language, second.region, second.site) == ("de", "emea", "berlin")
    assert second.business == "helio-energy"


async def test_a_request_of_a_business_that_there_is_not_is_refused_with_the_field() -> None:
    """As with a site: nobody could route by it."""
    intake = Intake()
    with pytest.raises(CommandRejected) as refused:
        await submit(intake, business="helio-enrgy")
    assert (refused.value.code, refused.value.field) == ("invalid", "business")


async def test_an_import_says_to_which_business_a_contact_belongs() -> None:
    """Their next request is that business's."""
    intake = Intake()
    row = {"employee": "E1", "mail": "ana@example.org", "business": "helio-works"}
    await intake.use_cases.importing.put([row], by=Agent(TENANT, "j-smith", ""))
    await submit(intake, key="a", mail="ana@example.org")
    await intake.settle()
    (ticket,) = intake.tickets()
    assert ticket.state is not None
    assert ticket.state.facts.business == "helio-works"


async def test_a_key_of_a_thousand_characters_is_taken() -> None:
    """By API, where the caller is put before it; a message of an agent's as well."""
    intake = Intake()
    receipt = await submit(intake, key="k" * 1_000)
    again = await submit(intake, key="k" * 1_000)
    assert receipt.id == again.id
    noted = await intake.accepting.note(
        AGENT,
        ticket=receipt.ticket or "",
        number="T-000001",
        text="done",
        direction=Direction.OUTBOUND,
        key="k" * 1_000,
    )
    assert noted.key.endswith("k" * 1_000)


async def test_two_mails_with_one_long_message_id_are_both_kept() -> None:
    """A Message-ID may fill its line; the second mail's receipt has a longer name still."""
    intake = Intake()
    long = f"<{'m' * 980}@x.example>"
    first = await send(intake, mail(message_id=long, text="the printer is on fire"))
    second = await send(intake, mail(message_id=long, text="please order ten chairs for us"))
    assert second.twin_of == first.id
    assert len(intake.store.all_originals()) == 2


def batch(*subjects: str, site: str | None = None) -> list[Read[Any]]:
    """Return the submissions of one call; the last one is at ``site``."""
    reads = [request(key=subject, subject=subject) for subject in subjects]
    if site is not None:
        last = reads[-1]
        reads[-1] = replace(last, form=last.form.model_copy(update={"site": site}))
    return reads


async def test_a_call_of_several_is_taken_whole_or_not_at_all() -> None:
    """One names a site that there is not, or a key that was used: nothing of it is kept."""
    intake = Intake()
    door, caller = DOORS["requests"], intake.caller("requests-demo")
    with pytest.raises(CommandRejected, match="nowhere"):
        await intake.accepting.submit_all(door, batch("a", "b", site="nowhere"), caller)
    assert not intake.store.all_receipts()
    await intake.accepting.submit(door, request(key="b", subject="something else"), caller)
    with pytest.raises(CommandRejected, match="idempotency-key-reused"):
        await intake.accepting.submit_all(door, batch("a", "b"), caller)
    assert [r.key for r in intake.store.all_receipts()] == ["requests-demo:b"]


async def test_the_submissions_of_a_call_share_its_original() -> None:
    """A large body is there once, however many receipts it has; each leads to the whole of it."""
    intake = Intake()
    body = b"x" * 100_000
    receipts = await intake.accepting.submit_all(
        DOORS["requests"],
        batch(*(f"n{number}" for number in range(20))),
        intake.caller("requests-demo"),
        original=Raw(body=body),
    )
    assert sum(map(len, intake.store.all_originals())) == 0
    assert len(intake.data.collection("files")) == 1
    for receipt in receipts:
        original = await intake.store.original(receipt.id, tenant=TENANT)
        assert original is not None
        assert await intake.files.read(tenant=TENANT, file=original.file or "") == body
