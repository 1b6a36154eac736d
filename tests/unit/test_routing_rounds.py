"""What holds over many rounds, whatever comes in and whenever: against a plain model of a desk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from services.routing.domain.agents import recently
from services.routing.domain.board import Board
from services.routing.domain.matching import AgentView, Waiting
from shared.contracts.facts import Priority
from shared.contracts.routing import Presence
from shared.organisation import Configuration, validate_sections
from tests.support.routing import at, facts
from tests.support.routing_scan import Scan

PRIORITIES = st.sampled_from([Priority.P1, Priority.P2, Priority.P3, Priority.P3, Priority.P5])
SKILLS = ("network", "vpn")


def desk(
    *, agents: int, capacity: int, routing: dict[str, object], skills: Sequence[str] = ()
) -> Configuration:
    """Return one desk that is always open; its agents have the skills in turns."""
    return validate_sections(
        {
            "calendars": {"calendars": [{"name": "always", "time_zone": "UTC", "hours": "24x7"}]},
            "desks": {"desks": [{"name": "one", "title": "One", "calendar": "always"}]},
            "agents": {
                "agents": [
                    {
                        "id": f"a{n}",
                        "name": "A",
                        "email": "a@example.org",
                        "desks": ["one"],
                        "capacity": capacity,
                        "skills": [skills[n % len(skills)]] if skills else [],
                    }
                    for n in range(agents)
                ]
            },
            "topologies": {"topologies": [{"name": "all", "shape": "centralized", "desk": "one"}]},
            "routing": routing,
        }
    )


class Model:
    """A desk over time: what waits, who holds what. The board is asked; the model keeps books."""

    def __init__(
        self, configuration: Configuration, presence: Presence = Presence.AVAILABLE
    ) -> None:
        self.configuration = configuration
        self.board = Board(configuration)
        self.now = at(9)
        self.views = {
            a.id: AgentView(agent=a.id, presence=presence) for a in configuration.all_agents()
        }
        self.waiting: list[Waiting] = []
        self.held: dict[str, list[Waiting]] = {name: [] for name in self.views}
        self.given: list[tuple[datetime, str, Waiting]] = []
        self._number = 0

    def come(self, priority: Priority = Priority.P3, service: str | None = None) -> Waiting:
        """Let a ticket come."""
        self._number += 1
        known = facts(priority=priority, service=service)
        ticket = Waiting(id=f"t{self._number:05}", facts=known, desk="one", since=self.now)
        self.waiting.append(ticket)
        return ticket

    def finish(self, agent: str) -> None:
        """Let an agent finish the oldest ticket in hand."""
        if self.held[agent]:
            self.held[agent].pop(0)
            self.views[agent] = replace(self.views[agent], load=len(self.held[agent]))

    def sign_in(self, agent: str) -> None:
        """Let an agent begin."""
        self.views[agent] = replace(
            self.views[agent], presence=Presence.AVAILABLE, signed_in_at=self.now
        )

    def round(self) -> None:
        """Give out what can be given, in the order of the queue."""
        self.board.see(self.views.values(), self.now)
        for ticket in sorted(self.waiting, key=lambda t: self.board.rules.place(t, self.now)):
            decision = self.board.decide(ticket, self.now, full=False)
            if decision.agent is None:
                continue
            self.board.take(decision, self.now)
            self.waiting.remove(ticket)
            self.held[decision.agent].append(ticket)
            self.given.append((self.now, decision.agent, ticket))
            view = self.views[decision.agent]
            self.views[decision.agent] = replace(
                view,
                load=len(self.held[decision.agent]),
                taken_at=self.now,
                recent=recently(view.recent, self.now),
            )
            capacity = self.configuration.agent(decision.agent).capacity
            assert len(self.held[decision.agent]) <= capacity


STEP = st.one_of(
    st.tuples(st.just("come"), PRIORITIES, st.sampled_from([None, *SKILLS])),
    st.tuples(st.just("come"), PRIORITIES, st.sampled_from([None, *SKILLS])),
    st.tuples(st.just("finish"), st.integers(0, 5)),
    st.tuples(st.just("wait"), st.integers(1, 600)),
)


def play(model: Model, step: tuple[object, ...]) -> None:
    """Do one step and give out what can be given."""
    match step:
        case ("come", Priority() as priority, service):
            model.come(priority, service if isinstance(service, str) else None)
        case ("finish", int(number)):
            model.finish(f"a{number % len(model.views)}")
        case ("wait", int(seconds)):
            model.now += timedelta(seconds=seconds)
        case _:
            pass
    model.round()


BY_SKILL = [
    {
        "name": skill,
        "when": f'service == "{skill}"',
        "optional_skills": [{"skill": skill, "after": 300}],
    }
    for skill in SKILLS
]


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 5), st.integers(1, 3), st.lists(STEP, min_size=20, max_size=60))
def test_nothing_waits_while_somebody_who_may_have_it_has_room(
    agents: int, capacity: int, steps: list[tuple[object, ...]]
) -> None:
    """After each round the plain walk finds nobody for any ticket that still waits."""
    known = desk(agents=agents, capacity=capacity, routing={"rules": BY_SKILL}, skills=SKILLS)
    model = Model(known)
    for step in steps:
        play(model, step)
        scan = Scan(known, model.views, model.now)
        assert [t.id for t in model.waiting if scan.decide(t).free] == []


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5), st.integers(0, 3), st.lists(st.integers(1, 45), min_size=10, max_size=40))
def test_after_signing_in_nobody_gets_more_than_the_ramp_allows(
    per_minute: int, more: int, pauses: list[int]
) -> None:
    """200 wait and the first of five signs in: in any 60 seconds no more than the ramp says."""
    terms = {"ramp": {"lasts": 600, "per_minute": per_minute, "more": more}}
    model = Model(desk(agents=5, capacity=300, routing={"desks": {"one": terms}}), Presence.OFFLINE)
    for _ in range(200):
        model.come()
    model.round()
    assert model.given == []
    model.sign_in("a0")
    began = model.now
    model.round()
    assert len(model.given) == per_minute
    for pause in pauses:
        model.now += timedelta(seconds=pause)
        model.round()
        minute = int((model.now - began).total_seconds() // 60)
        if minute < 10:
            lately = [at for at, _, _ in model.given if (model.now - at).total_seconds() < 60]
            assert len(lately) <= per_minute + more * minute


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 6), st.data(), st.lists(STEP, min_size=20, max_size=60))
def test_ordinary_work_never_takes_the_agents_who_are_kept_for_grave_faults(
    agents: int, data: st.DataObject, steps: list[tuple[object, ...]]
) -> None:
    """P2 and less hold at most all but k agents; a P1 waits only while P1s hold the k."""
    kept = data.draw(st.integers(1, agents - 1))
    terms = {"reserves": [{"priority": "P1", "agents": kept}]}
    model = Model(desk(agents=agents, capacity=1, routing={"desks": {"one": terms}}))
    for step in steps:
        play(model, step)
        held = [tickets[0].facts.priority for tickets in model.held.values() if tickets]
        grave = held.count(Priority.P1)
        assert len(held) - grave <= agents - kept
        if any(t.facts.priority is Priority.P1 for t in model.waiting):
            assert len(held) == agents
            assert grave >= kept


@settings(max_examples=40, deadline=None)
@given(st.integers(60, 1800), st.integers(5, 40))
def test_a_ticket_of_little_priority_is_not_starved_by_a_stream_of_others(
    ageing: int, backlog: int
) -> None:
    """One agent, a P3 each minute and one done each minute: the P5 is done soon after it rose."""
    rule = {"name": "all", "ageing": {"after": ageing, "best": "P2"}}
    model = Model(desk(agents=1, capacity=1, routing={"rules": [rule]}))
    for _ in range(backlog):
        model.come()
    low = model.come(Priority.P5)
    model.round()
    # Risen by three it is a P2, before every P3 that came less than one step before it.
    bound = 3 * ageing + 60 * (backlog + 2)
    for _ in range(bound // 60 + 1):
        model.now += timedelta(seconds=60)
        model.come()
        model.finish("a0")
        model.round()
    got = [when for when, _, ticket in model.given if ticket.id == low.id]
    assert got
    assert (got[0] - low.since).total_seconds() <= bound


def test_without_ageing_the_same_ticket_waits_for_ever() -> None:
    """The stream of P3s is enough to starve it: ageing is what ends that."""
    model = Model(desk(agents=1, capacity=1, routing={}))
    model.come()
    low = model.come(Priority.P5)
    for _ in range(500):
        model.now += timedelta(seconds=60)
        model.come()
        model.finish("a0")
        model.round()
    assert low in model.waiting


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.lists(st.one_of(st.just("come"), st.integers(0, 5)), max_size=80))
def test_identical_agents_hold_the_same_but_for_one(agents: int, steps: list[str | int]) -> None:
    """While nothing is finished, the numbers that equal agents hold differ by one at most."""
    model = Model(desk(agents=agents, capacity=50, routing={}))
    for step in steps:
        if step == "come":
            model.come()
        else:
            model.now += timedelta(seconds=int(step))
        model.round()
        loads = [len(tickets) for tickets in model.held.values()]
        assert max(loads) - min(loads) <= 1
