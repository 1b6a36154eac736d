"""The report against a plain recomputation from the raw events, over generated histories.

The tickets are told by the service's own decisions, with late messages, breaches told too soon,
reopened work, cycles, several desks, suppliers, and histories long enough to be settled.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from services.sla.domain.evolve import TICKET_CLOCKS
from services.sla.domain.model import HISTORY_MAX, Clock, ClocksState, ms_of
from services.sla.domain.months import Asked, month_of
from services.sla.domain.outcomes import Evidence, told
from services.sla.domain.report import Report
from services.sla.domain.tally import Tally
from services.sla.projector import CLOCKS_TOLD, Projector
from shared.aggregate import Document, fold
from shared.contracts.facts import Priority
from shared.contracts.intake import Direction
from shared.contracts.routing import PendReason
from shared.contracts.sla import ClockState
from shared.contracts.topics import CLOCKS
from shared.organisation import Configuration, parse_sections
from shared.streams import Record
from shared.testing.clock import ManualClock
from tests.support.evidence import GRACE, Letters, MemoryEvidence
from tests.support.sla import Story, facts
from tests.support.sla_machine import Machine

START: Final = datetime(2026, 3, 29, 10, 0, tzinfo=UTC)
MINUTE: Final = timedelta(minutes=1)
DESKS: Final = ("early", "late")
ZONES: Final = ("UTC", "Asia/Shanghai", "America/New_York")


@cache
def organisation() -> Configuration:
    """Return two desks, and policies of each kind: with cycles, per desk, with own conditions."""
    return parse_sections(
        {
            "calendars.yaml": """
calendars:
  - {name: early, time_zone: UTC, hours: {mon-sun: [[06:00, 14:00]]}}
  - {name: late, time_zone: UTC, hours: {mon-sun: [[12:00, 20:00]]}}
""",
            "desks.yaml": """
desks:
  - {name: early, title: Early, calendar: early}
  - {name: late, title: Late, calendar: late}
""",
            "topologies.yaml": """
topologies: [{name: all, shape: centralized, desk: early}]
""",
            "sla.yaml": """
policies:
  - {name: answer, metric: response, targets: {P1: 30m, P2: 120m}}
  - {name: again, metric: next-response, targets: {P1: 30m, P2: 60m}}
  - {name: fix, metric: resolution, targets: {P1: 240m, P2: 720m}}
  - {name: held, metric: hold, targets: {P1: 60m, P2: 300m}}
""",
        }
    )


MOVES = st.lists(
    st.tuples(
        st.integers(0, 900),
        st.sampled_from(
            [
                "queued",
                "pended",
                "resumed",
                "resolved",
                "reopened",
                "closed",
                "begun",
                "wrote",
                "replied",
                "late-reply",
                "urgent",
                "tick",
                "tick",
            ]
        ),
        st.sampled_from(DESKS),
        st.sampled_from([PendReason.CUSTOMER, PendReason.SUPPLIER, PendReason.CHANGE]),
    ),
    max_size=25,
)


def played(number: int, moves: list[tuple[int, str, str, PendReason]]) -> Machine:
    """Return a ticket's machine after its moves."""
    business = (None, "alpha", "beta")[number % 3]
    story = Story(
        ticket=f"ticket-{number}",
        facts=facts(f"HD-{number}", accepted_at=START, business=business),
    )
    machine, at = Machine(organisation(), start=START, ticket=story.ticket), START
    machine.take(story.accepted(START))
    machine.take(story.queued(START, "early"))
    for gap, what, desk, reason in moves:
        at += gap * MINUTE
        match what:
            case "tick":
                machine.tick(at)
            case "queued":
                machine.take(story.queued(at, desk))
            case "pended":
                machine.take(story.pended(at, reason))
            case "wrote":
                machine.take(story.message(at, Direction.INBOUND, author="contact-1"))
            case "replied":
                machine.take(story.message(at))
            case "late-reply":
                machine.take(story.message(max(START, at - 300 * MINUTE)))
            case "urgent":
                machine.take(story.prioritised(at, Priority.P1))
            case _:
                machine.take(getattr(story, what)(at))
    return machine


def state_of(machine: Machine, until: datetime) -> list[ClocksState]:
    """Return the states of a ticket, event by event, as far as they were told by an instant."""
    found: list[ClocksState] = []
    document: Document[ClocksState] = Document(id=machine.document.id, tenant="main")
    for event in machine.events:
        if event.time > until:
            break
        document = fold(TICKET_CLOCKS, document, [event.encoded()])
        assert document.state is not None
        found.append(document.state)
    return found


def plain_outcomes(machine: Machine, until: datetime) -> dict[str, tuple[str, datetime, Clock]]:
    """Return each clock with its outcome as of an instant, from the whole list of states.

    A clock that is missing counts as it was last, where a later cycle of it is there: then it was
    let go. Otherwise there never was such a cycle.
    """
    last: dict[str, Clock] = {}
    for state in state_of(machine, until):
        there = {clock.view.clock: clock for clock in state.clocks}
        for name, clock in list(last.items()):
            if name in there:
                continue
            view = clock.view
            later = [
                one.view.cycle
                for one in there.values()
                if (one.view.policy, one.view.subject) == (view.policy, view.subject)
            ]
            if max(later, default=0) <= view.cycle:
                del last[name]
        last |= there
    found = {}
    for name, clock in last.items():
        view = clock.view
        if view.state is ClockState.CANCELLED:
            continue
        if view.breached_at is not None:
            found[name] = ("missed", view.breached_at, clock)
        elif view.state is ClockState.MISSED:
            assert view.due_at is not None
            found[name] = ("missed", view.due_at, clock)
        elif view.state is ClockState.MET:
            assert view.ended_at is not None
            found[name] = ("met", view.ended_at, clock)
    return found


def records_of(machines: list[Machine], data: st.DataObject) -> list[Record]:
    """Return the events of all tickets, mixed as the partitions may mix them."""
    queues = [list(machine.events) for machine in machines]
    found: list[Record] = []
    while any(queues):
        queue = data.draw(st.sampled_from([q for q in queues if q]))
        wire = queue.pop(0).encoded()
        found.append(Record(CLOCKS.name, 0, len(found), wire.key, wire.body, wire.headers()))
    return found


async def report_of(
    records: list[Record], data: st.DataObject, month: str, zone: str, as_of: datetime
) -> Report:
    """Return the report of what a projector makes of records, in batches, with redelivery."""
    evidence = MemoryEvidence()
    letters = Letters()
    projector = Projector(CLOCKS_TOLD, store=evidence, dead_letters=letters, clock=ManualClock())
    place = 0
    while place < len(records):
        size = data.draw(st.integers(1, 6))
        again = data.draw(st.integers(0, min(place, 4)))
        await projector.process(records[place - again : place + size])
        place += size
    assert not letters.kept
    found = month_of(month, time_zone=zone, grace=GRACE, now=as_of)
    tally = Tally(found, Asked())
    bounds = {"since": found.starts_at, "before": found.ends_at, "as_of": as_of}
    for met in await evidence.met("main", asked=Asked(), **bounds):
        tally.add_met(met)
    async for outcomes in evidence.missed("main", asked=Asked(), **bounds):
        for outcome in outcomes:
            assert tally.add(outcome)
    return tally.report(as_of=as_of)


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    tickets=st.lists(MOVES, min_size=1, max_size=3),
    zone=st.sampled_from(ZONES),
    month=st.sampled_from(["2026-03", "2026-04"]),
    minutes=st.integers(3 * 24 * 60, 12 * 24 * 60),
    data=st.data(),
)
def test_a_report_agrees_with_a_recomputation_from_the_raw_events(
    tickets: list[list[tuple[int, str, str, PendReason]]],
    zone: str,
    month: str,
    minutes: int,
    data: st.DataObject,
) -> None:
    """Whatever the order of the topic and the instant: the counts, the breaches and the ledgers."""
    machines = [played(number, moves) for number, moves in enumerate(tickets)]
    as_of = START + minutes * MINUTE
    records = records_of(machines, data)
    report = asyncio.run(report_of(records, data, month, zone, as_of))
    expected: list[tuple[Machine, str, str, datetime, Clock]] = [
        (machine, name, outcome, at, clock)
        for machine in machines
        for name, (outcome, at, clock) in plain_outcomes(machine, as_of).items()
        if report.starts_at <= at < report.ends_at
    ]
    counts = Counter(outcome for _, _, outcome, _, _ in expected)
    assert (report.total.met, report.total.missed) == (counts["met"], counts["missed"])
    for lines in (report.customers, report.desks, report.priorities, report.promises, report.days):
        assert sum(line.met for line in lines) == counts["met"]
        assert sum(line.missed for line in lines) == counts["missed"]
    missed = {(m.document.id, n): (at, c) for m, n, o, at, c in expected if o == "missed"}
    assert {(b.ticket, b.clock): b.due_at for b in report.breaches} == {
        key: at for key, (at, _) in missed.items()
    }
    for breach in report.breaches:
        _, clock = missed[(breach.ticket, breach.clock)]
        view = clock.view
        assert breach.used_seconds == view.used_seconds
        assert sum(ms_of(s.seconds) for s in breach.spent) == ms_of(view.used_seconds)
        end = view.ended_at
        if end is not None:
            lasted = (end - view.started_at) / timedelta(milliseconds=1)
            paused = sum(ms_of(pause.seconds) for pause in breach.pauses)
            assert paused + ms_of(view.elapsed_seconds) == lasted
        if all(not span.merged for span in clock.spans):
            closed = Counter[str]()
            for span in clock.spans:
                closed[span.desk or ""] += ms_of(span.used_seconds)
            for used in breach.spent:
                if end is not None:
                    mine = sum(ms_of(s.seconds) for s in breach.spent if s.desk == used.desk)
                    assert mine == closed[used.desk or ""]
    whole = sum(ms_of(s.seconds) for breach in report.breaches for s in breach.spent)
    assert sum(ms_of(cause.seconds) for cause in report.causes) == whole


@given(number=st.integers(1, 40))
@example(number=HISTORY_MAX)
@settings(max_examples=15, deadline=None)
def test_a_settled_history_keeps_who_spent_the_time(number: int) -> None:
    """A document merges old lines without their desks; the evidence still tells them apart."""
    moves = [(60, "queued", DESKS[turn % 2], PendReason.CUSTOMER) for turn in range(number + 62)]
    pauses = [
        (5, "pended", "early", PendReason.CUSTOMER),
        (30, "resumed", "early", PendReason.CUSTOMER),
    ]
    machine = played(1, [*pauses, *moves, (1, "tick", "early", PendReason.CUSTOMER)])
    assert machine.document.state is not None
    assert machine.document.state.settled
    whole: Counter[str] = Counter()
    evidence = Evidence()
    for event in machine.events:
        evidence = told(evidence, event).evidence
    assert evidence.earlier
    state = evidence.clocks
    assert state is not None
    fix = next(clock for clock in state.clocks if clock.view.policy == "fix")
    assert fix.spans[0].merged
    earlier = evidence.earlier[fix.view.clock]
    for spent in earlier.spent:
        assert spent.desk in DESKS
        whole[spent.desk or ""] += spent.ms
    assert sum(whole.values()) == ms_of(fix.spans[0].used_seconds)
    assert [(pause.reason, pause.ms) for pause in earlier.stood] == [("customer", 30 * 60_000)]


def standing(machine: Machine) -> dict[str, str]:
    """Return the outcome of each clock that stands after all events of a ticket."""
    evidence = Evidence()
    outcomes: dict[str, str] = {}
    for event in machine.events:
        news = told(evidence, event)
        evidence = news.evidence
        for gone in news.replaced:
            del outcomes[gone.clock]
        outcomes |= {
            v.outcome.clock: f"{v.outcome.outcome} {v.outcome.decided_at:%d %H:%M}"
            for v in news.versions
        }
    return outcomes


def test_a_cycle_that_its_document_lets_go_still_counts() -> None:
    """A document keeps few ended cycles of a clock; all of them are in the evidence."""
    pair = [
        (1, "wrote", "early", PendReason.CUSTOMER),
        (1, "replied", "early", PendReason.CUSTOMER),
    ]
    machine = played(1, [(1, "replied", "early", PendReason.CUSTOMER), *(pair * 9)])
    assert machine.document.state is not None
    kept = [c for c in machine.document.state.clocks if c.view.policy == "again"]
    assert len(kept) < 9
    found = [outcome for clock, outcome in standing(machine).items() if clock.startswith("again")]
    assert len(found) == 9
    assert all(outcome.startswith("met") for outcome in found)
