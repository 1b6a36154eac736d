"""The coverage page: a heat band for each scope, over the days to come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Final

from shared.calendar.days import from_ms, to_ms
from shared.coverage import Ask, Coverage, Kept, RequestScope, Row, analyse
from shared.coverage.heat import Block, Heat, heat_blocks
from shared.coverage.intervals import total
from shared.coverage.patterns import Pattern, patterns
from shared.organisation import Configuration

DAYS: Final = (28, 91, 400)
"""What a page may look ahead: four weeks, a quarter, a year and a month."""
WEEKS_TICKED_DAYS_MAX: Final = 31
FORTNIGHTS_TICKED_DAYS_MAX: Final = 100
PATTERNS_MAX: Final = 4
"""Of one row; the command line has them all."""
DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Mark:
    """A day that the axis names, at a share of the width between 0 and 1."""

    share: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Repeated:
    """A stretch without anybody, or several alike; times are in UTC."""

    pattern: Pattern
    start: datetime
    end: datetime
    last: datetime

    @property
    def ends_at_midnight(self) -> bool:
        """Whether it ends with the day on which it begins."""
        return self.end.time() == time() and self.end - self.start <= DAY

    @property
    def days_later(self) -> int:
        """How many days after the first it ends, by the calendar."""
        return (self.end.date() - self.start.date()).days


@dataclass(frozen=True, slots=True)
class Band:
    """One row of the page. Shares are between 0 and 1."""

    row: Row
    desks: tuple[str, ...]
    fallback: str | None
    stand_ins: tuple[str, ...]
    """Who takes the work while the desk is closed."""
    scopes: tuple[RequestScope, ...]
    blocks: tuple[Block, ...]
    provisional: tuple[tuple[float, float], ...]
    """Start and width of what is not official yet."""
    agents: tuple[int, int]
    """The fewest and the most at once."""
    covered: float
    is_broken: bool
    gaps: tuple[Repeated, ...]
    more: int
    """How many patterns of gaps are not shown."""


@dataclass(frozen=True, slots=True)
class Promised:
    """A promise, and the first time at which nobody is there."""

    kept: Kept
    title: str
    gaps: int
    start: datetime | None
    end: datetime | None
    thin_hours: float


@dataclass(frozen=True, slots=True)
class CoverageBoard:
    """The page's content."""

    ask: Ask
    days: int
    bands: tuple[Band, ...]
    marks: tuple[Mark, ...]
    promises: tuple[Promised, ...]
    heats: tuple[Heat, ...]
    """The kinds of hours that the bands show, for the legend."""
    has_provisional: bool
    languages: tuple[str, ...]
    skills: tuple[str, ...]


def coverage_board(
    configuration: Configuration, day: datetime, *, ask: Ask, days: int
) -> CoverageBoard:
    """Return the coverage of what asks for a language and a skill, from a UTC midnight on."""
    found = analyse(configuration, day, days=days, asks=(ask,))
    titles = {desk.name: desk.title for desk in configuration.desks.desks}
    bands = tuple(_band(found, row, days, titles) for row in found.rows if ask in row.asks)
    drawn = {block.heat for band in bands for block in band.blocks}
    return CoverageBoard(
        ask=ask,
        days=days,
        bands=bands,
        marks=_marks(day, days),
        promises=tuple(_promised(kept) for kept in found.promises),
        heats=tuple(heat for heat in Heat if heat in drawn),
        has_provisional=any(band.provisional for band in bands),
        languages=configuration.organisation.languages,
        skills=tuple(sorted({s for agent in configuration.all_agents() for s in agent.skills})),
    )


def _band(found: Coverage, row: Row, days: int, titles: dict[str, str]) -> Band:
    start, length = to_ms(found.start), days * DAY / timedelta(milliseconds=1)
    counts = [window.agents for window in row.timeline.windows()]
    told = patterns(row.gaps, UTC)
    fallback = row.candidates.fallback
    return Band(
        row=row,
        desks=tuple(titles.get(desk, desk) for desk in row.candidates.desks),
        fallback=titles.get(fallback, fallback) if fallback else None,
        stand_ins=tuple(titles.get(desk, desk) for desk in row.candidates.stand_ins),
        scopes=row.scopes,
        blocks=tuple(heat_blocks(row, start, days)),
        provisional=tuple(
            ((begins - start) / length, (ends - begins) / length)
            for begins, ends in row.provisional
        ),
        agents=(min(counts), max(counts)),
        covered=1 - total(row.gaps) / row.timeline.length,
        is_broken=bool(row.broken),
        gaps=tuple(_repeated(pattern, UTC) for pattern in told[:PATTERNS_MAX]),
        more=max(0, len(told) - PATTERNS_MAX),
    )


def _repeated(pattern: Pattern, zone: tzinfo) -> Repeated:
    start, end, last = (
        from_ms(at).astimezone(zone) for at in (pattern.start, pattern.end, pattern.last)
    )
    return Repeated(pattern, start, end, last)


def _promised(kept: Kept) -> Promised:
    first = kept.first
    return Promised(
        kept=kept,
        title=kept.promise.title or kept.promise.name,
        gaps=len(kept.uncovered),
        start=from_ms(first.start) if first else None,
        end=from_ms(first.end) if first else None,
        thin_hours=total(kept.thin) / (timedelta(hours=1) / timedelta(milliseconds=1)),
    )


def _marks(day: datetime, days: int) -> tuple[Mark, ...]:
    """Return the Mondays of few days, every second one of more, and else the firsts of months."""
    ahead: Sequence[datetime] = [day + n * DAY for n in range(days)]
    if days > FORTNIGHTS_TICKED_DAYS_MAX:
        named = [at for at in ahead if at.day == 1]
    else:
        named = [at for at in ahead if at.weekday() == 0]
        named = named if days <= WEEKS_TICKED_DAYS_MAX else named[::2]
    return tuple(Mark((at - day) / (days * DAY), at) for at in named)
