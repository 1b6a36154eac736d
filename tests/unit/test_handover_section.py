"""The section ``handover``: what it takes, and what it refuses with the place."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.organisation import ConfigurationInvalid, parse_sections, validate_sections
from tests.support.routing import SAMPLE
from tests.unit.organisation_files import FILES

GOOD = """\
policies:
  - name: sun
    desks: [shanghai, london]
    opens: 30m
    stay_max: 15m
    duty_manager: ann
    rules:
      - {name: minor, when: priority == "P4" && status != "pending", action: offer, answer_within: 20m}
      - {name: supplier, when: pend_reason == "supplier", action: keep}
  - {name: rest, desks: ["*"], to: centre}
"""


def test_the_first_policy_that_names_a_desk_counts() -> None:
    """Named desks first, then whatever is left; without the section nobody has a policy."""
    found = parse_sections(FILES | {"handover.yaml": GOOD}).handover
    names = {desk: found.policy_for(desk) for desk in ("shanghai", "centre")}
    assert {d: p.name for d, p in names.items() if p} == {"shanghai": "sun", "centre": "rest"}
    sun = found.policies[0]
    assert (sun.opens, sun.stay_max, sun.never_keep) == (1_800, 900, ("P1",))
    assert (sun.rules[0].unanswered, sun.rules[0].declined) == ("move", "keep")
    assert parse_sections(FILES).handover.policy_for("shanghai") is None


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("[shanghai, london]", "[shanghai, londn]", "handover.yaml:3: policies[0].desks[1]: unk"),
        ("duty_manager: ann", "duty_manager: anne", "policies[0].duty_manager: unknown agent"),
        ("to: centre", "to: center", "policies[1].to: unknown desk 'center'; did you mean"),
        ('["*"]', "[london]", "policies[1].desks[0]: never reached: the policy 'sun' takes"),
        ("name: rest", "name: sun", "policies[1].name: a second policy is named 'sun'"),
        ("stay_max: 15m", "pause_max: 20m", "pause_max: grave work would stay"),
        ("opens: 30m", "opens: 1d", "policies[0].opens"),
        ("opens: 30m", "opens: soon", "policies[0].opens: 'soon' is not a duration"),
        (", answer_within: 20m", "", "answer_within: an offer needs a time for the answer"),
        ("action: keep", "action: keep, declined: move", "declined: only an offer is answered"),
        ("pend_reason ==", "mood ==", "policies[0].rules[1].when: unknown field"),
        ("name: supplier", "name: minor", "rules[1].name: a second rule is named 'minor'"),
        ("stay_max: 15m", "matters: [{name: keys}, {name: keys}]", "a name is there twice"),
    ],
)
def test_a_fault_is_told_with_its_place(old: str, new: str, problem: str) -> None:
    """File, line, path and reason."""
    text = GOOD.replace(old, new)
    assert text != GOOD
    with pytest.raises(ConfigurationInvalid) as caught:
        parse_sections(FILES | {"handover.yaml": text})
    assert problem in "\n".join(str(p) for p in caught.value.problems)


def test_what_is_right_as_files_is_right_as_messages() -> None:
    """Control checks, and every service reads, sections that name each field, also the unused."""
    found = parse_sections(FILES | {"handover.yaml": GOOD})
    again = validate_sections(found.sections())
    assert again.handover == found.handover


def test_a_rule_that_is_never_reached_is_refused() -> None:
    """Another before it takes everything."""
    text = GOOD.replace('when: priority == "P4" && status != "pending", ', "")
    with pytest.raises(ConfigurationInvalid, match="never reached: 'minor' takes all"):
        parse_sections(FILES | {"handover.yaml": text})


def test_the_policy_of_the_page_is_right() -> None:
    """Who pastes it from docs/handover.md beside the sample has a configuration that works."""
    page = Path(__file__).parents[2] / "docs" / "handover.md"
    text = page.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    files = {
        str(path.relative_to(SAMPLE)): path.read_text(encoding="utf-8")
        for path in sorted(SAMPLE.rglob("*.yaml"))
    }
    policy = parse_sections(files | {"handover.yaml": text}).handover.policy_for("london")
    assert policy is not None
    assert [matter.name for matter in policy.matters if matter.required] == [
        "environment",
        "running-changes",
    ]
