"""The ticker: finds what is due, waits until everything from before is seen, and says it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from services.sla.domain.evolve import TICKET_CLOCKS
from services.sla.domain.horizon import Due, Horizon
from services.sla.domain.model import SHARDS, shard_of
from services.sla.handlers import ClockHandlers, tick
from services.sla.ports import Caughtup, ClockIndex, Offsets
from shared.aggregate import Write
from shared.clock import Clock
from shared.commit import Committer
from shared.contracts.topics import Topic
from shared.kernel import Infrastructure

INSTANT: Final = timedelta(milliseconds=1)

LOOKS_APART: Final = 20
"""From one look to the next at least so many times what it took: looks are 1/20 of the time."""


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """How far the topics reached; read after ``at``."""

    at: datetime
    ends: dict[tuple[str, int], int]


class GroupCaughtup:
    """`Caughtup` by what the service's group has committed.

    Every process can ask for the whole group, so that it does not matter which of them holds the
    partition of a ticket whose timer another one fires. An offset is committed only when its
    record is in a document, and it is compared with end offsets that were read at or after the
    instant that is returned: whatever was in the topics by then has been taken in. While the
    group lags, one snapshot stands until it is reached, so that steady traffic delays timers and
    never starves them.

    Args:
        offsets: what the broker says.
        topics: those of which each record is taken in once, by the group.
        clock: the time.
        followed: those that each process reads whole and for itself. No group commits them: of
            them it is known how far this process has come, and nobody else's answer depends on it.
    """

    def __init__(
        self,
        offsets: Offsets,
        topics: Sequence[Topic],
        clock: Clock,
        *,
        followed: Sequence[Topic] = (),
    ) -> None:
        self._offsets = offsets
        self._topics = tuple(topics)
        self._followed = tuple(followed)
        self._clock = clock
        self._seen: datetime | None = None
        self._waiting: _Snapshot | None = None

    async def seen_until(self) -> datetime | None:
        """Return the newest instant of which it is known that all from before it is taken in."""
        at = self._clock.now()
        # The clock was set back: what was seen is of instants that are still to come.
        if self._seen is not None and self._seen > at:
            self._seen = None
        if self._waiting is None or self._waiting.at > at:
            self._waiting = _Snapshot(at=at, ends=await self._ends())
        if await self._reached(self._waiting):
            self._seen = self._waiting.at
            self._waiting = None
        return self._seen

    async def _ends(self) -> dict[tuple[str, int], int]:
        found: dict[tuple[str, int], int] = {}
        for topic in (*self._topics, *self._followed):
            ends = await self._offsets.end_offsets(topic)
            if not ends:
                message = f"{topic.name}: its partitions are not known here yet"
                raise Infrastructure(message)
            found |= {(topic.name, partition): end for partition, end in ends.items()}
        return found

    async def _reached(self, snapshot: _Snapshot) -> bool:
        for topic in self._followed:
            if not _is_reached(snapshot, topic, self._offsets.positions(topic)):
                return False
        for topic in self._topics:
            if not _is_reached(snapshot, topic, await self._offsets.committed(topic)):
                return False
        return True


def _is_reached(snapshot: _Snapshot, topic: Topic, done: Mapping[int, int]) -> bool:
    return all(
        done.get(partition, 0) >= end
        for (name, partition), end in snapshot.ends.items()
        if name == topic.name
    )


@dataclass(frozen=True, slots=True)
class TickLimits:
    """How a process shares the work with its siblings, and how far ahead it looks.

    ``slots`` processes divide the shards; ``slot_index`` (from 0) is this one's number. What a
    missing process leaves overdue for ``takeover_seconds`` is taken over by the others.
    """

    slots: int = 1
    slot_index: int = 0
    takeover_seconds: float = 10.0
    batch_max: int = 100
    """Tickets of one bulk. The Python store takes 6 ms of CPU for each: 500 at a time, in two
    lanes on a busy machine, came near the 20 s after which an answer is given up."""
    bulks: int = 50
    """Bulks of one round."""
    lanes: int = 2
    """Bulks at a time: while the store writes one, the next is decided."""
    retry_seconds: float = 30.0
    """A ticket that could not be judged is left alone for so long, so that it starves no other."""
    look_seconds: float = 2.0
    """How often the store is asked: how late a timer may be that another process has just set.

    A store that takes long to answer is asked less often, see `LOOKS_APART`.
    """
    horizon_seconds: float = 10.0
    """How far ahead timers are kept in memory."""
    horizon_max: int = 20_000
    """Timers that one look fetches at most; when there are more, the next look comes sooner."""

    @property
    def shards(self) -> frozenset[int] | None:
        """The shards of this process; None for all."""
        if self.slots == 1:
            return None
        return frozenset(s for s in range(SHARDS) if s % self.slots == self.slot_index)


class ClockTicker:
    """Fires timers. Overlap with other tickers is harmless: the commit's guard lets one speak.

    Timers are rows of the store. Those of the next seconds are kept in memory too: looked up every
    other second, and told by each commit of this process. So a round where nothing is due asks
    nobody anything, and after a crash one look brings back all that is needed.
    """

    def __init__(
        self,
        *,
        index: ClockIndex,
        caughtup: Caughtup,
        handlers: ClockHandlers,
        committer: Committer,
        clock: Clock,
        limits: TickLimits | None = None,
        failed: Callable[[str, str], None] = lambda _ticket, _reason: None,
    ) -> None:
        self._index = index
        self._caughtup = caughtup
        self._handlers = handlers
        self._committer = committer
        self._clock = clock
        self._limits = limits or TickLimits()
        self._shards = self._limits.shards
        self._failed = failed
        self._lanes = asyncio.Semaphore(self._limits.lanes)
        self._horizon = Horizon()
        self._known_until: datetime | None = None
        """The timers before it are in memory, as of the last look."""
        self._look_at = 0.0
        self._noted: dict[str, tuple[str, datetime | None]] = {}
        """What was set since the last look began, which may not have seen it."""
        self._said = 0
        """Tickets of the last round; after a full one what is in memory comes before any look."""
        committer.on_written.append(self.note)

    def next_at(self) -> datetime | None:
        """Return when something is to be done next, as far as is known in memory.

        None where it is due already: what could not be said now is tried in the next round.
        """
        at = self._horizon.next_at()
        return None if at is None or at < self._clock.now() else at + INSTANT

    def note(self, writes: Sequence[Write[Any]]) -> None:
        """Take note of the timers that this process has just set or cancelled."""
        for write in writes:
            if write.aggregate is TICKET_CLOCKS:
                after = write.after
                due_at = after.state.due_at if after.state and not after.parked else None
                self._noted[after.id] = (after.tenant, due_at)
                self._set(after.id, after.tenant, due_at)

    async def run_once(self) -> bool:
        """Fire what is due; return whether there is more to do at once.

        Raises:
            Infrastructure: the store or the broker does not answer; the next round asks again.
        """
        now = self._clock.now()
        limits = self._limits
        limit = limits.batch_max * limits.bulks
        full, self._said = self._said >= limit, 0
        if not full:
            await self._look(now)
        due = self._horizon.take(before=now, limit=limit)
        if not due:
            return full
        left = {item.ticket: item for item in due}
        try:
            until = await self._caughtup.seen_until()
            if until is None:
                return False
            until = min(until, now)
            ready = [item for item in due if item.due_at < until]
            answers = await asyncio.gather(
                *(
                    self._fire(ready[start : start + limits.batch_max], until, now, left)
                    for start in range(0, len(ready), limits.batch_max)
                ),
                return_exceptions=True,
            )
        finally:
            for item in left.values():
                self._horizon.arm(item)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        self._said = sum(answer for answer in answers if isinstance(answer, int))
        return self._said > 0 and self._horizon_is_due(self._clock.now())

    async def _fire(
        self, ready: Sequence[Due], until: datetime, now: datetime, left: dict[str, Due]
    ) -> int:
        """Fire timers with one bulk, when a lane is free; return of how many tickets all was said.

        What is settled is taken out of ``left``. A bulk that fails stops no other.
        """
        async with self._lanes:
            ticked = await tick(
                ready, now=until, handlers=self._handlers, committer=self._committer
            )
        for item in ready:
            ticket = item.ticket
            if ticket in ticked.armed:
                at = ticked.armed[ticket]
                if at == item.due_at:
                    self._hold(item, "nothing is said of what is due", now)
                else:
                    self._set(ticket, item.tenant, at)
            elif ticket in ticked.failed:
                self._hold(item, ticked.failed[ticket], now)
            elif ticket not in ticked.waiting:
                continue  # It lost every race, or its outbox is full: it stays due.
            del left[ticket]
        return len(ticked.armed)

    def _hold(self, item: Due, reason: str, now: datetime) -> None:
        self._horizon.hold(item, now + timedelta(seconds=self._limits.retry_seconds))
        self._failed(item.ticket, reason)

    def _set(self, ticket: str, tenant: str, at: datetime | None) -> None:
        """Set a timer, where it is near and ours; else forget it: a look will find it."""
        near = at is not None and self._known_until is not None and at < self._known_until
        mine = self._shards is None or shard_of(ticket) in self._shards
        if at is not None and near and mine:
            self._horizon.arm(Due(ticket=ticket, tenant=tenant, due_at=at))
        else:
            self._horizon.cancel(ticket)

    def _horizon_is_due(self, now: datetime) -> bool:
        at = self._horizon.next_at()
        known = self._known_until
        return (at is not None and at < now) or (known is not None and known <= now)

    async def _look(self, now: datetime) -> None:
        """Fetch the timers of the near horizon, if it is time to; those known stay.

        The interval is counted on the clock that nobody sets. Where the other was set forward
        beyond what is known, the store is asked at once.
        """
        elapsed = self._clock.monotonic()
        known = self._known_until
        if known is not None and elapsed < self._look_at:
            first = self._horizon.next_at()
            if now < known or (first is not None and first < known):
                return
        limits = self._limits
        ahead = now + timedelta(seconds=limits.horizon_seconds)
        asked = limits.horizon_max + self._horizon.held
        self._noted.clear()
        due = await self._index.due(before=ahead, shards=self._shards, limit=asked)
        self._known_until = due[-1].due_at if len(due) >= asked else ahead
        if self._shards is not None:
            overdue = now - timedelta(seconds=limits.takeover_seconds)
            due += await self._index.due(before=overdue, shards=None, limit=limits.horizon_max)
        for item in due:
            self._horizon.arm(item)
        # Commits go on during a look. What they have set is newer than what it has read.
        for ticket, (tenant, at) in self._noted.items():
            self._set(ticket, tenant, at)
        took = self._clock.monotonic() - elapsed
        self._look_at = elapsed + max(limits.look_seconds, LOOKS_APART * took)
