"""The relay: sends what documents have decided, in order, and trims what the broker has.

Safety rests on three rules. A stream's events are offered as the whole outbox as loaded plus the
new ones, head first. Only the contiguous acknowledged prefix is trimmed. While a send of a stream
has neither succeeded nor failed, nothing more of that stream is sent. Relays may compete: they
can duplicate, not reorder.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from shared.aggregate import Aggregate, Document, Write
from shared.clock import Clock
from shared.contracts.envelope import Event
from shared.kernel import Infrastructure
from shared.streams import Outgoing, Publisher, StreamStore


class RelayObserver(Protocol):
    """What the relay reports; metrics and logs implement it."""

    def sent(self, count: int) -> None:
        """So many events were acknowledged by the broker."""
        ...

    def failed(self, stream: str, error: BaseException) -> None:
        """Events of a stream stay in the outbox for now."""
        ...


class SilentObserver:
    """Reports nothing."""

    def sent(self, count: int) -> None:
        """Ignore the count."""

    def failed(self, stream: str, error: BaseException) -> None:
        """Ignore the failure."""


@dataclass(slots=True)
class _Backlog:
    """What is to be sent of one document."""

    aggregate: Aggregate[Any]
    events: dict[int, Event[bytes]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RelayLimits:
    """Limits of a relay, each with its unit."""

    streams_per_round_max: int = 200
    """Documents sent and trimmed together: one round trip each way."""
    queue_streams_max: int = 5_000
    """Above this `submit` waits: back-pressure to whoever decides."""
    send_seconds_max: float = 15.0
    """An idempotent producer never gives up by itself while the broker is gone."""
    sweep_seconds: float = 2.0
    unsent_age_seconds: float = 5.0
    """An outbox older than this is somebody's that crashed, or was refused: it is sent again."""


class Relay:
    """Sends outboxes in a loop of its own; one per process.

    Invariant: ``_untrimmed`` holds acknowledged events that the store still lists, so that
    they are not sent twice by this process. Forgetting it costs duplicates, nothing else.
    """

    def __init__(
        self,
        *,
        publisher: Publisher,
        store: StreamStore,
        aggregates: Sequence[Aggregate[Any]],
        clock: Clock,
        limits: RelayLimits | None = None,
        observer: RelayObserver | None = None,
    ) -> None:
        self._publisher = publisher
        self._store = store
        self._aggregates = tuple(aggregates)
        self._clock = clock
        self._limits = limits or RelayLimits()
        self._observer = observer or SilentObserver()
        self._queue: dict[str, _Backlog] = {}
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._untrimmed: dict[str, set[str]] = {}
        self._stuck: set[str] = set()
        self._busy = False

    @property
    def idle(self) -> bool:
        """Whether nothing is queued or on its way."""
        return not self._queue and not self._busy

    async def submit(self, writes: Sequence[Write[Any]]) -> None:
        """Queue the outboxes of documents that were just written."""
        for write in writes:
            if write.after.outbox:
                self._offer(write.aggregate, write.after)
        if len(self._queue) > self._limits.queue_streams_max:
            self._room.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._limits.send_seconds_max):
                    await self._room.wait()

    def _offer(self, aggregate: Aggregate[Any], document: Document[Any]) -> None:
        backlog = self._queue.setdefault(document.id, _Backlog(aggregate))
        for event in document.outbox:
            backlog.events[event.sequence] = event
        self._wake.set()

    async def run(self) -> None:
        """Send for ever; cancel to stop. A failure leaves the events to the next sweep."""
        sweep_at = self._clock.monotonic()
        while True:
            now = self._clock.monotonic()
            if now >= sweep_at:
                await self._guarded(self.sweep())
                sweep_at = self._clock.monotonic() + self._limits.sweep_seconds
            if self._queue:
                await self._guarded(self.round())
                continue
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, sweep_at - self._clock.monotonic())):
                    await self._wake.wait()

    async def _guarded(self, work: Awaitable[object]) -> None:
        try:
            await work
        except Infrastructure as error:
            self._observer.failed("", error)
            await self._clock.sleep(self._clock.jitter(0.5))

    async def drain(self) -> None:
        """Send what is queued now; stop at the first failure of the store."""
        while self._queue:
            await self.round()

    async def settle(self, *, seconds: float) -> None:
        """Wait until nothing is queued, for so long at most; `run` goes on meanwhile."""
        deadline = self._clock.monotonic() + seconds
        while not self.idle and self._clock.monotonic() < deadline:
            await self._clock.sleep(0.02)

    async def sweep(self, *, everything: bool = False) -> int:
        """Queue what stayed in outboxes for too long; return how many documents that were."""
        age = 0.0 if everything else self._limits.unsent_age_seconds
        before = self._clock.now() - timedelta(seconds=age)
        found = 0
        for aggregate in self._aggregates:
            documents = await self._store.unsent(
                aggregate, before=before, limit=self._limits.streams_per_round_max
            )
            for document in documents:
                self._offer(aggregate, document)
            found += len(documents)
        return found

    async def round(self) -> None:
        """Send one round of queued streams and trim what was acknowledged."""
        streams = list(self._queue)[: self._limits.streams_per_round_max]
        batch = {stream: self._queue.pop(stream) for stream in streams}
        if len(self._queue) <= self._limits.queue_streams_max:
            self._room.set()
        self._busy = True
        try:
            acknowledged = await self._send(batch)
            await self._trim(batch, acknowledged)
        finally:
            self._busy = False

    async def _send(self, batch: dict[str, _Backlog]) -> dict[str, list[str]]:
        """Return, per stream, the ids of the contiguous prefix that the broker has."""
        waiting: dict[str, list[tuple[str, asyncio.Future[Any] | None]]] = {}
        broken = False
        for stream, backlog in batch.items():
            if stream in self._stuck or broken:
                continue
            known = self._untrimmed.get(stream, set())
            sends: list[tuple[str, asyncio.Future[Any] | None]] = []
            for sequence in sorted(backlog.events):
                event = backlog.events[sequence]
                if event.id in known:
                    sends.append((event.id, None))
                    continue
                try:
                    sent = await self._publisher.enqueue(
                        Outgoing(
                            topic=backlog.aggregate.topic.name,
                            key=event.key,
                            value=event.body,
                            headers=event.headers(),
                        )
                    )
                except Infrastructure as error:
                    # The other streams would meet the same: they wait for the next sweep.
                    self._observer.failed(stream, error)
                    broken = True
                    break
                sends.append((event.id, asyncio.ensure_future(sent)))
            waiting[stream] = sends
        futures = [f for sends in waiting.values() for _, f in sends if f is not None]
        if futures:
            await asyncio.wait(futures, timeout=self._limits.send_seconds_max)
        acknowledged = {s: self._prefix(s, sends) for s, sends in waiting.items()}
        self._observer.sent(sum(len(ids) for ids in acknowledged.values()))
        return acknowledged

    def _prefix(
        self, stream: str, sends: Sequence[tuple[str, asyncio.Future[Any] | None]]
    ) -> list[str]:
        """Return the acknowledged prefix; hold the stream while a send of it is undecided."""
        prefix: list[str] = []
        whole = True
        for identifier, future in sends:
            if future is not None and not future.done():
                self._hold(stream, [f for _, f in sends if f is not None and not f.done()])
                break
            failed = future is not None and (future.cancelled() or future.exception() is not None)
            if failed:
                whole = False
                if future is not None and not future.cancelled():
                    error = future.exception()
                    self._observer.failed(stream, error or RuntimeError("send failed"))
            if whole:
                prefix.append(identifier)
        return prefix

    def _hold(self, stream: str, futures: Sequence[asyncio.Future[Any]]) -> None:
        """Send nothing more of a stream until these sends are decided one way or the other."""
        self._stuck.add(stream)
        open_sends = set(futures)

        def settled(future: asyncio.Future[Any]) -> None:
            open_sends.discard(future)
            if not future.cancelled():
                future.exception()  # read it: an exception that nobody reads is logged as a leak
            if not open_sends:
                self._stuck.discard(stream)

        for future in futures:
            future.add_done_callback(settled)

    async def _trim(self, batch: dict[str, _Backlog], acknowledged: dict[str, list[str]]) -> None:
        by_aggregate: dict[str, dict[str, list[str]]] = {}
        kinds: dict[str, Aggregate[Any]] = {}
        for stream, ids in acknowledged.items():
            if ids:
                aggregate = batch[stream].aggregate
                kinds[aggregate.name] = aggregate
                by_aggregate.setdefault(aggregate.name, {})[stream] = ids
                self._untrimmed.setdefault(stream, set()).update(ids)
        for name, sent in by_aggregate.items():
            await self._store.trim(kinds[name], sent)
            for stream, ids in sent.items():
                remaining = self._untrimmed.get(stream, set()) - set(ids)
                if remaining:
                    self._untrimmed[stream] = remaining
                else:
                    self._untrimmed.pop(stream, None)
