"""Follow-the-sun weeks in accelerated time: three regions, clock changes, all priorities."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.routing.domain.desks import is_open
from services.routing.domain.handover.endings import Seen
from services.routing.domain.handover.items import ItemState, Stage
from services.routing.domain.handover.ruling import is_grave
from services.routing.domain.handover.shifts import successor
from services.routing.domain.tickets import TicketState
from services.routing.handlers.commands import Caller
from shared.contracts.facts import Priority
from shared.contracts.handover import HandoverItemMoved
from shared.contracts.routing import PendReason, QueueReason, Status, TicketPended
from shared.kernel import CommandRejected
from shared.organisation import Configuration, parse_sections
from shared.testing.clock import ManualClock
from tests.support.routing import TENANT, accepted
from tests.support.routing_handover import Handing

STEP = timedelta(minutes=15)
ZONES = {"shanghai": "Asia/Shanghai", "london": "Europe/London", "new-york": "America/New_York"}
POLICY = """
policies:
  - name: sun
    desks: ["*"]
    opens: 30m
    stay_max: {stay}m
    rules:
{rules}
"""
RULES = """\
      - {name: offered, when: priority == "P3", action: offer, answer_within: 30m}
      - {name: stays, when: priority == "P4", action: keep}
"""


def sun(hours: dict[str, str], *, rules: str = RULES, stay: int = 15) -> Configuration:
    """Return desks that follow the sun; each has two agents with room for all that comes."""
    calendars = "".join(
        f"  - {{name: {desk}, time_zone: {ZONES[desk]}, hours: {{mon-sun: [[{when}]]}}}}\n"
        for desk, when in hours.items()
    )
    desks = "".join(f"  - {{name: {d}, title: {d}, calendar: {d}}}\n" for d in hours)
    agents = "".join(
        f"  - {{id: {desk}-{n}, name: A, email: a@x.org, desks: [{desk}], capacity: 100}}\n"
        for desk in hours
        for n in (1, 2)
    )
    order = ", ".join(hours)
    texts = {
        "calendars": f"calendars:\n{calendars}",
        "desks": f"desks:\n{desks}",
        "agents": f"agents:\n{agents}",
        "topologies": "topologies:\n"
        f"  - {{name: sun, shape: follow_the_sun, desks: [{order}], fallback: shanghai}}\n",
        "handover": POLICY.format(stay=stay, rules=rules)
        if rules
        else POLICY.format(stay=stay, rules="      []"),
    }
    return parse_sections({f"{name}.yaml": text for name, text in texts.items()})


class Week:
    """A desk's world in accelerated time, checked at every step."""

    def __init__(self, configuration: Configuration, start: datetime, *, stay: int = 15) -> None:
        self.configuration = configuration
        self.clock = ManualClock(start)
        self.routing = Handing(configuration=configuration, clock=self.clock)
        self.stay = timedelta(minutes=stay)
        self.names: list[str] = []
        self.closed_since: dict[tuple[str, str], datetime] = {}

    async def arrives(self, priority: Priority) -> None:
        """Let a ticket come."""
        name = f"t{len(self.names):03}"
        self.names.append(name)
        body = accepted(f"HD-{name}", priority=priority, accepted_at=self.clock.now())
        await self.routing.feed(name, body)

    async def step(self) -> None:
        """Let a quarter of an hour pass."""
        await self.routing.go(self.clock.now() + STEP)
        await self.routing.match()
        self.check()

    def check(self) -> None:
        """No work that has to go is with a closed desk for longer than the setting."""
        now = self.clock.now()
        items = {(s.ticket, s.handover): s for _, s in self.routing.handovers.all_items()}
        policy = self.configuration.handover.policies[0]
        for document, state in self.routing.handovers.tickets():
            key = (document.id, state.desk)
            seen = Seen.of(document.id, document.seq, state)
            assert seen is not None
            waits = seen.status in {Status.RESOLVED, Status.CLOSED, Status.PENDING}
            taker = successor(self.configuration, policy, state, now, giving=state.desk)
            if waits or is_open(self.configuration, state.desk, now) or taker is None:
                self.closed_since.pop(key, None)
                continue
            since = self.closed_since.setdefault(key, now)
            if now - since < self.stay:
                continue
            mine = [s for (t, _), s in items.items() if t == document.id and s.desk == state.desk]
            assert not is_grave(policy, seen.facts, seen.status, state), (document.id, since, now)
            assert _stays_rightly(mine), (document.id, since, now, [dict(i) for i in mine])

    async def receipts_are_exact(self) -> None:
        """Each move of a ticket has one receipt, each receipt one move, and none is there twice."""
        moves = await self.routing.moves()
        queued = [m.body for m in moves if not isinstance(m.body, TicketPended)]
        assert {body.reason for body in queued} <= {QueueReason.HANDOVER}
        made = [(m.body.handover, m.subject, m.sequence) for m in moves]
        items = [s for _, s in self.routing.handovers.all_items()]
        kept = [(s.handover, s.ticket, r.sequence) for s in items for r in s.receipts]
        told = [
            (e.body.handover, e.body.ticket, e.body.sequence)
            for e in await self.routing.shifts()
            if isinstance(e.body, HandoverItemMoved)
        ]
        assert sorted(made) == sorted(kept) == sorted(told)
        assert len(set(made)) == len(made)
        # Twice in one handover only where another shift's end brought it back in between.
        assert all(len(s.receipts) <= s.round for s in items)


def _stays_rightly(items: Sequence[ItemState]) -> bool:
    reasons = {i.kept_reason for i in items if i.stage is Stage.KEPT}
    return bool(reasons & {"policy", "mine", "declined", "unanswered"})


@pytest.mark.parametrize(
    "start",
    [datetime(2027, 3, 11, tzinfo=UTC), datetime(2027, 3, 25, tzinfo=UTC)],
    ids=["america-14-march", "europe-28-march"],
)
async def test_a_week_that_follows_the_sun_over_a_clock_change(start: datetime) -> None:
    """Every P1 is with an open desk within the setting; each move has a receipt, none is twice."""
    hours = {
        "shanghai": "09:00, 18:00",
        "london": "08:00, 17:00",
        "new-york": "10:00, 21:00",
    }
    week = Week(sun(hours), start)
    random = Random(7)  # noqa: S311 - the same week each time
    ends = start + timedelta(days=7)
    priorities = [Priority.P1, Priority.P2, Priority.P3, Priority.P4]
    while week.clock.now() < ends:
        if random.random() < 0.1:
            await week.arrives(random.choice(priorities))
        await week.step()
        await _work(week, random)
    await week.receipts_are_exact()
    moves = await week.routing.moves()
    graves = [m for m in moves if m.body.facts.priority is Priority.P1]
    assert len(moves) > 20
    assert graves
    closings = {
        s.closes_at.astimezone(UTC) for _, s in week.routing.handovers.handovers() if s.closes_at
    }
    london = {c.hour for c in closings if 15 <= c.hour <= 18}
    new_york = {c.hour for c in closings if c.hour in {1, 2}}
    assert london == ({16, 17} if start.day == 25 else {17})
    assert new_york == ({1, 2} if start.day == 11 else {1})


async def _work(week: Week, random: Random) -> None:
    """Let agents answer an offer, keep, pend or resolve something now and then."""
    routing = week.routing
    for document, state in routing.handovers.tickets():
        if state.holder is not None and random.random() < 0.03:
            with suppress(CommandRejected, IndexError):
                await _deed(routing, document.id, state, random.random())
    for _, item in routing.handovers.all_items():
        if item.stage is Stage.OFFERED and random.random() < 0.5:
            with suppress(CommandRejected):
                await _answer(routing, item, random)


async def _deed(routing: Handing, name: str, state: TicketState, chance: float) -> None:
    agent = state.holder or ""
    who = Caller(tenant=TENANT, ticket=name, by=agent)
    if state.status is Status.PENDING:
        await routing.commands.resume(who)
    elif chance < 0.3:
        await routing.commands.pend(who, reason=PendReason.SUPPLIER, until=None)
    elif chance < 0.5:
        await routing.say.keep(routing.speaker(state.desk, agent), ticket=name, reason="mine")
    else:
        await routing.commands.resolve(who, code="solved", article=None)


async def _answer(routing: Handing, item: ItemState, random: Random) -> None:
    speaker = routing.speaker(item.desk, f"{item.offered_to}-1")
    if random.random() < 0.6:
        await routing.say.accept(speaker, ticket=item.ticket, take=random.random() < 0.5)
    else:
        await routing.say.decline(speaker, ticket=item.ticket, reason="no-skill", note=None)


@st.composite
def windows(draw: st.DrawFn) -> str:
    """Return a shift of a day, over midnight too."""
    opens = draw(st.integers(0, 23))
    length = draw(st.integers(2, 14))
    closes = opens + length
    return f"{opens:02}:00, {closes:02}:00" if closes <= 24 else f"{opens:02}:00, 24:00"


ACTIONS = (
    "move",
    "keep",
    "offer, answer_within: 30m",
    "offer, answer_within: 2h, unanswered: keep, declined: move",
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    hours=st.fixed_dictionaries({desk: windows() for desk in ZONES}),
    actions=st.lists(st.sampled_from(ACTIONS), min_size=4, max_size=4),
    start=st.sampled_from([datetime(2027, 3, 13, tzinfo=UTC), datetime(2027, 10, 30, tzinfo=UTC)]),
    stay=st.sampled_from([0, 15, 45]),
    seed=st.integers(0, 1_000),
)
async def test_any_week_and_policy_moves_nothing_twice_and_leaves_nothing_behind(
    hours: dict[str, str], actions: list[str], start: datetime, stay: int, seed: int
) -> None:
    """Whatever the hours and rules: one receipt a move, and nothing stays but what is kept."""
    rules = "".join(
        f'      - {{name: r{n}, when: priority == "P{n}", action: {action}}}\n'
        for n, action in enumerate(actions, start=1)
    )
    week = Week(sun(hours, rules=rules, stay=stay), start, stay=stay)
    random = Random(seed)  # noqa: S311 - chance that comes again
    for number in range(4 * 24 * 2):
        if number % 24 == seed % 24:
            await week.arrives(random.choice([Priority.P1, Priority.P2, Priority.P3, Priority.P4]))
        await week.step()
        await _work(week, random)
    await week.receipts_are_exact()
