"""All metrics and conditions against a plain walk over the minutes, whatever comes when.

The topics keep their own order and are mixed at random, with duplicates. Tickers run in between
with whatever is known by then. Priorities change, desks and suppliers change, a second version of
the configuration is applied on the way: the end is what the whole list of events says.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.sla.domain.clocks import clocks_of
from services.sla.domain.evolve import TICKET_CLOCKS
from services.sla.domain.history import history_of
from shared.aggregate import Document, fold
from shared.contracts.envelope import Event
from tests.support.sla import TICKET
from tests.support.sla_machine import Machine
from tests.support.sla_tales import (
    FIRST,
    GAPS,
    MOVES,
    PROMISES,
    SPECS,
    START,
    WORDS,
    Move,
    Promise,
    Word,
    check,
    organisation,
    tale_of,
)
from tests.support.sla_walk import MINUTE


@settings(max_examples=250, deadline=None)
@given(
    first=FIRST,
    others=MOVES,
    spoken=WORDS,
    edited=st.integers(0, 4_000),
    agreed=PROMISES,
    later=PROMISES,
    data=st.data(),
)
def test_every_metric_agrees_with_a_walk_over_all_minutes(  # noqa: PLR0917
    first: Move,
    others: list[Move],
    spoken: list[Word],
    edited: int,
    agreed: tuple[Promise, ...],
    later: tuple[Promise, ...],
    data: st.DataObject,
) -> None:
    """However the topics are mixed, the end is what the whole list of events says it is.

    The agreements of the version of the acceptance count, and those of a later one do not.
    """
    tale = tale_of(first, others, spoken, edited)
    end = tale.ends_at + data.draw(st.integers(0, 600)) * MINUTE
    machine = Machine(organisation(1, agreed), organisation(2, later), start=START)
    mixed(machine, tale.requests, tale.tickets, data)
    machine.tick(end)
    for name in data.draw(st.lists(st.sampled_from(sorted(SPECS)), min_size=2, max_size=3)):
        for subject, answers in tale.answers(name, end, agreed).items():
            check(machine, name, subject, answers, end)
    whole(machine, end)


def mixed(
    machine: Machine, requests: Sequence[Event[Any]], tickets: Sequence[Event[Any]], data: Any
) -> None:
    """Let the machine take both topics in, in some order, with duplicates and ticks."""
    queues, places = [requests, tickets], [0, 0]
    while places[0] < len(requests) or places[1] < len(tickets):
        topic = data.draw(st.sampled_from([t for t in (0, 1) if places[t] < len(queues[t])]))
        machine.take(queues[topic][places[topic]])
        places[topic] += 1
        again = data.draw(st.integers(-3, places[topic] - 1))
        if again >= 0:
            machine.take(queues[topic][again])
        if data.draw(st.booleans()):
            machine.tick(START + data.draw(GAPS) * 4 * MINUTE)


def whole(machine: Machine, end: datetime) -> None:
    """Hold the state against the fold of its events, and against one fold of the whole history."""
    rebuilt = fold(
        TICKET_CLOCKS,
        Document(id=TICKET, tenant="main"),
        [event.encoded() for event in machine.events],
    )
    assert rebuilt.state == machine.state
    anew = clocks_of(history_of(machine.state), machine.rules, at=end)
    known = {clock.view.clock: clock for clock in machine.state.clocks}
    for clock in anew:
        if clock.view.clock in known:
            kept = known[clock.view.clock]
            assert kept.spans == clock.spans
            assert (kept.view.due_at, kept.view.target_seconds, kept.view.ended_at) == (
                clock.view.due_at,
                clock.view.target_seconds,
                clock.view.ended_at,
            )
