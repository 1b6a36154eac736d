"""Who spent a clock's time, and when it stood still: what its ledger says, as evidence.

Pauses are what lies between the lines of a desk ledger; why is what the work did then. A document
merges the older lines of a long ledger into one without desks: what they were is kept here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from pydantic import BaseModel, ConfigDict

from services.sla.domain.history import MERGED, OVER
from services.sla.domain.model import Clock, ClocksState, ms_of
from shared.contracts.facts import Instant
from shared.contracts.routing import PendReason, Status
from shared.contracts.sla import ClockView, DeskSpan, Metric, WorkEntry

RESOLVED: Final = "resolved"
"""Between a resolution and a reopening."""
GIVEN_UP: Final = "given-up"
"""Somebody else than the clock's subject had the work."""
CONDITION: Final = "condition"
"""By a condition of the policy's own."""
EARLIER: Final = "earlier"
"""In settled history, of which only a sum is known."""

_MS: Final = timedelta(milliseconds=1)


class Spent(BaseModel):
    """Business time that a desk used of a clock; with ``supplier``, while it waited for them.

    ``desk`` is None where it is not known: in history that was settled before it was seen here.
    """

    model_config = ConfigDict(frozen=True)

    desk: str | None = None
    supplier: str | None = None
    ms: int


class Stood(BaseModel):
    """A pause of a clock: whom or what it waited for, and the desk that held the work."""

    model_config = ConfigDict(frozen=True)

    reason: str
    desk: str | None = None
    supplier: str | None = None
    started_at: Instant
    ended_at: Instant | None = None
    """None: it lasted when the version was told."""
    ms: int
    """Calendar time; of settled history less than from ``started_at`` to ``ended_at``."""


class Earlier(BaseModel):
    """What the merged line of a desk ledger is made of."""

    model_config = ConfigDict(frozen=True)

    spent: tuple[Spent, ...] = ()
    stood: tuple[Stood, ...] = ()


def entry_at(state: ClocksState, at: datetime) -> WorkEntry | None:
    """Return how the work stood at an instant; before the first entry, that one."""
    found = state.settlement.entry if state.settlement else None
    for entry in state.course:
        if found is None or entry.at <= at:
            found = entry
    return found


def ledger_of(
    state: ClocksState, clock: Clock, at: datetime, earlier: Earlier | None
) -> tuple[tuple[Spent, ...], tuple[Stood, ...]]:
    """Return who spent a clock's time, and when it stood still, as of an instant."""
    view = clock.view
    lines: list[Spent] = []
    closed_ms = 0
    for span in clock.spans:
        if span.ended_at is None:
            used = max(0, ms_of(view.used_seconds) - closed_ms)
            lines.append(Spent(desk=span.desk, supplier=span.supplier, ms=used))
            continue
        used = ms_of(span.used_seconds)
        closed_ms += used
        if span.merged and earlier is not None:
            lines.extend(earlier.spent)
        else:
            lines.append(Spent(desk=span.desk, supplier=span.supplier, ms=used))
    stood = _stood(state, view, clock.spans, until=view.ended_at or at, earlier=earlier)
    if view.ended_at is None and (not clock.spans or clock.spans[-1].ended_at is not None):
        stood = _lasting(state, view, stood, at)
    return _summed(lines), stood


def _lasting(
    state: ClocksState, view: ClockView, stood: tuple[Stood, ...], at: datetime
) -> tuple[Stood, ...]:
    """Return the pauses of a clock that stands still, the last of them without an end."""
    if stood and stood[-1].ended_at == at:
        return (*stood[:-1], stood[-1].model_copy(update={"ended_at": None}))
    begun = next(_gap(state, view, at, at + _MS))
    return (*stood, begun.model_copy(update={"ended_at": None, "ms": 0}))


def _summed(lines: Sequence[Spent]) -> tuple[Spent, ...]:
    sums: dict[tuple[str | None, str | None], int] = {}
    for line in lines:
        key = (line.desk, line.supplier)
        sums[key] = sums.get(key, 0) + line.ms
    return tuple(
        Spent(desk=desk, supplier=supplier, ms=ms) for (desk, supplier), ms in sums.items()
    )


def _stood(
    state: ClocksState,
    view: ClockView,
    spans: Sequence[DeskSpan],
    *,
    until: datetime,
    earlier: Earlier | None,
) -> tuple[Stood, ...]:
    """Return the pauses: what lies between the lines of the desk ledger, to an instant."""
    found: list[Stood] = []
    last = view.started_at
    for span in spans:
        found.extend(_gap(state, view, last, span.started_at))
        if span.merged:
            found.extend(earlier.stood if earlier is not None else _unlisted(span))
        if span.ended_at is None:
            return tuple(found)
        last = span.ended_at
    found.extend(_gap(state, view, last, until))
    return tuple(found)


def _unlisted(span: DeskSpan) -> Iterator[Stood]:
    """Yield the pauses of a merged line as one sum."""
    if span.ended_at is None:
        return
    ms = (span.ended_at - span.started_at) // _MS - ms_of(span.elapsed_seconds)
    if ms > 0:
        yield Stood(reason=EARLIER, started_at=span.started_at, ended_at=span.ended_at, ms=ms)


def _gap(state: ClocksState, view: ClockView, start: datetime, end: datetime) -> Iterator[Stood]:
    """Yield the pauses of a stretch without a line: one for each reason in turn."""
    if start >= end:
        return
    turns = sorted({start, *(entry.at for entry in state.course if start < entry.at < end)})
    pauses: list[Stood] = []
    for turn, following in zip(turns, [*turns[1:], end], strict=True):
        entry = entry_at(state, turn)
        desk = entry.desk if entry else None
        supplier = entry.supplier if entry and entry.status == Status.PENDING else None
        reason = _reason(view, entry)
        last = pauses[-1] if pauses else None
        if last and (last.reason, last.desk, last.supplier) == (reason, desk, supplier):
            pauses.pop()
            turn = last.started_at  # noqa: PLW2901 - the same pause goes on
        pauses.append(
            Stood(
                reason=reason,
                desk=desk,
                supplier=supplier,
                started_at=turn,
                ended_at=following,
                ms=(following - turn) // _MS,
            )
        )
    yield from pauses


def _reason(view: ClockView, entry: WorkEntry | None) -> str:
    if entry is None:
        return CONDITION
    if view.metric is Metric.HOLD and entry.desk != view.subject:
        return GIVEN_UP
    if view.metric is Metric.SUPPLIER and entry.supplier != view.subject:
        return GIVEN_UP
    if entry.status == Status.PENDING:
        return entry.reason or PendReason.UNKNOWN.value
    if entry.status in OVER:
        return MERGED if entry.reason == MERGED else RESOLVED
    return CONDITION


def earlier_of(
    before: ClocksState | None, after: ClocksState, known: Mapping[str, Earlier]
) -> dict[str, Earlier]:
    """Return what the merged lines are made of, from the lines that were there before."""
    if before is None:
        return {}
    old = {clock.view.clock: clock for clock in before.clocks}
    found = {}
    for clock in after.clocks:
        name = clock.view.clock
        line = clock.spans[0] if clock.spans and clock.spans[0].merged else None
        if line is None or line.ended_at is None:
            continue
        was = old.get(name)
        if was is not None and was.spans and was.spans[0] == line:
            if name in known:
                found[name] = known[name]
            continue
        parts = _parts(before, was, line, known.get(name)) if was is not None else None
        if parts is not None:
            found[name] = parts
    return found


def _parts(
    before: ClocksState, was: Clock, line: DeskSpan, earlier: Earlier | None
) -> Earlier | None:
    """Return what a newly merged line is made of; None where its sum says that this is not all."""
    end = line.ended_at
    if end is None:
        return None
    spans = tuple(s for s in was.spans if s.ended_at is not None and s.ended_at <= end)
    view = was.view.model_copy(update={"ended_at": end})
    spent, _ = ledger_of(before, Clock(view=view, spans=spans), end, earlier)
    if sum(one.ms for one in spent) != ms_of(line.used_seconds):
        return None
    start = was.view.model_copy(update={"started_at": line.started_at})
    return Earlier(spent=spent, stood=_stood(before, start, spans, until=end, earlier=earlier))


__all__ = [
    "CONDITION",
    "EARLIER",
    "GIVEN_UP",
    "RESOLVED",
    "Earlier",
    "Spent",
    "Stood",
    "earlier_of",
    "entry_at",
    "ledger_of",
]
