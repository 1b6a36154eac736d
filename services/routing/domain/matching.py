"""Which agent of a desk is given a ticket."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from typing import Final

from shared.contracts.routing import CANDIDATES_MAX, Candidate, Explanation, Presence

NEVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class AgentView:
    """An agent of a desk, as far as the choice depends on it."""

    agent: str
    presence: Presence
    languages: tuple[str, ...]
    capacity: int
    load: int
    """Sum of the weights of what the agent holds."""
    taken_at: datetime | None = None
    """When the agent was last given a ticket; None counts as idle for ever."""


@dataclass(frozen=True, slots=True)
class AgentChoice:
    """The agent for a ticket, or None; and why."""

    agent: str | None
    explanation: Explanation


def speaks(languages: Iterable[str], wanted: str) -> bool:
    """Return whether one of the languages is the wanted one, whatever its script or country."""
    primary = wanted.partition("-")[0].lower()
    return any(language.partition("-")[0].lower() == primary for language in languages)


def why_not(agent: AgentView, *, weight: int) -> str | None:
    """Return why an agent cannot be given a ticket of some weight now; None where that can be."""
    if agent.presence is not Presence.AVAILABLE:
        return str(agent.presence)
    return "full" if agent.load + weight > agent.capacity else None


def choose_agent(
    agents: Sequence[AgentView],
    *,
    language: str,
    weight: int,
    desk: str,
    because: Explanation | None,
) -> AgentChoice:
    """Choose among the agents of a desk.

    In this order: who speaks the language, the least load as a share of the capacity, the
    longest without a new ticket, the name.

    Args:
        agents: each agent of the desk once.
        language: BCP 47 tag of the ticket.
        weight: of the ticket, at least 1.
        desk: name of the desk.
        because: why the ticket came to the desk.
    """
    fit: list[AgentView] = []
    left_out: dict[str, int] = {}
    for agent in agents:
        reason = why_not(agent, weight=weight)
        if reason is None:
            fit.append(agent)
        else:
            left_out[reason] = left_out.get(reason, 0) + 1
    fit.sort(key=lambda agent: _preference(agent, language))
    chosen = fit[0] if fit else None
    if chosen is None:
        rule = f"nobody of {desk} is free"
    else:
        words = "speaks" if speaks(chosen.languages, language) else "nobody free speaks"
        rule = (
            f"{chosen.agent} is the least loaded of {len(fit)} free agents of {desk}; "
            f"{words} {language}"
        )
    candidates = tuple(
        Candidate(
            name=agent.agent,
            chosen=agent is chosen,
            score=round(agent.load / agent.capacity, 4),
        )
        for agent in fit[:CANDIDATES_MAX]
    )
    explanation = Explanation(
        topology=because.topology if because else "",
        shape=because.shape if because else "",
        rule=rule[:300],
        candidates=candidates,
        left_out=left_out,
    )
    return AgentChoice(agent=chosen.agent if chosen else None, explanation=explanation)


def _preference(agent: AgentView, language: str) -> tuple[bool, Fraction, datetime, str]:
    share = Fraction(agent.load, agent.capacity)
    return (not speaks(agent.languages, language), share, agent.taken_at or NEVER, agent.agent)
