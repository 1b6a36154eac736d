"""The report of a month: a pure function of the outcomes as they were known at one instant.

Each clock counts once, in the month in which its outcome lies: the end of a clock that met its
target, the due time that passed of one that did not. Breaches that were withdrawn and clocks that
were cancelled do not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from services.sla.domain.ledgers import Stood
from services.sla.domain.months import Asked, Because, Month
from services.sla.domain.outcomes import MET, MISSED, Outcome
from services.sla.domain.report import (
    Breach,
    Cause,
    Cell,
    Correction,
    Count,
    Day,
    Filters,
    Held,
    Line,
    Pause,
    Promise,
    Report,
    Used,
)
from services.sla.domain.scorecard import Scorecard
from services.sla.domain.solutions import Revision
from shared.calendar.zones import zone

SHARE_UNITS: Final = 1_000_000
"""Shares are cut, never rounded up, to so many parts: only the whole reads as 1."""


@dataclass(frozen=True, slots=True)
class Change:
    """A clock as it stood when the month before was closed, and as it stands."""

    was: Outcome | None
    now: Outcome | None


CellKey = tuple[str | None, str | None, str, str, str, str, str | None]
"""Customer, agreement, kind, policy, metric, priority, desk."""

QUARTER: Final = 900
"""Seconds. No zone's midnight lies within a quarter of an hour of UTC."""


def quarter_of(at: datetime) -> int:
    """Return the number of the quarter of an hour that an instant lies in."""
    return int(at.timestamp() // QUARTER)


@dataclass(frozen=True, slots=True)
class Met:
    """How many clocks of one cell were met in one quarter of an hour."""

    cell: CellKey
    quarter: int
    count: int


class Tally:
    """Counts outcomes one by one: a month of them need not be held at once."""

    def __init__(self, month: Month, asked: Asked) -> None:
        self._month = month
        self._asked = asked
        self._zone = zone(month.time_zone)
        self._cells: dict[CellKey, list[int]] = {}
        self._days: dict[str, list[int]] = _days(month)
        self._spent: dict[tuple[str | None, str | None], list[int]] = {}
        self._stood: dict[tuple[str, str | None], list[int]] = {}
        self._missed: list[Outcome] = []

    def add(self, outcome: Outcome) -> bool:
        """Count a clock; return whether it belongs to the report."""
        month = self._month
        if not month.starts_at <= outcome.decided_at < month.ends_at:
            return False
        if not self._asked.takes(outcome):
            return False
        column = 0 if outcome.outcome == MET else 1
        key = (
            outcome.customer,
            outcome.agreement,
            outcome.kind,
            outcome.policy,
            outcome.metric,
            outcome.priority,
            outcome.desk,
        )
        self._cells.setdefault(key, [0, 0])[column] += 1
        day = outcome.decided_at.astimezone(self._zone).date().isoformat()
        self._days[day][column] += 1
        if outcome.outcome == MISSED:
            self._missed.append(outcome)
            self._cause(outcome)
        return True

    def add_met(self, met: Met) -> None:
        """Count clocks of the month, and of what is asked for, that were met."""
        self._cells.setdefault(met.cell, [0, 0])[0] += met.count
        at = datetime.fromtimestamp(met.quarter * QUARTER, UTC)
        self._days[at.astimezone(self._zone).date().isoformat()][0] += met.count

    def _cause(self, outcome: Outcome) -> None:
        most = max((spent.ms for spent in outcome.spent), default=0)
        for spent in outcome.spent:
            if spent.ms:
                sums = self._spent.setdefault((spent.desk, spent.supplier), [0, 0, 0])
                sums[0] += spent.ms
                sums[1] += 1
                sums[2] += spent.ms == most
        reasons = set()
        for stood in outcome.stood:
            key = (stood.reason, stood.supplier)
            sums = self._stood.setdefault(key, [0, 0, 0])
            sums[0] += stood.ms
            sums[1] += 1
            sums[2] += key not in reasons
            reasons.add(key)

    def report(
        self,
        *,
        as_of: datetime,
        because: Because | None = None,
        changes: Iterable[Change] = (),
        scorecard: Scorecard | None = None,
        revisions: Iterable[Revision] = (),
    ) -> Report:
        """Return the report of what was counted; ``scorecard`` has counted the resolutions."""
        month, asked = self._month, self._asked
        cells = sorted(self._cells.items(), key=lambda item: _order(*item[0]))
        total = [sum(counts[column] for _, counts in cells) for column in (0, 1)]
        return Report(
            month=month.name,
            time_zone=month.time_zone,
            starts_at=month.starts_at,
            ends_at=month.ends_at,
            closes_at=month.closes_at,
            as_of=as_of,
            status="provisional" if because else "closed",
            because=because,
            filters=Filters(
                customer=asked.customer,
                desk=asked.desk,
                agreement=asked.agreement,
                priority=asked.priority,
            ),
            total=Count(**_count(*total)),
            customers=self._lines(0),
            promises=self._promises(),
            desks=self._lines(6),
            priorities=self._lines(5),
            days=tuple(
                Day(day=day, met=met, missed=missed) for day, (met, missed) in self._days.items()
            ),
            causes=self._causes(),
            pauses=tuple(
                Held(
                    reason=reason,
                    supplier=supplier,
                    seconds=ms / 1_000,
                    pauses=pauses,
                    clocks=clocks,
                )
                for (reason, supplier), (ms, pauses, clocks) in sorted(
                    self._stood.items(), key=lambda item: (-item[1][0], _order(*item[0]))
                )
            ),
            cells=tuple(_cell(key, counts) for key, counts in cells),
            breaches=tuple(
                _breach(one)
                for one in sorted(self._missed, key=lambda o: (o.decided_at, o.ticket, o.clock))
            ),
            corrections=self._corrections(changes),
            scorecard=scorecard.lines(self._by_agreement()) if scorecard else (),
            resolution_changes=scorecard.changes(revisions) if scorecard else (),
        )

    def _by_agreement(self) -> dict[str, tuple[int, int]]:
        """Return, by agreement, how many clocks were met and missed."""
        return {
            name: (met, missed) for (name,), (met, missed) in self._summed((1,)) if name is not None
        }

    def _summed(self, places: tuple[int, ...]) -> list[tuple[tuple[str | None, ...], list[int]]]:
        sums: dict[tuple[str | None, ...], list[int]] = {}
        for key, counts in self._cells.items():
            found = sums.setdefault(tuple(key[place] for place in places), [0, 0])
            found[0] += counts[0]
            found[1] += counts[1]
        return sorted(sums.items(), key=lambda item: _order(*item[0]))

    def _lines(self, place: int) -> tuple[Line, ...]:
        return tuple(
            Line(name=name, **_count(*counts)) for (name,), counts in self._summed((place,))
        )

    def _promises(self) -> tuple[Promise, ...]:
        return tuple(
            Promise(
                customer=customer,
                agreement=agreement,
                kind=kind or "",
                policy=policy or "",
                metric=metric or "",
                **_count(*counts),
            )
            for (customer, agreement, kind, policy, metric), counts in self._summed((0, 1, 2, 3, 4))
        )

    def _causes(self) -> tuple[Cause, ...]:
        whole = sum(sums[0] for sums in self._spent.values())
        found = sorted(self._spent.items(), key=lambda item: (-item[1][0], _order(*item[0])))
        return tuple(
            Cause(
                desk=desk,
                supplier=supplier,
                seconds=ms / 1_000,
                share=_share(ms, whole),
                clocks=clocks,
                most=most,
            )
            for (desk, supplier), (ms, clocks, most) in found
        )

    def _corrections(self, changes: Iterable[Change]) -> tuple[Correction, ...]:
        start = self._month.starts_at
        found = []
        for change in changes:
            was = change.was if change.was and change.was.decided_at < start else None
            now = change.now
            of = was or (now if now and now.decided_at < start else None)
            if of is None or not self._asked.takes(of) or (was and now and _same(was, now)):
                continue
            found.append(_correction(of, was, now))
        return tuple(sorted(found, key=lambda c: (c.ticket, c.clock)))


def _same(was: Outcome, now: Outcome) -> bool:
    return (was.outcome, was.decided_at) == (now.outcome, now.decided_at)


def _days(month: Month) -> dict[str, list[int]]:
    """Return a count of nothing for each day of a month."""
    local = zone(month.time_zone)
    day = month.starts_at.astimezone(local).date()
    end = month.ends_at.astimezone(local).date()
    found = {}
    while day < end:
        found[day.isoformat()] = [0, 0]
        day += timedelta(days=1)
    return found


def _order(*key: str | None) -> tuple[tuple[bool, str], ...]:
    """Return a key to sort by; what has no name comes last."""
    return tuple((part is None, part or "") for part in key)


def _count(met: int, missed: int) -> Mapping[str, int | float | None]:
    return {"met": met, "missed": missed, "share": _share(met, met + missed)}


def _share(part: int, whole: int) -> float | None:
    return part * SHARE_UNITS // whole / SHARE_UNITS if whole else None


def _cell(key: CellKey, counts: list[int]) -> Cell:
    customer, agreement, kind, policy, metric, priority, desk = key
    return Cell(
        customer=customer,
        agreement=agreement,
        kind=kind,
        policy=policy,
        metric=metric,
        priority=priority,
        desk=desk,
        **_count(*counts),
    )


def _breach(one: Outcome) -> Breach:
    return Breach(
        ticket=one.ticket,
        number=one.number,
        clock=one.clock,
        policy=one.policy,
        metric=one.metric,
        kind=one.kind,
        agreement=one.agreement,
        customer=one.customer,
        desk=one.desk,
        subject=one.subject,
        priority=one.priority,
        target_seconds=one.target_ms / 1_000,
        used_seconds=one.used_ms / 1_000,
        started_at=one.started_at,
        due_at=one.decided_at,
        ended_at=one.ended_at,
        spent=tuple(
            Used(desk=s.desk, supplier=s.supplier, seconds=s.ms / 1_000) for s in one.spent
        ),
        pauses=tuple(_pause(stood) for stood in one.stood),
        configversion=one.configversion,
    )


def _pause(stood: Stood) -> Pause:
    return Pause(
        reason=stood.reason,
        desk=stood.desk,
        supplier=stood.supplier,
        started_at=stood.started_at,
        ended_at=stood.ended_at,
        seconds=stood.ms / 1_000,
    )


def _correction(of: Outcome, was: Outcome | None, now: Outcome | None) -> Correction:
    return Correction(
        ticket=of.ticket,
        number=of.number,
        clock=of.clock,
        customer=of.customer,
        agreement=of.agreement,
        desk=of.desk,
        was=was.outcome if was else None,
        was_at=was.decided_at if was else None,
        now=now.outcome if now else None,
        now_at=now.decided_at if now else None,
    )
