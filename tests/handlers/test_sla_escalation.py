"""Steps of escalation: by their cause, again and again, told to who is at work, proposed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

from services.sla.domain.escalating import decide_expected, expected_levels
from services.sla.handlers import tell_expected
from shared.contracts.sla import ClockEscalated
from shared.kernel import Infrastructure
from shared.organisation import Configuration
from shared.organisation.problems import ConfigurationInvalid
from tests.support.sla import TENANT, TICKET, Sla, Story, organisation, utc

AGENTS = """
agents:
  - {id: boss, name: Boss, email: boss@helio.example, desks: [global], hours: [london-day]}
  - {id: ann, name: Ann, email: ann@helio.example, desks: [london], hours: [mornings]}
  - {id: bob, name: Bob, email: bob@helio.example, desks: [london], hours: [afternoons]}
  - {id: cat, name: Cat, email: cat@helio.example, desks: [london]}
  - {id: dan, name: Dan, email: dan@helio.example, desks: [global], hours: [never-london]}
"""
CALENDARS = """
calendars:
  - {name: london-day, time_zone: Europe/London, hours: {mon-fri: [[09:00, 18:00]]}}
  - {name: mornings, time_zone: Europe/London, hours: {mon-fri: [[09:00, 13:00]]}}
  - {name: afternoons, time_zone: Europe/London, hours: {mon-fri: [[13:00, 18:00]]}}
  - {name: never-london, time_zone: Europe/London, hours: {mon-fri: [[22:00, 23:00]]}}
  - {name: shanghai-day, time_zone: Asia/Shanghai, hours: {mon-fri: [[09:00, 18:00]]}}
  - {name: always, time_zone: UTC, hours: 24x7}
"""


def company(
    steps: str, *, lifecycle: str = "{}", duty: str = "{}", more: str = ""
) -> Configuration:
    """Return an organisation whose one policy (response, 1 h, always) has these steps."""
    policy = (
        "policies:\n"
        "  - {name: answer, metric: response, targets: {P2: 1h}, calendar: always, warnings: [],\n"
        f"     escalations: {steps}}}\n"
    )
    sections = {"agents": AGENTS, "calendars": CALENDARS, "sla": policy}
    if more:
        sections["agreements"] = more
    return organisation(**sections, lifecycle=lifecycle, duty=duty)


async def begun(configuration: Configuration, agent: str | None = "ann") -> tuple[Sla, Story]:
    """A P2 incident of 14:00 UTC (15:00 in London): Ann's shift is over, Bob's is on."""
    sla, story = Sla(configuration=configuration), Story()
    await sla.feed(story.accepted(), story.queued(utc(2, 14)))
    if agent is not None:
        await sla.feed(story.assigned(utc(2, 14), agent))
    return sla, story


async def steps(sla: Sla) -> list[ClockEscalated]:
    """Return the steps that were done."""
    return [e.body for e in await sla.emitted() if isinstance(e.body, ClockEscalated)]


async def done(sla: Sla) -> list[tuple[int, int, datetime]]:
    """Return number, repetition and instant of each."""
    return [
        (event.body.step, event.body.repetition, event.time)
        for event in await sla.emitted()
        if isinstance(event.body, ClockEscalated)
    ]


async def walk(sla: Sla, until: datetime, *, minutes: int = 1) -> None:
    """Let a ticker run every so many minutes."""
    while sla.clock.now() < until:
        await sla.clock.advance(minutes * 60)
        await sla.tick()


REPEATED = "[{after: 10m, cause: not-accepted, notify: [desk], repeat: {every: 5m, times_max: 3}}]"


async def test_a_step_repeats_while_its_cause_lasts_and_no_longer_than_it_may() -> None:
    """At 10, 15, 20 and 25 minutes, each strictly after its instant and once."""
    sla, _ = await begun(company(REPEATED))
    await walk(sla, utc(2, 15))
    found = await done(sla)
    assert [(step, again) for step, again, _ in found] == [(1, 0), (1, 1), (1, 2), (1, 3)]
    assert [at.minute for _, _, at in found] == [11, 16, 21, 26]
    assert {body.cause for body in await steps(sla)} == {"not-accepted"}


async def test_it_stops_when_somebody_accepts() -> None:
    """After the acceptance at 12 minutes nothing is said; the reply is still to come."""
    sla, story = await begun(company(REPEATED))
    await walk(sla, utc(2, 14, 12))
    await sla.feed(story.begun(utc(2, 14, 12)))
    await walk(sla, utc(2, 15))
    assert [step[:2] for step in await done(sla)] == [(1, 0)]


async def test_a_ticket_that_comes_back_is_not_late_at_once() -> None:
    """Accepted at 5, handed back at 17: the points before it are passed over, those after come."""
    sla, story = await begun(company(REPEATED))
    await sla.feed(story.begun(utc(2, 14, 5)))
    await walk(sla, utc(2, 14, 17))
    await sla.feed(story.queued(utc(2, 14, 17)))
    await walk(sla, utc(2, 15))
    assert [step[:2] for step in await done(sla)] == [(1, 2), (1, 3)]


async def test_of_missed_repetitions_only_the_last_is_done() -> None:
    """No ticker ran for half an hour: whoever is told is told once."""
    sla, _ = await begun(company(REPEATED))
    await sla.tick(utc(2, 14, 22))
    assert [step[:2] for step in await done(sla)] == [(1, 2)]
    await walk(sla, utc(2, 15))
    assert [step[:2] for step in await done(sla)] == [(1, 2), (1, 3)]


async def test_not_resolved_goes_on_after_acceptance_and_stops_with_the_resolution() -> None:
    """Each cause ends on its own."""
    both = (
        "[{after: 10m, cause: not-accepted, notify: [desk]},"
        " {after: 20m, cause: not-resolved, notify: [desk], repeat: {every: 10m}}]"
    )
    sla, story = await begun(company(both))
    await sla.feed(story.begun(utc(2, 14, 5)))
    await walk(sla, utc(2, 14, 31))
    await sla.feed(story.resolved(utc(2, 14, 35)))
    await walk(sla, utc(2, 16))
    assert [step[:2] for step in await done(sla)] == [(2, 0), (2, 1)]


async def test_a_step_counts_as_the_policy_numbers_it_and_comes_in_order_of_time() -> None:
    """The one that stands later in the file may come first."""
    sla, _ = await begun(company("[{left: 5m, notify: [desk]}, {at_share: 0.5, notify: [desk]}]"))
    await walk(sla, utc(2, 15))
    assert [step[0] for step in await done(sla)] == [2, 1]


async def test_who_is_off_shift_is_not_told_but_who_is_on() -> None:
    """Ann's shift is over: the desk is open and is told, and it is said for whom and why."""
    sla, _ = await begun(company("[{after: 1m, notify: [assignee]}]"))
    await sla.tick(utc(2, 14, 2))
    (step,) = await steps(sla)
    assert step.tell == ("london",)
    told = step.told[0]
    assert (told.role, told.instead_of, told.why) == ("assignee", "ann", "off-shift")


async def test_who_is_on_shift_is_told_themselves() -> None:
    """Nobody else is."""
    sla, _ = await begun(company("[{after: 1m, notify: [assignee, bob]}]"), agent="bob")
    await sla.tick(utc(2, 14, 2))
    (step,) = await steps(sla)
    assert [(one.name, one.role, one.why) for one in step.told] == [("bob", "assignee", None)]


DUTY = "desks: [{desk: london, weekly: [{agent: cat, hours: {mon-fri: [[14:00, 18:00]]}}]}]"


@pytest.mark.parametrize(
    ("lifecycle", "duty", "told"),
    [
        ("{deputies: {ann: [dan, bob]}}", DUTY, "bob"),
        ("{deputies: {ann: [dan]}}", DUTY, "cat"),
        ("{duty_manager: boss}", "{}", "london"),
    ],
)
async def test_the_order_of_those_who_stand_in(lifecycle: str, duty: str, told: str) -> None:
    """A deputy at work, then the person on duty, then the open desk."""
    configuration = company("[{after: 1m, notify: [ann]}]", lifecycle=lifecycle, duty=duty)
    sla, _ = await begun(configuration)
    await sla.tick(utc(2, 14, 2))
    (step,) = await steps(sla)
    assert [(one.name, one.role, one.instead_of) for one in step.told] == [(told, "agent", "ann")]


@pytest.mark.parametrize(
    ("lifecycle", "told"),
    [
        ("{duty_manager: boss}", "boss"),
        ("{duty_manager: boss, duty_managers: {london: cat}, deputies: {cat: [dan]}}", "dan"),
        ("{}", "london"),
    ],
)
async def test_at_night_the_duty_manager_is_told(lifecycle: str, told: str) -> None:
    """The desk is closed: its manager hears of it, at work or not, or a deputy who is."""
    configuration = company("[{after: 7h10m, notify: [assignee]}]", lifecycle=lifecycle)
    sla, _ = await begun(configuration)
    await sla.tick(utc(2, 21, 11))
    (step,) = await steps(sla)
    assert (step.tell, step.told[0].instead_of) == ((told,), "ann")


async def test_the_roles_of_the_desk() -> None:
    """On duty, duty manager, next desk, and an agreement's manager."""
    agreement = (
        "agreements:\n"
        "  - {name: gold, title: Gold, kind: sla, state: in-force, manager: bob,\n"
        "     parties: {provider: Helio, customer: Acme}, targets: {answer: {P2: 30m}}}\n"
    )
    configuration = company(
        "[{after: 1m, notify: [on_duty, duty_manager, next_desk, manager, desk]}]",
        lifecycle="{duty_manager: boss}",
        duty=DUTY,
        more=agreement,
    )
    sla, _ = await begun(configuration)
    await sla.tick(utc(2, 14, 2))
    (step,) = await steps(sla)
    assert [(one.name, one.role, one.why) for one in step.told] == [
        ("cat", "on_duty", None),
        ("boss", "duty_manager", None),
        ("global", "next_desk", None),
        ("bob", "manager", None),
        ("london", "desk", None),
    ]


async def test_the_duty_manager_is_the_desks_before_the_organisations() -> None:
    """Section lifecycle for the desk, then the desk's own, then the organisation's."""
    desks = """
desks:
  - {name: london, title: London, calendar: london-day, escalates_to: global, duty_manager: bob}
  - {name: shanghai, title: Shanghai, calendar: shanghai-day, escalates_to: global}
  - {name: global, title: Global, calendar: always, tier: 2}
"""
    told = []
    for lifecycle in ("{duty_manager: boss}", "{duty_manager: boss, duty_managers: {london: cat}}"):
        policy = (
            "policies: [{name: answer, metric: response, targets: {P2: 1h}, calendar: always,"
            " warnings: [], escalations: [{after: 1m, notify: [duty_manager]}]}]"
        )
        sections = {"agents": AGENTS, "calendars": CALENDARS, "sla": policy, "desks": desks}
        sla, _ = await begun(organisation(**sections, lifecycle=lifecycle))
        await sla.tick(utc(2, 14, 2))
        told += [step.tell for step in await steps(sla)]
    assert told == [("bob",), ("cat",)]


async def test_a_role_that_nobody_has() -> None:
    """Without a duty roster, an agreement or an assignee, others are told, and it says why."""
    configuration = company(
        "[{after: 1m, notify: [on_duty]}, {after: 2m, notify: [manager]},"
        " {after: 3m, notify: [assignee]}]",
        lifecycle="{duty_manager: boss}",
    )
    sla, _ = await begun(configuration, agent=None)
    await sla.tick(utc(2, 14, 4))
    assert [(s.told[0].name, s.told[0].why, s.told[0].instead_of) for s in await steps(sla)] == [
        ("london", "nobody-on-duty", None),
        ("boss", "no-agreement", None),
        ("london", "unassigned", None),
    ]


async def test_a_proposal_moves_nothing_and_asks_who_is_on_duty() -> None:
    """Routing has no tier to move to; the desk that is proposed is named."""
    configuration = company("[{after: 1m, raise_tier: true, propose: true}]", duty=DUTY)
    sla, _ = await begun(configuration)
    await sla.tick(utc(2, 14, 2))
    (step,) = await steps(sla)
    assert (step.proposed, step.tier, step.to_desk, step.tell) == (True, None, "global", ("cat",))


async def test_who_is_at_work_is_asked_of_the_present() -> None:
    """The policy is that of the ticket; the duty roster is that of today."""
    sla, _ = await begun(company("[{after: 1m, notify: [on_duty]}]", duty=DUTY))
    today = DUTY.replace("cat", "bob")
    later = company("[{after: 1m, notify: [desk]}]", duty=today)
    sla.configurations.install(TENANT, later, version=2)
    await sla.tick(utc(2, 14, 2))
    assert [step.tell for step in await steps(sla)] == [("bob",)]


@dataclass(frozen=True)
class Likely:
    """What the foresight says of a clock."""

    clock: str
    probability: float


@dataclass(frozen=True)
class Warned:
    """A ticket whose breach is expected."""

    ticket: str
    tenant: str
    at: datetime
    forecasts: tuple[Likely, ...]


EXPECTING = (
    "[{cause: expected-late, above: 0.5, notify: [desk], repeat: {every: 10m, times_max: 1}},"
    " {cause: expected-late, above: 0.8, raise_tier: true, after: 15m}]"
)


@dataclass
class Rooms:
    """What routing says of desks; None: it does not answer."""

    free_by_desk: dict[str, int] | None
    asked: list[tuple[str, set[str]]] = field(default_factory=list)

    async def free(self, tenant: str, desks: Collection[str]) -> dict[str, int]:
        """Return how many of each desk have room."""
        self.asked.append((tenant, set(desks)))
        if self.free_by_desk is None:
            message = "routing: no answer"
            raise Infrastructure(message)
        return self.free_by_desk


async def expect(sla: Sla, minute: int, probability: float, room: Rooms | None = None) -> None:
    """Tell the clocks how likely a breach is, twice: nothing may come of the second."""
    sla.clock.set(utc(2, 14, minute))
    clock = (await sla.clock_of("answer")).view.clock
    warned = Warned(TICKET, TENANT, sla.clock.now(), (Likely(clock, probability),))
    for _ in range(2):
        ticked = await tell_expected(
            [warned], handlers=sla.handlers, committer=sla.committer, room=room
        )
        assert not ticked.failed


async def test_an_expected_breach_is_told_of_once_and_again_as_it_says() -> None:
    """Above the level strictly; again after ten minutes of business time; a point is waited for."""
    sla, _ = await begun(company(EXPECTING))
    await expect(sla, 1, 0.5)
    assert await steps(sla) == []
    await expect(sla, 2, 0.9)
    await expect(sla, 5, 0.9)
    await expect(sla, 12, 0.4)
    await expect(sla, 13, 0.7)
    await expect(sla, 14, 0.9)
    await expect(sla, 16, 0.9)
    await expect(sla, 50, 0.95)
    assert [(s.step, s.repetition, s.probability, s.to_desk) for s in await steps(sla)] == [
        (1, 0, 0.9, None),
        (1, 1, 0.7, None),
        (2, 0, 0.9, "global"),
    ]
    raised = (await steps(sla))[-1]
    assert (raised.tier, raised.cause, raised.reason) == (2, "expected-late", "at-risk")


async def test_levels_are_those_of_what_is_still_to_be_done() -> None:
    """The foresight need not look for what was said already, nor for a clock that waits."""
    sla, story = await begun(company(EXPECTING))
    rules = sla.handlers.rules(TENANT)
    assert expected_levels(await sla.clock_of("answer"), rules) == {0.5, 0.8}
    await expect(sla, 2, 0.6)
    await expect(sla, 13, 0.6)
    assert expected_levels(await sla.clock_of("answer"), rules) == {0.8}
    await sla.feed(story.pended(utc(2, 14, 20)))
    assert expected_levels(await sla.clock_of("answer"), rules) == set()
    clock = (await sla.clock_of("answer")).view.clock
    state = await sla.state()
    assert decide_expected(state, [Likely(clock, 0.99)], utc(2, 14, 30), rules) == []
    assert decide_expected(None, [Likely(clock, 0.99)], utc(2, 14, 30), rules) == []


async def test_an_expected_breach_raises_to_an_open_desk_only() -> None:
    """Handing on to a desk that sleeps would help nobody; a step at a point does it all the same."""
    desks = """
desks:
  - {name: london, title: London, calendar: london-day, escalates_to: shanghai}
  - {name: shanghai, title: Shanghai, calendar: shanghai-day, tier: 2}
  - {name: global, title: Global, calendar: always, tier: 2}
"""
    policy = (
        "policies:\n"
        "  - {name: answer, metric: response, targets: {P2: 1h}, calendar: always, warnings: [],\n"
        "     escalations: [{cause: expected-late, above: 0.5, raise_tier: true, notify: [desk]},\n"
        "                   {at_share: 0.5, raise_tier: true, notify: [desk]}]}\n"
    )
    sla, _ = await begun(organisation(desks=desks, sla=policy))
    await expect(sla, 5, 0.9)
    await sla.tick(utc(2, 14, 31))
    found: list[Any] = [(s.cause, s.tier, s.not_raised) for s in await steps(sla)]
    assert found == [("expected-late", None, "closed"), ("unmet", 2, None)]


@pytest.mark.parametrize("mode", ["", ", propose: true"])
@pytest.mark.parametrize(
    ("free", "why"),
    [
        ({"global": 0}, "full"),
        ({"global": 2}, None),
        ({"london": 0, "global": 1}, None),
        ({}, None),
        (None, None),
    ],
)
async def test_an_expected_breach_raises_only_where_somebody_has_room(
    free: dict[str, int] | None, why: str | None, mode: str
) -> None:
    """Done or proposed; people are told all the same. Where nobody knows, the hours decide."""
    sla, _ = await begun(
        company(f"[{{cause: expected-late, above: 0.5, raise_tier: true, notify: [desk]{mode}}}]")
    )
    room = Rooms(free)
    await expect(sla, 5, 0.9, room)
    (step,) = await steps(sla)
    raised, propose = why is None, bool(mode)
    assert (step.not_raised, step.to_desk) == (why, "global" if raised else None)
    assert (step.tier, step.proposed) == (2 if raised and not propose else None, raised and propose)
    assert step.tell == ("london",)
    assert room.asked == [(TENANT, {"global"})] * 2


async def test_a_step_at_a_point_asks_for_no_room() -> None:
    """What is late is raised, whoever has how much to do."""
    sla, _ = await begun(company("[{at_share: 0.5, raise_tier: true, notify: [desk]}]"))
    await expect(sla, 5, 0.9, Rooms({"global": 0}))
    await sla.tick(utc(2, 14, 31))
    assert [(s.tier, s.not_raised) for s in await steps(sla)] == [(2, None)]


@pytest.mark.parametrize(
    ("deputies", "path", "why"),
    [
        ("{ann: [nobody]}", "deputies.ann[0]", "nobody"),
        ("{nobody: [ann]}", "deputies.nobody", "nobody"),
        ("{ann: [bob, ann]}", "deputies.ann[1]", "cannot stand in for themselves"),
    ],
)
def test_deputies_that_are_none_are_refused(deputies: str, path: str, why: str) -> None:
    """With the place in the file and the reason."""
    with pytest.raises(ConfigurationInvalid) as caught:
        company("[{after: 1m, notify: [desk]}]", lifecycle=f"{{deputies: {deputies}}}")
    (problem,) = caught.value.problems
    assert (problem.file, problem.path) == ("lifecycle.yaml", path)
    assert why in problem.reason
