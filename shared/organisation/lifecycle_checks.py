"""What the section ``lifecycle`` cannot know alone: names of others, and rules without effect."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from shared.organisation.lifecycle import RESERVED_CODES
from shared.organisation.problems import unknown_name

if TYPE_CHECKING:
    from shared.organisation.configuration import Configuration
    from shared.organisation.lifecycle import LifecycleSection, SilenceRule
    from shared.organisation.problems import Path

Fault = tuple["Path", str]
"""Where in the section, and why."""


def lifecycle_faults(configuration: Configuration) -> Iterator[Fault]:
    """Yield what is wrong with the section as part of its configuration."""
    yield from _codes(configuration.lifecycle)
    yield from _people(configuration)
    yield from _silence(configuration)


def _codes(section: LifecycleSection) -> Iterator[Fault]:
    for name in ("resolution_codes", "standard_codes"):
        for index, code in enumerate(getattr(section, name)):
            if code in RESERVED_CODES:
                yield (name, index), f"{code} is said by the product itself: choose another code"


def _people(configuration: Configuration) -> Iterator[Fault]:
    section = configuration.lifecycle
    desks = frozenset(desk.name for desk in configuration.desks.desks)
    agents = frozenset(agent.id for agent in configuration.all_agents())
    yield from _unknown(("duty_manager",), "agent", section.duty_manager, agents)
    for desk, agent in section.duty_managers.items():
        yield from _unknown(("duty_managers", desk), "desk", desk, desks)
        yield from _unknown(("duty_managers", desk), "agent", agent, agents)
    for agent, deputies in section.deputies.items():
        yield from _unknown(("deputies", agent), "agent", agent, agents)
        for place, deputy in enumerate(deputies):
            yield from _unknown(("deputies", agent, place), "agent", deputy, agents)
            if deputy == agent:
                yield ("deputies", agent, place), f"{agent!r} cannot stand in for themselves"


def _silence(configuration: Configuration) -> Iterator[Fault]:
    desks = frozenset(desk.name for desk in configuration.desks.desks)
    earlier: list[SilenceRule] = []
    for index, rule in enumerate(configuration.lifecycle.silence):
        for place, desk in enumerate(rule.desks):
            yield from _unknown(("silence", index, "desks", place), "desk", desk, desks)
        for number, before in enumerate(earlier):
            if _covers(before, rule):
                yield ("silence", index), f"never reached: rule {number + 1} takes all of it"
                break
        earlier.append(rule)


def _unknown(at: Path, kind: str, name: str | None, known: Collection[str]) -> Iterator[Fault]:
    reason = unknown_name(kind, name, known)
    if reason is not None:
        yield at, reason


def _covers(first: SilenceRule, later: SilenceRule) -> bool:
    """Return whether the first rule takes every ticket that the later one would."""
    pairs: tuple[tuple[Collection[str], Collection[str]], ...] = (
        (first.kinds, later.kinds),
        (first.priorities, later.priorities),
        (first.desks, later.desks),
    )
    return all(not wide or (narrow and set(narrow) <= set(wide)) for wide, narrow in pairs)
