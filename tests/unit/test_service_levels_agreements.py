"""The life of agreements: what binds when, what is warned of, which step may follow."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from shared.organisation import Configuration, parse_sections
from shared.organisation.agreements import Agreement, AgreementState
from shared.service_levels import (
    agreement_for,
    agreement_views,
    agreement_warnings,
    binds_at,
    skipped_states,
    target_for,
)
from shared.service_levels.agreements import NEXT_STATES
from tests.unit.organisation_files import FILES

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
QUIET: dict[str, Any] = {
    "title": "T",
    "state": "in-force",
    "manager": "ann",
    "parties": {"customer": "All"},
}


def organisation(*agreements: dict[str, Any]) -> Configuration:
    """Return the smallest organisation with these agreements."""
    text = yaml.safe_dump({"agreements": [{**QUIET, **each} for each in agreements]})
    return parse_sections({**FILES, "agreements.yaml": text})


def warned(*agreements: dict[str, Any]) -> list[tuple[str, str]]:
    """Return which agreement is warned of for what."""
    return [(w.agreement, w.what) for w in agreement_warnings(organisation(*agreements), NOW)]


def test_an_agreement_binds_from_its_first_midnight_to_its_last() -> None:
    """In Shanghai: from 2027-01-01 00:00 to before 2027-02-01 00:00, which is 16:00 UTC before."""
    agreement = Agreement(
        name="a",
        title="A",
        state="in-force",
        valid_from=date(2027, 1, 1),
        valid_until=date(2027, 1, 31),
        time_zone="Asia/Shanghai",
    )
    first, last = datetime(2026, 12, 31, 16, tzinfo=UTC), datetime(2027, 1, 31, 16, tzinfo=UTC)
    moment = timedelta(milliseconds=1)
    assert [binds_at(agreement, at) for at in (first - moment, first)] == [False, True]
    assert [binds_at(agreement, at) for at in (last - moment, last)] == [True, False]


@given(st.sampled_from(tuple(NEXT_STATES)))
def test_only_what_is_in_force_or_reviewed_binds(state: AgreementState) -> None:
    """A draft binds nobody, whatever its days."""
    agreement = Agreement(name="a", title="A", state=state)
    assert binds_at(agreement, NOW) == (state in {"in-force", "reviewed"})


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({}, []),
        ({"manager": None}, ["no-manager"]),
        ({"parties": {}}, ["no-party"]),
        ({"kind": "ola"}, ["no-party"]),
        ({"kind": "ola", "parties": {"internal_supplier": "london"}}, []),
        ({"kind": "uc"}, ["no-party"]),
        ({"measures": {"attained_min": 0.9, "first_line_rate_min": 0.6}}, []),
        ({"measures": {"availability_min": 0.99}}, ["not-measured"]),
        ({"measures": {"availability_min": 0.99, "satisfaction_min": 4}}, ["not-measured"] * 2),
        (
            {
                "kind": "uc",
                "measures": {"reopen_rate_max": 0.1, "attained_min": 0.9},
            },
            ["no-party", "not-measured"],
        ),
        ({"valid_until": "2027-02-28"}, ["expired"]),
        ({"valid_until": "2027-03-01"}, ["expires-soon"]),
        ({"valid_until": "2027-05-29"}, ["expires-soon"]),
        ({"valid_until": "2027-05-30"}, []),
        ({"valid_until": "9999-12-31"}, []),
        ({"valid_from": "2027-03-02"}, ["not-yet"]),
        ({"valid_until": "2027-02-28", "state": "expired", "manager": None}, []),
        ({"valid_until": "2027-02-28", "state": "signed"}, []),
        ({"review_every_days": 90}, []),
        ({"review_every_days": 90, "reviewed_on": "2026-12-01"}, []),
        ({"review_every_days": 90, "reviewed_on": "2026-11-30"}, ["review-overdue"]),
        ({"review_every_days": 90, "valid_from": "2026-01-01"}, ["review-overdue"]),
        (
            {"review_every_days": 90, "valid_from": "2026-01-01", "reviewed_on": "2027-02-01"},
            [],
        ),
    ],
)
def test_what_is_to_be_done_about_an_agreement(changes: dict[str, Any], what: list[str]) -> None:
    """Each at its first and last day."""
    assert warned({"name": "a", **changes}) == [("a", each) for each in what]


def test_agreements_that_compete_for_tickets_are_told() -> None:
    """Parts in common are told; a special case before the general one is meant; none after it."""
    gold = {"name": "gold", "condition": "vip"}
    network = {"name": "network", "scope": {"services": ["network"]}}
    everybody = {"name": "everybody"}
    assert warned(gold, network) == [("network", "overlap")]
    assert warned(gold, everybody) == []
    (shadowed,) = agreement_warnings(organisation(everybody, gold), NOW)
    assert shadowed.words() == (
        "gold: everybody, which comes first, takes all of its tickets: it never counts"
    )
    (both,) = agreement_warnings(organisation(gold, network), NOW)
    assert both.words().startswith("network: gold takes tickets of it too, such as one with ")
    assert both.words().endswith("; gold, which comes first, counts")
    ended = {**everybody, "valid_until": "2026-12-31", "state": "expired"}
    later = {**everybody, "valid_from": "2027-07-01", "valid_until": "2027-12-31"}
    sooner = {**everybody, "name": "sooner", "valid_until": "2027-06-30"}
    assert not warned(ended, gold)
    assert [what for _, what in warned(sooner, later)] == ["not-yet"]
    desks = [
        {"name": d, "kind": "ola", "parties": {"internal_supplier": d}}
        for d in ("london", "shanghai")
    ]
    assert not warned(*desks)
    assert warned(desks[0], {**desks[0], "name": "again"}) == [("again", "overlap")]


def test_the_first_agreement_that_names_a_policy_and_takes_the_ticket_counts() -> None:
    """Its targets count priority by priority; others, and other tickets, have the policy's own."""
    found = organisation(
        {"name": "draft", "state": "draft", "targets": {"response": {"P1": "1m"}}},
        {"name": "gold", "condition": "vip", "targets": {"response": {"P1": "5m", "P3": "1h"}}},
        {"name": "pay", "scope": {"services": ["payroll"]}, "targets": {"response": {"P1": "9m"}}},
    )
    response, resolution = found.sla.policies

    def target(priority: str, **values: Any) -> tuple[str | None, int | None]:
        agreement = agreement_for(found, response, values, NOW)
        name = None if agreement is None else agreement.name
        return name, target_for(response, agreement, priority)

    assert target("P1", vip=True, service="payroll") == ("gold", 300)
    assert target("P2", vip=True) == ("gold", 5400)
    assert target("P3", vip=True) == ("gold", 3600)
    assert target("P1", vip=False, service="payroll") == ("pay", 540)
    assert target("P1", vip=False, service=None) == (None, 900)
    assert target("P5", vip=False) == (None, None)
    assert agreement_for(found, resolution, {"vip": True}, NOW) is None


def test_a_state_follows_another_step_by_step() -> None:
    """From draft to in force it is negotiated and signed; a shortcut is told, a new one is not."""
    life = ["draft", "negotiated", "signed", "in-force", "reviewed", "in-force", "expired", "draft"]
    for before, after in pairwise(life):
        old, new = (organisation({"name": "a", "state": state}) for state in (before, after))
        assert not skipped_states(old, new)
        assert not skipped_states(old, old)
    old = organisation({"name": "a", "state": "draft"})
    new = organisation({"name": "a"}, {"name": "b"})
    (change,) = skipped_states(old, new)
    assert change.words() == (
        "a goes from draft to in-force; what follows draft is expired or negotiated"
    )


def test_an_agreement_is_shown_as_it_stands() -> None:
    """Whether it binds, how long it has, when it is reviewed, and what it promises."""
    (view,) = agreement_views(
        organisation(
            {
                "name": "a",
                "valid_until": "2027-03-10",
                "review_every_days": 30,
                "reviewed_on": "2027-02-20",
                "targets": {"response": {"P1": "5m"}},
                "measures": {"satisfaction_min": 4.2},
            }
        ),
        NOW,
    )
    assert (view.binds, view.days_left, view.review_due_on) == (True, 9, date(2027, 3, 22))
    assert view.targets == {"response": {"P1": 300}}
    assert view.measures.satisfaction_min == 4.2
    assert [warning.what for warning in view.warnings] == ["not-measured", "expires-soon"]
