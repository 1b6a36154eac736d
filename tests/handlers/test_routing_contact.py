from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

from services.routing.api import contact_router, ticket_router
from services.routing.domain.commands import decide_accept
from services.routing.domain.referral import decide_refer
from services.routing.domain.requests import decide_request
from services.routing.domain.self_service import decide_complete, decide_person, decide_waited
from services.routing.domain.tickets import TicketState, evolve_ticket
from services.routing.domain.visits import decide_visit
from services.routing.ports import DeskCounts
from shared.auth import Authenticator
from shared.contracts.envelope import Body, Event, numbered
from shared.contracts.intake import Direction, MessageAdded, RequestAccepted
from shared.contracts.routing import (
    QueueReason,
    Status,
    TicketAccepted,
    TicketClosed,
    TicketQueued,
    TicketReferred,
    TicketResolved,
)
from shared.http import equip
from shared.kernel import CommandRejected
from shared.organisation import Configuration
from shared.testing.clock import ManualClock
from tests.handlers.test_routing_api import identities
from tests.support.routing import (
    TENANT,
    Routing,
    accepted,
    alerts,
    at,
    escalated,
    facts,
    message,
    organisation,
)

PLACES = """
name: Works
regions: [{name: north, title: North}, {name: south, title: South}]
sites:
  - {name: leeds, title: Leeds, region: north}
  - {name: dover, title: Dover, region: south}
"""
DESKS = """
desks:
  - {name: centre, title: Centre, calendar: always, email: centre@works.example}
  - {name: leeds, title: Leeds Desk, calendar: day, email: leeds@works.example, escalates_to: second}
  - {name: dover, title: Dover Desk, calendar: night}
  - {name: second, title: Second line, calendar: always, tier: 2}
"""
AGENTS = """
agents:
  - {id: c-one, name: C One, email: c@works.example, desks: [centre]}
  - {id: h-clarke, name: L One, email: l@works.example, desks: [leeds]}
"""
HYBRID = """
topologies:
  - name: both
    shape: hybrid
    centre: centre
    by_site: {leeds: leeds}
    by_region: {south: dover}
    fallback: centre
"""
SELF = """
topologies:
  - name: portal
    scope: {channels: [web, monitoring]}
    shape: self_service
    behind: sun
    wait: 2h
  - name: for-ever
    scope: {channels: [api]}
    shape: self_service
    behind: sun
  - name: sun
    shape: virtual
    desks: [leeds, dover]
    fallback: centre
    visits: {by_site: {leeds: leeds}}
"""


def works(topologies: str) -> Configuration:
    """Return a centre, two desks of regions and a second line."""
    return organisation(organisation=PLACES, desks=DESKS, agents=AGENTS, topologies=topologies)


def hybrid() -> Routing:
    """Return routing where the centre is the first contact."""
    return Routing(configuration=works(HYBRID))


def portal() -> Routing:
    """Return routing where web requests begin at tier 0."""
    return Routing(configuration=works(SELF))


async def test_the_centre_refers_to_the_regional_desk_which_becomes_the_contact() -> None:
    """Refer moves the ticket to the site's desk and says who is the contact from now on."""
    routing = hybrid()
    await routing.feed("t1", accepted(site="leeds"))
    await routing.commands.accept(routing.caller("t1", "c-one"), agent="c-one")
    await routing.contacting.refer(routing.caller("t1", "c-one"), desk=None)
    state = await routing.state("t1")
    assert (state.desk, state.contact_desk, state.status) == ("leeds", "leeds", Status.QUEUED)
    assert await routing.holds() == {}
    referred, queued = (await routing.bodies("t1"))[-2:]
    assert isinstance(referred, TicketReferred)
    assert (referred.from_desk, referred.to_desk, referred.by) == ("centre", "leeds", "c-one")
    assert isinstance(queued, TicketQueued)
    assert (queued.reason, queued.released) == (QueueReason.REFERRED, "c-one")
    before = (await routing.document("t1")).seq
    await routing.contacting.refer(routing.caller("t1", "c-one"), desk=None)
    assert (await routing.document("t1")).seq == before


async def test_a_referral_is_no_change_of_tier() -> None:
    """An escalated ticket that is referred is of the same tier, and stays escalated."""
    routing = hybrid()
    await routing.feed("t1", accepted(site="leeds"))
    await routing.contacting.refer(routing.caller("t1", "c-one"), desk=None)
    await routing.feed("t1", escalated(2))
    assert (await routing.state("t1")).desk == "second"
    await routing.contacting.refer(routing.caller("t1", "c-one"), desk="leeds")
    state = await routing.state("t1")
    assert (state.desk, state.tier, state.escalated) == ("leeds", 2, True)


async def test_a_desk_of_the_topology_may_be_named_and_no_other() -> None:
    """A named desk must be one of the topology's; one that no table gives must be named."""
    routing = hybrid()
    await routing.feed("t1", accepted(site="leeds"))
    await routing.contacting.refer(routing.caller("t1"), desk="dover")
    assert (await routing.state("t1")).contact_desk == "dover"
    with pytest.raises(CommandRejected) as refused:
        await routing.contacting.refer(routing.caller("t1"), desk="second")
    assert (refused.value.code, refused.value.field) == ("not-of-topology", "desk")
    await routing.feed("t2", accepted("HD-2"))
    with pytest.raises(CommandRejected) as nowhere:
        await routing.contacting.refer(routing.caller("t2"), desk=None)
    assert nowhere.value.code == "no-regional-desk"


async def test_only_a_hybrid_topology_refers() -> None:
    """Elsewhere the refusal names the topology and says what to do instead."""
    routing = portal()
    await routing.feed("t1", accepted(site="leeds"))
    with pytest.raises(CommandRejected) as refused:
        await routing.contacting.refer(routing.caller("t1"), desk="leeds")
    assert refused.value.code == "not-hybrid"
    assert "sun (virtual)" in refused.value.reason


async def test_what_is_over_is_not_referred() -> None:
    """A resolved ticket has to be reopened first."""
    routing = hybrid()
    await routing.feed("t1", accepted(site="leeds"))
    await routing.commands.resolve(routing.caller("t1"), code="solved", article=None)
    with pytest.raises(CommandRejected) as refused:
        await routing.contacting.refer(routing.caller("t1"), desk=None)
    assert refused.value.code == "wrong-status"


async def test_a_reopened_ticket_goes_to_the_contact_desk_though_that_is_closed() -> None:
    """The contact is the regional desk: it waits there and says when somebody comes."""
    routing = hybrid()
    await routing.feed("t1", accepted(site="leeds"))
    await routing.contacting.refer(routing.caller("t1"), desk=None)
    tier = (await routing.state("t1")).tier
    await routing.commands.resolve(routing.caller("t1"), code="solved", article=None)
    assert isinstance(routing.clock, ManualClock)
    routing.clock.set(at(20))
    await routing.feed("t1", message())
    state = await routing.state("t1")
    assert (state.desk, state.reopened, state.opens_at) == ("leeds", True, at(9, day=3))
    assert state.tier == tier, "a referral is no change of tier, and neither is coming back"


async def test_a_follow_up_begins_at_the_contact_desk_and_a_new_request_at_the_centre() -> None:
    """A referral is of a ticket: what continues it goes on there, what is new begins at the centre."""
    routing = hybrid()
    await routing.feed("t1", accepted(site="leeds"))
    await routing.contacting.refer(routing.caller("t1"), desk=None)
    await routing.commands.resolve(routing.caller("t1"), code="solved", article=None)
    await routing.commands.close(routing.caller("t1"), reason="confirmed")
    follow = RequestAccepted(facts=facts("HD-2", site="leeds"), message="m2", follows="t1")
    await routing.feed("t2", follow)
    await routing.feed("t3", accepted("HD-3", site="leeds"))
    state = await routing.state("t2")
    assert (state.desk, state.contact_desk) == ("leeds", "leeds")
    state = await routing.state("t3")
    assert (state.desk, state.contact_desk) == ("centre", None)


async def test_a_ticket_at_tier_0_is_seen_and_given_to_nobody() -> None:
    """It is queued at the desk behind with tier 0; the matcher and agents leave it alone."""
    routing = portal()
    await routing.feed("t1", accepted(channel="web"))
    state = await routing.state("t1")
    assert (state.status, state.tier, state.desk) == (Status.QUEUED, 0, "leeds")
    assert state.person_at == at(11)
    await routing.match()
    assert (await routing.state("t1")).status is Status.QUEUED
    with pytest.raises(CommandRejected) as refused:
        await routing.commands.accept(routing.caller("t1"), agent="h-clarke")
    assert refused.value.code == "at-tier-0"


async def test_who_chose_a_person_by_telephone_is_not_left_to_themselves() -> None:
    """The choice of a person in the menu's key brings the ticket to the desk at once."""
    routing = portal()
    await routing.feed("t1", accepted(channel="web", choice="0"))
    state = await routing.state("t1")
    assert (state.tier, state.person_at) == (1, None)


async def test_a_full_window_of_tier_0_hides_nobody() -> None:
    """Tickets at tier 0 take no place in the windows that the matcher looks at."""
    routing = portal()
    for n in range(120):
        await routing.feed(f"s{n:03}", accepted(f"HD-S{n}", channel="web", priority="P1"))
    await routing.feed("t1", accepted("HD-T", priority="P5"))
    await routing.match()
    assert (await routing.state("t1")).holder == "h-clarke"


async def test_a_person_is_asked_for_and_then_the_ticket_is_given_out() -> None:
    """Asking sends it to the desk that is open now, with its tier, and the matcher takes it on."""
    routing = portal()
    await routing.feed("t1", accepted(channel="web"))
    await routing.contacting.person(routing.caller("t1", "contact"))
    queued = (await routing.bodies("t1"))[-1]
    assert isinstance(queued, TicketQueued)
    assert (queued.reason, queued.tier, queued.by) == (QueueReason.PERSON_ASKED, 1, "contact")
    before = (await routing.document("t1")).seq
    await routing.contacting.person(routing.caller("t1", "contact"))
    assert (await routing.document("t1")).seq == before
    await routing.match()
    state = await routing.state("t1")
    assert (state.holder, state.tier, state.person_at) == ("h-clarke", 1, None)


async def test_a_reply_with_the_agreed_word_asks_for_a_person() -> None:
    """Another reply leaves the ticket at tier 0; a repetition of the word changes nothing more."""
    routing = portal()
    await routing.feed("t1", accepted(channel="web"))
    await routing.feed("t1", message(channel="web"))
    assert (await routing.state("t1")).tier == 0
    asks = MessageAdded(
        facts=facts(channel="web"),
        message="m3",
        direction=Direction.INBOUND,
        author="contact-1",
        asks="person",
    )
    await routing.feed("t1", asks, asks)
    state = await routing.state("t1")
    assert (state.tier, state.status) == (1, Status.QUEUED)


async def test_tier_0_ends_by_itself_after_the_wait() -> None:
    """After two hours the desk that is open then has it; what has no wait stays for ever."""
    routing = portal()
    await routing.feed("t1", accepted(channel="web"))
    await routing.feed("t2", accepted("HD-2", channel="api"))
    assert isinstance(routing.clock, ManualClock)
    routing.clock.set(at(10, 59))
    assert not await routing.self_service.people()
    assert (await routing.state("t1")).tier == 0
    routing.clock.set(at(18))
    await routing.self_service.people()
    state = await routing.state("t1")
    assert (state.tier, state.desk) == (1, "dover")
    assert state.since == at(18)
    assert (await routing.state("t2")).tier == 0
    queued = (await routing.bodies("t1"))[-1]
    assert isinstance(queued, TicketQueued)
    assert (queued.reason, queued.by) == (QueueReason.PERSON_ASKED, "system")


async def test_what_the_requester_completes_is_closed_at_tier_0() -> None:
    """Their word confirms it: resolved and closed at once, by the contact, with no agent."""
    routing = portal()
    await routing.feed("t1", accepted(channel="web"))
    await routing.contacting.complete(
        routing.caller("t1", "portal"), who="contact", article="article-1"
    )
    resolved, closed = (await routing.bodies("t1"))[-2:]
    assert isinstance(resolved, TicketResolved)
    assert (resolved.tier, resolved.code, resolved.by) == (0, "self-service", "contact")
    assert (resolved.article, resolved.agent) == ("article-1", None)
    assert isinstance(closed, TicketClosed)
    assert (closed.tier, closed.reason) == (0, "confirmed")
    await routing.contacting.complete(routing.caller("t1", "portal"), who="contact", article=None)
    assert len(await routing.bodies("t1")) == 3


async def test_what_automation_completes_is_resolved_and_may_be_objected_to() -> None:
    """Automation resolves at tier 0; the requester's objection brings it to a person."""
    routing = portal()
    await routing.feed("t1", accepted(channel="web"))
    await routing.contacting.complete(routing.caller("t1", "robot"), who="automation", article=None)
    state = await routing.state("t1")
    assert (state.status, state.tier) == (Status.RESOLVED, 0)
    await routing.feed("t1", message(channel="web"))
    state = await routing.state("t1")
    assert (state.status, state.tier, state.desk) == (Status.QUEUED, 1, "leeds")


async def test_what_monitoring_clears_at_tier_0_never_met_an_agent() -> None:
    """Alerts that clear by themselves resolve their ticket at tier 0."""
    routing = portal()
    await routing.feed("t1", accepted(channel="monitoring", firing=1))
    await routing.feed("t1", alerts(0))
    resolved = (await routing.bodies("t1"))[-1]
    assert isinstance(resolved, TicketResolved)
    assert (resolved.tier, resolved.agent, resolved.by) == (0, None, "monitoring")


async def test_what_an_agent_has_is_the_agents_to_resolve() -> None:
    """Completing is refused, with who has it, once somebody works on it."""
    routing = portal()
    await routing.feed("t1", accepted())
    await routing.commands.accept(routing.caller("t1"), agent="h-clarke")
    with pytest.raises(CommandRejected) as refused:
        await routing.contacting.complete(routing.caller("t1"), who="contact", article=None)
    assert "h-clarke" in refused.value.reason


@pytest.mark.parametrize(("tier", "desk", "reached"), [(1, "leeds", 1), (2, "second", 2)])
async def test_a_missed_target_ends_tier_0(tier: int, desk: str, reached: int) -> None:
    """A clock that asks for the first tier brings a person; for a higher one, that tier."""
    routing = portal()
    await routing.feed("t1", accepted(channel="web"))
    await routing.feed("t1", escalated(tier))
    state = await routing.state("t1")
    assert (state.desk, state.tier) == (desk, reached)


async def test_a_closing_desk_hands_on_nothing_of_tier_0() -> None:
    """The sweep leaves it: the desk is chosen when somebody asks for a person."""
    routing = portal()
    await routing.feed("t1", accepted(channel="api"))
    assert isinstance(routing.clock, ManualClock)
    routing.clock.set(at(18))
    assert await routing.sweep.closed() == 0
    assert (await routing.state("t1")).tier == 0


async def test_a_visit_goes_to_the_desk_of_the_site_and_stays_there_at_night() -> None:
    """The site's people have it, and the virtual desk does not hand it on when they go home."""
    routing = portal()
    assert isinstance(routing.clock, ManualClock)
    routing.clock.set(at(18))
    await routing.feed("t1", accepted(site="leeds"))
    assert (await routing.state("t1")).desk == "dover"
    await routing.contacting.visit(routing.caller("t1", "boss"))
    queued = (await routing.bodies("t1"))[-1]
    assert isinstance(queued, TicketQueued)
    assert (queued.reason, queued.note, queued.desk) == (QueueReason.TRANSFER, "visit", "leeds")
    assert queued.opens_at == at(9, day=3)
    assert "goes to leeds" in queued.explanation.rule
    await routing.sweep.closed()
    assert (await routing.state("t1")).desk == "leeds"


@pytest.mark.parametrize(("site", "code"), [(None, "site-unknown"), ("dover", "no-visits")])
async def test_a_visit_needs_a_site_that_somebody_goes_to(site: str | None, code: str) -> None:
    """The refusal says which of the two is missing."""
    routing = portal()
    await routing.feed("t1", accepted(site=site))
    with pytest.raises(CommandRejected) as refused:
        await routing.contacting.visit(routing.caller("t1"))
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("topologies", "why"),
    [
        (None, "the visits of the topology sun do not name it"),
        (HYBRID, "the topology both (hybrid) makes no visits"),
        ("fallback: centre", "no topology takes the ticket"),
    ],
)
async def test_why_nobody_is_sent_is_a_sentence(topologies: str | None, why: str) -> None:
    """The topology that makes no visits is named, where there is one."""
    routing = portal()
    if topologies is not None:
        routing = Routing(configuration=works(topologies))
    await routing.feed("t1", accepted(site="dover"))
    with pytest.raises(CommandRejected) as refused:
        await routing.contacting.visit(routing.caller("t1"))
    assert refused.value.reason == f"nobody is sent to dover: {why}; transfer it instead"


async def test_what_no_topology_takes_is_referred_by_nobody() -> None:
    """The refusal says so in words."""
    routing = Routing(configuration=works("fallback: centre"))
    await routing.feed("t1", accepted("HD-1"))
    with pytest.raises(CommandRejected) as refused:
        await routing.contacting.refer(routing.caller("t1"), desk=None)
    assert refused.value.reason == (
        "HD-1 cannot be referred: no topology takes it, and only a hybrid one refers; "
        "transfer it instead"
    )


async def test_a_desk_counts_tier_0_apart() -> None:
    """Nobody waits for an agent there, so that the queue of the desk is not longer by it."""
    routing = portal()
    await routing.feed("t1", accepted(channel="web"))
    await routing.feed("t2", accepted("HD-2", site="leeds"))
    desk = next(d for d in await routing.reader.desks(TENANT) if d.desk.name == "leeds")
    assert desk.counts == DeskCounts({Status.QUEUED: 1}, unattended=1)


class Api:
    """The routes in process."""

    def __init__(self, routing: Routing) -> None:
        self.routing = routing
        app = FastAPI()
        equip(app)
        app.state.authenticator = Authenticator(identities(), routing.clock)
        app.include_router(ticket_router(routing.reader, routing.commands))
        app.include_router(contact_router(routing.reader, routing.contacting))
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://routing"
        )

    async def post(
        self, path: str, body: Any = None, *, by: str = "h-clarke", **headers: str
    ) -> httpx.Response:
        """Post as somebody."""
        headers["Authorization"] = f"Bearer hd_{by}"
        return await self.client.post(path, json=body, headers=headers)


@pytest.fixture
async def api() -> AsyncGenerator[Api]:
    """Return the routes over tickets at tier 0."""
    found = Api(portal())
    yield found
    await found.client.aclose()


async def test_a_portal_asks_for_a_person_by_the_number(api: Api) -> None:
    """An integration may, for its requester; it learns the standing and nothing of the contact."""
    await api.routing.feed("t1", accepted(channel="web"))
    answer = await api.post("/v1/tickets/HD-1/person", by="mail-demo")
    assert answer.status_code == 200
    assert answer.json() == {
        "number": "HD-1",
        "status": "queued",
        "tier": 1,
        "desk": "leeds",
        "contact_desk": None,
        "opens_at": None,
        "person_at": None,
    }
    assert answer.headers["ETag"] == '"2"'
    assert (await api.routing.bodies("t1"))[-1].by == "contact"  # type: ignore[attr-defined]


async def test_a_portal_says_that_it_is_done(api: Api) -> None:
    """The requester's word closes it; an unknown word for who is refused by its field."""
    await api.routing.feed("t1", accepted(channel="web"))
    refused = await api.post("/v1/tickets/HD-1/complete", {"who": "boss"}, by="mail-demo")
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "who"
    answer = await api.post("/v1/tickets/HD-1/complete", {"who": "contact"}, by="mail-demo")
    assert answer.json()["status"] == "closed"


async def test_integrations_refer_nobody(api: Api) -> None:
    """Referral and visits are agents' commands."""
    await api.routing.feed("t1", accepted(site="leeds"))
    for verb in ("refer", "visit"):
        answer = await api.post(f"/v1/tickets/HD-1/{verb}", by="mail-demo")
        assert answer.status_code == 403
    answer = await api.post("/v1/tickets/HD-1/visit", **{"If-Match": '"7"'})
    assert answer.status_code == 412
    answer = await api.post("/v1/tickets/HD-1/refer", {"desk": "leeds"})
    assert answer.status_code == 409
    assert "only a hybrid one refers" in answer.text


async def test_views_show_the_contact_desk_and_tier_0(api: Api) -> None:
    """A ticket and its explanation say who the contact is, and when a person comes."""
    await api.routing.feed("t1", accepted(channel="web"))
    headers = {"Authorization": "Bearer hd_h-clarke"}
    for path in ("/v1/tickets/HD-1", "/v1/tickets/HD-1/explain"):
        found = (await api.client.get(path, headers=headers)).json()
        assert found["person_at"] == "2026-03-02T11:00:00Z"
        assert found["contact_desk"] is None
    assert (await api.client.get("/v1/tickets/HD-1/explain", headers=headers)).json()[
        "waiting"
    ] is None


DEEDS = st.lists(
    st.sampled_from(["person", "waited", "complete", "refer", "visit", "accept"]), max_size=8
)


def done(
    deed: str, state: TicketState | None, now: datetime, configuration: Configuration
) -> Sequence[Body]:
    """Return what follows from a deed."""
    given: dict[str, Any] = {"now": now, "configuration": configuration}
    match deed:
        case "person":
            return decide_person(state, by="contact", **given)
        case "waited":
            return decide_waited(state, **given)
        case "complete":
            return decide_complete(state, who="contact", article=None, by="portal", **given)
        case "refer":
            return decide_refer(state, desk=None, by="a", **given)
        case "visit":
            return decide_visit(state, by="a", **given)
        case _:
            return decide_accept(state, agent="h-clarke", weight=1, by="h-clarke")


@settings(max_examples=60, deadline=None)
@given(deeds=DEEDS, shape=st.sampled_from([SELF, HYBRID]), hours=st.integers(0, 30))
def test_whatever_is_done_tier_0_has_no_agent(deeds: list[str], shape: str, hours: int) -> None:
    """No order of deeds gives an unattended ticket an agent, nor a closed one a queue."""
    configuration = works(shape)
    now = at(9)
    events: list[Event[Any]] = []
    state: TicketState | None = None

    def take(bodies: Sequence[Body]) -> None:
        nonlocal state
        for body in bodies:
            event: Event[Any] = numbered(
                source="/routing/ticket",
                subject="t1",
                sequence=len(events) + 1,
                time=now,
                tenant=TENANT,
                configversion=1,
                body=body,
            )
            events.append(event)
            state = evolve_ticket(state, event)

    request = RequestAccepted(facts=facts(channel="web", site="leeds"), message="m")
    take(decide_request(None, request, now, configuration))
    for deed in deeds:
        now += timedelta(hours=hours)
        try:
            take(done(deed, state, now, configuration))
        except CommandRejected:
            continue
        assert state is not None
        assert not (state.tier == 0 and state.holder is not None)
        if state.status is Status.CLOSED:
            assert state.since is None
            assert state.person_at is None
    accepted_events = [e for e in events if isinstance(e.body, TicketAccepted)]
    assert all(e.body.tier > 0 for e in accepted_events)
