"""The report of a month as CSV: RFC 4180, UTF-8, one table at a time."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final, Literal

from services.sla.domain.ledgers import Stood
from services.sla.domain.outcomes import Outcome
from services.sla.domain.report import Report
from shared.kernel import rfc3339

Table = Literal[
    "summary", "breaches", "causes", "clocks", "corrections", "scorecard", "resolution-changes"
]

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so would be run by a spreadsheet; an apostrophe before it prevents that."""

Cell = str | int | float | datetime | None

CLOCK_COLUMNS: Final = (
    "number",
    "ticket",
    "clock",
    "customer",
    "agreement",
    "kind",
    "policy",
    "metric",
    "priority",
    "desk",
    "subject",
    "outcome",
    "decided_at",
    "started_at",
    "ended_at",
    "target_seconds",
    "used_seconds",
    "spent",
    "pauses",
    "configversion",
)


def csv_of(report: Report, table: Table) -> str:
    """Return a table of a report; those of single clocks come from `clock_lines`."""
    columns, rows = _TABLES[table](report)
    return lines_of([columns, *rows])


def clock_lines(outcomes: Iterable[Outcome]) -> str:
    """Return a line for each clock, without the line of names."""
    return lines_of([_clock(outcome) for outcome in outcomes])


def lines_of(rows: Iterable[Sequence[Cell]]) -> str:
    """Return rows as lines; instants in RFC 3339, what is not there as nothing."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerows([_cell(cell) for cell in row] for row in rows)
    return text.getvalue()


def _cell(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case datetime():
            return rfc3339(cell)
        case float():
            return f"{cell:.6f}".rstrip("0").rstrip(".")
        case str() if cell.startswith(FORMULA):
            return f"'{cell}"
        case _:
            return str(cell)


def _summary(report: Report) -> tuple[Sequence[Cell], list[Sequence[Cell]]]:
    columns = (
        "month",
        "time_zone",
        "as_of",
        "status",
        "customer",
        "agreement",
        "kind",
        "policy",
        "metric",
        "priority",
        "desk",
        "met",
        "missed",
        "share",
    )
    return columns, [
        (
            report.month,
            report.time_zone,
            report.as_of,
            report.status,
            cell.customer,
            cell.agreement,
            cell.kind,
            cell.policy,
            cell.metric,
            cell.priority,
            cell.desk,
            cell.met,
            cell.missed,
            cell.share,
        )
        for cell in report.cells
    ]


def _causes(report: Report) -> tuple[Sequence[Cell], list[Sequence[Cell]]]:
    columns = (
        "cause",
        "desk",
        "supplier",
        "reason",
        "seconds",
        "share",
        "clocks",
        "most",
        "pauses",
    )
    spent: list[Sequence[Cell]] = [
        ("spent", c.desk, c.supplier, None, c.seconds, c.share, c.clocks, c.most, None)
        for c in report.causes
    ]
    paused: list[Sequence[Cell]] = [
        ("pause", None, p.supplier, p.reason, p.seconds, None, p.clocks, None, p.pauses)
        for p in report.pauses
    ]
    return columns, [*spent, *paused]


def _corrections(report: Report) -> tuple[Sequence[Cell], list[Sequence[Cell]]]:
    columns = (
        "number",
        "ticket",
        "clock",
        "customer",
        "agreement",
        "desk",
        "was",
        "was_at",
        "now",
        "now_at",
    )
    return columns, [
        (
            one.number,
            one.ticket,
            one.clock,
            one.customer,
            one.agreement,
            one.desk,
            one.was,
            one.was_at,
            one.now,
            one.now_at,
        )
        for one in report.corrections
    ]


def _scorecard(report: Report) -> tuple[Sequence[Cell], list[Sequence[Cell]]]:
    columns = (
        "month",
        "time_zone",
        "as_of",
        "status",
        "agreement",
        "title",
        "kind",
        "party",
        "measure",
        "target",
        "value",
        "numerator",
        "denominator",
        "kept",
        "why",
    )
    return columns, [
        (
            report.month,
            report.time_zone,
            report.as_of,
            report.status,
            one.agreement,
            one.title,
            one.kind,
            one.party,
            one.measure,
            one.target,
            one.value,
            one.numerator,
            one.denominator,
            None if one.kept is None else "yes" if one.kept else "no",
            one.why,
        )
        for one in report.scorecard
    ]


def _resolution_changes(report: Report) -> tuple[Sequence[Cell], list[Sequence[Cell]]]:
    columns = (
        "number",
        "ticket",
        "resolved_at",
        "customer",
        "desk",
        "agreements",
        "was",
        "now",
        "verdict_was",
        "verdict",
    )
    return columns, [
        (
            one.number,
            one.ticket,
            one.resolved_at,
            one.customer,
            one.desk,
            "; ".join(one.agreements),
            one.was,
            one.now,
            one.verdict_was,
            one.verdict,
        )
        for one in report.resolution_changes
    ]


_TABLES: Final[dict[str, Callable[[Report], tuple[Sequence[Cell], list[Sequence[Cell]]]]]] = {
    "summary": _summary,
    "causes": _causes,
    "corrections": _corrections,
    "scorecard": _scorecard,
    "resolution-changes": _resolution_changes,
}


def _clock(one: Outcome) -> Sequence[Cell]:
    return (
        one.number,
        one.ticket,
        one.clock,
        one.customer,
        one.agreement,
        one.kind,
        one.policy,
        one.metric,
        one.priority,
        one.desk,
        one.subject,
        one.outcome,
        one.decided_at,
        one.started_at,
        one.ended_at,
        one.target_ms / 1_000,
        one.used_ms / 1_000,
        "; ".join(f"{_who(s.desk, s.supplier)}={_cell(s.ms / 1_000)}" for s in one.spent),
        "; ".join(_stood(stood) for stood in one.stood),
        one.configversion,
    )


def _who(desk: str | None, supplier: str | None) -> str:
    return f"{desk or '?'}>{supplier}" if supplier else desk or "?"


def _stood(stood: Stood) -> str:
    end = rfc3339(stood.ended_at) if stood.ended_at else ""
    why = f"{stood.reason}({stood.supplier})" if stood.supplier else stood.reason
    return f"{why} {rfc3339(stood.started_at)}/{end}={_cell(stood.ms / 1_000)}"
