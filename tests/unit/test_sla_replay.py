"""The audit of clocks: what was recorded is recomputed; each way of being wrong is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.sla.domain.findings import NOTES, Finding, Found, stored
from services.sla.domain.replay import replay
from services.sla.domain.ticket_log import Replayed, TicketLog
from shared.contracts.envelope import Event
from shared.contracts.facts import Kind, Priority
from shared.contracts.intake import Direction
from shared.contracts.routing import PendReason
from shared.contracts.sla import ClockBreached, ClockEscalated, ClockState
from shared.contracts.topics import CLOCKS, REQUESTS, TICKETS
from shared.organisation import Configuration
from tests.support import sla as support
from tests.support.sla import ORGANISATION, TICKET, Story, facts, utc
from tests.support.sla_replay import Likely, Recorder, tampered

START: Final = utc(2, 14)
MINUTE: Final = timedelta(minutes=1)
CLOCK: Final = "/sla/clocks"
INTAKE: Final = str(REQUESTS.source)
ROUTING: Final = str(TICKETS.source)

EXPECTING: Final = """
  - name: hope
    metric: resolution
    condition: kind == "incident"
    targets: {P1: 2h, P2: 6h, P3: 20h}
    calendar: always
    warnings: [0.5, 30m]
    escalations:
      - {cause: expected-late, above: 0.5, notify: [desk], repeat: {every: 10m, times_max: 2},
         raise_tier: true}
      - {cause: not-accepted, after: 20m, notify: [desk]}
      - {at_share: 0.5, notify: [desk]}
  - name: held
    metric: hold
    condition: kind == "incident"
    targets: {P1: 1h, P2: 2h, P3: 4h}
    calendar: desk
    kind: ola
"""


@cache
def organisation() -> Configuration:
    """Return an organisation whose clocks warn, break, escalate, and are expected to be late."""
    return support.organisation(sla=ORGANISATION["sla.yaml"] + EXPECTING.lstrip("\n"))


def a_day() -> Recorder:
    """A ticket that is queued, waits, goes on, breaks its targets and is resolved the next day."""
    machine, story = Recorder(organisation(), organisation(), start=START), Story()
    machine.take(story.accepted())
    machine.take(story.queued(START + MINUTE))
    machine.tick(START + 25 * MINUTE)
    machine.take(story.pended(START + 30 * MINUTE))
    machine.take(story.resumed(START + 40 * MINUTE))
    machine.expect(START + 50 * MINUTE, Likely("hope:resolution:1", 0.9))
    machine.tick(utc(2, 15, 30))
    machine.tick(utc(2, 16))
    machine.take(story.message(utc(2, 16, 5)))
    machine.take(story.queued(utc(3, 1, 30), "shanghai"))
    machine.tick(utc(3, 9))
    machine.take(story.prioritised(utc(3, 9, 10), Priority.P1))
    machine.take(story.resolved(utc(3, 9, 30)))
    return machine


def only(found: Replayed) -> Finding:
    """Return the one finding that there is."""
    assert len(found.findings) == 1, found.findings
    return found.findings[0]


def body_of(log: TicketLog, sequence: int) -> dict[str, Any]:
    """Return the JSON of a recorded event."""
    body: dict[str, Any] = json.loads(log.clocks[sequence - 1].body)
    return body


def written(body: dict[str, Any]) -> bytes:
    """Return a body as it travels."""
    return json.dumps(body).encode()


def first(log: TicketLog, kind: str) -> int:
    """Return the sequence of the first recorded event of a type."""
    return next(e.sequence for e in log.clocks if e.type == f"heliodesk.{kind}.v1")


def test_what_was_recorded_is_recomputed() -> None:
    """A whole story: every event, every due time, and the state at its end."""
    machine = a_day()
    found = machine.replayed()
    assert found.findings == ()
    assert found.identical
    assert found.whole
    assert found.state == machine.state
    assert found.events == found.sequence == len(machine.events)
    views = [view for event in machine.events for view in event.body.clocks]
    assert found.due_times == sum(view.due_at is not None for view in views) > 50
    kinds = {event.type.split(".", 1)[1].removesuffix(".v1") for event in machine.events}
    assert kinds >= {"clocks.started", "clocks.changed", "clock.warned", "clock.breached"}
    causes = [getattr(event.body, "cause", None) for event in machine.events]
    assert {"expected-late", "not-accepted", "unmet"} <= set(causes)


def test_records_that_come_twice_or_mixed_change_nothing() -> None:
    """The order of the topics, and redelivered records, make no difference."""
    machine = a_day()
    log = machine.log()

    def shuffled(events: Any) -> list[Event[bytes]]:
        return [*events[::-2], *events, *events[::-1]]

    found = machine.replayed(
        replace(
            log,
            clocks=shuffled(log.clocks),
            consumed={source: shuffled(each) for source, each in log.consumed.items()},
        )
    )
    assert found == machine.replayed()


@pytest.mark.parametrize(
    ("kind", "change", "field", "clock"),
    [
        (
            "clocks.started",
            lambda b: b["clocks"][0].update(due_at="2026-07-02T15:00:00.001Z"),
            "clocks[answer:response:1].due_at",
            "answer:response:1",
        ),
        (
            "clocks.changed",
            lambda b: b["clocks"][1].update(used_seconds=59.999),
            "clocks[fix:resolution:1].used_seconds",
            "fix:resolution:1",
        ),
        (
            "clocks.changed",
            lambda b: b["ledgers"][0]["spans"][0].update(desk="global"),
            "ledgers[answer:response:1].spans[0].desk",
            "answer:response:1",
        ),
        (
            "clock.warned",
            lambda b: b.update(point=9),
            "point",
            None,
        ),
        (
            "clock.breached",
            lambda b: b.update(due_at="2026-07-02T15:00:00Z"),
            "due_at",
            "answer:response:1",
        ),
        ("clock.escalated", lambda b: b.update(tell=["boss"]), "tell[0]", None),
    ],
)
def test_one_wrong_value_is_one_finding(
    kind: str, change: Callable[[dict[str, Any]], None], field: str, clock: str | None
) -> None:
    """It names event, clock, field and both values, and makes nothing later wrong."""
    machine = a_day()
    log = machine.log()
    sequence = first(log, kind)
    body = body_of(log, sequence)
    change(body)
    found = machine.replayed(tampered(log, sequence, body=written(body)))
    one = only(found)
    assert (one.kind, one.source, one.sequence) == (Found.DIFFERS, CLOCK, sequence)
    assert one.event == machine.events[sequence - 1].id
    assert one.field == field
    assert clock in {None, one.clock}
    assert one.recorded != one.recomputed
    assert found.state == machine.state


def test_an_event_of_another_type_or_too_many_is_found() -> None:
    """A warning turned into a breach; and a withdrawal that nothing asked for."""
    machine = a_day()
    log = machine.log()
    sequence = first(log, "clock.warned")
    found = machine.replayed(tampered(log, sequence, type=ClockBreached.type))
    assert found.findings[0].field == "event"
    assert found.findings[0].recorded == ClockBreached.type
    assert found.findings[0].recomputed == "heliodesk.clock.warned.v1"


def test_a_timer_that_spoke_too_early_is_found() -> None:
    """A breach whose due time, 13:00 on Friday, had not passed by its own time."""
    machine = Recorder(organisation(), start=START)
    machine.take(Story(facts=facts(kind=Kind.SERVICE_REQUEST)).accepted())
    machine.tick(utc(3, 12, 59))
    machine.tick(utc(3, 13, 1))
    log = machine.log()
    sequence = first(log, "clock.breached")
    assert machine.replayed().findings == ()
    body = body_of(log, sequence) | {"as_of": utc(3, 13).isoformat()}
    one = only(machine.replayed(tampered(log, sequence, body=written(body))))
    assert (one.kind, one.sequence, one.field) == (Found.DIFFERS, sequence, "event")
    assert (one.recorded, one.recomputed) == (ClockBreached.type, None)
    one = only(machine.replayed(tampered(log, sequence, time=utc(3, 13))))
    assert (one.kind, one.sequence, one.field) == (Found.DIFFERS, sequence, "as_of")


def test_a_timer_as_of_before_the_last_event_is_recomputed() -> None:
    """Its own time was held up by the stream's; the clock that runs says as of when it was."""
    machine, story = Recorder(organisation(), start=START), Story()
    machine.take(story.accepted())
    machine.take(story.queued(START + MINUTE))
    machine.now = utc(2, 15, 45)  # The next event is read late.
    machine.take(story.assigned(START + 2 * MINUTE))
    machine.tick(utc(2, 15, 44))
    breach = next(e for e in machine.events if isinstance(e.body, ClockBreached))
    assert breach.time == utc(2, 15, 45)
    assert machine.replayed().findings == ()


def test_a_lost_event_is_found() -> None:
    """Its topic went on, and the clocks never heard of it."""
    machine, story = Recorder(organisation(), start=START), Story()
    machine.take(story.accepted())
    machine.take(story.queued(START + MINUTE))
    lost = story.pended(START + 2 * MINUTE)
    machine.given.append(lost)
    machine.take(story.assigned(START + 30 * MINUTE))
    one = only(machine.replayed())
    assert (one.kind, one.source, one.sequence) == (Found.LOST, ROUTING, lost.sequence)
    assert one.field == lost.type
    assert one.recomputed == ["heliodesk.clocks.changed.v1"]


@pytest.mark.parametrize("processed", [True, False])
def test_the_last_event_is_lost_only_where_sla_says_that_it_was_processed(
    processed: bool,  # noqa: FBT001 -- a parameter of the test.
) -> None:
    """Else it is perhaps in flight, and nothing is wrong."""
    machine, story = Recorder(organisation(), start=START), Story()
    machine.take(story.accepted())
    machine.take(story.queued(START + MINUTE))
    machine.given.append(story.resolved(START + 2 * MINUTE))
    log = machine.log()
    found = machine.replayed(log if processed else replace(log, processed={ROUTING: 1}))
    assert only(found).kind is (Found.LOST if processed else Found.UNPROCESSED)
    assert found.identical is not processed


def test_an_event_that_concerns_no_clock_is_not_lost() -> None:
    """A message that no policy asks for changes nothing, whenever it is read."""
    machine, story = Recorder(organisation(), start=START), Story()
    machine.take(story.accepted())
    machine.take(story.queued(START + MINUTE))
    before = len(machine.events)
    machine.take(story.message(START + 2 * MINUTE, Direction.INBOUND, author="contact-1"))
    machine.take(story.regarded(START + 3 * MINUTE))
    machine.take(story.resolved(START + 4 * MINUTE))
    assert len(machine.events) == before + 1
    assert machine.replayed().findings == ()


def test_a_ticket_without_any_event_of_the_clocks() -> None:
    """All its events were processed: then they are lost."""
    machine, story = Recorder(organisation(), start=START), Story()
    machine.given.append(story.accepted())
    found = machine.replayed()
    assert only(found).kind is Found.LOST
    assert found.state is None
    nothing = replay(TicketLog(TICKET), machine.decisions)
    assert (only(nothing).kind, only(nothing).field) == (Found.GAP, "log")


@pytest.mark.parametrize("missing", [1, 4])
def test_a_missing_event_of_the_clocks_is_a_gap(missing: int) -> None:
    """What comes after it cannot be proven, and is not said to differ."""
    machine = a_day()
    log = machine.log()
    found = machine.replayed(replace(log, clocks=[e for e in log.clocks if e.sequence != missing]))
    one = only(found)
    assert (one.kind, one.source, one.recomputed) == (Found.GAP, CLOCK, str(missing))
    assert found.sequence == missing - 1
    assert not found.whole
    assert not found.identical


def test_a_log_that_does_not_reach_back_is_a_gap() -> None:
    """What routing said before is gone: what followed from it is taken as it is recorded."""
    machine = a_day()
    log = machine.log()
    kept = {**log.consumed, ROUTING: [e for e in log.consumed[ROUTING] if e.sequence > 2]}
    found = machine.replayed(replace(log, consumed=kept))
    one = only(found)
    assert (one.kind, one.source, one.recomputed) == (Found.GAP, ROUTING, "1-2")
    assert found.state == machine.state
    assert found.events < len(log.clocks)


def test_a_cause_that_is_not_in_the_log_leaves_its_event_unexplained() -> None:
    """The clocks say that they heard of what routing never said."""
    machine = a_day()
    log = machine.log()
    last = log.consumed[ROUTING][-1]
    kept = {**log.consumed, ROUTING: log.consumed[ROUTING][:-1]}
    found = machine.replayed(replace(log, consumed=kept))
    one = only(found)
    assert (one.kind, one.source) == (Found.UNEXPLAINED, CLOCK)
    assert one.recorded == f"{ROUTING} {last.sequence}"


def test_events_without_a_cause_are_unexplained() -> None:
    """Release 0.1 wrote none: such events are taken in as they are."""
    machine = a_day()
    log = machine.log()
    bare = [replace(e, causesource=None, causesequence=None, causationid=None) for e in log.clocks]
    found = machine.replayed(replace(log, clocks=bare, processed={}))
    unexplained = [one.sequence for one in found.findings if one.kind is Found.UNEXPLAINED]
    assert unexplained == [e.sequence for e in log.clocks if e.causesource is not None]
    assert found.state == machine.state


def test_what_cannot_be_read_ends_nothing() -> None:
    """A body that fits no model, a type that is unknown, another event under the same number."""
    machine = a_day()
    log = machine.log()
    broken = machine.replayed(tampered(log, 2, body=b'{"clocks": 7}'))
    assert broken.findings[0].recorded is None
    assert broken.state == machine.state
    unknown = machine.replayed(tampered(log, first(log, "clock.warned"), type="heliodesk.new.v1"))
    assert unknown.findings[0].kind is Found.UNEXPLAINED
    twice = machine.replayed(replace(log, clocks=[*log.clocks, replace(log.clocks[0], body=b"{}")]))
    assert (only(twice).kind, only(twice).field) == (Found.UNEXPLAINED, "sequence")


def test_a_version_that_is_not_in_the_log_is_a_gap() -> None:
    """Nothing is recomputed by another configuration instead."""
    machine, story = Recorder(organisation(), organisation(), start=START), Story(version=2)
    machine.take(story.accepted())
    machine.take(story.queued(START + MINUTE))
    less = Recorder(organisation(), start=START)
    found = replay(machine.log(), less.decisions)
    assert {one.kind for one in found.findings} == {Found.GAP}
    assert "configuration 2 of main" in found.findings[0].recomputed


def test_a_rerate_is_recomputed_too() -> None:
    """The log says who asked, when and by which version; what is wrong in it is found."""
    newer = support.organisation(
        sla=ORGANISATION["sla.yaml"].replace("P2: 8h", "P2: 30m") + EXPECTING.lstrip("\n")
    )
    machine, story = Recorder(organisation(), newer, start=START), Story()
    machine.take(story.accepted())
    machine.take(story.queued(START + MINUTE))
    machine.rerate(2, START + 40 * MINUTE)
    machine.tick(START + 41 * MINUTE)
    machine.rerate(1, START + 42 * MINUTE)
    machine.take(story.pended(START + 50 * MINUTE))
    log = machine.log()
    kinds = [type(event.body).__name__ for event in machine.events]
    assert kinds.count("ClocksRerated") == 2
    assert "ClockBreachWithdrawn" in kinds
    found = machine.replayed(log)
    assert (found.findings, found.state) == ((), machine.state)
    sequence = kinds.index("ClocksRerated") + 1
    body = body_of(log, sequence)
    body["clocks"][0]["target_seconds"] = 7.0
    one = only(machine.replayed(tampered(log, sequence, body=written(body))))
    assert (one.kind, one.sequence, one.recorded) == (Found.DIFFERS, sequence, 7.0)


def test_an_acceptance_without_a_version_that_changed_nothing_is_not_lost() -> None:
    """Routing was read first, and a later version came since: it was decided by the one of then."""
    newer = support.organisation(sla=ORGANISATION["sla.yaml"].replace("P2: 8h", "P2: 30m"))
    machine, intake = Recorder(organisation(), newer, start=START), Story(version=0)
    routing = Story()
    machine.take(routing.queued(START))
    machine.given.append(intake.accepted())  # It says nothing that routing has not said.
    machine.take(routing.assigned(START + MINUTE))
    routing.version = 2
    machine.take(routing.resolved(START + 2 * MINUTE))
    assert machine.replayed().findings == ()


def test_what_is_stored_is_compared_where_it_is_as_old_as_the_log() -> None:
    """Each clock's state, due time, target and breach; not where sla has gone on."""
    machine = a_day()
    views = [clock.view for clock in machine.state.clocks]
    seq = machine.document.seq

    def compared(revision: int, shown: list[Any]) -> list[tuple[Found, str | None, str]]:
        found = stored(CLOCK, seq, views, revision=revision, shown=shown)
        return [(one.kind, one.clock, one.field) for one in found]

    later = views[0].model_copy(
        update={"due_at": START, "state": ClockState.PAUSED, "used_seconds": 1.0}
    )
    name = views[0].clock
    assert compared(seq, views[::-1]) == []
    assert compared(seq, [later, *views[1:]]) == [
        (Found.STORED_DIFFERS, name, "state"),
        (Found.STORED_DIFFERS, name, "due_at"),
    ]
    assert {field for _, _, field in compared(seq, views[1:])} >= {"state", "target_seconds"}
    assert compared(seq + 1, [later]) == [(Found.STORED_NEWER, None, "revision")]
    assert compared(seq - 1, views) == [(Found.STORED_DIFFERS, None, "revision")]
    assert Found.STORED_NEWER in NOTES
    assert Found.STORED_DIFFERS not in NOTES


GAPS: Final = st.sampled_from([0, 1, 7, 30, 61, 240, 900])
WORK: Final = ("queued", "assigned", "begun", "pended", "resumed", "resolved", "reopened", "closed")


def told(story: Story, at: datetime, what: str, data: st.DataObject) -> Event[Any]:
    """Return what routing says of a move."""
    if what == "queued":
        return story.queued(at, data.draw(st.sampled_from(["london", "shanghai", "global"])))
    if what == "pended":
        return story.pended(at, data.draw(st.sampled_from(list(PendReason)[:3])))
    event: Event[Any] = getattr(story, what)(at)
    return event


def said(story: Story, at: datetime, what: str) -> Event[Any]:
    """Return what intake says."""
    if what in {"P1", "P3"}:
        return story.prioritised(at, Priority(what))
    inbound = what == "wrote"
    return story.message(
        at,
        Direction.INBOUND if inbound else Direction.OUTBOUND,
        author="contact-1" if inbound else "ann",
    )


def a_history(data: st.DataObject) -> Recorder:
    """A random history: both topics mixed at random, with duplicates, ticks and expectations."""
    intake, routing = Story(facts=facts(accepted_at=START)), Story(facts=facts(accepted_at=START))
    requests, tickets = [intake.accepted(START)], [routing.queued(START, "london")]
    at = START
    for what in data.draw(st.lists(st.sampled_from(["replied", "wrote", "P1", "P3"]), max_size=3)):
        at += data.draw(GAPS) * MINUTE
        requests.append(said(intake, at, what))
    at = START
    for what in data.draw(st.lists(st.sampled_from(WORK), max_size=6)):
        at += data.draw(GAPS) * MINUTE
        tickets.append(told(routing, at, what, data))
    machine = Recorder(organisation(), start=START)
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
        if data.draw(st.integers(0, 3)) == 0:
            now = START + data.draw(GAPS) * MINUTE
            likely = Likely("hope:resolution:1", data.draw(st.sampled_from([0.4, 0.9])))
            machine.expect(now, likely, room=data.draw(st.booleans()))
    machine.tick(max(event.time for event in machine.given) + data.draw(GAPS) * MINUTE)
    return machine


@settings(max_examples=150)
@given(data=st.data())
def test_any_history_is_recomputed_and_any_wrong_due_time_is_found(data: st.DataObject) -> None:
    """Whatever was recorded replays identical; one due time that was changed is one finding."""
    machine = a_history(data)
    log = machine.log()
    found = machine.replayed(log)
    assert found.findings == ()
    assert found.state == machine.state
    assert found.events == len(machine.events)

    places = [
        (sequence, index)
        for sequence, event in enumerate(machine.events, 1)
        for index, view in enumerate(event.body.clocks)
        if view.due_at is not None
    ]
    assume(places)
    sequence, index = data.draw(st.sampled_from(places))
    body = body_of(log, sequence)
    clock = body["clocks"][index]
    due_at = datetime.fromisoformat(clock["due_at"])
    moved = due_at + data.draw(st.sampled_from([-60_000, -1, 1, 1_000])) * timedelta(milliseconds=1)
    clock["due_at"] = moved.isoformat()
    wrong = machine.replayed(tampered(log, sequence, body=written(body)))
    one = only(wrong)
    assert (one.kind, one.sequence, one.clock) == (Found.DIFFERS, sequence, clock["clock"])
    assert one.field == f"clocks[{clock['clock']}].due_at"
    assert datetime.fromisoformat(one.recorded) == moved
    assert datetime.fromisoformat(one.recomputed) == due_at
    assert wrong.state == machine.state


@settings(max_examples=60)
@given(data=st.data())
def test_any_event_that_is_missing_is_found(data: st.DataObject) -> None:
    """It is a gap; the last one, where it had a cause, is what should have followed from that."""
    machine = a_history(data)
    log = machine.log()
    missing = data.draw(st.integers(1, len(machine.events)))
    shorter = replace(log, clocks=[e for e in log.clocks if e.sequence != missing])
    found = machine.replayed(shorter)
    if missing < len(machine.events):
        assert only(found).kind is Found.GAP
        assert found.sequence == missing - 1
    elif machine.events[-1].causesource is not None:
        assert not found.identical


@pytest.fixture(autouse=True)
def _registry() -> None:
    """The names that the findings speak of are those of the registry."""
    assert CLOCKS.source == CLOCK
    assert (INTAKE, ROUTING) == ("/intake/ticket", "/routing/ticket")


def test_whether_the_desk_above_had_room_is_taken_as_it_is_recorded() -> None:
    """A step that was held back is recomputed so, and one that follows when there is room too."""
    machine, story = Recorder(organisation(), start=START), Story()
    machine.take(story.accepted())
    machine.take(story.queued(START + MINUTE))
    machine.expect(START + 5 * MINUTE, Likely("hope:resolution:1", 0.9), room=False)
    machine.expect(START + 20 * MINUTE, Likely("hope:resolution:1", 0.9))
    found = [e.body for e in machine.events if isinstance(e.body, ClockEscalated)]
    assert [(body.not_raised, body.tier) for body in found] == [("full", None), (None, 2)]
    assert machine.replayed().findings == ()
