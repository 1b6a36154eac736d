"""`heliodesk calendar`: look into a calendar, and take in the days of an iCalendar feed."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from heliodesk.cli.calendar_import import Import, Options
from heliodesk.cli.context import context_of
from heliodesk.cli.output import heading, print_facts, print_json, print_line, print_table
from heliodesk.cli.sources import configuration_from
from heliodesk.errors import CliError, Exit
from heliodesk.feeds.days import Meaning
from shared.calendar import CalendarError, CompiledCalendar, HolidayYears, OpenWindow
from shared.calendar.zones import zone as rules_of
from shared.organisation import Configuration, UnknownName

DAYS: Final = 14
WINDOWS_MAX: Final = 60
"""In words; --json has all."""
SPAN_MAX: Final = timedelta(days=5 * 366)

Directory = Annotated[
    Path | None,
    typer.Argument(help="The configuration's directory; without it the version in force."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

app = typer.Typer(no_args_is_help=True, help="Look into calendars, and import iCalendar feeds.")


@app.command()
def show(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="The calendar.")],
    directory: Directory = None,
    *,
    at: Annotated[
        str, typer.Option("--at", help="An instant, such as 2026-12-24T14:00+01:00; else now.")
    ] = "",
    first: Annotated[
        datetime | None,
        typer.Option(
            "--from", formats=["%Y-%m-%d"], help="First local day; that of --at if not given."
        ),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option("--to", formats=["%Y-%m-%d"], help="Last local day; two weeks if not given."),
    ] = None,
    zone: Annotated[str, typer.Option("--zone", help="In which a floating calendar is read.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show whether a calendar is open, its next opening and closing, and its windows."""
    context = context_of(ctx)
    configuration, source = configuration_from(context, directory)
    calendar = _calendar(configuration, name, zone)
    instant = _instant(at, calendar) if at else context.clock.now()
    local = instant.astimezone(rules_of(calendar.time_zone)).date()
    begins = first.date() if first else local
    ends = until.date() if until else begins + timedelta(days=DAYS - 1)
    try:
        span = _midnight(calendar, begins), _midnight(calendar, ends + timedelta(days=1))
        if not timedelta() < span[1] - span[0] <= SPAN_MAX:
            message = f"--from {begins} --to {ends}: at least a day, and at most five years"
            raise CliError(message, code=Exit.BAD_INPUT)
        facts = _facts(calendar, instant, span)
    except (CalendarError, OverflowError) as error:
        raise CliError(str(error), code=Exit.BAD_INPUT) from error
    if as_json:
        print_json({"source": source, **facts})
    else:
        _say(calendar, facts, source)


@app.command("import")
def take_in(
    ctx: typer.Context,
    feed: Annotated[str, typer.Argument(metavar="FILE|URL", help="The iCalendar feed.")],
    directory: Directory = None,
    *,
    calendar: Annotated[str, typer.Option("--calendar", help="Whose days they are.")],
    name: Annotated[
        str, typer.Option("--feed", help="What the feed is called; kept with each of its days.")
    ] = "ical",
    meaning: Annotated[
        Meaning, typer.Option("--as", help="Whether its events close, or are openings.")
    ] = Meaning.CLOSED,
    all_day_hours: Annotated[
        str, typer.Option("--hours-of", help="The weekday whose hours an all-day opening has.")
    ] = "mon",
    first: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="First day; today if not given."),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option("--to", formats=["%Y-%m-%d"], help="Last day; two years if not given."),
    ] = None,
    max_drop: Annotated[
        float,
        typer.Option("--max-drop", min=0, max=100, help="Percent of its days that it may drop."),
    ] = 20.0,
    force: Annotated[
        bool, typer.Option("--force", help="Also where it drops more; needs --because.")
    ] = False,
    because: Annotated[str, typer.Option("--because", help="Why that may be so.")] = "",
    write: Annotated[
        Path | None,
        typer.Option(
            "--write", help="Write the section calendars here, such as DIR/calendars.yaml."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what an iCalendar feed would change of a calendar; write it only where --write says.

    What people have written for a day comes before the feed, and days that are past stay. A feed
    that drops more of its days than --max-drop is refused with exit code 1.
    """
    context = context_of(ctx)
    configuration, source = configuration_from(context, directory)
    begins = (first or context.clock.now()).date()
    options = Options(
        calendar=calendar,
        feed=name,
        meaning=meaning,
        all_day_hours=all_day_hours,
        first=begins,
        last=until.date() if until else begins + timedelta(days=2 * 365),
        max_drop=max_drop / 100,
        forced_because=_reason(because, force=force),
    )
    found = Import.of(configuration, options, feed, transport=context.transport)
    if write is not None and not found.is_refused:
        found.write(write)
    if as_json:
        print_json({"source": source, **found.json(), "written": _written(found, write)})
    else:
        found.show(written=_written(found, write))
    if found.is_refused:
        raise typer.Exit(Exit.FAILED)


def _written(found: Import, write: Path | None) -> str | None:
    return None if write is None or found.is_refused else str(write)


def _reason(because: str, *, force: bool) -> str:
    given = because.strip()
    if force != bool(given):
        message = '--force and --because "…" belong together: give both.'
        raise CliError(message, code=Exit.BAD_INPUT)
    return given


def _calendar(configuration: Configuration, name: str, zone: str) -> CompiledCalendar:
    try:
        if zone:
            rules_of(zone)  # Also where the calendar does not float: a slip is no zone.
        return configuration.calendar(name, zone or None)
    except UnknownName as error:
        known = ", ".join(item.name for item in configuration.calendars.calendars)
        raise CliError(f"There is no calendar {name}; there are {known}.") from error
    except CalendarError as error:
        raise CliError(f"{error}: give --zone.", code=Exit.BAD_INPUT) from error
    except ValueError as error:
        raise CliError(f"--zone: {error}", code=Exit.BAD_INPUT) from error


def _instant(text: str, calendar: CompiledCalendar) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        message = f"--at {text}: write it as 2026-12-24T14:00, or with an offset."
        raise CliError(message, code=Exit.BAD_INPUT) from error
    return found if found.tzinfo else found.replace(tzinfo=rules_of(calendar.time_zone))


def _midnight(calendar: CompiledCalendar, day: Any) -> datetime:
    local = datetime.combine(day, time(), tzinfo=rules_of(calendar.time_zone))
    return local.astimezone(UTC)


def _facts(
    calendar: CompiledCalendar, at: datetime, span: tuple[datetime, datetime]
) -> dict[str, Any]:
    """Return what there is to say, with instants in UTC."""
    opens: datetime | None
    closes: datetime | None
    try:
        opens, closes = calendar.next_open(at), calendar.next_close(at)
    except CalendarError:
        opens = closes = None
    return {
        "calendar": calendar.name,
        "time_zone": calendar.time_zone,
        "at": _text(at),
        "is_open": calendar.is_open(at),
        "next_open": _text(opens),
        "next_close": _text(closes),
        "from": _text(span[0]),
        "to": _text(span[1]),
        "business_seconds": calendar.between(*span),
        "windows": _pairs(calendar.windows(*span)),
        "provisional": _pairs(calendar.provisional(*span)),
        "public_days": [years._asdict() for years in calendar.holiday_years()],
    }


def _pairs(windows: tuple[OpenWindow, ...]) -> list[list[str | None]]:
    return [[_text(opens), _text(closes)] for opens, closes in windows]


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _say(calendar: CompiledCalendar, facts: dict[str, Any], source: str) -> None:
    def shown(text: str | None, never: str) -> str:
        if text is None:
            return never
        local = datetime.fromisoformat(text).astimezone(rules_of(calendar.time_zone))
        return f"{local:%a %Y-%m-%d %H:%M:%S %z}"

    print_line(f"{calendar.name} of {source}, in the zone {calendar.time_zone}")
    print_facts(
        {
            "at": shown(facts["at"], ""),
            "is": "open" if facts["is_open"] else "closed",
            "next open": shown(facts["next_open"], "never again"),
            "next close": shown(facts["next_close"], "never"),
        }
    )
    windows = facts["windows"]
    heading(f"Windows ({facts['business_seconds'] / 3600:g} business hours)")
    rows = [(shown(opens, ""), shown(closes, "")) for opens, closes in windows[:WINDOWS_MAX]]
    print_table(("opens", "closes"), rows)
    if len(windows) > WINDOWS_MAX:
        print_line(f"… and {len(windows) - WINDOWS_MAX} more; --json has all")
    for begins, ends in facts["provisional"]:
        words = f"{shown(begins, '')} to {shown(ends, '')}"
        print_line(f"provisional: public days may still change, {words}")
    for years in calendar.holiday_years():
        print_line(_reach(years))


def _reach(years: HolidayYears) -> str:
    """Return until when the public days of a country, or a part of it, are known and official."""
    whose = " ".join(filter(None, (years.country, years.subdivision)))
    if years.official_until is None:
        return f"public days of {whose}: by its rules, until the end of {years.last_year}"
    return f"public days of {whose}: official until the end of {years.official_until}"
