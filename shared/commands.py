"""What a committer is given, commands and arrived events, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.aggregate import Decide
from shared.contracts.envelope import Event
from shared.kernel import CommandRejected
from shared.streams import ParkedRecord, Record


class RevisionStale(CommandRejected):
    """The caller decided on an older revision than the present one."""

    def __init__(self, *, expected: int, found: int) -> None:
        super().__init__(
            "revision-stale",
            f"it has changed: you saw revision {expected}, it is at {found}",
            status=412,
        )
        self.found = found


@dataclass(frozen=True, slots=True)
class Arrival:
    """A consumed event on its way to its document.

    ``target`` is the document's id: the event's subject, unless the service says otherwise.
    """

    record: Record
    event: Event[Any]
    target: str
    decide: Decide
    at: datetime | None = None
    """The instant that ``decide`` knows as now, if it knows one."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command or a timer for one document.

    ``revision`` is the one that the caller saw (If-Match); None takes any.
    """

    target: str
    tenant: str
    decide: Decide
    revision: int | None = None
    correlationid: str | None = None
    traceparent: str | None = None
    at: datetime | None = None
    """The instant that ``decide`` knows as now, if it knows one."""


@dataclass(frozen=True, slots=True)
class Consumed:
    """What became of a batch: the events decided, and the records that were set aside."""

    events: tuple[Event[Any], ...] = ()
    duplicates: int = 0
    rows: tuple[ParkedRecord, ...] = ()

    @property
    def parked(self) -> int:
        """How many records were set aside."""
        return len(self.rows)

    @staticmethod
    def total(parts: Sequence[Consumed]) -> Consumed:
        """Return what became of several batches."""
        return Consumed(
            events=tuple(event for part in parts for event in part.events),
            duplicates=sum(part.duplicates for part in parts),
            rows=tuple(row for part in parts for row in part.rows),
        )
