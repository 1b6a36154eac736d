"""What agents are told of offers, and of work that was taken back."""

from __future__ import annotations

from datetime import timedelta

from services.notify.domain.offers import tell_offer, tell_reclaim
from shared.contracts.notify import NoticeKind, NoticePlanned, RecipientKind
from shared.contracts.offering import TicketOffered
from shared.contracts.routing import QueueReason, Status, TicketQueued
from tests.support.notify import sample
from tests.unit.test_notify_planning import EXPLANATION, FACTS, NOW, event

OFFER = TicketOffered(
    facts=FACTS,
    status=Status.OFFERED,
    desk="london",
    agent="h-clarke",
    answer_by=NOW + timedelta(minutes=2),
    explanation=EXPLANATION,
)
BACK = TicketQueued(
    facts=FACTS,
    status=Status.QUEUED,
    desk="london",
    reason=QueueReason.RECLAIMED,
    released="h-clarke",
    code="absent",
    explanation=EXPLANATION,
)


def test_who_is_asked_is_told_until_when() -> None:
    """The agent is told, with the instant; not after it, for nobody could answer any more."""
    (planned,) = tell_offer(None, event(OFFER), NOW, sample())
    assert isinstance(planned, NoticePlanned)
    assert (planned.kind, planned.recipient_kind, planned.recipient) == (
        NoticeKind.OFFER,
        RecipientKind.AGENT,
        "h-clarke",
    )
    assert planned.details["due_at"].startswith("2026-03-02T09:02:00")
    assert tell_offer(None, event(OFFER), OFFER.answer_by, sample()) == ()


def test_who_loses_work_is_told_why() -> None:
    """The reason is a code; other ways back into the queue are told to nobody."""
    (planned,) = tell_reclaim(None, event(BACK), NOW, sample())
    assert isinstance(planned, NoticePlanned)
    assert (planned.kind, planned.recipient, planned.details["reason"]) == (
        NoticeKind.RECLAIM,
        "h-clarke",
        "absent",
    )
    late = BACK.model_copy(update={"reason": QueueReason.OFFER_EXPIRED, "code": None})
    assert tell_reclaim(None, event(late), NOW, sample()) == ()
