from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.routing.handlers.foreseeing import Foreseen, Foresight
from services.routing.handlers.reorganising import SETTLE_SECONDS
from shared.contracts.facts import Priority
from shared.contracts.routing import PendReason, Presence, QueueReason, Status, TicketQueued
from shared.organisation import Configuration, ConfigurationInvalid
from shared.testing.clock import ManualClock
from shared.testing.memory import MemoryStreams
from tests.support.routing import TENANT, MemoryTickets, Routing, accepted, at, organisation

DESKS = ("north", "south", "east")
PLACES = """
regions: [{name: n, title: N}, {name: s, title: S}]
sites: []
"""
NORTH = "topologies: [{name: all, shape: centralized, desk: north}]"
SOUTH = "topologies: [{name: all, shape: centralized, desk: south}]"
EAST = "topologies: [{name: all, shape: centralized, desk: east}]"
AGENTS = {"ann": ("north",), "bob": ("south",), "cyd": ("north", "south")}


def company(
    topologies: str = NORTH,
    *,
    desks: tuple[str, ...] = DESKS,
    agents: dict[str, tuple[str, ...]] | None = None,
    calendars: dict[str, str] | None = None,
    skilled: dict[str, str] | None = None,
    routing: str = "rules: []",
) -> Configuration:
    """Return an organisation of some desks, agents and topologies."""
    hours = calendars or {}
    people = AGENTS if agents is None else agents
    rows = [f"  - {{name: {d}, title: {d}, calendar: {hours.get(d, 'always')}}}" for d in desks]
    knows = {name: f", skills: {{{skill}: 1}}" for name, skill in (skilled or {}).items()}
    staff = [
        f"  - {{id: {name}, name: {name}, desks: [{', '.join(served)}], email: a@b.example, languages: [en], capacity: 9{knows.get(name, '')}}}"
        for name, served in people.items()
    ]
    return organisation(
        organisation=PLACES,
        desks="desks:\n" + "\n".join(rows),
        agents="agents:\n" + "\n".join(staff) if staff else "agents: []",
        topologies=topologies,
        routing=routing,
    )


def process(configuration: Configuration | None = None, **options: Any) -> Routing:
    """Return a routing process of which nobody takes work by itself."""
    return Routing(
        configuration=configuration or company(), presence_default=Presence.OFFLINE, **options
    )


def switch(routing: Routing, configuration: Configuration, version: int) -> None:
    """Put a version in force at a process, at the instant of its clock."""
    routing.configurations.install(
        TENANT, configuration, version=version, applied_at=routing.clock.now()
    )


async def foretold(routing: Routing, configuration: Configuration, examples: int = 50) -> Foreseen:
    """Return the dry run of a configuration."""
    return await routing.foresight.look(TENANT, configuration.sections(), examples_max=examples)


def moving(found: Foreseen) -> set[str]:
    """Return which tickets a dry run would move."""
    tallies = found.forecast.moves.values()
    return {example.id for tally in tallies for example in tally.examples}


async def reorganised(routing: Routing, ticket: str) -> list[TicketQueued]:
    """Return the moves by new versions of a ticket."""
    bodies = await routing.bodies(ticket)
    return [
        body
        for body in bodies
        if isinstance(body, TicketQueued) and body.reason is QueueReason.REORGANISED
    ]


async def test_what_waits_goes_where_the_new_version_says_and_keeps_its_place() -> None:
    """It is queued once with both versions in the reason; the time that it waited counts on."""
    routing = process()
    await routing.feed("t1", accepted("HD-1"))
    since = (await routing.state("t1")).since
    assert isinstance(routing.clock, ManualClock)
    await routing.clock.advance(60)
    switch(routing, company(SOUTH), 2)
    assert await routing.reorganiser.round() == 1
    state = await routing.state("t1")
    assert (state.desk, state.status, state.since, state.chosen_by) == (
        "south",
        Status.QUEUED,
        since,
        2,
    )
    (move,) = await reorganised(routing, "t1")
    assert (move.explanation.version, move.explanation.replaces) == (2, 1)
    assert move.explanation.rule == (
        "by version 2 instead of 1 (choice-changed): south takes everything of this scope"
    )
    assert await routing.reorganiser.round() == 0
    assert len(await reorganised(routing, "t1")) == 1


async def test_a_rollback_is_one_more_version_and_moves_back() -> None:
    """Version 3 has the content of version 1: the ticket is where it was, by version 3."""
    routing = process()
    await routing.feed("t1", accepted("HD-1"))
    for version, configuration in ((2, company(SOUTH)), (3, company(NORTH))):
        switch(routing, configuration, version)
        assert await routing.reorganiser.round() == 1
    assert (await routing.state("t1")).desk == "north"
    rounds = [m.explanation.version for m in await reorganised(routing, "t1")]
    assert rounds == [2, 3]


async def test_work_in_hand_stays_with_its_agent() -> None:
    """Assigned, accepted and pending tickets stay, though the topology names another desk."""
    routing = process()
    for name in ("t1", "t2", "t3"):
        await routing.feed(name, accepted(f"HD-{name}"))
    await routing.commands.assign(routing.caller("t1"), agent="ann")
    await routing.commands.accept(routing.caller("t2"), agent="ann")
    await routing.commands.accept(routing.caller("t3"), agent="ann")
    await routing.commands.pend(routing.caller("t3"), reason=PendReason.CUSTOMER, until=None)
    found = await foretold(routing, company(SOUTH))
    assert (moving(found), found.forecast.stays) == (set(), {"in-hand": 3})
    switch(routing, company(SOUTH), 2)
    assert await routing.reorganiser.round() == 0
    assert (await routing.state("t1")).holder == "ann"


async def test_what_people_transferred_stays_where_they_put_it() -> None:
    """The topology changes from north to south; the ticket that went east waits there."""
    routing = process()
    await routing.feed("t1", accepted("HD-1"))
    await routing.commands.transfer(routing.caller("t1"), desk="east")
    found = await foretold(routing, company(SOUTH))
    assert found.forecast.stays == {"put-by-people": 1}
    switch(routing, company(SOUTH), 2)
    assert await routing.reorganiser.round() == 0
    assert (await routing.state("t1")).desk == "east"


async def test_giving_a_ticket_back_is_no_choice_of_a_desk() -> None:
    """A transfer to the queue of its own desk leaves it to the topology."""
    routing = process()
    await routing.feed("t1", accepted("HD-1"))
    await routing.commands.accept(routing.caller("t1"), agent="ann")
    await routing.commands.transfer(routing.caller("t1", by="ann"), desk="north")
    switch(routing, company(SOUTH), 2)
    assert await routing.reorganiser.round() == 1
    assert (await routing.state("t1")).desk == "south"


@pytest.mark.parametrize(
    ("then", "reason", "desk"),
    [
        (
            company(SOUTH, desks=("south", "east"), agents={"bob": ("south",)}),
            "desk-removed",
            "south",
        ),
        (company(NORTH, agents={"bob": ("south",)}), "agent-removed", "north"),
        (company(NORTH, agents=AGENTS | {"ann": ("east",)}), "agent-not-serving", "north"),
        (company(SOUTH, agents=AGENTS | {"ann": ("east",)}), "agent-not-serving", "south"),
    ],
)
async def test_work_in_hand_is_queued_where_its_desk_or_agent_is_taken_away(
    then: Configuration, reason: str, desk: str
) -> None:
    """It waits at the desk that the new version chooses, else at its own; the hold is released."""
    routing = process()
    await routing.feed("t1", accepted("HD-1"))
    await routing.commands.accept(routing.caller("t1"), agent="ann")
    found = await foretold(routing, then)
    ((flow, tally),) = found.forecast.moves.items()
    assert (flow.reason, flow.target, tally.tickets) == (reason, desk, 1)
    switch(routing, then, 2)
    assert await routing.reorganiser.round() == 1
    state = await routing.state("t1")
    assert (state.status, state.desk, state.holder) == (Status.QUEUED, desk, None)
    assert await routing.holds() == {}
    (move,) = await reorganised(routing, "t1")
    assert move.released == "ann"


async def test_what_is_pending_without_its_desk_is_told_and_moves_later() -> None:
    """The dry run says so apart; the switch leaves it to wait."""
    routing = process()
    await routing.feed("t1", accepted("HD-1"))
    await routing.commands.accept(routing.caller("t1"), agent="ann")
    await routing.commands.pend(routing.caller("t1"), reason=PendReason.CUSTOMER, until=None)
    then = company(SOUTH, desks=("south",), agents={"bob": ("south",)})
    found = await foretold(routing, then)
    ((flow, tally),) = found.forecast.later.items()
    assert (tuple(flow), tally.tickets) == (("north", None, "desk-removed"), 1)
    switch(routing, then, 2)
    assert await routing.reorganiser.round() == 0
    await routing.commands.resume(routing.caller("t1", by="ann"))
    assert await routing.reorganiser.round() == 1
    assert (await routing.state("t1")).desk == "south"


@pytest.mark.parametrize(
    ("desks", "agents", "again", "reason", "desk"),
    [
        (("north", "south"), {}, True, "desk-removed", "south"),
        (("north", "south"), {}, False, "desk-removed", "north"),
        (DESKS, {}, True, "choice-changed", "south"),
        (DESKS, {}, False, "choice-changed", "north"),
        (DESKS, {"eve": ("south",)}, True, "agent-not-serving", "south"),
    ],
)
async def test_a_new_rule_for_what_was_reopened_counts_for_what_was_reopened(
    desks: tuple[str, ...],
    agents: dict[str, tuple[str, ...]],
    again: bool,  # noqa: FBT001
    reason: str,
    desk: str,
) -> None:
    """Only the south knows it: there goes what came back, and everything else to the first desk."""
    routing = process(company(EAST, agents=AGENTS | {"eve": ("east",)}))
    await routing.feed("t1", accepted("HD-1"))
    if again:
        await routing.commands.accept(routing.caller("t1"), agent="eve")
        await routing.commands.resolve(routing.caller("t1", by="eve"), code="solved", article=None)
        await routing.commands.reopen(routing.caller("t1"), reason="agent")
    if agents:
        await routing.commands.accept(routing.caller("t1"), agent="eve")
    then = company(
        "topologies: [{name: all, shape: virtual, desks: [north, south], fallback: north}]",
        desks=desks,
        agents={"ann": ("north",), "bob": ("south",)} | agents,
        skilled={"bob": "mainframe"},
        routing="rules: [{name: r, when: reopened, skills: {mainframe: 1}}]",
    )
    found = await foretold(routing, then)
    ((flow, tally),) = found.forecast.moves.items()
    assert (flow.reason, flow.target, tally.tickets) == (reason, desk, 1)
    switch(routing, then, 2)
    assert await routing.reorganiser.round() == 1
    assert (await routing.state("t1")).desk == desk


async def test_a_rule_after_which_nobody_could_have_a_ticket_is_told() -> None:
    """Only bob knows the mainframe, in the south: at north's queue nobody ever could."""
    rule = """
rules:
  - {name: r, when: 'kind == "incident"', skills: {mainframe: 1}}
"""
    then = organisation(
        organisation=PLACES,
        desks="""
desks:
  - {name: north, title: North, calendar: always}
  - {name: south, title: South, calendar: always}
""",
        agents="""
agents:
  - {id: ann, name: Ann, desks: [north], email: a@b.example, languages: [en], capacity: 9}
  - {id: bob, name: Bob, desks: [south], email: a@b.example, languages: [en], capacity: 9, skills: {mainframe: 1}}
""",
        topologies=NORTH,
        routing=rule,
    )
    routing = process()
    await routing.feed("t1", accepted("HD-1"))
    found = await foretold(routing, then)
    assert moving(found) == set()
    assert {desk: tally.tickets for desk, tally in found.forecast.unable.items()} == {"north": 1}
    assert (await foretold(routing, company())).forecast.unable == {}


@pytest.mark.parametrize(
    ("rules", "unable"),
    [
        ("{name: r, during: night, skills: {mainframe: 1}}", {}),
        (
            "{name: r, during: night, skills: {mainframe: 1}}, {name: s, skills: {mainframe: 2}}",
            {"north": 1},
        ),
        (
            (
                "{name: r, during: night, skills: {mainframe: 1}}, "
                "{name: s, outside: night, skills: {mainframe: 2}}"
            ),
            {"north": 1},
        ),
    ],
)
async def test_a_ticket_waits_for_the_hours_of_a_rule_and_is_not_told(
    rules: str, unable: dict[str, int]
) -> None:
    """By day anybody may have it; where another rule counts then, or none is left, it is told."""
    then = organisation(
        desks="""
desks:
  - {name: north, title: North, calendar: always}
  - {name: south, title: South, calendar: always}
""",
        agents="""
agents:
  - {id: ann, name: Ann, desks: [north], email: a@b.example}
  - {id: bob, name: Bob, desks: [south], email: a@b.example, skills: {mainframe: 2}}
""",
        topologies=NORTH,
        routing=f"rules: [{rules}]",
    )
    routing = process()
    await routing.feed("t1", accepted("HD-1"))
    found = (await foretold(routing, then)).forecast.unable
    assert {desk: tally.tickets for desk, tally in found.items()} == unable


async def test_a_queue_whose_members_can_do_nothing_of_it_is_told() -> None:
    """Who is of the desk and not of the queue counts for nothing that the queue gets."""

    def then(member: str) -> Configuration:
        return organisation(
            organisation=PLACES,
            desks=f"""
desks:
  - {{name: north, title: North, calendar: always}}
queues:
  - {{name: vault, title: Vault, desk: north, members: [{member}]}}
""",
            agents="""
agents:
  - {id: ann, name: Ann, desks: [north], email: a@b.example}
  - {id: bob, name: Bob, desks: [north], email: a@b.example, skills: {mainframe: 1}}
""",
            topologies="""
topologies:
  - name: all
    shape: centralized
    desk: north
    business_support: {by: group, group: vault, services: [pay]}
""",
            routing="rules: [{name: old, skills: {mainframe: 1}}]",
        )

    routing = process()
    await routing.feed("t1", accepted("HD-1", service="pay"))
    found = (await foretold(routing, then("ann"))).forecast.unable
    assert {place: tally.tickets for place, tally in found.items()} == {"vault": 1}
    assert (await foretold(routing, then("bob"))).forecast.unable == {}


async def test_a_ticket_that_came_to_a_late_process_ends_at_the_right_desk() -> None:
    """One process chooses by version 1 after another has switched: it moves once, to south."""
    store = MemoryStreams()
    early = process(store=store, tickets=MemoryTickets(store))
    late = process(store=store, tickets=MemoryTickets(store), clock=early.clock)
    switch(early, company(SOUTH), 2)
    assert await early.reorganiser.round() == 0
    await late.feed("t1", accepted("HD-1"))
    assert (await late.state("t1")).desk == "north"
    # Whoever looks first: the late one itself, or the other at its next look.
    assert await early.reorganiser.round() == 1
    switch(late, company(SOUTH), 2)
    assert await late.reorganiser.round() == 0
    assert (await early.state("t1")).desk == "south"
    assert (await early.document("t1")).seq == 2


async def test_a_process_that_is_behind_leaves_alone_what_a_newer_version_decided() -> None:
    """Version 2 adds a desk and an agent. To version 1 both look gone, and nothing bounces."""
    store = MemoryStreams()
    early = process(store=store, tickets=MemoryTickets(store))
    late = process(store=store, tickets=MemoryTickets(store), clock=early.clock)
    west = company(
        "topologies: [{name: all, shape: centralized, desk: west}]",
        desks=(*DESKS, "west"),
        agents=AGENTS | {"wes": ("west",)},
    )
    await late.feed("t1", accepted("HD-1"))
    await late.feed("t2", accepted("HD-2"))
    switch(early, west, 2)
    assert await early.reorganiser.round() == 2
    await early.commands.accept(early.caller("t2"), agent="wes")
    before = {name: (await early.document(name)).seq for name in ("t1", "t2")}
    assert await late.reorganiser.round() == 0
    assert await late.sweep.removed() == 0
    assert await late.sweep.orphaned() == 0
    assert {name: (await late.document(name)).seq for name in before} == before


async def test_two_processes_that_switch_at_once_move_each_ticket_once() -> None:
    """Between the look of one and its write the other has moved everything."""
    store = MemoryStreams()
    one = process(store=store, tickets=MemoryTickets(store))
    other = process(store=store, tickets=MemoryTickets(store), clock=one.clock)
    for number in range(5):
        await one.feed(f"t{number}", accepted(f"HD-{number}"))
    for routing in (one, other):
        switch(routing, company(SOUTH), 2)
    plain = one.tickets.open_by_id

    async def looked(tenant: str, *, after: str, limit: int) -> Any:
        page = await plain(tenant, after=after, limit=limit)
        await other.reorganiser.round()
        return page

    one.tickets.open_by_id = looked  # type: ignore[method-assign]
    await one.reorganiser.round()
    for number in range(5):
        assert (await one.document(f"t{number}")).seq == 2


async def test_a_crash_in_the_middle_is_made_up_for_by_whoever_looks_next() -> None:
    """The first page is moved, then the process dies; a new one moves the rest, each once."""
    store = MemoryStreams()
    first = process(store=store, tickets=MemoryTickets(store))
    for number in range(450):
        await first.feed(f"t{number:03}", accepted(f"HD-{number}"))
    switch(first, company(SOUTH), 2)
    pages = itertools.count()
    plain = first.tickets.open_by_id

    async def dies(tenant: str, *, after: str, limit: int) -> Any:
        if next(pages) == 1:
            raise KeyboardInterrupt
        return await plain(tenant, after=after, limit=limit)

    first.tickets.open_by_id = dies  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        await first.reorganiser.round()
    second = process(store=store, tickets=MemoryTickets(store), clock=first.clock)
    switch(second, company(SOUTH), 2)
    assert await second.reorganiser.round() == 250
    for number in range(450):
        document = await second.document(f"t{number:03}")
        assert (document.seq, document.state and document.state.desk) == (2, "south")


async def test_hours_that_differ_later_are_no_switch() -> None:
    """Both versions choose north at the moment of the switch: at night nothing moves by restart."""
    sun = "topologies: [{name: all, shape: follow_the_sun, desks: [north], fallback: south}]"
    routing = process(company(sun))
    await routing.feed("t1", accepted("HD-1"))
    switch(routing, company(sun, calendars={"north": "day"}), 2)
    assert await routing.reorganiser.round() == 0
    assert isinstance(routing.clock, ManualClock)
    routing.clock.set(at(20))
    restarted = process(store=routing.store, tickets=routing.tickets, clock=routing.clock)
    restarted.configurations = routing.configurations
    await routing.clock.advance(SETTLE_SECONDS)
    assert await routing.reorganiser.round() == 0
    assert (await routing.state("t1")).desk == "north"


async def test_a_dry_run_that_has_no_time_says_how_far_it_came() -> None:
    """It answers as incomplete instead of keeping its caller."""
    routing = process()
    await routing.feed("t1", accepted("HD-1"))
    hurried = Foresight(
        tickets=routing.tickets,
        configurations=routing.configurations,
        clock=routing.clock,
        look_seconds_max=0.0,
    )
    found = await hurried.look(TENANT, company(SOUTH).sections(), examples_max=5)
    assert (found.is_complete, found.forecast.tickets) == (False, 0)


async def test_a_dry_run_refuses_what_could_not_be_applied() -> None:
    """The problems are those of the check."""
    sections = company().sections() | {"topologies": {"topologies": []}}
    with pytest.raises(ConfigurationInvalid, match="fallback: required"):
        await process().foresight.look(TENANT, sections, examples_max=5)


async def test_a_dry_run_changes_nothing() -> None:
    """Neither the ticket nor the version in force is another after it."""
    routing = process()
    await routing.feed("t1", accepted("HD-1"))
    before = await routing.document("t1")
    found = await foretold(routing, company(SOUTH))
    assert (found.version, moving(found), found.is_complete) == (1, {"t1"}, True)
    assert await routing.document("t1") == before
    assert routing.configurations.version(TENANT) == 1


# --- what was foretold is what happens ---------------------------------------------------------

desk_names = st.sampled_from(DESKS)
shapes = st.one_of(
    desk_names.map(lambda d: f"{{name: NAME, shape: centralized, desk: {d}SCOPE}}"),
    st.tuples(desk_names, desk_names, desk_names).map(
        lambda d: (
            f"{{name: NAME, shape: local, by_region: {{n: {d[0]}, s: {d[1]}}}, "
            f"fallback: {d[2]}SCOPE}}"
        )
    ),
    st.tuples(st.permutations(DESKS), st.integers(1, 3), desk_names).map(
        lambda d: (
            f"{{name: NAME, shape: follow_the_sun, desks: [{', '.join(d[0][: d[1]])}], "
            f"fallback: {d[2]}SCOPE}}"
        )
    ),
)
calendars = st.dictionaries(desk_names, st.sampled_from(["day", "night", "always"]))


@st.composite
def companies(draw: st.DrawFn) -> Configuration:
    """Generate organisations of up to three desks, with agents who come and go."""
    first, default = draw(shapes), draw(shapes)
    scope = draw(st.sampled_from(["regions: [n]", "regions: [s]", "channels: [email]"]))
    rows = [default.replace("NAME", "default").replace("SCOPE", "")]
    if draw(st.booleans()):
        scoped = first.replace("NAME", "first").replace("SCOPE", f", scope: {{{scope}}}")
        rows.insert(0, scoped)
    text = "topologies:\n" + "\n".join(f"  - {row}" for row in rows)
    named = [desk for desk in DESKS if desk in text]
    extra = draw(st.sets(desk_names))
    desks = tuple(desk for desk in DESKS if desk in named or desk in extra)
    agents = draw(
        st.dictionaries(
            st.sampled_from(["ann", "bob", "cyd"]),
            st.lists(st.sampled_from(desks), min_size=1, unique=True).map(tuple),
        )
    )
    return company(text, desks=desks, agents=agents, calendars=draw(calendars))


deeds = st.sampled_from(
    ["waits", "taken", "assigned", "pended", "transferred", "resolved", "given-back"]
)


async def _lived(routing: Routing, ticket: str, deed: str, target: str, agent: str) -> None:
    """Let people do something to a ticket, where the configuration lets them."""
    configuration = routing.configurations.current(TENANT)
    caller = routing.caller(ticket)
    state = await routing.state(ticket)
    served = [a.id for a in configuration.agents_of(state.desk)]
    if deed == "transferred":
        if any(desk.name == target for desk in configuration.desks.desks):
            await routing.commands.transfer(caller, desk=target)
        return
    if deed == "waits" or not served:
        return
    holder = agent if agent in served else served[0]
    if deed == "assigned":
        await routing.commands.assign(caller, agent=holder)
        return
    await routing.commands.accept(caller, agent=holder)
    if deed == "pended":
        await routing.commands.pend(caller, reason=PendReason.CUSTOMER, until=None)
    elif deed == "resolved":
        await routing.commands.resolve(caller, code="solved", article=None)
    elif deed == "given-back":
        await routing.commands.transfer(caller, desk=state.desk)


@settings(max_examples=120, deadline=None)
@given(
    versions=st.lists(companies(), min_size=2, max_size=3),
    tickets=st.lists(
        st.tuples(
            st.sampled_from([None, "n", "s"]),
            deeds,
            desk_names,
            st.sampled_from(["ann", "bob", "cyd"]),
            st.integers(0, 1),
        ),
        max_size=8,
    ),
    hours=st.lists(st.integers(0, 23), min_size=3, max_size=3),
)
async def test_what_the_dry_run_foretells_is_what_the_switch_moves(
    versions: list[Configuration], tickets: list[Any], hours: list[int]
) -> None:
    """At one instant the same tickets go to the same desks, and to nobody else's surprise."""
    routing = process(versions[0], clock=ManualClock(at(hours[0])))
    assert isinstance(routing.clock, ManualClock)
    routing.configurations.install(TENANT, versions[0], applied_at=at(0))
    number = 0
    for version, configuration in enumerate(versions[1:], start=2):
        for region, deed, target, agent, when in tickets:
            if when == version - 2:
                number += 1
                name = f"t{number}"
                await routing.feed(
                    name, accepted(f"HD-{number}", region=region, priority=Priority.P3)
                )
                await _lived(routing, name, deed, target, agent)
        routing.clock.set(at(hours[version - 1], day=1 + version))
        found = await foretold(routing, configuration)
        predicted = {
            (example.id, flow.target)
            for flow, tally in found.forecast.moves.items()
            for example in tally.examples
        }
        names = [f"t{n}" for n in range(1, number + 1)]
        before = {name: (await routing.document(name)).seq for name in names}
        switch(routing, configuration, version)
        moved = await routing.reorganiser.round()
        happened = set()
        for name in names:
            document = await routing.document(name)
            assert document.state is not None
            if document.seq > before[name]:
                assert document.seq == before[name] + 1
                happened.add((name, document.state.desk))
        assert happened == predicted
        assert moved == len(predicted)
        await routing.clock.advance(SETTLE_SECONDS + 1)
        assert await routing.reorganiser.round() == 0
