"""The ticker: finds what is due, waits until everything from before is seen, and says it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.sla.domain.model import SHARDS
from services.sla.handlers import ClockHandlers, tick
from services.sla.ports import Caughtup, ClockIndex, Due, Offsets
from shared.clock import Clock
from shared.commit import Committer
from shared.contracts.topics import Topic
from shared.kernel import Infrastructure


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
    """

    def __init__(self, offsets: Offsets, topics: Sequence[Topic], clock: Clock) -> None:
        self._offsets = offsets
        self._topics = tuple(topics)
        self._clock = clock
        self._seen: datetime | None = None
        self._waiting: _Snapshot | None = None

    async def seen_until(self) -> datetime | None:
        """Return the newest instant of which it is known that all from before it is taken in."""
        if self._waiting is None:
            at = self._clock.now()
            self._waiting = _Snapshot(at=at, ends=await self._ends())
        if await self._reached(self._waiting):
            self._seen = self._waiting.at
            self._waiting = None
        return self._seen

    async def _ends(self) -> dict[tuple[str, int], int]:
        found: dict[tuple[str, int], int] = {}
        for topic in self._topics:
            ends = await self._offsets.end_offsets(topic)
            if not ends:
                message = f"{topic.name}: its partitions are not known here yet"
                raise Infrastructure(message)
            found |= {(topic.name, partition): end for partition, end in ends.items()}
        return found

    async def _reached(self, snapshot: _Snapshot) -> bool:
        for topic in self._topics:
            committed = await self._offsets.committed(topic)
            for (name, partition), end in snapshot.ends.items():
                if name == topic.name and committed.get(partition, 0) < end:
                    return False
        return True


@dataclass(frozen=True, slots=True)
class TickLimits:
    """How a process shares the work with its siblings.

    ``slots`` processes divide the shards; ``slot_index`` (from 0) is this one's number. What a
    missing process leaves overdue for ``takeover_seconds`` is taken over by the others.
    """

    slots: int = 1
    slot_index: int = 0
    takeover_seconds: float = 10.0
    batch_max: int = 500
    retry_seconds: float = 30.0
    """A ticket that could not be judged is left alone for so long, so that it starves no other."""

    @property
    def shards(self) -> tuple[int, ...] | None:
        """The shards of this process; None for all."""
        if self.slots == 1:
            return None
        return tuple(s for s in range(SHARDS) if s % self.slots == self.slot_index)


class ClockTicker:
    """Fires timers. Overlap with other tickers is harmless: the commit's guard lets one speak."""

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
        self._failed = failed
        self._set_aside: dict[str, datetime] = {}

    async def run_once(self) -> bool:
        """Fire what is due; return whether there is more to do at once.

        Raises:
            Infrastructure: the store or the broker does not answer; the next round asks again.
        """
        now = self._clock.now()
        self._set_aside = {ticket: at for ticket, at in self._set_aside.items() if at > now}
        due = await self._due(now)
        if not due:
            return False
        until = await self._caughtup.seen_until()
        if until is None:
            return False
        ready = [item for item in due if item.due_at < until]
        ticked = await tick(ready, now=until, handlers=self._handlers, committer=self._committer)
        for ticket, reason in ticked.failed.items():
            self._set_aside[ticket] = now + timedelta(seconds=self._limits.retry_seconds)
            self._failed(ticket, reason)
        return ticked.done > 0 and len(due) >= self._limits.batch_max

    async def _due(self, now: datetime) -> list[Due]:
        """Return what is due here, and what is overdue elsewhere, without what is set aside."""
        limits = self._limits
        asked = limits.batch_max + len(self._set_aside)
        due = await self._index.due(before=now, shards=limits.shards, limit=asked)
        if limits.shards is not None:
            overdue = now - timedelta(seconds=limits.takeover_seconds)
            due += await self._index.due(before=overdue, shards=None, limit=asked)
        found = {item.ticket: item for item in due if item.ticket not in self._set_aside}
        return list(found.values())[: limits.batch_max]
