"""Coverage found by looking at every minute: it reads the sections and nothing of the analysis.

A series holds one byte for each minute, as one large integer: `&` and `|` look at all minutes at
once, and `+` counts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import accumulate, product
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import holidays

from shared.expressions import compile_condition
from shared.organisation import ROUTING_FIELDS

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
    holder: str | None = None
    """Who holds it while none is open."""


class Wanted(NamedTuple):
    """What one request wants: of the desks in order, by the rule that it meets at each."""

    desks: tuple[str, ...]
    rules: tuple[Mapping[str, Any], ...]
    queue: str | None
    asked: str | None
    spoken: str
    skill: str | None
    kind: str
    channel: str
    priority: str
    holder: str


class Cover(NamedTuple):
    """Who is there, a byte for each minute."""

    agents: bytes
    desks: bytes
    """A bit for each."""
    by_hours: bytes
    gaps: bytes
    late: dict[int, bytes]
    """Seconds in the queue to when somebody may take it from then on, and nobody before."""


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
        self._lasting: dict[tuple[str, int], int] = {}
        self._at_work: dict[str, bytes] = {}
        self._left: dict[tuple[str, int, int], int] = {}

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
        return self._series(self._open_minutes(calendar))

    def _open(self, calendar: str, seconds: int) -> int:
        """Return when a calendar is open and will be for so long, in whole minutes."""
        if not seconds:
            return self.calendars[calendar]
        known = self._lasting.get((calendar, seconds))
        if known is None:
            all_of_them = self._sections["calendars"]["calendars"]
            flags = self._open_minutes(next(c for c in all_of_them if c["name"] == calendar))
            left = 0
            for minute in reversed(range(len(flags))):
                left = left + 1 if flags[minute] else 0
                flags[minute] = left > seconds // 60
            known = self._lasting[calendar, seconds] = self._series(flags)
        return known

    def _open_minutes(self, calendar: Mapping[str, Any]) -> bytearray:
        shown = self._shown(calendar["time_zone"])
        flags = bytearray(len(shown))
        day = shown[0].replace(hour=0, minute=0) - timedelta(days=2)
        while day <= shown[-1]:
            for opens, closes in _windows_of(calendar, day.date()):
                low = bisect_left(shown, day + opens * MINUTE)
                high = bisect_left(shown, day + closes * MINUTE)
                flags[low:high] = b"\1" * (high - low)
            day += timedelta(days=1)
        return flags

    def at_desk(self, agent: Mapping[str, Any], desk: str, seconds: int = 0) -> int:
        """Return when an agent is at a desk that will be open for so long."""
        opened = self._open(self.desks[desk]["calendar"], seconds)
        return opened & self._on_shift(agent, opened)

    def _on_shift(self, agent: Mapping[str, Any], opened: int) -> int:
        """Return when an agent is on shift and not on leave; without hours it is while opened."""
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
        return shift & ~self._series(away)

    def _given(
        self, agent: Mapping[str, Any], desk: str, wanted: Wanted, rule: Mapping[str, Any]
    ) -> int:
        """Return when an agent is at a desk and no reserve keeps the agent from the work."""
        found = self.at_desk(agent, desk, rule.get("open_at_least", 0))
        weight = self._weight(wanted, rule)
        for name, said in self._sections.get("routing", {}).get("desks", {}).items():
            for number, reserve in enumerate(said.get("reserves", [])):
                if name in agent["desks"] and wanted.priority > reserve["priority"]:
                    if reserve.get("skill") and reserve["skill"] not in agent["skills"]:
                        continue
                    if "agents" in reserve and agent["capacity"] > weight:
                        continue
                    found &= self._room_left(name, number, reserve, weight)
        return found

    def _room_left(self, desk: str, number: int, reserve: Mapping[str, Any], weight: int) -> int:
        """Return when work of a weight leaves what a reserve keeps, minute by minute."""
        known = self._left.get((desk, number, weight))
        if known is not None:
            return known
        keepers = [
            (agent["capacity"], self._minutes_at_work(agent))
            for agent in self.agents
            if desk in agent["desks"] and agent["capacity"]
            if not reserve.get("skill") or reserve["skill"] in agent["skills"]
        ]
        flags = bytearray(self.minutes)
        for minute in range(self.minutes):
            here = [capacity for capacity, there in keepers if there[minute]]
            if "agents" in reserve:
                flags[minute] = len(here) > reserve["agents"]
            else:
                # In whole percents, so that nothing is rounded.
                kept = -(-round(100 * reserve["share"]) * sum(here) // 100)
                flags[minute] = sum(here) - weight >= kept
        found = self._left[desk, number, weight] = int.from_bytes(flags)
        return found

    def _minutes_at_work(self, agent: Mapping[str, Any]) -> bytes:
        known = self._at_work.get(agent["id"])
        if known is None:
            opened = 0
            for desk in agent["desks"]:
                opened |= self.calendars[self.desks[desk]["calendar"]]
            known = self._at_work[agent["id"]] = self.bytes_of(self._on_shift(agent, opened))
        return known

    def _weight(self, wanted: Wanted, rule: Mapping[str, Any]) -> int:
        weights = self._sections.get("routing", {}).get("weights", {})
        return int(rule.get("weight") or weights.get(wanted.kind, 1))

    def cover(self, wanted: Wanted) -> Cover:
        """Return for each minute how many agents, which desks (a bit each), and so on."""
        desks = wanted.desks
        present, counts, by_hours = [0] * len(desks), 0, 0
        for agent in self.agents:
            here = 0
            for number, (desk, rule) in enumerate(zip(desks, wanted.rules, strict=True)):
                group = desk if wanted.queue is None else wanted.queue
                if self._fits(agent, group, wanted, rule, -1):
                    there = self._given(agent, desk, wanted, rule)
                    present[number] |= there
                    here |= there
            counts += here
        for number, (desk, rule) in enumerate(zip(desks, wanted.rules, strict=True)):
            staffed = any(desk in agent["desks"] for agent in self.agents)
            spoken = self.desks[desk].get("languages", ["en"])
            required = rule.get("language", {}).get("required", False)
            speaks = _speaks(spoken, wanted.asked) and (
                not required or _speaks(spoken, wanted.spoken)
            )
            if not staffed and not rule.get("skills") and speaks:
                seconds = rule.get("open_at_least", 0)
                present[number] = self._open(self.desks[desk]["calendar"], seconds)
                by_hours |= present[number]
        bits = sum(series << number for number, series in enumerate(present))
        late, gaps = self._late(wanted, self._where_none(bits))
        return Cover(
            self.bytes_of(counts),
            self.bytes_of(bits),
            self.bytes_of(by_hours),
            self.bytes_of(gaps),
            late,
        )

    def _where_none(self, bits: int) -> int:
        return int.from_bytes(bytes(not here for here in self.bytes_of(bits)))

    def _late(self, wanted: Wanted, gaps: int) -> tuple[dict[int, bytes], int]:
        """Return what is covered at which age and not before, and what never is."""
        ages = {ring["after"] for rule in wanted.rules for ring in rule.get("overflow", [])}
        for rule in wanted.rules:
            said = rule.get("language", {})
            ages |= {fallback["after"] for fallback in said.get("fallbacks", [])}
            ages |= {said["any_after"]} if "any_after" in said else set()
            ages |= {optional["after"] for optional in rule.get("optional_skills", [])}
        opened = {d: self.calendars[self.desks[d]["calendar"]] for d in wanted.desks}
        closed = self.everything
        for series in opened.values():
            closed &= ~series
        opened[wanted.holder] |= closed
        found: dict[int, bytes] = {}
        for age in sorted(ages):
            own, rings = 0, 0
            for desk, rule in zip(wanted.desks, wanted.rules, strict=True):
                group = desk if wanted.queue is None else wanted.queue
                reached = [r for r in rule.get("overflow", []) if r["after"] <= age]
                others = {name for ring in reached for name in ring["desks"] if name != group}
                in_ring = 0
                for agent in self.agents:
                    if self._fits(agent, group, wanted, rule, age):
                        own |= self._given(agent, desk, wanted, rule)
                    for name in others:
                        if self._fits(agent, name, wanted, rule, age):
                            at = self.queues[name]["desk"] if name in self.queues else name
                            in_ring |= self._given(agent, at, wanted, rule)
                rings |= in_ring & opened[desk]
            covered = gaps & (own | rings)
            if covered:
                found[age] = self.bytes_of(covered)
                gaps &= ~covered
        return found, gaps

    def _fits(  # noqa: PLR0911 -- a reason each.
        self,
        agent: Mapping[str, Any],
        group: str,
        wanted: Wanted,
        rule: Mapping[str, Any],
        age: int,
    ) -> bool:
        """Return whether an agent is of a desk or queue and may take a request of an age."""
        if group in self.queues:
            queue = self.queues[group]
            if queue["desk"] not in agent["desks"] or not self._is_member(agent, queue):
                return False
        elif group not in agent["desks"]:
            return False
        weight = self._weight(wanted, rule)
        room = agent.get("capacity_by_channel", {}).get(wanted.channel, agent["capacity"])
        if min(room, agent["capacity"]) < weight:
            return False
        if wanted.skill is not None and wanted.skill not in agent["skills"]:
            return False
        skills = list(rule.get("skills", {}).items())
        skills += [
            (optional["skill"], optional["level"])
            for optional in rule.get("optional_skills", [])
            if optional["after"] > age
        ]
        if any(agent["skills"].get(skill, 0) < level for skill, level in skills):
            return False
        if not _speaks(agent["languages"], wanted.asked):
            return False
        said = rule.get("language", {})
        if not said.get("required") or said.get("any_after", age + 1) <= age:
            return True
        others = [f["language"] for f in said.get("fallbacks", []) if f["after"] <= age]
        return any(_speaks(agent["languages"], each) for each in (wanted.spoken, *others))

    def seen_by_rules(self, demand: Demand) -> tuple[object, ...]:
        """Return what of a demand a rule may ask for: the fields that any condition names."""
        section = self._sections.get("routing", {})
        text = " ".join(rule["when"] for rule in section.get("rules", []))
        fields = ("region", "site", "service", "business", "country")
        named = tuple(getattr(demand, field) if field in text else None for field in fields)
        return (*named, demand.channel, demand.language, demand.skill)

    def requests(self, demand: Demand) -> list[dict[str, Any]]:
        """Return the requests of a demand that conditions may tell apart, by all their fields."""
        section = self._sections.get("routing", {})
        text = " ".join(rule.get("when", "") for rule in section.get("rules", []))
        every: dict[str, list[Any]] = {
            "kind": ["incident", "inquiry", "change", "complaint"],
            "priority": ["P1", "P2", "P5"],
            "category": ["access", "never-heard-of", None],
            "vip": [False, True],
            "reopened": [False, True],
            "tags": [[], ["mfa"], ["mfa", "urgent"], ["never-heard-of"]],
        }
        if not section.get("weights") and "kind" not in text:
            every["kind"] = ["incident"]
        if any(desk.get("reserves") for desk in section.get("desks", {}).values()):
            # What is kept is kept from the priorities below it.
            every["priority"] = ["P1", "P2", "P3", "P4", "P5"]
        for field in ("category", "vip", "reopened", "tags"):
            if field not in text:
                every[field] = every[field][:1]
        languages = self._sections["organisation"]["languages"]
        every["language"] = [demand.language] if demand.language else list(languages)
        return [dict(zip(every, values, strict=True)) for values in product(*every.values())]

    def states(self) -> list[tuple[dict[str, bool], int]]:
        """Return how the calendars of rules are open or closed together, and when that is so."""
        rules = self._sections.get("routing", {}).get("rules", [])
        names = sorted({r[key] for r in rules for key in ("during", "outside") if key in r})
        found = []
        for opened in product((True, False), repeat=len(names)):
            mask = self.everything
            for name, is_open in zip(names, opened, strict=True):
                mask &= self.calendars[name] if is_open else ~self.calendars[name]
            if mask:
                found.append((dict(zip(names, opened, strict=True)), mask))
        return found

    def wanted(
        self,
        demand: Demand,
        takers: Takers,
        request: Mapping[str, Any],
        opened: Mapping[str, bool],
    ) -> Wanted:
        """Return what a request wants of whom: the first rule counts that takes it then."""
        desks = takers.desks + takers.stand_ins
        desks += (takers.fallback,) if takers.fallback is not None else ()
        section = self._sections.get("routing", {})
        facts = {
            **{f: getattr(demand, f) for f in ("region", "site", "service", "channel")},
            "business": demand.business,
            "country": demand.country,
            "queue": takers.queue,
            **request,
        }
        rules = []
        for desk in desks:
            at = {**facts, "desk": desk, "tier": self.desks[desk].get("tier", 1)}
            met: Mapping[str, Any] = {}
            for rule in section.get("rules", []):
                if not opened.get(rule.get("during"), True) or opened.get(rule.get("outside")):
                    continue
                if compile_condition(rule["when"], ROUTING_FIELDS)(at):
                    met = rule
                    break
            rules.append(met)
        return Wanted(
            desks,
            tuple(rules),
            takers.queue,
            demand.language,
            request["language"],
            demand.skill,
            request["kind"],
            demand.channel,
            request["priority"],
            takers.holder or takers.fallback or takers.desks[0],
        )

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
                return Takers(desks, None if fallback in desks else fallback, holder=fallback)

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
            for service in (None, "pay", "vpn", "something-else")
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
