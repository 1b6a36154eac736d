"""The organisation that the pipeline runs in: the sample, and a fresh desk for each round.

A round leaves its tickets with its agents, and what an agent holds lies in the agent's document.
So each round has agents of its own, each with room for as much as a person can work on.
"""

from __future__ import annotations

from typing import Any, Final

import httpx

from heliodesk.product.directory import read_directory
from heliodesk.product.first_start import SAMPLE
from shared.organisation import parse_sections
from tests.support.product import RunningProduct

CAPACITY: Final = 12
ROOM: Final = 1.25
"""Agents for a quarter more than there are tickets, so that nobody has to wait for one."""
CALENDAR: Final = "always"
"""Of the sample: the desks of the rounds are open."""


def desk_of(number: int) -> str:
    """Return the desk of a round; the service of its requests has the same name."""
    return f"bench-{number}"


def agents_for(requests: int) -> int:
    """Return how many agents a desk needs for so many tickets at once."""
    return max(3, round(requests * ROOM / CAPACITY) + 1)


def sections_for(*, rounds: int, requests: int) -> dict[str, Any]:
    """Return the sections of a configuration with a desk for each round, warm-up included."""
    sections = parse_sections(read_directory(SAMPLE)).sections()
    sections["topologies"]["topologies"] = [
        *(_topology(number) for number in range(rounds)),
        *sections["topologies"]["topologies"],
    ]
    sections["desks"]["desks"] += [_desk(number) for number in range(rounds)]
    for number in range(rounds):
        agents = [_agent(number, place) for place in range(agents_for(requests))]
        sections[f"rosters/{desk_of(number)}"] = {"agents": agents}
    return sections


def _topology(number: int) -> dict[str, Any]:
    desk = desk_of(number)
    return {"name": desk, "scope": {"services": [desk]}, "shape": "centralized", "desk": desk}


def _desk(number: int) -> dict[str, Any]:
    return {
        "name": desk_of(number),
        "title": f"Round {number}",
        "calendar": CALENDAR,
        "languages": ["en"],
    }


def _agent(number: int, place: int) -> dict[str, Any]:
    name = f"{desk_of(number)}-agent-{place}"
    return {
        "id": name,
        "name": name,
        "email": f"{name}@helio.example",
        "languages": ["en"],
        "capacity": CAPACITY,
    }


async def apply(product: RunningProduct, sections: dict[str, Any]) -> None:
    """Put the configuration in force in place of the one that the first start applied."""
    version = (await product.get("control", "/v1/configuration"))["version"]
    async with httpx.AsyncClient(timeout=60) as client:
        answer = await client.put(
            product.url("control") + "/v1/configuration",
            json={"sections": sections, "note": "benchmark", "forced_because": "benchmark"},
            headers={**product.headers, "If-Match": f'"{version}"'},
        )
        answer.raise_for_status()
