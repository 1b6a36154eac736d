"""What a policy may say, one by one: metrics, conditions, calendars, agreements, warnings."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from services.sla.domain.clocks import clocks_of
from services.sla.domain.history import history_of
from services.sla.domain.model import Clock
from shared.calendar import BusinessCalendar, CompiledCalendar, compile_calendar
from shared.contracts.facts import Kind, Priority
from shared.contracts.intake import Direction
from shared.contracts.routing import PendReason
from shared.contracts.sla import ClockBreached, ClockBreachWithdrawn, ClockState, ClockWarned
from shared.organisation import Configuration
from tests.support.sla import TENANT, Sla, Story, facts, organisation, utc

HOUR = 3600


def with_policies(*policies: str, **sections: str) -> Sla:
    """Return the service with these policies, each a line of YAML."""
    text = "policies:\n" + "".join(f"  - {policy}\n" for policy in policies)
    return Sla(configuration=organisation(sla=text, **sections))


async def clocks(sla: Sla, policy: str) -> list[Clock]:
    """Return all clocks of a policy, in order."""
    return [clock for clock in (await sla.state()).clocks if clock.view.policy == policy]


def told(found: list[Clock]) -> list[tuple[Any, ...]]:
    """Return what tells clocks apart at a glance."""
    return [
        (c.view.cycle, c.view.state.value, c.view.started_at, c.view.ended_at, c.view.used_seconds)
        for c in found
    ]


def wrote(story: Story, hour: int, minute: int = 0) -> Any:
    """The requester writes."""
    return story.message(utc(2, hour, minute), Direction.INBOUND, author="contact-1")


async def test_each_further_message_is_to_be_answered_in_time() -> None:
    """A cycle begins with a message that finds all others answered, and ends with the reply."""
    sla, story = with_policies("{name: next, metric: next-response, targets: {P2: 20m}}"), Story()
    await sla.feed(
        story.accepted(),
        story.queued(utc(2, 14)),
        wrote(story, 14, 5),  # The request itself is not answered yet.
        story.message(utc(2, 14, 10)),
        wrote(story, 14, 20),
        wrote(story, 14, 30),
        story.message(utc(2, 14, 35), author="system"),
        story.message(utc(2, 14, 45)),
        wrote(story, 15),
    )
    assert told(await clocks(sla, "next")) == [
        (1, "missed", utc(2, 14, 20), utc(2, 14, 45), 1500),
        (2, "running", utc(2, 15), None, 0),
    ]
    await sla.feed(
        story.resolved(utc(2, 15, 10)), wrote(story, 15, 20), story.reopened(utc(2, 15, 30))
    )
    # The message after the resolution waits for an answer since the work goes on.
    assert told(await clocks(sla, "next"))[1:] == [
        (2, "met", utc(2, 15), utc(2, 15, 10), 600),
        (3, "running", utc(2, 15, 30), None, 0),
    ]


async def test_old_cycles_are_let_go_and_their_breaches_are_told_once() -> None:
    """A long conversation keeps the newest cycles; a breach of an older one is told before."""
    sla, story = with_policies("{name: word, metric: update, targets: {P2: 10m}}"), Story()
    await sla.feed(story.accepted(), story.queued(utc(2, 14)))
    for number in range(1, 13):
        await sla.feed(story.message(utc(2, 14, 1) if number == 1 else utc(2, 14, number * 4)))
    await sla.feed(story.message(utc(2, 15, 30)))
    for minute in (31, 32, 33, 34, 35, 36):
        await sla.feed(story.message(utc(2, 15, minute)))
    assert len(await clocks(sla, "word")) > 5  # One that broke its target is not told of yet.
    await sla.tick()
    await sla.feed(story.message(utc(2, 15, 40)))
    await sla.tick()
    found = await clocks(sla, "word")
    assert [clock.view.cycle for clock in found] == [18, 19, 20, 21]
    breaches = [e.body for e in await sla.emitted() if isinstance(e.body, ClockBreached)]
    assert [body.clock for body in breaches] == ["word:update:13"]


async def test_an_assignment_is_not_yet_owning() -> None:
    """Queue, offer and assignment leave the clock running; who accepts stops it."""
    sla, story = with_policies("{name: take, metric: own, targets: {P2: 20m}}"), Story()
    await sla.feed(
        story.accepted(),
        story.queued(utc(2, 14)),
        story.offered(utc(2, 14, 2)),
        story.assigned(utc(2, 14, 4)),
    )
    assert (await sla.clock_of("take")).view.state is ClockState.RUNNING
    await sla.feed(story.begun(utc(2, 14, 6)))
    assert told(await clocks(sla, "take")) == [(1, "met", utc(2, 14), utc(2, 14, 6), 360)]


async def test_the_requester_waits_while_others_are_waited_for() -> None:
    """Only the wait for the requester is not ours."""
    sla, story = with_policies("{name: whole, metric: wait, targets: {P2: 4h}}"), Story()
    await sla.feed(
        story.accepted(),
        story.queued(utc(2, 14)),
        story.pended(utc(2, 14, 10), PendReason.CHANGE),
        story.pended(utc(2, 14, 30), PendReason.CUSTOMER),
        story.resumed(utc(2, 15)),
        story.resolved(utc(2, 15, 10)),
    )
    assert (await sla.clock_of("whole")).view.used_seconds == 40 * 60


async def test_each_desk_has_a_clock_of_its_own_that_goes_on_when_the_work_returns() -> None:
    """A desk's time is cumulative; giving the work up in time is met."""
    policy = (
        "{name: ola, metric: hold, kind: ola, targets: {P2: 1h}, calendar: always,"
        " condition: 'tier == 1'}"
    )
    sla, story = with_policies(policy), Story()
    await sla.feed(
        story.accepted(),
        story.queued(utc(2, 14), "london"),
        story.queued(utc(2, 14, 40), "shanghai"),
        story.queued(utc(2, 15), "london"),
    )
    story.tier = 2
    await sla.feed(story.queued(utc(2, 15, 30), "global"))
    found = {clock.view.subject: clock.view for clock in await clocks(sla, "ola")}
    assert {
        name: (view.clock, view.state.value, view.used_seconds) for name, view in found.items()
    } == {
        "london": ("ola:hold:london:1", "missed", 70 * 60),
        "shanghai": ("ola:hold:shanghai:1", "met", 20 * 60),
    }


SUPPLIERS = """
suppliers:
  - {name: cables, title: Cables, calendar: shanghai-day}
  - {name: printers, title: Printers}
"""


async def test_each_supplier_has_a_clock_by_its_own_hours() -> None:
    """It runs while the work waits for it; one without known hours counts by ``otherwise``."""
    policy = (
        "{name: uc, metric: supplier, kind: uc, targets: {P2: 2h}, calendar: supplier,"
        " otherwise: always}"
    )
    sla, story = with_policies(policy, suppliers=SUPPLIERS), Story()
    await sla.feed(
        story.accepted(),
        story.queued(utc(2, 8)),
        story.pended(utc(3, 0), PendReason.SUPPLIER, supplier="cables"),
        story.regarded(utc(3, 1, 30)),
        story.pended(utc(3, 2), PendReason.SUPPLIER, supplier="printers"),
        story.resumed(utc(3, 2, 30)),
        story.pended(utc(3, 9, 30), PendReason.SUPPLIER, supplier="cables"),
    )
    cables, printers = await clocks(sla, "uc")
    assert (cables.view.subject, cables.view.kind, cables.view.used_seconds) == (
        "cables",
        "uc",
        HOUR,
    )
    # Half an hour until it closes on Friday, and half an hour on Monday from 01:00 UTC on.
    assert cables.view.due_at == utc(6, 1, 30)
    assert [(s.calendar, s.supplier) for s in cables.spans] == [("shanghai-day", "cables")] * 2
    assert (printers.view.state, printers.view.used_seconds) == (ClockState.MET, 1800)


PLACES = """
regions: [{name: emea, title: EMEA}]
sites:
  - {name: leeds, title: Leeds, region: emea, calendar: london-day, time_zone: Europe/London}
  - {name: york, title: York, region: emea, time_zone: Europe/London}
"""
ITEMS = """
items:
  - {name: core, title: Core, calendar: always}
  - {name: edge, title: Edge, time_zone: Asia/Shanghai}
"""


@pytest.mark.parametrize(
    ("policy", "changes", "calendar"),
    [
        ("calendar: site", {"site": "leeds"}, "london-day"),
        ("calendar: site, otherwise: always", {"site": "york"}, "always"),
        ("calendar: site, otherwise: always", {}, "always"),
        ("calendar: site", {"site": "gone"}, "shanghai-day"),
        ("calendar: item", {"configuration_item": "core"}, "always"),
        ("calendar: item", {"configuration_item": "edge"}, "shanghai-day"),
        ("calendar: item, otherwise: london-day", {"configuration_item": "gone"}, "london-day"),
    ],
)
async def test_a_calendar_may_be_that_of_the_site_or_of_the_item(
    policy: str, changes: dict[str, Any], calendar: str
) -> None:
    """Where they have none the policy's ``otherwise`` counts, or else the desk's."""
    line = "{name: fix, metric: resolution, targets: {P2: 8h}, " + policy + "}"
    sla = with_policies(line, organisation=PLACES, catalogue=ITEMS)
    story = Story(facts=facts(**changes))
    await sla.feed(story.accepted(), story.queued(utc(2, 14), "shanghai"))
    assert (await sla.clock_of("fix")).spans[0].calendar == calendar


class Floating(Configuration):
    """A configuration in which the calendar ``always`` is floating: 9 to 17 where it is asked."""

    def calendar(self, name: str, zone: str | None = None) -> CompiledCalendar:
        """Return a calendar; the floating one as it is in a zone."""
        if name != "always":
            assert zone is None
            return super().calendar(name)
        hours = {"hours": {"mon-sun": [["09:00", "17:00"]]}}
        return compile_calendar(
            BusinessCalendar.model_validate({"name": name, "time_zone": zone, **hours})
        )


def floating() -> Configuration:
    """Return such a configuration with sites, items and policies."""
    found = organisation(
        organisation=PLACES,
        catalogue=ITEMS,
        sla="policies: [{name: fix, metric: resolution, targets: {P2: 8h}, calendar: always}]",
    )
    calendars = tuple(
        calendar.model_copy(update={"time_zone": "floating"} if calendar.name == "always" else {})
        for calendar in found.calendars.calendars
    )
    values = {field.name: getattr(found, field.name) for field in fields(found)}
    section = found.calendars.model_copy(update={"calendars": calendars})
    return Floating(**(values | {"calendars": section}))


@pytest.mark.parametrize(
    ("changes", "zone", "due_at"),
    [
        ({"configuration_item": "edge", "site": "leeds"}, "Asia/Shanghai", utc(3, 9)),
        ({"configuration_item": "core", "site": "leeds"}, "Europe/London", utc(3, 14)),
        ({}, "UTC", utc(3, 14)),
    ],
)
async def test_a_floating_calendar_is_read_in_the_zone_of_the_item_or_of_the_site(
    changes: dict[str, Any], zone: str, due_at: Any
) -> None:
    """Its hours are those of the wall there; the line of the ledger says where."""
    sla, story = Sla(configuration=floating()), Story(facts=facts(**changes))
    await sla.feed(story.accepted(), story.queued(utc(2, 14)))
    clock = await sla.clock_of("fix")
    assert (clock.view.zone, clock.spans[0].zone, clock.view.due_at) == (zone, zone, due_at)


AGREEMENTS = """
agreements:
  - {name: draft, title: Draft, state: draft, targets: {fix: {P2: 1h}}}
  - {name: past, title: Past, state: in-force, valid_until: 2026-07-01, targets: {fix: {P2: 2h}}}
  - {name: other, title: Other, state: in-force, scope: {sites: [leeds]}, targets: {fix: {P2: 3h}}}
  - name: gold
    title: Gold
    state: reviewed
    valid_from: 2026-07-03
    time_zone: Asia/Shanghai
    condition: vip
    targets: {fix: {P2: 4h}}
  - {name: silver, title: Silver, state: in-force, targets: {fix: {P2: 5h}}}
  - {name: last, title: Last, state: in-force, targets: {fix: {P2: 6h, P3: 7h}}}
"""


@pytest.mark.parametrize(
    ("changes", "agreed"),
    [
        ({"vip": True, "accepted_at": utc(2, 17)}, ("gold", 4)),  # The third of July in Shanghai.
        ({"vip": True, "accepted_at": utc(2, 15)}, ("silver", 5)),
        ({"accepted_at": utc(2, 17)}, ("silver", 5)),
        ({"site": "leeds"}, ("other", 3)),
        ({"priority": Priority.P3}, (None, 24)),
    ],
)
async def test_the_first_agreement_that_binds_gives_the_target(
    changes: dict[str, Any], agreed: tuple[str | None, int]
) -> None:
    """Its state, its days in its zone, its scope, its condition; priority by priority."""
    line = "{name: fix, metric: resolution, targets: {P2: 8h, P3: 24h}}"
    sla = with_policies(line, organisation=PLACES, agreements=AGREEMENTS)
    story = Story(facts=facts(**changes))
    await sla.feed(story.accepted())
    view = (await sla.clock_of("fix")).view
    assert (view.agreement, view.target_seconds) == (agreed[0], agreed[1] * HOUR)


async def test_warnings_come_at_each_of_their_points_once() -> None:
    """Shares and time left, in the order of their instants; the event says which it is."""
    line = "{name: fix, metric: resolution, targets: {P2: 2h}, warnings: [15m, 0.5, 0.75]}"
    sla, story = with_policies(line), Story()
    await sla.feed(story.accepted(), story.queued(utc(2, 14)))
    for minute in range(1, 60):
        await sla.tick(utc(2, 14, minute))
    assert (await sla.clock_of("fix")).view.warn_at == utc(2, 15)
    for minute in range(60):
        await sla.tick(utc(2, 15, minute, 1))
    await sla.tick(utc(2, 16))
    warned = [e.body for e in await sla.emitted() if isinstance(e.body, ClockWarned)]
    assert [(b.point, b.share, b.left_seconds) for b in warned] == [
        (1, 0.5, None),
        (2, 0.75, None),
        (3, None, 900),
    ]
    assert (await sla.clock_of("fix")).view.warnings_done == 3


async def test_a_warning_before_the_start_is_passed_over() -> None:
    """A target of an hour never has two hours left: nothing is told at once, nor looked for."""
    line = "{name: fix, metric: resolution, targets: {P1: 3h, P2: 1h}, warnings: [2h, 1h, 15m]}"
    only = "{name: own, metric: resolution, targets: {P2: 1h}, warnings: [2h]}"
    sla, story = with_policies(line, only), Story()
    await sla.feed(story.accepted(), story.queued(utc(2, 14)))
    await sla.tick(utc(2, 14, 1))
    fix, own = await sla.clock_of("fix"), await sla.clock_of("own")
    assert (fix.view.warn_at, fix.view.warnings_done) == (utc(2, 14, 45), 0)
    assert (own.view.warn_at, own.view.next_at) == (None, utc(2, 15))
    await sla.tick(utc(2, 14, 46))
    warned = [e.body for e in await sla.emitted() if isinstance(e.body, ClockWarned)]
    assert [(b.clock, b.point, b.left_seconds) for b in warned] == [(fix.view.clock, 3, 900)]


async def test_a_point_keeps_its_place_where_the_target_changes() -> None:
    """What was told for the longer target is not told again, and the rest is."""
    line = "{name: fix, metric: resolution, targets: {P1: 2h, P2: 4h}, warnings: [3h, 1h]}"
    sla, story = with_policies(line), Story(facts=facts(accepted_at=utc(2, 10)))
    await sla.feed(story.accepted(utc(2, 10)), story.queued(utc(2, 10)))
    await sla.tick(utc(2, 11, 1))
    await sla.feed(story.prioritised(utc(2, 11, 2), Priority.P1))
    await sla.tick(utc(2, 11, 3))
    assert (await sla.clock_of("fix")).view.warn_at == utc(2, 11)
    await sla.tick(utc(2, 11, 30))
    warned = [e.body for e in await sla.emitted() if isinstance(e.body, ClockWarned)]
    assert [(b.point, b.left_seconds) for b in warned] == [(1, 10_800), (2, 3_600)]


async def test_a_policy_that_is_not_retroactive_starts_when_it_fits() -> None:
    """The other one counts from the acceptance, with the pauses since."""
    sla = with_policies(
        "{name: back, metric: resolution, targets: {P1: 4h}}",
        "{name: on, metric: resolution, targets: {P1: 4h}, retroactive: false}",
    )
    story = Story()
    await sla.feed(
        story.accepted(),
        story.queued(utc(2, 14)),
        story.pended(utc(2, 14, 30)),
        story.resumed(utc(2, 15)),
        story.prioritised(utc(2, 15, 30), Priority.P1),
        story.resolved(utc(2, 16)),
    )
    back, on = await sla.clock_of("back"), await sla.clock_of("on")
    assert (back.view.started_at, back.view.used_seconds) == (utc(2, 14), 1.5 * HOUR)
    assert (on.view.started_at, on.view.used_seconds) == (utc(2, 15, 30), 0.5 * HOUR)


async def test_a_merged_ticket_has_no_clocks_that_count_until_it_is_unmerged() -> None:
    """Closed as part of another its open clocks are cancelled; the time until then stays."""
    sla, story = Sla(), Story()
    await sla.feed(
        story.accepted(),
        story.queued(utc(2, 14)),
        story.message(utc(2, 14, 10)),
        story.closed(utc(2, 14, 30), "merged"),
    )
    fix, answer = await sla.clock_of("fix"), await sla.clock_of("answer")
    assert (fix.view.state, fix.view.due_at, answer.view.state) == (
        ClockState.CANCELLED,
        None,
        ClockState.MET,
    )
    assert fix.view.cancelled_for == "merged"
    assert (await sla.state()).due_at is None
    await sla.feed(story.reopened(utc(2, 15)))
    view = (await sla.clock_of("fix")).view
    assert (view.state, view.used_seconds, view.due_at) == (
        ClockState.RUNNING,
        1800,
        utc(3, 13, 30),
    )


async def test_a_merge_does_not_undo_what_was_missed() -> None:
    """A clock that was late when its ticket was merged is missed, told of by a ticker or not."""
    sla, story = Sla(), Story()
    await sla.feed(
        story.accepted(), story.queued(utc(2, 14)), story.closed(utc(2, 15, 30), "merged")
    )
    answer, fix = await sla.clock_of("answer"), await sla.clock_of("fix")
    assert (answer.view.state, answer.view.ended_at) == (ClockState.MISSED, utc(2, 15, 30))
    assert (answer.view.cancelled_for, fix.view.state) == (None, ClockState.CANCELLED)
    await sla.tick()
    assert (await sla.clock_of("answer")).view.breached_at == utc(2, 15)


async def test_a_breach_of_a_clock_that_never_was_is_withdrawn() -> None:
    """A late correction says that the policy had ceased to fit before the cycle began."""
    sla = with_policies(
        "{name: uc, metric: supplier, kind: uc, targets: {P2: 1h}, calendar: always}",
        suppliers=SUPPLIERS,
    )
    story, late = Story(), Story(requests=1)
    await sla.feed(
        story.accepted(),
        story.queued(utc(2, 14)),
        story.pended(utc(2, 14, 30), PendReason.SUPPLIER, supplier="cables"),
    )
    await sla.tick(utc(2, 16))
    assert (await sla.state()).breached
    await sla.feed(late.prioritised(utc(2, 14, 20), Priority.P5))
    state = await sla.state()
    assert (state.clocks, state.breached) == ((), False)
    assert isinstance((await sla.emitted())[-1].body, ClockBreachWithdrawn)


async def test_conditions_are_evaluated_at_each_entry_in_their_order() -> None:
    """Cancel before stop before reset before pause; start only where neither stop nor cancel is."""
    line = """name: odd
    metric: resolution
    targets: {P2: 8h}
    calendar: always
    starts_when: event == "assigned"
    pauses_when: desk == "shanghai"
    resumes_when: event == "replied"
    stops_when: agent == "bob"
    resets_when: event == "wrote"
    cancels_when: event == "started" && kind == "incident" """
    sla, story = with_policies(line), Story()
    await sla.feed(
        story.accepted(),
        story.queued(utc(2, 14)),
        story.assigned(utc(2, 14, 5), "bob"),
        story.assigned(utc(2, 14, 10)),
        story.queued(utc(2, 14, 20), "shanghai"),
        story.queued(utc(2, 14, 30), "london"),  # It rests until somebody replies.
        story.message(utc(2, 14, 40)),
        wrote(story, 14, 50),
        story.assigned(utc(2, 15), "bob"),
        story.queued(utc(2, 15, 10)),
    )
    assert told(await clocks(sla, "odd")) == [
        (1, "met", utc(2, 14, 10), utc(2, 14, 50), 1200),
        (2, "met", utc(2, 14, 50), utc(2, 15), 600),
    ]


async def test_a_long_history_goes_on_from_where_it_is_settled() -> None:
    """What conditions know of the past is kept: a pause, an open question, the cycle."""
    sla = with_policies(
        "{name: fix, metric: resolution, targets: {P2: 8h}, calendar: always}",
        "{name: next, metric: next-response, targets: {P2: 8h}, calendar: always}",
        "{name: ola, metric: hold, kind: ola, targets: {P2: 8h}, calendar: always}",
        "{name: own, metric: resolution, targets: {P2: 8h}, calendar: always,"
        " starts_when: 'event == \"replied\"', pauses_when: 'event == \"offered\"',"
        " resumes_when: 'event == \"resumed\"'}",
    )
    story = Story()
    events = [story.accepted(), story.queued(utc(2, 14)), story.message(utc(2, 14, 1))]
    events.append(wrote(story, 14, 2))
    for turn in range(150):
        desk = ("shanghai", "london", "global")[turn % 3]
        events.append(story.queued(utc(2, 14, 3 + turn // 30, 2 * (turn % 30)), desk))
        if turn == 20:
            events.append(story.offered(utc(2, 14, 3, 41)))
    await sla.feed(*events)
    state = await sla.state()
    assert len(state.course) + len(state.messages) <= 60
    assert state.settlement is not None
    await sla.feed(story.resumed(utc(2, 14, 30)), story.message(utc(2, 14, 40)))
    await sla.feed(story.resolved(utc(2, 15)))
    used = {clock.view.clock: clock.view.used_seconds for clock in (await sla.state()).clocks}
    ours = used["ola:hold:london:1"] + used["ola:hold:shanghai:1"] + used["ola:hold:global:1"]
    assert used["fix:resolution:1"] == ours == HOUR
    assert used["next:next-response:1"] == 38 * 60
    # From the reply at 14:01 to the offer at 14:03:41, and from 14:30 on.
    assert used["own:resolution:1"] == 161 + 1800


async def test_all_is_counted_anew_from_the_whole_history() -> None:
    """Without anything known before, the history gives the same clocks: what audits ask."""
    sla, story = Sla(), Story()
    await sla.feed(
        story.accepted(),
        story.queued(utc(2, 14)),
        story.message(utc(2, 14, 10)),
        story.prioritised(utc(2, 15), Priority.P1),
        story.pended(utc(2, 15, 30)),
        story.resumed(utc(2, 16)),
        story.resolved(utc(3, 9)),
    )
    state = await sla.state()
    anew = clocks_of(history_of(state), sla.handlers.rules(TENANT), at=utc(3, 9))
    assert anew == state.clocks


async def test_both_figures_are_exact() -> None:
    """Business time sleeps at night, calendar time does not; a pause counts in neither."""
    sla, story = Sla(), Story(facts=facts(kind=Kind.INCIDENT))
    await sla.feed(
        story.accepted(),
        story.queued(utc(2, 14)),
        story.pended(utc(2, 16)),
        story.resumed(utc(2, 16, 0, 1)),
        story.queued(utc(3, 8), "london"),
        story.resolved(utc(3, 9)),
    )
    view = (await sla.clock_of("fix")).view
    assert (view.used_seconds, view.elapsed_seconds) == (4 * HOUR - 1, 19 * HOUR - 1)
    assert view.calendar_due_at == utc(2, 22, 0, 1)


@pytest.mark.parametrize("ticked", [True, False])
async def test_a_promise_that_was_broken_stays_whoever_ran_the_ticker(*, ticked: bool) -> None:
    """A lower priority after the due time saves nothing; after the end it changes nothing."""
    sla, story = Sla(), Story()
    await sla.feed(story.accepted(), story.queued(utc(2, 14)))
    if ticked:
        await sla.tick(utc(2, 15, 30))
    await sla.feed(story.prioritised(utc(2, 16), Priority.P3))
    await sla.tick(utc(2, 16, 1))
    view = (await sla.clock_of("answer")).view
    assert (view.target_seconds, view.breached_at) == (HOUR, utc(2, 15))
    await sla.feed(story.resolved(utc(2, 16, 30)), story.prioritised(utc(2, 17), Priority.P1))
    view = (await sla.clock_of("fix")).view
    assert (view.target_seconds, view.state) == (24 * HOUR, ClockState.MET)


async def test_the_version_of_the_acceptance_counts_whichever_topic_is_read_first() -> None:
    """Routing may decide by a newer version, and carry newer facts, before intake was read."""
    newer = organisation(
        sla="policies: [{name: new, metric: resolution, targets: {P1: 1h, P2: 1h}}]"
    )
    first, second = Sla(), Sla()
    intake, routing = Story(), Story(version=2, facts=facts(priority=Priority.P1))
    accepted, queued = intake.accepted(), routing.queued(utc(2, 14, 5))
    corrected = intake.prioritised(utc(2, 14, 4), Priority.P1)
    for sla in (first, second):
        sla.configurations.install("main", newer, version=2)
    await first.feed(accepted, corrected, queued)
    await second.feed(queued, accepted, corrected)
    assert (await first.state()) == (await second.state())
    assert [c.view.policy for c in (await second.state()).clocks] == ["answer", "fix"]
    assert [entry.facts.priority for entry in (await second.state()).facts_log] == ["P2", "P1"]
