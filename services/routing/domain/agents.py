"""What each agent holds, and whether the agent takes work."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from shared.aggregate import Aggregate
from shared.contracts.envelope import Body, Event
from shared.contracts.routing import HoldReleased, HoldTaken, Presence, PresenceChanged
from shared.contracts.topics import SHIFTS
from shared.kernel import CommandRejected, stream_id


class AgentState(BaseModel):
    """One agent's presence and holds: the fold of the agent's events.

    Invariant: the sum of the holds never exceeds the capacity that was configured when the last
    of them was taken.
    """

    model_config = ConfigDict(frozen=True)

    agent: str = ""
    presence: Presence | None = None
    """None until the agent says something; a setting decides what that means."""
    holds: dict[str, int] = {}
    """Ticket to weight. Bounded by the agent's capacity, since each weighs at least 1."""
    taken_at: datetime | None = None
    """When the agent was last given a ticket."""

    @property
    def load(self) -> int:
        """Sum of the weights of what the agent holds."""
        return sum(self.holds.values())


def evolve_agent(state: AgentState | None, event: Event[Any]) -> AgentState:
    """Return the state after one of the agent's own events."""
    before = state or AgentState()
    body = event.body
    match body:
        case PresenceChanged():
            return before.model_copy(update={"agent": body.agent, "presence": body.presence})
        case HoldTaken():
            holds = {**before.holds, body.ticket: body.weight}
            return before.model_copy(
                update={"agent": body.agent, "holds": holds, "taken_at": event.time}
            )
        case HoldReleased():
            holds = {t: weight for t, weight in before.holds.items() if t != body.ticket}
            return before.model_copy(update={"agent": body.agent, "holds": holds})
        case _:
            message = f"{event.type} is no event of an agent"
            raise TypeError(message)


AGENTS: Final = Aggregate(name="agents", topic=SHIFTS, state=AgentState, evolve=evolve_agent)


def agent_stream(tenant: str, agent: str) -> str:
    """Return the id of an agent's stream."""
    return stream_id(tenant, "agent", agent)


def decide_presence(state: AgentState | None, *, agent: str, presence: Presence) -> Sequence[Body]:
    """Change the presence, where it is another."""
    if state is not None and state.presence is presence:
        return []
    return [PresenceChanged(agent=agent, presence=presence)]


def decide_holds(
    state: AgentState | None, *, agent: str, tickets: Mapping[str, int], capacity: int
) -> Sequence[Body]:
    """Take holds, also where a stale one of the same ticket stands.

    It always says something: the write that follows is what an overlapping release loses to.

    Args:
        state: the agent's.
        agent: the agent's name.
        tickets: ticket to weight; at least one.
        capacity: sum of the weights that the agent may hold.

    Raises:
        CommandRejected: ``no-capacity``, where it would exceed the capacity.
    """
    holds = {**(state.holds if state else {}), **tickets}
    if sum(holds.values()) > capacity:
        held = state.load if state else 0
        raise CommandRejected(
            "no-capacity", f"{agent} holds {held} of {capacity} and cannot take more"
        )
    return [
        HoldTaken(agent=agent, ticket=ticket, weight=weight) for ticket, weight in tickets.items()
    ]


def decide_release(
    state: AgentState | None, *, agent: str, tickets: Collection[str]
) -> Sequence[Body]:
    """Release those holds that stand."""
    holds = state.holds if state else {}
    return [HoldReleased(agent=agent, ticket=ticket) for ticket in tickets if ticket in holds]
