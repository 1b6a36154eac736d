"""Coverage knows what the routing rules require: examples that were worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared.calendar.days import to_ms
from shared.condition_reading import read_condition
from shared.coverage import Ask, Coverage, CoverageView, Row, analyse, kept_words, out_of_reach
from shared.coverage.conditions import COMBINATIONS_MAX
from shared.coverage.heat import heat_blocks
from shared.coverage.intervals import total
from shared.organisation import ROUTING_FIELDS, parse_sections
from tests.unit.organisation_files import FILES

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
PROMISE = "promises: [{name: pay, scope: {services: [payroll], priorities: [P1]}}]\n"


def look(rules: str, promises: str = PROMISE) -> Coverage:
    """Return a week under some rules; payroll is the centre's: Ann has vpn 1, Bo has nothing."""
    files = FILES | {"routing.yaml": rules, "coverage.yaml": promises}
    return analyse(parse_sections(files), MONDAY, days=7)


def pay(found: Coverage) -> list[Row]:
    """Return the rows of payroll that ask for nobody in particular."""
    return [r for r in found.rows if r.scopes[0].topology == "pay" and Ask() in r.asks]


def test_a_promise_breaks_where_nobody_has_what_a_rule_requires() -> None:
    """At the centre somebody is always there, and nobody has vpn at level 3: a black hole."""
    rule = 'rules: [{name: experts, when: service == "payroll", skills: {vpn: 3}}]'
    (kept,) = look(rule).promises
    assert not kept.holds
    assert kept.first is not None
    assert kept.first.want.rules == ("experts",)
    words = kept_words(kept)
    assert "the first Mon 2026-11-23 00:00" in words
    assert "rule experts requires skill vpn at level 3" in words
    view = CoverageView.of(look(rule)).promises[0].broken
    assert view is not None
    assert view.rules == ["experts"]
    (one,) = look(rule.replace("vpn: 3", "vpn: 1")).promises
    assert one.holds


def test_a_promise_asks_only_of_its_priorities() -> None:
    """What a rule requires of P5 is no matter of a promise for P1."""
    rules = "rules: [{name: low, when: 'priority == \"P5\"', skills: {vpn: 3}}]"
    found = look(rules)
    assert found.promises[0].holds
    low, others = sorted(pay(found), key=lambda row: row.want.rules, reverse=True)
    assert (low.want.rules, low.want.when) == (("low",), (("priority", ("P5",)),))
    assert others.want.when == (("priority", ("P1", "P2", "P3", "P4")),)
    assert low.agents == ()
    assert others.agents == ("ann", "bo")


def test_a_ring_covers_late_and_is_no_gap() -> None:
    """Cai of Shanghai has vpn 3: from 01 to 09 UTC, once the request has waited ten minutes."""
    rules = (
        'rules: [{name: experts, when: service == "payroll", skills: {vpn: 3}, '
        "overflow: [{after: 10m, desks: [shanghai]}]}]"
    )
    china = PROMISE.replace("}}]", "}, hours: china}]")
    (kept,) = look(rules, china).promises
    assert kept.holds
    assert kept.late_after == 600
    assert "only late" in kept_words(kept)
    (row,) = pay(look(rules, china))
    (late,) = row.late
    assert (late.after, len(late.stretches)) == (600, 5)


def test_a_weight_above_the_capacity_is_a_gap() -> None:
    """The agents may hold 10; a ticket of weight 11 is nobody's, and an optional skill is no gap."""
    heavy = "rules: [{name: heavy, weight: 11}]"
    assert not look(heavy).promises[0].holds
    optional = "rules: [{name: best, optional_skills: [{skill: vpn, level: 3, after: 5m}]}]"
    assert look(optional).promises[0].holds


def test_what_nobody_can_list_is_undecided_and_counts() -> None:
    """A category may be any text: the rule may match, and so its skill is required."""
    rules = "rules: [{name: texts, when: 'category.startsWith(\"x\")', skills: {vpn: 3}}]"
    found = look(rules)
    assert not found.promises[0].holds
    assert any(row.want.undecided for row in pay(found))
    assert "undecided" in kept_words(found.promises[0])


def test_too_many_combinations_are_undecided() -> None:
    """Beyond the constant the most that any rule asks counts."""
    fields = ("kind", "priority", "impact", "urgency", "vip", "reopened", "category")
    when = " || ".join(f"string({field}).size() == 99" for field in fields)
    rules = f"rules: [{{name: wide, when: '{when}', skills: {{vpn: 3}}}}]"
    (row,) = pay(look(rules))
    assert COMBINATIONS_MAX < 7 * 5 * 3 * 3 * 2 * 2 * 10
    assert row.want.undecided
    assert row.agents == ()


def test_a_rule_with_hours_counts_while_its_calendar_is_open() -> None:
    """China's day is from 01 to 09 UTC: then nobody has what is required, and else somebody has."""
    rules = 'rules: [{name: china, when: service == "payroll", during: china, skills: {vpn: 3}}]'
    found = look(rules)
    (kept,) = found.promises
    assert total(kept.uncovered) == 5 * 8 * 3_600_000
    assert kept.first is not None
    assert kept.first.start == to_ms(MONDAY.replace(hour=1))
    assert "rule china requires skill vpn at level 3, while china is open" in kept_words(kept)
    day, rest = sorted(pay(found), key=lambda row: row.want.rules, reverse=True)
    assert (day.want.hours, rest.want.hours) == (((("china", True),),), ((("china", False),),))
    assert (day.agents, rest.agents) == ((), ("ann", "bo"))
    assert (total(day.gaps), total(rest.gaps)) == (day.timeline.length, 0)
    assert day.timeline.length + rest.timeline.length == 7 * 24 * 3_600_000
    views = [row.want.hours for row in CoverageView.of(found).rows if row.want.rules]
    assert {"china": True} in [opened for hours in views for opened in hours]
    drawn = sum(block.width * block.height for block in heat_blocks(day, to_ms(MONDAY), 7))
    assert drawn == 5 * 8
    outside = look(rules.replace("during: china", "outside: china")).promises[0]
    assert total(outside.uncovered) == (7 * 24 - 5 * 8) * 3_600_000


def test_a_promise_of_one_priority_breaks_only_in_the_hours_of_its_rule() -> None:
    """What P1 lacks while China is open is no gap of the others then, nor of P1 at other times."""
    rules = """
rules:
  - {name: grave, when: 'priority == "P1"', during: china, skills: {vpn: 3}}
"""
    (kept,) = look(rules).promises
    assert total(kept.uncovered) == 5 * 8 * 3_600_000
    (other,) = look(rules, PROMISE.replace("P1", "P2")).promises
    assert other.holds


def test_what_calendars_never_are_is_no_row() -> None:
    """Always is never closed: the rule for that time takes nothing."""
    rules = "rules: [{name: never, outside: always, skills: {vpn: 3}}]"
    found = look(rules)
    assert found.promises[0].holds
    assert all(row.want.rules == () for row in found.rows)


def test_a_tag_may_be_there_or_not() -> None:
    """Somebody has vpn at level 1, and nobody at level 3: with both tags the first rule counts."""
    rules = """
rules:
  - {name: hard, when: '"hard" in tags && !vip', skills: {vpn: 3}}
  - {name: vpn, when: '"vpn" in tags', skills: {vpn: 1}}
"""
    found = look(rules)
    assert not found.promises[0].holds
    assert "tags hard, hard with vpn" in kept_words(found.promises[0])
    rows = {row.want.rules: row for row in pay(found)}
    assert set(rows) == {(), ("hard",), ("vpn",)}
    assert rows["vpn",].agents == ("ann",)
    assert not any(row.want.undecided for row in rows.values())
    assert look(rules.replace("3", "1")).promises[0].holds


def test_what_else_is_asked_of_tags_is_undecided_and_counts() -> None:
    """Nobody can list them: whether one begins with an x stays open."""
    rules = "rules: [{name: x, when: 'tags.exists(t, t.startsWith(\"x\"))', skills: {vpn: 3}}]"
    found = look(rules)
    assert not found.promises[0].holds
    assert any(row.want.undecided for row in pay(found))


def test_too_many_tags_are_undecided() -> None:
    """Of 13 tags there are more sets than are looked at."""
    when = " || ".join(f'"t{number}" in tags' for number in range(13))
    assert any(
        row.want.undecided
        for row in pay(look(f"rules: [{{name: t, when: '{when}', skills: {{vpn: 3}}}}]"))
    )


def test_a_rule_that_reaches_nobody_with_its_skill_is_told() -> None:
    """At the centre nobody has vpn 3; with a ring to Shanghai somebody can be reached."""
    text = 'rules: [{name: experts, when: service == "payroll", skills: {vpn: 3}}]'
    (found,) = out_of_reach(parse_sections(FILES | {"routing.yaml": text}))
    assert (found.rule, found.group, found.skills) == ("experts", "centre", {"vpn": 3})
    ring = text.replace("}}]", "}, overflow: [{after: 10m, desks: [shanghai]}]}]")
    assert out_of_reach(parse_sections(FILES | {"routing.yaml": ring})) == []


@pytest.mark.parametrize(
    ("text", "is_plain"),
    [
        ('priority in ["P1", "P2"] && !vip', True),
        ('"P1" == priority || (tier >= 2 && "site" in present)', True),
        ("true", True),
        ('service == "a" + "b"', False),
        ("service.startsWith(\"kind == 'x'\")", False),
        ("region == site", False),
        ('service == r"a"', False),
        ("vip == reopened", False),
        ('"vpn" in tags || !("mfa" in tags)', True),
        ("kind in tags", False),
        ("size(tags) > 1", False),
        ('present.exists(p, p == "site")', False),
    ],
)
def test_only_comparisons_with_texts_are_plain(text: str, is_plain: bool) -> None:  # noqa: FBT001
    """Whatever is not surely a comparison of a field with texts counts as more."""
    assert read_condition(text, ROUTING_FIELDS).is_plain == is_plain


def test_an_optional_skill_is_late_and_no_gap() -> None:
    """Nobody at the centre has vpn 3; after five minutes anybody will do."""
    rule = "rules: [{name: best, optional_skills: [{skill: vpn, level: 3, after: 5m}]}]"
    (row,) = pay(look(rule))
    assert row.gaps == []
    assert [late.after for late in row.late] == [300]
    words = kept_words(look(rule).promises[0])
    assert "only late" in words


def test_what_is_kept_for_grave_work_is_no_cover_for_the_rest() -> None:
    """Two agents fill up with work of weight 10 and two must keep room: only P1 is covered."""
    reserve = "desks: {centre: {reserves: [{priority: P1, agents: 2}]}}"
    rule = f"rules: [{{name: heavy, weight: 10}}]\n{reserve}"
    grave, rest = sorted(pay(look(rule)), key=lambda row: len(row.gaps))
    assert (grave.gaps, grave.want.when) == ([], (("priority", ("P1",)),))
    assert len(rest.gaps) == 1
    assert rest.want.when == (("priority", ("P2", "P3", "P4", "P5")),)
    (whole,) = look(rule.replace("agents: 2", "agents: 1"), PROMISE.replace("P1", "P3")).promises
    assert whole.holds
    (light,) = pay(look(reserve))
    assert light.gaps == []
