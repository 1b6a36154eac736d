"""Coverage found by looking at every minute: it reads the sections and nothing of the analysis.

A series holds one byte for each minute, as one large integer: `&` and `|` look at all minutes at
once, and `+` counts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import accumulate
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import holidays

MINUTE = timedelta(minutes=1)
DAY_MINUTES = 1440
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MARGIN = 3 * DAY_MINUTES
"""Minutes before and after: windows that began earlier reach into the days that are looked at."""
CHANNELS = ("email", "phone", "walk-up")
"""One that no generated scope names, and those that some do."""


class Demand(NamedTuple):
    """One request, as far as it can be told apart."""

    region: str | None
    site: str | None
    service: str | None
    channel: str
    language: str | None
    skill: str | None
    business: str | None = None
    country: str | None = None
    choice: str | None = None


class Takers(NamedTuple):
    """Who may take a demand."""

    desks: tuple[str, ...]
    fallback: str | None = None
    stand_ins: tuple[str, ...] = ()
    queue: str | None = None


@cache
def wall(zone: str, first: datetime, minutes: int) -> list[datetime]:
    """Return the latest time that the wall clock has shown, minute by minute."""
    rules = ZoneInfo(zone)
    shown = ((first + n * MINUTE).astimezone(rules).replace(tzinfo=None) for n in range(minutes))
    return list(accumulate(shown, max))


@cache
def public_days(country: str, part: str | None, year: int) -> tuple[frozenset[date], ...]:
    """Return the holidays and the swapped working days of a year."""
    known = holidays.country_holidays(country, subdiv=part, years=year, expand=False)
    return frozenset(known), frozenset(known.weekend_workdays)


class Scan:
    """Every minute of some days under the sections of a configuration."""

    def __init__(self, sections: Mapping[str, Any], start: datetime, days: int) -> None:
        self.start, self.minutes = start, days * DAY_MINUTES
        self._first = start - MARGIN * MINUTE
        self._sections = sections
        self.calendars = {
            calendar["name"]: self._calendar(calendar)
            for calendar in sections["calendars"]["calendars"]
        }
        self._zones = {c["name"]: c["time_zone"] for c in sections["calendars"]["calendars"]}
        self.desks = {desk["name"]: desk for desk in sections["desks"]["desks"]}
        self.agents = sections["agents"]["agents"]
        self.queues = {queue["name"]: queue for queue in sections["desks"].get("queues", [])}

    def _shown(self, zone: str) -> list[datetime]:
        return wall(zone, self._first, self.minutes + 2 * MARGIN)

    def _series(self, flags: bytearray) -> int:
        return int.from_bytes(flags[MARGIN : MARGIN + self.minutes])

    def bytes_of(self, series: int) -> bytes:
        """Return a series as a byte for each minute."""
        return series.to_bytes(self.minutes)

    @property
    def everything(self) -> int:
        """A series of ones."""
        return int.from_bytes(b"\1" * self.minutes)

    def _calendar(self, calendar: Mapping[str, Any]) -> int:
        shown = self._shown(calendar["time_zone"])
        flags = bytearray(len(shown))
        day = shown[0].replace(hour=0, minute=0) - timedelta(days=2)
        while day <= shown[-1]:
            for opens, closes in _windows_of(calendar, day.date()):
                low = bisect_left(shown, day + opens * MINUTE)
                high = bisect_left(shown, day + closes * MINUTE)
                flags[low:high] = b"\1" * (high - low)
            day += timedelta(days=1)
        return self._series(flags)

    def at_desk(self, agent: Mapping[str, Any], desk: str) -> int:
        """Return when an agent is at a desk."""
        opened = self.calendars[self.desks[desk]["calendar"]]
        shift = opened if not agent["hours"] else 0
        for name in agent["hours"]:
            shift |= self.calendars[name]
        first = self.desks[agent["desks"][0]]
        zone = agent.get("time_zone") or first.get("time_zone") or self._zones[first["calendar"]]
        shown = self._shown(zone)
        away = bytearray(len(shown))
        for leave in agent["leave"]:
            midnight = datetime.fromisoformat(leave["first"])
            behind = datetime.fromisoformat(leave["last"]) + timedelta(days=1)
            low, high = bisect_left(shown, midnight), bisect_left(shown, behind)
            away[low:high] = b"\1" * (high - low)
        return opened & shift & ~self._series(away)

    def cover(
        self,
        desks: Sequence[str],
        language: str | None,
        skill: str | None,
        queue: str | None = None,
    ) -> tuple[bytes, bytes, bytes]:
        """Return for each minute how many agents, which desks (a bit each), and by hours alone."""
        present, counts, by_hours = [0] * len(desks), 0, 0
        for agent in self.agents:
            fits = (
                agent["capacity"] > 0
                and (skill is None or skill in agent["skills"])
                and _speaks(agent["languages"], language)
                and (queue is None or self._is_member(agent, self.queues[queue]))
            )
            here = 0
            for number, desk in enumerate(desks):
                if fits and desk in agent["desks"]:
                    there = self.at_desk(agent, desk)
                    present[number] |= there
                    here |= there
            counts += here
        for number, desk in enumerate(desks):
            staffed = any(desk in agent["desks"] for agent in self.agents)
            if not staffed and _speaks(self.desks[desk].get("languages", ["en"]), language):
                present[number] = self.calendars[self.desks[desk]["calendar"]]
                by_hours |= present[number]
        bits = sum(series << number for number, series in enumerate(present))
        return self.bytes_of(counts), self.bytes_of(bits), self.bytes_of(by_hours)

    @staticmethod
    def _is_member(agent: Mapping[str, Any], queue: Mapping[str, Any]) -> bool:
        if queue.get("members"):
            return agent["id"] in queue["members"]
        return bool(agent["skills"].get(queue["skill"], 0) >= queue.get("level", 1))

    def candidates(self, demand: Demand) -> Takers:
        """Return who may take a demand by the first topology that takes it."""
        section = self._sections["topologies"]
        for topology in section["topologies"]:
            if scope_takes(topology.get("scope", {}), demand):
                return self._under(topology, demand)
        return Takers((section["fallback"],))

    def _under(  # noqa: PLR0911 -- a shape each.
        self, topology: Mapping[str, Any], demand: Demand
    ) -> Takers:
        match topology["shape"]:
            case "self_service":
                named = {t["name"]: t for t in self._sections["topologies"]["topologies"]}
                return self._under(named[topology["behind"]], demand)
            case "centralized":
                support = topology.get("business_support", {})
                if demand.service in support.get("services", []):
                    named_one = support.get("group") or support.get("department")
                    return self._group(named_one or topology["desk"])
                return Takers((topology["desk"],))
            case "central_contact_point":
                to = (
                    topology.get("by_service", {}).get(demand.service)
                    or topology.get("by_site", {}).get(demand.site)
                    or topology.get("by_business", {}).get(demand.business)
                    or topology.get("by_region", {}).get(demand.region)
                )
                by_hand = topology.get("distribute") == "by_hand"
                return Takers((topology["point"],)) if by_hand or not to else self._group(to)
            case "local" | "local_contact_point":
                desk = (
                    topology.get("by_site", {}).get(demand.site)
                    or topology.get("by_business", {}).get(demand.business)
                    or topology.get("by_region", {}).get(demand.region)
                    or topology["fallback"]
                )
                overflow = topology.get("overflow", {})
                after = overflow.get("neighbours", {}).get(desk, [])
                if overflow.get("policy") == "centre" and overflow["centre"] != desk:
                    after = [overflow["centre"]]
                return Takers((desk,), stand_ins=tuple(after))
            case "call_centre_menu":
                entry = topology["entries"].get(demand.choice)
                return self._group(entry["group"] if entry else topology["default"])
            case "hybrid":
                return Takers((topology["centre"],))
            case _:
                desks, fallback = tuple(topology["desks"]), topology["fallback"]
                return Takers(desks, None if fallback in desks else fallback)

    def _group(self, name: str) -> Takers:
        if name in self.queues:
            return Takers((self.queues[name]["desk"],), queue=name)
        return Takers((name,))

    def demands(self, languages: Iterable[str], skills: Iterable[str]) -> list[Demand]:
        """Return every demand: of each place, service, business, channel, language and so on."""
        organisation = self._sections["organisation"]
        places: list[tuple[str | None, str | None, str | None]] = [(None, None, None)]
        places += [(r["name"], None, r.get("country")) for r in organisation["regions"]]
        places += [(s["region"], s["name"], s.get("country")) for s in organisation["sites"]]
        known = [found["name"] for found in organisation.get("businesses", [])]
        businesses = (None, *known, "something-else") if known else (None,)
        menus = [t for t in self._sections["topologies"]["topologies"] if "entries" in t]
        keys = sorted({key for menu in menus for key in menu["entries"]})
        return [
            Demand(region, site, service, channel, language, skill, business, country, choice)
            for region, site, country in places
            for service in (None, "pay", "something-else")
            for business in businesses
            for channel in CHANNELS
            for choice in (None, *keys)
            for language in (None, *languages)
            for skill in (None, *skills)
        ]


def scope_takes(scope: Mapping[str, Any], demand: Demand) -> bool:
    """Return whether a scope takes a demand: each list that is not empty must fit."""
    for field, given in (
        ("regions", demand.region),
        ("sites", demand.site),
        ("countries", demand.country),
        ("businesses", demand.business),
        ("services", demand.service),
        ("channels", demand.channel),
    ):
        wanted = scope.get(field, [])
        if wanted and (given is None or (given not in wanted and "*" not in wanted)):
            return False
    return True


def _speaks(languages: Iterable[str], wanted: str | None) -> bool:
    return wanted is None or any(have.split("-")[0] == wanted.split("-")[0] for have in languages)


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


def _windows_of(calendar: Mapping[str, Any], day: date) -> list[tuple[int, int]]:
    """Return the windows that open on a local day, in minutes from its midnight."""
    week: Mapping[str, Any] = calendar["hours"]
    windows = week.get(WEEKDAYS[day.weekday()], [])
    for source in calendar.get("holidays", []):
        free, swapped = public_days(source["country"], source.get("subdivision"), day.year)
        if day in free:
            windows = []
            break
        if day in swapped:
            windows = week.get("mon", [])
    if any(closed["date"] == day.isoformat() for closed in calendar.get("closed_days", [])):
        windows = []
    for opening in calendar.get("openings", []):
        if opening["date"] == day.isoformat():
            windows = opening["windows"]
    found = []
    for opens, closes in windows:
        low, high = _minutes(opens), _minutes(closes)
        found.append((low, high if high > low else high + DAY_MINUTES))
    return found


def at_utc(text: str) -> datetime:
    """Return an instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


COUNTRIES = (
    ("Europe/London", "GB"),
    ("America/New_York", "US"),
    ("Asia/Shanghai", "CN"),
    ("Asia/Kolkata", "IN"),
    ("Australia/Sydney", "AU"),
    ("Europe/Berlin", "DE"),
    ("America/Sao_Paulo", "BR"),
    ("Asia/Tokyo", "JP"),
)


def large_sections(*, desks: int, agents: int) -> dict[str, Any]:
    """Return an organisation of many desks around the world, all of which follow the sun.

    Each desk has a calendar with a lunch break and holidays; every fifth agent serves two desks,
    a third of them have shifts of their own, and all have leave.
    """
    offices = [
        {
            "name": f"c{n}",
            "time_zone": COUNTRIES[n % 8][0],
            "hours": {"mon-fri": [["08:00", "12:30"], ["13:15", "18:00"]]},
            "holidays": [{"country": COUNTRIES[n % 8][1]}],
        }
        for n in range(desks)
    ]
    shifts = [
        {
            "name": f"s{n}",
            "time_zone": COUNTRIES[n % 8][0],
            "hours": {"mon-sun": [[f"{6 + n % 8:02d}:00", f"{14 + n % 8:02d}:00"]]},
        }
        for n in range(30)
    ]
    people = [
        {
            "id": f"a{n}",
            "name": "Agent",
            "email": "a@example.org",
            "desks": sorted(
                {f"d{n % desks}", f"d{(n * 7 + 1) % desks if n % 5 == 0 else n % desks}"}
            ),
            "languages": ["en", "zh"] if n % 4 == 0 else ["en"],
            "skills": [f"k{n % 12}", f"k{n % 7}"],
            "hours": [f"s{n % 30}"] if n % 3 == 0 else [],
            "leave": [
                {"first": f"2027-{month:02d}-{1 + n % 20:02d}", "last": f"2027-{month:02d}-28"}
                for month in (2, 7)
            ],
        }
        for n in range(agents)
    ]
    names = [f"d{n}" for n in range(desks)]
    promise = {"name": "day-and-night", "scope": {"priorities": ["P1"]}}
    sun = {"name": "sun", "shape": "follow_the_sun", "desks": names, "fallback": "d0"}
    sites = [{"name": f"site{n}", "title": "Site", "region": "west"} for n in range(desks)]
    local = {
        "name": "local",
        "shape": "local",
        "scope": {"channels": ["walk-up"], "sites": ["*"]},
        "by_site": {f"site{n}": f"d{n}" for n in range(desks)},
        "fallback": "d0",
    }
    return {
        "organisation": {
            "languages": ["en", "zh"],
            "regions": [{"name": "west", "title": "West"}],
            "sites": sites,
        },
        "calendars": {"calendars": [*offices, *shifts]},
        "desks": {"desks": [{"name": d, "title": "Desk", "calendar": f"c{d[1:]}"} for d in names]},
        "agents": {"agents": people},
        "topologies": {"topologies": [local, sun]},
        "coverage": {"promises": [promise]},
    }
