"""The commit protocol: load, decide, one guarded write per document, then the relay.

Runs the pure `shared.aggregate.plan` against the ports of `shared.streams`; production, the
handler tests and the simulation all use this one class.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel

from shared.aggregate import (
    Aggregate,
    Decide,
    Document,
    Plan,
    Step,
    StreamParked,
    Write,
    plan,
)
from shared.clock import Clock
from shared.contracts.envelope import Event
from shared.kernel import CommandRejected, Infrastructure
from shared.outbox import Relay
from shared.streams import ParkedRecord, ParkingStore, Record, StreamStore

S = TypeVar("S", bound=BaseModel)

CONFLICTS_MAX = 20
"""Lost races on one document before the batch is left to its redelivery."""


class RevisionStale(CommandRejected):
    """The caller decided on an older revision than the present one."""

    def __init__(self, *, expected: int, found: int) -> None:
        super().__init__(
            "revision-stale",
            f"the ticket has changed: you saw revision {expected}, it is at {found}",
            status=412,
        )
        self.found = found


@dataclass(frozen=True, slots=True)
class Arrival:
    """A consumed event on its way to its document.

    ``target`` is the document's id: the event's subject, unless the service says otherwise.
    """

    record: Record
    event: Event[Any]
    target: str
    decide: Decide


@dataclass(frozen=True, slots=True)
class Command:
    """A command or a timer for one document.

    ``revision`` is the one that the caller saw (If-Match); None takes any.
    """

    target: str
    tenant: str
    decide: Decide
    revision: int | None = None
    correlationid: str | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Consumed:
    """What became of a batch."""

    events: tuple[Event[Any], ...] = ()
    duplicates: int = 0
    parked: int = 0


class Committer:
    """Applies events and commands to documents, and hands what follows to the relay.

    Args:
        store: the service's documents.
        parking: its parked records.
        relay: sends what is decided.
        clock: gives each decision its instant.
        configversion: the newest applied configuration of a tenant, stamped on what is decided.
    """

    def __init__(
        self,
        *,
        store: StreamStore,
        parking: ParkingStore,
        relay: Relay,
        clock: Clock,
        configversion: Callable[[str], int],
    ) -> None:
        self.store = store
        self.parking = parking
        self.relay = relay
        self._clock = clock
        self._configversion = configversion

    async def consume(self, aggregate: Aggregate[S], arrivals: Sequence[Arrival]) -> Consumed:
        """Apply a batch of events; when this returns, each is applied, parked or a duplicate.

        Raises:
            Infrastructure: nothing may be acknowledged; the same batch is to be tried again.
        """
        waiting: dict[str, list[Arrival]] = {}
        for arrival in arrivals:
            waiting.setdefault(arrival.target, []).append(arrival)
        events: list[Event[Any]] = []
        duplicates = parked = 0
        for _ in range(CONFLICTS_MAX):
            documents = await self.store.load(aggregate, list(waiting))
            strangers = await self._refuse_strangers(aggregate, waiting, documents)
            parked += strangers
            plans = {
                target: self._plan(aggregate, target, found, documents)
                for target, found in waiting.items()
            }
            lost = await self._commit([p.write for p in plans.values() if p.write is not None])
            for target, decided in plans.items():
                if target in lost:
                    continue
                if decided.park and not await self._park(
                    aggregate, waiting[target], decided, documents.get(target)
                ):
                    continue
                if decided.write is not None:
                    events.extend(decided.write.bodies)
                duplicates += decided.duplicates
                parked += len(decided.park)
                del waiting[target]
            if not waiting:
                return Consumed(events=tuple(events), duplicates=duplicates, parked=parked)
        message = f"{len(waiting)} documents changed under {CONFLICTS_MAX} attempts"
        raise Infrastructure(message)

    async def execute(self, aggregate: Aggregate[S], command: Command) -> Document[S]:
        """Apply a command and return the document after it.

        Raises:
            CommandRejected: the state does not allow it (`RevisionStale`, `StreamParked`, …).
            Infrastructure: it may or may not have been applied; the caller may ask again.
        """
        for _ in range(CONFLICTS_MAX):
            documents = await self.store.load(aggregate, [command.target])
            document = documents.get(command.target) or Document(
                id=command.target, tenant=command.tenant
            )
            decided = self._command(aggregate, document, command)
            if decided.write is None:
                return document
            if not await self._commit([decided.write]):
                return decided.write.after
        message = f"{command.target} changed under {CONFLICTS_MAX} attempts"
        raise Infrastructure(message)

    async def execute_all(
        self, aggregate: Aggregate[S], commands: Sequence[Command]
    ) -> dict[str, Document[S] | CommandRejected]:
        """Apply commands to different documents with one load and one bulk of writes.

        A refused command is returned as its error; one that lost every race is left out, and
        its timer or caller will ask again.
        """
        results: dict[str, Document[S] | CommandRejected] = {}
        waiting = {command.target: command for command in commands}
        if len(waiting) != len(commands):
            message = "execute_all takes one command for each document"
            raise ValueError(message)
        for _ in range(CONFLICTS_MAX):
            documents = await self.store.load(aggregate, list(waiting))
            writes: list[Write[Any]] = []
            for target, command in list(waiting.items()):
                document = documents.get(target) or Document(id=target, tenant=command.tenant)
                try:
                    decided = self._command(aggregate, document, command)
                except CommandRejected as error:
                    results[target] = error
                    del waiting[target]
                    continue
                if decided.write is None:
                    results[target] = document
                    del waiting[target]
                else:
                    writes.append(decided.write)
            lost = await self._commit(writes)
            for write in writes:
                if write.after.id not in lost:
                    results[write.after.id] = write.after
                    del waiting[write.after.id]
            if not waiting:
                break
        return results

    async def together(self, writes: Sequence[Write[Any]]) -> bool:
        """Apply writes of several documents atomically; False where one of them lost."""
        if not await self.store.commit_together(writes):
            return False
        await self.relay.submit(writes)
        return True

    def plan_command(
        self, aggregate: Aggregate[S], document: Document[S], command: Command
    ) -> Write[S] | None:
        """Return the write of a command without applying it, for `together`.

        Raises:
            CommandRejected: the state does not allow it.
        """
        return self._command(aggregate, document, command).write

    def _command(
        self, aggregate: Aggregate[S], document: Document[S], command: Command
    ) -> Plan[S]:
        if document.tenant != command.tenant:
            raise CommandRejected("not-found", "there is no such thing", status=404)
        if document.parked:
            raise StreamParked(document.id)
        if command.revision is not None and command.revision != document.seq:
            raise RevisionStale(expected=command.revision, found=document.seq)
        step = Step(
            decide=command.decide,
            correlationid=command.correlationid,
            traceparent=command.traceparent,
        )
        return plan(
            aggregate,
            document,
            [step],
            now=self._clock.now(),
            configversion=self._configversion(command.tenant),
        )

    def _plan(
        self,
        aggregate: Aggregate[S],
        target: str,
        arrivals: Sequence[Arrival],
        documents: Mapping[str, Document[S]],
    ) -> Plan[S]:
        tenant = arrivals[0].event.tenant
        document = documents.get(target) or Document(id=target, tenant=tenant)
        steps = [Step(decide=a.decide, cause=a.event) for a in arrivals]
        return plan(
            aggregate,
            document,
            steps,
            now=self._clock.now(),
            configversion=self._configversion(tenant),
        )

    async def _commit(self, writes: Sequence[Write[Any]]) -> Collection[str]:
        """Apply writes, hand those that won to the relay, and return the ids of the others."""
        if not writes:
            return ()
        lost = await self.store.commit(writes)
        await self.relay.submit([w for w in writes if w.after.id not in lost])
        return lost

    async def _park(
        self,
        aggregate: Aggregate[S],
        arrivals: Sequence[Arrival],
        decided: Plan[S],
        loaded: Document[S] | None,
    ) -> bool:
        """Insert the rows first, then mark the document; False where it has changed meanwhile."""
        records = {arrival.event.id: arrival.record for arrival in arrivals}
        target = arrivals[0].target
        rows = [
            ParkedRecord(
                record=records[parked.event.id],
                stream=target,
                aggregate=aggregate.name,
                error=parked.error,
                at=self._clock.now(),
                tenant=parked.event.tenant,
                event_id=parked.event.id,
                event_type=parked.event.type,
            )
            for parked in decided.park
        ]
        await self.parking.put(rows)
        if decided.write is not None:
            document = decided.write.after
        else:
            tenant = arrivals[0].event.tenant
            document = loaded or Document(id=target, tenant=tenant)
        return await self.parking.mark(aggregate, document, len(rows))

    async def _refuse_strangers(
        self,
        aggregate: Aggregate[S],
        waiting: dict[str, list[Arrival]],
        documents: Mapping[str, Document[S]],
    ) -> int:
        """Set aside events whose tenant is not their document's: they must not even park it."""
        rows: list[ParkedRecord] = []
        for target in list(waiting):
            document = documents.get(target)
            tenant = document.tenant if document else waiting[target][0].event.tenant
            kept = [a for a in waiting[target] if a.event.tenant == tenant]
            rows.extend(
                ParkedRecord(
                    record=arrival.record,
                    stream=None,
                    aggregate=aggregate.name,
                    error=f"tenant: the event says {arrival.event.tenant!r}, the stream is another's",
                    at=self._clock.now(),
                    tenant=arrival.event.tenant,
                    event_id=arrival.event.id,
                    event_type=arrival.event.type,
                )
                for arrival in waiting[target]
                if arrival.event.tenant != tenant
            )
            if kept:
                waiting[target] = kept
            else:
                del waiting[target]
        if rows:
            await self.parking.put(rows)
        return len(rows)
