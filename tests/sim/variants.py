"""Broken variants of the protocol: each one is a mistake that somebody could make.

The simulation has to catch every one of them; so we know that it still bites. None of this is
production code, and no production code has a switch for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import BaseModel

from shared.aggregate import Aggregate, Document, Plan, Write
from shared.commit import Arrival, Committer, Consumed
from shared.contracts.envelope import Event
from shared.kernel import Infrastructure
from shared.outbox import Relay, _Backlog, _outgoing
from shared.parking import Parking, Replayed
from shared.streams import Record
from shared.testing.memory import MemoryStreams
from tests.sim.process import Parts, Runner

S = TypeVar("S", bound=BaseModel)


class _NoMarkOnDocument(MemoryStreams):
    """Inserts the row of a parked event and leaves its document alone."""

    async def mark(self, aggregate: Aggregate[Any], document: Document[Any], count: int) -> bool:
        return True


class _OneByOne(Committer):
    """Parks an event and goes on with the next one of its stream."""

    async def consume(self, aggregate: Aggregate[S], arrivals: Sequence[Arrival]) -> Consumed:
        parts = [await super(_OneByOne, self).consume(aggregate, [a]) for a in arrivals]
        return Consumed.total(parts)


def _without_events(write: Write[Any]) -> Write[Any]:
    return replace(write, after=replace(write.after, outbox=write.before.outbox), events=())


class _NoOutbox(MemoryStreams):
    """Saves the state; the events exist in the hands of the relay only."""

    async def commit(self, writes: Sequence[Write[Any]]) -> frozenset[str]:
        return await super().commit([_without_events(write) for write in writes])


class _TwoWrites(MemoryStreams):
    """Saves the state, and then the outbox."""

    async def commit(self, writes: Sequence[Write[Any]]) -> frozenset[str]:
        lost = await super().commit([_without_events(write) for write in writes])
        await self._faults.point("store.commit.outbox")
        for write in writes:
            if write.after.id not in lost:
                row = self.data.collection(write.aggregate.name)[write.after.id]
                whole = MemoryStreams()
                whole._apply(replace(write, before=replace(write.before, v=0)))
                written = whole.data.collection(write.aggregate.name)[write.after.id]["outbox"]
                row["outbox"] = [*row["outbox"], *written[len(write.before.outbox) :]]
        return lost


class _TrimsFirst(Relay):
    """Removes events from the outbox and sends them then."""

    async def _send(self, batch: dict[str, _Backlog]) -> dict[str, list[str]]:
        ids = {s: [e.id for e in b.events.values()] for s, b in batch.items()}
        await self._trim(batch, ids)
        return await super()._send(batch)


class _AcksFirst(Runner):
    """Commits the offsets and processes the batch then, as the framework's default does."""

    async def handle(self, batch: Sequence[Record]) -> None:
        await self.acknowledge(batch)
        await self.processed(batch)


class _NoMarks(MemoryStreams):
    """Forgets what has been consumed."""

    async def load(self, aggregate: Aggregate[S], ids: Collection[str]) -> dict[str, Document[S]]:
        found = await super().load(aggregate, ids)
        return {i: replace(document, mark={}) for i, document in found.items()}


RING = 4


class _RingStore(MemoryStreams):
    """Keeps, in the place of the marks, the ids of the last few consumed events."""

    def _apply(self, write: Write[Any]) -> bool:
        applied = super()._apply(write)
        if applied:
            row = self.data.collection(write.aggregate.name)[write.after.id]
            newest = sorted(row["mark"].items(), key=lambda item: item[1])[-RING:]
            row["mark"] = dict(newest)
        return applied


class _RingCommitter(Committer):
    """Skips an event whose id is in the ring."""

    def _plan(
        self,
        aggregate: Aggregate[S],
        target: str,
        arrivals: Sequence[Arrival],
        documents: Mapping[str, Document[S]],
    ) -> Plan[S]:
        document = documents.get(target)
        ring = dict(document.mark) if document else {}
        places: list[int] = []
        new: dict[str, int] = {}
        for place, arrival in enumerate(arrivals):
            if arrival.event.id not in ring and arrival.event.id not in new:
                new[arrival.event.id] = max([0, *ring.values(), *new.values()]) + 1
                places.append(place)
        kept = [replace(arrivals[p], event=replace(arrivals[p].event)) for p in places]
        bare = {} if document is None else {target: replace(document, mark={})}
        if not kept:
            return Plan(write=None)
        # Each event is taken for one of a source of its own, so that no counter skips it.
        posed = [
            replace(a, event=replace(a.event, source=f"{a.event.source}#{n}", sequence=1))
            for n, a in enumerate(kept)
        ]
        decided = super()._plan(aggregate, target, posed, bare)
        parked = tuple(replace(p, position=places[p.position]) for p in decided.park)
        if decided.write is None:
            return replace(decided, park=parked)
        held_back = {p.position for p in parked}
        last = len(places) - decided.left
        used = [arrivals[p].event.id for p in places[:last] if p not in held_back]
        mark = {**ring, **{i: new[i] for i in used}}
        before = decided.write.before if document is None else document
        write = replace(decided.write, before=before, after=replace(decided.write.after, mark=mark))
        return replace(decided, write=write, park=parked)


class _InHandOnly(Relay):
    """Sends what was just decided, and not what the document still has."""

    async def submit(self, writes: Sequence[Write[Any]]) -> None:
        fresh = [replace(w, after=replace(w.after, outbox=w.events)) for w in writes]
        await super().submit(fresh)


class _Backwards(Relay):
    """Sends the newest event of a stream first."""

    async def _send(self, batch: dict[str, _Backlog]) -> dict[str, list[str]]:
        done: dict[str, list[str]] = {}
        for stream, backlog in batch.items():
            for sequence in sorted(backlog.events, reverse=True):
                one = {stream: _Backlog(backlog.aggregate, {sequence: backlog.events[sequence]})}
                self._acknowledged.pop(stream, None)
                for name, ids in (await super()._send(one)).items():
                    done.setdefault(name, []).extend(ids)
        return done


class _Pipelined(Relay):
    """Offers all events of a stream at once, and trusts that none fails before the next."""

    async def _send(self, batch: dict[str, _Backlog]) -> dict[str, list[str]]:
        sends: dict[str, list[tuple[Event[bytes], asyncio.Future[Any]]]] = {}
        for stream, backlog in batch.items():
            try:
                for sequence in sorted(backlog.events):
                    event = backlog.events[sequence]
                    sent = await self._publisher.enqueue(_outgoing(backlog.aggregate, event))
                    sends.setdefault(stream, []).append((event, asyncio.ensure_future(sent)))
            except Infrastructure:
                break
        futures = [future for stream in sends.values() for _, future in stream]
        if futures:
            await asyncio.wait(futures, timeout=self._limits.send_seconds_max)
        done: dict[str, list[str]] = {}
        for stream, pairs in sends.items():
            for event, future in pairs:
                if not future.done() or future.exception() is not None:
                    break
                done.setdefault(stream, []).append(event.id)
        return done


class _ClearsAll(Parking):
    """Takes the rows of a stream that is not marked for leftovers."""

    async def _clear(
        self,
        aggregate: Aggregate[Any],
        stream: str,
        document: Document[Any] | None,
        applied: int,
    ) -> Replayed | None:
        rows = await self._rows(aggregate, stream)
        await self._committer.parking.remove([row.id for row in rows])
        return Replayed(applied=applied, remaining=0) if rows or applied else None


class _ParksByEvent(Committer):
    """Finds the record of a parked event by the event's id: of two copies, the later one."""

    async def _attempt(
        self, aggregate: Aggregate[S], waiting: dict[str, list[Arrival]]
    ) -> Consumed:
        for target, arrivals in waiting.items():
            records = {arrival.event.id: arrival.record for arrival in arrivals}
            waiting[target] = [replace(a, record=records[a.event.id]) for a in arrivals]
        return await super()._attempt(aggregate, waiting)


VARIANTS: Mapping[str, Parts] = {
    "parks one and applies the next": Parts(store=_NoMarkOnDocument, committer=_OneByOne),
    "saves, then publishes": Parts(store=_NoOutbox),
    "state and outbox in two writes": Parts(store=_TwoWrites),
    "removes before sending": Parts(relay=_TrimsFirst),
    "acknowledges before applying": Parts(runner=_AcksFirst),
    "no mark": Parts(store=_NoMarks),
    "ring of recent ids": Parts(store=_RingStore, committer=_RingCommitter),
    "sends only what is in hand": Parts(relay=_InHandOnly),
    "sends out of order": Parts(relay=_Backwards),
    "sends without waiting for the one before": Parts(relay=_Pipelined),
    "replay clears rows that are not yet marked": Parts(parking=_ClearsAll),
    "parks by the event's id": Parts(committer=_ParksByEvent),
}
