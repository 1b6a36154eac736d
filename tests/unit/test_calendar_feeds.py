"""iCalendar feeds: what is laid out of them, which days it makes, and what changes."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliodesk.feeds.days import (
    Day,
    Meaning,
    days_from,
    days_of_feed,
    preview_of,
    with_days,
    without_feed,
)
from heliodesk.feeds.reading import EVENTS_MAX, Feed, FeedInvalid, Occurrence, read_feed
from shared.calendar import BusinessCalendar, ClosedDay, HalfDay, SpecialOpening
from shared.calendar.zones import zone

FIRST, LAST = date(2026, 12, 1), date(2027, 12, 31)
LONDON = zone("Europe/London")
CUSTOM_ZONE = """\
BEGIN:VTIMEZONE
TZID:Company/Mine
BEGIN:STANDARD
DTSTART:19700101T000000
TZOFFSETFROM:+0530
TZOFFSETTO:+0530
END:STANDARD
END:VTIMEZONE"""


def ics(*events: str, head: str = "") -> bytes:
    """Return a feed of events, each given as its lines."""
    found = "\n".join(f"BEGIN:VEVENT\n{event}\nEND:VEVENT" for event in events)
    text = f"BEGIN:VCALENDAR\nVERSION:2.0\n{head}\n{found}\nEND:VCALENDAR\n"
    return text.replace("\n\n", "\n").replace("\n", "\r\n").encode()


def feed_of(*events: str, head: str = "") -> Feed:
    """Read a feed over the usual span, on London's wall clock."""
    return read_feed(ics(*events, head=head), first=FIRST, last=LAST, where=LONDON)


def spans(*events: str, head: str = "") -> list[str]:
    """Return the occurrences of a feed as texts."""
    feed = feed_of(*events, head=head)
    assert feed.not_taken == []
    return [f"{o.starts:%Y-%m-%dT%H:%M}/{o.ends:%Y-%m-%dT%H:%M}" for o in feed.occurrences]


def test_all_day_events_have_whole_days_and_a_last_one_that_is_not_theirs() -> None:
    """DTEND is exclusive; without it an all-day event has one day; the span cuts nothing off."""
    assert spans(
        "UID:1\nDTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20261227",
        "UID:2\nDTSTART;VALUE=DATE:20270101",
        "UID:3\nDTSTART;VALUE=DATE:20261128\nDTEND;VALUE=DATE:20261202",
        "UID:4\nDTSTART;VALUE=DATE:20261130",
    ) == [
        "2026-11-28T00:00/2026-12-02T00:00",
        "2026-12-24T00:00/2026-12-27T00:00",
        "2027-01-01T00:00/2027-01-02T00:00",
    ]


def test_times_are_brought_to_the_calendars_zone() -> None:
    """UTC, a zone by name, a zone of the feed's own, and floating, which stays as it stands."""
    assert spans(
        "UID:1\nDTSTART:20270701T120000Z\nDTEND:20270701T130000Z",
        "UID:2\nDTSTART;TZID=America/New_York:20270702T120000\nDURATION:PT2H",
        "UID:3\nDTSTART;TZID=Company/Mine:20270703T173000\nDTEND;TZID=Company/Mine:20270703T183000",
        "UID:4\nDTSTART:20270704T120000\nDTEND:20270704T130000",
        head=CUSTOM_ZONE,
    ) == [
        "2027-07-01T13:00/2027-07-01T14:00",
        "2027-07-02T17:00/2027-07-02T19:00",
        "2027-07-03T13:00/2027-07-03T14:00",
        "2027-07-04T12:00/2027-07-04T13:00",
    ]


def test_recurring_events_are_laid_out_without_what_is_excluded_or_cancelled() -> None:
    """RRULE with UNTIL in UTC, RDATE, EXDATE; one occurrence moved, one cancelled."""
    weekly = (
        "UID:w\nDTSTART;TZID=Europe/London:20270301T130000\nDURATION:PT1H\n"
        "RRULE:FREQ=WEEKLY;UNTIL=20270412T120000Z\n"
        "EXDATE;TZID=Europe/London:20270308T130000\nRDATE;TZID=Europe/London:20270501T090000"
    )
    moved = (
        "UID:w\nRECURRENCE-ID;TZID=Europe/London:20270315T130000\n"
        "DTSTART;TZID=Europe/London:20270316T100000\nDURATION:PT1H"
    )
    cancelled = (
        "UID:w\nRECURRENCE-ID:20270329T120000Z\nSTATUS:CANCELLED\n"
        "DTSTART;TZID=Europe/London:20270329T130000\nDURATION:PT1H"
    )
    gone = "UID:x\nSTATUS:CANCELLED\nDTSTART;VALUE=DATE:20270601"
    assert [span[:16] for span in spans(weekly, moved, cancelled, gone)] == [
        "2027-03-01T13:00",
        "2027-03-16T10:00",
        "2027-03-22T13:00",
        "2027-04-05T13:00",
        # 13:00 in London is 12:00 in UTC by then: the rule's last.
        "2027-04-12T13:00",
        "2027-05-01T09:00",
    ]


def test_a_yearly_day_is_laid_out_once_a_year_of_the_span() -> None:
    """From long before; and a day may be excluded by its date alone."""
    yearly = "UID:1\nDTSTART;VALUE=DATE:19991224\nRRULE:FREQ=YEARLY"
    assert [span[:10] for span in spans(yearly)] == ["2026-12-24", "2027-12-24"]
    excluded = f"{yearly}\nEXDATE;VALUE=DATE:20261224"
    assert [span[:10] for span in spans(excluded)] == ["2027-12-24"]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ("SUMMARY:No start", "No start: it has no DTSTART"),
        (
            "SUMMARY:Mars\nDTSTART;TZID=Mars/Olympus:20270101T100000",
            "'Mars/Olympus' is known neither",
        ),
        (
            "UID:a\nDTSTART:20270101T100000Z\nDTEND:20270101T090000Z",
            "a: it ends before it begins",
        ),
        ("DTSTART:20270101T100000Z\nRRULE:FREQ=SECONDLY", "at most once a day"),
        ("DTSTART:20270101T100000Z\nRRULE:FREQ=DAILY;BYHOUR=1,2", "more than once a day (BYHOUR)"),
        ("DTSTART:20270101T100000Z\nRRULE:FREQ=DAILY;INTERVAL=0", "INTERVAL: at least 1"),
        (
            "DTSTART:20270101T100000Z\nRECURRENCE-ID;RANGE=THISANDFUTURE:20270101T100000Z",
            "THISANDFUTURE",
        ),
        (
            "DTSTART:20270101T100000Z\nRDATE;VALUE=PERIOD:20270102T100000Z/PT1H",
            "RDATE with periods",
        ),
    ],
)
def test_an_event_that_cannot_be_read_is_told_and_the_others_are_taken(
    event: str, reason: str
) -> None:
    """One wrong event does not make the feed empty, nor is it passed over in silence."""
    feed = feed_of(event, "UID:z\nDTSTART;VALUE=DATE:20270105")
    assert [o.starts for o in feed.occurrences] == [datetime(2027, 1, 5)]  # noqa: DTZ001
    (told,) = feed.not_taken
    assert reason in told


def test_a_rule_that_never_ends_or_never_comes_costs_little() -> None:
    """The end of the span is the end of every rule, also of one that has no day."""
    never = "DTSTART:20000101T100000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"
    assert spans(never) == ["2000-01-01T10:00/2000-01-01T11:00"][1:]
    assert len(spans("DTSTART:20000101T100000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY")) == 396


@pytest.mark.parametrize(
    "data", [b"", b"<html></html>", b"BEGIN:VEVENT\r\nEND:VEVENT\r\n", b"\xff\xfe\x00", b"BEGIN:"]
)
def test_what_is_no_feed_is_refused(data: bytes) -> None:
    """A page of a login, half a file: no feed, and not an empty one."""
    with pytest.raises(FeedInvalid, match="no iCalendar feed"):
        read_feed(data, first=FIRST, last=LAST, where=LONDON)


def test_a_feed_has_a_bound() -> None:
    """So many events are no days of a company."""
    event = "BEGIN:VEVENT\r\nDTSTART;VALUE=DATE:20270105\r\nEND:VEVENT\r\n"
    data = f"BEGIN:VCALENDAR\r\n{event * (EVENTS_MAX + 1)}END:VCALENDAR\r\n".encode()
    with pytest.raises(FeedInvalid, match="events"):
        read_feed(data, first=FIRST, last=LAST, where=LONDON)


def test_an_event_with_a_zone_does_not_fit_a_floating_calendar() -> None:
    """A floating one does."""
    events = ("UID:1\nDTSTART:20270701T120000Z", "UID:2\nDTSTART:20270701T120000")
    feed = read_feed(ics(*events), first=FIRST, last=LAST, where=None)
    assert len(feed.occurrences) == 1
    assert feed.not_taken == ["1: it has a time zone, and the calendar is floating"]


def calendar(**more: Any) -> BusinessCalendar:
    """Return office hours with a night on Fridays."""
    content = {
        "name": "tried",
        "time_zone": "Europe/London",
        "hours": {
            "mon-thu": [["09:00", "12:00"], ["13:00", "17:00"]],
            "fri": [["09:00", "12:00"], ["22:00", "06:00"]],
        },
    }
    return BusinessCalendar.model_validate(content | more)


def occurrence(starts: str, ends: str, summary: str = "Party") -> Occurrence:
    """Return an occurrence; all-day where it is told in dates."""
    return Occurrence(
        datetime.fromisoformat(starts), datetime.fromisoformat(ends), "T" not in starts, summary
    )


def made(
    *found: Occurrence, meaning: Meaning = Meaning.CLOSED, own: BusinessCalendar | None = None
) -> dict[str, str]:
    """Return date to what is made of it, in words."""
    days = days_from(
        found,
        own or calendar(),
        feed="ical",
        meaning=meaning,
        all_day_hours="mon",
        first=FIRST,
        last=LAST,
    )
    return {str(at): _said(day) for at, day in days.items()}


def _said(day: Day) -> str:
    content = day.model_dump(mode="json", exclude_none=True)
    kind = type(day).__name__
    more = [content[key] for key in ("opens", "closes", "windows") if key in content]
    return " ".join([kind, *map(str, more)])


# 2026-12-23 is a Wednesday.
@pytest.mark.parametrize(
    ("starts", "ends", "days"),
    [
        ("2026-12-24", "2026-12-26", {"2026-12-24": "ClosedDay", "2026-12-25": "ClosedDay"}),
        ("2026-12-23T13:30", "2026-12-23T18:00", {"2026-12-23": "HalfDay 13:30"}),
        ("2026-12-23T08:00", "2026-12-23T10:15", {"2026-12-23": "HalfDay 10:15"}),
        ("2026-12-23T12:15", "2026-12-23T12:45", {}),
        ("2026-12-23T09:00", "2026-12-23T17:00", {"2026-12-23": "ClosedDay"}),
        (
            "2026-12-23T10:00",
            "2026-12-23T11:00",
            {
                "2026-12-23": "SpecialOpening "
                "[['09:00', '10:00'], ['11:00', '12:00'], ['13:00', '17:00']]"
            },
        ),
        (
            "2026-12-23T16:00",
            "2026-12-25T10:00",
            {
                "2026-12-23": "HalfDay 16:00",
                "2026-12-24": "ClosedDay",
                "2026-12-25": "HalfDay 10:00",
            },
        ),
        # The night of Friday is Friday's.
        (
            "2026-12-26T02:00",
            "2026-12-26T08:00",
            {"2026-12-25": "SpecialOpening [['09:00', '12:00'], ['22:00', '02:00']]"},
        ),
        # What is left of it after midnight is an opening of Saturday's.
        (
            "2026-12-25T18:00",
            "2026-12-26T01:59:30",
            {
                "2026-12-25": "HalfDay 12:00",
                "2026-12-26": "SpecialOpening [['02:00', '06:00']]",
            },
        ),
        ("2026-12-27T10:00", "2026-12-27T12:00", {}),
    ],
)
def test_events_close_what_they_touch(starts: str, ends: str, days: dict[str, str]) -> None:
    """Whole days, the end or the beginning of one, its middle, several, and what was closed."""
    assert made(occurrence(starts, ends)) == days


def test_openings_are_the_windows_of_their_days() -> None:
    """Timed ones as they are, over midnight by days; an all-day one has Monday's hours."""
    assert made(
        occurrence("2026-12-26T10:00", "2026-12-26T12:00"),
        occurrence("2026-12-26T11:00", "2026-12-26T13:00"),
        occurrence("2026-12-27T22:00", "2026-12-28T02:00"),
        occurrence("2027-01-02", "2027-01-03"),
        meaning=Meaning.OPENINGS,
    ) == {
        "2026-12-26": "SpecialOpening [['10:00', '13:00']]",
        "2026-12-27": "SpecialOpening [['22:00', '24:00']]",
        "2026-12-28": "SpecialOpening [['00:00', '02:00']]",
        "2027-01-02": "SpecialOpening [['09:00', '12:00'], ['13:00', '17:00']]",
    }


def test_what_people_wrote_for_a_day_comes_before_the_feed() -> None:
    """A day with an opening by hand stays; the others of the event are taken."""
    own = calendar(openings=[{"date": "2026-12-24", "windows": [["10:00", "11:00"]]}])
    assert made(occurrence("2026-12-24", "2026-12-26"), own=own) == {"2026-12-25": "ClosedDay"}


def closed(day: str, reason: str = "") -> ClosedDay:
    """Return a closed day of the feed."""
    return ClosedDay(date=date.fromisoformat(day), reason=reason, feed="ical")


def preview(before: list[Day], after: list[Day]) -> tuple[int, int, int, int]:
    """Return how many days are added, removed, moved and changed."""
    found = preview_of(
        {day.date: day for day in before if day.date}, {day.date: day for day in after if day.date}
    )
    return tuple(map(len, (found.added, found.removed, found.moved, found.changed)))  # type: ignore[return-value]


def test_a_preview_tells_moved_days_from_lost_ones() -> None:
    """By the name of the day; the nearest are paired; a day without a name is never moved."""
    may, june = closed("2027-05-03", "Spring"), closed("2027-06-01", "Spring")
    assert preview([may], [june]) == (0, 0, 1, 0)
    assert preview([closed("2027-05-03")], [closed("2027-06-01")]) == (1, 1, 0, 0)
    assert preview([may], [closed("2027-05-03", "May Day")]) == (0, 0, 0, 1)
    assert preview([may, june], [june]) == (0, 1, 0, 0)
    two = preview_of(
        {date(2027, 5, 3): may, date(2027, 6, 1): june},
        {date(2027, 5, 4): closed("2027-05-04", "Spring"), date(2027, 9, 1): closed("2027-09-01")},
    )
    assert [pair.after.date for pair in two.moved] == [date(2027, 5, 4)]
    assert (two.had, two.dropped_share) == (2, 0.5)
    assert preview_of({}, {}).dropped_share == 0


days_drawn = st.dictionaries(
    st.dates(FIRST, date(2027, 1, 10)), st.sampled_from(("", "A", "B")), max_size=12
)


@given(days_drawn, days_drawn)
def test_a_preview_leads_from_what_was_to_what_comes(
    old: dict[date, str], new: dict[date, str]
) -> None:
    """Taking away what goes and adding what comes gives the days of the feed, each told once."""
    before: dict[date, Day] = {at: closed(str(at), reason) for at, reason in old.items()}
    after: dict[date, Day] = {at: closed(str(at), reason) for at, reason in new.items()}
    found = preview_of(before, after)
    gone = [*found.removed, *(p.before for p in (*found.moved, *found.changed))]
    come = [*found.added, *(p.after for p in (*found.moved, *found.changed))]
    left = {day.date: day for day in before.values() if day not in gone}
    assert len(gone) == len(set(gone))
    assert left | {day.date: day for day in come} == after
    assert found.is_empty == (before == after)


def test_a_calendar_keeps_what_is_not_the_feeds_and_not_of_the_span() -> None:
    """Earlier days of the feed, days by hand and of other feeds stay; the rest is replaced."""
    own = calendar(
        closed_days=[
            {"date": "2026-11-30", "feed": "ical"},
            {"date": "2026-12-24", "feed": "ical"},
            {"date": "2026-12-25"},
            {"date": "2026-12-28", "feed": "other"},
            {"every": "12-29"},
        ],
        half_days=[{"date": "2026-12-30", "closes": "12:00", "feed": "ical"}],
    )
    assert sorted(days_of_feed(own, "ical", FIRST, LAST)) == [
        date(2026, 12, 24),
        date(2026, 12, 30),
    ]
    bare = without_feed(own, "ical", FIRST, LAST)
    new: list[Day] = [
        closed("2027-01-04"),
        HalfDay.model_validate({"date": "2027-01-05", "closes": "12:00", "feed": "ical"}),
        SpecialOpening.model_validate(
            {"date": "2027-01-06", "windows": [["22:00", "06:00"]], "feed": "ical"}
        ),
    ]
    whole = with_days(bare, new)
    assert [str(day.key) for day in whole.closed_days] == [
        "12-29",
        "2026-11-30",
        "2026-12-25",
        "2026-12-28",
        "2027-01-04",
    ]
    assert list(days_of_feed(whole, "ical", FIRST, LAST).values()) == new
    assert whole.hours == own.hours
