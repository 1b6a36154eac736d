"""Coverage by examples that were worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from shared.calendar.days import from_ms, to_ms
from shared.coverage import DAYS, DAYS_MAX, Ask, Coverage, CoverageView, Row, analyse
from shared.coverage.heat import HOURS, Heat, heat_blocks
from shared.coverage.intervals import Stretches, intersection, total, union
from shared.coverage.patterns import patterns
from shared.coverage.presence import Presence, Where
from shared.coverage.telling import asks_words, hours_words, pattern_words
from shared.organisation import parse_sections, validate_sections
from shared.organisation.configuration import Hours
from tests.support.cost import assert_linear
from tests.support.coverage import large_sections
from tests.unit.organisation_files import FILES, changed

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
WEEK_DAYS = 7
HOUR_MS = 3_600_000
SAMPLE = Path(__file__).parents[2] / "deploy" / "sample"


def look(files: dict[str, str], *, days: int = WEEK_DAYS, start: datetime = MONDAY) -> Coverage:
    """Return the coverage of some days under some files."""
    return analyse(parse_sections(files), start, days=days)


def row(found: Coverage, *desks: str, ask: Ask | None = None) -> Row:
    """Return the row of these candidate desks."""
    (only,) = (r for r in found.rows if r.candidates.desks == desks and (ask or Ask()) in r.asks)
    return only


def spans(stretches: Stretches) -> list[str]:
    """Return stretches as day and time of both ends."""
    return [f"{from_ms(start):%a %H:%M}-{from_ms(end):%a %H:%M}" for start, end in stretches]


def test_follow_the_sun_hands_over_from_desk_to_desk() -> None:
    """Shanghai works 01-09 UTC, London 09-17, the centre always: it covers, but is no overlap."""
    found = look(FILES)
    sun = row(found, "shanghai", "london")
    assert (sun.candidates.desks, sun.candidates.fallback) == (("shanghai", "london"), "centre")
    assert sun.gaps == []
    assert sun.overlaps == []
    # Ann and Bo are of the centre, which never closes, and each counts once wherever else they are.
    first = [(w.agents, w.desks) for w in sun.timeline.windows()][:4]
    assert first == [
        (2, ("centre",)),
        (3, ("shanghai", "centre")),
        (2, ("london", "centre")),
        (2, ("centre",)),
    ]


def test_a_language_leaves_out_who_does_not_speak_it() -> None:
    """English without the centre's agent who speaks only Chinese: Ann is always there."""
    sun = row(look(FILES), "shanghai", "london", ask=Ask("en"))
    assert sun.agents == ("ann", "cai")
    chinese = look(changed("organisation.yaml", "regions:", "languages: [en, zh]\nregions:"))
    assert row(chinese, "shanghai", "london", ask=Ask("zh")).agents == ("bo", "cai")


def test_a_skill_that_nobody_has_is_one_gap() -> None:
    """Cai and Ann know VPN; of the counter of London's region only Ann does."""
    found = look(FILES)
    assert row(found, "london", ask=Ask(None, "vpn")).agents == ("ann",)
    nobody = row(
        look(changed("agents.yaml", ", skills: [vpn]", "")), "london", ask=Ask(None, "vpn")
    )
    assert nobody.agents == ()
    assert spans(nobody.gaps) == ["Mon 00:00-Mon 00:00"]


def test_leave_takes_an_agent_away_from_midnight_to_midnight_at_home() -> None:
    """Ann is away on Tuesday and Wednesday of London: nobody is at the counter on both days."""
    leave = "skills: [vpn], leave: [{first: 2026-11-24, last: 2026-11-25, reason: Home}]"
    counter = row(look(changed("agents.yaml", "skills: [vpn]", leave)), "london")
    assert spans(counter.gaps) == [
        "Mon 00:00-Mon 09:00",
        "Mon 17:00-Thu 09:00",
        "Thu 17:00-Fri 09:00",
        "Fri 17:00-Mon 00:00",
    ]


def test_leave_of_another_zone_begins_at_that_zone_s_midnight() -> None:
    """On Tokyo's Tuesday it is already Monday 15:00 in UTC."""
    leave = "leave: [{first: 2026-11-24, last: 2026-11-24}], time_zone: Asia/Tokyo"
    counter = row(look(changed("agents.yaml", "skills: [vpn]", leave)), "london")
    assert spans(counter.gaps)[:2] == ["Mon 00:00-Mon 09:00", "Mon 15:00-Tue 15:00"]


def test_hours_of_an_agent_are_a_union_within_those_of_the_desk() -> None:
    """Ann works the hours of China: at London's desk that is nothing, as the two only touch."""
    counter = row(look(changed("agents.yaml", "skills: [vpn]", "hours: [china]")), "london")
    assert spans(counter.gaps) == ["Mon 00:00-Mon 00:00"]
    both = changed("agents.yaml", "skills: [vpn]", "hours: [china, always]")
    assert spans(row(look(both), "london").gaps)[0] == "Mon 00:00-Mon 09:00"


def test_a_desk_without_a_roster_counts_by_its_hours_alone() -> None:
    """Nobody knows how many are there: it covers, is never thin, and says so."""
    files = changed("agents.yaml", "desks: [london, centre]", "desks: [centre]") | {
        "coverage.yaml": "promises: [{name: two, scope: {sites: [leeds], channels: [walk-up]}, "
        "hours: day, agents_min: 2}]\n"
    }
    found = look(files)
    counter = row(found, "london")
    assert (counter.agents, counter.by_hours) == ((), ("london",))
    assert spans(counter.gaps)[0] == "Mon 00:00-Mon 09:00"
    assert all(w.by_hours == w.is_covered for w in counter.timeline.windows())
    assert counter.thin == []
    sun = row(found, "shanghai", "london")
    assert "london" in sun.by_hours
    french = analyse(parse_sections(files), MONDAY, days=7, asks=[Ask("fr")])
    assert row(french, "london", ask=Ask("fr")).by_hours == ()
    assert french.promises[0].holds


def test_who_may_hold_no_work_does_not_count() -> None:
    """Capacity 0 is nobody, though the desk has a roster."""
    counter = row(look(changed("agents.yaml", "skills: [vpn]", "capacity: 0")), "london")
    assert (counter.agents, counter.by_hours) == ((), ())


def test_a_promise_is_thin_below_its_agents_and_broken_without_any() -> None:
    """Two at the counter in London's hours: Ann alone is thin. Around the clock: broken."""
    scope = "scope: {sites: [leeds], channels: [walk-up], priorities: [P1]}"
    files = FILES | {
        "coverage.yaml": f"promises:\n  - {{name: two, {scope}, hours: day, agents_min: 2}}\n"
        f"  - {{name: ever, {scope}}}\n"
    }
    found = look(files)
    two, ever = found.promises
    assert (two.holds, ever.holds) == (True, False)
    assert total(two.thin) == 5 * 8 * HOUR_MS
    assert total(ever.uncovered) == (7 * 24 - 5 * 8) * HOUR_MS
    assert ever.first is not None
    assert spans([(ever.first.start, ever.first.end)]) == ["Mon 00:00-Mon 09:00"]
    assert ever.first.zones == ("Europe/London",)
    assert [kept.promise.name for kept in found.broken] == ["ever"]
    view = CoverageView.of(found)
    assert view.promises[0].broken is None
    assert view.promises[1].broken is not None


def test_the_first_gap_of_a_promise_is_the_earliest_of_its_requests() -> None:
    """At both counters: Leeds' is closed from Monday 00:00 on, Wuhan's only from 09:00 on."""
    files = FILES | {
        "coverage.yaml": 'promises: [{name: counters, scope: {sites: ["*"], channels: [walk-up]}}]\n'
    }
    night = datetime(2026, 11, 23, 2, tzinfo=UTC)
    (kept,) = look(files, start=night).promises
    assert kept.first is not None
    assert [place.site for place in kept.first.scope.places] == ["leeds"]
    midday = datetime(2026, 11, 23, 10, tzinfo=UTC)
    (later,) = look(files, start=midday).promises
    assert later.first is not None
    assert [place.site for place in later.first.scope.places] == ["wuhan"]


def test_a_fallback_that_is_one_of_the_desks_overlaps_like_them() -> None:
    """London is among those that follow the sun and holds the work as well: Ann and the centre."""
    files = changed(
        "topologies.yaml",
        "[shanghai, london], fallback: centre",
        "[centre, london], fallback: london",
    )
    sun = row(look(files), "centre", "london")
    assert sun.candidates.fallback is None
    assert spans(sun.overlaps)[0] == "Mon 09:00-Mon 17:00"


def test_a_swapped_saturday_in_china_is_work() -> None:
    """On Sunday 2026-09-20 China works for the holiday after it; on the Saturday before it rests."""
    files = changed(
        "calendars.yaml",
        "[[09:00, 17:00]]}}\n  - {name: always",
        "[[09:00, 17:00]]}, holidays: [{country: CN}]}\n  - {name: always",
    )
    found = analyse(
        parse_sections(files), datetime(2026, 9, 18, 16, tzinfo=UTC), days=2, asks=[Ask()]
    )
    (shanghai,) = (r for r in found.rows if r.candidates.desks == ("shanghai",))
    assert spans(shanghai.gaps) == ["Fri 16:00-Sun 01:00", "Sun 09:00-Sun 16:00"]
    assert found.provisional == ()


def test_beyond_the_official_days_cover_is_provisional() -> None:
    """China's swapped days are known until the end of a year; from then on the row says so."""
    files = changed(
        "calendars.yaml",
        "[[09:00, 17:00]]}}\n  - {name: always",
        "[[09:00, 17:00]]}, holidays: [{country: CN}]}\n  - {name: always",
    )
    configuration = parse_sections(files)
    (years,) = configuration.calendar("china").holiday_years()
    assert years.official_until is not None
    midnight = datetime(years.official_until, 12, 31, 16, tzinfo=UTC)
    found = analyse(configuration, midnight - timedelta(days=1), days=2)
    (unsettled,) = found.provisional
    assert (unsettled.calendar, unsettled.time_zone) == ("china", "Asia/Shanghai")
    assert unsettled.stretches == [(to_ms(midnight), to_ms(midnight + timedelta(days=1)))]
    shanghai = row(found, "shanghai")
    assert shanghai.is_provisional(to_ms(midnight), to_ms(midnight) + 1)
    assert not shanghai.is_provisional(to_ms(midnight) - 1, to_ms(midnight))
    assert row(found, "london").provisional == []


def test_requests_that_nothing_tells_apart_are_one_row() -> None:
    """Leeds' counter and its region's are one scope; payroll and the rest of the centre another."""
    found = look(FILES)
    counter = row(found, "london")
    ((place,),) = (scope.places for scope in counter.scopes)
    assert (place.site, place.region) == ("leeds", "emea")
    (scope,) = counter.scopes
    assert scope.channels == ("walk-up",)
    assert set(scope.services) == {None, "*"}
    (pay,) = (s for r in found.rows for s in r.scopes if s.topology == "pay" and Ask() in r.asks)
    assert (len(pay.places), pay.services, len(pay.channels)) == (5, ("payroll",), 7)


def test_the_sample_keeps_its_promises_whenever_it_is_applied() -> None:
    """Three years from any day of the release: no promise breaks, and none is thin."""
    files = {str(p.relative_to(SAMPLE)): p.read_text("utf-8") for p in SAMPLE.rglob("*.yaml")}
    start = datetime(2026, 1, 1, tzinfo=UTC)
    found = analyse(parse_sections(files), start, days=DAYS_MAX, promised_only=True)
    assert [(kept.holds, kept.thin) for kept in found.promises] == [(True, []), (True, [])]


def test_fifty_desks_with_five_hundred_agents_cost_no_more_than_their_days() -> None:
    """What control does before it applies: 400 days; a quadratic sweep would take minutes."""
    configuration = validate_sections(large_sections(desks=50, agents=500))
    assert_linear(
        lambda days: analyse(configuration, MONDAY, days=days, promised_only=True), int, DAYS
    )
    found = analyse(configuration, MONDAY, promised_only=True)
    assert len(found.rows) == 51
    assert sum(len(row.timeline.starts) for row in found.rows) > 50_000


# --- patterns, words and pictures ------------------------------------------------------------


def at(day: int, hour: int, weeks: int = 0) -> int:
    """Return an hour of a day of the week that begins on the Monday."""
    return to_ms(MONDAY + timedelta(weeks=weeks, days=day, hours=hour))


def test_a_weekend_that_comes_again_is_one_line() -> None:
    """Fifty-seven weekends are one pattern, with the first, the last and how many."""
    weekends = [(at(5, 0, n), at(7, 0, n)) for n in range(57)]
    (pattern,) = patterns(weekends)
    assert (pattern.times, pattern.weekdays) == (57, (5,))
    assert pattern_words(pattern) == (
        "every Sat 00:00–Mon 00:00 UTC from 2026-11-28 until 2027-12-25, 57 times"
    )


def test_weekdays_of_one_kind_are_one_line_and_a_holiday_does_not_end_it() -> None:
    """Nights from Monday to Thursday with one of them missing stay one pattern."""
    nights = [(at(day, 17, n), at(day + 1, 9, n)) for n in range(6) for day in range(4)]
    nights.remove((at(2, 17, 3), at(3, 9, 3)))
    (pattern,) = patterns(nights)
    assert pattern_words(pattern, ["Asia/Shanghai"]) == (
        "every Mon–Thu 17:00–09:00 the next day UTC (first: Asia/Shanghai Tue 01:00–17:00) "
        "from 2026-11-23 until 2028-01-01, 23 times"
    ).replace("2028-01-01", "2026-12-31")


def test_what_comes_seldom_is_told_alone() -> None:
    """Two of a kind are two lines; a long hole makes two patterns of two seasons."""
    twice = [(at(0, 1, n), at(0, 2, n)) for n in (0, 1)]
    assert [pattern.times for pattern in patterns(twice)] == [1, 1]
    seasons = [(at(0, 1, n), at(0, 2, n)) for n in (0, 1, 2, 20, 21, 22)]
    assert [(p.start, p.times) for p in patterns(seasons)] == [(at(0, 1), 3), (at(0, 1, 20), 3)]


def test_some_days_in_a_row_are_one_line() -> None:
    """Two weeks between two changes of clocks: fourteen days, none of them often."""
    days = [(at(day, 14), at(day, 17)) for day in range(14)]
    (pattern,) = patterns(days)
    assert pattern_words(pattern).startswith("every day 14:00–17:00 UTC")
    assert pattern.times == 14


def test_patterns_lose_nothing() -> None:
    """The times of all patterns are the number of stretches, whatever they are."""
    mixed = [(at(day, hour), at(day, hour + 1)) for day in range(60) for hour in range(0, 24, 7)]
    assert sum(pattern.times for pattern in patterns(mixed)) == len(mixed)


def test_asks_of_the_same_languages_are_told_together() -> None:
    """Languages are joined, then skills."""
    asks = [Ask(language, skill) for skill in (None, "vpn") for language in (None, "zh")]
    assert asks_words(asks) == "any language/zh with no special skill/vpn"
    assert asks_words([Ask(), Ask("en", "vpn")]) == "any language; en with vpn"
    assert hours_words(90 * 60_000) == "1.5 h"
    assert hours_words(5 * 60_000) == "5 min"


def test_an_hour_of_the_picture_counts_by_its_worst_instant() -> None:
    """London's counter: from 9 to 17 Ann alone, else nobody; the weekend is one block."""
    blocks = heat_blocks(row(look(FILES), "london"), to_ms(MONDAY), WEEK_DAYS)
    assert sum(block.width * block.height for block in blocks) == WEEK_DAYS * HOURS
    (open_hours,) = (block for block in blocks if block.heat is Heat.ONE)
    assert (open_hours.x, open_hours.y) == (0, 9)
    assert (open_hours.width, open_hours.height) == (5, 8)
    assert {block.heat for block in blocks} == {Heat.ONE, Heat.GAP}


def test_an_hour_in_which_somebody_comes_late_is_without_anybody() -> None:
    """Open from 09:30 to 17:30: of the hours 9 and 17 only a half is covered, so they count as gaps."""
    files = changed(
        "calendars.yaml",
        "Europe/London, hours: {mon-fri: [[09:00, 17:00]]}",
        "Europe/London, hours: {mon-fri: [[09:30, 17:30]]}",
    )
    blocks = heat_blocks(row(look(files), "london"), to_ms(MONDAY), WEEK_DAYS)
    (open_hours,) = (block for block in blocks if block.heat is Heat.ONE)
    assert (open_hours.y, open_hours.height) == (10, 7)


def test_broken_hours_stand_out_of_gaps() -> None:
    """What is promised and uncovered is another heat than what nobody promised."""
    files = FILES | {
        "coverage.yaml": "promises: [{name: china, scope: {sites: [leeds], channels: [walk-up]}, "
        "hours: china}]\n"
    }
    blocks = heat_blocks(row(look(files), "london"), to_ms(MONDAY), WEEK_DAYS)
    (broken,) = (block for block in blocks if block.heat is Heat.BROKEN)
    assert (broken.x, broken.y) == (0, 1)
    assert (broken.width, broken.height) == (5, 8)


def test_stretches_are_half_open() -> None:
    """What touches becomes one, and what only touches has nothing in common."""
    assert union([[(0, 2), (5, 6)], [(2, 3)], []]) == [(0, 3), (5, 6)]
    assert intersection([(0, 2), (4, 9)], [(2, 4), (5, 6), (8, 12)]) == [(5, 6), (8, 9)]


def test_a_floating_calendar_covers_in_the_zone_of_each_desk() -> None:
    """Nine to five is London's at one desk and Hong Kong's at the other; hours follow the agent."""
    files = dict(FILES)
    files["calendars.yaml"] += (
        "  - {name: local, time_zone: floating, hours: {mon-sun: [[09:00, 17:00]]}}\n"
    )
    files["desks.yaml"] = (
        files["desks.yaml"]
        .replace("calendar: day,", "calendar: local, time_zone: Europe/London,")
        .replace("calendar: china,", "calendar: local,")
    )
    presence = Presence(
        parse_sections(files),
        datetime(2026, 3, 2, tzinfo=UTC),
        datetime(2026, 3, 3, tzinfo=UTC),
    )
    hour = 3_600_000
    start = presence.start_ms
    assert presence.desk(Where("london")) == [(start + 9 * hour, start + 17 * hour)]
    assert presence.desk(Where("shanghai")) == [(start + hour, start + 9 * hour)]
    tokyo = (Hours("local", "Asia/Tokyo"),)
    assert list(presence.at_desk(Where("shanghai"), tokyo)) == [(start + hour, start + 8 * hour)]
