"""Long histories: what is kept of them counts on as the whole list of events would.

A document keeps few entries here, so that the older half is settled again and again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.sla.domain import settle
from services.sla.domain.evolve import TICKET_CLOCKS
from shared.aggregate import Document, fold
from shared.contracts.envelope import Event
from shared.contracts.facts import Priority
from tests.support.sla import TICKET, Story, facts
from tests.support.sla_machine import Machine
from tests.support.sla_tales import (
    FIRST,
    GAPS,
    MOVE,
    PROMISES,
    SPECS,
    START,
    WORD,
    Move,
    Promise,
    Word,
    check,
    organisation,
    said,
    tale_of,
)
from tests.support.sla_walk import MINUTE

OVERTAKEN_MAX = 2
"""Events of one topic that may be read before an older one of the other."""


@settings(max_examples=150, deadline=None)
@given(
    first=FIRST,
    others=st.lists(MOVE, min_size=4, max_size=20),
    spoken=st.lists(WORD, min_size=2, max_size=12),
    edited=st.integers(0, 4_000),
    agreed=PROMISES,
    kept=st.integers(6, 12),
    data=st.data(),
)
def test_a_settled_history_counts_on_as_a_walk_over_all_minutes(  # noqa: PLR0917
    first: Move,
    others: list[Move],
    spoken: list[Word],
    edited: int,
    agreed: tuple[Promise, ...],
    kept: int,
    data: st.DataObject,
) -> None:
    """Where no event comes so late that it is older than what is settled, nothing is lost.

    But for a clock whose policy did not fit when that was settled, and fits again: it goes on with
    what it had used before.
    """
    tale = tale_of(first, others, spoken, edited)
    end = tale.ends_at + data.draw(st.integers(0, 600)) * MINUTE
    machine = Machine(organisation(1, agreed), organisation(2), start=START)
    with patch.object(settle, "HISTORY_MAX", kept):
        late = nearly_in_order(machine, tale.requests, tale.tickets, data)
        machine.tick(end)
    assert len(machine.state.course) + len(machine.state.messages) <= kept + 1
    rebuilt = fold(
        TICKET_CLOCKS,
        Document(id=TICKET, tenant="main"),
        [event.encoded() for event in machine.events],
    )
    assert rebuilt.state == machine.state
    assume(not late)
    for name in data.draw(st.lists(st.sampled_from(sorted(SPECS)), min_size=2, max_size=3)):
        for subject, answers in tale.answers(name, end, agreed).items():
            fitting = tale.targets(name, agreed, subject).keys()
            if SPECS[name].retroactive and any(kind not in fitting for _, kind in tale.kinds()):
                continue
            check(machine, name, subject, answers, end)


def nearly_in_order(
    machine: Machine, requests: Sequence[Event[Any]], tickets: Sequence[Event[Any]], data: Any
) -> bool:
    """Let the machine take both topics in, with a few overtaken events, duplicates and ticks.

    Returns:
        Whether an event came that was not after what was settled by then.
    """
    queues = [list(requests), list(tickets)]
    read: list[Event[Any]] = []
    late = False
    while queues[0] or queues[1]:
        ahead = [topic for topic in (0, 1) if queues[topic]]
        oldest = min(ahead, key=lambda topic: queues[topic][0].time)
        overtaken = sum(event.time >= queues[oldest][0].time for event in read)
        topic = data.draw(st.sampled_from(ahead)) if overtaken < OVERTAKEN_MAX else oldest
        event = queues[topic].pop(0)
        state = machine.document.state
        if state is not None and state.settlement is not None:
            late = late or event.time <= state.settlement.at
        machine.take(event)
        read.append(event)
        again = data.draw(st.integers(-3, len(read) - 1))
        if again >= 0:
            machine.take(read[again])
        if data.draw(st.booleans()):
            machine.tick(machine.now + data.draw(GAPS) * MINUTE)
    return late


def test_cycles_are_numbered_on_where_the_settled_one_is_let_go() -> None:
    """A document keeps four ended cycles of a clock; the newest settled one may be older."""
    story = Story(facts=facts(accepted_at=START))
    machine = Machine(organisation(1), start=START)
    machine.take(story.accepted(START))
    machine.take(story.queued(START, "late"))
    with patch.object(settle, "HISTORY_MAX", 20):
        for minutes in range(1, 41):
            machine.take(story.message(START + minutes * MINUTE))
    assert machine.state.settlement is not None
    cycles = [c.view.cycle for c in machine.state.clocks if c.view.policy == "word"]
    assert cycles == [38, 39, 40, 41]


def test_a_clock_that_was_cancelled_before_the_settled_time_stays() -> None:
    """A policy that is not retroactive gives a next cycle where the ticket fits again."""
    intake, routing = Story(facts=facts(accepted_at=START)), Story(facts=facts(accepted_at=START))
    machine = Machine(organisation(1), start=START)
    machine.take(intake.accepted(START))
    machine.take(routing.queued(START, "late"))

    def changed(minutes: int, priority: Priority) -> None:
        word = Word(gap=0, what="reclassified", priority=priority)
        machine.take(said(intake, START + minutes * MINUTE, word))

    def later() -> list[tuple[int, str]]:
        clocks = (c.view for c in machine.state.clocks if c.view.policy == "later")
        return [(view.cycle, view.state.value) for view in clocks]

    changed(10, Priority.P3)
    with patch.object(settle, "HISTORY_MAX", 6):
        for minutes in range(20, 60):
            machine.take(intake.message(START + minutes * MINUTE))
            assert later() == [(1, "cancelled")]
        assert machine.state.settlement is not None
        changed(60, Priority.P2)
        assert later() == [(1, "cancelled"), (2, "running")]
