"""The order of a ticket's timeline: by time, and never an effect before its cause."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.console.domain.names import Names
from services.console.domain.projection import TOPICS, Row
from services.console.domain.telling import Line, Teller
from services.console.domain.words import Words

_RANKS = {topic.source: rank for rank, topic in enumerate(TOPICS)}


def in_order(rows: Sequence[Row]) -> list[Row]:
    """Return rows in the order in which they are told.

    Services' clocks differ by some milliseconds, so time alone could show an assignment before
    the request. A row therefore counts as not earlier than its cause and than the row before it
    in its stream; among equals the longer chain of causes comes later.
    """
    by_id = {row.id: row for row in rows}
    before: dict[str, str] = {}
    streams: dict[tuple[str, str], Row] = {}
    for row in sorted(rows, key=lambda r: r.seq):
        previous = streams.get((row.source, row.stream))
        if previous is not None:
            before[row.id] = previous.id
        streams[(row.source, row.stream)] = row
    placed: dict[str, tuple[datetime, int]] = {}
    for row in rows:
        _place(row, by_id, before, placed)
    return sorted(rows, key=lambda r: (*placed[r.id], _RANKS.get(r.source, 99), r.seq, r.id))


def _place(
    row: Row,
    by_id: dict[str, Row],
    before: dict[str, str],
    placed: dict[str, tuple[datetime, int]],
) -> None:
    """Place a row after what it depends on, without recursion: chains can be long."""
    pending = [row.id]
    entered: set[str] = set()
    while pending:
        current = pending[-1]
        if current in placed:
            pending.pop()
            continue
        needed = [i for i in (by_id[current].cause, before.get(current)) if i in by_id]
        open_ones = [i for i in needed if i not in placed and i not in entered]
        if open_ones:
            entered.add(current)
            pending.extend(open_ones)
            continue
        place = (by_id[current].at, 0)
        for identifier in needed:
            if identifier in placed:
                at, depth = placed[identifier]
                place = max(place, (at, depth + 1))
        placed[current] = place
        pending.pop()


def timeline(rows: Sequence[Row], *, words: Words, names: Names) -> list[Line]:
    """Return the lines of a ticket's timeline, oldest first."""
    teller = Teller(words=words, names=names)
    return [teller.tell(row) for row in in_order(rows)]
