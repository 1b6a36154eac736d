"""What became of an attempt to deliver, and what is recorded of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from services.notify.domain.notices import Notices, NoticeStatus
from shared.contracts.envelope import Body
from shared.contracts.notify import NoticeDeferred, NoticeFailed, NoticeSent
from shared.kernel import CommandRejected

REASON_MAX = 200


@dataclass(frozen=True, slots=True)
class Delivered:
    """The channel took the notice over."""

    notice: str
    message_id: str


@dataclass(frozen=True, slots=True)
class Undeliverable:
    """It will never be taken; ``tried`` is 0 where no attempt was made, as without an address."""

    notice: str
    reason: str
    tried: int = 1


@dataclass(frozen=True, slots=True)
class Postponed:
    """It was not taken now; another attempt is due at ``until``."""

    notice: str
    reason: str
    until: datetime
    tried: int = 1


Outcome = Delivered | Undeliverable | Postponed


def record(
    state: Notices | None, outcomes: Sequence[Outcome], *, retry_seconds_total_max: float
) -> Sequence[Body]:
    """Return what is recorded of attempts; those of a settled notice say nothing new.

    A notice that would be tried again beyond ``retry_seconds_total_max`` after its trying began
    is given up.
    """
    bodies: list[Body] = []
    for outcome in outcomes:
        notice = state.find(outcome.notice) if state is not None else None
        if notice is None or notice.status is not NoticeStatus.PLANNED:
            continue
        match outcome:
            case Delivered(message_id=message_id):
                bodies.append(
                    NoticeSent(
                        notice=notice.key, message_id=message_id, attempts=notice.attempts + 1
                    )
                )
            case Undeliverable(reason=reason, tried=tried):
                bodies.append(_failed(notice.key, reason, notice.attempts + tried))
            case Postponed(reason=reason, until=until, tried=tried):
                attempts = notice.attempts + tried
                if until > notice.since + timedelta(seconds=retry_seconds_total_max):
                    bodies.append(_failed(notice.key, f"given up: {reason}", attempts))
                    continue
                bodies.append(
                    NoticeDeferred(
                        notice=notice.key,
                        until=until,
                        reason=reason[:REASON_MAX],
                        attempts=attempts,
                    )
                )
            case _:
                assert_never(outcome)
    return bodies


def _failed(key: str, reason: str, attempts: int) -> NoticeFailed:
    return NoticeFailed(notice=key, reason=reason[:REASON_MAX], attempts=attempts)


def retry(state: Notices | None, key: str, *, by: str, now: datetime) -> Sequence[Body]:
    """Make a failed or a waiting notice due now, on an operator's word; its id stays the same.

    Raises:
        CommandRejected: there is no such notice, or it was sent.
    """
    notice = state.find(key) if state is not None else None
    if notice is None:
        raise CommandRejected("not-found", "the ticket has no such notice", status=404)
    if notice.status is NoticeStatus.SENT:
        raise CommandRejected("already-sent", "the notice was sent; it is not sent twice")
    if notice.due_at is not None and notice.due_at <= now:
        return ()
    return (
        NoticeDeferred(notice=key, until=now, reason="asked for", attempts=notice.attempts, by=by),
    )


def pause_seconds(attempts: int, *, seconds_min: float, seconds_max: float) -> float:
    """Return how long to wait after so many attempts (1 and up): twice as long each time."""
    # The exponent is bounded: 2.0 ** 1024 and more is an error, not infinity.
    return min(seconds_max, seconds_min * 2.0 ** min(attempts - 1, 60))
