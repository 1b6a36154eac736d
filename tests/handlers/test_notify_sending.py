"""Notify from the events of others to mails and what is recorded of them, on memory."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from services.notify.domain.notices import NoticeStatus
from services.notify.ports import Answer, ChannelDown, Later, Refused
from services.notify.ticker import SendingLimits
from shared.contracts.contacts import ContactCodeAsked
from shared.contracts.envelope import decode
from shared.contracts.facts import Channel, Kind, Level, Priority, TicketFacts
from shared.contracts.intake import Direction, FollowupRefused, MessageAdded, RequestAccepted
from shared.contracts.internal import CodeView, ContactView, MessageView
from shared.contracts.notify import NoticePlanned, NoticeSent
from shared.contracts.routing import (
    Explanation,
    FollowupRequested,
    Status,
    TicketAssigned,
    TicketResolved,
)
from shared.contracts.topics import NOTICES
from shared.kernel import CommandRejected, Infrastructure
from shared.organisation import Template
from shared.testing.clock import START
from shared.testing.memory import MemoryData, MemoryStreams
from shared.threads import OWN_HEADER, ThreadSigner, marks_in, tokens_in_message_ids
from tests.support.notify import (
    TENANT,
    Killed,
    MemoryChannel,
    MemoryClaims,
    MemoryDirectory,
    Notify,
    sample,
)

EXPLANATION = Explanation(topology="t", shape="centralized", rule="r")


def facts(*, contact: str = "wei", language: str = "zh", number: str = "T-000001") -> TicketFacts:
    """Return the facts of a ticket that came by mail."""
    return TicketFacts(
        number=number,
        kind=Kind.INCIDENT,
        channel=Channel.EMAIL,
        priority=Priority.P2,
        impact=Level.HIGH,
        urgency=Level.MEDIUM,
        contact=contact,
        accepted_at=START,
        language=language,
    )


def people() -> MemoryDirectory:
    """Return a directory with one contact who has mail, one who has none, and two messages."""
    return MemoryDirectory(
        people={
            "wei": ContactView(id="wei", name="王伟", mail="wei@example.com", language="zh"),
            "monitor": ContactView(id="monitor", name="alertmanager-demo"),
        },
        texts={
            "m-1": MessageView(
                id="m-1",
                ticket="t-1",
                direction=Direction.INBOUND,
                channel=Channel.EMAIL,
                subject="打印机打不开",
                text="请帮忙",
                author="王伟",
                at=START,
                message_id="<first@mail.example>",
            ),
            "m-2": MessageView(
                id="m-2",
                ticket="t-1",
                direction=Direction.OUTBOUND,
                channel=Channel.EMAIL,
                subject="",
                text="Please <b>restart</b> it.\n\nThen tell us.",
                author="Hannah Clarke",
                at=START,
            ),
        },
    )


def accepted(**changes: str) -> RequestAccepted:
    """Return the acceptance of a ticket."""
    return RequestAccepted(facts=facts(**changes), message="m-1")


async def accept_many(notify: Notify, count: int) -> None:
    """Accept so many tickets of the contact who has mail."""
    events = [notify.event(f"t-{n}", accepted(number=f"T-{n:06d}")) for n in range(1, count + 1)]
    await notify.receive(*events)


async def test_acknowledgement_is_sent_and_recorded() -> None:
    """A mail's sender gets one acknowledgement that threads, and the topic says so."""
    notify = Notify(directory=people())
    await notify.receive(notify.event("t-1", accepted()))
    await notify.sender.round()
    await notify.relay.drain()
    (mail,) = notify.channel.parsed
    (notice,) = (await notify.notices("t-1")).values()
    assert mail["To"] == "王伟 <wei@example.com>"
    assert mail["From"] == "Helio Works Service Desk <help@helio.example>"
    assert mail["Subject"] == "[T-000001] 我们已收到您的请求：打印机打不开"
    assert mail["Message-ID"] == f"<{notice.id}@desk.example>"
    assert mail["In-Reply-To"] == "<first@mail.example>"
    assert mail["References"].split() == ["<t-1.thread@desk.example>", "<first@mail.example>"]
    assert mail["Auto-Submitted"] == "auto-replied"
    assert (notice.status, notice.attempts) == (NoticeStatus.SENT, 1)
    events = [decode(r.headers, r.value) for r in notify.log.records(NOTICES.name)]
    assert [event.type for event in events] == [NoticePlanned.type, NoticeSent.type]
    assert events[0].id == notice.id
    assert notify.claims.rows == {}


async def test_a_mail_to_a_contact_carries_the_token_of_its_conversation() -> None:
    """In its Message-ID, in what it refers to, in its subject, and where answers go."""
    key = "the key of the tests"
    signer = ThreadSigner(key)
    notify = Notify(directory=people(), thread_key=key)
    await notify.receive(notify.event("t-1", accepted()))
    await notify.sender.round()
    (mail,) = notify.channel.parsed
    token = signer.token(tenant=TENANT, number="T-000001")
    mark = signer.mark(tenant=TENANT, number="T-000001")
    assert tokens_in_message_ids([mail["Message-ID"]]) == [token]
    assert len(mail["Message-ID"]) <= 80
    assert tokens_in_message_ids(mail["References"].split()) == [token]
    assert mail["Subject"].startswith(f"[T-000001 #{mark}] ")
    sent = {"tenant": TENANT, "message_id": mail["Message-ID"]}
    assert signer.went_to(mail["To"].addresses[0].addr_spec, mail[OWN_HEADER], **sent)
    assert marks_in(mail.as_string()) == [mail[OWN_HEADER]]
    assert mail["Reply-To"] == f"Helio Works Service Desk <help+t.{token}@helio.example>"


async def test_who_writes_to_a_closed_ticket_is_told_once_that_a_person_looks() -> None:
    """Politely, as an automatic mail, and never a second time for the same ticket."""
    notify = Notify(directory=people())
    contact = facts().contact
    for message in ("m-7", "m-8"):
        refused = FollowupRefused(facts=facts(), message=message, author=contact)
        await notify.receive(notify.event("t-1", refused))
        await notify.sender.round()
    (mail,) = notify.channel.parsed
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "T-000001" in mail["Subject"]


@pytest.mark.parametrize("refused", [True, False])
async def test_a_followup_that_routing_refuses_is_answered_too(refused: bool) -> None:  # noqa: FBT001 - a parameter
    """One that becomes a ticket is not: that is acknowledged by itself."""
    notify = Notify(directory=people())
    asked = FollowupRequested(
        facts=facts(), status=Status.CLOSED, desk="london", message="m-7", refused=refused
    )
    await notify.receive(notify.event("t-1", asked))
    await notify.sender.round()
    assert len(notify.channel.parsed) == int(refused)


async def test_answers_go_to_a_plus_address_only_where_one_is_known_to_arrive() -> None:
    """A sender that is none of our listener's addresses gets answers plainly."""
    configuration = sample()
    templates = configuration.templates.model_copy(update={"sender": "desk@elsewhere.example"})
    notify = Notify(
        directory=people(),
        thread_key="k",
        configuration=replace(configuration, templates=templates),
    )
    await notify.receive(notify.event("t-1", accepted()))
    await notify.sender.round()
    (mail,) = notify.channel.parsed
    assert mail["Reply-To"] is None


async def test_nothing_twice_however_often_it_is_told() -> None:
    """Redelivered events and further rounds send nothing more."""
    notify = Notify(directory=people())
    event = notify.event("t-1", accepted())
    await notify.receive(event)
    await notify.receive(event)
    await notify.sender.round()
    await notify.sender.round()
    await notify.receive(event)
    await notify.sender.round()
    assert len(notify.channel.mails) == 1


async def test_no_acknowledgement_to_whom_it_cannot_reach() -> None:
    """A monitoring system without an address is neither acknowledged nor told of the resolution."""
    notify = Notify(directory=people())
    resolved = TicketResolved(
        facts=facts(contact="monitor"), status=Status.RESOLVED, desk="london", by="monitoring"
    )
    await notify.receive(
        notify.event("t-1", accepted(contact="monitor")), notify.event("t-1", resolved)
    )
    assert await notify.notices("t-1") == {}


async def test_intake_down_holds_the_batch() -> None:
    """While intake does not answer, nothing of the batch is decided; afterwards all of it is."""
    notify = Notify(directory=people())
    event = notify.event("t-1", accepted())
    notify.directory.down = True
    with pytest.raises(Infrastructure):
        await notify.receive(event)
    assert await notify.notices("t-1") == {}
    notify.directory.down = False
    await notify.receive(event)
    assert list(await notify.notices("t-1")) == ["acknowledgement"]


async def test_reply_passes_the_agents_words_on() -> None:
    """A reply carries the agent's text as it is; in HTML nothing of it is markup."""
    notify = Notify(directory=people())
    reply = MessageAdded(
        facts=facts(language="en"), message="m-2", direction=Direction.OUTBOUND, author="h-clarke"
    )
    await notify.receive(notify.event("t-1", accepted(language="en")), notify.event("t-1", reply))
    await notify.sender.round()
    mail = next(m for m in notify.channel.parsed if m["Auto-Submitted"] is None)
    assert mail["Subject"] == "[T-000001] Re: 打印机打不开"
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    assert "Please <b>restart</b> it." in text.get_content()
    assert "Hannah Clarke" in text.get_content()
    assert "Please &lt;b&gt;restart&lt;/b&gt; it." in html.get_content()
    assert "<b>" not in html.get_content()


async def test_agent_is_told_in_words() -> None:
    """An agent learns of an assignment at the configured address, with titles instead of names."""
    notify = Notify(directory=people())
    agent = sample().all_agents()[0]
    assigned = TicketAssigned(
        facts=facts(),
        status=Status.ASSIGNED,
        desk="london",
        agent=agent.id,
        explanation=EXPLANATION,
    )
    await notify.receive(notify.event("t-1", assigned))
    await notify.sender.round()
    (mail,) = notify.channel.parsed
    assert notify.channel.recipients == [agent.email]
    text = mail.get_body(("plain",))
    assert text is not None
    assert "London Service Desk" in text.get_content()
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["In-Reply-To"] == "<t-1.thread@desk.example>"


async def test_crash_between_send_and_record() -> None:
    """Killed after the server took the mail: the next start sends again under the same id."""
    first = Notify(directory=people())
    await first.receive(first.event("t-1", accepted()))
    first.channel.answers = [Killed()]
    with pytest.raises(Killed):
        await first.sender.round()
    assert len(first.claims.rows) == 1
    second = Notify(
        clock=first.clock,
        streams=first.streams,
        claims=first.claims,
        log=first.log,
        directory=first.directory,
        channel=first.channel,
    )
    await second.sender.recover()
    await second.sender.round()
    ids = [mail["Message-ID"] for mail in first.channel.parsed]
    assert len(ids) == 2
    assert len(set(ids)) == 1
    (notice,) = (await second.notices("t-1")).values()
    assert (notice.status, second.claims.rows) == (NoticeStatus.SENT, {})


async def test_without_a_slot_the_lease_decides() -> None:
    """The claim of a dynamic process that died is taken over after its lease, not before."""
    first = Notify(directory=people(), slot=None)
    await first.receive(first.event("t-1", accepted()))
    await first.sender._claimed(first.clock.now())
    second = Notify(
        clock=first.clock,
        streams=first.streams,
        claims=first.claims,
        log=first.log,
        directory=first.directory,
        channel=first.channel,
        slot=None,
    )
    await second.sender.recover()
    await second.sender.round()
    assert first.channel.mails == []
    await first.clock.sleep(0)
    first.clock.set(first.clock.now() + timedelta(seconds=600))
    await second.sender.round()
    assert len(first.channel.mails) == 1


async def test_store_fails_after_sending() -> None:
    """Sent, but the store does not take the record: the same process records it later, sends no more."""

    class Failing:
        down = False

        async def point(self, name: str) -> None:
            if self.down and name == "store.commit":
                message = "store: gone"
                raise Infrastructure(message)

    faults = Failing()
    streams = MemoryStreams(MemoryData(), faults=faults)
    notify = Notify(directory=people(), streams=streams, claims=MemoryClaims(streams.data))
    await notify.receive(notify.event("t-1", accepted()))
    faults.down = True
    with pytest.raises(Infrastructure):
        await notify.sender.round()
    assert len(notify.channel.mails) == 1
    faults.down = False
    await notify.sender.round()
    (notice,) = (await notify.notices("t-1")).values()
    assert notice.status is NoticeStatus.SENT
    assert len(notify.channel.mails) == 1
    assert notify.claims.rows == {}


async def test_two_processes_share_the_work() -> None:
    """What one process has claimed the other leaves alone, and what it has recorded too."""
    first = Notify(directory=people(), slot="0")
    await accept_many(first, 3)
    stale = await first.claims.due(now=first.clock.now(), limit=50)
    second = Notify(
        clock=first.clock,
        streams=first.streams,
        claims=first.claims,
        log=first.log,
        directory=first.directory,
        channel=first.channel,
        slot="1",
    )
    await second.sender.round()
    assert len(first.channel.mails) == 3

    async def seen_before(**_: object) -> object:
        return stale

    first.claims.due = seen_before  # type: ignore[method-assign, assignment]
    await first.sender.round()
    assert len(first.channel.mails) == 3


async def test_temporary_refusal_is_tried_again_when_due() -> None:
    """A 4xx waits for its due time, which doubles; then the same id goes out."""
    notify = Notify(directory=people(), channel=MemoryChannel(answers=[Later("smtp 451 4.7.1")]))
    await notify.receive(notify.event("t-1", accepted()))
    await notify.sender.round()
    (notice,) = (await notify.notices("t-1")).values()
    assert (notice.status, notice.attempts, notice.reason) == (
        NoticeStatus.PLANNED,
        1,
        "smtp 451 4.7.1",
    )
    assert notice.due_at == START + timedelta(seconds=30)
    await notify.sender.round()
    assert notify.channel.mails == []
    notify.clock.set(START + timedelta(seconds=30))
    await notify.sender.round()
    assert notify.channel.parsed[0]["Message-ID"] == f"<{notice.id}@desk.example>"


async def test_given_up_after_the_limit_of_days() -> None:
    """A server that never takes it is asked for four days; then the notice has failed."""
    notify = Notify(directory=people())
    await notify.receive(notify.event("t-1", accepted()))
    for _ in range(100):
        notify.channel.answers = [Later("smtp 451")]
        await notify.sender.round()
        (notice,) = (await notify.notices("t-1")).values()
        if notice.due_at is None:
            break
        notify.clock.set(notice.due_at)
    assert notice.status is NoticeStatus.FAILED
    assert notice.reason == "given up: smtp 451"
    assert notify.clock.now() > START + timedelta(days=3, hours=19)
    assert notify.channel.mails == []


async def test_permanent_refusal_fails_and_can_be_retried() -> None:
    """A 5xx fails the notice; an operator's retry sends it under the same id."""
    notify = Notify(directory=people(), channel=MemoryChannel(answers=[Refused("smtp 550 5.1.1")]))
    await notify.receive(notify.event("t-1", accepted()))
    await notify.sender.round()
    (failed,) = (await notify.notices("t-1")).values()
    assert (failed.status, failed.reason) == (NoticeStatus.FAILED, "smtp 550 5.1.1")
    await notify.desk.retry("t-1", "acknowledgement", tenant=TENANT, by="h-clarke")
    await notify.sender.round()
    assert notify.channel.parsed[0]["Message-ID"] == f"<{failed.id}@desk.example>"
    (sent,) = (await notify.notices("t-1")).values()
    assert (sent.id, sent.status, sent.attempts) == (failed.id, NoticeStatus.SENT, 2)
    with pytest.raises(CommandRejected, match="already-sent"):
        await notify.desk.retry("t-1", "acknowledgement", tenant=TENANT, by="h-clarke")


async def test_other_tenants_see_nothing() -> None:
    """A ticket of another tenant has no notices, and none to retry."""
    notify = Notify(directory=people())
    await notify.receive(notify.event("t-1", accepted()))
    assert await notify.desk.notices("t-1", tenant="other") == ()
    with pytest.raises(CommandRejected, match="not-found"):
        await notify.desk.retry("t-1", "acknowledgement", tenant="other", by="x")


async def test_reply_to_a_contact_without_address_fails_visibly() -> None:
    """An agent's reply that cannot be mailed has failed, with the reason and no attempt."""
    notify = Notify(directory=people())
    reply = MessageAdded(
        facts=facts(contact="monitor"), message="m-2", direction=Direction.OUTBOUND, author="a"
    )
    await notify.receive(notify.event("t-1", reply))
    await notify.sender.round()
    (notice,) = (await notify.notices("t-1")).values()
    assert (notice.status, notice.reason, notice.attempts) == (
        NoticeStatus.FAILED,
        "no address",
        0,
    )


async def test_dead_server_is_left_alone() -> None:
    """While nobody answers, one notice shows it and the channel rests; then all are sent."""
    notify = Notify(directory=people(), channel=MemoryChannel(down=True))
    await accept_many(notify, 3)
    await notify.sender.round()
    waiting = [n for t in (1, 2, 3) for n in (await notify.notices(f"t-{t}")).values()]
    assert sorted(n.attempts for n in waiting) == [0, 0, 1]
    await notify.sender.round()
    waiting = [n for t in (1, 2, 3) for n in (await notify.notices(f"t-{t}")).values()]
    assert sorted(n.attempts for n in waiting) == [0, 0, 1]
    notify.channel.down = False
    notify.clock.set(START + timedelta(seconds=2))
    await notify.sender.round()
    assert len({mail["Message-ID"] for mail in notify.channel.parsed}) == 3
    assert notify.claims.rows == {}


async def test_a_mail_that_ends_the_connection_does_not_block_the_others() -> None:
    """The mail at which the connection broke waits longer; the others go out on the next one."""
    lost = ChannelDown("smtp: connection lost")
    notify = Notify(directory=people(), channel=MemoryChannel(answers=[lost]))
    await accept_many(notify, 3)
    await notify.sender.round()
    assert notify.claims.rows == {}
    notify.clock.set(START + timedelta(seconds=2))
    await notify.sender.round()
    settled = [n.status for t in (1, 2, 3) for n in (await notify.notices(f"t-{t}")).values()]
    assert sorted(settled) == ["planned", "sent", "sent"]


async def test_one_connection_for_a_batch() -> None:
    """A batch goes out on one connection, and asks for another round when it was full."""
    notify = Notify(directory=people(), limits=SendingLimits(batch_notices_max=4))
    await accept_many(notify, 6)
    assert await notify.sender.round() is True
    assert await notify.sender.round() is False
    assert (len(notify.channel.mails), notify.channel.sessions) == (6, 2)


async def test_own_words_replace_the_shipped() -> None:
    """The organisation's template is used in its language; a broken one gives way to the shipped."""
    own = sample()
    templates = own.templates.model_copy(
        update={
            "templates": (
                Template(
                    notice="acknowledgement",
                    language="zh",
                    subject="收到 {{ number }}",
                    body="{{ contact }}，请稍候。",
                ),
                Template(
                    notice="acknowledgement",
                    language="en",
                    subject="{{ ''.__class__.__mro__ }}",
                    body="{{ x.y.z }}",
                ),
            )
        }
    )
    configuration = replace(own, templates=templates)
    notify = Notify(directory=people(), configuration=configuration)
    await notify.receive(
        notify.event("t-1", accepted()), notify.event("t-2", accepted(language="en"))
    )
    await notify.sender.round()
    subjects = {mail["Subject"] for mail in notify.channel.parsed}
    assert subjects == {
        "[T-000001] 收到 T-000001",
        "[T-000001] We have your request: 打印机打不开",
    }


async def test_waits_for_the_configuration_it_was_planned_with() -> None:
    """A notice of a newer configuration than is known here stays where it is."""
    notify = Notify(directory=people())
    notify.configurations.install(TENANT, sample(), version=7)
    await notify.receive(notify.event("t-1", accepted()))
    behind = Notify(
        clock=notify.clock,
        streams=notify.streams,
        claims=notify.claims,
        directory=notify.directory,
        channel=notify.channel,
    )
    assert await behind.sender.round() is False
    assert notify.channel.mails == []
    assert notify.claims.rows == {}


@pytest.mark.parametrize("language", ["en", "zh", "zh-CN", "de"])
async def test_every_language_has_words(language: str) -> None:
    """A language without words of its own is answered in the organisation's first."""
    notify = Notify(directory=people())
    await notify.receive(notify.event("t-1", accepted(language=language)))
    await notify.sender.round()
    (mail,) = notify.channel.parsed
    assert mail["Content-Language"] == {"zh-CN": "zh", "de": "en"}.get(language, language)


async def test_told_to_stop_while_sending() -> None:
    """A process that is told to stop ends the send it is in, records it, and sends no more."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    class Slow(MemoryChannel):
        async def send(self, *, sender: str, recipient: str, content: bytes) -> Answer:
            begun.set()
            await go_on.wait()
            return await super().send(sender=sender, recipient=recipient, content=content)

    notify = Notify(directory=people(), channel=Slow())
    await accept_many(notify, 2)
    round_ = asyncio.create_task(notify.sender.round())
    await begun.wait()
    round_.cancel()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await round_
    settled = [n.status for t in (1, 2) for n in (await notify.notices(f"t-{t}")).values()]
    assert (sorted(settled), len(notify.channel.mails)) == (["planned", "sent"], 1)


def code_asked(*, minutes: float = 15) -> ContactCodeAsked:
    """Return that a code goes to an address that a contact claims."""
    expires_at = START + timedelta(minutes=minutes)
    return ContactCodeAsked(
        code="c-1", address="a-1", by="h-clarke", language="zh", expires_at=expires_at
    )


def with_code() -> MemoryDirectory:
    """Return a directory that knows the code."""
    view = CodeView(
        id="c-1", mail="new@example.com", code="12345678", expires_at=START + timedelta(minutes=15)
    )
    found = people()
    found.sent_codes["c-1"] = view
    return found


async def test_a_code_goes_to_the_claimed_address_and_names_nobody() -> None:
    """The mail has the digits and the end of their time; no event has them, and no ticket."""
    notify = Notify(directory=with_code(), thread_key="k")
    await notify.receive(notify.event("wei", code_asked()))
    await notify.sender.round()
    await notify.relay.drain()
    (mail,) = notify.channel.parsed
    assert notify.channel.recipients == ["new@example.com"]
    body = mail.get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert "1234 5678" in text
    assert f"{START + timedelta(minutes=15):%Y-%m-%d %H:%M} UTC" in text
    assert "王伟" not in mail.as_string()
    assert "12345678" not in mail["Subject"].replace(" ", "")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Reply-To"] is None
    told = b"".join(r.value or b"" for r in notify.log.records(NOTICES.name))
    assert b"12345678" not in told
    assert b"new@example.com" not in told


async def test_a_code_that_is_over_is_not_sent() -> None:
    """Neither one whose time was over before it was planned, nor one that intake no longer has."""
    late = Notify(directory=with_code())
    await late.receive(late.event("wei", code_asked(minutes=0)))
    await late.sender.round()
    assert late.channel.mails == []
    used = Notify(directory=people())
    await used.receive(used.event("wei", code_asked()))
    await used.sender.round()
    (notice,) = await used.desk.notices("wei", tenant=TENANT)
    assert (notice.status, notice.reason) == (
        NoticeStatus.FAILED,
        "the code can no longer be used",
    )
    assert used.channel.mails == []
