"""The checker of routing's streams finds what it is there for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from services.routing.domain.agents import AGENTS, Capacity, agent_stream
from shared.contracts.envelope import Body, Event, numbered
from shared.contracts.routing import HoldReleased, HoldTaken
from tests.support.routing import MONDAY, TENANT
from tests.support.routing_streams import replay

CAPACITIES = {"ann": Capacity(2, {"phone": 1}), "bob": Capacity(2, {})}


def events(agent: str, *bodies: Body) -> list[Event[Any]]:
    """Return an agent's stream."""
    return [
        numbered(
            source=AGENTS.source,
            subject=agent_stream(TENANT, agent),
            sequence=number,
            time=MONDAY + timedelta(seconds=number),
            tenant=TENANT,
            configversion=1,
            body=body,
        )
        for number, body in enumerate(bodies, start=1)
    ]


def taken(ticket: str, agent: str = "ann", channel: str = "email") -> HoldTaken:
    """Return a hold of weight 1."""
    return HoldTaken(agent=agent, ticket=ticket, weight=1, channel=channel)


def problems(*of: list[Event[Any]]) -> list[str]:
    """Return what is wrong with agents' streams."""
    agents = [event for stream in of for event in stream]
    return replay(tickets=[], agents=agents, capacities=CAPACITIES).problems


def test_a_hold_too_many_is_found_though_it_was_released_later() -> None:
    """Three of two, and two calls of one, for a moment: each is told."""
    gone = [HoldReleased(agent="ann", ticket=t) for t in ("t1", "t2", "t3")]
    many = problems(events("ann", taken("t1"), taken("t2"), taken("t3"), *gone))
    assert "ann holds 3 of 2" in many
    calls = [taken("t1", channel="phone"), taken("t2", channel="phone")]
    assert "ann holds 2 of 1 by phone" in problems(events("ann", *calls, *gone[:2]))


def test_a_ticket_that_two_hold_or_that_never_came_is_found() -> None:
    """Ann and Bob hold it both, and its own stream knows of neither."""
    found = problems(events("ann", taken("t1")), events("bob", taken("t1", "bob")))
    assert "t1 is held 2 times" in found
    assert "t1 came to ann 0 times and was held 1 times" in found


def test_a_gap_and_two_events_of_one_number_are_found() -> None:
    """Event 2 is missing; event 1 was written twice, and differently."""
    stream = events("ann", taken("t1"), taken("t2"), HoldReleased(agent="ann", ticket="t1"))
    assert any("are missing" in text for text in problems([stream[0], stream[2]]))
    other = events("ann", taken("t9"))
    assert any("two events are number 1" in text for text in problems([*stream, *other]))
    assert not any("number" in text for text in problems([*stream, *stream]))
