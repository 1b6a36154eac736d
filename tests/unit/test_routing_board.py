"""The heaps choose what a plain walk through all agents chooses, whatever has happened before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from services.routing.domain import pooling
from services.routing.domain.agents import recently
from services.routing.domain.board import Board
from services.routing.domain.declining import Declined
from services.routing.domain.matching import AgentView, Waiting
from services.routing.domain.shifts import Shift
from shared.contracts.facts import Channel, Kind, Priority
from shared.contracts.routing import Presence
from shared.organisation import Agent, Configuration, validate_sections
from tests.support.routing import MONDAY, at, facts
from tests.support.routing_scan import Scan, weight_of

DESKS = ("north", "south", "night")
SKILLS = ("network", "vpn")
CALENDARS: dict[str, dict[str, Any]] = {
    "north": {"name": "north", "time_zone": "UTC", "hours": {"mon-sun": [["09:00", "17:00"]]}},
    "south": {"name": "south", "time_zone": "UTC", "hours": "24x7"},
    "hour": {"name": "hour", "time_zone": "UTC", "hours": {"mon-sun": [["12:00", "12:40"]]}},
    "night": {"name": "night", "time_zone": "UTC", "hours": {"mon-sun": [["16:30", "24:00"]]}},
}
WAITS = st.sampled_from([60, 300, 900])


def subset(values: tuple[str, ...], *, least: int = 0) -> st.SearchStrategy[list[str]]:
    """Return some of the values, each once."""
    return st.lists(st.sampled_from(values), min_size=least, max_size=len(values), unique=True)


AGENT = st.fixed_dictionaries(
    {
        "desks": subset(DESKS, least=1),
        "languages": subset(("en", "zh", "sv"), least=1),
        "capacity": st.sampled_from([0, 1, 2, 3, 4, 6]),
        "skills": st.dictionaries(st.sampled_from(SKILLS), st.integers(1, 3)),
        "capacity_by_channel": st.dictionaries(st.just("phone"), st.integers(0, 2)),
    }
)
RULE: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "when": st.sampled_from(
            [
                'priority == "P1"',
                'language != "en"',
                'channel == "phone"',
                '"mfa" in tags',
                *["true"] * 3,
            ]
        ),
        "during": st.sampled_from([None, None, None, "night", "hour"]),
        "outside": st.sampled_from([None, None, None, "north"]),
        "skills": st.dictionaries(st.sampled_from(SKILLS), st.integers(1, 2), max_size=1),
        "optional_skills": st.lists(
            st.fixed_dictionaries(
                {
                    "skill": st.sampled_from(SKILLS),
                    "level": st.integers(1, 3),
                    "after": WAITS,
                }
            ),
            max_size=2,
        ),
        "language": st.one_of(
            st.just({"required": False}),
            st.fixed_dictionaries(
                {
                    "required": st.just(True),
                    "fallbacks": st.lists(
                        st.fixed_dictionaries(
                            {"language": st.sampled_from(["en", "sv"]), "after": WAITS}
                        ),
                        max_size=2,
                        unique_by=lambda fallback: str(fallback["language"]),
                    ),
                    "any_after": st.one_of(st.none(), WAITS),
                }
            ),
        ),
        "weight": st.one_of(st.none(), st.integers(1, 3)),
        "affinity": st.one_of(
            st.none(),
            st.just({"wait": 300}),
            st.fixed_dictionaries(
                {
                    "to": subset(("solver", "last-agent"), least=1),
                    "wait": WAITS,
                }
            ),
        ),
        "overflow": st.sampled_from(
            [
                [],
                [{"after": 300, "desks": ["south"]}],
                [{"after": 60, "desks": ["night"]}, {"after": 900, "desks": ["south", "north"]}],
            ]
        ),
        "open_at_least": st.one_of(st.none(), st.sampled_from([600, 3600])),
    }
)
RESERVE = st.one_of(
    st.fixed_dictionaries(
        {
            "priority": st.sampled_from(["P1", "P2"]),
            "agents": st.integers(1, 2),
            "skill": st.one_of(st.none(), st.sampled_from(SKILLS)),
        }
    ),
    st.fixed_dictionaries(
        {
            "priority": st.sampled_from(["P1", "P3"]),
            "share": st.sampled_from([0.1, 0.25, 0.5]),
            "skill": st.one_of(st.none(), st.sampled_from(SKILLS)),
        }
    ),
)
TERMS = st.fixed_dictionaries(
    {
        "reserves": st.lists(RESERVE, min_size=1, max_size=2) | st.just([]),
        "ramp": st.one_of(
            st.none(),
            st.fixed_dictionaries(
                {
                    "lasts": st.sampled_from([120, 600]),
                    "per_minute": st.integers(1, 2),
                    "more": st.integers(0, 1),
                }
            ),
        ),
    }
)


@st.composite
def organisations(draw: st.DrawFn) -> Configuration:
    """Return an organisation of three desks with any agents and any terms of routing."""
    agents = draw(st.lists(AGENT, min_size=5, max_size=8))
    # Somebody who has every skill and language, so that whatever rules ask for exists.
    everything: dict[str, Any] = {
        "desks": list(DESKS),
        "languages": ["en", "zh", "sv"],
        "capacity": draw(st.integers(0, 2)),
        "skills": dict.fromkeys(SKILLS, 3),
    }
    rules = draw(st.lists(RULE, min_size=1, max_size=3, unique_by=lambda rule: str(rule["when"])))
    rules.sort(key=lambda rule: rule["when"] == "true")
    for rule in rules:
        required = rule["skills"]
        rule["optional_skills"] = [
            o for o in rule["optional_skills"] if required.get(o["skill"], 0) < o["level"]
        ]
    return validate_sections(
        {
            "calendars": {"calendars": list(CALENDARS.values())},
            "desks": {"desks": [{"name": d, "title": d, "calendar": d} for d in DESKS]},
            "agents": {
                "agents": [
                    {"id": f"a{n}", "name": "A", "email": "a@example.org", **agent}
                    for n, agent in enumerate([*agents, everything])
                ]
            },
            "topologies": {
                "topologies": [{"name": "all", "shape": "centralized", "desk": "north"}]
            },
            "routing": {
                "weights": draw(st.sampled_from([{}, {"change": 2}])),
                "rules": [{"name": f"r{n}", **rule} for n, rule in enumerate(rules)],
                "desks": {"north": draw(TERMS)}
                | draw(st.dictionaries(st.sampled_from(DESKS[1:]), TERMS)),
            },
        }
    )


NAMES = st.sampled_from([f"a{n}" for n in range(9)])
TICKET = st.builds(
    lambda desk, waited, priority, language, channel, kind, tags, again, last, solver, asked: (
        waited,
        Waiting(
            id="t",
            facts=facts(
                priority=priority, language=language, channel=channel, kind=kind, tags=tags
            ),
            desk=desk,
            since=MONDAY,
            reopened=again,
            last_agent=last,
            solver=solver,
            declined=tuple(
                Declined(agent=name, at=at(11, minute), how="rejected", final=final)
                for name, minute, final in asked
            ),
        ),
    ),
    st.sampled_from(["north", "north", *DESKS]),
    st.sampled_from([0, 59, 60, 300, 600, 900, 5000]),
    st.sampled_from([Priority.P1, Priority.P2, Priority.P3, Priority.P5]),
    st.sampled_from(["en", "zh-Hans", "fr"]),
    st.sampled_from([Channel.PHONE, Channel.EMAIL]),
    st.sampled_from([Kind.INCIDENT, Kind.CHANGE]),
    st.sampled_from([(), ("mfa",), ("mfa", "vpn"), ("vpn",)]),
    st.booleans(),
    st.one_of(st.none(), NAMES),
    st.one_of(st.none(), NAMES),
    st.one_of(
        st.just([]),
        st.lists(
            st.tuples(NAMES, st.sampled_from([40, 49, 52]), st.booleans()),
            max_size=8,
            unique_by=lambda one: one[0],
        ),
    ),
)
PRESENCE = st.sampled_from([*Presence, *[Presence.AVAILABLE] * 4])
STEP = st.one_of(
    st.tuples(st.just("ticket"), TICKET),
    st.tuples(st.just("ticket"), TICKET),
    st.tuples(st.just("ticket"), TICKET),
    st.tuples(st.just("release"), NAMES),
    st.tuples(st.just("presence"), st.tuples(NAMES, PRESENCE)),
    st.tuples(st.just("wait"), st.sampled_from([1, 30, 60, 61, 300, 1800, -45])),
)


def lunch(_configuration: Configuration, agent: Agent, now: datetime) -> Shift:
    """Let agents with an even number be off from noon to one, and the seventh on leave."""
    if agent.id == "a7":
        return Shift("on-leave", None)
    noon, one = now.replace(hour=12, minute=0, second=0), now.replace(hour=13, minute=0, second=0)
    if int(agent.id[1:]) % 2:
        return Shift(None, None)
    if noon <= now < one:
        return Shift("off-shift", one)
    return Shift(None, noon if now < noon else None)


class World:
    """What the board was told, kept apart from the board."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.now = at(11, 50)
        self.views = {a.id: AgentView(agent=a.id) for a in configuration.all_agents()}
        self.held: dict[str, list[tuple[int, str]]] = {}
        self.board = Board(configuration, shift=lunch)
        self.board.see(self.views.values(), self.now)

    def change(self, agent: str, **changes: Any) -> None:
        """Let an agent stand otherwise."""
        if agent in self.views:
            self.views[agent] = replace(self.views[agent], **changes)
            self.board.see([self.views[agent]], self.now)

    def hold(self, agent: str) -> Mapping[str, Any]:
        """Return the loads of an agent."""
        held = self.held.get(agent, [])
        channels: dict[str, int] = {}
        for weight, channel in held:
            channels[channel] = channels.get(channel, 0) + weight
        return {"load": sum(w for w, _ in held), "load_by_channel": channels}

    def decide(self, ticket: Waiting, waited: int) -> None:
        """Ask both, compare, and give the ticket to whom they chose."""
        ticket = replace(ticket, since=self.now - timedelta(seconds=waited))
        found = self.board.decide(ticket, self.now)
        scanned = Scan(self.configuration, self.views, self.now, shift=lunch).decide(ticket)
        assert (found.agent, found.desk, found.decided) == (
            scanned.agent,
            scanned.desk,
            scanned.decided,
        )
        assert found.free == scanned.free
        # A queue that is not read for want of room holds nothing that somebody could be given.
        assert found.agent is None or self.board.has_room(ticket.desk)
        assert tuple((r.agent, r.desk) for r in found.candidates) == scanned.candidates
        assert found.left_out == scanned.left_out
        assert found.weight == weight_of(self.configuration, ticket, self.now)
        if found.agent is None:
            return
        agent = self.configuration.agent(found.agent)
        channel = str(ticket.facts.channel)
        self.held.setdefault(agent.id, []).append((found.weight, channel))
        loads = self.hold(agent.id)
        assert loads["load"] <= agent.capacity
        limits = {str(c): n for c, n in agent.capacity_by_channel.items()}
        assert loads["load_by_channel"][channel] <= limits.get(channel, agent.capacity)
        self.board.take(found, self.now)
        recent = recently(self.views[agent.id].recent, self.now)
        self.views[agent.id] = replace(
            self.views[agent.id], **loads, taken_at=self.now, recent=recent
        )

    def play(self, step: tuple[str, Any]) -> None:
        """Do one step."""
        match step:
            case "ticket", (waited, ticket):
                self.decide(ticket, waited)
            case "release", agent if self.held.get(agent):
                self.held[agent].pop(0)
                self.change(agent, **self.hold(agent))
            case "presence", (agent, presence) if agent in self.views:
                before = self.views[agent]
                signed = before.signed_in_at
                if presence is Presence.OFFLINE:
                    signed = None
                elif before.presence is Presence.OFFLINE or signed is None:
                    signed = self.now
                self.change(agent, presence=presence, signed_in_at=signed)
            case "wait", seconds:
                self.now += timedelta(seconds=seconds)
            case _:
                pass


@settings(max_examples=120, deadline=None)
@given(organisations(), st.lists(STEP, min_size=20, max_size=40))
def test_the_heaps_choose_what_a_walk_through_everybody_chooses(
    configuration: Configuration, steps: list[tuple[str, Any]]
) -> None:
    """The agent, the desk, the word, the five best and the counts agree, after any history."""
    world = World(configuration)
    for step in steps:
        world.play(step)


@settings(max_examples=40, deadline=None)
@given(organisations(), st.lists(STEP, min_size=10, max_size=30), TICKET)
def test_what_a_board_came_through_makes_no_difference(
    configuration: Configuration, steps: list[tuple[str, Any]], last: tuple[int, Waiting]
) -> None:
    """A board that has seen everything decides as one that is told where it stands now."""
    world = World(configuration)
    for step in steps:
        world.play(step)
    fresh = Board(configuration, shift=lunch)
    fresh.see(world.views.values(), world.now)
    waited, ticket = last
    ticket = replace(ticket, since=world.now - timedelta(seconds=waited))
    assert world.board.decide(ticket, world.now) == fresh.decide(ticket, world.now)


@settings(max_examples=30, deadline=None)
@given(organisations(), st.lists(STEP, min_size=20, max_size=40), st.integers(1, 5))
def test_what_a_board_forgets_makes_no_difference(
    configuration: Configuration, steps: list[tuple[str, Any]], idle: int
) -> None:
    """Pools that are dropped because nobody asked are built again and choose the same."""
    with (
        patch.object(pooling, "IDLE_DECISIONS", idle),
        patch.object(pooling, "SEATS_MAX", idle * 10),
    ):
        world = World(configuration)
        for step in steps:
            world.play(step)
