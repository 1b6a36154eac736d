"""Who signs and who is told where a desk names a person on duty; pending tickets that move."""

from __future__ import annotations

import pytest

from services.routing.domain.handover.items import Stage
from shared.contracts.facts import Priority
from shared.contracts.handover import HandoverSide, MatterState
from shared.contracts.intake import Direction
from shared.contracts.routing import (
    PendReason,
    QueueReason,
    Status,
    TicketPended,
    TicketQueued,
    TicketResumed,
)
from shared.contracts.topics import TICKETS as TICKETS_TOPIC
from shared.kernel import CommandRejected
from tests.handlers.test_routing_handover import POLICY, caller, handing, on, ticket, world
from tests.support.routing import message
from tests.support.routing_handover import Handing

DUTY = """
desks:
  - desk: london
    weekly: [{agent: abe, hours: {mon-fri: [[09:00, 17:00]]}}]
  - desk: new-york
    time_zone: Europe/London
    weekly: [{agent: bea, hours: {mon-fri: [[16:30, 23:00]]}}]
    dates: [{date: 2027-01-14}]
"""


async def opened(**files: str) -> Handing:
    """Return routing with London's handover open, its matter said."""
    routing = handing(world(**files))
    await routing.go(on(16, 40))
    ann = routing.speaker("london", "ann")
    await routing.say.matter(ann, matter="environment", how=MatterState.NORMAL, text="")
    return routing


async def test_the_person_on_duty_signs_for_the_side_and_others_hear_who_may() -> None:
    """Of the giving desk the last one of the shift, of the taking desk the first one."""
    routing = await opened(duty=DUTY)
    with pytest.raises(CommandRejected) as refused:
        await routing.say.sign(routing.speaker("london", "ann"), side=None)
    assert (refused.value.code, refused.value.status) == ("not-on-duty", 403)
    assert "abe is on duty at london then, and signs, or its duty manager max" in str(refused.value)
    with pytest.raises(CommandRejected, match="not-on-duty: bea is on duty at new-york then"):
        await routing.say.sign(routing.speaker("london", "bob"), side=HandoverSide.TAKING)
    await routing.say.sign(routing.speaker("london", "abe"), side=None)
    await routing.say.sign(routing.speaker("london", "bea"), side=None)
    _, state = routing.one("london")
    assert {s: who.by for s, who in state.signatures.items()} == {"giving": "abe", "taking": "bea"}


async def test_the_duty_manager_may_sign_instead_of_who_is_on_duty() -> None:
    """Whoever works the shift; for either side, since the policy's is that of both desks."""
    routing = await opened(duty=DUTY)
    await routing.say.sign(routing.speaker("london", "max"), side=HandoverSide.GIVING)
    assert routing.one("london")[1].signatures["giving"].by == "max"


async def test_where_nobody_is_on_duty_whoever_serves_the_desk_signs() -> None:
    """On a date for which nobody is named, as without the section."""
    routing = handing(world(duty=DUTY.replace("2027-01-14", "2027-01-13")))
    await routing.go(on(16, 40))
    await routing.say.sign(routing.speaker("london", "bob"), side=None)
    assert routing.one("london")[1].signatures["taking"].by == "bob"


async def test_who_serves_one_side_and_manages_the_other_need_not_say_which() -> None:
    """Their own side; the other one by its name, or once their own is signed."""
    routing = await opened()
    await routing.say.sign(routing.speaker("london", "max"), side=None)
    assert list(routing.one("london")[1].signatures) == ["taking"]
    routing = await opened()
    await routing.say.sign(routing.speaker("london", "bob"), side=None)
    await routing.say.sign(routing.speaker("london", "max"), side=None)
    assert routing.one("london")[1].signatures["giving"].by == "max"


async def test_who_manages_both_and_serves_neither_has_to_say_which() -> None:
    """Nothing tells which side is meant."""
    both = POLICY.replace("duty_manager: max", "duty_manager: eva")
    agents = """
agents:
  - {id: ann, name: Ann, email: ann@example.org, desks: [london]}
  - {id: bob, name: Bob, email: bob@example.org, desks: [new-york]}
  - {id: eva, name: Eva, email: eva@example.org, desks: [third]}
"""
    desks = """
desks:
  - {name: london, title: London, calendar: london, email: london@example.org}
  - {name: new-york, title: New York, calendar: new-york}
  - {name: third, title: Third, calendar: always}
"""
    routing = await opened(handover=both, agents=agents, desks=desks)
    with pytest.raises(CommandRejected, match="side-missing: eva belongs to both sides"):
        await routing.say.sign(routing.speaker("london", "eva"), side=None)


async def test_alarms_tell_who_is_on_duty_and_then_the_duty_manager() -> None:
    """Each side's own, each once."""
    routing = handing(world(duty=DUTY))
    await routing.until(on(18, 30))
    _, state = routing.one("london")
    assert [(a.reason, a.side, a.tell) for a in state.alarms] == [
        ("unsigned", HandoverSide.GIVING, ("abe", "max")),
        ("unsigned", HandoverSide.TAKING, ("bea", "max")),
    ]


PENDING_MOVES = POLICY.replace(
    "    rules:\n",
    '    rules:\n      - {name: pending-goes, when: status == "pending" && priority == "P3", '
    "action: move}\n"
    '      - {name: pending-asked, when: status == "pending" && priority == "P4", '
    "action: offer, answer_within: 20m}\n",
)


async def test_a_pending_ticket_that_moves_stays_pending_and_nobody_has_it() -> None:
    """One event with the new desk: the same reason, instant and supplier, and one receipt."""
    routing = handing(world(handover=PENDING_MOVES))
    await ticket(routing, "t1", agent="ann")
    await routing.commands.pend(caller("t1", "ann"), reason=PendReason.CUSTOMER, until=on(20))
    await routing.go(on(16, 40))
    assert await routing.go(on(17)) == 1
    found = await routing.document("t1")
    state = found.state
    assert state is not None
    assert (state.desk, state.status, state.holder) == ("new-york", Status.PENDING, None)
    assert (state.pend_reason, state.until) == (PendReason.CUSTOMER, on(20))
    assert (state.moves, state.last_agent, state.since) == (1, "ann", None)
    assert await routing.holds() == {}
    item = routing.item("t1")
    assert [(r.to, r.sequence) for r in item.receipts] == [("new-york", found.seq)]
    moves = await routing.moves()
    assert [type(m.body) for m in moves] == [TicketPended]
    assert (moves[0].body.handover, moves[0].body.released) == (item.handover, "ann")
    await routing.until(on(17, 30))
    assert len(routing.item("t1").receipts) == 1


async def test_what_nobody_has_goes_on_in_the_queue_of_the_desk_that_took_it_over() -> None:
    """The contact answers: resumed and queued at once, and the next desk's agent gets it."""
    routing = handing(world(handover=PENDING_MOVES))
    await ticket(routing, "t1", agent="ann")
    await routing.commands.pend(caller("t1", "ann"), reason=PendReason.CUSTOMER, until=None)
    await routing.go(on(16, 40))
    await routing.go(on(17))
    await routing.feed("t1", message("HD-t1", Direction.INBOUND))
    state = await routing.state("t1")
    assert (state.status, state.desk, state.since) == (Status.QUEUED, "new-york", on(17))
    last = [e.body for e in await routing.sent(TICKETS_TOPIC.name)][-2:]
    assert [type(body) for body in last] == [TicketResumed, TicketQueued]
    assert isinstance(last[1], TicketQueued)
    assert last[1].reason is QueueReason.RESUMED
    await routing.match()
    assert (await routing.state("t1")).desk == "new-york"
    assert (await routing.state("t1")).agent in {"bob", "bea", "max"}


async def test_who_accepts_a_pending_ticket_may_take_it_as_it_waits() -> None:
    """It waits on, with the agent of the next desk; going on it is where it was."""
    routing = handing(world(handover=PENDING_MOVES))
    await ticket(routing, "t4", Priority.P4, agent="ann")
    await routing.commands.pend(caller("t4", "ann"), reason=PendReason.SUPPLIER, until=None)
    await routing.go(on(16, 40))
    await routing.say.accept(routing.speaker("london", "bob"), ticket="t4", take=True)
    state = await routing.state("t4")
    assert (state.status, state.desk, state.holder) == (Status.PENDING, "new-york", "bob")
    assert set(await routing.holds()) == {"bob"}
    assert routing.item("t4").stage is Stage.MOVED
    await routing.commands.resume(caller("t4", "bob"))
    assert (await routing.state("t4")).status is Status.ACCEPTED
