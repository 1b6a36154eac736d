"""A switch of versions where queues of one desk, and tier 0, are concerned."""

from __future__ import annotations

from shared.contracts.facts import Channel
from shared.contracts.routing import Status
from shared.organisation import Configuration, validate_sections
from tests.handlers.test_routing_reorganising import (
    foretold,
    moving,
    process,
    reorganised,
    switch,
)
from tests.support import classic_case as classic
from tests.support.classic_case import Case, Topologies
from tests.support.routing import accepted


def configured(topologies: Topologies) -> Configuration:
    """Return the classic case under some topologies."""
    return validate_sections(Case(topologies, "tried").sections())


async def test_a_ticket_moves_to_another_queue_of_its_own_desk() -> None:
    """The desk stays the same and the group does not: that is a move, foretold as one."""
    routing = process(configured(classic.centralized()))
    await routing.feed("t1", accepted("HD-1", service="payroll"))
    await routing.feed("t2", accepted("HD-2", service="network"))
    then = configured(classic.centralized(support="group"))
    told = await foretold(routing, then)
    assert moving(told) == {"t1"}
    assert [(f.origin, f.target) for f in told.forecast.moves] == [("centre", "centre-payments")]
    switch(routing, then, 2)
    assert await routing.reorganiser.round() == 1
    state = await routing.state("t1")
    assert (state.desk, state.queue, state.status) == ("centre", "centre-payments", Status.QUEUED)
    assert len(await reorganised(routing, "t1")) == 1
    assert await routing.reorganiser.round() == 0


async def test_what_no_topology_takes_any_more_is_an_alarm() -> None:
    """The version moves it to the fallback, marked as what nobody expected."""
    routing = process(configured(classic.hybrid()))
    await routing.feed("t1", accepted("HD-1"))
    switch(routing, configured(classic.seven()), 2)
    assert await routing.reorganiser.round() == 1
    state = await routing.state("t1")
    assert (state.desk, state.unrouted) == ("duty", True)


async def test_tier_0_moves_on_with_its_requester_or_comes_to_people() -> None:
    """Where self-service stays, so does tier 0, at another desk; where it goes, a person has it."""
    routing = process(configured(classic.self_service()))
    await routing.feed("t1", accepted("HD-1", channel=Channel.WEB, region="emea"))
    assert (await routing.state("t1")).unattended
    switch(routing, configured(classic.seven()), 2)
    assert await routing.reorganiser.round() == 1
    state = await routing.state("t1")
    assert (state.desk, state.tier, state.unattended) == ("apac", 0, True)
    then = configured(classic.virtual())
    assert moving(await foretold(routing, then)) == {"t1"}
    switch(routing, then, 3)
    assert await routing.reorganiser.round() == 1
    state = await routing.state("t1")
    assert (state.desk, state.tier, state.unattended) == ("apac", 1, False)
    assert await routing.reorganiser.round() == 0
