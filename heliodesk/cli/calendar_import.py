"""What `heliodesk calendar import` finds, says and writes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import httpx
import yaml
from pydantic import ValidationError

from heliodesk.cli.output import print_line
from heliodesk.errors import CliError, Exit
from heliodesk.feeds.days import (
    Day,
    Meaning,
    Preview,
    days_from,
    days_of_feed,
    preview_of,
    with_days,
    without_feed,
)
from heliodesk.feeds.fetching import fetch
from heliodesk.feeds.reading import FeedInvalid, read_feed
from shared.calendar import BusinessCalendar, ClosedDay, HalfDay, SpecialOpening
from shared.calendar.hours import WEEKDAYS, clock_text
from shared.calendar.zones import zone
from shared.organisation import Configuration
from shared.organisation.places import CalendarsSection

LINES_MAX: Final = 200
"""Of one kind in words; --json has all."""


@dataclass(frozen=True)
class Options:
    """What is asked for."""

    calendar: str
    feed: str
    meaning: Meaning
    all_day_hours: str
    first: date
    last: date
    max_drop: float
    """As a share."""
    forced_because: str


@dataclass(frozen=True)
class Import:
    """What a feed changes, and the section that would come of it."""

    options: Options
    preview: Preview
    not_taken: tuple[str, ...]
    section: CalendarsSection

    @classmethod
    def of(
        cls,
        configuration: Configuration,
        options: Options,
        source: str,
        *,
        transport: httpx.BaseTransport | None = None,
    ) -> Import:
        """Return what a feed changes of a calendar.

        Raises:
            CliError: there is no such calendar, or it has no hours of its own; the feed cannot be
                had or read; the days that come of it are not right.
        """
        if options.last < options.first:
            raise CliError("--to is before --from.", code=Exit.BAD_INPUT)
        if options.all_day_hours not in WEEKDAYS:
            known = ", ".join(WEEKDAYS)
            raise CliError(f"--hours-of: one of {known}.", code=Exit.BAD_INPUT)
        calendar = _calendar_of(configuration, options.calendar)
        where = None if calendar.is_floating else zone(calendar.time_zone)
        data = fetch(source, transport=transport)
        span = (options.first, options.last)
        try:
            feed = read_feed(data, first=span[0], last=span[1], where=where)
            bare = without_feed(calendar, options.feed, *span)
            days = days_from(
                feed.occurrences,
                bare,
                feed=options.feed,
                meaning=options.meaning,
                all_day_hours=options.all_day_hours,
                first=span[0],
                last=span[1],
                announced=configuration.calendars.public_days,
            )
            changed = with_days(bare, days.values())
        except FeedInvalid as error:
            raise CliError(f"The feed is refused: {error}.", code=Exit.BAD_INPUT) from error
        except ValidationError as error:
            lines = [detail["msg"] for detail in error.errors()]
            message = "The days of the feed do not fit the calendar:"
            raise CliError(message, code=Exit.BAD_INPUT, lines=lines) from error
        section = configuration.calendars.model_copy(
            update={
                "calendars": tuple(
                    changed if item.name == changed.name else item
                    for item in configuration.calendars.calendars
                )
            }
        )
        before = days_of_feed(calendar, options.feed, *span)
        return cls(options, preview_of(before, days), tuple(feed.not_taken), section)

    @property
    def is_refused(self) -> bool:
        """Whether the feed drops more than it may, and nobody has said why that is right."""
        too_much = self.preview.dropped_share > self.options.max_drop
        return too_much and not self.options.forced_because

    def write(self, path: Path) -> None:
        """Write the section ``calendars`` as YAML, as `config apply` reads it."""
        content = self.section.model_dump(mode="json", exclude_defaults=True)
        text = yaml.safe_dump(
            content, allow_unicode=True, sort_keys=False, width=100, default_flow_style=None
        )
        if self.options.forced_because:
            reason = " ".join(self.options.forced_because.split())
            text = f"# forced, although the feed {self.options.feed} dropped days: {reason}\n{text}"
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            message = f"--write {path}: {error.strerror or error}"
            raise CliError(message, code=Exit.BAD_INPUT) from error

    def json(self) -> dict[str, Any]:
        """Return the same for programs."""
        pairs = {"moved": self.preview.moved, "changed": self.preview.changed}
        return {
            "calendar": self.options.calendar,
            "feed": self.options.feed,
            "from": str(self.options.first),
            "to": str(self.options.last),
            "had": self.preview.had,
            "added": [_json(day) for day in self.preview.added],
            "removed": [_json(day) for day in self.preview.removed],
            **{
                kind: [{"before": _json(p.before), "after": _json(p.after)} for p in found]
                for kind, found in pairs.items()
            },
            "dropped_share": self.preview.dropped_share,
            "refused": self.is_refused,
            "forced_because": self.options.forced_because,
            "not_taken": list(self.not_taken),
        }

    def show(self, *, written: str | None) -> None:
        """Say it in words."""
        preview = self.preview
        lines = [f"+ {_words(day)}" for day in preview.added]
        lines += [f"- {_words(day)}" for day in preview.removed]
        lines += [f"↕ {_words(p.before)} → {_words(p.after)}" for p in preview.moved]
        lines += [f"~ {_words(p.before)} → {_words(p.after)}" for p in preview.changed]
        for line in lines[:LINES_MAX]:
            print_line(line)
        if len(lines) > LINES_MAX:
            print_line(f"… and {len(lines) - LINES_MAX} more; --json has all")
        for reason in self.not_taken:
            print_line(f"not taken: {reason}")
        print_line(
            f"{len(preview.added)} added, {len(preview.removed)} removed, {len(preview.moved)} "
            f"moved, {len(preview.changed)} changed of {preview.had} days of the feed "
            f"{self.options.feed} from {self.options.first} to {self.options.last}."
        )
        if self.is_refused:
            print_line(
                f"Refused: the feed drops {preview.dropped_share:.0%} of its days, and "
                f"{self.options.max_drop:.0%} are allowed. If that is right, give "
                '--force --because "…".'
            )
        elif written is not None:
            print_line(f"{written} is written; comments of an earlier file are not kept.")
        elif not preview.is_empty:
            print_line("Nothing is written: --write DIR/calendars.yaml does, then config apply.")


def _calendar_of(configuration: Configuration, name: str) -> BusinessCalendar:
    for calendar in configuration.calendars.calendars:
        if calendar.name != name:
            continue
        if not isinstance(calendar, BusinessCalendar):
            message = f"{name} is made of other calendars: import into one of them"
            raise CliError(message, code=Exit.BAD_INPUT)
        return calendar
    known = ", ".join(item.name for item in configuration.calendars.calendars)
    raise CliError(f"There is no calendar {name}; there are {known}.")


def _json(day: Day) -> dict[str, Any]:
    kind = {ClosedDay: "closed", HalfDay: "half", SpecialOpening: "opening"}[type(day)]
    return {"kind": kind, **day.model_dump(mode="json", exclude_none=True)}


def _words(day: Day) -> str:
    match day:
        case HalfDay():
            opens = "" if day.opens is None else f" opens {clock_text(day.opens)}"
            closes = "" if day.closes is None else f" closes {clock_text(day.closes)}"
            what = f"{opens}{closes}".strip()
        case SpecialOpening():
            spans = (f"{clock_text(w.opens)}-{clock_text(w.closes)}" for w in day.windows)
            what = f"open {', '.join(spans)}"
        case _:
            what = "closed"
    return f"{day.date} {what}{f' ({day.reason})' if day.reason else ''}"
