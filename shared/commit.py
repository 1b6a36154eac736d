"""The commit protocol: load, decide, one guarded write per document, then the relay.

Runs the pure `shared.aggregate.plan` against the ports of `shared.streams`; production, the
handler tests and the simulation all use this one class.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel

from shared.aggregate import (
    Aggregate,
    Document,
    OutboxFull,
    Plan,
    Step,
    StreamParked,
    Write,
    plan,
)
from shared.clock import Clock
from shared.commands import Arrival, Command, Consumed, RevisionStale
from shared.contracts.envelope import Event
from shared.kernel import CommandRejected, Infrastructure
from shared.outbox import Relay
from shared.streams import ParkedRecord, ParkingStore, StreamStore, Unstorable

S = TypeVar("S", bound=BaseModel)

DEFECT = "defect"
"""Code of a command whose decision raised what it should not."""

CONFLICTS_MAX = 20
"""Lost races on one document before the batch is left to its redelivery."""


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
        self.configversion = configversion
        self.on_written: list[Callable[[Sequence[Write[Any]]], None]] = []
        """Called with what this process has just written; they must not block."""

    async def consume(self, aggregate: Aggregate[S], arrivals: Sequence[Arrival]) -> Consumed:
        """Apply a batch of events; when this returns, each is applied, parked or a duplicate.

        Raises:
            Infrastructure: nothing may be acknowledged; the same batch is to be tried again.
        """
        try:
            return await self._consume(aggregate, arrivals)
        except Unstorable as error:
            if len(arrivals) == 1:
                return await self._set_aside(aggregate, arrivals[0], error)
        # One of them cannot be written and nothing tells which: one by one shows it.
        return Consumed.total([await self.consume(aggregate, [arrival]) for arrival in arrivals])

    async def _consume(self, aggregate: Aggregate[S], arrivals: Sequence[Arrival]) -> Consumed:
        waiting: dict[str, list[Arrival]] = {}
        for arrival in arrivals:
            waiting.setdefault(arrival.target, []).append(arrival)
        parts: list[Consumed] = []
        for _ in range(CONFLICTS_MAX):
            parts.append(await self._attempt(aggregate, waiting))
            if not waiting:
                return Consumed.total(parts)
        message = f"{len(waiting)} documents changed under {CONFLICTS_MAX} attempts"
        raise Infrastructure(message)

    async def _attempt(
        self, aggregate: Aggregate[S], waiting: dict[str, list[Arrival]]
    ) -> Consumed:
        """Load, decide and commit once; what has been settled is removed from ``waiting``.

        Raises:
            OutboxFull: nothing else is left to do. One full outbox does not hold up the others.
        """
        documents = await self.store.load(aggregate, list(waiting))
        rows = await self._refuse_strangers(aggregate, waiting, documents)
        plans: dict[str, Plan[S]] = {}
        full: dict[str, OutboxFull] = {}
        for target, found in waiting.items():
            try:
                plans[target] = self._plan(aggregate, target, found, documents)
            except OutboxFull as error:
                full[target] = error
        lost = await self._commit([p.write for p in plans.values() if p.write is not None])
        events: list[Event[Any]] = []
        duplicates = 0
        for target, decided in plans.items():
            if target in lost:
                continue
            if decided.write is not None:
                events.extend(decided.write.bodies)
            if decided.park:
                found = waiting[target]
                parked = [
                    self._row(aggregate, found[p.position], error=p.error, stream=target)
                    for p in decided.park
                ]
                tenant = found[0].event.tenant
                before = documents.get(target) or Document(id=target, tenant=tenant)
                after = before if decided.write is None else decided.write.after
                if not await self._park(aggregate, parked, after):
                    continue
                rows.extend(parked)
            duplicates += decided.duplicates
            if decided.left:
                waiting[target] = waiting[target][-decided.left :]
            else:
                del waiting[target]
        if full and waiting.keys() == full.keys():
            raise next(iter(full.values()))
        return Consumed(events=tuple(events), duplicates=duplicates, rows=tuple(rows))

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

        A refused command is returned as its error, and so is one whose decision is a defect: it
        must not hold up the others. One that lost every race, or whose outbox is full, is left
        out, and its timer or caller will ask again.

        Raises:
            Infrastructure: some may have been applied; ask again.
        """
        if len({command.target for command in commands}) != len(commands):
            message = "execute_all takes one command for each document"
            raise ValueError(message)
        try:
            return await self._execute_all(aggregate, commands)
        except Unstorable as error:
            if len(commands) == 1:
                return {commands[0].target: _defect(error)}
        results: dict[str, Document[S] | CommandRejected] = {}
        for command in commands:
            results.update(await self.execute_all(aggregate, [command]))
        return results

    async def _execute_all(
        self, aggregate: Aggregate[S], commands: Sequence[Command]
    ) -> dict[str, Document[S] | CommandRejected]:
        results: dict[str, Document[S] | CommandRejected] = {}
        waiting = {command.target: command for command in commands}
        for _ in range(CONFLICTS_MAX):
            documents = await self.store.load(aggregate, list(waiting))
            writes: list[Write[S]] = []
            for target, command in list(waiting.items()):
                document = documents.get(target) or Document(id=target, tenant=command.tenant)
                outcome = self._outcome(aggregate, document, command)
                if isinstance(outcome, Write):
                    writes.append(outcome)
                    continue
                del waiting[target]
                if outcome is not None:
                    results[target] = outcome
            lost = await self._commit(writes)
            for write in writes:
                if write.after.id not in lost:
                    results[write.after.id] = write.after
                    del waiting[write.after.id]
            if not waiting:
                break
        return results

    def _outcome(
        self, aggregate: Aggregate[S], document: Document[S], command: Command
    ) -> Write[S] | Document[S] | CommandRejected | None:
        """Return a command's write, or its document where nothing changes, or its refusal.

        None where the outbox is full.
        """
        try:
            return self._command(aggregate, document, command).write or document
        except CommandRejected as error:
            return error
        except OutboxFull:
            return None
        except Infrastructure:
            raise
        except Exception as error:  # noqa: BLE001 - one ticket's defect must not stop the others
            return _defect(error)

    async def together(self, writes: Sequence[Write[Any]]) -> bool:
        """Apply writes of several documents atomically; False where one of them lost."""
        if not await self.store.commit_together(writes):
            return False
        self._written(writes)
        await self.relay.submit(writes)
        return True

    def _written(self, writes: Sequence[Write[Any]]) -> None:
        for listener in self.on_written:
            listener(writes)

    def plan_command(
        self, aggregate: Aggregate[S], document: Document[S], command: Command
    ) -> Write[S] | None:
        """Return the write of a command without applying it, for `together`.

        Raises:
            CommandRejected: the state does not allow it.
        """
        return self._command(aggregate, document, command).write

    def _command(self, aggregate: Aggregate[S], document: Document[S], command: Command) -> Plan[S]:
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
            at=command.at,
        )
        return plan(
            aggregate,
            document,
            [step],
            now=self._clock.now(),
            configversion=self.configversion(command.tenant),
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
        steps = [Step(decide=a.decide, cause=a.event, at=a.at) for a in arrivals]
        return plan(
            aggregate,
            document,
            steps,
            now=self._clock.now(),
            configversion=self.configversion(tenant),
        )

    async def _commit(self, writes: Sequence[Write[Any]]) -> Collection[str]:
        """Apply writes, hand those that won to the relay, and return the ids of the others."""
        if not writes:
            return ()
        lost = await self.store.commit(writes)
        won = [write for write in writes if write.after.id not in lost]
        self._written(won)
        await self.relay.submit(won)
        return lost

    async def _park(
        self,
        aggregate: Aggregate[S],
        rows: Sequence[ParkedRecord],
        document: Document[S],
    ) -> bool:
        """Insert the rows first, then mark the document; False where it has changed meanwhile."""
        await self.parking.put(rows)
        return await self.parking.mark(aggregate, document, len(rows))

    async def _set_aside(
        self, aggregate: Aggregate[S], arrival: Arrival, error: Unstorable
    ) -> Consumed:
        """Park the one event whose decision no store can hold."""
        event = arrival.event
        text = f"{type(error).__name__}: {error}"[:2000]
        for _ in range(CONFLICTS_MAX):
            loaded = await self.store.load(aggregate, [arrival.target])
            document = loaded.get(arrival.target) or Document(
                id=arrival.target, tenant=event.tenant
            )
            if event.sequence <= document.mark.get(event.source, 0):
                return Consumed(duplicates=1)
            row = self._row(aggregate, arrival, error=text, stream=arrival.target)
            if await self._park(aggregate, [row], document):
                return Consumed(rows=(row,))
        message = f"{arrival.target} changed under {CONFLICTS_MAX} attempts"
        raise Infrastructure(message)

    async def _refuse_strangers(
        self,
        aggregate: Aggregate[S],
        waiting: dict[str, list[Arrival]],
        documents: Mapping[str, Document[S]],
    ) -> list[ParkedRecord]:
        """Set aside events whose tenant is not their document's: they must not even park it."""
        rows: list[ParkedRecord] = []
        for target in list(waiting):
            document = documents.get(target)
            tenant = document.tenant if document else waiting[target][0].event.tenant
            kept = [a for a in waiting[target] if a.event.tenant == tenant]
            rows.extend(
                self._row(
                    aggregate,
                    arrival,
                    error=f"tenant: {arrival.event.tenant!r} does not own the stream",
                    stream=None,
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
        return rows

    def _row(
        self, aggregate: Aggregate[S], arrival: Arrival, *, error: str, stream: str | None
    ) -> ParkedRecord:
        return ParkedRecord(
            record=arrival.record,
            stream=stream,
            aggregate=aggregate.name,
            error=error,
            at=self._clock.now(),
            tenant=arrival.event.tenant,
            event_id=arrival.event.id,
            event_type=arrival.event.type,
        )


def _defect(error: Exception) -> CommandRejected:
    return CommandRejected(DEFECT, f"{type(error).__name__}: {error}"[:2000], status=500)


__all__ = [
    "CONFLICTS_MAX",
    "DEFECT",
    "Arrival",
    "Command",
    "Committer",
    "Consumed",
    "RevisionStale",
]
