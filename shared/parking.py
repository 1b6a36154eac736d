"""Parked records and their replay.

A record that cannot be applied gets a row first, then its document is marked; later records of
the same stream get rows behind it, and all other streams go on. Replay walks a stream's rows in
order and lifts the mark, guarded by the document's ``v`` and by the count as loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shared.aggregate import Aggregate, Document
from shared.commit import CONFLICTS_MAX, Committer
from shared.consumer import Consumer, ReplayFailed
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
        found = await self._committer.parking.rows(limit=limit)
        return [row for row in found if row.tenant in (tenant, None)]

    async def replay(self, stream: str) -> Replayed:
        """Apply a stream's rows in order; on the last one the stream is unparked.

        Raises:
            CommandRejected: nothing of this stream is parked.
            Infrastructure: try again.
        """
        applied = 0
        for _ in range(CONFLICTS_MAX + ROWS_MAX):
            rows = await self._committer.parking.rows(stream=stream, limit=ROWS_MAX)
            document, aggregate = await self._parked(stream, rows)
            if document is None or aggregate is None:
                if not rows and not applied:
                    raise CommandRejected("not-parked", f"{stream} is not parked", status=404)
                # Rows without a marked document were applied after all: they say nothing new.
                await self._committer.parking.remove([row.id for row in rows])
                return Replayed(applied=applied, remaining=0)
            if not rows:
                if await self._committer.parking.unmark(aggregate, document):
                    return Replayed(applied=applied, remaining=0)
                continue
            try:
                if await self._apply(rows[0], document):
                    await self._committer.parking.remove([rows[0].id])
                    applied += 1
            except ReplayFailed as error:
                return Replayed(applied=applied, remaining=len(rows), error=error.reason)
        message = f"{stream} changed under every attempt to replay it"
        raise Infrastructure(message)

    async def _apply(self, row: ParkedRecord, document: Document[Any]) -> bool:
        consumer = self._consumers.get(row.record.topic)
        if consumer is None:
            return True
        return await consumer.replay(document, row)

    async def _parked(
        self, stream: str, rows: Sequence[ParkedRecord]
    ) -> tuple[Document[Any] | None, Aggregate[Any] | None]:
        """Return the stream's marked document; a row names its kind, else all kinds are asked."""
        names = [rows[0].aggregate] if rows else list(self._aggregates)
        for name in names:
            aggregate = self._aggregates.get(name)
            if aggregate is None:
                continue
            document = (await self._committer.store.load(aggregate, [stream])).get(stream)
            if document is not None and document.parked:
                return document, aggregate
        return None, None

    async def require_owner(self, stream: str, *, tenant: str) -> None:
        """Refuse where a stream's rows are another tenant's.

        Raises:
            CommandRejected: nothing of this stream is parked for this tenant.
        """
        rows = await self._committer.parking.rows(stream=stream, limit=1)
        if rows and rows[0].tenant != tenant:
            raise CommandRejected("not-parked", f"{stream} is not parked", status=404)

    async def discard(self, row_id: str, *, tenant: str) -> ParkedRecord:
        """Remove one row for good; the rows behind it can then be replayed.

        Raises:
            CommandRejected: there is no such row.
        """
        row = next((r for r in await self.rows(tenant=tenant) if r.id == row_id), None)
        if row is None:
            raise CommandRejected("not-found", f"{row_id} is not parked", status=404)
        await self._committer.parking.remove([row_id])
        return row
