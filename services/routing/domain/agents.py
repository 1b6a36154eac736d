"""What each agent holds, and whether the agent takes work."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ConfigDict

from shared.aggregate import Aggregate
from shared.contracts.envelope import Body, Event
from shared.contracts.offering import OfferAnswer, OfferAnswered
from shared.contracts.routing import HoldReleased, HoldTaken, Presence, PresenceChanged
from shared.contracts.topics import SHIFTS
from shared.kernel import CommandRejected, stream_id

RAMP_SECONDS: Final = 60
"""A ramp limits the assignments within any stretch of so long."""
RECENT_MAX: Final = 100
"""As many assignments are remembered as a ramp can allow in a minute, and no more."""


PICK_SECONDS: Final = 3_600
"""A limit on one's own choice counts the picks within any stretch of so long."""
PICKS_MAX: Final = 100
"""As many picks are remembered as such a limit can allow, and no more."""


class Work(NamedTuple):
    """How much of whose capacity a ticket takes."""

    weight: int
    channel: str | None
    picked: bool = False
    """Whether the agent chose it from the queue."""


class Capacity(NamedTuple):
    """The sums of weights that an agent holds at most, in all and of some channels."""

    total: int
    by_channel: Mapping[str, int]


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
    channels: dict[str, str] = {}
    """Ticket to channel, of those holds that say it."""
    taken_at: datetime | None = None
    """When the agent was last given a ticket."""
    signed_in_at: datetime | None = None
    """Since when the agent has not been offline; None where the agent never signed in."""
    recent: tuple[datetime, ...] = ()
    """When tickets were given within `RAMP_SECONDS` before the last one, the oldest first."""
    picks: tuple[datetime, ...] = ()
    """When the agent chose tickets within `PICK_SECONDS` before the last one, the oldest first."""
    missed: int = 0
    """How many offers in a row ran out."""
    out_since: datetime | None = None
    """Since when the agent has been away or offline; None while available, or where unknown."""

    @property
    def load(self) -> int:
        """Sum of the weights of what the agent holds."""
        return sum(self.holds.values())

    @property
    def load_by_channel(self) -> dict[str, int]:
        """The same by channel."""
        loads: dict[str, int] = {}
        for ticket, channel in self.channels.items():
            loads[channel] = loads.get(channel, 0) + self.holds[ticket]
        return loads


def evolve_agent(state: AgentState | None, event: Event[Any]) -> AgentState:
    """Return the state after one of the agent's own events."""
    before = state or AgentState()
    body = event.body
    match body:
        case PresenceChanged():
            return before.model_copy(
                update={
                    "agent": body.agent,
                    "presence": body.presence,
                    "signed_in_at": _signed_in(before, body.presence, event.time),
                    "out_since": _out(before, body.presence, event.time),
                    "missed": 0,
                }
            )
        case HoldTaken():
            return before.model_copy(update=_taken(before, body, event.time))
        case HoldReleased():
            return before.model_copy(
                update={
                    "agent": body.agent,
                    "holds": {t: w for t, w in before.holds.items() if t != body.ticket},
                    "channels": {t: c for t, c in before.channels.items() if t != body.ticket},
                }
            )
        case OfferAnswered():
            missed = before.missed + 1 if body.answer is OfferAnswer.EXPIRED else 0
            return before.model_copy(update={"agent": body.agent, "missed": missed})
        case _:
            message = f"{event.type} is no event of an agent"
            raise TypeError(message)


def _signed_in(before: AgentState, presence: Presence, at: datetime) -> datetime | None:
    """Return since when the agent is signed in; who was away comes back to the same session."""
    if presence is Presence.OFFLINE:
        return None
    was_out = before.presence in {None, Presence.OFFLINE, Presence.UNKNOWN}
    return at if was_out else before.signed_in_at


def _out(before: AgentState, presence: Presence, at: datetime) -> datetime | None:
    """Return since when the agent is not there; who goes home from a break was out already."""
    return None if presence is Presence.AVAILABLE else before.out_since or at


def _taken(before: AgentState, body: HoldTaken, at: datetime) -> dict[str, Any]:
    """Return what changes as an agent is given a ticket."""
    channels = {t: c for t, c in before.channels.items() if t != body.ticket}
    if body.channel is not None:
        channels[body.ticket] = body.channel
    return {
        "agent": body.agent,
        "holds": {**before.holds, body.ticket: body.weight},
        "channels": channels,
        "taken_at": at,
        "recent": recently(before.recent, at),
        "picks": _picked(before.picks, at) if body.picked else before.picks,
    }


def recently(recent: Sequence[datetime], at: datetime) -> tuple[datetime, ...]:
    """Return the recent assignments with one more; those that no ramp asks for are dropped."""
    since = at - timedelta(seconds=RAMP_SECONDS)
    return (*(earlier for earlier in recent if earlier > since), at)[-RECENT_MAX:]


def _picked(picks: Sequence[datetime], at: datetime) -> tuple[datetime, ...]:
    since = at - timedelta(seconds=PICK_SECONDS)
    return (*(earlier for earlier in picks if earlier > since), at)[-PICKS_MAX:]


AGENTS: Final = Aggregate(
    name="agents",
    topic=SHIFTS,
    state=AgentState,
    evolve=evolve_agent,
    events=(PresenceChanged, HoldTaken, HoldReleased, OfferAnswered),
)


def agent_stream(tenant: str, agent: str) -> str:
    """Return the id of an agent's stream."""
    return stream_id(tenant, "agent", agent)


def decide_presence(
    state: AgentState | None,
    *,
    agent: str,
    presence: Presence,
    by: str | None = None,
    reason: str | None = None,
) -> Sequence[Body]:
    """Change the presence, where it is another.

    Who says again that they are available after missing offers has answered: nothing is missed.
    """
    if state is not None and state.presence is presence and not state.missed:
        return []
    return [PresenceChanged(agent=agent, presence=presence, by=by, reason=reason)]


def decide_holds(
    state: AgentState | None, *, agent: str, tickets: Mapping[str, Work], capacity: Capacity
) -> Sequence[Body]:
    """Take holds, also where a stale one of the same ticket stands.

    It always says something: the write that follows is what an overlapping release loses to.

    Args:
        state: the agent's.
        agent: the agent's name.
        tickets: ticket to work; at least one.
        capacity: what the agent may hold.

    Raises:
        CommandRejected: ``no-capacity``, where it would exceed the capacity.
    """
    known = state or AgentState()
    weights = {ticket: work.weight for ticket, work in tickets.items()}
    if sum({**known.holds, **weights}.values()) > capacity.total:
        raise CommandRejected(
            "no-capacity",
            f"{agent} holds {known.load} of {capacity.total} and cannot take more",
        )
    loads = {c: w for c, w in known.load_by_channel.items() if c in capacity.by_channel}
    for ticket, work in tickets.items():
        if work.channel is None or work.channel not in capacity.by_channel:
            continue
        stale = known.holds.get(ticket, 0) if known.channels.get(ticket) == work.channel else 0
        loads[work.channel] = loads.get(work.channel, 0) - stale + work.weight
        room = capacity.by_channel[work.channel]
        if loads[work.channel] > room:
            held = known.load_by_channel.get(work.channel, 0)
            raise CommandRejected(
                "no-capacity",
                f"{agent} holds {held} of {room} by {work.channel} and cannot take more",
            )
    return [
        HoldTaken(
            agent=agent,
            ticket=ticket,
            weight=work.weight,
            channel=work.channel,
            picked=work.picked,
        )
        for ticket, work in tickets.items()
    ]


def decide_release(
    state: AgentState | None, *, agent: str, tickets: Collection[str]
) -> Sequence[Body]:
    """Release those holds that stand."""
    holds = state.holds if state else {}
    return [HoldReleased(agent=agent, ticket=ticket) for ticket in tickets if ticket in holds]
