from __future__ import annotations

import pytest

from shared.organisation import parse_sections
from shared.organisation.problems import ConfigurationInvalid
from tests.unit.organisation_files import FILES

CATALOGUE = """\
services:
  - {name: payroll, title: Payroll, criticality: critical}
  - {name: mail, title: Mail}
items:
  - {name: db-7, title: Database 7, service: payroll, names: [DB7.example.org, 10.0.0.7]}
  - {name: mx-1, title: Mail gateway, service: mail, criticality: high}
forms:
  - name: payslip
    title: A payslip is wrong
    service: payroll
    category: business
    fields:
      - {name: month, title: Month, type: date, required: true}
      - {name: kind_of, title: What is wrong, type: choice, choices: [amount, name]}
"""
INTAKE = """\
classification:
  rules:
    - {name: vpn, when: 'subject.contains("vpn")', category: network, kind: incident}
    - {name: pay, when: 'configuration_item == "db-7"', service: payroll, impact: high}
"""


def problems(*, catalogue: str = CATALOGUE, intake: str = INTAKE) -> list[tuple[str, str]]:
    """Return the path and the reason of what is wrong."""
    files = FILES | {"catalogue.yaml": catalogue, "intake.yaml": intake}
    try:
        parse_sections(files)
    except ConfigurationInvalid as error:
        return [(str(p.path), p.reason) for p in error.problems]
    return []


def test_right_rules_and_a_right_catalogue_are_accepted() -> None:
    """Rules may name what the catalogue and the categories have."""
    assert problems() == []
    found = parse_sections(FILES | {"catalogue.yaml": CATALOGUE, "intake.yaml": INTAKE})
    assert found.item_names["db7.example.org"] == "db-7"
    assert found.items_by_name["mx-1"].criticality == "high"
    assert set(found.services_by_name) == {"payroll", "mail"}


@pytest.mark.parametrize(
    ("old", "new", "place", "reason"),
    [
        ('contains("vpn")', 'contains("vpn"', "rules", "Syntax error"),
        ("subject.contains", "colour.contains", "rules", "colour"),
        ('subject.contains("vpn")', "subject", "rules", "not a boolean"),
        ("category: network", "category: nework", "category", "did you mean 'network'?"),
        ("name: pay,", "name: vpn,", "name", "a second rule is named 'vpn'"),
        ("service: payroll", "service: pay", "service", "did you mean 'payroll'?"),
    ],
)
def test_a_wrong_rule_is_refused_with_its_place(
    old: str, new: str, place: str, reason: str
) -> None:
    """The condition is compiled, and what it names is looked for, when it is configured."""
    assert old in INTAKE
    found = problems(intake=INTAKE.replace(old, new))
    assert len(found) == 1
    assert place in found[0][0]
    assert reason in found[0][1]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("name: mail, title", "name: payroll, title", "a second service is named 'payroll'"),
        ("name: mx-1", "name: db-7", "a second item is named 'db-7'"),
        ("service: mail,", "service: male,", "did you mean 'mail'?"),
        ("category: business", "category: busines", "did you mean 'business'?"),
        ("name: kind_of", "name: month", "a second field is named 'month'"),
        ("choices: [amount, name]", "required: true", "choices are of the type choice"),
        (
            "criticality: high}",
            "criticality: high, names: [db7.EXAMPLE.org]}",
            "'db7.EXAMPLE.org' is what 'db-7' is called, too",
        ),
    ],
)
def test_a_wrong_catalogue_is_refused(old: str, new: str, reason: str) -> None:
    """Names are given once, and services exist."""
    assert old in CATALOGUE
    found = problems(catalogue=CATALOGUE.replace(old, new))
    assert any(reason in said for _, said in found), found


def test_without_a_catalogue_every_service_is_taken() -> None:
    """An organisation that keeps no catalogue may name services all the same."""
    assert problems(catalogue="services: []\n") == []
