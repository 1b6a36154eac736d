"""The sender: claims due notices, sends them, records what became of them.

In this order: claim, read again, send, record, release. Another process that claims after the
release reads the record. A process that dies in between leaves its claims, and what it sent is
sent again under the same Message-ID.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, assert_never

from services.notify.domain.delivery import (
    Delivered,
    Outcome,
    Postponed,
    Undeliverable,
    pause_seconds,
    record,
)
from services.notify.domain.mail import Letter, compose
from services.notify.domain.notices import NOTICES, Notices
from services.notify.handlers import BAD_ADDRESS, Job, Letters
from services.notify.ports import (
    Answer,
    Channel,
    ChannelDown,
    Claim,
    Claims,
    Later,
    Refused,
    Session,
    Taken,
)
from shared.clock import Clock
from shared.commit import DEFECT, Command, Committer
from shared.contracts.envelope import Body
from shared.kernel import CommandRejected
from shared.log import Log

CLOSED_SECONDS_MIN: Final = 1.0
CLOSED_SECONDS_MAX: Final = 60.0
"""While the channel is down one notice at a time tries it, this far apart at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingLimits:
    """Limits of sending; `NotifySettings` gives the reasons."""

    batch_notices_max: int = 50
    unrecorded_notices_max: int = 1
    lease_seconds: float = 600.0
    send_seconds_max: float = 30.0
    retry_seconds_min: float = 30.0
    retry_seconds_max: float = 4 * 3600.0
    retry_days_max: float = 4.0


class Sender:
    """Sends what is due, one batch a round.

    Invariants: a notice is sent only under a claim of this start, and only while its lease
    lasts; what was sent is recorded before its claim is released; outcomes that could not be
    recorded are recorded before anything else is sent.
    """

    def __init__(
        self,
        *,
        committer: Committer,
        claims: Claims,
        letters: Letters,
        channel: Channel,
        clock: Clock,
        log: Log,
        slot: str | None,
        limits: SendingLimits,
    ) -> None:
        self._committer = committer
        self._claims = claims
        self._letters = letters
        self._channel = channel
        self._clock = clock
        self._log = log
        self._slot = slot
        self._limits = limits
        self._start = clock.unique()
        self._unrecorded: dict[str, tuple[Job, Outcome]] = {}
        self._aside: set[str] = set()
        """Notices whose outcome cannot be recorded for a defect: left alone until the next start."""
        self._unsure = False
        """Claims of ours may be left over from a round that did not end well."""
        self._failures = 0
        self._closed_until: datetime | None = None

    async def recover(self) -> None:
        """Give up what earlier starts of this slot left claimed, before the first round."""
        if self._slot is not None:
            await self._claims.release_earlier(self._slot, start=self._start)

    async def round(self) -> bool:
        """Send one batch; True where more may be due at once.

        Raises:
            Infrastructure: the store or intake cannot be used now; nothing is lost.
        """
        await self._record()
        if self._unsure and not self._unrecorded:
            await self._claims.release_start(self._start)
            self._unsure = False
        now = self._clock.now()
        if self._closed_until is not None and now < self._closed_until:
            return False
        await self._claims.expire(now)
        jobs = await self._claimed(now)
        sent = 0
        if jobs:
            try:
                sent = await self._send(jobs, until=now + self._lease)
            finally:
                # Also when the process is told to stop: what was sent must not be sent again.
                await self._record()
        if self._unsure and not self._unrecorded:
            await self._claims.release_start(self._start)
            self._unsure = False
        return sent >= self._limits.batch_notices_max

    @property
    def _lease(self) -> timedelta:
        return timedelta(seconds=self._limits.lease_seconds)

    async def _claimed(self, now: datetime) -> list[Job]:
        """Claim due notices, and return those that are due indeed, read after the claim."""
        limit = self._limits.batch_notices_max
        found = await self._claims.due(now=now, limit=limit)
        wanted = [
            Claim(
                notice=notice,
                ticket=due.ticket,
                slot=self._slot,
                start=self._start,
                at=now,
                until=now + self._lease,
            )
            for due in found
            for notice in due.notices
            if notice not in self._aside
        ]
        if not wanted:
            return []
        self._unsure = True
        ours = await self._claims.take(wanted[:limit])
        tickets = [due.ticket for due in found if ours.intersection(due.notices)]
        documents = await self._committer.store.load(NOTICES, tickets)
        jobs = [
            Job(
                ticket=ticket,
                tenant=document.tenant,
                number=document.state.number,
                notice=notice,
                contact_desk=document.state.contact_desk,
            )
            for ticket in tickets
            if (document := documents.get(ticket)) is not None
            and document.state is not None
            and not document.parked
            for notice in document.state.notices
            if notice.id in ours and notice.due_at is not None and notice.due_at <= now
        ]
        return sorted(jobs, key=lambda job: job.notice.due_at or now)

    async def _send(self, jobs: Sequence[Job], *, until: datetime) -> int:
        """Send jobs on one connection; return how many were settled or put off."""
        waiting: list[tuple[Job, Letter]] = []
        for job, prepared in await self._letters.prepare(jobs):
            match prepared:
                case Letter():
                    waiting.append((job, prepared))
                case Refused() | Later():
                    self._note(job, prepared, tried=0)
                case None:
                    pass
                case _:
                    assert_never(prepared)
        done = len(self._unrecorded)
        if not waiting:
            return done
        opened = False
        try:
            async with self._channel.session() as session:
                opened = True
                done += await self._send_on(session, waiting, until=until)
            self._failures, self._closed_until = 0, None
        except ChannelDown as error:
            self._close(error)
            if not opened:
                # The oldest one keeps trying the channel, so that it shows what is the matter.
                first = waiting[0][0]
                self._keep(first, Postponed(first.notice.key, str(error), until=self._reopens_at))
        return done

    async def _send_on(
        self, session: Session, waiting: Sequence[tuple[Job, Letter]], *, until: datetime
    ) -> int:
        """Send letters one after the other, for as long as the claims last."""
        for count, (job, letter) in enumerate(waiting):
            left = (until - self._clock.now()).total_seconds()
            if left <= self._limits.send_seconds_max:
                return count
            await _unbroken(self._send_one(session, job, letter))
            if len(self._unrecorded) >= self._limits.unrecorded_notices_max:
                await self._record()
        return len(waiting)

    async def _send_one(self, session: Session, job: Job, letter: Letter) -> None:
        try:
            content = compose(letter)
        except ValueError:
            self._note(job, Refused(BAD_ADDRESS), tried=0)
            return
        try:
            answer = await session.send(sender=letter.sender, recipient=letter.to, content=content)
        except ChannelDown as error:
            # It may be this mail that ends the connection: it waits longer each time.
            self._note(job, Later(str(error)), tried=1)
            raise
        self._note(job, answer, tried=1, message_id=letter.message_id)

    def _note(self, job: Job, answer: Answer, *, tried: int, message_id: str = "") -> None:
        """Keep what became of a job until it is recorded."""
        key = job.notice.key
        match answer:
            case Taken():
                self._keep(job, Delivered(key, message_id))
            case Refused(reason=reason):
                self._keep(job, Undeliverable(key, reason, tried=tried))
            case Later(reason=reason):
                pause = pause_seconds(
                    job.notice.attempts + 1,
                    seconds_min=self._limits.retry_seconds_min,
                    seconds_max=self._limits.retry_seconds_max,
                )
                at = self._clock.now() + timedelta(seconds=self._clock.jitter(pause))
                self._keep(job, Postponed(key, reason, until=_whole(at)))
            case _:
                assert_never(answer)

    def _keep(self, job: Job, outcome: Outcome) -> None:
        self._unrecorded[job.notice.id] = (job, outcome)
        self._log.info(
            "notice_tried",
            ticket=job.ticket,
            tenant=job.tenant,
            notice=job.notice.id,
            kind=job.notice.kind.value,
            outcome=type(outcome).__name__.lower(),
            reason=getattr(outcome, "reason", None),
        )

    def _close(self, error: ChannelDown) -> None:
        """Leave the channel alone for a while, longer each time."""
        self._failures += 1
        seconds = pause_seconds(
            self._failures, seconds_min=CLOSED_SECONDS_MIN, seconds_max=CLOSED_SECONDS_MAX
        )
        self._closed_until = self._clock.now() + timedelta(seconds=self._clock.jitter(seconds))
        self._log.warning("channel_down", error=str(error), seconds=round(seconds, 1))

    @property
    def _reopens_at(self) -> datetime:
        return _whole(self._closed_until or self._clock.now())

    async def _record(self) -> None:
        """Record outcomes, one command per ticket; those that cannot be recorded now are kept."""
        if not self._unrecorded:
            return
        by_ticket: dict[str, list[tuple[Job, Outcome]]] = {}
        for job, outcome in self._unrecorded.values():
            by_ticket.setdefault(job.ticket, []).append((job, outcome))
        results = await self._committer.execute_all(
            NOTICES,
            [
                self._command(ticket, found[0][0].tenant, [outcome for _, outcome in found])
                for ticket, found in by_ticket.items()
            ],
        )
        # A parked ticket's outcome is refused: after its replay the notice is sent again, as after
        # a crash. What lost every race is left out of the results, and comes again.
        for ticket, result in results.items():
            if isinstance(result, CommandRejected) and result.code == DEFECT:
                # Let go, it would be due again at once, and sent anew every round.
                self._aside.update(job.notice.id for job, _ in by_ticket[ticket])
                self._log.error("notice_set_aside", ticket=ticket, reason=result.reason)
            for job, _ in by_ticket[ticket]:
                self._unrecorded.pop(job.notice.id, None)

    def _command(self, ticket: str, tenant: str, outcomes: Sequence[Outcome]) -> Command:
        total = self._limits.retry_days_max * 86_400

        def decide(state: Notices | None) -> Sequence[Body]:
            return record(state, outcomes, retry_seconds_total_max=total)

        return Command(target=ticket, tenant=tenant, decide=decide)


def _whole(at: datetime) -> datetime:
    """Return an instant cut to milliseconds, as the store keeps it."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


async def _unbroken(work: Coroutine[Any, Any, None]) -> None:
    """Let a send that has begun end, also when the process is told to stop; then stop."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
