"""What an audit of clocks finds: where the log, its recomputation and the store differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from shared.contracts.envelope import Body, Event
from shared.contracts.sla import ClockView


class Found(StrEnum):
    """Kinds of findings."""

    DIFFERS = "differs"
    """A recorded value is not what follows from the events before it."""
    LOST = "lost"
    """An event that should have changed the clocks was processed, and has changed nothing."""
    UNPROCESSED = "unprocessed"
    """The same, where sla has perhaps not come to it yet."""
    GAP = "gap"
    """Something is missing in the log: what depends on it cannot be proven."""
    UNEXPLAINED = "unexplained"
    """An event of the clocks of which the log does not say why."""
    STORED_DIFFERS = "stored-differs"
    """What sla says now is not what the log gives."""
    STORED_NEWER = "stored-newer"
    """Sla has gone on since the log was read: it was not compared."""


NOTES: Final = frozenset({Found.UNPROCESSED, Found.STORED_NEWER})
"""Kinds that say of no value that it is wrong."""

COMPARED: Final = ("state", "due_at", "target_seconds", "breached_at")
"""What is compared of each clock in the store."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. Values are as in JSON; instants are RFC 3339, times are seconds."""

    kind: Found
    source: str
    """CloudEvents source of the stream that ``sequence`` counts in."""
    sequence: int | None = None
    event: str | None = None
    """The event's id."""
    clock: str | None = None
    field: str = ""
    recorded: Any = None
    recomputed: Any = None


def finding(
    kind: Found,
    event: Event[Any],
    field: str,
    *,
    recorded: Any = None,
    recomputed: Any = None,
    clock: str | None = None,
) -> Finding:
    """Return a finding on an event of the log."""
    return Finding(
        kind=kind,
        source=event.source,
        sequence=event.sequence,
        event=event.id,
        clock=clock,
        field=field,
        recorded=recorded,
        recomputed=recomputed,
    )


def compared(event: Event[Any], recorded: Body | None, recomputed: Body | None) -> list[Finding]:
    """Return how a recorded body differs from the recomputed one, field by field.

    None: there is none.
    """
    if recorded is not None and recomputed is not None and recorded == recomputed:
        return []
    if recorded is None or recomputed is None or recorded.type != recomputed.type:
        return [
            finding(
                Found.DIFFERS,
                event,
                "event",
                recorded=recorded.type if recorded else None,
                recomputed=recomputed.type if recomputed else None,
                clock=getattr(recorded or recomputed, "clock", None),
            )
        ]
    before, after = recorded.model_dump(mode="json"), recomputed.model_dump(mode="json")
    return [
        finding(
            Found.DIFFERS, event, field, recorded=old, recomputed=new, clock=clock or _clock(before)
        )
        for field, clock, old, new in _differences(before, after)
    ]


def stored(
    source: str,
    sequence: int,
    clocks: Sequence[ClockView],
    *,
    revision: int,
    shown: Sequence[ClockView],
) -> list[Finding]:
    """Return how the clocks that sla shows differ from those of the log.

    Args:
        source: of the clocks' stream.
        sequence: of its last event in the log.
        clocks: as they are after it, by the log.
        revision: of what sla shows: the sequence of the last event that it decided.
        shown: the clocks that it shows.
    """
    if revision != sequence:
        kind = Found.STORED_NEWER if revision > sequence else Found.STORED_DIFFERS
        return [
            Finding(
                kind, source, sequence, field="revision", recorded=revision, recomputed=sequence
            )
        ]
    there, here = (
        {view.clock: view.model_dump(mode="json") for view in views} for views in (shown, clocks)
    )
    return [
        Finding(
            Found.STORED_DIFFERS,
            source,
            sequence,
            clock=name,
            field=field,
            recorded=there.get(name, {}).get(field),
            recomputed=here.get(name, {}).get(field),
        )
        for name in sorted(there.keys() | here.keys())
        for field in COMPARED
        if there.get(name, {}).get(field) != here.get(name, {}).get(field)
    ]


def _differences(
    before: Any, after: Any, path: str = "", clock: str | None = None
) -> Iterator[tuple[str, str | None, Any, Any]]:
    """Yield field, clock, old and new value of each leaf that differs."""
    if isinstance(before, dict) and isinstance(after, dict):
        clock = _clock(before) or clock
        for name in sorted(before.keys() | after.keys()):
            inner = f"{path}.{name}" if path else name
            yield from _differences(before.get(name), after.get(name), inner, clock)
    elif isinstance(before, list) and isinstance(after, list):
        names = [[_clock(item) for item in side] for side in (before, after)]
        if names[0] != names[1]:
            yield path, clock, names[0], names[1]
        elif len(before) != len(after):
            yield path, clock, before, after
        else:
            for place, (old, new) in enumerate(zip(before, after, strict=True)):
                yield from _differences(old, new, f"{path}[{_clock(old) or place}]", clock)
    elif before != after:
        yield path, clock, before, after


def _clock(item: Any) -> str | None:
    return item.get("clock") if isinstance(item, dict) else None
