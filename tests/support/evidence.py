"""The evidence on memory, and sla with its reports wired to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from services.sla.domain.model import NEVER
from services.sla.domain.months import Asked
from services.sla.domain.outcomes import MET, MISSED, Evidence, Outcome, Replaced, Version
from services.sla.domain.report import Report
from services.sla.domain.solutions import Revision, Solution, SolutionVersion, Solving
from services.sla.domain.tally import Change, Met, quarter_of
from services.sla.evidence_ports import Kept
from services.sla.evidence_store import CODEC, outcome_from
from services.sla.ports import Caughtup
from services.sla.projector import CLOCKS_TOLD, TICKETS_TOLD, Projector
from services.sla.reports import Question, Reports
from services.sla.solution_store import CODEC as SOLUTIONS
from services.sla.solution_store import revisions, solution_from
from services.sla.version_store import Codec, version_id
from shared.contracts.envelope import Event
from shared.contracts.topics import CLOCKS, TICKETS
from shared.kernel import Infrastructure
from shared.organisation import Configuration
from shared.streams import ParkedRecord, Record
from tests.support.sla import TENANT, SeenUntil, Sla

E = TypeVar("E")
V = TypeVar("V")
GRACE = timedelta(hours=72)


class MemoryVersions(Generic[E, V]):
    """`FoldStore` on rows, written with the codec of the real one."""

    def __init__(self, codec: Codec[E, V]) -> None:
        self.codec = codec
        self.outcomes: dict[str, dict[str, Any]] = {}
        self.folds: dict[str, dict[str, Any]] = {}
        self.fails_at: str | None = None
        """The step of the next `keep` at which the process dies: versions, replaced or folds."""
        self.rebuilt = False

    async def load(self, tickets: Collection[str]) -> dict[str, Kept[E]]:
        """Return the folds that are kept, by ticket."""
        rows = [self.folds[ticket] for ticket in tickets if ticket in self.folds]
        return {row["_id"]: self.codec.kept_from(row) for row in rows}

    def _step(self, name: str) -> None:
        if self.fails_at == name:
            self.fails_at = None
            raise Infrastructure(name)

    async def keep(
        self, versions: Sequence[V], replaced: Sequence[Replaced], kept: Sequence[Kept[E]]
    ) -> None:
        """Keep versions, say of others that they stand no more, then keep the folds."""
        self._step("versions")
        for version in versions:
            row = self.codec.version_row(version)
            self.outcomes.setdefault(row["_id"], row)
        self._step("replaced")
        for one in replaced:
            row = self.outcomes[version_id(one.ticket, one.clock, one.sequence)]
            assert row["replaced_at"] in {one.at, NEVER}
            row["replaced_at"] = one.at
        self._step("folds")
        for row in map(self.codec.fold_row, kept):
            there = self.folds.get(row["_id"])
            if there is None or there["sequence"] <= row["sequence"]:
                self.folds[row["_id"]] = row

    async def broken(self, tenant: str) -> int:
        """Return of how many tickets an event could not be taken in."""
        return sum(row["broken"] and row["tenant"] == tenant for row in self.folds.values())

    def _standing(self, tenant: str, as_of: datetime) -> list[dict[str, Any]]:
        return [
            row
            for row in self.outcomes.values()
            if row["tenant"] == tenant and row["told_at"] <= as_of < row["replaced_at"]
        ]

    async def is_rebuilt(self) -> bool:
        """Return whether the topic was read from its start into this store."""
        return self.rebuilt

    async def mark_rebuilt(self) -> None:
        """Remember that it was."""
        self.rebuilt = True


class MemoryEvidence(MemoryVersions[Evidence, Version]):
    """`EvidenceStore` on rows."""

    def __init__(self) -> None:
        super().__init__(CODEC)

    async def decided(
        self, tenant: str, *, since: datetime, before: datetime, as_of: datetime, asked: Asked
    ) -> AsyncIterator[Sequence[Outcome]]:
        """Yield the outcomes that lie in a stretch, as they were known at an instant."""
        found = [
            outcome_from(row)
            for row in self._standing(tenant, as_of)
            if since <= row["decided_at"] < before
        ]
        found = [outcome for outcome in found if asked.takes(outcome)]
        for one in sorted(found, key=lambda o: (o.decided_at, o.ticket, o.clock)):
            yield [one]

    async def missed(
        self, tenant: str, *, since: datetime, before: datetime, as_of: datetime, asked: Asked
    ) -> AsyncIterator[Sequence[Outcome]]:
        """Yield those that were missed, the latest first."""
        stretch = {"since": since, "before": before, "as_of": as_of}
        found = [one async for one in self.decided(tenant, asked=asked, **stretch)]
        for outcomes in reversed(found):
            yield [outcome for outcome in outcomes if outcome.outcome == MISSED]

    async def met(
        self, tenant: str, *, since: datetime, before: datetime, as_of: datetime, asked: Asked
    ) -> list[Met]:
        """Return how many clocks of a stretch were met."""
        stretch = {"since": since, "before": before, "as_of": as_of}
        counts: Counter[tuple[Any, int]] = Counter()
        async for outcomes in self.decided(tenant, asked=asked, **stretch):
            for one in outcomes:
                if one.outcome == MET:
                    named = (one.customer, one.agreement, one.kind, one.policy, one.metric)
                    cell = (*named, one.priority, one.desk)
                    counts[cell, quarter_of(one.decided_at)] += 1
        return [Met(cell, quarter, count) for (cell, quarter), count in counts.items()]

    async def changes(
        self, tenant: str, *, before: datetime, since: datetime, as_of: datetime
    ) -> list[Change]:
        """Return the clocks of earlier months that were told of, or changed, in a stretch."""

        def at(instant: datetime) -> dict[tuple[str, str], dict[str, Any]]:
            return {(r["ticket"], r["clock"]): r for r in self._standing(tenant, instant)}

        old, new = at(since), at(as_of)
        found = []
        for key in sorted(old.keys() | new.keys()):
            was, now = old.get(key), new.get(key)
            if was is now or not any(r and r["decided_at"] < before for r in (was, now)):
                continue
            found.append(
                Change(
                    was=outcome_from(was) if was and was["decided_at"] < before else None,
                    now=outcome_from(now) if now else None,
                )
            )
        return found


class MemorySolutions(MemoryVersions[Solving, SolutionVersion]):
    """`SolutionStore` on rows."""

    def __init__(self) -> None:
        super().__init__(SOLUTIONS)

    async def resolved(
        self, tenant: str, *, since: datetime, before: datetime, as_of: datetime, asked: Asked
    ) -> AsyncIterator[Sequence[Solution]]:
        """Yield the resolutions of a stretch, as they were known at an instant."""
        for row in self._standing(tenant, as_of):
            one = solution_from(row)
            if since <= one.resolved_at < before and asked.takes_named(
                customer=one.customer, desk=one.desk, priority=one.priority
            ):
                yield [one]

    async def revised(
        self, tenant: str, *, before: datetime, since: datetime, as_of: datetime
    ) -> list[Revision]:
        """Return the resolutions of earlier months that were told of, or changed, in a stretch."""
        past = [row for row in self.outcomes.values() if row["resolved_at"] < before]
        known, now = (
            [row for row in self._standing(tenant, at) if row in past] for at in (since, as_of)
        )
        return revisions(
            [row for row in known if row not in now], [row for row in now if row not in known]
        )


@dataclass
class Letters:
    """Where unreadable records go."""

    kept: list[ParkedRecord] = field(default_factory=list)

    async def put(self, rows: Sequence[ParkedRecord]) -> None:
        """Keep rows."""
        self.kept.extend(rows)


@dataclass
class Outboxes:
    """`Unsent` that knows what it is told."""

    waits: bool = False

    async def unsent(self, before: datetime) -> bool:
        """Return what a test says."""
        return self.waits


class Evidenced(Sla):
    """Sla on memory, with the projector of its evidence and its reports."""

    def __init__(
        self, *, configuration: Configuration | None = None, evidence: MemoryEvidence | None = None
    ) -> None:
        super().__init__(configuration=configuration)
        self.evidence = evidence or MemoryEvidence()
        self.letters = Letters()
        self.solutions = MemorySolutions()
        self.tickets: list[Record] = []
        """The topic of the tickets, as it was fed."""
        self.projector = Projector(
            CLOCKS_TOLD, store=self.evidence, dead_letters=self.letters, clock=self.clock
        )
        self.solved = Projector(
            TICKETS_TOLD, store=self.solutions, dead_letters=self.letters, clock=self.clock
        )
        self.outboxes = Outboxes()
        self.seen = SeenUntil(self.clock)
        self.reports = self.reports_by(self.seen)

    def reports_by(self, caughtup: Caughtup) -> Reports:
        """Return the reports where something else says how much is taken in."""
        return Reports(
            evidence=self.evidence,
            solutions=self.solutions,
            configurations=self.configurations,
            caughtup=caughtup,
            unsent=self.outboxes,
            clock=self.clock,
            grace=GRACE,
        )

    def record(self, event: Event[Any]) -> Record:
        """Return the record of an event, which is kept; it is written when it is made."""
        record = super().record(event)
        if record.topic == TICKETS.name:
            self.tickets.append(record)
        return record

    async def records(self) -> list[Record]:
        """Return all records of the topic of the clocks."""
        await self.relay.sweep(everything=True)
        await self.relay.drain()
        return list(self.log.records(CLOCKS.name))

    async def project(self) -> None:
        """Take in the whole topic; what was taken in already changes nothing."""
        await self.projector.process(await self.records())
        await self.solved.process(self.tickets)

    async def report(self, month: str = "2026-07", *, tenant: str = TENANT, **asked: Any) -> Report:
        """Return the report of a month."""
        names = {"customer", "desk", "agreement", "priority"}
        filters = Asked(**{name: value for name, value in asked.items() if name in names})
        rest = {name: value for name, value in asked.items() if name not in names}
        await self.project()
        scope = await self.reports.scope(tenant, Question(month=month, asked=filters, **rest))
        return await self.reports.report(tenant, scope)
