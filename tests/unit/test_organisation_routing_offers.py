"""Offers, picking and reclaim in the section ``routing``: what is refused, and what is meant."""

from __future__ import annotations

import pytest

from shared.organisation import ConfigurationInvalid, Offers, Reclaim
from tests.unit.test_organisation_routing import checked

DESK = "desks:\n  london:\n    "


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("offers: {}", "routing.yaml:3: desks.london.offers.timeout: is required"),
        ("offers: {timeout: soon}", "routing.yaml:3: desks.london.offers.timeout: 'soon' is not a"),
        (
            "offers: {timeout: 2m, missed_max: 0}",
            "routing.yaml:3: desks.london.offers.missed_max: input should be greater than or equal",
        ),
        (
            "offers: {timeout: 2m, auto_accept: [fax]}",
            "routing.yaml:3: desks.london.offers.auto_accept[0]: input should be 'email'",
        ),
        (
            "offers: {timeout: 2m, reject_reasons: [{code: a}, {code: a}]}",
            "routing.yaml:3: desks.london.offers: reject_reasons: a word is there twice",
        ),
        (
            "offers: {timeout: 2m, reject_reasons: [{code: a, presence: asleep}]}",
            "routing.yaml:3: desks.london.offers.reject_reasons[0].presence: input should be 'away'",
        ),
        (
            "picking: {mode: window}",
            "routing.yaml:3: desks.london.picking: window: the mode window needs it",
        ),
        (
            "picking: {mode: free, window: 3}",
            "routing.yaml:3: desks.london.picking: window: the mode window needs it",
        ),
        (
            "picking: {per_hour: 101}",
            "routing.yaml:3: desks.london.picking.per_hour: input should be less than or equal to",
        ),
        (
            "reclaim: {}",
            "routing.yaml:3: desks.london.reclaim: reclaim: absent or silent is needed",
        ),
        (
            "reclaim: {silent: {P1: 5m}, pending: true}",
            "routing.yaml:3: desks.london.reclaim: pending: only absent takes pending tickets",
        ),
        (
            "reclaim: {silent: {P9: 5m}}",
            "routing.yaml:3: desks.london.reclaim.silent.P9",
        ),
        ("ofers: {timeout: 2m}", "routing.yaml:3: desks.london.ofers: unknown field"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(text: str, problem: str) -> None:
    """Line, path and reason of each."""
    with pytest.raises(ConfigurationInvalid) as refused:
        checked(DESK + text)
    said = [str(found).lower() for found in refused.value.problems]
    assert any(one.startswith(problem.lower()) for one in said), said


def test_what_is_left_out_has_a_meaning() -> None:
    """Three misses, away, five minutes of rest, and four reasons; nobody's choice is limited."""
    routing = checked(DESK + "offers: {timeout: 90}").routing.desks["london"]
    offers = routing.offers
    assert isinstance(offers, Offers)
    assert (offers.timeout, offers.missed_max, offers.then, offers.again_after) == (
        90,
        3,
        "away",
        300,
    )
    assert [reason.code for reason in offers.reject_reasons] == [
        "busy",
        "break",
        "not-my-field",
        "conflict-of-interest",
    ]
    assert (routing.picking.mode, routing.picking.per_hour, routing.reclaim) == ("free", None, None)


def test_the_shortest_time_of_a_reclaim_is_what_is_looked_for() -> None:
    """Nothing can be due before the shortest of its times has passed."""
    assert Reclaim(absent=1800, silent={"P1": 900, "P2": 3600}).seconds_min == 900
    assert Reclaim(absent=600).seconds_min == 600
