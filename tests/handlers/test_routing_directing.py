from __future__ import annotations

from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

from services.routing.api import internal_router
from services.routing.domain.desks import choose_desk
from services.routing.handlers.directing import call_facts
from services.routing.handlers.verdicts import Verdicts
from shared.auth import Authenticator
from shared.contracts.directions import CallQuestion
from shared.contracts.routing import Presence
from shared.directions import Asked, direct
from shared.http import equip
from shared.kernel import Infrastructure
from shared.organisation import Configuration
from shared.routing_api import RoutingApi
from shared.testing.clock import ManualClock
from shared.verdicts import VerdictSigner
from tests.handlers.test_routing_api import identities
from tests.support.routing import TENANT, Routing, accepted, at, organisation

PLACES = """
name: Works
regions: [{name: north, title: North}, {name: south, title: South}]
sites:
  - {name: leeds, title: Leeds, region: north}
  - {name: dover, title: Dover, region: south}
businesses: [{name: bank, title: The Bank}]
"""
DESKS = """
desks:
  - {name: centre, title: Centre, calendar: always, languages: [en, zh]}
  - {name: leeds, title: Leeds Desk, calendar: day}
  - {name: dover, title: Dover Desk, calendar: day, languages: [zh-Hans]}
  - {name: owls, title: Owls, calendar: night}
queues:
  - {name: network, title: Networks, desk: leeds, skill: network}
"""
AGENTS = """
agents:
  - {id: c-one, name: C One, email: c@works.example, desks: [centre]}
  - {id: l-one, name: L One, email: l1@works.example, desks: [leeds], skills: {network: 2}, capacity: 1}
  - {id: l-two, name: L Two, email: l2@works.example, desks: [leeds]}
  - {id: d-one, name: D One, email: d@works.example, desks: [dover]}
"""
CATALOGUE = "services: [{name: running, title: Running}, {name: mail, title: Mail}]"
SHAPES = {
    "centralized": "{name: x, shape: centralized, desk: centre}",
    "with a group": (
        "{name: x, shape: centralized, desk: leeds,"
        " business_support: {by: group, services: [running], group: network}}"
    ),
    "split function": (
        "{name: x, shape: centralized, desk: centre,"
        " business_support: {by: department, services: [running], department: dover}}"
    ),
    "contact point": (
        "{name: x, shape: central_contact_point, point: centre, by_site: {leeds: leeds}}"
    ),
    "local": (
        "{name: x, shape: local_contact_point, by_site: {leeds: leeds}, by_business: {bank: dover},"
        " by_region: {south: dover}, fallback: centre,"
        " overflow: {policy: neighbour, neighbours: {leeds: [owls, dover]}}}"
    ),
    "menu": (
        "{name: x, shape: call_centre_menu, default: centre, entries:"
        " {'1': {title: Networks, group: network}, '2': {title: Chinese, group: dover}}}"
    ),
    "virtual": "{name: x, shape: virtual, desks: [leeds, dover, owls], fallback: centre}",
    "hybrid": (
        "{name: x, shape: hybrid, centre: centre, by_region: {south: dover}, fallback: leeds}"
    ),
    "self-service": (
        "{name: y, shape: self_service, behind: x}, "
        "{name: x, shape: virtual, desks: [leeds, dover], fallback: centre}"
    ),
}


def works(shape: str) -> Configuration:
    """Return three desks, one of which has a queue, under one shape."""
    return organisation(
        organisation=PLACES,
        desks=DESKS,
        agents=AGENTS,
        catalogue=CATALOGUE,
        topologies=f"topologies: [{SHAPES[shape]}]",
    )


async def asked(routing: Routing, **facts: str | tuple[str, ...]) -> tuple[str, str | None, bool]:
    """Return desk, queue and whether it is open."""
    found = await routing.directing.direct(CallQuestion(tenant=TENANT, **facts))
    assert found is not None
    return found.desk, found.queue, found.open


@pytest.mark.parametrize(
    ("shape", "facts", "expected"),
    [
        ("centralized", {}, ("centre", None)),
        ("with a group", {"service": "running"}, ("leeds", "network")),
        ("with a group", {"service": "mail"}, ("leeds", None)),
        ("split function", {"service": "running"}, ("dover", None)),
        ("contact point", {"site": "leeds"}, ("centre", None)),
        ("local", {"site": "leeds"}, ("leeds", None)),
        ("local", {"business": "bank"}, ("dover", None)),
        ("local", {}, ("centre", None)),
        ("menu", {"choice": "1"}, ("leeds", "network")),
        ("menu", {"choice": "9"}, ("centre", None)),
        ("menu", {}, ("centre", None)),
        ("virtual", {}, ("leeds", None)),
        ("virtual", {"language": "zh"}, ("dover", None)),
        ("hybrid", {"site": "dover"}, ("centre", None)),
        ("self-service", {"choice": "0"}, ("leeds", None)),
    ],
)
async def test_where_a_call_goes(
    shape: str, facts: dict[str, str], expected: tuple[str, str | None]
) -> None:
    """Every shape has its way for a call by day."""
    routing = Routing(configuration=works(shape))
    assert await asked(routing, **facts) == (*expected, True)


async def test_a_closed_neighbourhood_overflows_by_night() -> None:
    """The neighbour that is open at night takes the calls of the closed desk."""
    routing = Routing(configuration=works("local"))
    assert isinstance(routing.clock, ManualClock)
    routing.clock.set(at(20))
    assert await asked(routing, site="leeds") == ("owls", None, True)


async def test_what_is_closed_says_when_it_opens() -> None:
    """An expert group that is closed is named with the moment at which it opens."""
    routing = Routing(configuration=works("menu"))
    assert isinstance(routing.clock, ManualClock)
    routing.clock.set(at(20))
    found = await routing.directing.direct(CallQuestion(tenant=TENANT, choice="2"))
    assert found is not None
    assert (found.desk, found.open, found.opens_at) == ("dover", False, at(9, day=3))
    assert [(o.desk, o.open) for o in found.others][:1] == [("centre", True)]
    assert all(o.open or o.opens_at is not None for o in found.others)


async def test_a_virtual_desk_answers_where_somebody_is_there() -> None:
    """An open desk without anybody is passed over; somebody counts more than the language."""
    routing = Routing(configuration=works("virtual"))
    for agent in ("l-one", "l-two"):
        await routing.commands.presence(TENANT, agent=agent, presence=Presence.AWAY)
    assert await asked(routing) == ("dover", None, True)
    await routing.commands.presence(TENANT, agent="d-one", presence=Presence.OFFLINE)
    await routing.commands.presence(TENANT, agent="l-one", presence=Presence.AVAILABLE)
    assert await asked(routing, language="zh") == ("leeds", None, True)


async def test_who_is_there_and_what_waits_is_told() -> None:
    """Present and free agents of the very queue, and the tickets that wait at the desk."""
    routing = Routing(configuration=works("menu"))
    await routing.feed("t1", accepted(channel="phone", choice="1"))
    await routing.feed("t2", accepted("HD-2", channel="phone", choice="1"))
    await routing.commands.accept(routing.caller("t1"), agent="l-one")
    found = await routing.directing.direct(CallQuestion(tenant=TENANT, choice="1"))
    assert found is not None
    assert (found.agents_present, found.agents_free, found.tickets_waiting) == (1, 0, 1)
    ticket = await routing.state("t2")
    assert (ticket.desk, ticket.queue) == (found.desk, found.queue)


async def test_a_transfer_goes_elsewhere_or_nowhere() -> None:
    """With the desk excluded the next open one is named; where no way is left there is none."""
    routing = Routing(configuration=works("virtual"))
    assert await asked(routing, excluded=("leeds",)) == ("dover", None, True)
    assert await asked(routing, excluded=("leeds", "dover")) == ("centre", None, True)
    every = CallQuestion(tenant=TENANT, excluded=("leeds", "dover", "owls", "centre"))
    assert await routing.directing.direct(every) is None


@pytest.mark.parametrize(
    ("shape", "choice", "menu"),
    [
        ("menu", None, "choices"),
        ("menu", "1", None),
        ("self-service", None, "self-service"),
        ("self-service", "0", None),
        ("virtual", None, None),
    ],
)
async def test_the_menu_that_a_caller_hears_first(
    shape: str, choice: str | None, menu: str | None
) -> None:
    """A menu is named until something was chosen; of self-service until a person is."""
    routing = Routing(configuration=works(shape))
    found = await routing.directing.direct(CallQuestion(tenant=TENANT, choice=choice))
    assert found is not None
    assert found.menu == menu


@st.composite
def calls(draw: st.DrawFn) -> Asked:
    """Return a call as far as the shapes above look at it."""
    return Asked(
        site=draw(st.sampled_from([None, "leeds", "dover"])),
        business=draw(st.sampled_from([None, "bank"])),
        service=draw(st.sampled_from([None, "running", "mail"])),
        choice=draw(st.sampled_from([None, "1", "2", "9"])),
    )


@settings(max_examples=150, deadline=None)
@given(shape=st.sampled_from(sorted(SHAPES)), asks=calls(), hours=st.integers(0, 48))
def test_the_configuration_alone_says_what_routing_says(
    shape: str, asks: Asked, hours: int
) -> None:
    """Without a language and without people both answers are the desk of the ticket."""
    configuration = works(shape)
    now = at(0) + timedelta(hours=hours)
    alone = direct(configuration, asks, now)
    ticket = choose_desk(configuration, call_facts(asks, now, configuration), now)
    assert alone is not None
    if shape != "contact point":  # Its point records every call, whoever gets the ticket then.
        assert alone.stand.way[:2] == (ticket.desk.name, ticket.queue)


@settings(max_examples=100, deadline=None)
@given(
    shape=st.sampled_from(sorted(SHAPES)),
    language=st.sampled_from([None, "en", "zh", "de"]),
    excluded=st.sets(st.sampled_from(["leeds", "dover", "owls", "centre"])),
    choice=st.sampled_from([None, "1", "2"]),
    hours=st.integers(0, 24),
)
def test_nothing_closed_is_offered_without_saying_when_it_opens(
    shape: str, language: str | None, excluded: set[str], choice: str | None, hours: int
) -> None:
    """Whatever is excluded: no excluded desk, and for every closed one the moment it opens."""
    now = at(0) + timedelta(hours=hours)
    found = direct(works(shape), Asked(language=language, choice=choice), now, excluded=excluded)
    if found is None:
        return
    for stand in (found.stand, *found.others):
        assert stand.way.desk not in excluded
        assert stand.open == (stand.opens_at is None)


SIGNER = VerdictSigner("a secret of this test, long enough for its signatures")


def site_of(routing: Routing, *, by: str = "console", seconds_max: float = 5.0) -> RoutingApi:
    """Return the client that intake has, on the routes in process."""
    app = FastAPI()
    equip(app)
    app.state.authenticator = Authenticator(identities(), routing.clock)
    verdicts = Verdicts(signer=SIGNER, tickets=routing.tickets, commands=routing.commands)
    app.include_router(internal_router(routing.directing, verdicts))
    return RoutingApi(
        url="http://routing",
        token=f"hd_{by}",
        seconds_max=seconds_max,
        transport=httpx.ASGITransport(app=app),
    )


async def test_intake_asks_over_http() -> None:
    """Directions and standings come back as they were decided; an agent may not ask."""
    routing = Routing(configuration=works("menu"))
    await routing.feed("t1", accepted(channel="phone", choice="1"))
    client = site_of(routing)
    found = await client.direct(CallQuestion(tenant=TENANT, choice="1"))
    assert found is not None
    assert (found.desk, found.queue, found.agents_present) == ("leeds", "network", 1)
    standings = await client.standings(TENANT, ["t1", "gone"])
    assert [(s.number, s.status, s.desk) for s in standings] == [("HD-1", "queued", "leeds")]
    assert await client.standings("other", ["t1"]) == ()
    with pytest.raises(Infrastructure):
        await site_of(routing, by="h-clarke").direct(CallQuestion(tenant=TENANT))


async def test_sla_asks_who_has_room_at_desks() -> None:
    """Who is there and not full; unknown desks are left out, and each has its own people."""
    routing = Routing(configuration=works("menu"))
    client = site_of(routing, by="console")
    desks = ["leeds", "dover", "owls", "gone"]
    assert await client.free(TENANT, desks) == {"leeds": 2, "dover": 1, "owls": 0}
    assert await client.free(TENANT, []) == {}
    await routing.commands.presence(TENANT, agent="l-two", presence=Presence.AWAY)
    assert (await client.free(TENANT, ["leeds"]))["leeds"] == 1
    await routing.feed("t1", accepted(channel="phone", choice="1"))
    await routing.match()
    assert (await routing.holds()) == {"l-one": {"t1": 1}}
    assert (await client.free(TENANT, ["leeds"]))["leeds"] == 0
    with pytest.raises(Infrastructure):
        await site_of(routing, by="h-clarke").free(TENANT, ["leeds"])
