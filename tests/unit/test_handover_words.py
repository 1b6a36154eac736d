"""What a brief says has words in both languages, whatever happened to the ticket."""

from __future__ import annotations

from datetime import UTC, datetime

from services.routing.domain.handover.telling import Teller
from services.routing.domain.handover.vocabulary import WORDS
from shared.contracts import routing
from shared.contracts.facts import Channel, Kind, Priority
from shared.contracts.handover import HandoverBrief
from shared.contracts.routing import QueueReason, Status, TicketEvent

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_every_deed_has_a_word() -> None:
    """No code of an event is shown to a reader."""
    names = {
        event.type.split(".")[2]
        for event in vars(routing).values()
        if isinstance(event, type)
        and issubclass(event, TicketEvent)
        and getattr(event, "type", "").startswith("heliodesk.ticket.")
    }
    assert "assigned" in names
    codes = names - {"queued", "regarded"}
    codes |= {f"queued:{reason}" for reason in QueueReason if reason is not QueueReason.UNKNOWN}
    assert sorted(codes - set(WORDS)) == []


def test_an_offer_is_nobodys_work_yet() -> None:
    """Who was asked and has not answered does not work on it."""
    brief = HandoverBrief(
        priority=Priority.P3,
        kind=Kind.INQUIRY,
        channel=Channel.API,
        status=Status.OFFERED,
        accepted_at=NOON,
        agent="a-novak",
    )
    told = {
        lang: Teller(lang=lang, time_zone="UTC", now=NOON).brief(brief)[1] for lang in ("en", "zh")
    }
    assert told["en"] == "It is offered to a-novak, who has not answered."
    assert told["zh"] == "已提供给 a-novak,尚未答复。"
