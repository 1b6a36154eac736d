"""The state of a ticket's clocks: the fold of the stream's own events."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict

from shared.contracts.facts import Instant, TicketFacts
from shared.contracts.sla import ClockState, ClockView, DeskSpan
from shared.organisation import Configuration

SHARDS: Final = 64
COURSE_MAX: Final = 60
"""Stretches of work that a document keeps one by one. A ticket that follows the sun has three a
day; when there are more, the older half is settled into sums."""

NEVER: Final = datetime(9999, 12, 31, tzinfo=UTC)
"""Ranks a ticket without a running clock behind all others."""

Rules = Callable[[int], Configuration]
"""The configuration of a version; raises Infrastructure where it is not known here yet."""


class Phase(StrEnum):
    """What the work does, as far as clocks are concerned."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"


class _State(BaseModel):
    model_config = ConfigDict(frozen=True)


class Stretch(_State):
    """From an instant on, the work lay with a desk and was in a phase; until the next one.

    The list of them is the pause ledger (why, by whom, from, to) and what desk ledgers are
    counted from. ``configversion`` is that of the hand-over to the desk.
    """

    at: Instant
    phase: Phase
    desk: str
    configversion: int
    reason: str | None = None
    """Why it waits, where it does."""
    by: str = "system"


class Clock(_State):
    """One clock: how it stands, and its desk ledger."""

    view: ClockView
    spans: tuple[DeskSpan, ...] = ()


class ClocksState(_State):
    """All clocks of a ticket.

    Invariants: ``course`` is in order of time, and so is each clock's ledger; ``due_at`` is the
    earliest ``next_at`` of a clock, None where nothing is to be done; ``rank_at`` is the earliest
    due time of a clock that runs or waits, `NEVER` where there is none.
    """

    number: str
    facts: TicketFacts
    configversion: int
    """The version whose policies apply."""
    shard: int
    status: str = ""
    desk: str | None = None
    tier: int | None = None
    agent: str | None = None
    reason: str | None = None
    first_desk: str | None = None
    """Policies may ask for the desk: it is the first one, so that a transfer changes no promise."""
    first_tier: int | None = None
    responded_at: Instant | None = None
    course: tuple[Stretch, ...] = ()
    settled: int = 0
    """How many older stretches are merged in the ledgers."""
    clocks: tuple[Clock, ...] = ()
    due_at: Instant | None = None
    rank_at: Instant = NEVER
    breached: bool = False


OPEN_STATES: Final = frozenset({ClockState.RUNNING, ClockState.PAUSED})


def shard_of(ticket: str) -> int:
    """Return the shard of a ticket, 0 to 63."""
    return zlib.crc32(ticket.encode()) % SHARDS


def ms_of(seconds: float) -> int:
    """Return the whole milliseconds of a number of seconds."""
    return round(seconds * 1_000)
