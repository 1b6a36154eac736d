from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.sla.domain.clocks import clocks_of
from services.sla.domain.history import History
from services.sla.domain.model import FactsEntry
from services.sla.domain.promises import PoliciesTooMany
from services.sla.settings import SlaSettings
from shared.contracts.facts import Kind, Priority
from shared.contracts.sla import WorkEntry
from shared.organisation import Configuration, SlaSection
from shared.organisation.policies import Policy
from shared.settings import SettingsInvalid
from tests.support.sla import facts, organisation


def of(configuration: Configuration, **changes: Any) -> list[tuple[str, float]]:
    """Return policy and target of the clocks that a London ticket with these facts has."""
    found = facts(**changes)
    history = History(
        version=1,
        facts=(FactsEntry(at=found.accepted_at, facts=found),),
        work=(WorkEntry(at=found.accepted_at, status="queued", desk="london"),),
        desk="london",
        tier=1,
    )
    clocks = clocks_of(history, lambda _version: configuration, at=found.accepted_at)
    return [(clock.view.policy, clock.view.target_seconds) for clock in clocks]


def test_each_policy_that_fits_gives_a_clock() -> None:
    """The condition and a target for the priority decide."""
    assert of(organisation()) == [("answer", 3600), ("fix", 28800)]
    assert of(organisation(), priority=Priority.P1) == [("answer", 1800), ("fix", 14400)]
    assert of(organisation(), priority=Priority.P5) == []
    assert of(organisation(), kind=Kind.INQUIRY) == [("london-only", 7200)]


def test_words_of_a_newer_release_are_values_too() -> None:
    """A kind that is not known here still fits a policy that only leaves another kind out."""
    text = "policies: [{name: a, metric: response, condition: 'kind != \"change\"', targets: {P2: 1h}}]"
    assert of(organisation(sla=text), kind=Kind.UNKNOWN) == [("a", 3600)]
    assert of(organisation(sla=text), priority=Priority.UNKNOWN) == []


def test_the_region_of_the_site_counts_where_none_is_given() -> None:
    """A condition on the region holds for a ticket that only names its site."""
    configuration = organisation(
        organisation="""
regions: [{name: emea, title: EMEA}]
sites: [{name: leeds, title: Leeds, region: emea}]
""",
        sla="""
policies:
  - {name: a, metric: response, condition: 'region == "emea"', targets: {P2: 1h}}
""",
    )
    assert of(configuration, site="leeds") == [("a", 3600)]
    assert of(configuration) == []


def test_a_customer_and_a_country_may_have_an_agreement_of_their_own() -> None:
    """The business is the ticket's; the country is that of its site."""
    configuration = organisation(
        organisation="""
regions: [{name: emea, title: EMEA}]
sites: [{name: leeds, title: Leeds, region: emea, country: GB}]
businesses: [{name: bank, title: Bank}]
""",
        sla="""
policies:
  - {name: bank, metric: response, condition: 'business == "bank"', targets: {P2: 1h}}
  - {name: kingdom, metric: response, condition: 'country == "GB"', targets: {P2: 2h}}
""",
    )
    assert of(configuration, business="bank") == [("bank", 3600)]
    assert of(configuration, site="leeds") == [("kingdom", 7200)]
    assert of(configuration) == []


def test_a_policy_may_ask_for_a_tag() -> None:
    """A ticket without tags has none, so the negation holds for it."""
    configuration = organisation(
        sla="""
policies:
  - {name: fast, metric: response, condition: '"vip-desk" in tags', targets: {P2: 1h}}
  - {name: plain, metric: response, condition: '!("vip-desk" in tags)', targets: {P2: 2h}}
""",
    )
    assert of(configuration, tags=("mfa", "vip-desk")) == [("fast", 3600)]
    assert of(configuration, tags=("mfa",)) == [("plain", 7200)]
    assert of(configuration) == [("plain", 7200)]


def test_more_policies_than_a_ticket_may_have_are_an_error() -> None:
    """Nothing is dropped silently: the event is set aside with the reason."""
    policies = tuple(
        Policy(name=f"p{n}", metric="response", targets={"P2": 3600}) for n in range(21)
    )
    with pytest.raises(PoliciesTooMany, match="21 clocks apply to HD-1; at most 20 may"):
        of(replace(organisation(), sla=SlaSection(policies=policies)))


@pytest.mark.parametrize("index", ["2", "5"])
def test_a_slot_that_does_not_exist_is_refused(index: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process says which numbers there are, and does not start."""
    monkeypatch.setenv("SLA_SLOTS", "2")
    monkeypatch.setenv("SLA_SLOT_INDEX", index)
    with pytest.raises(SettingsInvalid, match="SLA_SLOT_INDEX counts from 0 to 1"):
        SlaSettings.from_environment()
