"""Coverage as JSON: for the API of control and for ``--json``. Instants are in RFC 3339."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from shared.calendar.days import from_ms
from shared.calendar.zones import zone
from shared.coverage.analysis import Coverage, Kept, Row
from shared.coverage.intervals import Stretches, total
from shared.coverage.telling import ask_words, kept_words, scope_words, want_words


class View(BaseModel):
    """Base of the views."""

    model_config = ConfigDict(frozen=True)


class LocalStretch(View):
    """A stretch on the clock of one time zone of the desks."""

    time_zone: str
    start: datetime
    end: datetime


class StretchView(View):
    """A stretch ``[start, end)`` in UTC and on the clocks of the desks."""

    start: datetime
    end: datetime
    seconds: float
    is_provisional: bool
    """Whether public days in it are not official yet."""
    local: list[LocalStretch]

    @classmethod
    def of(cls, start: int, end: int, zones: Iterable[str], *, is_provisional: bool) -> StretchView:
        """Return the view of a stretch in milliseconds."""
        first, last = from_ms(start), from_ms(end)
        local = [
            LocalStretch(
                time_zone=name, start=first.astimezone(zone(name)), end=last.astimezone(zone(name))
            )
            for name in zones
        ]
        return cls(
            start=first,
            end=last,
            seconds=(end - start) / 1_000,
            is_provisional=is_provisional,
            local=local,
        )


class BrokenPromise(View):
    """A promise that is not kept: how often and how long, and the first time."""

    promise: str
    gaps: int
    uncovered_seconds: float
    first: StretchView
    requests: str
    """For which requests nobody is there at the first time."""
    rules: list[str]
    """The routing rules whose demands nobody meets then; empty where none asks for anything."""
    text: str
    """All of it as a sentence."""

    @classmethod
    def of(cls, kept: Kept) -> BrokenPromise:
        """Return the view of a promise that does not hold.

        Raises:
            ValueError: it holds.
        """
        first = kept.first
        if first is None:
            message = f"the promise {kept.promise.name} holds"
            raise ValueError(message)
        return cls(
            promise=kept.promise.name,
            gaps=len(kept.uncovered),
            uncovered_seconds=total(kept.uncovered) / 1_000,
            first=StretchView.of(
                first.start, first.end, first.zones, is_provisional=first.is_provisional
            ),
            requests="; ".join(
                words
                for words in (
                    scope_words(first.scope),
                    ask_words(first.ask),
                    want_words(first.want),
                )
                if words
            ),
            rules=list(first.want.rules),
            text=kept_words(kept),
        )


class PromiseView(View):
    """How a promise stands."""

    promise: str
    holds: bool
    thin_seconds: float
    late_seconds: float
    """Nobody may take a request at once, but somebody once it has waited."""
    late_after_seconds: int
    """For at most so long; 0 where nothing is late."""
    broken: BrokenPromise | None

    @classmethod
    def of(cls, kept: Kept) -> PromiseView:
        """Return the view of a promise."""
        return cls(
            promise=kept.promise.name,
            holds=kept.holds,
            thin_seconds=total(kept.thin) / 1_000,
            late_seconds=total(kept.late) / 1_000,
            late_after_seconds=kept.late_after,
            broken=None if kept.holds else BrokenPromise.of(kept),
        )


class ScopeView(View):
    """Requests of each of the places, services, channels and businesses.

    A place is a site, or a region without a site, or null where neither is known. A service or
    business ``*`` is one that the configuration does not name. Choices are the keys of a
    telephone menu, null for none; without any the choice does not matter.
    """

    topology: str
    places: list[str | None]
    services: list[str | None]
    channels: list[str]
    businesses: list[str | None]
    choices: list[str | None]


class AskView(View):
    """What is asked of an agent; null is nothing in particular."""

    language: str | None
    skill: str | None


class TermsView(View):
    """What the rules require of agents while one desk holds the request."""

    desk: str
    skills: dict[str, int]
    optional_skills: dict[str, int]
    """Those that drop out as a request grows old."""
    language: bool
    """Whether the agent must speak the request's language."""
    weight: int
    """Of the work; 0 where it fits into anybody's capacity."""
    channel: str | None
    """Where the capacity for a channel limits it."""
    uses_reserves: bool
    """Whether room that a desk keeps for graver work may be used, as far as any is."""
    open_at_least_seconds: int


class WantView(View):
    """What routing rules want, and for which values of fields that no scope decides.

    A value ``*`` is one that the configuration does not name, null none. Undecided is where it
    could not be found out which rule applies: then all that any of them requires counts.
    """

    rules: list[str]
    terms: list[TermsView]
    language: str | None
    when: dict[str, list[str | bool | int | list[str] | None]]
    """Of ``tags`` each value is a list: those that it has of the tags that conditions name."""
    hours: list[dict[str, bool]]
    """It holds only while calendars are open (true) or closed as one of these says; none: always."""
    undecided: bool


class LateView(View):
    """Stretches that are covered only once a request has waited for so long."""

    after_seconds: int
    stretches: list[StretchView]


class WindowView(View):
    """A stretch over which nothing changes."""

    start: datetime
    end: datetime
    agents: int
    desks: list[str]
    by_hours: bool


class RowView(View):
    """Demands with the same desks and agents; each of the scopes with each of the asks."""

    scopes: list[ScopeView]
    asks: list[AskView]
    want: WantView
    desks: list[str]
    fallback: str | None
    stand_ins: list[str]
    """Who takes it while the desk is closed."""
    queue: str | None
    """The queue of the desk whose members alone take it."""
    agents: list[str]
    by_hours_alone: list[str]
    promises: list[str]
    gap_seconds: float
    broken: list[StretchView]
    gaps: list[StretchView]
    thin: list[StretchView]
    late: list[LateView]
    overlaps: list[StretchView]
    windows: list[WindowView] | None

    @classmethod
    def of(cls, row: Row, *, with_windows: bool) -> RowView:
        """Return the view of a row."""
        return cls(
            scopes=[
                ScopeView(
                    topology=scope.topology,
                    places=[place.site or place.region for place in scope.places],
                    services=list(scope.services),
                    channels=list(scope.channels),
                    businesses=list(scope.businesses),
                    choices=list(scope.choices),
                )
                for scope in row.scopes
            ],
            asks=[AskView(language=ask.language, skill=ask.skill) for ask in row.asks],
            want=_want(row),
            desks=list(row.candidates.desks),
            fallback=row.candidates.fallback,
            stand_ins=list(row.candidates.stand_ins),
            queue=row.candidates.queue,
            agents=list(row.agents),
            by_hours_alone=list(row.by_hours),
            promises=list(row.promises),
            gap_seconds=total(row.gaps) / 1_000,
            broken=_views(row, row.broken),
            gaps=_views(row, row.gaps),
            thin=_views(row, row.thin),
            late=[
                LateView(after_seconds=each.after, stretches=_views(row, each.stretches))
                for each in row.late
            ],
            overlaps=_views(row, row.overlaps),
            windows=_windows(row) if with_windows else None,
        )


class ProvisionalView(View):
    """From when on the public days of a calendar may still change."""

    calendar: str
    stretches: list[StretchView]


class CoverageView(View):
    """The whole of it."""

    start: datetime
    end: datetime
    promises: list[PromiseView]
    provisional: list[ProvisionalView]
    rows: list[RowView]

    @classmethod
    def of(cls, found: Coverage, *, with_windows: bool = False) -> CoverageView:
        """Return the view of an analysis."""
        return cls(
            start=found.start,
            end=found.end,
            promises=[PromiseView.of(kept) for kept in found.promises],
            provisional=[
                ProvisionalView(
                    calendar=each.calendar,
                    stretches=[
                        StretchView.of(start, end, (each.time_zone,), is_provisional=True)
                        for start, end in each.stretches
                    ],
                )
                for each in found.provisional
            ],
            rows=[RowView.of(row, with_windows=with_windows) for row in found.rows],
        )


def _want(row: Row) -> WantView:
    want = row.want
    return WantView(
        rules=list(want.rules),
        terms=[
            TermsView(
                desk=desk,
                skills=dict(terms.skills),
                optional_skills=dict(terms.optional),
                language=terms.speaks,
                weight=terms.weight,
                channel=terms.channel,
                uses_reserves=not terms.load,
                open_at_least_seconds=terms.open_at_least,
            )
            for desk, terms in zip(row.candidates.every_desk, want.terms, strict=True)
        ],
        language=want.language,
        when={
            field: [list(value) if isinstance(value, tuple) else value for value in values]
            for field, values in want.when
        },
        hours=[dict(opened) for opened in want.hours],
        undecided=want.undecided,
    )


def _views(row: Row, stretches: Stretches) -> list[StretchView]:
    return [
        StretchView.of(start, end, row.zones, is_provisional=row.is_provisional(start, end))
        for start, end in stretches
    ]


def _windows(row: Row) -> list[WindowView]:
    return [
        WindowView(
            start=from_ms(window.start),
            end=from_ms(window.end),
            agents=window.agents,
            desks=list(window.desks),
            by_hours=window.by_hours,
        )
        for window in row.timeline.windows()
    ]
