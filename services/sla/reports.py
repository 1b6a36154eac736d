"""The use case: the report of a month, closed where nothing can change it any more."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from services.sla.domain.months import Asked, AskedWrongError, Because, Month, month_of
from services.sla.domain.outcomes import Outcome
from services.sla.domain.report import Report
from services.sla.domain.scorecard import Scorecard
from services.sla.domain.solutions import Revision
from services.sla.domain.tally import Tally
from services.sla.evidence_ports import EvidenceStore, SolutionStore, Unsent
from services.sla.ports import Caughtup, ConfigurationSource
from shared.clock import Clock
from shared.contracts.topics import CLOCKS, CONFIGURATION, REQUESTS, TICKETS
from shared.kernel import rfc3339
from shared.organisation import Configuration

SETTLE: Final = timedelta(minutes=1)
"""A ticker says what is due as of an instant at which it knew everything; so much later it is
written, at the latest."""
CATCH_UP_SECONDS_MAX: Final = 3.0
POLL_SECONDS: Final = 0.1
TOPICS: Final = (REQUESTS, TICKETS, CLOCKS)
"""What a closed month is made of. The service's group has taken it in."""
FOLLOWED: Final = (CONFIGURATION,)
"""By one of these the scorecard judges. The process that answers has read them itself."""
INSTANT: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Question:
    """A month, what is asked of it, and as of when; None: when it is closed, or now."""

    month: str
    time_zone: str = "UTC"
    asked: Asked = field(default_factory=Asked)
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """A question that can be answered: its month, its instant, and why it may still change."""

    month: Month
    asked: Asked
    as_of: datetime
    because: Because | None


class Reports:
    """Reports of a tenant's months."""

    def __init__(
        self,
        *,
        evidence: EvidenceStore,
        solutions: SolutionStore,
        configurations: ConfigurationSource,
        caughtup: Caughtup,
        unsent: Unsent,
        clock: Clock,
        grace: timedelta,
    ) -> None:
        self._evidence = evidence
        self._solutions = solutions
        self._configurations = configurations
        self._caughtup = caughtup
        self._unsent = unsent
        self._clock = clock
        self._grace = grace
        self._complete_until: datetime | None = None

    async def scope(self, tenant: str, question: Question) -> Scope:
        """Return what a question is about.

        Raises:
            AskedWrongError: it has no answer.
            Infrastructure: the store or the broker does not answer.
        """
        now = self._clock.now()
        month = month_of(question.month, time_zone=question.time_zone, grace=self._grace, now=now)
        as_of = question.as_of
        if as_of is not None and not month.starts_at <= as_of <= now:
            text = f"must lie from {rfc3339(month.starts_at)} to now, {rfc3339(now)}"
            raise AskedWrongError("as_of", text)
        closed = month.closes_at < now
        if as_of is None:
            as_of = month.closes_at if closed else now
        because: Because | None = None
        if await self._evidence.broken(tenant) or await self._solutions.broken(tenant):
            because = "gaps"
        elif not closed:
            because = "open"
        elif as_of != month.closes_at:
            because = "as-of"
        elif not await self._complete(as_of):
            because = "catching-up"
        return Scope(month=month, asked=question.asked, as_of=as_of, because=because)

    async def report(self, tenant: str, scope: Scope) -> Report:
        """Return the report of a month."""
        month = scope.month
        tally = Tally(month, scope.asked)
        stretch = {
            "since": month.starts_at,
            "before": month.ends_at,
            "as_of": scope.as_of,
        }
        for met in await self._evidence.met(tenant, asked=scope.asked, **stretch):
            tally.add_met(met)
        async for outcomes in self._evidence.missed(tenant, asked=scope.asked, **stretch):
            for outcome in outcomes:
                tally.add(outcome)
        changes = await self._evidence.changes(
            tenant, before=month.starts_at, since=month.closed_before, as_of=scope.as_of
        )
        scorecard = Scorecard(
            month, scope.asked, self._in_force(tenant, scope), partial(self._version, tenant)
        )
        revisions: Sequence[Revision] = ()
        if not scorecard.is_empty:
            async for solutions in self._solutions.resolved(tenant, asked=scope.asked, **stretch):
                for solution in solutions:
                    scorecard.add(solution)
            revisions = await self._solutions.revised(
                tenant, before=month.starts_at, since=month.closed_before, as_of=scope.as_of
            )
        return tally.report(
            as_of=scope.as_of,
            because=scope.because,
            changes=changes,
            scorecard=scorecard,
            revisions=revisions,
        )

    def _in_force(self, tenant: str, scope: Scope) -> Configuration | None:
        """Return the version in force when the month ended, or at the instant that is asked for.

        None where there was none yet.
        """
        last = min(scope.month.ends_at - INSTANT, scope.as_of)
        for version in range(self._configurations.version(tenant), 0, -1):
            applied_at = self._configurations.applied_at(tenant, version)
            if applied_at is None or applied_at <= last:
                return self._configurations.at(tenant, version)
        return None

    def _version(self, tenant: str, version: int) -> Configuration:
        """Return the version with which a ticket was accepted; of very old events, the first."""
        return self._configurations.at(tenant, max(version, 1))

    def outcomes(self, tenant: str, scope: Scope) -> AsyncIterator[Sequence[Outcome]]:
        """Yield every clock that counts in a month."""
        return self._evidence.decided(
            tenant,
            since=scope.month.starts_at,
            before=scope.month.ends_at,
            as_of=scope.as_of,
            asked=scope.asked,
        )

    async def _complete(self, at: datetime) -> bool:
        """Return whether all that was told up to an instant is in the evidence.

        First nothing of it waits for the broker; then all that the topics held after that is
        taken in. What cannot be known within seconds is taken for not complete.
        """
        if self._complete_until is not None and at <= self._complete_until:
            return True
        now = self._clock.now()
        if now < at + SETTLE or await self._unsent.unsent(at):
            return False
        until = self._clock.monotonic() + CATCH_UP_SECONDS_MAX
        while True:
            seen = await self._caughtup.seen_until()
            if seen is not None and seen >= now:
                self._complete_until = at
                return True
            if self._clock.monotonic() >= until:
                return False
            await self._clock.sleep(POLL_SECONDS)
