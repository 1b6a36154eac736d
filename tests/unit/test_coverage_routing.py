"""Coverage says what routing does: held against routing's own decisions on generated rosters.

The reference is the choice of a desk and then the board, with everybody who is on shift signed in
and idle. What coverage calls covered, late or a gap at an instant is what they find at that
instant for a request that has just come, has waited, or has waited for ever. The bounds, which
are whole minutes, are the matter of the scan of every minute.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from datetime import datetime, timedelta
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.routing.domain.board import Board
from services.routing.domain.desks import choose_desk, is_open
from services.routing.domain.matching import AgentView, Waiting
from services.routing.domain.shifts import on_shift
from shared.calendar.days import to_ms
from shared.contracts.facts import Channel, Kind, Level, Priority, TicketFacts
from shared.contracts.routing import Presence
from shared.coverage import Ask, Row, analyse
from shared.coverage.intervals import Stretches
from shared.organisation import Configuration, validate_sections
from tests.support.coverage import Demand, Scan
from tests.unit.test_coverage_exact import LANGUAGES, Rows, meets, named_tags, rosters
from tests.unit.test_coverage_exact import holds as holds_while

DAYS = 3
INSTANTS = 24
REQUESTS = 6
AGES = (0, 120, 300, 600, 1_200, 1_800)
"""At each of which some generated rule asks for less."""


def required(sections: Mapping[str, Any], ask: Ask) -> Configuration:
    """Return the organisation as if every rule required what is asked for, and never let go."""
    said = deepcopy(dict(sections))
    rules = said["routing"]["rules"]
    if not any(rule["when"] == "true" and not {"during", "outside"} & set(rule) for rule in rules):
        rules.append({"name": "others", "when": "true"})
    for rule in rules:
        if ask.language is not None:
            rule["language"] = {"required": True}
        if ask.skill is not None:
            rule["skills"] = {**rule.get("skills", {})}
            rule["skills"].setdefault(ask.skill, 1)
    return validate_sections(said)


def facts_of(demand: Demand, request: Mapping[str, Any], now: datetime) -> TicketFacts:
    """Return a ticket."""
    return TicketFacts(
        number="HD-1",
        kind=Kind(request["kind"]),
        channel=Channel(demand.channel),
        priority=Priority(request["priority"]),
        impact=Level.LOW,
        urgency=Level.LOW,
        contact="c",
        accepted_at=now,
        language=request["language"],
        category=request["category"],
        vip=request["vip"],
        service=demand.service,
        region=demand.region,
        site=demand.site,
        business=demand.business,
        choice=demand.choice,
        tags=request["tags"],
    )


class Reference:
    """Routing's decisions under one configuration."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration

    def found(self, facts: TicketFacts, now: datetime, reopened: bool) -> tuple[str, int | None]:  # noqa: FBT001
        """Return the chosen desk, and the first age at which the board finds an agent."""
        configuration = self._configuration
        choice = choose_desk(configuration, facts, now, reopened=reopened)
        board = Board(configuration)
        everybody = configuration.all_agents()
        board.see([AgentView(a.id, self._presence(a.id, now)) for a in everybody], now)
        for age in AGES:
            ticket = Waiting(
                id="t",
                facts=facts,
                desk=choice.desk.name,
                since=now - timedelta(seconds=age),
                tier=choice.desk.tier,
                reopened=reopened,
                queue=choice.queue,
            )
            if board.decide(ticket, now).agent is not None:
                return choice.desk.name, age
        return choice.desk.name, None

    def _presence(self, name: str, now: datetime) -> Presence:
        agent = self._configuration.agent(name)
        here = on_shift(self._configuration, agent, now).absent is None
        if not agent.hours:
            here &= any(is_open(self._configuration, desk, now) for desk in agent.desks)
        return Presence.AVAILABLE if here else Presence.OFFLINE


def holds(stretches: Stretches, at: int) -> bool:
    """Return whether an instant lies in some stretches."""
    return any(start <= at < end for start, end in stretches)


def agrees(row: Row, at: int, desk: str, after: int | None, staffed: set[str]) -> bool:
    """Return whether a row says at an instant what routing found then."""
    if holds(row.gaps, at):
        return after is None
    for late in row.late:
        if holds(late.stretches, at):
            return late.after == after
    window = next(w for w in row.timeline.windows() if w.start <= at < w.end)
    # At a desk without a roster nobody knows who is there: the work must go there.
    return after == 0 or (window.by_hours and desk not in staffed and desk in window.desks)


def hold_against_routing(sections: dict[str, Any], start: datetime, dice: Random) -> None:
    """Compare some requests at some instants."""
    rows = Rows(analyse(validate_sections(sections), start, days=DAYS))
    scan = Scan(sections, start, DAYS)
    skills = sorted({skill for agent in sections["agents"]["agents"] for skill in agent["skills"]})
    demands = scan.demands(LANGUAGES, skills)
    references: dict[Ask, Reference] = {}
    staffed = {desk for agent in sections["agents"]["agents"] for desk in agent["desks"]}
    minutes = dice.sample(range(DAYS * 1_440), INSTANTS)
    states = [(opened, scan.bytes_of(mask)) for opened, mask in scan.states()]
    tags = named_tags(str(sections["routing"]["rules"]))
    for demand in dice.choices(demands, k=REQUESTS):
        request = dice.choice(scan.requests(demand))
        ask = Ask(demand.language, demand.skill)
        if ask not in references:
            references[ask] = Reference(required(sections, ask))
        decided = []
        for minute in minutes:
            now = start + timedelta(minutes=minute, seconds=30)
            facts = facts_of(demand, request, now)
            decided.append((to_ms(now), *references[ask].found(facts, now, request["reopened"])))
        for opened, mask in states:
            then = [each for each, minute in zip(decided, minutes, strict=True) if mask[minute]]
            # What a row says of its fields it says of each alone: several may be for a request.
            assert any(
                all(agrees(row, at, desk, after, staffed) for at, desk, after in then)
                for row in rows.of(demand)
                if meets(row, request, tags) and holds_while(row, opened)
            ), (demand, request, opened, then)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rosters(), st.integers(0, 2**32).map(Random))
def test_coverage_is_what_routing_decides(
    roster: tuple[dict[str, Any], datetime], dice: Random
) -> None:
    """Covered, late and gaps are what the choice of a desk and the board find at that instant."""
    hold_against_routing(*roster, dice)
