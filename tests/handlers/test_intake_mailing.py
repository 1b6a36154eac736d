"""Mails on their way in: several mailboxes, loops, bounces, limits, and mailboxes elsewhere."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Self

from services.intake.api.listener import Listener
from services.intake.domain.receipts import Receipt, Reviewing
from services.intake.doors import Door, Raw
from services.intake.handlers.mailboxes import Mailboxes
from services.intake.handlers.mailing import Mailing
from services.intake.ports import Lying, MailboxAt, MailboxDown
from shared.kernel import CommandRejected
from shared.log import silent
from shared.organisation import Configuration, Integration
from tests.support.intake import SIGNER, TENANT, Intake
from tests.support.intake_input import Crash, CrashAt, mail
from tests.support.letters import letter
from tests.support.mails import MemoryMails, mailing_of

OURS = "help@helio.example"


def with_integrations(configuration: Configuration, *more: Integration) -> Configuration:
    """Return a configuration with further integrations."""
    section = configuration.integrations
    names = {integration.name for integration in more}
    kept = tuple(i for i in section.integrations if i.name not in names)
    changed = section.model_copy(update={"integrations": (*kept, *more)})
    return replace(configuration, integrations=changed)


def install(intake: Intake, *more: Integration, tenant: str = TENANT) -> None:
    """Configure further integrations; those of the same name are replaced."""
    version = intake.configurations.version(tenant)
    changed = with_integrations(intake.configurations.current(tenant), *more)
    intake.configurations.install(tenant, changed, version=version + 1)


def smtp(name: str, *addresses: str, **fields: Any) -> Integration:
    """Return an integration of the listener."""
    return Integration(name=name, door="smtp", addresses=addresses, **fields)


async def take(
    intake: Intake, mailing: Mailing, body: bytes, *recipients: str, sender: str = "ana@example.org"
) -> str:
    """Hand a mail in over SMTP; return the answer."""
    entrance = Listener(
        mailing=mailing,
        closed=lambda: "",
        clock=intake.clock,
        log=silent(),
        host="127.0.0.1",
        port=1,
        name="test",
        mail_bytes_max=1_000_000,
    )

    class Envelope:
        """What the library hands over."""

        mail_from = sender
        rcpt_tos = list(recipients or (OURS,))
        original_content = body

    envelope: Any = Envelope()
    return await entrance.handle_DATA(None, None, envelope)


async def test_a_mail_to_several_mailboxes_is_one_ticket_with_several_deliveries() -> None:
    """Each mailbox once, by its address without the plus-part; a repetition adds none."""
    intake = Intake()
    install(intake, smtp("second", "desk@helio.example", "it@helio.example"))
    mailing, mails = mailing_of(intake), MemoryMails(intake.data)
    to = ("Help+abc@helio.example", "desk@helio.example", "IT@helio.example", "x@y.z")
    for _ in range(2):
        assert (await take(intake, mailing, mail(message_id="<m@x>"), *to))[:3] == "250"
    await intake.settle()
    assert len(intake.tickets()) == 1
    (receipt,) = intake.store.all_receipts()
    found = await mails.deliveries([receipt.id], tenant=TENANT)
    assert sorted((d.integration, d.recipient) for d in found) == [
        ("mail-demo", "help@helio.example"),
        ("second", "desk@helio.example"),
        ("second", "it@helio.example"),
    ]
    assert {(d.sender, d.opened, d.ticket) for d in found} == {
        ("ana@example.org", True, receipt.ticket)
    }
    assert await mails.deliveries([receipt.id], tenant="other") == []


async def test_one_tenant_is_not_told_of_anothers_recipients() -> None:
    """A mail to two organisations names each its own mailbox only."""
    intake = Intake()
    intake.configurations.install("other", intake.configurations.current(TENANT))
    install(intake, smtp("mail-demo", "desk@other.example"), tenant="other")
    mailing, mails = mailing_of(intake), MemoryMails(intake.data)
    await take(intake, mailing, mail(message_id="<m@x>"), OURS, "desk@other.example")
    found = {d.tenant: d.recipient for d in mails.all_deliveries()}
    assert found == {TENANT: OURS, "other": "desk@other.example"}
    assert len(mails.all_deliveries()) == 2


async def test_a_change_of_the_configuration_is_followed() -> None:
    """An address that was taken away is nobody's, and a new one is somebody's."""
    intake = Intake()
    addresses = mailing_of(intake).addresses
    assert [c.name for c in addresses.callers([OURS], door="smtp")] == ["mail-demo"]
    install(intake, smtp("mail-demo", "new@helio.example"), smtp("off", OURS, enabled=False))
    assert addresses.callers([OURS], door="smtp") == []
    assert [c.name for c in addresses.callers(["NEW@helio.example"], door="smtp")] == ["mail-demo"]
    assert addresses.callers(["new@helio.example"], door="imap") == []


ATTACHED = (
    b"From: Ana <ana@example.org>\r\nTo: help@helio.example\r\nSubject: x\r\nMessage-ID: <m@x>\r\n"
    b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\nsee file\r\n'
    b'--b\r\nContent-Type: application/zip; name="big.zip"\r\n\r\n'
    + b"z" * 5_000
    + b"\r\n--b--\r\n"
)
SMALL = {"limits": {"file_bytes_max": 1_000}}


async def test_a_file_above_the_limit_is_refused_with_its_name() -> None:
    """552 5.3.4 in one line: the sender learns which and why, and nothing is kept."""
    intake = Intake()
    install(
        intake,
        Integration.model_validate(
            {"name": "mail-demo", "door": "smtp", "addresses": [OURS], **SMALL}
        ),
    )
    answer = await take(intake, mailing_of(intake), ATTACHED)
    assert answer == "552 5.3.4 big.zip: 5000 bytes, and at most 1000 are taken"
    assert not intake.store.all_receipts()


async def test_a_mail_that_one_of_two_tenants_takes_is_taken_by_both() -> None:
    """The sender hears 250; the tenant whose limit it is over has it without the file's bytes."""
    intake = Intake()
    intake.configurations.install("other", intake.configurations.current(TENANT))
    install(intake, smtp("mail-demo", "desk@other.example"), tenant="other")
    install(
        intake,
        Integration.model_validate(
            {"name": "mail-demo", "door": "smtp", "addresses": [OURS], **SMALL}
        ),
    )
    answer = await take(intake, mailing_of(intake), ATTACHED, OURS, "desk@other.example")
    assert answer[:3] == "250"
    await intake.settle()
    files = {
        m.tenant: [(f.name, f.id is None) for f in m.files] for m in intake.store.all_messages()
    }
    assert files == {TENANT: [("big.zip", True)], "other": [("big.zip", False)]}


async def test_an_attached_file_is_kept() -> None:
    """The message refers to it, and its bytes are in the store."""
    intake = Intake()
    assert (await take(intake, mailing_of(intake), ATTACHED))[:3] == "250"
    await intake.settle()
    (message,) = intake.store.all_messages()
    (file,) = message.files
    assert (file.name, file.size) == ("big.zip", 5_000)
    assert await intake.files.read(tenant=TENANT, file=file.id or "") == b"z" * 5_000


def reviewed(intake: Intake) -> list[str]:
    """Return why mails wait for review, the oldest first."""
    rows = sorted(intake.data.collection("reviews").values(), key=lambda row: row["at"])
    return [Reviewing.model_validate(row["mail"]).reason for row in rows]


async def test_a_mail_from_our_own_address_waits_for_review() -> None:
    """What answered it would come to the same address again: no ticket, and nothing is lost."""
    intake = Intake()
    body = mail(message_id="<m@x>").replace(b"ana@example.org", OURS.encode())
    assert (await take(intake, mailing_of(intake), body, sender=OURS))[:3] == "250"
    await intake.settle()
    assert intake.tickets() == []
    assert reviewed(intake) == ["own-address"]


async def test_who_writes_too_often_opens_no_more_tickets() -> None:
    """The mails are kept for review; other people's are tickets as before."""
    intake = Intake()
    settings = {"sender_mails_per_hour": 5}
    install(intake, smtp("mail-demo", OURS, settings=settings))
    mailing = mailing_of(intake)
    for n in range(8):
        await take(intake, mailing, mail(message_id=f"<m{n}@x>", text=f"error {n}"))
    other = mail(message_id="<o@x>", text="other").replace(b"ana@", b"bo@")
    await take(intake, mailing, other, sender="bo@example.org")
    await intake.settle()
    assert len(intake.tickets()) == 6
    assert reviewed(intake) == ["loop"] * 3
    await intake.clock.advance(3_700)
    await take(intake, mailing, mail(message_id="<later@x>", text="later"))
    await intake.settle()
    assert len(intake.tickets()) == 7


async def test_who_has_had_enough_automatic_answers_gets_no_more_of_them() -> None:
    """The ticket is opened, and says that no automatic answer is to be sent."""
    intake = Intake()
    mailing = mailing_of(intake)
    for n in range(7):
        await take(intake, mailing, mail(message_id=f"<m{n}@x>", text=f"question {n}"))
    await intake.settle()
    accepted = [e.body for e in intake.events() if type(e.body).__name__ == "RequestAccepted"]
    assert [body.silent for body in sorted(accepted, key=lambda b: b.facts.number)] == [
        *([False] * 5),
        *([True] * 2),
    ]


def bounce(message_id: str, address: str, *, status: str = "5.1.1", to: str = "") -> bytes:
    """Return a report on an address that returns a mail of ours, which went ``to`` somebody."""
    sent = "<n.1@helio.example>"
    mark = SIGNER.own_mark(tenant=TENANT, message_id=sent, to=to or address)
    return (
        "From: MAILER-DAEMON@mx.example\r\nTo: help@helio.example\r\nSubject: Undelivered\r\n"
        f"Message-ID: {message_id}\r\nContent-Type: multipart/report; "
        'report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\n"
        f"Final-Recipient: rfc822; {address}\r\nAction: failed\r\nStatus: {status}\r\n\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: {sent}\r\n"
        f"X-Heliodesk: {mark}\r\n--b--\r\n"
    ).encode()


async def test_a_mail_without_a_message_id_to_two_mailboxes_is_one_ticket() -> None:
    """Each copy has other traces of its servers; the day after, the same words are another mail."""
    intake = Intake()
    install(intake, smtp("second", "desk@helio.example"))
    mailing = mailing_of(intake)
    nameless = re.sub(rb"Message-ID:[^\n]*\n", b"", mail(message_id="<m@x>"))
    traces = (
        b"Return-Path: <ana@example.org>\r\nDelivered-To: %b\r\n"
        b"Received: from a by b id %b;\r\n\tMon, 2 Mar 2026 09:00:00 +0000\r\n"
        b"Authentication-Results: mx; spf=pass (%b)\r\n"
    )
    for day in (b"2", b"3"):
        dated = b"Date: Mon, %b Mar 2026 09:00:00 +0000\r\n" % day + nameless
        for to in ("help@helio.example", "desk@helio.example"):
            await take(intake, mailing, traces % ((to.encode(),) * 3) + dated, to)
    await intake.settle()
    assert len(intake.tickets()) == 2
    assert len(MemoryMails(intake.data).all_deliveries()) == 4


async def test_every_message_of_a_long_ticket_names_its_original_and_its_mailbox() -> None:
    """Also those after the hundredth."""
    intake = Intake()
    mailing, mails = mailing_of(intake), MemoryMails(intake.data)
    intake.reading.mails = mails
    agent = next(a.email for a in intake.configurations.current(TENANT).all_agents() if a.email)
    ids = [f"<{n}@x>" for n in range(105)]
    for n, name in enumerate(ids):
        # Minutes apart: nobody writes so often in an hour.
        await intake.clock.advance(300)
        body = letter(name, sender=agent, text=f"No {n}", answers=tuple(ids[:1]) if n else ())
        assert (await take(intake, mailing, body, sender=agent))[:3] == "250"
    await intake.settle()
    (ticket,) = intake.tickets()
    shown = await intake.reading.conversation(ticket.id, tenant=TENANT)
    assert shown is not None
    originals = [shown.receipts.get(message.id) for message in shown.messages]
    assert len(set(originals)) == 105
    assert None not in originals
    assert {d.receipt for d in shown.deliveries} == set(originals)


async def test_a_hard_bounce_marks_the_address_and_is_no_ticket() -> None:
    """A soft one marks nothing that keeps mail from being sent; nor does one that anybody wrote."""
    intake = Intake()
    mails = MemoryMails(intake.data)
    mailing = mailing_of(intake)
    reports = [
        bounce("<b@mx>", "Gone@Example.org"),
        bounce("<s@mx>", "full@example.org", status="4.2.2"),
        # Whoever got a mail of ours may return it, but not in another's name.
        bounce("<f@mx>", "boss@example.org", to="eve@evil.example"),
    ]
    for report in reports:
        assert (await take(intake, mailing, report, sender=""))[:3] == "250"
    await intake.settle()
    assert intake.tickets() == []
    assert reviewed(intake) == ["bounce", "bounce", "bounce"]
    asked = ["gone@example.org", "full@example.org", "boss@example.org"]
    assert await mails.bounced(tenant=TENANT, addresses=asked) == {"gone@example.org"}
    assert await mails.bounced(tenant="other", addresses=asked) == set()


async def test_a_mail_whose_receipt_is_durable_is_not_doubled_by_a_crash() -> None:
    """Whatever is lost after it, the sender comes again and meets it."""
    for point in range(12):
        faults = CrashAt(point)
        intake = Intake(faults=faults)
        body = mail(message_id="<m@x>")
        faults.armed = True
        with suppress(Crash):
            await take(intake, mailing_of(intake), body)
        faults.armed = False
        assert (await take(intake, mailing_of(intake), body))[:3] == "250"
        await intake.settle()
        assert len(intake.tickets()) == 1
        assert len(MemoryMails(intake.data).all_deliveries()) == 1


@dataclass
class Letterbox:
    """A mailbox elsewhere, in memory, with every connection that is made to it."""

    mails: dict[int, bytes] = field(default_factory=dict)
    seen: list[int] = field(default_factory=list)
    validity: int = 1
    down: int = 0
    opened: int = 0
    bytes_max: int = 1_000_000
    waiting: asyncio.Event = field(default_factory=asyncio.Event)
    told: asyncio.Event = field(default_factory=asyncio.Event)
    before_done: Exception | None = None

    def connect(self, at: MailboxAt) -> Letterbox:
        """Return a connection."""
        assert (at.host, at.port, at.folder) == ("mail.example", 993, "INBOX")
        return self

    async def open(self) -> int:
        """Connect, unless the server is down."""
        self.opened += 1
        if self.down:
            self.down -= 1
            message = "nobody answers"
            raise MailboxDown(message)
        return self.validity

    async def unseen(self) -> list[int]:
        """Return what was not taken."""
        return [uid for uid in sorted(self.mails) if uid not in self.seen]

    async def fetch(self, uid: int) -> Lying | None:
        """Return a mail."""
        content = self.mails[uid]
        return Lying(uid=uid, size=len(content), content=content[: self.bytes_max])

    async def done(self, uid: int) -> None:
        """Mark a mail, unless the connection breaks."""
        if self.before_done is not None:
            error, self.before_done = self.before_done, None
            raise error
        self.seen.append(uid)

    async def wait(self, _seconds_max: float) -> bool:
        """Wait until told."""
        self.waiting.set()
        await self.told.wait()
        self.told.clear()
        return True

    async def close(self) -> None:
        """End the connection."""


IMAP = {
    "name": "box",
    "door": "imap",
    "addresses": ["box@helio.example"],
    "secrets": {"password": "file:/dev/null"},
    "settings": {"host": "mail.example", "user": "box@helio.example"},
}


class Following:
    """Mailboxes that are followed until the block ends."""

    def __init__(self, intake: Intake, box: Letterbox, **fields: Any) -> None:
        install(intake, Integration.model_validate({**IMAP, "secrets": {}, **fields}))
        self.intake = intake
        self.box = box
        self.boxes = self.made(mailing_of(intake))

    def made(self, mailing: Mailing) -> Mailboxes:
        """Return mailboxes whose mails are taken in by somebody."""
        return Mailboxes(
            mailing=mailing,
            configurations=self.intake.configurations,
            connect=self.box.connect,
            closed=lambda: "",
            clock=self.intake.clock,
            log=silent(),
        )

    async def __aenter__(self) -> Self:
        self.task = asyncio.create_task(self.boxes.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def settled(self) -> None:
        """Return when the mailbox has been gone through and waits."""
        async with asyncio.timeout(10):
            await self.box.waiting.wait()
        self.box.waiting.clear()


async def test_the_mails_of_a_mailbox_become_tickets_and_are_marked() -> None:
    """Those that lie there, and those that come later."""
    intake = Intake()
    box = Letterbox({1: mail(message_id="<1@x>"), 2: mail(message_id="<2@x>", text="two")})
    async with Following(intake, box) as following:
        await following.settled()
        assert box.seen == [1, 2]
        box.mails[3] = mail(message_id="<3@x>", text="three")
        box.told.set()
        await following.settled()
    await intake.settle()
    assert box.seen == [1, 2, 3]
    assert len(intake.tickets()) == 3
    deliveries = MemoryMails(intake.data).all_deliveries()
    assert {(d.integration, d.recipient) for d in deliveries} == {("box", "box@helio.example")}


async def test_a_crash_before_the_mark_makes_no_second_ticket() -> None:
    """The mail is found unseen again, and its receipt with it."""
    intake = Intake()
    box = Letterbox({1: mail(message_id="<1@x>")}, before_done=MailboxDown("broken"))
    async with Following(intake, box) as following:
        while not box.seen:
            await intake.clock.advance(10)
            await asyncio.sleep(0)
        await following.settled()
    await intake.settle()
    assert len(intake.tickets()) == 1
    assert box.opened == 2


async def test_one_mail_by_smtp_and_in_a_mailbox_is_one_ticket() -> None:
    """Whichever comes first; both deliveries are known."""
    intake = Intake()
    box = Letterbox({1: mail(message_id="<1@x>")})
    await take(intake, mailing_of(intake), mail(message_id="<1@x>"))
    async with Following(intake, box) as following:
        await following.settled()
    await intake.settle()
    assert len(intake.tickets()) == 1
    found = {d.integration for d in MemoryMails(intake.data).all_deliveries()}
    assert found == {"mail-demo", "box"}


async def test_a_mailbox_that_is_down_is_tried_again() -> None:
    """Later each time, for as long as it takes."""
    intake = Intake()
    box = Letterbox({1: mail(message_id="<1@x>")}, down=4)
    async with Following(intake, box):
        while not box.seen:
            await intake.clock.advance(30)
            await asyncio.sleep(0)
    assert box.opened == 5


class Picky(Mailing):
    """Does not take one mail before noon."""

    until = 12

    async def take(self, door: Door, raw: Raw, *args: Any, **more: Any) -> list[Receipt]:
        """Take a mail, or refuse it."""
        if b"<bad@x>" in raw.body and self._clock.now().hour < self.until:
            raise CommandRejected("invalid", "not this one", status=422)
        return await super().take(door, raw, *args, **more)


async def test_a_mail_that_cannot_be_taken_is_not_in_the_others_way() -> None:
    """It stays unseen, and is tried again after a while."""
    intake = Intake()
    box = Letterbox({1: mail(message_id="<bad@x>"), 2: mail(message_id="<2@x>", text="two")})
    async with Following(intake, box) as following:
        await following.settled()
        assert box.seen == [1, 2]
    intake, box = Intake(), Letterbox(dict(box.mails))
    following = Following(intake, box)
    mails = MemoryMails(intake.data)
    following.boxes = following.made(
        Picky(
            accepting=intake.accepting,
            configurations=intake.configurations,
            mails=mails,
            bounces=mails,
            signer=SIGNER,
            clock=intake.clock,
        )
    )
    async with following:
        await following.settled()
        assert box.seen == [2]
        await intake.clock.advance(5 * 3_600)
        box.told.set()
        await following.settled()
        assert box.seen == [2, 1]


async def test_of_a_mailbox_files_above_the_limit_are_named_and_left_out() -> None:
    """Nobody can be told that the mail is refused; so its text is taken, and it lies there still."""
    intake = Intake()
    box = Letterbox({1: ATTACHED})
    async with Following(intake, box, **SMALL) as following:
        await following.settled()
    await intake.settle()
    (message,) = intake.store.all_messages()
    (file,) = message.files
    assert message.text == "see file"
    assert (file.id, file.name) == (None, "big.zip")
    assert file.failed == "big.zip: 5000 bytes, and at most 1000 are taken"


async def test_of_a_mail_that_is_too_large_the_beginning_is_taken() -> None:
    """Its text is a request; its files are named, with the reason."""
    intake = Intake()
    box = Letterbox({1: ATTACHED}, bytes_max=600)
    async with Following(intake, box) as following:
        await following.settled()
    await intake.settle()
    (message,) = intake.store.all_messages()
    assert message.text == "see file"
    assert [f.failed for f in message.files] == [
        f"the mail has {len(ATTACHED)} bytes, and 600 are taken"
    ]


async def test_mailboxes_follow_the_configuration() -> None:
    """One that is taken away is left, one that comes is opened."""
    intake = Intake()
    box = Letterbox()
    async with Following(intake, box) as following:
        await following.settled()
        assert following.boxes.open == 1
        gone = Integration.model_validate({**IMAP, "secrets": {}, "enabled": False})
        install(intake, gone)
        while following.boxes.open:
            await intake.clock.advance(10)
            await asyncio.sleep(0)
        install(intake, Integration.model_validate({**IMAP, "secrets": {}}))
        while not following.boxes.open:
            await intake.clock.advance(10)
            await asyncio.sleep(0)
        assert box.opened == 2
