"""The state of a ticket's clocks: the fold of the stream's own events."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, model_validator

from shared.contracts.facts import Instant, TicketFacts
from shared.contracts.routing import Status
from shared.contracts.sla import (
    ClockState,
    ClockView,
    DeskSpan,
    MessageEntry,
    Settled,
    WorkEntry,
)
from shared.organisation import Configuration

SHARDS: Final = 64
HISTORY_MAX: Final = 60
"""Entries of the work and messages that a document keeps one by one. A ticket that follows the sun
has some ten a day; when there are more, the older half is settled into sums."""

NEVER: Final = datetime(9999, 12, 31, tzinfo=UTC)
"""Ranks a ticket without a running clock behind all others."""

Rules = Callable[[int], Configuration]
"""The configuration of a version; raises Infrastructure where it is not known here yet."""

_STATUS_OF_PHASE: Final = {
    "running": Status.QUEUED.value,
    "paused": Status.PENDING.value,
    "stopped": Status.RESOLVED.value,
}
"""Documents of release 0.1 say of a stretch of work what clocks did in it, and no status."""


class _State(BaseModel):
    model_config = ConfigDict(frozen=True)


class FactsEntry(_State):
    """What the ticket is from an instant on."""

    at: Instant
    facts: TicketFacts


class Clock(_State):
    """One clock: how it stands, and its desk ledger."""

    view: ClockView
    spans: tuple[DeskSpan, ...] = ()


class Rating(_State):
    """From when on the ticket's running clocks count by another version, and who asked for it."""

    at: Instant
    version: int
    by: str = "system"
    because: str = ""


class ClocksState(_State):
    """All clocks of a ticket, and the history that they are folded from.

    Invariants: ``course``, ``messages`` and each clock's ledger are in order of time; ``due_at``
    is the earliest ``next_at`` of a clock, None where nothing is to be done; ``rank_at`` is the
    earliest due time of a clock that runs or waits, `NEVER` where there is none.
    """

    number: str
    facts: TicketFacts
    configversion: int
    """The version whose policies apply, until a rating says another."""
    shard: int
    status: str = ""
    desk: str | None = None
    tier: int | None = None
    agent: str | None = None
    reason: str | None = None
    supplier: str | None = None
    first_desk: str | None = None
    """Policies may ask for the desk: it is the first one, so that a transfer changes no promise."""
    first_tier: int | None = None
    responded_at: Instant | None = None
    """The first reply."""
    facts_log: tuple[FactsEntry, ...] = ()
    """What the ticket was and is; empty where it never changed."""
    course: tuple[WorkEntry, ...] = ()
    """How the work stood, entry by entry, from where it is settled."""
    messages: tuple[MessageEntry, ...] = ()
    ratings: tuple[Rating, ...] = ()
    """In order of time."""
    settled: int = 0
    """How many older entries of the work are merged in the ledgers."""
    settlement: Settled | None = None
    """What is kept of them. None where nothing is settled, or release 0.1 did."""
    clocks: tuple[Clock, ...] = ()
    due_at: Instant | None = None
    rank_at: Instant = NEVER
    breached: bool = False

    @model_validator(mode="before")
    @classmethod
    def _of_release_0_1(cls, value: Any) -> Any:
        """Read a document of release 0.1: stretches of work, and no messages but the first reply."""
        if not isinstance(value, Mapping):
            return value
        course = value.get("course") or ()
        if not any(isinstance(item, Mapping) and "phase" in item for item in course):
            return value
        replied = value.get("responded_at")
        return {
            **value,
            "course": [_entry_of(item) for item in course],
            "messages": [{"at": replied, "change": REPLIED}] if replied is not None else [],
        }


REPLIED: Final = "replied"
WROTE: Final = "wrote"

OPEN_STATES: Final = frozenset({ClockState.RUNNING, ClockState.PAUSED})


def _entry_of(stretch: Mapping[str, Any]) -> dict[str, Any]:
    rest = {name: item for name, item in stretch.items() if name != "phase"}
    return rest | {"status": _STATUS_OF_PHASE[stretch["phase"]]}


def shard_of(ticket: str) -> int:
    """Return the shard of a ticket, 0 to 63."""
    return zlib.crc32(ticket.encode()) % SHARDS


def ms_of(seconds: float) -> int:
    """Return the whole milliseconds of a number of seconds."""
    return round(seconds * 1_000)
