"""What must be true of routing's own streams, at every event of them, whoever wrote it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from services.routing.domain.agents import AgentState, Capacity, evolve_agent
from services.routing.domain.tickets import TICKETS, TicketState
from shared.aggregate import Aggregate
from shared.contracts.envelope import Event, decode
from shared.contracts.routing import HoldTaken


@dataclass
class Streams:
    """The folded streams, and what was wrong on the way."""

    agents: dict[str, AgentState] = field(default_factory=dict)
    """By agent's name."""
    tickets: dict[str, TicketState] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    taken: int = 0
    """Holds that were taken."""
    fullest: dict[str, int] = field(default_factory=dict)
    """The most that each agent held."""


def replay(
    *,
    tickets: Iterable[Event[Any]],
    agents: Iterable[Event[Any]],
    capacities: Mapping[str, Capacity],
) -> Streams:
    """Fold both topics, in any order of streams, and look at each state on the way.

    - Events of a stream are numbered without a gap; a repeated one is the same one.
    - What an agent holds never exceeds the capacity, in all and by channel.
    - A ticket comes to an agent as often as that agent takes a hold of it, and never otherwise.
    - In the end each hold is of a ticket that the agent has, and the other way round.
    """
    found = Streams()
    came: Counter[tuple[str, str]] = Counter()
    took: Counter[tuple[str, str]] = Counter()
    for stream, events in _numbered(tickets, found.problems):
        state: TicketState | None = None
        for event in events:
            before = state.holder if state else None
            state = TICKETS.evolve(state, event)
            if state.holder is not None and state.holder != before:
                came[stream, state.holder] += 1
        if state is not None:
            found.tickets[stream] = state
    for _, events in _numbered(agents, found.problems):
        agent = AgentState()
        for event in events:
            agent = evolve_agent(agent, event)
            if isinstance(event.body, HoldTaken):
                found.taken += 1
                took[event.body.ticket, agent.agent] += 1
            found.problems += _too_much(agent, capacities)
            name = agent.agent
            found.fullest[name] = max(found.fullest.get(name, 0), agent.load)
        found.agents[agent.agent] = agent
    for pair in sorted(came.keys() | took.keys()):
        if came[pair] != took[pair]:
            ticket, name = pair
            text = f"{ticket} came to {name} {came[pair]} times and was held {took[pair]} times"
            found.problems.append(text)
    found.problems += disagreements(found)
    return found


def disagreements(streams: Streams) -> list[str]:
    """Return where holds and tickets do not say the same."""
    holders = {t: s.holder for t, s in streams.tickets.items() if s.holder is not None}
    held: Counter[str] = Counter(t for a in streams.agents.values() for t in a.holds)
    wrong = [f"{ticket} is held {times} times" for ticket, times in held.items() if times > 1]
    for name, agent in streams.agents.items():
        wrong += [
            f"{name} holds {ticket}, which {holders.get(ticket)} has"
            for ticket in agent.holds
            if holders.get(ticket) != name
        ]
    wrong += [
        f"{holders[ticket]} has no hold of {ticket}" for ticket in holders.keys() - held.keys()
    ]
    return wrong


def events_of(aggregate: Aggregate[Any], records: Iterable[tuple[Any, Any]]) -> list[Event[Any]]:
    """Return the events of a topic's records, given as headers and value."""
    found = []
    for headers, value in records:
        event = decode(headers, value)
        body = aggregate.topic.body(event.type)
        assert body is not None, event.type
        found.append(event.with_body(body))
    return found


def _numbered(
    events: Iterable[Event[Any]], problems: list[str]
) -> Iterator[tuple[str, list[Event[Any]]]]:
    streams: dict[str, dict[int, Event[Any]]] = {}
    for event in events:
        known = streams.setdefault(event.subject, {})
        if event.sequence in known and known[event.sequence].body != event.body:
            problems.append(f"{event.subject}: two events are number {event.sequence}")
        known.setdefault(event.sequence, event)
    for stream, known in streams.items():
        if sorted(known) != list(range(1, len(known) + 1)):
            problems.append(f"{stream}: events are missing among {sorted(known)}")
        yield stream, [known[number] for number in sorted(known)]


def _too_much(agent: AgentState, capacities: Mapping[str, Capacity]) -> Iterator[str]:
    capacity = capacities[agent.agent]
    if agent.load > capacity.total:
        yield f"{agent.agent} holds {agent.load} of {capacity.total}"
    for channel, load in agent.load_by_channel.items():
        if load > capacity.by_channel.get(channel, load):
            yield f"{agent.agent} holds {load} of {capacity.by_channel[channel]} by {channel}"
