from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default

import pytest

from services.notify.domain.ways import opening_hours, reply_to, ways_of, zone_of
from shared.contracts.intake import Direction, MessageAdded
from shared.contracts.internal import ContactView
from shared.contracts.routing import Status, TicketReferred, TicketResolved
from shared.organisation import Configuration, DesksSection, IntegrationsSection, TopologiesSection
from tests.handlers.test_notify_sending import accepted, facts, people
from tests.support.notify import MemoryChannel, MemoryDirectory, Notify, sample

NOW = datetime(2026, 3, 27, 12, tzinfo=UTC)
"""A Friday; on the Sunday after it clocks change in Europe."""


def with_ways(*, read: bool = False) -> Configuration:
    """Return the sample with the ways of London's desk; its mailbox is read where so said."""
    known = sample()
    ways = {
        "phone": "+44 20 7946 0000",
        "address": "1 Canada Square, London",
        "url": "https://help.example/london",
    }
    desks = [
        desk.model_copy(update=ways) if desk.name == "london" else desk
        for desk in known.desks.desks
    ]
    integrations = list(known.integrations.integrations)
    if read:
        integrations = [
            i.model_copy(update={"addresses": (*i.addresses, "desk.london@helio.example")})
            if i.door == "smtp"
            else i
            for i in integrations
        ]
    return replace(
        known,
        desks=DesksSection(desks=tuple(desks)),
        integrations=IntegrationsSection(integrations=tuple(integrations)),
    )


def directory(language: str = "en", zone: str | None = "Asia/Shanghai") -> MemoryDirectory:
    """Return a directory whose contact reads a language in a time zone."""
    found = people()
    found.people["wei"] = found.people["wei"].model_copy(
        update={"language": language, "time_zone": zone}
    )
    return found


def referred(language: str = "en") -> TicketReferred:
    """Return a referral of the contact's ticket to London."""
    return TicketReferred(
        facts=facts(language=language),
        status=Status.QUEUED,
        desk="operations",
        from_desk="operations",
        to_desk="london",
        by="o-adeyemi",
    )


def texts(notify: Notify) -> list[tuple[str, str, str | None]]:
    """Return subject, plain text and Reply-To of each mail that was sent."""
    found = []
    assert isinstance(notify.channel, MemoryChannel)
    for content in notify.channel.mails:
        mail = message_from_bytes(content, policy=default)
        part = mail.get_body(("plain",))
        assert part is not None
        found.append((str(mail["Subject"]), part.get_content(), mail["Reply-To"]))
    return found


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", ["Your contact is London Service Desk", "Telephone: +44 20 7946 0000"]),
        ("zh", ["您的联系服务台是 London Service Desk", "电话：+44 20 7946 0000"]),
    ],
)
async def test_the_contact_is_told_the_name_and_the_ways(language: str, said: list[str]) -> None:
    """Name, telephone, mail, page, address and hours in the contact's own time zone."""
    notify = Notify(directory=directory(language), configuration=with_ways())
    await notify.receive(notify.event("t-1", referred(language)))
    await notify.sender.round()
    ((subject, text, _),) = texts(notify)
    assert said[0] in subject
    assert said[1] in text
    for way in ("desk.london@helio.example", "https://help.example/london", "1 Canada Square"):
        assert way in text
    assert "Asia/Shanghai" in text
    assert "16:00" in text  # London opens at 08:00 in winter, and in Shanghai it is four by then.


async def test_each_referral_is_told_once_and_nobody_is_told_without_mail() -> None:
    """The event that comes twice is one mail; who has no address gets none."""
    notify = Notify(directory=directory(), configuration=with_ways())
    event = notify.event("t-1", referred())
    await notify.receive(event, event)
    assert len(await notify.notices("t-1")) == 1
    silent = referred().model_copy(update={"facts": facts(contact="monitor")})
    await notify.receive(notify.event("t-2", silent))
    assert await notify.notices("t-2") == {}


async def test_answers_go_to_the_contact_desk_where_its_mail_comes_in_here() -> None:
    """From the referral on, each mail to the contact has the desk's address for answers."""
    notify = Notify(directory=directory(), configuration=with_ways(read=True), thread_key="key")
    await notify.receive(notify.event("t-1", accepted()), notify.event("t-1", referred()))
    reply = MessageAdded(
        facts=facts(), message="m-2", direction=Direction.OUTBOUND, author="h-clarke"
    )
    await notify.receive(notify.event("t-1", reply))
    await notify.sender.round()
    answers = [to for _, _, to in texts(notify)]
    assert all("desk.london" in (to or "") for to in answers[1:])


def test_answers_are_not_sent_where_nobody_reads_them_for_us() -> None:
    """A desk whose mailbox no door reads is named in the text, and answers come to the sender."""
    sender = "help@helio.example"
    plain = reply_to(sender, "token", with_ways(), None)
    assert reply_to(sender, "token", with_ways(), "london") == plain
    assert reply_to(sender, "token", with_ways(), "gone") == plain
    read = reply_to(sender, "token", with_ways(read=True), "london")
    assert read is not None
    assert read.startswith("desk.london")


@pytest.mark.parametrize(
    ("contact", "zone"),
    [
        (None, None),
        (ContactView(id="a", name="A", time_zone="Europe/Berlin", site="toronto"), "Europe/Berlin"),
        (ContactView(id="a", name="A", time_zone="Mars/Base", site="toronto"), "America/Toronto"),
        (ContactView(id="a", name="A", site="gone"), None),
    ],
)
def test_the_time_zone_of_a_contact(contact: ContactView | None, zone: str | None) -> None:
    """Their own, or that of their site; what is none counts as unknown."""
    assert zone_of(sample(), contact) == zone


def test_hours_follow_the_clock_change() -> None:
    """London opens at 08:00 there: 16:00 in Shanghai on Saturday, 15:00 from Sunday on."""
    lines = opening_hours(sample(), "london", "Asia/Shanghai", "en", NOW)
    assert "Sat 2026-03-28 16:00–Sun 01:00" in lines
    assert "Mon 2026-03-30 15:00–24:00" in lines


def test_a_desk_that_never_closes_says_so() -> None:
    """In the reader's language; English where theirs is not known."""
    for language, said in (("zh-Hans", "全天候"), ("fr", "around the clock")):
        assert opening_hours(sample(), "operations", "UTC", language, NOW) == [said]
    gone = ways_of(sample(), "gone", contact=None, language="en", now=NOW)
    assert gone == {"hours": "", "zone": ""}


def self_service() -> Configuration:
    """Return the sample with self-service for mail."""
    known = sample().topologies.topologies
    portal = {
        "name": "portal",
        "scope": {"channels": ["email"]},
        "shape": "self_service",
        "behind": known[-1].name,
        "wait": "4h",
    }
    first = TopologiesSection.model_validate({"topologies": [portal]}).topologies
    return replace(sample(), topologies=TopologiesSection(topologies=(*first, *known)))


@pytest.mark.parametrize(
    ("language", "word", "hours"),
    [("en", "the one word PERSON", "After 4 hours"), ("zh", "只写“人工”二字", "4 小时后")],
)
async def test_the_acknowledgement_says_how_to_get_a_person(
    language: str, word: str, hours: str
) -> None:
    """At tier 0 only; elsewhere nothing is said of it."""
    notify = Notify(directory=directory(language), configuration=self_service())
    await notify.receive(notify.event("t-1", accepted(language=language)))
    await notify.sender.round()
    ((_, text, _),) = texts(notify)
    assert word in text
    assert hours in text
    plain = Notify(directory=directory(language))
    await plain.receive(plain.event("t-1", accepted(language=language)))
    await plain.sender.round()
    ((_, other, _),) = texts(plain)
    assert word not in other
    assert "\n\n\n\n" not in other


async def test_who_completes_it_themselves_is_not_told_so() -> None:
    """What automation completes is told, so that the requester can object."""
    notify = Notify(directory=directory())
    done = {"facts": facts(), "status": Status.RESOLVED, "desk": "london", "tier": 0}
    await notify.receive(notify.event("t-1", TicketResolved(**done, by="contact")))
    assert await notify.notices("t-1") == {}
    await notify.receive(notify.event("t-2", TicketResolved(**done, by="robot")))
    assert len(await notify.notices("t-2")) == 1
