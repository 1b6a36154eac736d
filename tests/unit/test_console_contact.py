from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from services.console.domain.actions import Verb, offered
from services.console.domain.names import Names
from services.console.domain.projection import parts_of
from services.console.domain.telling import Teller
from services.console.domain.tickets import Routed, Ticket
from services.console.domain.words import Language, Words
from shared.contracts.envelope import Body
from shared.contracts.routing import (
    Explanation,
    QueueReason,
    Status,
    TicketQueued,
    TicketReferred,
    TicketResolved,
)
from tests.support.console import NOON, Stories
from tests.unit.test_console_timeline import FACTS, TICKET, row

NAMES = Names(
    desks={"centre": "Centre", "leeds": "Leeds Desk"}, agents={"c-one": "C One", "robot": "Robot"}
)
BASE: dict[str, Any] = {"facts": FACTS, "status": Status.QUEUED, "desk": "leeds"}
WHY = Explanation(topology="sun", shape="virtual", rule="leeds is open")


def told(body: Body, language: Language = Language.EN) -> str:
    """Return what a line says, with its details."""
    line = Teller(words=Words(language), names=NAMES).tell(row(body))
    details = ["".join(piece.text for piece in detail) for detail in line.details]
    return " ".join([line.text, *details])


@pytest.mark.parametrize(
    ("body", "english", "chinese"),
    [
        (
            TicketReferred(**BASE, from_desk="centre", to_desk="leeds", by="c-one"),
            "C One referred the contact from Centre to Leeds Desk",
            "C One 将联系人从Centre转介至Leeds Desk",
        ),
        (
            TicketQueued(
                **BASE,
                reason=QueueReason.NEW,
                explanation=WHY,
                tier=0,
                person_at=datetime(2026, 3, 2, 11, tzinfo=UTC),
            ),
            "answer with the one word PERSON",
            "回复“人工”二字",
        ),
        (
            TicketQueued(**BASE, reason=QueueReason.PERSON_ASKED, explanation=WHY, by="contact"),
            "asked for a person: it waits at Leeds Desk",
            "要求人工服务",
        ),
        (
            TicketQueued(**BASE, reason=QueueReason.PERSON_ASKED, explanation=WHY),
            "Nobody solved it in the time of self-service",
            "自助服务时间内未解决",
        ),
        (
            TicketQueued(
                **BASE, reason=QueueReason.TRANSFER, explanation=WHY, by="c-one", note="visit"
            ),
            "C One asked for a visit: Leeds Desk goes there",
            "C One 要求上门服务",
        ),
        (
            TicketResolved(**BASE, code="self-service", by="contact"),
            "The requester completed it without an agent",
            "请求人已自行完成",
        ),
        (
            TicketResolved(**BASE, code="automation", by="robot"),
            "Automation completed it without an agent (Robot)",
            "自动化已完成处理",
        ),
    ],
)
def test_what_brings_a_requester_to_somebody_is_told(
    body: Body, english: str, chinese: str
) -> None:
    """In both languages, with names instead of codes, and never as a note."""
    assert english in told(body)
    assert chinese in told(body, Language.ZH)
    assert "“visit”" not in told(body)


def test_an_agent_sends_a_ticket_of_tier_0_on() -> None:
    """It cannot be taken before that; so taking is not offered."""
    ticket = Ticket(id="t", tenant="main", routing=Routed(status=Status.QUEUED, tier=0))
    assert offered(ticket, me="c-one")[0] is Verb.PERSON
    assert Verb.ACCEPT not in offered(ticket, me="c-one")


def test_the_contact_desk_is_part_of_the_ticket() -> None:
    """A referral says it, and the queue of a follow-up does."""
    event = Stories().say(
        TICKET, TicketReferred(**BASE, from_desk="centre", to_desk="leeds"), at=NOON
    )
    assert {p.name: p.fields for p in parts_of(event)}["referred"] == {"desk": "leeds"}
    queued = TicketQueued(**BASE, reason=QueueReason.NEW, explanation=WHY, contact_desk="leeds")
    event = Stories().say(TICKET, queued, at=NOON)
    assert {p.name: p.fields for p in parts_of(event)}["referred"] == {"desk": "leeds"}
    plain = queued.model_copy(update={"contact_desk": None})
    event = Stories().say(TICKET, plain, at=NOON)
    assert "referred" not in {p.name for p in parts_of(event)}
