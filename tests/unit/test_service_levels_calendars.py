"""Calendars that end or open too little for a target are told for each policy that counts by them."""

from __future__ import annotations

from datetime import UTC, datetime
from textwrap import indent
from typing import Any

import pytest
import yaml

from shared.organisation import Configuration, parse_sections
from shared.service_levels import service_levels
from shared.service_levels.short_calendars import short_calendars
from tests.unit.organisation_files import FILES

NOW = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
WEEK = {"mon-fri": [["09:00", "17:00"]]}
CALENDARS: list[dict[str, Any]] = [
    {"name": "week", "time_zone": "Europe/London", "hours": WEEK},
    {"name": "ended", "time_zone": "UTC", "hours": WEEK, "valid_until": "2025-01-04"},
    {"name": "ending", "time_zone": "Asia/Shanghai", "hours": "24x7", "valid_until": "2027-12-31"},
    {"name": "minute", "time_zone": "UTC", "hours": {"mon": [["09:00", "09:01"]]}},
    {"name": "floating", "time_zone": "floating", "hours": WEEK, "valid_until": "2026-12-31"},
    {
        "name": "days",
        "time_zone": "UTC",
        "openings": [{"date": "2028-02-29", "windows": [["10:00", "12:00"]]}],
    },
    {"name": "never-again", "intersection": ["week", "ended"]},
    {"name": "goes-on", "union": ["week", "ended"]},
    {"name": "later", "time_zone": "UTC", "hours": WEEK, "valid_from": "2027-06-01"},
    {
        "name": "stops",
        "time_zone": "UTC",
        "hours": WEEK,
        "changes": [{"valid_from": "2027-06-01", "hours": {}}],
    },
]


def organisation(policy: dict[str, Any], **sections: Any) -> Configuration:
    """Return an organisation with the calendars above and one policy."""
    calendars = FILES["calendars.yaml"] + indent(yaml.safe_dump(CALENDARS), "  ")
    whole = {"name": "solved", "metric": "resolution", "targets": {"P1": "8h"}} | policy
    files = {name: yaml.safe_dump(content) for name, content in sections.items()}
    named = {f"{name}.yaml": text for name, text in files.items()}
    return parse_sections(
        {
            **FILES,
            "calendars.yaml": calendars,
            "sla.yaml": yaml.safe_dump({"policies": [whole]}),
            **named,
        }
    )


def told(configuration: Configuration) -> list[str]:
    """Return the sentences, without the beginning that is the same in all."""
    start = "policy solved: the calendar "
    found = list(short_calendars(configuration, NOW))
    assert all(section == "sla" and text.startswith(start) for section, text in found)
    return [text.removeprefix(start) for _, text in found]


def ends(name: str, day: str) -> str:
    """Return the sentence of a calendar that ends."""
    return f"{name} ends on {day}, its last open day; no clock has a due time after it"


def too_little(name: str, target: str) -> str:
    """Return the sentence of a calendar that opens too little."""
    return (
        f"{name} opens too little: the target {target} is not reached within 60 years of 2027-03-01"
    )


@pytest.mark.parametrize(
    ("calendar", "target", "expected"),
    [
        ("week", "80h", []),
        ("goes-on", "80h", []),
        ("later", "80h", []),
        # The 4th of January 2025 is a Saturday.
        ("ended", "8h", [ends("ended", "2025-01-03")]),
        ("never-again", "8h", [ends("never-again", "2025-01-03")]),
        # Midnight at its end is of the day before.
        ("ending", "8h", [ends("ending", "2027-12-31")]),
        ("ending", "8000h", [ends("ending", "2027-12-31"), too_little("ending", "8000h")]),
        ("days", "2h", [ends("days", "2028-02-29")]),
        ("days", "3h", [ends("days", "2028-02-29"), too_little("days", "3h")]),
        ("stops", "8h", [ends("stops", "2027-05-31")]),
        ("minute", "40h", []),
        ("minute", "80h", [too_little("minute", "80h")]),
    ],
)
def test_a_calendar_by_name_is_told_where_it_ends_or_opens_too_little(
    calendar: str, target: str, expected: list[str]
) -> None:
    """With its last open day, in its own zone, and the target that it does not reach."""
    policy = {"calendar": calendar, "targets": {"P1": "1h", "P2": target}}
    assert told(organisation(policy)) == expected


def test_the_calendars_of_desks_are_looked_at_also_floating_ones() -> None:
    """A calendar of several desks is told once, with the first; of the policy's own desk alone."""
    desks: dict[str, Any] = yaml.safe_load(FILES["desks.yaml"])
    for desk in desks["desks"][:2]:
        desk |= {"calendar": "floating", "time_zone": "Europe/London"}
    line = ends("floating (of the desk london)", "2026-12-31")
    assert told(organisation({"calendar": "desk"}, desks=desks)) == [line]
    ola = {"kind": "ola", "metric": "hold", "desk": "centre"}
    assert told(organisation(ola, desks=desks)) == []


def test_calendars_of_sites_items_and_suppliers_are_looked_at() -> None:
    """Each with whose it is; without one of their own the policy's ``otherwise`` counts."""
    where: dict[str, Any] = yaml.safe_load(FILES["organisation.yaml"])
    where["sites"][0]["calendar"] = "ended"
    site = where["sites"][0]["name"]
    by_site = {"calendar": "site", "otherwise": "days", "targets": {"P1": "1h"}}
    assert told(organisation(by_site, organisation=where)) == [
        ends("days", "2028-02-29"),
        ends(f"ended (of the site {site})", "2025-01-03"),
    ]
    items = {"items": [{"name": "core", "title": "Core", "calendar": "ended"}]}
    by_item = {"calendar": "item", "otherwise": "week"}
    assert told(organisation(by_item, catalogue=items)) == [
        ends("ended (of the item core)", "2025-01-03")
    ]
    both = [
        {"name": "telco", "title": "Telco", "calendar": "ended"},
        {"name": "maker", "title": "Maker", "calendar": "minute"},
    ]
    of_supplier = {
        "kind": "uc",
        "metric": "supplier",
        "calendar": "supplier",
        "otherwise": "week",
        "targets": {"P1": "80h"},
    }
    assert told(organisation(of_supplier, suppliers={"suppliers": both})) == [
        ends("ended (of the supplier telco)", "2025-01-03"),
        too_little("minute (of the supplier maker)", "80h"),
    ]
    one = of_supplier | {"supplier": "maker"}
    assert told(organisation(one, suppliers={"suppliers": both})) == [
        too_little("minute (of the supplier maker)", "80h")
    ]


def test_the_longest_target_counts_also_an_agreements() -> None:
    """Of an agreement that has expired no target counts."""
    gold = {"name": "gold", "title": "Gold", "targets": {"solved": {"P3": "80h"}}}
    policy = {"calendar": "minute"}
    found = organisation(policy, agreements={"agreements": [gold]})
    assert told(found) == [too_little("minute", "80h")]
    found = organisation(policy, agreements={"agreements": [gold | {"state": "expired"}]})
    assert told(found) == []


def test_both_checks_have_them_as_warnings_and_refuse_nothing() -> None:
    """What ``config check``, ``sla check`` and control say."""
    levels = service_levels(organisation({"calendar": "ended"}), NOW)
    line = f"sla: policy solved: the calendar {ends('ended', '2025-01-03')}"
    assert levels.short_calendars == (line,)
    assert line in list(levels.warnings())
    assert not levels.refused
