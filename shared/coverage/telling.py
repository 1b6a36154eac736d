"""Coverage in words, for whoever is refused, and for the command line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Final

from shared.calendar.days import from_ms
from shared.calendar.zones import zone
from shared.coverage.analysis import Kept
from shared.coverage.asks import Ask
from shared.coverage.conditions import Value
from shared.coverage.demands import CHANNELS, OTHER, Place, RequestScope
from shared.coverage.intervals import total
from shared.coverage.patterns import Pattern
from shared.coverage.terms import Opened, Terms, Want

HOUR_MS: Final = 3_600_000
WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
NAMES_MAX: Final = 4
"""Of a longer list the first are named and the rest are counted."""


def in_words(start: int, end: int, zones: Sequence[str] = ()) -> str:
    """Return a stretch in UTC with its dates, and in each zone."""
    text = f"{_span(start, end, UTC, dated=True)} UTC"
    local = [f"{name} {_span(start, end, zone(name))}" for name in zones if name != "UTC"]
    return f"{text} ({'; '.join(local)})" if local else text


def _span(start: int, end: int, at: tzinfo, *, dated: bool = False) -> str:
    first, last = (from_ms(instant).astimezone(at) for instant in (start, end))
    date = f" {first:%Y-%m-%d}" if dated else ""
    until = f"{last:%H:%M}"
    if last.date() != first.date():
        until = _weekday(last) + (f" {last:%Y-%m-%d}" if dated else "") + f" {until}"
    return f"{_weekday(first)}{date} {first:%H:%M}–{until}"


def _weekday(at: datetime) -> str:
    return WEEKDAYS[at.weekday()]


def pattern_words(pattern: Pattern, zones: Sequence[str] = ()) -> str:
    """Return a pattern as a line: ``every Sat 00:00–Mon 00:00 UTC until 2027-12-31, 57 times``.

    Local times are those of the first time.
    """
    if pattern.times == 1:
        return in_words(pattern.start, pattern.end, zones)
    first, last = (from_ms(at).astimezone(UTC) for at in (pattern.start, pattern.end))
    apart = (last.date() - first.date()).days
    until = f"{last:%H:%M}"
    if apart == 1 and until == "00:00":
        until, apart = "24:00", 0
    if len(pattern.weekdays) == 1 and apart:
        until = f"{_weekday(last)} {until}"
    elif apart == 1:
        until += " the next day"
    elif apart:
        until += f" {apart} days later"
    local = [
        f"{name} {_span(pattern.start, pattern.end, zone(name))}" for name in zones if name != "UTC"
    ]
    where = f" (first: {'; '.join(local)})" if local else ""
    return (
        f"every {_days(pattern.weekdays)} {first:%H:%M}–{until} UTC{where} from "
        f"{first:%Y-%m-%d} until {from_ms(pattern.last):%Y-%m-%d}, {pattern.times} times"
    )


def _days(weekdays: Sequence[int]) -> str:
    if len(weekdays) == len(WEEKDAYS):
        return "day"
    first, last = weekdays[0], weekdays[-1]
    if len(weekdays) > 2 and last - first == len(weekdays) - 1:  # noqa: PLR2004 - more than a pair
        return f"{WEEKDAYS[first]}–{WEEKDAYS[last]}"
    return ", ".join(WEEKDAYS[day] for day in weekdays)


def hours_words(milliseconds: int) -> str:
    """Return a length in hours, or in minutes where it is short."""
    if milliseconds < HOUR_MS:
        return f"{milliseconds // 60_000} min"
    return f"{milliseconds / HOUR_MS:,.1f}".removesuffix(".0") + " h"


def names(items: Iterable[str]) -> str:
    """Return a list of names; of a long one the first, and how many more there are."""
    given = list(items)
    more = len(given) - NAMES_MAX
    if more > 1:
        return f"{', '.join(given[:NAMES_MAX])} and {more} more"
    return ", ".join(given)


def scope_words(scope: RequestScope) -> str:
    """Return which requests a scope holds."""
    parts = [scope.topology]
    places = [_place(place) for place in scope.places]
    parts.append(f"from {names(places)}")
    for kind, named in (("service", scope.services), ("business", scope.businesses)):
        if OTHER not in named or None not in named:
            words = ["none" if n is None else "others" if n == OTHER else n for n in named]
            parts.append(f"{kind} {names(words)}")
    if scope.choices:
        parts.append(f"menu choice {names(['none' if c is None else c for c in scope.choices])}")
    if len(scope.channels) < len(CHANNELS):
        parts.append(f"by {names(scope.channels)}")
    return ", ".join(parts)


def _place(place: Place) -> str:
    return place.site or place.region or "no known place"


def ask_words(ask: Ask) -> str:
    """Return what is asked of an agent."""
    parts = [ask.language or "any language"]
    if ask.skill is not None:
        parts.append(f"skill {ask.skill}")
    return ", ".join(parts)


def asks_words(asks: Iterable[Ask]) -> str:
    """Return several asks, those of the same languages together."""
    languages: dict[str | None, list[str]] = {}
    for ask in asks:
        languages.setdefault(ask.skill, []).append(ask.language or "any language")
    skills: dict[tuple[str, ...], list[str | None]] = {}
    for skill, spoken in languages.items():
        skills.setdefault(tuple(spoken), []).append(skill)
    return "; ".join(
        "/".join(spoken)
        + (
            f" with {'/'.join(skill or 'no special skill' for skill in several)}"
            if several != [None]
            else ""
        )
        for spoken, several in skills.items()
    )


def want_words(want: Want) -> str:
    """Return what the routing rules want of agents, and of which requests; empty for nothing."""
    if want.asks_nothing and not want.when and not want.hours:
        return ""
    parts: list[str] = []
    if not want.asks_nothing:
        said = " or, by desk, ".join(dict.fromkeys(_terms(each) for each in want.terms))
        rules = f"rule {names(want.rules)}" if want.rules else "routing"
        later = any(each.stages for each in want.terms)
        parts.append(f"{rules} requires {said}" + (", and widens with time" if later else ""))
    if want.undecided:
        parts.append("undecided which of them applies, so all counts")
    parts += [f"{field} {names(map(_value, values))}" for field, values in want.when]
    if want.hours:
        parts.append(f"while {names(map(_opened, want.hours))}")
    return ", ".join(parts)


def _terms(terms: Terms) -> str:
    parts = [f"skill {skill} at level {level}" for skill, level in terms.skills]
    parts += [f"skill {skill} at level {level} at first" for skill, level in terms.optional]
    if terms.speaks:
        parts.append("the language")
    if terms.weight:
        by = f" by {terms.channel}" if terms.channel else ""
        parts.append(f"room for weight {terms.weight}{by}")
    if terms.load:
        parts.append("room that is not kept for graver work")
    if terms.open_at_least:
        parts.append(f"a desk open for {hours_words(1_000 * terms.open_at_least)} more")
    return " and ".join(parts) or "nothing"


def _opened(calendars: Opened) -> str:
    """Return which calendars are open and which are closed."""
    return " and ".join(
        f"{name} is {'open' if is_open else 'closed'}" for name, is_open in calendars
    )


def _value(value: Value) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " with ".join(value) or "none of them"
    return "others" if value == OTHER else str(value)


def kept_words(kept: Kept) -> str:
    """Return how a promise stands, as a sentence without its end."""
    name = f"promise {kept.promise.name}"
    if kept.first is None:
        if kept.thin:
            agents = "agent" if kept.promise.agents_min == 1 else "agents"
            return (
                f"{name} is covered, but thinly: fewer than {kept.promise.agents_min} {agents} are "
                f"there in {hours_words(total(kept.thin))} of it"
            )
        if kept.late:
            return (
                f"{name} is covered, but in {hours_words(total(kept.late))} of it only late: by "
                f"those who may take a request once it has waited, up to "
                f"{hours_words(1_000 * kept.late_after)}"
            )
        return f"{name} holds"
    first, count = kept.first, len(kept.uncovered)
    gaps = "one gap" if count == 1 else f"{count:,} gaps"
    provisional = ", on days that are not official yet" if first.is_provisional else ""
    want = want_words(first.want)
    return (
        f"{name} has uncovered time: {gaps}, {hours_words(total(kept.uncovered))} in all, the "
        f"first {in_words(first.start, first.end, first.zones)}{provisional}, for "
        f"{scope_words(first.scope)}; {ask_words(first.ask)}{'; ' if want else ''}{want}"
    )
