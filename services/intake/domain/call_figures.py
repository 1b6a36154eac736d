"""Figures of calls: how many came, how many were lost and where, how long people waited."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from services.intake.domain.calls import Call
from shared.contracts.calls import CallOutcome


@dataclass(frozen=True, slots=True)
class Spread:
    """How a duration is spread over calls, in milliseconds. Percentiles are nearest-rank."""

    count: int
    mean_ms: int
    p50_ms: int
    p95_ms: int
    max_ms: int


@dataclass(frozen=True, slots=True)
class CallFigures:
    """Figures of calls that came in and are over.

    ``offered`` counts them without those that went on as another call. ``loss_rate`` is
    (offered - answered) / offered: abandoned, missed and refused calls are lost ones; None where
    nothing was offered. Outbound calls and calls that are still open are counted apart and are
    in no other figure.
    """

    offered: int
    answered: int
    abandoned: Mapping[str, int]
    """By place: offered, menu, queue, ringing."""
    missed: int
    refused: Mapping[str, int]
    """By reason; ``unknown`` where the exchange gave none."""
    forwarded: int
    open: int
    outbound: int
    loss_rate: float | None
    answer_wait: Spread | None
    """Queue and ringing of answered calls."""
    abandon_wait: Spread | None
    """Queue and ringing of abandoned calls."""
    transfer: Spread | None
    """Of each transfer that was answered, from its start; a call may have several."""
    talk: Spread | None
    hold: Spread | None
    """Of calls that were held at all."""
    after_call: Spread | None
    """Of calls whose after-call work was told."""


def call_figures(calls: Iterable[Call]) -> CallFigures:
    """Return the figures of calls."""
    found = list(calls)
    inbound = [c for c in found if not c.outbound]
    over = [c for c in inbound if c.outcome is not None]
    by_outcome = Counter(c.outcome for c in over)
    offered = len(over) - by_outcome[CallOutcome.FORWARDED]
    answered = [c for c in over if c.outcome is CallOutcome.ANSWERED]
    abandoned = [c for c in over if c.outcome is CallOutcome.ABANDONED]
    refused = [c for c in over if c.outcome is CallOutcome.REFUSED]
    return CallFigures(
        offered=offered,
        answered=len(answered),
        abandoned=dict(sorted(Counter(c.place or "offered" for c in abandoned).items())),
        missed=by_outcome[CallOutcome.MISSED],
        refused=dict(sorted(Counter(c.reason or "unknown" for c in refused).items())),
        forwarded=by_outcome[CallOutcome.FORWARDED],
        open=len(inbound) - len(over),
        outbound=len(found) - len(inbound),
        loss_rate=(offered - len(answered)) / offered if offered else None,
        answer_wait=_spread([c.times.wait_ms for c in answered]),
        abandon_wait=_spread([c.times.wait_ms for c in abandoned]),
        transfer=_spread([ms for c in answered for ms in c.times.transfers_ms]),
        talk=_spread([c.times.talk_ms for c in answered]),
        hold=_spread([c.times.hold_ms for c in answered if c.times.hold_ms]),
        after_call=_spread([c.times.after_call_ms for c in answered if c.times.after_call_ms]),
    )


def _spread(values: Sequence[int]) -> Spread | None:
    if not values:
        return None
    ordered = sorted(values)
    return Spread(
        count=len(ordered),
        mean_ms=round(sum(ordered) / len(ordered)),
        p50_ms=_rank(ordered, 50),
        p95_ms=_rank(ordered, 95),
        max_ms=ordered[-1],
    )


def _rank(ordered: Sequence[int], percent: int) -> int:
    """Return the smallest value that at least so many percent of the values do not exceed."""
    return ordered[ceil(len(ordered) * percent / 100) - 1]
