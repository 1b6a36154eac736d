"""Who follows a ticket, who is called for help, and the links of a resolution, as mails."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.console.domain.words import CATALOGUES
from services.notify.adapters.reasons import REASON_NAMES
from services.notify.domain.notices import NOTICES, Notice
from shared.contracts.facts import Channel, Kind, Level, Priority, TicketFacts
from shared.contracts.intake import Direction, MessageAdded, RequestAccepted
from shared.contracts.internal import ContactView, MessageView
from shared.contracts.lifecycle import (
    EscalationKind,
    TaskCancelled,
    TicketEscalated,
    TicketReminded,
    WatcherAdded,
    WatcherKind,
    WatcherRemoved,
)
from shared.contracts.routing import Status, TicketClosed, TicketReopened, TicketResolved
from shared.organisation import ESCALATION_REASONS
from shared.testing.clock import START
from shared.verdicts import Verdict, VerdictSigner
from tests.support.notify import TENANT, MemoryDirectory, Notify

KEY = "the key of the tests"
URL = "https://desk.example"


def facts(language: str = "en") -> TicketFacts:
    """Return a ticket of Wei."""
    return TicketFacts(
        number="T-000001",
        kind=Kind.INCIDENT,
        channel=Channel.EMAIL,
        priority=Priority.P2,
        impact=Level.HIGH,
        urgency=Level.MEDIUM,
        contact="wei",
        accepted_at=START,
        language=language,
    )


def text(name: str, words: str, direction: Direction) -> MessageView:
    """Return a message of the conversation."""
    return MessageView(
        id=name,
        ticket="t-1",
        direction=direction,
        channel=Channel.EMAIL,
        subject="Printer",
        text=words,
        author="Hannah Clarke",
        at=START,
    )


def notify(**more: Any) -> Notify:
    """Return notify with two contacts and three messages."""
    directory = MemoryDirectory(
        people={
            "wei": ContactView(id="wei", name="Wei", mail="wei@example.com"),
            "boss": ContactView(id="boss", name="Boss", mail="boss@example.com"),
        },
        texts={
            "m-1": text("m-1", "It is dark.", Direction.INBOUND),
            "m-2": text("m-2", "We look at it.", Direction.OUTBOUND),
            "m-3": text("m-3", "He always breaks it.", Direction.INTERNAL),
        },
    )
    return Notify(directory=directory, **more)


def watching(name: str, kind: WatcherKind, *, added: bool = True) -> Any:
    """Return that somebody follows the ticket."""
    body = WatcherAdded if added else WatcherRemoved
    return body(
        facts=facts(), status=Status.ACCEPTED, desk="london", watcher=name, kind=kind, by="h-clarke"
    )


def said(name: str, direction: Direction, author: str = "h-clarke") -> MessageAdded:
    """Return that something was said."""
    return MessageAdded(facts=facts(), message=name, direction=direction, author=author)


def resolved(language: str = "en", **more: Any) -> TicketResolved:
    """Return a resolution."""
    return TicketResolved(
        facts=facts(language), status=Status.RESOLVED, desk="london", by="h-clarke", **more
    )


async def watched() -> Notify:
    """Return notify with a ticket that an agent and a contact follow."""
    rig = notify()
    await rig.receive(
        rig.event("t-1", RequestAccepted(facts=facts(), message="m-1")),
        rig.event("t-1", watching("p-sharma", WatcherKind.AGENT)),
        rig.event("t-1", watching("boss", WatcherKind.CONTACT)),
    )
    await rig.sender.round()
    rig.channel.recipients.clear()
    rig.channel.mails.clear()
    return rig


def kept(rig: Notify, kind: str) -> list[Notice]:
    """Return the ticket's notices of a kind."""
    state = rig.streams.data.collection(NOTICES.name)["t-1"]["state"] or {"notices": ()}
    return [Notice.model_validate(n) for n in state["notices"] if n["kind"] == kind]


async def test_who_follows_a_ticket_reads_what_is_public_and_never_a_note() -> None:
    """The agent and the contact get the reply; the internal note reaches nobody by mail."""
    rig = await watched()
    await rig.receive(
        rig.event("t-1", said("m-2", Direction.OUTBOUND)),
        rig.event("t-1", said("m-3", Direction.INTERNAL)),
    )
    while await rig.sender.round():
        pass
    assert sorted(rig.channel.recipients) == [
        "boss@example.com",
        "priya.sharma@helio.example",
        "wei@example.com",
    ]
    assert not any(b"breaks" in mail for mail in rig.channel.mails)
    to_boss = next(m for m in rig.channel.parsed if "boss" in m["To"])
    assert "We look at it." in to_boss.get_body().get_content()  # type: ignore[union-attr]


async def test_nobody_is_told_of_what_they_did_themselves() -> None:
    """An agent who follows and writes gets no mail of it, and neither does the ticket's contact."""
    rig = await watched()
    await rig.receive(rig.event("t-1", watching("wei", WatcherKind.CONTACT)))
    await rig.receive(rig.event("t-1", said("m-2", Direction.OUTBOUND, author="p-sharma")))
    assert [n.recipient for n in kept(rig, "watch")] == ["boss"]


async def test_who_follows_no_more_is_told_no_more() -> None:
    """Added twice is following once, and removed is the end of it."""
    rig = await watched()
    await rig.receive(
        rig.event("t-1", watching("boss", WatcherKind.CONTACT)),
        rig.event("t-1", watching("boss", WatcherKind.CONTACT, added=False)),
        rig.event("t-1", resolved()),
    )
    assert [n.recipient for n in kept(rig, "watch")] == ["p-sharma"]
    assert len(kept(rig, "resolution")) == 1


@pytest.mark.parametrize("kind", list(EscalationKind)[:2])
async def test_a_manager_is_called_and_agents_who_follow_hear_of_it(kind: EscalationKind) -> None:
    """A functional one calls nobody; contacts hear of neither."""
    rig = await watched()
    body = TicketEscalated(
        facts=facts(),
        status=Status.IN_PROGRESS,
        desk="london",
        agent="h-clarke",
        by="h-clarke",
        kind=kind,
        reason="no-progress",
        told=("o-adeyemi",) if kind is EscalationKind.HIERARCHICAL else (),
    )
    event = rig.event("t-1", body)
    await rig.receive(event)
    await rig.receive(event)
    called = ["o-adeyemi"] if kind is EscalationKind.HIERARCHICAL else []
    assert [n.recipient for n in kept(rig, "help")] == called
    assert [n.recipient for n in kept(rig, "watch")] == ["p-sharma"]
    while await rig.sender.round():
        pass
    for mail in rig.channel.parsed:
        if "olu" in mail["To"]:
            text_of = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
            assert "Hannah Clarke calls you for help with T-000001" in text_of
            assert "Reason: no progress" in text_of


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_the_mail_of_a_resolution_has_two_signed_links(language: str) -> None:
    """One for each answer, for this resolution alone; in the HTML part they can be clicked."""
    rig = notify(thread_key=KEY, console_url=f"{URL}/")
    event = rig.event("t-1", resolved(language))
    await rig.receive(event)
    await rig.sender.round()
    (mail,) = rig.channel.parsed
    plain = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    html = mail.get_body(("html",)).get_content()  # type: ignore[union-attr]
    urls = [line for line in plain.splitlines() if line.startswith(URL)]
    signer = VerdictSigner(KEY)
    read = [signer.read(url.rpartition("/")[2], tenant=TENANT) for url in urls]
    assert read == [Verdict("T-000001", event.sequence, yes) for yes in (True, False)]
    assert all(f"{URL}/answer/{TENANT}/" in url and f'href="{url}"' in html for url in urls)


def reminded(language: str = "en", **more: Any) -> TicketReminded:
    """Return a reminder of the resolution that was the seventh event of its ticket."""
    given: dict[str, Any] = {
        "facts": facts(language),
        "status": Status.RESOLVED,
        "desk": "london",
        "due_at": START,
        "close_at": START + timedelta(hours=6),
        "resolution": 7,
    }
    return TicketReminded(**(given | more))


@pytest.mark.parametrize(
    ("language", "words"), [("en", "it is closed on"), ("zh", "工单将于")], ids=["en", "zh"]
)
async def test_a_reminder_is_one_mail_with_the_links_of_its_resolution(
    language: str, words: str
) -> None:
    """Delivered twice it is sent once; it says until when an answer counts."""
    rig = notify(thread_key=KEY, console_url=URL)
    event = rig.event("t-1", reminded(language))
    await rig.receive(event)
    await rig.receive(event)
    await rig.sender.round()
    await rig.receive(event)
    await rig.sender.round()
    (mail,) = rig.channel.parsed
    assert "wei@example.com" in mail["To"]
    plain = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert words in plain
    urls = [line for line in plain.splitlines() if line.startswith(URL)]
    signer = VerdictSigner(KEY)
    read = [signer.read(url.rpartition("/")[2], tenant=TENANT) for url in urls]
    assert read == [Verdict("T-000001", 7, yes) for yes in (True, False)]


@pytest.mark.parametrize("reopened", [True, False])
async def test_a_reminder_that_waits_goes_with_the_answer(reopened: bool) -> None:  # noqa: FBT001
    """What it says is not true any more: it is given up, and what is sent already stays sent."""
    rig = notify()
    at: dict[str, Any] = {"facts": facts(), "desk": "london", "by": "contact"}
    over = (
        TicketReopened(**at, status=Status.QUEUED, reason="message")
        if reopened
        else TicketClosed(**at, status=Status.CLOSED, reason="confirmed")
    )
    await rig.receive(rig.event("t-1", reminded()))
    await rig.sender.round()
    await rig.receive(rig.event("t-1", reminded()), rig.event("t-1", over))
    await rig.sender.round()
    assert len(rig.channel.parsed) == 1
    assert [str(n.status) for n in kept(rig, "reminder")] == ["sent", "failed"]
    assert "overtaken" in (kept(rig, "reminder")[1].reason or "")


async def test_no_reminder_comes_after_the_closing_or_without_an_address() -> None:
    """An event that was read too late plans nothing, and neither does one of who has no mail."""
    rig = notify()
    rig.directory.people["wei"] = ContactView(id="wei", name="Wei", mail=None)
    await rig.receive(rig.event("t-1", reminded()))
    rig.directory.people["wei"] = ContactView(id="wei", name="Wei", mail="wei@example.com")
    await rig.receive(rig.event("t-1", reminded(close_at=START)))
    assert not rig.streams.data.collection(NOTICES.name).get("t-1", {}).get("state")
    await rig.receive(rig.event("t-1", reminded()))
    assert len(kept(rig, "reminder")) == 1


@pytest.mark.parametrize(
    ("whose", "by", "told"),
    [
        ({"task_desk": "operations"}, "monitoring", ["operations"]),
        ({"task_desk": "operations", "task_agent": "p-sharma"}, "monitoring", ["p-sharma"]),
        ({"task_agent": "p-sharma"}, "p-sharma", []),
        ({}, "monitoring", []),
    ],
)
async def test_who_was_asked_for_a_task_hears_that_it_is_cancelled(
    whose: dict[str, str], by: str, told: list[str]
) -> None:
    """With the reason, once; nobody of what they did themselves."""
    rig = notify()
    body = TaskCancelled(
        facts=facts(),
        status=Status.ACCEPTED,
        desk="london",
        by=by,
        task="k-1",
        reason="alerts-cleared",
        code="replace-disk",
        **whose,
    )
    event = rig.event("t-1", body)
    await rig.receive(event)
    await rig.receive(event)
    assert [n.recipient for n in kept(rig, "task")] == told
    while await rig.sender.round():
        pass
    for mail in rig.channel.parsed:
        plain = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
        assert "(replace-disk)" in plain
        assert "the alerts have cleared" in plain
    assert len(rig.channel.parsed) == len(told)


async def test_without_an_address_or_a_key_there_are_no_links() -> None:
    """The mail is as it was, and says when silence ends the ticket where that is known."""
    for more in ({"thread_key": KEY}, {"console_url": URL}):
        rig = notify(**more)
        await rig.receive(rig.event("t-1", resolved(close_at=START)))
        await rig.sender.round()
        (mail,) = rig.channel.parsed
        plain = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
        assert "http" not in plain
        assert "If we hear nothing, it is closed on" in plain


def test_each_shipped_reason_has_words_in_both_languages() -> None:
    """The codes of section ``lifecycle`` are what people read in mails and in the console."""
    assert {name: set(words) for name, words in REASON_NAMES.items()} == {
        language: set(ESCALATION_REASONS) for language in ("en", "zh")
    }
    for catalogue in CATALOGUES.values():
        assert all(f"escalation.{reason}" in catalogue for reason in ESCALATION_REASONS)
