"""What the choice of an agent is made of: the ticket, the agents, the answer and its reasons.

**Order of preference** among the agents who may be given a ticket:

1. the agent whom the rule's affinity names;
2. who speaks the ticket's language, then its fallbacks in order, then the others where the rule
   lets them;
3. the ticket's own desk, then the rings in order;
4. the least load as a share of the capacity: this share is the *score* of a candidate;
5. the longest without a new ticket; never is the longest;
6. the id, so that the same input always gives the same answer.

**Reasons for leaving an agent out**, the first that holds: ``closed`` and ``closing`` (of the
desk), ``skill``, ``language``, ``away``, ``offline``, ``off-shift``, ``on-leave``, ``full``,
``channel-full``, ``ramp``, ``reserved``, ``declined`` (they were asked), ``affinity`` (the ticket
waits for another agent).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from services.routing.domain.agents import AgentState
from services.routing.domain.declining import Declined
from services.routing.domain.tickets import TicketState
from shared.contracts.facts import TicketFacts
from shared.contracts.routing import Candidate, Explanation, Presence
from shared.organisation.languages import speaks

LEAST_LOADED: Final = "least-loaded"
AFFINITY: Final = "affinity"
AFFINITY_WAIT: Final = "affinity-wait"
NOBODY_FREE: Final = "nobody-free"
NOBODY_OPEN: Final = "nobody-open"
NOBODY_ABLE: Final = "nobody-able"
"""However idle they were, none of those who are open has the skills and a language for it."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A queued ticket, as far as the choice depends on it."""

    id: str
    facts: TicketFacts
    desk: str
    since: datetime
    tier: int = 1
    reopened: bool = False
    last_agent: str | None = None
    """Who had it last and did not give it back."""
    solver: str | None = None
    because: Explanation | None = None
    """Why it came to the desk."""
    queue: str | None = None
    """One of the queues of the desk; None: the desk's own."""
    declined: tuple[Declined, ...] = ()
    """Who was asked and did not take it."""

    @classmethod
    def of(cls, ticket: str, state: TicketState) -> Waiting | None:
        """Return a ticket as the choice sees it; None where it does not wait."""
        if state.facts is None or state.since is None or state.unattended:
            return None
        return cls(
            id=ticket,
            facts=state.facts,
            desk=state.desk,
            since=state.since,
            tier=state.tier,
            reopened=state.reopened,
            last_agent=state.last_agent,
            solver=state.solver,
            because=state.queued_because,
            queue=state.queue,
            declined=state.declined,
        )


@dataclass(frozen=True, slots=True)
class AgentView:
    """An agent as things stand, as far as the choice depends on it."""

    agent: str
    presence: Presence = Presence.AVAILABLE
    load: int = 0
    """Sum of the weights of what the agent holds."""
    load_by_channel: Mapping[str, int] = field(default_factory=dict)
    taken_at: datetime | None = None
    """When the agent was last given a ticket; None counts as idle for ever."""
    signed_in_at: datetime | None = None
    recent: tuple[datetime, ...] = ()
    """When tickets were given lately, the oldest first; see `AgentState.recent`."""

    @classmethod
    def of(cls, agent: str, state: AgentState | None, default: Presence) -> AgentView:
        """Return an agent as the document says; the setting speaks for one who said nothing."""
        if state is None:
            return cls(agent=agent, presence=default)
        return cls(
            agent=agent,
            presence=state.presence or default,
            load=state.load,
            load_by_channel=state.load_by_channel,
            taken_at=state.taken_at,
            signed_in_at=state.signed_in_at,
            recent=state.recent,
        )


class Change(NamedTuple):
    """Something that will be otherwise from an instant on, without anybody doing anything.

    ``what`` is ``skill`` (it drops out), ``language`` or ``any-language`` (it will do), ``desk``
    (a ring is added), ``affinity`` (the wait for that agent ends), ``declined`` (all who are free
    declined it, and are asked anew), ``opens`` (a desk opens) or
    ``ramp`` (an agent may be given the next ticket).
    """

    at: datetime
    what: str
    name: str


class Ranked(NamedTuple):
    """An agent who could be given the ticket."""

    agent: str
    desk: str
    share: float


class Decision(NamedTuple):
    """The agent for a ticket, or None; and why."""

    ticket: Waiting
    agent: str | None
    desk: str
    """The desk for which the agent takes it; the ticket's own where nobody does."""
    queue: str | None
    """The queue of that desk for which it is taken; None: the desk's own."""
    weight: int
    decided: str
    policy: str | None
    language: str | None
    """The language in which the agent works on it; None where the rule lets any pass."""
    desks: tuple[str, ...]
    """All desks and queues whose agents were considered."""
    free: int
    candidates: tuple[Ranked, ...]
    """The best who are free, the chosen one first."""
    left_out: Mapping[str, int]
    changes: tuple[Change, ...]
    """What will change by itself, the soonest first; not told where there is an agent."""
    again: bool = False
    """Whether all who were free had declined it, and are asked anew."""

    def explanation(self) -> Explanation:
        """Return the reasons as events carry them."""
        because = self.ticket.because
        return Explanation(
            topology=because.topology if because else "",
            shape=because.shape if because else "",
            rule=sentence(self)[:300],
            candidates=tuple(
                Candidate(
                    name=ranked.agent,
                    chosen=ranked.agent == self.agent,
                    score=round(ranked.share, 4),
                    desk=ranked.desk,
                )
                for ranked in self.candidates
            ),
            left_out=dict(self.left_out),
            decided=self.decided,
            policy=self.policy,
            free=self.free,
            language=self.language,
        )


def sentence(decision: Decision) -> str:
    """Return what decided, for people who read English; others get it from the words."""
    desks = ", ".join(decision.desks)
    match decision.decided:
        case "affinity":
            return f"{decision.agent} knows it already; {_spoken(decision)}"
        case "least-loaded":
            agents = "free agent" if decision.free == 1 else "free agents"
            who = f"{decision.agent} is the least loaded of {decision.free} {agents} of {desks}"
            return f"{who}; {_spoken(decision)}"
        case "affinity-wait":
            return "it waits for the agent who knows it already"
        case "nobody-open":
            return f"nobody of {desks} is open for long enough"
        case "nobody-able":
            return f"nobody of {desks} has the skills and the language for it"
        case _:
            return f"nobody of {desks} is free"


def _spoken(decision: Decision) -> str:
    wanted = decision.ticket.facts.language
    if decision.language is None:
        return f"nobody free speaks {wanted}"
    same = speaks([decision.language], wanted)
    return f"speaks {wanted}" if same else f"speaks {decision.language} instead of {wanted}"
