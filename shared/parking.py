"""Parked records and their replay.

A record that cannot be applied gets a row first, then its document is marked; later records of
the same stream get rows behind it, and all other streams go on. Replay walks a stream's rows in
order and lifts the mark, guarded by the document's ``v`` and by the count as loaded.

The order of reading matters. The document is loaded before its rows: a row that was inserted and
counted in between has changed ``v``, so that lifting the mark fails; one that was inserted and
not yet counted will be decided again by whoever inserted it, who now loses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.aggregate import Aggregate, Document
from shared.commit import CONFLICTS_MAX, Committer
from shared.consumer import Consumer, ReplayFailed
from shared.contracts.envelope import decode
from shared.kernel import CommandRejected, Infrastructure
from shared.streams import ParkedRecord

ROWS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay did: how many rows it applied or removed, and what stopped it."""

    applied: int
    remaining: int
    error: str | None = None


class Parking:
    """Lists, replays and discards the parked records of one service."""

    def __init__(self, *, committer: Committer, consumers: Sequence[Consumer]) -> None:
        self._committer = committer
        self._consumers = {consumer.topic.name: consumer for consumer in consumers}
        self._aggregates: dict[str, Aggregate[Any]] = {
            row.aggregate.name: row.aggregate
            for consumer in consumers
            for row in consumer.on.values()
        }

    async def rows(self, *, tenant: str, limit: int = ROWS_MAX) -> list[ParkedRecord]:
        """Return a tenant's rows, and those of nobody, whose envelope could not be read."""
        return await self._committer.parking.rows(tenants=(tenant, None), limit=limit)

    async def replay(self, stream: str) -> Replayed:
        """Apply a stream's rows in order; on the last one the stream is unparked.

        Raises:
            CommandRejected: nothing of this stream is parked.
            Infrastructure: try again.
        """
        applied = remaining = 0
        found = False
        for aggregate in self._aggregates.values():
            done = await self._replay(aggregate, stream)
            if done is None:
                continue
            found = True
            applied += done.applied
            remaining += done.remaining
            if done.error is not None:
                return Replayed(applied=applied, remaining=remaining, error=done.error)
        if not found:
            raise CommandRejected("not-parked", f"{stream} is not parked", status=404)
        return Replayed(applied=applied, remaining=remaining)

    async def _replay(self, aggregate: Aggregate[Any], stream: str) -> Replayed | None:
        """Replay a stream's rows of one kind of document; None where there are none."""
        applied = conflicts = 0
        while conflicts < CONFLICTS_MAX:
            document = await self._load(aggregate, stream)
            if document is None or not document.parked:
                return await self._clear(aggregate, stream, document, applied)
            row = await self._first(aggregate, stream)
            if row is None:
                if await self._committer.parking.unmark(aggregate, document):
                    return Replayed(applied=applied, remaining=0)
                conflicts += 1
                continue
            try:
                settled = await self._apply(row, document)
            except ReplayFailed as error:
                left = await self._rows(aggregate, stream)
                return Replayed(applied=applied, remaining=len(left), error=error.reason)
            if settled:
                await self._committer.parking.remove([row.id])
                applied += 1
            else:
                conflicts += 1
        message = f"{stream} changed under {CONFLICTS_MAX} attempts to replay it"
        raise Infrastructure(message)

    async def _load(self, aggregate: Aggregate[Any], stream: str) -> Document[Any] | None:
        return (await self._committer.store.load(aggregate, [stream])).get(stream)

    async def _rows(self, aggregate: Aggregate[Any], stream: str) -> list[ParkedRecord]:
        return await self._committer.parking.rows(
            stream=stream, aggregate=aggregate.name, limit=ROWS_MAX
        )

    async def _first(self, aggregate: Aggregate[Any], stream: str) -> ParkedRecord | None:
        # Only ever the first row: a longer read is no snapshot, and may miss one that is being
        # inserted before another that it sees.
        rows = await self._committer.parking.rows(stream=stream, aggregate=aggregate.name, limit=1)
        return rows[0] if rows else None

    async def _apply(self, row: ParkedRecord, document: Document[Any]) -> bool:
        consumer = self._consumers.get(row.record.topic)
        if consumer is None:
            return True
        return await consumer.replay(document, row)

    async def _clear(
        self,
        aggregate: Aggregate[Any],
        stream: str,
        document: Document[Any] | None,
        applied: int,
    ) -> Replayed | None:
        """Remove the rows of a stream that is not parked, where its mark shows them applied.

        Another row belongs to somebody who is about to mark the document, or who died before it
        could; its record has not been acknowledged and will be read again.
        """
        rows = await self._rows(aggregate, stream)
        marks = {} if document is None else document.mark
        settled = [row.id for row in rows if _is_consumed(row, marks)]
        if settled:
            await self._committer.parking.remove(settled)
        if not rows and not applied:
            return None
        return Replayed(applied=applied, remaining=len(rows) - len(settled))

    async def require_owner(self, stream: str, *, tenant: str) -> None:
        """Refuse where a stream's rows are another tenant's.

        Raises:
            CommandRejected: nothing of this stream is parked for this tenant.
        """
        rows = await self._committer.parking.rows(stream=stream, limit=1)
        owners = {row.tenant for row in rows}
        for aggregate in self._aggregates.values():
            documents = await self._committer.store.load(aggregate, [stream])
            owners |= {document.tenant for document in documents.values()}
        if owners - {tenant}:
            raise CommandRejected("not-parked", f"{stream} is not parked", status=404)

    async def discard(self, row_id: str, *, tenant: str) -> ParkedRecord:
        """Remove one row for good; the rows behind it can then be replayed.

        The first row of a stream counts as consumed then, so that no redelivery brings it back;
        without any row left the stream is unparked.

        Raises:
            CommandRejected: there is no such row.
            Infrastructure: try again.
        """
        rows = await self._committer.parking.rows(ids=[row_id], tenants=(tenant, None), limit=1)
        if not rows:
            raise CommandRejected("not-found", f"{row_id} is not parked", status=404)
        row = rows[0]
        aggregate = self._aggregates.get(row.aggregate)
        if row.stream is None or aggregate is None:
            await self._committer.parking.remove([row_id])
            return row
        await self._dismiss(aggregate, row.stream, row)
        await self._committer.parking.remove([row_id])
        document = await self._load(aggregate, row.stream)
        parked = document is not None and document.parked
        if document and parked and await self._first(aggregate, row.stream) is None:
            await self._committer.parking.unmark(aggregate, document)
        return row

    async def _dismiss(self, aggregate: Aggregate[Any], stream: str, row: ParkedRecord) -> None:
        consumer = self._consumers.get(row.record.topic)
        if consumer is None:
            return
        for _ in range(CONFLICTS_MAX):
            document = await self._load(aggregate, stream)
            first = await self._first(aggregate, stream)
            if document is None or not document.parked or first is None or first.id != row.id:
                return
            if await consumer.dismiss(document, row):
                return
        message = f"{stream} changed under {CONFLICTS_MAX} attempts"
        raise Infrastructure(message)


def _is_consumed(row: ParkedRecord, marks: Mapping[str, int]) -> bool:
    event = decode(row.record.headers, row.record.value)
    return event.sequence <= marks.get(event.source, 0)
