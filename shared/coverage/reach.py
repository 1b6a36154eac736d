"""Routing rules that require skills which nobody has whom their requests can reach.

Such a request waits until somebody moves it: a black hole that no promise needs to notice.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from shared.coverage.conditions import Rule
from shared.coverage.demands import scope_classes
from shared.coverage.wants import Wants
from shared.organisation import Configuration


class OutOfReach(BaseModel):
    """A rule, where it may take requests, and what nobody there has together."""

    model_config = ConfigDict(frozen=True)

    rule: str
    group: str
    """The desk or queue that holds the request."""
    skills: dict[str, int]
    """Skill to the level that is required."""

    def words(self) -> str:
        """Return it in a sentence."""
        skills = " and ".join(f"{skill} at level {level}" for skill, level in self.skills.items())
        return (
            f"rule {self.rule} requires {skills}, which no agent has whom a request at "
            f"{self.group} can reach"
        )


def out_of_reach(configuration: Configuration) -> list[OutOfReach]:
    """Return every such rule by desk and queue, in the order of the rules."""
    wants = Wants(configuration)
    if not any(rule.course.rule.skills for rule in wants.rulings.rules):
        return []
    places: dict[Rule, dict[str, None]] = {rule: {} for rule in wants.rulings.rules}
    for found in scope_classes(configuration, wants.rulings):
        for group, rules in wants.rules_at(found.scope, found.candidates):
            for rule in rules:
                places[rule][group] = None
    return [
        OutOfReach(rule=rule.course.rule.name, group=group, skills=rule.course.rule.skills)
        for rule, groups in places.items()
        for group in groups
        if rule.course.rule.skills and not _somebody(configuration, rule, group)
    ]


def _somebody(configuration: Configuration, rule: Rule, group: str) -> bool:
    said = rule.course.rule
    rings = (name for ring in said.overflow for name in ring.desks)
    return any(
        agent.capacity > 0
        and all(agent.skills.get(skill, 0) >= level for skill, level in said.skills.items())
        for name in (group, *rings)
        for agent in configuration.members_of(name)
    )
