"""The field's classic case as configurations: forty cities, two thousand users, seven desks' shapes.

Three operators sit at the centre, resident engineers in three cities, and elsewhere a supplier
goes. Places, desks and people are the same in every shape; only the topologies, and the level of
the operators, are another's. All of it is derived from the tables here: no clock, no chance.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import yaml

Sections = dict[str, Any]
"""Section to content, as control takes it."""
Topologies = dict[str, Any]
"""Content of the section ``topologies``."""

USERS: Final = 2_000
OPERATORS: Final = ("op-1", "op-2", "op-3")
RESIDENTS: Final[Mapping[str, str]] = {
    "beijing": "resident-beijing",
    "london": "resident-london",
    "new-york": "resident-new-york",
}
"""City to the desk of its engineers; to every other city a supplier sends somebody."""
SUPPLIERS: Final[Mapping[str, str]] = {
    "americas": "supplier-americas",
    "emea": "supplier-emea",
    "apac": "supplier-apac",
}
REGIONS: Final = ("americas", "emea", "apac")
BUSINESSES: Final = ("headquarters", "manufacturing", "retail", "research")
RUNNING_THE_BUSINESS: Final = ("payments", "payroll")
EXCHANGE: Final = "exchange"
"""The integration of the telephone exchange."""
HOTLINE: Final = "+862150000000"
MENU: Final[Mapping[str, str]] = {
    "1": "network-experts",
    "2": "erp-experts",
    "3": "workplace-experts",
}


class City(NamedTuple):
    """A place where people work."""

    name: str
    region: str
    country: str
    time_zone: str

    @property
    def title(self) -> str:
        """The name as people write it."""
        return self.name.replace("-", " ").title()


CITIES: Final = tuple(
    City(name, region, country, zone)
    for region, cities in {
        "americas": (
            ("new-york", "US", "America/New_York"),
            ("chicago", "US", "America/Chicago"),
            ("denver", "US", "America/Denver"),
            ("san-francisco", "US", "America/Los_Angeles"),
            ("toronto", "CA", "America/Toronto"),
            ("vancouver", "CA", "America/Vancouver"),
            ("mexico-city", "MX", "America/Mexico_City"),
            ("bogota", "CO", "America/Bogota"),
            ("sao-paulo", "BR", "America/Sao_Paulo"),
            ("buenos-aires", "AR", "America/Argentina/Buenos_Aires"),
        ),
        "emea": (
            ("london", "GB", "Europe/London"),
            ("manchester", "GB", "Europe/London"),
            ("dublin", "IE", "Europe/Dublin"),
            ("paris", "FR", "Europe/Paris"),
            ("lyon", "FR", "Europe/Paris"),
            ("berlin", "DE", "Europe/Berlin"),
            ("munich", "DE", "Europe/Berlin"),
            ("madrid", "ES", "Europe/Madrid"),
            ("milan", "IT", "Europe/Rome"),
            ("warsaw", "PL", "Europe/Warsaw"),
            ("stockholm", "SE", "Europe/Stockholm"),
            ("istanbul", "TR", "Europe/Istanbul"),
            ("dubai", "AE", "Asia/Dubai"),
            ("johannesburg", "ZA", "Africa/Johannesburg"),
        ),
        "apac": (
            ("shanghai", "CN", "Asia/Shanghai"),
            ("beijing", "CN", "Asia/Shanghai"),
            ("shenzhen", "CN", "Asia/Shanghai"),
            ("chengdu", "CN", "Asia/Shanghai"),
            ("wuhan", "CN", "Asia/Shanghai"),
            ("urumqi", "CN", "Asia/Urumqi"),
            ("hong-kong", "HK", "Asia/Hong_Kong"),
            ("taipei", "TW", "Asia/Taipei"),
            ("tokyo", "JP", "Asia/Tokyo"),
            ("osaka", "JP", "Asia/Tokyo"),
            ("seoul", "KR", "Asia/Seoul"),
            ("singapore", "SG", "Asia/Singapore"),
            ("kuala-lumpur", "MY", "Asia/Kuala_Lumpur"),
            ("mumbai", "IN", "Asia/Kolkata"),
            ("bengaluru", "IN", "Asia/Kolkata"),
            ("sydney", "AU", "Australia/Sydney"),
        ),
    }.items()
    for name, country, zone in cities
)
CITY: Final[Mapping[str, City]] = {city.name: city for city in CITIES}


@dataclass(frozen=True, slots=True)
class User:
    """One of the two thousand, by number: fifty in each city, all businesses in each."""

    number: int

    @property
    def city(self) -> City:
        """Where they work."""
        return CITIES[self.number % len(CITIES)]

    @property
    def business(self) -> str:
        """What they work for."""
        return BUSINESSES[self.number // len(CITIES) % len(BUSINESSES)]

    @property
    def employee(self) -> str:
        """Their number with the company."""
        return f"E{self.number:05d}"

    @property
    def mail(self) -> str:
        """Their address."""
        return f"user{self.number:04d}@classic.example"

    @property
    def phone(self) -> str:
        """Their number in E.164, of a range that is kept for stories."""
        return f"+1202555{self.number:04d}"

    def row(self) -> dict[str, str]:
        """Return them as contacts are imported."""
        return {
            "employee": self.employee,
            "name": f"User {self.number:04d}",
            "mail": self.mail,
            "phone": self.phone,
            "site": self.city.name,
            "region": self.city.region,
            "business": self.business,
            "language": "en",
            "time_zone": self.city.time_zone,
        }


def users(count: int = USERS) -> list[User]:
    """Return the first of the users."""
    return [User(number) for number in range(count)]


def user_at(city: str, business: str = "headquarters") -> User:
    """Return the first user of a business in a city."""
    return User(
        next(i for i, c in enumerate(CITIES) if c.name == city)
        + BUSINESSES.index(business) * len(CITIES)
    )


@dataclass(frozen=True, slots=True)
class Case:
    """One version of the case: its topologies, and who is open today.

    Args:
        topologies: content of the section.
        label: what tells this version from others; it stands in the title of the desk ``duty``.
        operators: level of the three at the centre.
        closed: desks that are closed on the day, the one before and the one after.
        today: the day, in UTC.
    """

    topologies: Topologies
    label: str
    operators: Literal["call-operator", "logger", "skilled", "expert"] = "skilled"
    closed: Collection[str] = ()
    today: date = date(2026, 3, 2)

    def sections(self) -> Sections:
        """Return the whole configuration."""
        return {
            "organisation": _organisation(),
            "calendars": self._calendars(),
            "desks": self._desks(),
            "agents": {"agents": _agents(self.operators)},
            "suppliers": _suppliers(),
            "topologies": self.topologies,
            "catalogue": _catalogue(),
            "integrations": {"integrations": [_exchange()]},
            "templates": {"sender": "help@classic.example", "sender_name": "Classic Case"},
        }

    def files(self) -> dict[str, str]:
        """Return it as the files of a directory, name to YAML."""
        return {
            f"{name}.yaml": yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=100)
            for name, content in self.sections().items()
        }

    def write(self, folder: Path) -> Path:
        """Write the files into a folder, which is made; return it."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in self.files().items():
            (folder / name).write_text(text, encoding="utf-8")
        return folder

    def _calendars(self) -> Sections:
        days = [self.today + timedelta(days=shift) for shift in (-1, 0, 1, 2)]
        closed_days = [{"date": day.isoformat(), "reason": "closed for the story"} for day in days]
        always = {"time_zone": "UTC", "hours": "24x7"}
        return {
            "calendars": [
                {"name": "always", **always},
                {"name": "closed-today", **always, "closed_days": closed_days},
            ]
        }

    def _desks(self) -> Sections:
        closed = frozenset(self.closed)
        desks = [
            {
                **desk,
                "calendar": "closed-today" if desk["name"] in closed else "always",
                "languages": ["en", "zh"],
                "email": f"{desk['name']}@classic.example",
            }
            for desk in _desks(self.operators, label=self.label)
        ]
        return {"desks": desks, "queues": _queues()}


def centralized(*, support: Literal["desk", "group", "department"] = "desk") -> Topologies:
    """One desk takes everything; who supports the running of the business is a setting."""
    return {"topologies": [{"name": "centre", **_centralized(support)}], "fallback": "duty"}


def central_contact_point(
    *, distribute: Literal["automatic", "by_hand"] = "automatic"
) -> Topologies:
    """The centre records and distributes: to residents, to suppliers, and by subject."""
    return {
        "topologies": [{"name": "point", **_point(distribute)}],
        "fallback": "duty",
    }


def local_contact_point(*, overflow: Literal["wait", "neighbour", "centre"]) -> Topologies:
    """Each region, and the plants as a business, have a desk of their own."""
    return {"topologies": [{"name": "local", **_local(overflow)}], "fallback": "duty"}


def call_centre_menu() -> Topologies:
    """One central number; the choice picks the expert group."""
    return {"topologies": [{"name": "hotline", **_menu()}], "fallback": "duty"}


def virtual() -> Topologies:
    """One address and one number over the regional desks, and visits on site."""
    return {"topologies": [{"name": "virtual", **_virtual()}], "fallback": "duty"}


def hybrid() -> Topologies:
    """The centre is the first contact, then the regional desk is."""
    return {"topologies": [{"name": "hybrid", **_hybrid()}], "fallback": "duty"}


def self_service(*, wait: str | None = None) -> Topologies:
    """The portal is tier 0, and the centre is behind it."""
    portal = {"name": "portal", "scope": {"channels": ["web"]}, **_self_service("centre", wait)}
    return {
        "topologies": [portal, {"name": "centre", **_centralized("desk")}],
        "fallback": "duty",
    }


def seven(*, china: Literal["point", "local"] = "point") -> Topologies:
    """All seven at once, each for its own scope; one scope, China, can have another shape.

    What comes from no place, by mail and from no plant, is in no scope: the fallback has it.
    """
    in_china = (
        _point("automatic")
        if china == "point"
        else {
            "shape": "local_contact_point",
            "by_site": {"beijing": RESIDENTS["beijing"]},
            "by_region": {"apac": "apac"},
            "fallback": "centre",
        }
    )
    return {
        "topologies": [
            {
                "name": "payments",
                "scope": {"services": list(RUNNING_THE_BUSINESS)},
                **_centralized("department"),
            },
            {"name": "hotline", "scope": {"channels": ["phone"]}, **_menu()},
            {"name": "portal", "scope": {"channels": ["web"]}, **_self_service("world", None)},
            {"name": "plants", "scope": {"businesses": ["manufacturing"]}, **_local("centre")},
            {"name": "china", "scope": {"countries": ["CN"]}, **in_china},
            {"name": "europe", "scope": {"regions": ["emea"]}, **_hybrid()},
            {"name": "world", "scope": {"regions": ["*"]}, **_virtual()},
        ],
        "fallback": "duty",
    }


def _centralized(support: str) -> Topologies:
    names = {"group": {"group": "centre-payments"}, "department": {"department": "payments-office"}}
    return {
        "shape": "centralized",
        "desk": "centre",
        "business_support": {
            "by": support,
            "services": list(RUNNING_THE_BUSINESS),
            **names.get(support, {}),
        },
    }


def _point(distribute: str) -> Topologies:
    return {
        "shape": "central_contact_point",
        "point": "centre",
        "distribute": distribute,
        "by_service": {"erp": "erp-experts"},
        "by_site": dict(RESIDENTS),
        "by_region": dict(SUPPLIERS),
    }


def _local(overflow: str) -> Topologies:
    how: Topologies = {"policy": overflow}
    if overflow == "centre":
        how["centre"] = "centre"
    elif overflow == "neighbour":
        how["neighbours"] = {
            "emea": ["apac", "americas"],
            "apac": ["emea", "americas"],
            "americas": ["emea", "apac"],
        }
    return {
        "shape": "local_contact_point",
        "by_business": {"manufacturing": "plant"},
        "by_region": {region: region for region in REGIONS},
        "fallback": "centre",
        "overflow": how,
    }


def _menu() -> Topologies:
    entries = {
        key: {"title": group.replace("-", " ").capitalize(), "group": group}
        for key, group in MENU.items()
    }
    return {"shape": "call_centre_menu", "entries": entries, "default": "centre"}


def _virtual() -> Topologies:
    by_site = {city.name: RESIDENTS.get(city.name, SUPPLIERS[city.region]) for city in CITIES}
    return {
        "shape": "virtual",
        "desks": ["apac", "emea", "americas"],
        "fallback": "centre",
        "visits": {"by_site": by_site},
    }


def _hybrid() -> Topologies:
    return {
        "shape": "hybrid",
        "centre": "centre",
        "by_business": {"manufacturing": "plant"},
        "by_region": {region: region for region in REGIONS},
        "fallback": "centre",
    }


def _self_service(behind: str, wait: str | None) -> Topologies:
    return {"shape": "self_service", "behind": behind, **({} if wait is None else {"wait": wait})}


def _organisation() -> Sections:
    titles = {
        "americas": "Americas",
        "emea": "Europe, Middle East and Africa",
        "apac": "Asia Pacific",
    }
    return {
        "name": "Classic Case",
        "languages": ["en", "zh"],
        "regions": [{"name": region, "title": titles[region]} for region in REGIONS],
        "sites": [
            {
                "name": city.name,
                "title": city.title,
                "region": city.region,
                "country": city.country,
                "time_zone": city.time_zone,
            }
            for city in CITIES
        ],
        "businesses": [{"name": name, "title": name.capitalize()} for name in BUSINESSES],
    }


def _catalogue() -> Sections:
    names = ("network", "workplace", "erp", *RUNNING_THE_BUSINESS)
    return {"services": [{"name": name, "title": name.capitalize()} for name in names]}


def _exchange() -> Sections:
    return {
        "name": EXCHANGE,
        "door": "cti",
        "settings": {"country": "CN", "lines": [{"number": HOTLINE}]},
    }


def _suppliers() -> Sections:
    return {
        "suppliers": [
            {
                "name": f"visits-{region}",
                "title": f"Visits on site, {region}",
                "calendar": "always",
                "email": f"visits.{region}@supplier.example",
                "services": ["network", "workplace"],
            }
            for region in REGIONS
        ]
    }


def _desks(operators: str, *, label: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {
            "name": "centre",
            "title": "Service centre",
            "tier": 1,
            "staffing": operators,
            "grouping": "function",
            "phone": HOTLINE,
            "escalates_to": "experts",
        }
    ]
    found += [
        {
            "name": region,
            "title": f"Regional desk {region}",
            "region": region,
            "tier": 1,
            "phone": f"+44207946000{number}",
            "address": f"Service desk, {region}",
            "escalates_to": "experts",
        }
        for number, region in enumerate(REGIONS)
    ]
    found += [
        {
            "name": desk,
            "title": f"Resident engineers, {CITY[city].title}",
            "region": CITY[city].region,
            "tier": 2,
            "staffing": "expert",
        }
        for city, desk in RESIDENTS.items()
    ]
    found += [
        {"name": desk, "title": f"Supplier, {region}", "region": region, "tier": 2}
        for region, desk in SUPPLIERS.items()
    ]
    found += [
        {"name": "plant", "title": "Plants' desk", "tier": 1, "grouping": "function"},
        {
            "name": "experts",
            "title": "Experts",
            "tier": 3,
            "staffing": "expert",
            "grouping": "function",
        },
        {
            "name": "payments-office",
            "title": "Payments office",
            "tier": 1,
            "staffing": "expert",
            "grouping": "function",
        },
        {"name": "duty", "title": f"On duty ({label})", "tier": 1, "grouping": "function"},
    ]
    return found


def _queues() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {
            "name": "centre-payments",
            "title": "Payments, at the centre",
            "desk": "centre",
            "members": ["op-3"],
        }
    ]
    found += [
        {
            "name": group,
            "title": group.replace("-", " ").capitalize(),
            "desk": "experts",
            "skill": group.removesuffix("-experts"),
            "level": 3,
        }
        for group in MENU.values()
    ]
    return found


def _agents(operators: str) -> list[dict[str, Any]]:
    found = [_agent(name, "centre", staffing=operators) for name in OPERATORS]
    found += [_agent(f"{region}-{n}", region) for region in REGIONS for n in (1, 2)]
    found += [_agent(f"{desk}-{n}", desk) for desk in RESIDENTS.values() for n in (1, 2)]
    found += [_agent(f"{desk}-{n}", desk) for desk in SUPPLIERS.values() for n in (1, 2)]
    found += [
        _agent(f"{skill}-expert", "experts", skills={skill: 4})
        for skill in ("network", "erp", "workplace")
    ]
    found += [_agent(f"{desk}-1", desk) for desk in ("plant", "payments-office", "duty")]
    return found


def _agent(name: str, desk: str, **more: Any) -> dict[str, Any]:
    return {
        "id": name,
        "name": name.replace("-", " ").title(),
        "email": f"{name}@classic.example",
        "desks": [desk],
        "languages": ["en", "zh"],
        "capacity": 10,
        **more,
    }
