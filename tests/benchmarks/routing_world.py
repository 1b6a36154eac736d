"""The organisations that the routing benchmark asks for, and what its tickets look like."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from services.routing.domain.matching import Waiting
from shared.contracts.facts import Channel, Kind, Level, Priority, TicketFacts
from shared.organisation import Agent, AgentsSection, Configuration, validate_sections

NOW: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
SKILLS: Final = tuple(f"skill-{number}" for number in range(16))
SHAPES: Final = ("centralized", "local", "follow-the-sun", "local with a ring")
CAPACITY: Final = 10
SUN_DESKS_MAX: Final = 3
"""A follow-the-sun topology goes round the world with this many desks."""


@dataclass(frozen=True, slots=True)
class Size:
    """How many desks, and agents over all of them."""

    desks: int
    agents: int


def agent(number: int, desks: int) -> Agent:
    """Return an agent of one desk with two of the skills; every fourth speaks Chinese too."""
    return Agent(
        id=f"agent-{number:06}",
        name="Agent",
        email="agent@example.org",
        desks=(f"desk-{number % desks}",),
        languages=("en", "zh") if number % 4 == 0 else ("en",),
        capacity=CAPACITY,
        skills={SKILLS[number % 16]: 3, SKILLS[(number // 16 + 5) % 16]: 2},
    )


def configuration(size: Size) -> Configuration:
    """Return an organisation with one topology of each shape, picked by the ticket's channel."""
    names = [f"desk-{number}" for number in range(size.desks)]
    regions = [f"region-{number}" for number in range(size.desks)]
    topologies: list[dict[str, Any]] = [
        {
            "name": "local",
            "scope": {"channels": ["web", "chat"]},
            "shape": "local",
            "by_region": dict(zip(regions, names, strict=True)),
            "fallback": names[0],
        },
        {
            "name": "sun",
            "scope": {"channels": ["phone"]},
            "shape": "follow_the_sun",
            "desks": names[:SUN_DESKS_MAX],
            "fallback": names[0],
        },
        {"name": "all", "shape": "centralized", "desk": names[0]},
    ]
    checked = validate_sections(
        {
            "organisation": {"regions": [{"name": region, "title": region} for region in regions]},
            "calendars": {"calendars": [{"name": "always", "time_zone": "UTC", "hours": "24x7"}]},
            "desks": {"desks": [{"name": n, "title": n, "calendar": "always"} for n in names]},
            "topologies": {"topologies": topologies},
            # Somebody has each skill, so that the rules are right before the agents are there.
            "agents": {
                "agents": [
                    {
                        "id": "first",
                        "name": "First",
                        "email": "first@example.org",
                        "desks": [names[0]],
                        "capacity": 0,
                        "skills": dict.fromkeys(SKILLS, 3),
                    }
                ]
            },
            "routing": {"rules": _rules(names)},
        }
    )
    # One section holds fewer agents than this; what decides does not care.
    agents = tuple(agent(number, size.desks) for number in range(size.agents))
    parts = {name: getattr(checked, name) for name in checked.sections()}
    return Configuration.from_models(
        parts | {"agents": AgentsSection.model_construct(agents=agents)}
    )


def _rules(desks: list[str]) -> list[dict[str, Any]]:
    rings = [{"after": 600, "desks": desks[-2:]}]
    rules: list[dict[str, Any]] = [
        {"name": "ring", "when": 'channel == "chat"', "skills": {}, "overflow": rings}
    ]
    rules += [
        {"name": skill, "when": f'service == "{skill}"', "skills": {skill: 1}} for skill in SKILLS
    ]
    return rules


CHANNELS: Final = {
    "centralized": Channel.EMAIL,
    "local": Channel.WEB,
    "follow-the-sun": Channel.PHONE,
    "local with a ring": Channel.CHAT,
}


def facts_of(number: int, size: Size, shape: str) -> TicketFacts:
    """Return the facts of a ticket; a quarter is in Chinese, the regions take turns."""
    return TicketFacts(
        number=f"HD-{number}",
        kind=Kind.INCIDENT,
        channel=CHANNELS[shape],
        priority=(Priority.P1, Priority.P2, Priority.P3, Priority.P4)[number % 4],
        impact=Level.MEDIUM,
        urgency=Level.MEDIUM,
        contact="contact",
        accepted_at=NOW,
        service=SKILLS[number % 16],
        region=f"region-{number % size.desks}",
        language="zh" if number % 4 == 0 else "en",
    )


def waiting(number: int, size: Size, shape: str = "local") -> Waiting:
    """Return a ticket that waits at the desk of its region since a quarter of an hour."""
    return Waiting(
        id=f"ticket-{number}",
        facts=facts_of(number, size, shape),
        desk="desk-0"
        if shape in {"centralized", "follow-the-sun"}
        else f"desk-{number % size.desks}",
        since=NOW.replace(hour=11, minute=45),
    )
