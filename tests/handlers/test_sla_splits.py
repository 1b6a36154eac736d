"""The clocks of a ticket that was split, from intake's own events to those of the clocks."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

from services.sla.consumers import decisions
from services.sla.domain.findings import Finding
from services.sla.domain.replay import replay
from services.sla.domain.ticket_log import TicketLog
from shared.contracts.envelope import Event
from shared.contracts.intake import Direction, RequestAccepted
from shared.contracts.sla import ClockBreached, ClockState, ClockView
from shared.contracts.topics import REQUESTS, TICKETS
from shared.testing.clock import ManualClock
from tests.handlers.test_intake_accepting import AGENT
from tests.handlers.test_intake_splits import ONE, THREE, TWO, document, split, unsplit
from tests.support.intake import TENANT, Intake
from tests.support.letters import letter, post
from tests.support.sla import Sla, Story, organisation

POLICIES = """
policies:
  - {name: answer, metric: response, targets: {P1: 4h, P2: 4h, P3: 4h, P4: 4h}, calendar: always}
  - {name: next, metric: next-response, targets: {P1: 4h, P2: 4h, P3: 4h, P4: 4h}, calendar: always}
  - {name: fix, metric: resolution, targets: {P1: 48h, P2: 48h, P3: 48h, P4: 48h}, calendar: always}
"""
REPLY, NOTE = "A new one is on its way.", "She is in room 4."


async def said(intake: Intake, ticket: str, text: str, direction: Direction) -> None:
    """Let an agent write, and an hour and a bit pass."""
    number = (await document(intake, ticket)).state.facts.number
    made = await intake.accepting.note(
        AGENT, ticket=ticket, number=number, text=text, direction=direction, key=text
    )
    await intake.accepting.applied(made, seconds_max=5)
    await intake.settle()


async def asked(intake: Intake, text: str, n: int) -> str:
    """Let the requester write, and an hour and a bit pass; return the ticket."""
    receipt = await post(intake, letter(f"<{n}@x>", text=text, answers=("<1@x>",) if n > 1 else ()))
    await intake.settle()
    return receipt.ticket or ""


def events_of(intake: Intake, ticket: str) -> list[Event[Any]]:
    """Return intake's events of a ticket."""
    return [event for event in intake.events() if event.subject == ticket]


def queued(intake: Intake, ticket: str) -> Event[Any]:
    """Return what routing says of a ticket that intake has accepted."""
    first = events_of(intake, ticket)[0]
    story = Story(ticket=ticket, facts=first.body.facts, version=first.configversion)
    return story.queued(first.time + timedelta(seconds=1))


def at_of(intake: Intake, ticket: str, text: str) -> datetime:
    """Return when a message of a ticket was said."""
    rows = intake.store.all_messages()
    return next(row.at for row in rows if row.ticket == ticket and row.text.strip() == text)


class Told:
    """Sla that has taken in all of some tickets."""

    def __init__(self) -> None:
        self.sla = Sla(configuration=organisation(sla=POLICIES), clock=ManualClock())

    async def hear(self, *events: Event[Any]) -> None:
        """Take events in, in the order that is given."""
        await self.sla.feed(*events)

    async def clock(self, ticket: str, policy: str) -> ClockView:
        """Return the newest cycle of a clock."""
        state = await self.sla.state(ticket)
        return [clock.view for clock in state.clocks if clock.view.policy == policy][-1]

    async def breached(self, ticket: str) -> list[str]:
        """Return the clocks of which a breach was told."""
        found = await self.sla.emitted(ticket)
        return [e.body.clock for e in found if isinstance(e.body, ClockBreached)]

    async def findings(self, ticket: str, *events: Event[Any]) -> tuple[Finding, ...]:
        """Return what the audit has to say of a ticket."""
        consumed: dict[str, list[Event[bytes]]] = {
            str(topic.source): [e.encoded() for e in events if e.source == topic.source]
            for topic in (REQUESTS, TICKETS)
        }
        log = TicketLog(
            ticket=ticket,
            clocks=[event.encoded() for event in await self.sla.emitted(ticket)],
            consumed=consumed,
            processed={source: max(e.sequence for e in each) for source, each in consumed.items()},
        )
        return replay(log, decisions(self.sla.handlers, TENANT)).findings


async def answered_then_split(*texts: str, asks: str | None = None) -> tuple[Intake, str, str]:
    """Return a ticket of which the second message was answered, and what was split off from it.

    The texts are those of the messages that are split off; ``asks`` is said after the answer.
    """
    intake = Intake()
    old = await asked(intake, ONE, 1)
    await asked(intake, TWO, 2)
    await said(intake, old, NOTE, Direction.INTERNAL)
    await said(intake, old, REPLY, Direction.OUTBOUND)
    if asks is not None:
        await asked(intake, asks, 3)
    await intake.clock.advance(24 * 3_600)
    return intake, old, await split(intake, old, *texts)


async def test_what_was_answered_before_the_split_is_answered_in_the_new_ticket() -> None:
    """Its clocks start when its first message came; nothing is told to be late that was not."""
    intake, old, new = await answered_then_split(TWO, NOTE, REPLY)
    told = Told()
    await told.hear(*events_of(intake, new), queued(intake, new))
    await told.sla.tick(intake.clock.now())
    answer = await told.clock(new, "answer")
    assert answer.started_at == at_of(intake, old, TWO)
    assert (answer.state, answer.ended_at) == (ClockState.MET, at_of(intake, old, REPLY))
    assert (await told.sla.state(new)).responded_at == at_of(intake, old, REPLY)
    assert (await told.clock(new, "fix")).state is ClockState.RUNNING
    assert await told.breached(new) == []
    assert await told.findings(new, *events_of(intake, new), queued(intake, new)) == ()


async def test_what_was_not_answered_is_late_in_the_new_ticket() -> None:
    """A note is no answer, and neither is a reply that stayed with the old ticket."""
    intake, old, new = await answered_then_split(TWO, NOTE)
    told = Told()
    await told.hear(*events_of(intake, new), queued(intake, new))
    await told.sla.tick(intake.clock.now())
    answer = await told.clock(new, "answer")
    assert answer.due_at == at_of(intake, old, TWO) + timedelta(hours=4)
    assert await told.breached(new) == [answer.clock]


async def test_a_question_after_the_answer_waits_since_it_was_asked() -> None:
    """The requester has asked again in what is split off: that is to be answered in the new one."""
    intake, old, new = await answered_then_split(TWO, REPLY, THREE, asks=THREE)
    told = Told()
    await told.hear(*events_of(intake, new), queued(intake, new))
    following = await told.clock(new, "next")
    assert (following.started_at, following.state) == (
        at_of(intake, old, THREE),
        ClockState.RUNNING,
    )
    assert (await told.clock(new, "answer")).state is ClockState.MET


async def test_a_confirmation_that_is_split_off_asks_for_no_answer() -> None:
    """As in the ticket in which it was said."""
    intake, _, new = await answered_then_split(
        TWO, REPLY, "Solved, thanks!", asks="Solved, thanks!"
    )
    told = Told()
    await told.hear(*events_of(intake, new), queued(intake, new))
    state = await told.sla.state(new)
    assert [clock.view.policy for clock in state.clocks] == ["answer", "fix"]


async def test_what_the_desk_said_before_the_first_question_answers_nothing() -> None:
    """The new ticket begins with the requester's message, and so do its clocks."""
    intake, old, new = await answered_then_split(REPLY, THREE, asks=THREE)
    told = Told()
    await told.hear(*events_of(intake, new), queued(intake, new))
    answer = await told.clock(new, "answer")
    assert (answer.started_at, answer.state) == (at_of(intake, old, THREE), ClockState.RUNNING)


async def test_where_the_requester_said_none_of_it_nobody_waits_for_an_answer() -> None:
    """The desk's own word is what the new ticket begins with."""
    intake, old, new = await answered_then_split(REPLY)
    told = Told()
    await told.hear(*events_of(intake, new), queued(intake, new))
    answer = await told.clock(new, "answer")
    assert (answer.started_at, answer.state) == (at_of(intake, old, REPLY), ClockState.MET)


async def test_the_old_ticket_keeps_its_clocks() -> None:
    """Its first answer has moved away, and was given all the same; so too where it is undone."""
    intake, old, new = await answered_then_split(TWO, REPLY)
    told = Told()
    before = [e for e in events_of(intake, old) if e.type != "heliodesk.request.split.v1"]
    await told.hear(*before, queued(intake, old))
    clocks = (await told.sla.state(old)).clocks
    await unsplit(intake, new)
    await told.hear(*events_of(intake, old))
    assert (await told.sla.state(old)).clocks == clocks
    assert clocks[0].view.state is ClockState.MET


async def test_the_order_of_the_topics_and_a_second_delivery_make_no_difference() -> None:
    """Also where a timer has told of a breach before intake is read: that is withdrawn."""
    intake, _, new = await answered_then_split(TWO, REPLY, THREE, asks=THREE)
    events = [*events_of(intake, new), queued(intake, new)]
    assert isinstance(events[0].body, RequestAccepted)
    found = []
    for order in permutations(events):
        for early in (False, True):
            told = Told()
            await told.hear(order[0])
            if early:
                await told.sla.tick(intake.clock.now())
            await told.hear(*order[1:], *order)
            await told.sla.tick(intake.clock.now())
            assert await told.findings(new, *events) == ()
            state = await told.sla.state(new)
            found.append(
                [
                    (v.clock, v.state, v.started_at, v.due_at, v.ended_at, v.breached_at is None)
                    for v in (clock.view for clock in state.clocks)
                ]
            )
    assert len({tuple(one) for one in found}) == 1


async def test_a_crash_in_the_middle_of_a_split_says_the_same() -> None:
    """The stored deed is done again: the new ticket is accepted once, with all that was said."""
    intake, _, new = await answered_then_split(TWO, NOTE, REPLY)
    (accepted,) = [e for e in events_of(intake, new) if isinstance(e.body, RequestAccepted)]
    assert [one.direction for one in accepted.body.said] == [Direction.OUTBOUND]
    receipts = [r for r in intake.store.all_receipts() if r.ticket == new]
    await intake.use_cases.linker.done(receipts[0])
    await intake.settle()
    assert [e.id for e in events_of(intake, new)] == [accepted.id]
    assert (await document(intake, new)).state.messages == 3
