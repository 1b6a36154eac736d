"""Briefs tell every status and every deed of a ticket in both languages."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.routing.domain.handover.telling import Teller
from services.routing.domain.handover.trail import Trail
from services.routing.domain.handover.vocabulary import WORDS, Lang
from shared.contracts.facts import Channel, Kind, Priority
from shared.contracts.handover import HandoverBrief, NextStep
from shared.contracts.lifecycle import TicketReminded, WatcherAdded, WatcherKind, WatcherRemoved
from shared.contracts.routing import (
    EscalationDeferred,
    PendReason,
    QueueReason,
    Status,
    TicketEvent,
    TicketQueued,
    TicketRegarded,
)
from shared.contracts.topics import TICKETS
from tests.support.routing import facts

AT = datetime(2027, 1, 13, 16, tzinfo=UTC)
SILENT = (
    TicketQueued,
    TicketRegarded,
    TicketReminded,
    WatcherAdded,
    WatcherRemoved,
    EscalationDeferred,
)
"""A queued ticket says its reason, the others are no deeds."""


def test_every_deed_has_a_word() -> None:
    """Each event of a ticket that a brief may list, and each reason of being queued."""
    deeds = {body.type.split(".")[2] for body in TICKETS.events if body not in SILENT}
    deeds |= {f"queued:{reason}" for reason in QueueReason if reason is not QueueReason.UNKNOWN}
    assert deeds <= set(WORDS)


def test_who_follows_a_ticket_is_no_deed() -> None:
    """The last deeds are work: ten watchers do not push them out of the brief."""
    common = {"facts": facts(), "desk": "london", "tier": 1, "status": Status.QUEUED, "by": "ann"}
    trail = Trail()
    watching = WatcherAdded(**common, watcher="bob", kind=WatcherKind.AGENT)
    for _ in range(10):
        trail = trail.after(watching, AT)
    assert trail == Trail()
    assert issubclass(WatcherAdded, TicketEvent)


def brief(status: Status, agent: str | None) -> HandoverBrief:
    """Return a brief of a ticket that stands so."""
    return HandoverBrief(
        priority=Priority.P3,
        kind=Kind.INCIDENT,
        channel=Channel.EMAIL,
        status=status,
        accepted_at=AT,
        agent=agent,
        waits_for=PendReason.CUSTOMER if status is Status.PENDING else None,
        next=NextStep.CONTINUE,
    )


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_who_has_it_is_told_for_every_status(lang: Lang) -> None:
    """Nobody is said to work on what they were only asked to take."""
    teller = Teller(lang=lang, time_zone="UTC", now=AT)
    said = {
        status: teller.brief(brief(status, None if status is Status.QUEUED else "ann"))[1]
        for status in (
            Status.QUEUED,
            Status.OFFERED,
            Status.ASSIGNED,
            Status.ACCEPTED,
            Status.IN_PROGRESS,
            Status.PENDING,
        )
    }
    works = said[Status.ACCEPTED]
    assert said[Status.IN_PROGRESS] == works
    others = [text for status, text in said.items() if text != works]
    assert len(set(others)) == len(said) - 2
