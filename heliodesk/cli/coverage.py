"""`heliodesk coverage`: who is there for which request, over the days to come."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.text import Text

from heliodesk.cli.context import context_of
from heliodesk.cli.output import heading, note, print_json, print_line, print_table
from heliodesk.cli.sources import Directory, configuration_from
from heliodesk.coverage_svg import coverage_svg
from heliodesk.errors import CliError, Exit
from shared.calendar import CalendarError
from shared.calendar.days import from_ms
from shared.calendar.zones import zone
from shared.coverage import (
    DAYS,
    DAYS_MAX,
    Candidates,
    Coverage,
    CoverageView,
    RequestScope,
    Row,
    analyse,
    kept_words,
)
from shared.coverage.intervals import Stretches, total
from shared.coverage.patterns import patterns
from shared.coverage.telling import (
    asks_words,
    hours_words,
    names,
    pattern_words,
    scope_words,
    want_words,
)

LINES_MAX: Final = 12
"""Of one kind in one row; --json has them all."""


class Only(StrEnum):
    """What of a row is shown."""

    GAPS = "gaps"
    THIN = "thin"
    OVERLAPS = "overlaps"


_TITLES: Final = {Only.GAPS: "nobody", Only.THIN: "thin", Only.OVERLAPS: "overlap"}
_NONE: Final = {
    Only.GAPS: "There is no gap.",
    Only.THIN: "No cover is thin.",
    Only.OVERLAPS: "No desks overlap.",
}

app = typer.Typer(help="Who is there for which request, and when nobody is.")


@app.command()
def coverage(
    ctx: typer.Context,
    directory: Directory = None,
    *,
    first: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="First day, in UTC; today if not given."),
    ] = None,
    days: Annotated[int, typer.Option("--days", min=1, max=DAYS_MAX)] = DAYS,
    agents_min: Annotated[
        int, typer.Option("--agents-min", min=1, help="Cover by fewer is thin at any time.")
    ] = 1,
    only: Annotated[Only | None, typer.Option("--only", help="Show only these.")] = None,
    svg: Annotated[Path | None, typer.Option("--svg", help="Write a picture here.")] = None,
    windows: Annotated[
        bool, typer.Option("--windows", help="With --json: every window as well.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show gaps, thin cover and overlaps; exit code 1 where a promise is broken."""
    context = context_of(ctx)
    configuration, source = configuration_from(context, directory)
    day = (first or context.clock.now()).date()
    start = datetime.combine(day, time(), tzinfo=UTC)
    try:
        found = analyse(configuration, start, days=days, agents_min=agents_min)
    except (CalendarError, OverflowError) as error:
        raise CliError(f"--from {day}: {error}", code=Exit.BAD_INPUT) from error
    if svg is not None:
        _write(svg, coverage_svg(found, source))
    if as_json:
        view = CoverageView.of(found, with_windows=windows)
        print_json({"source": source, **view.model_dump(mode="json")})
    else:
        _show(found, source, only)
    if found.broken:
        raise typer.Exit(Exit.FAILED)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        message = f"--svg {path}: {error.strerror or error}"
        raise CliError(message, code=Exit.BAD_INPUT) from error
    note(f"The picture is in {path}.")


def _show(found: Coverage, source: str, only: Only | None) -> None:
    last = found.end - timedelta(days=1)
    print_line(f"Coverage of {source} from {found.start:%Y-%m-%d} to {last:%Y-%m-%d}, in UTC.")
    for kept in found.promises:
        style = (
            "green"
            if kept.holds and not kept.thin and not kept.late
            else "yellow"
            if kept.holds
            else "bold red"
        )
        print_line(Text(_sentence(kept_words(kept)), style=style))
    for each in found.provisional:
        day = from_ms(each.stretches[0][0]).astimezone(zone(each.time_zone))
        ends = from_ms(each.stretches[-1][1]) >= found.end and len(each.stretches) == 1
        print_line(
            f"Provisional: the public days of calendar {each.calendar} are not official "
            f"{'' if ends else 'on some days '}from {day:%Y-%m-%d} on."
        )
    if any(row.by_hours for row in found.rows):
        desks = sorted({desk for row in found.rows for desk in row.by_hours})
        print_line(f"No agents are on a roster of {names(desks)}: it counts by its hours alone.")
    shown: dict[tuple[Candidates, tuple[RequestScope, ...]], list[tuple[int, Row]]] = {}
    for number, row in enumerate(found.rows, 1):
        if only is None or _of(row, only):
            shown.setdefault((row.candidates, row.scopes), []).append((number, row))
    for (candidates, _), rows in shown.items():
        _scope(candidates, rows[0][1])
        _table(rows)
        print_line()
        for number, row in rows:
            _details(number, row, only)
    if not shown:
        print_line(_NONE[only] if only else "There is nothing to cover.")


def _scope(candidates: Candidates, row: Row) -> None:
    """Print which desks the rows below are about, and which requests come to them."""
    fallback = candidates.fallback
    heading(" → ".join(candidates.desks) + (f", else {fallback}" if fallback else ""))
    for scope in row.scopes:
        print_line(f"  {scope_words(scope)}")
    print_line()


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def _of(row: Row, only: Only) -> Stretches:
    return {Only.GAPS: row.gaps, Only.THIN: row.thin, Only.OVERLAPS: row.overlaps}[only]


def _table(rows: Sequence[tuple[int, Row]]) -> None:
    lines: list[tuple[str | Text, ...]] = []
    for number, row in rows:
        agents = [window.agents for window in row.timeline.windows()]
        promised = Text("broken", style="bold red") if row.broken else Text("kept")
        lines.append(
            (
                str(number),
                "; ".join(filter(None, (asks_words(row.asks), want_words(row.want)))),
                f"{len(row.agents)}" if not row.by_hours else f"{len(row.agents)} + hours",
                _percent(1 - total(row.gaps) / row.timeline.length),
                f"{min(agents)}–{max(agents)}",
                *(_amount(_of(row, only)) for only in Only),
                promised if row.promises else "",
            )
        )
    columns = ("row", "asking for", "agents", "covered", "at once")
    print_table((*columns, *Only, "promised"), lines)


def _percent(share: float) -> str:
    """Return a share so that only the whole reads as 100 %."""
    if share in {0.0, 1.0}:
        return f"{share:.0%}"
    return f"{min(99.9, max(0.1, share * 100)):.1f}%"


def _amount(stretches: Stretches) -> str:
    return f"{len(stretches)} ({hours_words(total(stretches))})" if stretches else "–"


def _details(number: int, row: Row, only: Only | None) -> None:
    """Print when a row has what is asked for; a row that never has anybody says enough above."""
    if only is None:
        for late in row.late:
            waits = hours_words(1_000 * late.after)
            told = patterns(late.stretches)
            for pattern in told[:LINES_MAX]:
                words = pattern_words(pattern, row.zones)
                print_line(f"{number:>3} late    after {waits}: {words}")
            if len(told) > LINES_MAX:
                more = len(told) - LINES_MAX
                print_line(f"{number:>3} late    … and {more} more; --json has all")
    if not row.agents and not row.by_hours and not row.late:
        return
    for kind in (Only.GAPS, Only.THIN) if only is None else (only,):
        told = patterns(_of(row, kind))
        for pattern in told[:LINES_MAX]:
            end = pattern.last + pattern.end - pattern.start
            mark = " [provisional]" if row.is_provisional(pattern.start, end) else ""
            words = pattern_words(pattern, row.zones)
            print_line(f"{number:>3} {_TITLES[kind]:<8}{words}{mark}")
        if len(told) > LINES_MAX:
            more = len(told) - LINES_MAX
            print_line(f"{number:>3} {_TITLES[kind]:<8}… and {more} more; --json has all")
