from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.aggregate import (
    OUTBOX_BYTES_MAX,
    OUTBOX_EVENTS_MAX,
    Aggregate,
    Document,
    EventTooLarge,
    OutboxFull,
    Plan,
    Step,
    StreamParked,
    fold,
    plan,
)
from shared.contracts.envelope import EVENT_BYTES_MAX, Body, Event
from shared.contracts.topics import ALERTS
from shared.kernel import CommandRejected, Infrastructure, event_id
from shared.testing.clock import START
from tests.support.core import ACCOUNT, ORDERS, Account, Booked, Broken, deposit, empty, order

LATER = START + timedelta(seconds=5)
POISON = 13


def book(event: Event[Any]) -> Step:
    """Return the step that books an order: POISON cannot be booked, 0 leads to nothing."""

    def decide(_state: Account | None) -> Sequence[Body]:
        amount = event.body.amount
        if amount == POISON:
            raise Broken("thirteen")
        return [Booked(amount=amount)] * event.body.copies if amount else []

    return Step(decide=decide, cause=event)


def planned(document: Document[Account], *steps: Step, now: datetime = START) -> Plan[Account]:
    """Return the plan of steps under configuration 7."""
    return plan(ACCOUNT, document, steps, now=now, configversion=7)


def written(document: Document[Account], *steps: Step, now: datetime = START) -> Document[Account]:
    """Return the document after steps of which at least one changes it."""
    write = planned(document, *steps, now=now).write
    assert write is not None
    return write.after


def test_a_first_event_makes_the_document() -> None:
    """State, mark, sequence and outbox of a first booking, and the event's derived id."""
    after = written(empty("a"), book(order("a", 4, 10)))
    assert after.state == Account(balance=10, amounts=(10,), at=START)
    assert (after.v, after.seq, after.at) == (1, 1, START)
    assert after.mark == {"/shop/order": 4}
    (event,) = after.outbox
    assert event.id == event_id("/bank/account", "a", 1)
    assert (event.source, event.type, event.subject) == (
        "/bank/account",
        "toy.account.booked.v1",
        "a",
    )
    assert (event.sequence, event.tenant, event.configversion) == (1, "acme", 7)
    assert event.causationid == event_id("/shop/order", "a", 4)
    assert (event.causesource, event.causesequence) == ("/shop/order", 4)
    assert event.body == b'{"amount":10,"padding":""}'


def test_a_duplicate_is_skipped() -> None:
    """An event at or below its source's mark changes nothing."""
    before = written(empty("a"), book(order("a", 4, 10)))
    decided = planned(before, book(order("a", 4, 10)), book(order("a", 2, 5)))
    assert decided.write is None
    assert decided.duplicates == 2


def test_a_duplicate_within_a_batch_is_skipped() -> None:
    """The same event twice in one batch is booked once."""
    step = book(order("a", 1, 10))
    assert written(empty("a"), step, step).seq == 1


def test_a_gap_is_legal() -> None:
    """A consumer that does not know all types sees gaps; nothing is waited for."""
    after = written(empty("a"), book(order("a", 1, 10)), book(order("a", 9, 5)))
    assert after.mark == {"/shop/order": 9}
    assert after.state is not None
    assert after.state.amounts == (10, 5)


def test_an_event_that_decides_nothing_still_moves_the_mark() -> None:
    """The mark is written even where no event follows; the revision stays."""
    after = written(empty("a"), book(order("a", 1, 0)))
    assert (after.v, after.seq, after.state) == (1, 0, None)
    assert after.mark == {"/shop/order": 1}
    assert after.outbox == ()


def test_a_command_that_decides_nothing_writes_nothing() -> None:
    """A command without events leaves the document alone."""
    assert planned(empty("a"), Step(decide=deposit())).write is None


def test_poison_parks_itself_and_all_behind_it() -> None:
    """What came before is written; the rest waits in order, and says which one is at fault."""
    decided = planned(
        empty("a"),
        book(order("a", 1, 10)),
        book(order("a", 2, POISON)),
        book(order("a", 2, POISON)),
        book(order("a", 3, 5)),
    )
    assert decided.write is not None
    assert decided.write.after.mark == {"/shop/order": 1}
    assert [(p.event.sequence, p.error, p.position) for p in decided.park] == [
        (2, "Broken: thirteen", 1),
        (2, "", 2),
        (3, "", 3),
    ]


def test_a_parked_document_parks_whatever_comes() -> None:
    """While a stream is parked nothing is applied; a duplicate is still a duplicate."""
    parked = replace(written(empty("a"), book(order("a", 1, 10))), parked=1)
    decided = planned(parked, book(order("a", 1, 10)), book(order("a", 2, 5)))
    assert decided.write is None
    assert decided.duplicates == 1
    assert [p.event.sequence for p in decided.park] == [2]


def test_a_command_for_a_parked_stream_is_refused() -> None:
    """Commands wait for the operator too."""
    parked = replace(written(empty("a"), book(order("a", 1, 10))), parked=1)
    with pytest.raises(StreamParked) as caught:
        planned(parked, Step(decide=deposit(1)))
    assert caught.value.status == 409


def test_a_commands_defect_and_refusal_pass_through() -> None:
    """A command has no row to be parked in: its caller sees the error."""

    def defect(_state: Account | None) -> Sequence[Body]:
        raise Broken("oh")

    def refusal(_state: Account | None) -> Sequence[Body]:
        raise CommandRejected("no", "not now")

    with pytest.raises(Broken):
        planned(empty("a"), Step(decide=defect))
    with pytest.raises(CommandRejected):
        planned(empty("a"), Step(decide=refusal))


def test_a_missing_service_is_no_poison() -> None:
    """Infrastructure is raised, so that the whole batch is tried again."""

    def decide(_state: Account | None) -> Sequence[Body]:
        raise Infrastructure("away")

    with pytest.raises(Infrastructure):
        planned(empty("a"), Step(decide=decide, cause=order("a", 1, 1)))


def test_an_event_that_is_too_large_parks_its_cause() -> None:
    """A defect of the decision, not of the bus."""
    big = [Booked(amount=1, padding="x" * EVENT_BYTES_MAX)]
    decided = planned(empty("a"), Step(decide=lambda _s: big, cause=order("a", 1, 1)))
    assert decided.write is None
    assert decided.park[0].error.startswith("EventTooLarge")


def test_a_decision_that_fits_no_outbox_parks_its_cause() -> None:
    """Trying it again would never help."""
    step = Step(decide=deposit(*[1] * (OUTBOX_EVENTS_MAX + 1)), cause=order("a", 1, 1))
    assert planned(empty("a"), step).park[0].error.startswith("EventTooLarge")
    with pytest.raises(EventTooLarge):
        planned(empty("a"), replace(step, cause=None))


def test_a_batch_that_overflows_the_outbox_is_cut() -> None:
    """A hot stream makes progress: what fits is written, the rest is left for later."""
    steps = [book(order("a", n, 1, copies=2)) for n in range(1, OUTBOX_EVENTS_MAX + 1)]
    decided = planned(empty("a"), *steps)
    assert decided.write is not None
    assert len(decided.write.after.outbox) == OUTBOX_EVENTS_MAX
    assert decided.write.after.mark == {"/shop/order": OUTBOX_EVENTS_MAX // 2}
    assert decided.left == OUTBOX_EVENTS_MAX // 2
    assert decided.park == ()


def test_a_full_outbox_takes_no_event() -> None:
    """Events that cannot be sent hold up their stream, by number and by size."""
    full = written(empty("a"), Step(decide=deposit(*[1] * OUTBOX_EVENTS_MAX)))
    with pytest.raises(OutboxFull):
        planned(full, book(order("a", 1, 1)))
    big = [Booked(amount=1, padding="x" * (EVENT_BYTES_MAX - 100))]
    heavy = written(empty("a"), Step(decide=lambda _s: big * (OUTBOX_BYTES_MAX // EVENT_BYTES_MAX)))
    with pytest.raises(OutboxFull):
        planned(heavy, Step(decide=lambda _s: big))


def test_a_full_outbox_still_takes_a_mark() -> None:
    """An event that leads to nothing needs no room."""
    full = written(empty("a"), Step(decide=deposit(*[1] * OUTBOX_EVENTS_MAX)))
    assert written(full, book(order("a", 1, 0))).mark == {"/shop/order": 1}


def test_time_never_goes_back_within_a_stream() -> None:
    """A clock that stepped back gives the time of the event before."""
    before = written(empty("a"), Step(decide=deposit(1)), now=LATER)
    after = written(before, Step(decide=deposit(2)), now=START)
    assert [event.time for event in after.outbox] == [LATER, LATER]


def test_an_event_has_the_time_of_its_decision() -> None:
    """The now that a decision saw becomes the time of what it decides."""
    after = written(empty("a"), Step(decide=deposit(1), at=LATER), now=START)
    assert after.outbox[0].time == LATER


def test_a_fold_refuses_a_hole() -> None:
    """A missing event means that the fold would not be the state."""
    after = written(empty("a"), Step(decide=deposit(1, 2, 3)))
    with pytest.raises(ValueError, match="event 2 is missing before 3"):
        fold(ACCOUNT, empty("a"), [after.outbox[0], after.outbox[2]])


def test_a_fold_refuses_an_unknown_type() -> None:
    """An older release cannot rebuild from events it does not know."""
    after = written(empty("a"), Step(decide=deposit(1)))
    strange = replace(after.outbox[0], type="toy.account.frozen.v9")
    with pytest.raises(ValueError, match=r"unknown to toy\.accounts"):
        fold(ACCOUNT, empty("a"), [strange])


def test_a_topic_of_outsiders_has_no_source_of_ours() -> None:
    """An aggregate cannot emit to a topic that integrators write."""
    aggregate = Aggregate(name="x", topic=ALERTS, state=Account, evolve=ACCOUNT.evolve)
    with pytest.raises(ValueError, match="outsiders"):
        _ = aggregate.source


amounts = st.integers(0, 14)
deliveries = st.lists(st.tuples(st.integers(1, 12), st.integers(1, 3)), max_size=40)
nows = st.lists(st.integers(0, 50), min_size=1, max_size=8)


@given(st.lists(amounts, min_size=12, max_size=12), deliveries, nows)
def test_any_delivery_keeps_the_invariants(
    values: list[int], batches: list[tuple[int, int]], seconds: list[int]
) -> None:
    """Batches from anywhere in the topic, with clocks that jump: each order counts once, in order.

    A batch is a start and a length. What the account then holds is what a reader computes who
    takes each order once, up to the first that cannot be booked.
    """
    document = empty("a")
    effective: list[int] = []
    reached = 0
    log: list[Event[bytes]] = []
    for turn, (start, length) in enumerate(batches):
        first = min(start, reached + 1)
        batch = range(first, min(first + length, 13))
        now = START + timedelta(seconds=seconds[turn % len(seconds)])
        decided = planned(document, *(book(order("a", n, values[n - 1])) for n in batch), now=now)
        for n in batch:
            if n == reached + 1 and values[n - 1] != POISON:
                reached = n
                effective += [values[n - 1]] if values[n - 1] else []
        parked = [p.event.sequence for p in decided.park]
        assert parked == [n for n in batch if n > reached]
        if decided.write is not None:
            log += decided.write.events
            document = decided.write.after
        assert document.mark.get("/shop/order", 0) == reached
    state = document.state
    assert list(state.amounts if state else ()) == effective
    assert document.seq == len(effective) == len(log)
    assert [event.sequence for event in log] == list(range(1, len(log) + 1))
    assert [event.time for event in log] == sorted(event.time for event in log)
    assert [event.id for event in log] == [
        event_id("/bank/account", "a", n) for n in range(1, len(log) + 1)
    ]
    doubled = [event for event in log for _ in range(2)]
    folded = fold(ACCOUNT, empty("a"), doubled)
    assert (folded.state, folded.seq, folded.at) == (state, document.seq, document.at)
    assert all(folded.mark[s] <= document.mark[s] for s in folded.mark)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=10), st.integers(0, 10))
def test_a_fold_may_begin_anywhere(values: list[int], cut: int) -> None:
    """Folding onto an older copy gives the same state as folding from nothing."""
    after = written(empty("a"), Step(decide=deposit(*values)))
    older = fold(ACCOUNT, empty("a"), after.outbox[:cut])
    assert fold(ACCOUNT, older, after.outbox).state == after.state
    assert ORDERS.body("toy.order.placed.v1") is not None
