"""Coverage against a scan of every minute, on generated rosters around changes of the clocks."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise, product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.coverage import OTHER, Ask, Coverage, Place, Row, analyse
from shared.coverage.intervals import Stretches
from shared.organisation import validate_sections
from tests.support.coverage import (
    DAY_MINUTES,
    WEEKDAYS,
    Cover,
    Demand,
    Scan,
    at_utc,
    scope_takes,
)
from tests.support.topologies import ORGANISATION, SCOPES, topologies

DAYS = 14
STEP = 15
WEEK = 7 * DAY_MINUTES
LANGUAGES = ("en", "zh")
MOMENTS = {
    "Europe/London": ("2026-03-29", "2026-10-25"),
    "America/New_York": ("2026-03-08", "2026-11-01"),
    "Australia/Lord_Howe": ("2026-04-04", "2026-10-03"),
    "America/Santiago": ("2026-04-05", "2026-09-06"),
    "Asia/Shanghai": ("2026-02-16", "2026-12-31"),
    "Asia/Kathmandu": ("2026-06-01",),
}
"""Days of changes of the clocks, a spring festival, a new year, and a day like any other."""


def clock(minute: int) -> str:
    """Return a time of day."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def week_of(points: list[int]) -> dict[str, list[list[str]]]:
    """Return weekly hours with a window between each pair of points, split where it must be."""
    days: dict[str, list[list[str]]] = {day: [] for day in WEEKDAYS}
    for start, end in zip(points[::2], points[1::2], strict=False):
        opens = start
        while opens < end:
            day = opens // DAY_MINUTES
            midnight = (day + 1) * DAY_MINUTES
            night = end > midnight and end - opens <= DAY_MINUTES // 2 and end < WEEK
            closes = end if night else min(end, midnight)
            text = "24:00" if closes == midnight else clock(closes % DAY_MINUTES)
            days[WEEKDAYS[day]].append([clock(opens % DAY_MINUTES), text])
            opens = closes
    return days


weeks = st.lists(st.integers(0, WEEK // STEP), min_size=2, max_size=20, unique=True).map(
    lambda points: week_of(sorted(point * STEP for point in points))
)
some = st.lists(st.integers(0, 99), max_size=3)


@st.composite
def rosters(draw: st.DrawFn) -> tuple[dict[str, Any], datetime]:
    """Return the sections of an organisation, and the day at which to look at it."""
    zone = draw(st.sampled_from(sorted(MOMENTS)))
    start = at_utc(draw(st.sampled_from(MOMENTS[zone]))) - timedelta(days=DAYS // 2)
    day = st.integers(-1, DAYS).map(lambda n: (start + timedelta(days=n)).date())
    zones = st.one_of(st.just(zone), st.sampled_from(sorted(MOMENTS)))
    calendars = []
    for number in range(draw(st.integers(1, 4))):
        hours = draw(weeks.filter(lambda week: any(week.values())))
        source = draw(
            st.sampled_from([[], [{"country": "CN"}], [{"country": "GB", "subdivision": "ENG"}]])
        )
        closed, opened = draw(st.lists(day, max_size=2, unique=True)), draw(day)
        special = [
            {"date": opened.isoformat(), "windows": [["06:00", "07:30"], ["23:00", "02:00"]]}
        ]
        calendars.append(
            {
                "name": f"c{number}",
                "time_zone": draw(zones),
                "hours": hours,
                "holidays": source,
                "closed_days": [{"date": each.isoformat()} for each in closed],
                "openings": draw(st.sampled_from([[], special])),
            }
        )
    names = [f"c{number}" for number in range(len(calendars))]
    desks = [
        {
            "name": f"d{number}",
            "title": "Desk",
            "calendar": draw(st.sampled_from(names)),
            "languages": draw(st.sampled_from([["en"], ["zh-Hans", "en"]])),
        }
        for number in range(draw(st.integers(1, 3)))
    ]
    places = [str(desk["name"]) for desk in desks]
    agents: list[dict[str, Any]] = []
    for number in range(draw(st.integers(0, 5))):
        leave = []
        for first in draw(st.lists(day, max_size=2)):
            last = first + timedelta(days=draw(st.integers(0, 3)))
            leave.append({"first": first.isoformat(), "last": last.isoformat()})
        agents.append(
            {
                "id": f"a{number}",
                "name": "Agent",
                "email": "a@example.org",
                "desks": draw(st.lists(st.sampled_from(places), min_size=1, unique=True)),
                "languages": draw(st.sampled_from([["en"], ["zh"], ["zh-Hant-TW", "en-GB"]])),
                "skills": draw(st.sampled_from([{}, {}, {"vpn": 2}])),
                "capacity": draw(st.sampled_from([10, 10, 2, 1, 1, 0])),
                "capacity_by_channel": draw(st.sampled_from([{}, {}, {"phone": 0}])),
                "hours": draw(st.lists(st.sampled_from(names), max_size=2, unique=True)),
                "time_zone": draw(st.one_of(st.none(), zones)),
                "leave": leave,
            }
        )
    queues = []
    for number in range(draw(st.integers(0, 2))):
        able = [(a["id"], d) for a in agents for d in a["desks"] if a["capacity"]]
        if able:
            member, desk = draw(st.sampled_from(able))
            others = [a["id"] for a in agents if desk in a["desks"]]
            more = draw(st.lists(st.sampled_from(others), max_size=2))
            members = list(dict.fromkeys((member, *more)))
            queue = {"name": f"q{number}", "title": "Queue", "desk": desk, "members": members}
            if draw(st.booleans()) and _has_vpn([a for a in agents if a["id"] == member]):
                queue = {"name": f"q{number}", "title": "Queue", "desk": desk, "skill": "vpn"}
            queues.append(queue)
    of_desk = {queue["name"]: queue["desk"] for queue in queues}
    section = draw(topologies(places, of_desk))
    promises = []
    for number in range(draw(st.integers(0, 2))):
        scope = dict(draw(st.sampled_from([{}, *SCOPES])))
        scope["languages"] = draw(st.sampled_from([[], ["zh"], ["en", "zh"]]))
        scope["priorities"] = draw(st.sampled_from([[], ["P1"], ["P2", "P5"]]))
        scope["skills"] = draw(st.sampled_from([[], ["vpn"] if _has_vpn(agents) else []]))
        hours = draw(st.sampled_from(["always", *names]))
        promise = {"name": f"p{number}", "scope": scope, "hours": hours}
        promises.append({**promise, "agents_min": draw(st.integers(1, 3))})
    sections = {
        "organisation": ORGANISATION,
        "calendars": {"calendars": calendars},
        "desks": {"desks": desks, "queues": queues},
        "agents": {"agents": agents},
        "topologies": section,
        "coverage": {"promises": promises},
        "routing": {
            "weights": draw(st.sampled_from([{}, {}, {"incident": 4, "change": 11}])),
            "rules": draw(rules([*places, *of_desk], agents, names)),
            "desks": draw(reserves(places, agents)),
        },
    }
    return sections, start


CONDITIONS = (
    'priority == "P1"',
    'kind in ["incident", "change"] && !vip',
    'service == "pay"',
    'language == "zh" || "P2" == priority',
    'site == "s-west" && kind != "inquiry"',
    'channel == "phone" && priority != "P5"',
    'desk == "d0"',
    '"site" in present && !("business" in present)',
    'country == "GB" || business == "bank"',
    'tier < 2 && region == "east"',
    'category == "access" && !reopened',
    'queue == "q0"',
    'kind.startsWith("in")',
    'service != "vpn" && priority in ["P1", "P2"]',
    "vip && reopened",
    '"mfa" in tags && kind != "change"',
    '!("urgent" in tags || vip)',
    "true",
)


@st.composite
def rules(
    draw: st.DrawFn, groups: list[str], agents: list[dict[str, Any]], calendars: list[str]
) -> list[dict[str, Any]]:
    """Return routing rules: what some ask of requests that some conditions take."""
    found = []
    conditions = draw(st.lists(st.sampled_from(CONDITIONS), max_size=3, unique=True))
    hours: list[dict[str, str]] = [{}, {}, *({key: calendars[0]} for key in ("during", "outside"))]
    hours += [{"during": calendars[0], "outside": other} for other in calendars[1:2]]
    spoken = {language[:2] for agent in agents for language in agent["languages"]}
    for number, when in enumerate(sorted(conditions, key=CONDITIONS.index)):
        rule: dict[str, Any] = {"name": f"r{number}", "when": when}
        rule |= draw(st.sampled_from(hours))
        if _has_vpn(agents):
            rule["skills"] = draw(st.sampled_from([{}, {"vpn": 1}, {"vpn": 2}]))
            if not rule["skills"] and draw(st.booleans()):
                rule["optional_skills"] = [{"skill": "vpn", "level": 2, "after": 600}]
        if draw(st.booleans()):
            language: dict[str, Any] = {"required": True}
            if "en" in spoken and draw(st.booleans()):
                language["fallbacks"] = [{"language": "en", "after": 300}]
            if draw(st.booleans()):
                language["any_after"] = draw(st.sampled_from([120, 1_800]))
            rule["language"] = language
        weight = draw(st.sampled_from([None, None, 1, 3, 11]))
        if weight is not None:
            rule["weight"] = weight
        ring = draw(st.lists(st.sampled_from(groups), max_size=2, unique=True))
        if ring:
            rule["overflow"] = [{"after": 600, "desks": ring[:1]}]
            rule["overflow"] += [{"after": 1_200, "desks": ring[1:]}] if ring[1:] else []
        lasting = draw(st.sampled_from([None, None, 5_400]))
        if lasting is not None:
            rule["open_at_least"] = lasting
        found.append(rule)
    return found


@st.composite
def reserves(
    draw: st.DrawFn, desks: list[str], agents: list[dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return what some desks keep for grave work."""
    found: dict[str, dict[str, Any]] = {}
    for desk in draw(st.lists(st.sampled_from(desks), max_size=2, unique=True)):
        kept: dict[str, Any] = {"priority": draw(st.sampled_from(["P1", "P1", "P4"]))}
        kept |= draw(
            st.sampled_from([{"agents": 1}, {"agents": 2}, {"share": 0.1}, {"share": 0.5}])
        )
        if _has_vpn([a for a in agents if desk in a["desks"]]) and draw(st.booleans()):
            kept["skill"] = "vpn"
        found[desk] = {"reserves": [kept]}
    return found


def _has_vpn(agents: Iterable[dict[str, Any]]) -> bool:
    return any("vpn" in agent["skills"] for agent in agents)


def flags(scan: Scan, stretches: Stretches) -> bytes:
    """Return stretches as a byte for each minute; their bounds must be whole minutes."""
    found = bytearray(scan.minutes)
    for start, end in stretches:
        low, high = _minutes(scan, start, end)
        found[low:high] = b"\1" * (high - low)
    return bytes(found)


def _minutes(scan: Scan, start: int, end: int) -> tuple[int, int]:
    first = round(scan.start.timestamp())
    low, rest = divmod(start - first * 1_000, 60_000)
    high, more = divmod(end - first * 1_000, 60_000)
    assert rest == more == 0
    assert 0 <= low < high <= scan.minutes
    return low, high


def cover_of(scan: Scan, row: Row) -> Cover:
    """Return a row as the scan tells it."""
    desks = row.candidates.every_desk
    windows = list(row.timeline.windows())
    assert all(
        a.end < b.start or (a.agents, a.desks) != (b.agents, b.desks) for a, b in pairwise(windows)
    )
    assert len({late.after for late in row.late}) == len(row.late)
    agents, present, by_hours = (bytearray(scan.minutes) for _ in range(3))
    for window in windows:
        low, high = _minutes(scan, window.start, window.end)
        lasts = high - low
        agents[low:high] = bytes([window.agents]) * lasts
        present[low:high] = bytes([sum(1 << desks.index(n) for n in window.desks)]) * lasts
        by_hours[low:high] = bytes([window.by_hours]) * lasts
    return Cover(
        bytes(agents),
        bytes(present),
        bytes(by_hours),
        flags(scan, row.gaps),
        {late.after: flags(scan, late.stretches) for late in row.late},
    )


def holds(row: Row, opened: dict[str, bool]) -> bool:
    """Return whether a row is for the time when calendars are so."""
    alternatives = [dict(each) for each in row.want.hours]
    return not alternatives or any(each.items() <= opened.items() for each in alternatives)


def within(scan: Scan, told: Cover, mask: int) -> Cover:
    """Return what is told of some minutes."""
    if mask == scan.everything:
        return told
    each = int.from_bytes(bytes(255 * minute for minute in scan.bytes_of(mask)))

    def cut(series: bytes) -> bytes:
        return scan.bytes_of(int.from_bytes(series) & each)

    late = {age: cut(series) for age, series in told.late.items()}
    return Cover(
        cut(told.agents),
        cut(told.desks),
        cut(told.by_hours),
        cut(told.gaps),
        {age: series for age, series in late.items() if any(series)},
    )


class Told:
    """What the rows of an analysis tell of each minute."""

    def __init__(self, scan: Scan, found: Coverage, conditions: str) -> None:
        self._scan = scan
        self._whole = {id(row): cover_of(scan, row) for row in found.rows}
        self._parts: dict[tuple[int, int], Cover] = {}
        self._tags = named_tags(conditions)
        self.states = scan.states()

    def of(self, row: Row) -> Cover:
        """Return all that a row tells; nothing of the time outside its hours."""
        told = self._whole[id(row)]
        holding = sum(mask for opened, mask in self.states if holds(row, opened))
        outside = within(self._scan, told, self._scan.everything & ~holding)
        assert not any(map(any, outside[:4]))
        assert not outside.late
        return told

    def about(self, rows: list[Row], request: dict[str, Any], opened: dict[str, bool]) -> list[Row]:
        """Return the rows that are for a request while calendars are so."""
        return [row for row in rows if meets(row, request, self._tags) and holds(row, opened)]

    def then(self, row: Row, mask: int) -> Cover:
        """Return what a row tells of some minutes."""
        key = (id(row), mask)
        if key not in self._parts:
            self._parts[key] = within(self._scan, self._whole[id(row)], mask)
        return self._parts[key]


def agrees(scan: Scan, row: Row, told: Cover, promises: dict[str, dict[str, Any]]) -> None:
    """Hold what a row says of all time and of its promises against its windows."""
    own = (1 << len(row.candidates.desks)) - 1
    overlaps = bytes((here & own).bit_count() > 1 for here in told.desks)
    assert flags(scan, row.overlaps) == overlaps
    broken, thin = 0, 0
    for name in row.promises:
        promise = promises[name]
        hours = scan.everything
        if promise["hours"] != "always":
            hours = scan.calendars[promise["hours"]]
        few = bytes(
            bool(here) and not alone and count < promise["agents_min"]
            for here, alone, count in zip(told.desks, told.by_hours, told.agents, strict=True)
        )
        broken |= hours & int.from_bytes(told.gaps)
        thin |= hours & int.from_bytes(few)
    assert flags(scan, row.broken) == scan.bytes_of(broken)
    assert flags(scan, row.thin) == scan.bytes_of(thin)


def named_tags(conditions: str) -> frozenset[str]:
    """Return the tags that conditions name."""
    return frozenset(t for t in ("mfa", "urgent") if f'"{t}" in tags' in conditions)


def meets(row: Row, request: dict[str, Any], tags: frozenset[str]) -> bool:
    """Return whether a row is for a request, by what it says of itself.

    Of tags other than those that conditions name no row speaks.
    """
    if row.want.language not in {None, request["language"]}:
        return False
    for field, values in row.want.when:
        value = request[field]
        if field == "tags":
            value = tuple(sorted(tags.intersection(value)))
        others = value == "never-heard-of" and OTHER in values
        if value not in values and not others:
            return False
    return True


class Rows:
    """The rows of an analysis by what they are about."""

    def __init__(self, found: Coverage) -> None:
        scopes = [scope for row in found.rows for scope in row.scopes]
        self._services = {name for scope in scopes for name in scope.services}
        self._businesses = {name for scope in scopes for name in scope.businesses}
        self._rows: dict[tuple[object, ...], list[Row]] = {}
        for row in found.rows:
            for scope in row.scopes:
                for about in product(
                    scope.places,
                    scope.services,
                    scope.businesses,
                    scope.channels,
                    row.asks,
                ):
                    for choice in scope.choices or ("any",):
                        key = (*about, choice)
                        self._rows.setdefault(key, []).append(row)

    def of(self, demand: Demand) -> list[Row]:
        """Return the rows of a demand: as many as the routing rules tell its requests apart."""
        about = (
            Place(demand.region, demand.site),
            demand.service if demand.service in self._services else OTHER,
            demand.business if demand.business in self._businesses else OTHER,
            demand.channel,
            Ask(demand.language, demand.skill),
        )
        # Of a menu that has no such entry it is as if nothing was chosen.
        rows = self._rows.get((*about, "any"), [])
        rows = rows or self._rows.get((*about, demand.choice), [])
        rows = rows or self._rows.get((*about, None), [])
        assert rows, demand
        assert len(set(map(id, rows))) == len(rows)
        return rows


def hold_against_a_scan(sections: dict[str, Any], start: datetime, days: int) -> None:
    """Compare every request, row and promise of an organisation with a scan of every minute."""
    found = analyse(validate_sections(sections), start, days=days)
    scan = Scan(sections, start, days)
    promises = {promise["name"]: promise for promise in sections["coverage"]["promises"]}
    skills = sorted({skill for agent in sections["agents"]["agents"] for skill in agent["skills"]})
    uncovered = dict.fromkeys(promises, 0)
    rows = Rows(found)
    section = sections.get("routing", {}).get("rules", [])
    told = Told(scan, found, " ".join(rule["when"] for rule in section))
    scanned: dict[str, Cover] = {}
    met: set[int] = set()
    looked_at: set[tuple[object, ...]] = set()
    for demand in scan.demands(LANGUAGES, skills):
        of_demand = rows.of(demand)
        found_takers = of_demand[0].candidates
        takers = scan.candidates(demand)
        assert takers == (
            found_takers.desks,
            found_takers.fallback,
            found_takers.stand_ins,
            found_takers.queue,
            takers.holder,
        )
        assert found_takers.held_by == (takers.holder or takers.desks[0])
        asked_by = [
            name
            for name, promise in promises.items()
            if demand.language in (promise["scope"]["languages"] or [None])
            and demand.skill in (promise["scope"]["skills"] or [None])
            and scope_takes(promise["scope"], demand)
        ]
        # What neither the rows nor any condition tells apart needs no second look.
        about = (tuple(map(id, of_demand)), tuple(asked_by), scan.seen_by_rules(demand), takers)
        if about in looked_at:
            continue
        looked_at.add(about)
        for request, (opened, mask) in product(scan.requests(demand), told.states):
            wanted = scan.wanted(demand, takers, request, opened)
            key = repr((wanted, opened))
            if key not in scanned:
                scanned[key] = within(scan, scan.cover(wanted), mask)
            here = told.about(of_demand, request, opened)
            same = [row for row in here if told.then(row, mask) == scanned[key]]
            assert same, (demand, request, opened, wanted)
            met.update(map(id, same))
            for name in asked_by:
                priorities = promises[name]["scope"].get("priorities", [])
                if priorities and request["priority"] not in priorities:
                    continue
                assert all(name in row.promises for row in here)
                hours = promises[name]["hours"]
                promised = scan.everything if hours == "always" else scan.calendars[hours]
                uncovered[name] |= promised & int.from_bytes(scanned[key].gaps)
    for row in found.rows:
        assert id(row) in met, "no request is of this row"
        agrees(scan, row, told.of(row), promises)
        assert not row.want.undecided
    assert [kept.promise.name for kept in found.promises] == list(promises)
    for kept in found.promises:
        assert flags(scan, kept.uncovered) == scan.bytes_of(uncovered[kept.promise.name])
        assert kept.holds == (not uncovered[kept.promise.name])
        assert (kept.first is None) == kept.holds
        if kept.first is not None:
            assert kept.first.start == kept.uncovered[0][0]
    keys = [(row.candidates, row.want, row.agents, row.by_hours, row.asks) for row in found.rows]
    assert len(keys) == len(set(keys)), "two rows have the same desks, agents and wants"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rosters())
def test_coverage_is_what_a_scan_of_every_minute_finds(
    roster: tuple[dict[str, Any], datetime],
) -> None:
    """On generated rosters around changes of the clocks each demand's windows are the scan's."""
    hold_against_a_scan(*roster, DAYS)


@pytest.mark.chaos
@pytest.mark.skipif(not os.environ.get("HELIODESK_CHAOS"), reason="runs under `make chaos`")
@pytest.mark.timeout(3_600)
@settings(max_examples=1_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rosters())
def test_coverage_is_what_a_scan_finds_on_a_thousand_rosters(
    roster: tuple[dict[str, Any], datetime],
) -> None:
    """The long form: a thousand generated rosters."""
    hold_against_a_scan(*roster, DAYS)


def test_coverage_of_four_hundred_days_is_what_a_scan_finds() -> None:
    """Three regions with holidays, swapped working days, leave and part-time hours: all the same."""
    office = {day: [["09:00", "12:30"], ["13:30", "18:00"]] for day in WEEKDAYS[:5]}
    nights = {day: [["21:00", "06:00"]] for day in WEEKDAYS}
    mornings = {day: [["08:00", "13:00"]] for day in WEEKDAYS[:6]}
    england = [{"country": "GB", "subdivision": "ENG"}]
    calendars = [
        {
            "name": "cn",
            "time_zone": "Asia/Shanghai",
            "hours": office,
            "holidays": [{"country": "CN"}],
        },
        {"name": "gb", "time_zone": "Europe/London", "hours": office, "holidays": england},
        {"name": "ny", "time_zone": "America/New_York", "hours": nights},
        {"name": "early", "time_zone": "Europe/London", "hours": mornings},
    ]
    desks = [
        {"name": desk, "title": "Desk", "calendar": desk, "languages": ["en", "zh"]}
        for desk in ("cn", "gb", "ny")
    ]
    leave = [
        {"first": "2026-12-20", "last": "2027-01-06"},
        {"first": "2027-03-27", "last": "2027-03-29"},
    ]
    person = {"name": "A", "email": "a@example.org", "capacity": 5, "skills": {}, "leave": []}
    agents = [
        {**person, "id": "cai", "desks": ["cn"], "languages": ["zh"], "hours": []},
        {**person, "id": "ann", "desks": ["gb", "ny"], "languages": ["en"], "hours": ["early"]},
        {**person, "id": "bob", "desks": ["gb"], "languages": ["en"], "hours": [], "leave": leave},
        {**person, "id": "eve", "desks": ["cn", "gb"], "languages": ["en", "zh"], "hours": []},
    ]
    sections: dict[str, Any] = {
        "organisation": {"languages": list(LANGUAGES), "regions": [], "sites": []},
        "calendars": {"calendars": calendars},
        "desks": {"desks": desks},
        "agents": {"agents": agents},
        "topologies": {
            "topologies": [
                {"name": "sun", "shape": "follow_the_sun", "desks": ["cn", "gb"], "fallback": "ny"}
            ]
        },
        "coverage": {
            "promises": [
                {
                    "name": "office",
                    "scope": {"languages": [], "skills": []},
                    "hours": "gb",
                    "agents_min": 2,
                }
            ]
        },
    }
    hold_against_a_scan(sections, at_utc("2026-06-01"), 400)
