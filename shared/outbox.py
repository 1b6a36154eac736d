"""The relay: sends what documents have decided, in order, and trims what the broker has.

Safety rests on three rules. A stream's events are offered as the whole outbox as loaded plus the
new ones, head first. An event is sent only once the broker has acknowledged the one before it:
a producer may fail one record and write the next, and a consumer, for which gaps are legal, would
then skip the first for ever. Only what was acknowledged is trimmed. Relays may compete: they can
duplicate, not reorder.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict, deque
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Protocol, TypeVar

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


T = TypeVar("T")

FOR_EVER = datetime(9999, 12, 31, tzinfo=UTC)


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
    events_per_stream_max: int = 32
    """Sent of one stream in one round, one after the other: nobody waits long behind a long one."""
    queue_streams_max: int = 5_000
    """Above this `submit` waits: back-pressure to whoever decides. Then the sweep has to do it."""
    send_seconds_max: float = 15.0
    """An idempotent producer never gives up by itself while the broker is gone."""
    remembered_streams_max: int = 50_000
    sweep_seconds: float = 2.0
    unsent_age_seconds: float = 5.0
    """An outbox older than this is somebody's that crashed, or was refused: it is sent again."""
    sweep_everything_seconds: float = 60.0
    """Ages are differences of clocks. One that ran ahead dates events into the future, where no
    age finds them; so everything is swept at times, at the cost of duplicates."""


class Relay:
    """Sends outboxes in a loop of its own; one per process.

    Invariant: ``_acknowledged`` holds, per stream, the sequence up to which the broker has
    everything. A document that was loaded before its outbox was trimmed lists such events again;
    they are not sent twice. Forgetting it costs duplicates, nothing else.
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
        self._acknowledged: OrderedDict[str, int] = OrderedDict()
        self._stuck: set[str] = set()
        self._busy = False
        self._progress = False

    @property
    def idle(self) -> bool:
        """Whether nothing is queued or on its way."""
        return not self._queue and not self._busy

    async def submit(self, writes: Sequence[Write[Any]]) -> None:
        """Queue the outboxes of documents that were just written.

        Waits while too many streams are queued. What finds no room even then stays in its
        outbox, for the sweep.
        """
        if len(self._queue) >= self._limits.queue_streams_max:
            self._room.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._limits.send_seconds_max):
                    await self._room.wait()
        for write in writes:
            if write.after.outbox:
                self._offer(write.aggregate, write.after)

    def _offer(self, aggregate: Aggregate[Any], document: Document[Any]) -> None:
        full = len(self._queue) >= self._limits.queue_streams_max
        if full and document.id not in self._queue:
            return
        backlog = self._queue.setdefault(document.id, _Backlog(aggregate))
        for event in document.outbox:
            backlog.events[event.sequence] = event
        self._wake.set()

    async def run(self) -> None:
        """Send for ever; cancel to stop. A failure leaves the events to the next sweep."""
        sweep_at = everything_at = self._clock.monotonic()
        page_full = False
        while True:
            now = self._clock.monotonic()
            if now >= sweep_at or (page_full and self._progress and not self._queue):
                everything = now >= everything_at
                self._progress = False
                found = await self._guarded(self.sweep(everything=everything))
                page_full = (found or 0) >= self._limits.streams_per_round_max
                now = self._clock.monotonic()
                sweep_at = now + self._limits.sweep_seconds
                if everything and found is not None:
                    everything_at = now + self._limits.sweep_everything_seconds
            if self._queue:
                await self._guarded(self.round())
                continue
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, sweep_at - self._clock.monotonic())):
                    await self._wake.wait()

    async def _guarded(self, work: Awaitable[T]) -> T | None:
        try:
            return await work
        except Infrastructure as error:
            self._observer.failed("", error)
            await self._clock.sleep(self._clock.jitter(0.5))
            return None

    async def drain(self) -> None:
        """Send what is queued now; stop at the first failure of the store."""
        while self._queue:
            await self.round()

    async def settle(self, *, seconds: float) -> None:
        """Wait until nothing is queued or on its way, so long at most; `run` goes on meanwhile."""
        deadline = self._clock.monotonic() + seconds
        while not self.idle and self._clock.monotonic() < deadline:
            await self._clock.sleep(0.02)

    async def sweep(self, *, everything: bool = False) -> int:
        """Queue what stayed in outboxes for too long; return how many documents that were."""
        age = timedelta(seconds=self._limits.unsent_age_seconds)
        before = FOR_EVER if everything else self._clock.now() - age
        found = 0
        for aggregate in self._aggregates:
            documents = await self._store.unsent(
                aggregate, before=before, limit=self._limits.streams_per_round_max
            )
            for document in documents:
                self._offer(aggregate, document)
            found = max(found, len(documents))
        return found

    async def round(self) -> None:
        """Send one round of queued streams and trim what was acknowledged."""
        streams = list(islice(self._queue, self._limits.streams_per_round_max))
        batch = {stream: self._queue.pop(stream) for stream in streams}
        if len(self._queue) < self._limits.queue_streams_max:
            self._room.set()
        self._busy = True
        try:
            acknowledged = await self._send(batch)
            await self._trim(batch, acknowledged)
        finally:
            self._busy = False

    async def _send(self, batch: dict[str, _Backlog]) -> dict[str, list[str]]:
        """Return, per stream, the ids of the events that the broker has, from the head on."""
        acknowledged: dict[str, list[str]] = {}
        pending: dict[str, deque[Event[bytes]]] = {}
        for stream, backlog in batch.items():
            known = self._acknowledged.get(stream, 0)
            events = [backlog.events[sequence] for sequence in sorted(backlog.events)]
            acknowledged[stream] = [e.id for e in events if e.sequence <= known]
            unsent = deque(e for e in events if e.sequence > known)
            if unsent and stream not in self._stuck:
                pending[stream] = unsent
        count = 0
        for _ in range(self._limits.events_per_stream_max):
            if not pending:
                break
            settled = await self._send_heads(batch, pending)
            count += len(settled)
            for stream in settled:
                event = pending[stream].popleft()
                acknowledged[stream].append(event.id)
                self._remember(stream, event.sequence)
            pending = {stream: pending[stream] for stream in settled if pending[stream]}
        for stream, rest in pending.items():
            backlog = self._queue.setdefault(stream, _Backlog(batch[stream].aggregate))
            backlog.events.update((event.sequence, event) for event in rest)
        self._progress = self._progress or count > 0
        self._observer.sent(count)
        return acknowledged

    async def _send_heads(
        self, batch: dict[str, _Backlog], pending: dict[str, deque[Event[bytes]]]
    ) -> list[str]:
        """Send the first pending event of each stream; return the streams whose was acknowledged.

        The others are left to the next sweep.
        """
        sends: dict[str, asyncio.Future[Any]] = {}
        for stream, events in pending.items():
            outgoing = _outgoing(batch[stream].aggregate, events[0])
            try:
                sends[stream] = asyncio.ensure_future(await self._publisher.enqueue(outgoing))
            except Infrastructure as error:
                # The other streams would meet the same.
                self._observer.failed(stream, error)
                break
        if sends:
            await asyncio.wait(sends.values(), timeout=self._limits.send_seconds_max)
        return [stream for stream, send in sends.items() if self._settled(stream, send)]

    def _settled(self, stream: str, send: asyncio.Future[Any]) -> bool:
        """Whether the broker has the record; the stream is held while nobody can tell."""
        if not send.done():
            # A producer keeps trying while the broker is away: one record of a stream is enough.
            self._stuck.add(stream)
            send.add_done_callback(lambda done: self._release(stream, done))
            self._observer.failed(stream, TimeoutError("no acknowledgement in time"))
            return False
        if send.cancelled():
            return False
        error = send.exception()
        if error is not None:
            self._observer.failed(stream, error)
        return error is None

    def _release(self, stream: str, send: asyncio.Future[Any]) -> None:
        self._stuck.discard(stream)
        if not send.cancelled():
            send.exception()  # read it: an exception that nobody reads is logged as a leak

    def _remember(self, stream: str, sequence: int) -> None:
        self._acknowledged[stream] = max(sequence, self._acknowledged.get(stream, 0))
        self._acknowledged.move_to_end(stream)
        while len(self._acknowledged) > self._limits.remembered_streams_max:
            self._acknowledged.popitem(last=False)

    async def _trim(self, batch: dict[str, _Backlog], acknowledged: dict[str, list[str]]) -> None:
        by_aggregate: dict[str, dict[str, list[str]]] = {}
        kinds: dict[str, Aggregate[Any]] = {}
        for stream, ids in acknowledged.items():
            if ids:
                aggregate = batch[stream].aggregate
                kinds[aggregate.name] = aggregate
                by_aggregate.setdefault(aggregate.name, {})[stream] = ids
        for name, sent in by_aggregate.items():
            await self._store.trim(kinds[name], sent)


def _outgoing(aggregate: Aggregate[Any], event: Event[bytes]) -> Outgoing:
    return Outgoing(
        topic=aggregate.topic.name, key=event.key, value=event.body, headers=event.headers()
    )
