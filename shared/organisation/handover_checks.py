"""What the section ``handover`` cannot know alone: names of others, and what has no effect."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from shared.organisation.handover import ANY_DESK, NEXT, SHIFT_AGENTS_MAX
from shared.organisation.problems import unknown_name

if TYPE_CHECKING:
    from shared.organisation.configuration import Configuration
    from shared.organisation.handover import HandoverPolicy, HandoverRule
    from shared.organisation.problems import Path

Fault = tuple["Path", str]
"""Where in the section, and why."""

EVERYTHING = "true"


def handover_faults(configuration: Configuration) -> Iterator[Fault]:
    """Yield what is wrong with the section as part of its configuration."""
    desks = frozenset(desk.name for desk in configuration.desks.desks)
    agents = frozenset(agent.id for agent in configuration.all_agents())
    names: set[str] = set()
    taken: dict[str, str] = {}
    for index, policy in enumerate(configuration.handover.policies):
        at: Path = ("policies", index)
        if policy.name in names:
            yield (*at, "name"), f"a second policy is named {policy.name!r}"
        names.add(policy.name)
        yield from _desks(at, policy, desks, taken)
        if policy.to != NEXT:
            yield from _known((*at, "to"), "desk", policy.to, desks)
            if policy.to in policy.desks:
                yield (*at, "to"), f"{policy.to!r} cannot hand over to itself"
        if policy.duty_manager is not None:
            yield from _known((*at, "duty_manager"), "agent", policy.duty_manager, agents)
        yield from _unreachable(at, policy.rules)
        if policy.between == "shifts":
            yield from _shifts(configuration, at, policy)


def _desks(
    at: Path, policy: HandoverPolicy, desks: Collection[str], taken: dict[str, str]
) -> Iterator[Fault]:
    for number, desk in enumerate(policy.desks):
        path: Path = (*at, "desks", number)
        if desk != ANY_DESK:
            yield from _known(path, "desk", desk, desks)
        earlier = taken.get(ANY_DESK) or taken.get(desk)
        if earlier is not None:
            yield path, f"never reached: the policy {earlier!r} takes {desk!r} already"
        taken.setdefault(desk, policy.name)


def _shifts(configuration: Configuration, at: Path, policy: HandoverPolicy) -> Iterator[Fault]:
    """Yield why there is nothing between shifts, or too much."""
    desks = [desk.name for desk in configuration.desks.desks if policy.names(desk.name)]
    counts = {
        desk: sum(1 for agent in configuration.agents_of(desk) if agent.hours) for desk in desks
    }
    if desks and not any(counts.values()):
        yield (*at, "between"), "has no effect: no agent of these desks has hours of their own"
    for desk, count in counts.items():
        if count > SHIFT_AGENTS_MAX:
            reason = f"{desk!r} has {count} agents with hours; at most {SHIFT_AGENTS_MAX} hand over"
            yield (*at, "between"), reason


def _known(path: Path, kind: str, name: str, known: Collection[str]) -> Iterator[Fault]:
    reason = unknown_name(kind, name, known)
    if reason is not None:
        yield path, reason


def _unreachable(at: Path, rules: tuple[HandoverRule, ...]) -> Iterator[Fault]:
    names: set[str] = set()
    conditions: dict[str, str] = {}
    for index, rule in enumerate(rules):
        path: Path = (*at, "rules", index)
        if rule.name in names:
            yield (*path, "name"), f"a second rule is named {rule.name!r}"
        names.add(rule.name)
        condition = rule.when.strip()
        earlier = conditions.get(EVERYTHING) or conditions.get(condition)
        if earlier is not None:
            yield (*path, "when"), f"never reached: {earlier!r} takes all that it would take"
        conditions.setdefault(condition, rule.name)
