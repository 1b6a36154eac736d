"""B7: what a decision of routing costs, beside a lazy heap that knows nothing but load and skill.

The floor keeps one heap for each desk, skill and language and picks the least loaded. It explains
nothing, knows no rule, no hours, no ring and no reserve, and names no second best. Both are given
the same tickets, the same releases and the same changes of presence, in turns.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from heapq import heapify, heappop, heappush
from typing import Final

from services.routing.domain.board import Board
from services.routing.domain.desks import choose_desk
from services.routing.domain.matching import AgentView, Waiting
from shared.contracts.facts import TicketFacts
from shared.contracts.routing import Presence
from shared.organisation import Agent, Configuration
from tests.benchmarks.measure import Circumstances, Spread, cores, load_average, ratios
from tests.benchmarks.report import Grid, Result, against, rows_of, shown
from tests.benchmarks.routing_world import (
    CAPACITY,
    NOW,
    SHAPES,
    Size,
    configuration,
    facts_of,
    waiting,
)

AGENTS: Final = (10, 100, 1_000, 10_000, 100_000)
DESKS: Final = (1, 10, 100, 1_000)
DESKS_AGENTS: Final = 10_000
"""Agents over all desks where the number of desks grows."""
BATCH: Final = 100
BATCHES: Final = 10
CHURN_SHARE: Final = 0.01
"""Of all agents who go or come in a second."""
DECISIONS_PER_SECOND: Final = 1_000
FLOOR_TARGET: Final = 4.0
GROWTH_TARGET: Final = 8.0
COST_TARGET_US: Final = 25.0
DESKS_TARGET: Final = 2.0
SHAPES_TARGET: Final = 2.0


class Floor:
    """The least that finds somebody who is free, has the skill and speaks the language."""

    def __init__(self, agents: tuple[Agent, ...]) -> None:
        self.load: dict[str, int] = {}
        self.present: dict[str, bool] = {}
        self.keys: dict[str, list[tuple[str, str, str]]] = {}
        self.heaps: dict[tuple[str, str, str], list[tuple[int, str]]] = {}
        for agent in agents:
            self.load[agent.id] = 0
            self.present[agent.id] = True
            self.keys[agent.id] = [
                (desk, skill, language)
                for desk in agent.desks
                for skill in agent.skills
                for language in agent.languages
            ]
            for key in self.keys[agent.id]:
                self.heaps.setdefault(key, []).append((0, agent.id))
        for heap in self.heaps.values():
            heapify(heap)

    def pick(self, ticket: Waiting) -> str | None:
        """Return who gets it, and count it."""
        facts = ticket.facts
        heap = self.heaps.get((ticket.desk, facts.service or "", facts.language))
        while heap:
            load, name = heap[0]
            if load == self.load[name] and self.present[name] and load < CAPACITY:
                self._set(name, load + 1)
                return name
            heappop(heap)
        return None

    def release(self, name: str) -> None:
        """Take one off."""
        self._set(name, self.load[name] - 1)

    def _set(self, name: str, load: int) -> None:
        self.load[name] = load
        if self.present[name]:
            for key in self.keys[name]:
                heappush(self.heaps[key], (load, name))

    def presence(self, name: str, *, present: bool) -> None:
        """Let an agent come or go."""
        self.present[name] = present
        self._set(name, self.load[name])


class Ours:
    """The board, with what the matcher would tell it."""

    def __init__(self, known: Configuration) -> None:
        self.now = NOW
        self.board = Board(known)
        self.views = {a.id: AgentView(a.id) for a in known.all_agents()}
        self.capacity = {a.id: a.capacity for a in known.all_agents()}
        self.exceeded = 0
        self.board.see(self.views.values(), self.now)

    def pick(self, ticket: Waiting) -> str | None:
        """Return who gets it, and count it."""
        self.now += timedelta(milliseconds=1)
        decision = self.board.decide(ticket, self.now, full=False)
        if decision.agent is not None:
            self.board.take(decision, self.now)
        return decision.agent

    def took(self, name: str) -> None:
        """Note outside of the figures what `pick` did, and that it fits."""
        view = self.views[name]
        load = view.load + 1
        self.exceeded += load > self.capacity[name]
        self.views[name] = replace(view, load=load, taken_at=self.now)

    def release(self, name: str) -> None:
        """Take one off."""
        view = self.views[name]
        self._see(replace(view, load=view.load - 1))

    def presence(self, name: str, *, present: bool) -> None:
        """Let an agent come or go."""
        presence = Presence.AVAILABLE if present else Presence.OFFLINE
        self._see(replace(self.views[name], presence=presence))

    def _see(self, view: AgentView) -> None:
        self.views[view.agent] = view
        self.board.see([view], self.now)


class _Round:
    """One world of one size, worked on in batches: decisions, then releases and presence."""

    def __init__(self, size: Size) -> None:
        known = configuration(size)
        self.size = size
        self.names = [agent.id for agent in known.all_agents()]
        self.ours, self.floor = Ours(known), Floor(known.all_agents())
        self.churn = max(1, round(size.agents * CHURN_SHARE * BATCH / DECISIONS_PER_SECOND))
        self.number = 0
        self.gone: list[str] = []

    def batch(self) -> tuple[float, float, float, float]:
        """Return CPU microseconds per decision and per change: ours, floor, ours, floor."""
        tickets = [waiting(self.number + n, self.size) for n in range(BATCH)]
        self.number += BATCH
        mine: list[str] = []
        bare: list[str] = []
        ours = _cpu_us(lambda: _pick(self.ours.pick, tickets, mine)) / BATCH
        floor = _cpu_us(lambda: _pick(self.floor.pick, tickets, bare)) / BATCH
        for name in mine:
            self.ours.took(name)
        step = 7_919
        leave = [
            self.names[(self.number * step + n * step) % len(self.names)] for n in range(self.churn)
        ]
        come, self.gone = self.gone, list(dict.fromkeys(leave))
        changes = len(mine) + len(come) + len(self.gone)
        ours_change = _cpu_us(lambda: _change(self.ours, mine, come, self.gone)) / max(1, changes)
        floor_change = _cpu_us(lambda: _change(self.floor, bare, come, self.gone)) / max(1, changes)
        return ours, floor, ours_change, floor_change


def _pick(pick: Callable[[Waiting], str | None], tickets: list[Waiting], given: list[str]) -> None:
    for ticket in tickets:
        name = pick(ticket)
        if name is not None:
            given.append(name)


def _change(one: Ours | Floor, released: list[str], come: list[str], gone: list[str]) -> None:
    for name in released:
        one.release(name)
    for name in come:
        one.presence(name, present=True)
    for name in gone:
        one.presence(name, present=False)


def _cpu_us(work: Callable[[], None]) -> float:
    begun = time.process_time_ns()
    work()
    return (time.process_time_ns() - begun) / 1_000


class _Series:
    """The figures of one size, round by round."""

    def __init__(self) -> None:
        self.ours: list[float] = []
        self.floor: list[float] = []
        self.ours_change: list[float] = []
        self.floor_change: list[float] = []

    def take(self, world: _Round, batches: int) -> None:
        """Work through one round."""
        rows = [world.batch() for _ in range(batches)]
        for values, column in zip(
            (self.ours, self.floor, self.ours_change, self.floor_change),
            zip(*rows, strict=True),
            strict=True,
        ):
            values.append(Spread.of(column).median)


def run(
    *,
    rounds: int,
    agents: tuple[int, ...] = AGENTS,
    desks: tuple[int, ...] = DESKS,
    desks_agents: int = DESKS_AGENTS,
    batches: int = BATCHES,
) -> Result:
    """Let both work through the same in turns, and compare CPU time."""
    load = load_average()
    spread_out = [Size(desks=count, agents=max(desks_agents, count)) for count in desks]
    sizes = [Size(desks=1, agents=count) for count in agents]
    series: dict[Size, _Series] = {}
    exceeded = 0
    for size in dict.fromkeys([*sizes, *spread_out]):
        world = _Round(size)
        found = series.setdefault(size, _Series())
        found_warm = _Series()
        found_warm.take(world, batches)
        for _ in range(rounds):
            found.take(world, batches)
        exceeded += world.ours.exceeded
    shapes = _shapes(rounds, spread_out[-1])
    spread = max(max(s.floor) / min(s.floor) for s in series.values())
    around = Circumstances(
        cores=cores(), load_before=load, load_after=load_average(), floor_spread=spread
    )
    return _result(series, shapes, around, sizes=(sizes, spread_out), exceeded=exceeded)


def _shapes(rounds: int, size: Size) -> dict[str, list[float]]:
    """Return shape to CPU microseconds of the whole decision, desk and agent, round by round."""
    ours = Ours(configuration(size))
    figures: dict[str, list[float]] = {shape: [] for shape in SHAPES}
    for turn in range(rounds + 1):
        for shape in SHAPES:
            # The same tickets in each turn: what is measured is a desk that has been at work.
            facts = [facts_of(number, size, shape) for number in range(BATCH)]
            given: list[str] = []
            work = partial(_whole, ours, facts, given)
            cost = _cpu_us(work) / BATCH
            for name in given:
                ours.took(name)
                ours.release(name)
            if turn:
                figures[shape].append(cost)
    return figures


def _whole(ours: Ours, facts: list[TicketFacts], given: list[str]) -> None:
    """Choose the desk of each ticket, and then its agent."""
    for one in facts:
        ours.now += timedelta(milliseconds=1)
        desk = choose_desk(ours.board.configuration, one, ours.now).desk.name
        ticket = Waiting(id="t", facts=one, desk=desk, since=NOW.replace(hour=11))
        decision = ours.board.decide(ticket, ours.now, full=False)
        if decision.agent is not None:
            ours.board.take(decision, ours.now)
            given.append(decision.agent)


def _result(
    series: dict[Size, _Series],
    shapes: dict[str, list[float]],
    around: Circumstances,
    *,
    sizes: tuple[list[Size], list[Size]],
    exceeded: int,
) -> Result:
    grown, spread_out = sizes
    hundred, most = series[grown[1]].ours, series[grown[-1]].ours
    fewest, widest = series[spread_out[0]].ours, series[spread_out[-1]].ours
    rows = [
        [
            f"{size.desks:,} desks, {size.agents:,} agents",
            shown(Spread.of(found.ours)),
            shown(Spread.of(found.floor)),
            against(ratios(found.ours, found.floor), target=FLOOR_TARGET),
            shown(Spread.of(found.ours_change)),
            shown(Spread.of(found.floor_change)),
        ]
        for size, found in series.items()
    ]
    growth, spreading = ratios(most, hundred), ratios(widest, fewest)
    worst = max(
        (s for s in SHAPES if s != "centralized"), key=lambda s: Spread.of(shapes[s]).median
    )
    topology = ratios(shapes[worst], shapes["centralized"])
    cost = Spread.of(most)
    notes = (
        f"{grown[-1].agents:,} agents / {grown[1].agents:,} agents: {against(growth, target=GROWTH_TARGET)}",
        f"us at {grown[-1].agents:,} agents: {against(cost, target=COST_TARGET_US)}",
        f"{spread_out[-1].desks:,} desks / {spread_out[0].desks:,} desk: {against(spreading, target=DESKS_TARGET)}",
        f"worst topology ({worst}) / centralized: {against(topology, target=SHAPES_TARGET)}",
        f"capacity exceeded: {exceeded} times",
    )
    grid = Grid(
        title="routing: CPU us per decision with its five best and its counts, and per change",
        columns=("size", "decision", "floor", "ratio", "change", "floor's change"),
        rows=rows_of(rows),
    )
    whole = Grid(
        title=f"routing: CPU us for desk and agent together ({spread_out[-1].desks:,} desks)",
        columns=("topology", "decision"),
        rows=rows_of([[shape, shown(Spread.of(values))] for shape, values in shapes.items()]),
    )
    figures: dict[str, object] = {
        f"desks_{size.desks}_agents_{size.agents}": {
            "ours_us": Spread.of(found.ours).plain(),
            "floor_us": Spread.of(found.floor).plain(),
            "ratio": ratios(found.ours, found.floor).plain(),
            "ours_change_us": Spread.of(found.ours_change).plain(),
            "floor_change_us": Spread.of(found.floor_change).plain(),
        }
        for size, found in series.items()
    }
    figures |= {
        "growth_agents": growth.plain(),
        "growth_desks": spreading.plain(),
        "worst_topology": {"name": worst, **topology.plain()},
        "capacity_exceeded": exceeded,
    }
    return Result(
        name="routing", circumstances=around, grids=(grid, whole), figures=figures, notes=notes
    )
