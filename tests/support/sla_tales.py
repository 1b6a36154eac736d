"""Random tickets with every metric and condition, and what a plain walk says of their clocks.

A `Tale` is all that intake and routing say of one ticket. Priorities change, desks and suppliers
change, a second version of the configuration is applied on the way, agreements promise something
else to some tickets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from services.sla.domain.count import seen_at
from services.sla.domain.model import Clock
from shared.contracts.envelope import Event
from shared.contracts.facts import Priority
from shared.contracts.intake import Direction, FactChange, RequestReclassified
from shared.contracts.routing import PendReason
from shared.contracts.sla import ClockBreached, ClockBreachWithdrawn
from shared.organisation import Configuration, parse_sections
from tests.support.sla import Story, facts
from tests.support.sla_machine import Machine
from tests.support.sla_walk import MINUTE, Answer, Now, Spec, Walk

START: Final = datetime(2026, 3, 5, 10, 0, tzinfo=UTC)
"""A Thursday."""
DESKS: Final = ("early", "late", "night")
SUPPLIERS: Final = ("cables", "printers")
OVER: Final = {"resolved", "closed"}

POLICIES: Final = """
policies:
  - {name: answer, metric: response, targets: {P2: 120m, P3: 300m}}
  - {name: further, metric: next-response, targets: {P2: 90m, P3: 200m}}
  - {name: word, metric: update, targets: {P2: 180m, P3: 400m}}
  - {name: fix, metric: resolution, targets: {P2: 720m, P3: 1000m, P4: 200m}}
  - {name: fresh, metric: resolution, targets: {P2: 300m}, calendar: late, reopen: new-cycle}
  - {name: take, metric: own, targets: {P2: 100m, P3: 200m}}
  - {name: whole, metric: wait, targets: {P2: 600m, P3: 800m}}
  - {name: held, metric: hold, kind: ola, targets: {P2: 240m, P3: 400m}}
  - {name: vendor, metric: supplier, kind: uc, targets: {P2: 120m, P3: 300m}, calendar: supplier,
     otherwise: late}
  - {name: later, metric: resolution, targets: {P2: 400m}, retroactive: false}
  - name: odd
    metric: resolution
    targets: {P2: 200m, P3: 500m}
    starts_when: desk != "early" || event == "replied"
    pauses_when: desk == "night" || reason == "change"
    resumes_when: event == "resumed" || event == "replied"
    stops_when: event == "accepted" || status in ["resolved", "closed"]
    resets_when: event == "wrote"
    cancels_when: event == "regarded" && desk == "late"
"""


def _answers(now: Now) -> bool:
    return now.event == "replied" or now.over


SPECS: Final = {
    "answer": Spec({"P2": 120, "P3": 300}, stops=_answers, goes_on=False),
    "further": Spec(
        {"P2": 90, "P3": 200},
        starts=lambda now: now.asked,
        stops=_answers,
        again=True,
        goes_on=False,
    ),
    "word": Spec(
        {"P2": 180, "P3": 400}, resets=lambda now: now.event == "replied", again=True, goes_on=False
    ),
    "fix": Spec({"P2": 720, "P3": 1000, "P4": 200}),
    "fresh": Spec({"P2": 300}, calendar="late", new_cycle=True),
    "take": Spec(
        {"P2": 100, "P3": 200},
        stops=lambda now: now.over or now.status in {"accepted", "in-progress"},
        goes_on=False,
    ),
    "whole": Spec(
        {"P2": 600, "P3": 800}, pauses=lambda now: now.waits and now.reason == "customer"
    ),
    "held": Spec({"P2": 240, "P3": 400}, whose="desk"),
    "vendor": Spec(
        {"P2": 120, "P3": 300}, pauses=lambda _: False, whose="supplier", calendar="supplier"
    ),
    "later": Spec({"P2": 400}, retroactive=False),
    "odd": Spec(
        {"P2": 200, "P3": 500},
        starts=lambda now: (now.desk not in {"", "early"}) or now.event == "replied",
        pauses=lambda now: now.desk == "night" or now.reason == "change",
        resumes=lambda now: now.event in {"resumed", "replied"},
        stops=lambda now: now.event == "accepted" or now.over,
        resets=lambda now: now.event == "wrote",
        cancels=lambda now: (
            now.reason == "merged" or (now.event == "regarded" and now.desk == "late")
        ),
    ),
}


@dataclass(frozen=True)
class Condition:
    """Which tickets an agreement takes: in the words of the configuration, and by hand."""

    text: str
    holds: Callable[[str, bool, str], bool]
    """Of priority, VIP or not, and the desk that is asked for."""


CONDITIONS: Final = {
    one.text: one
    for one in (
        Condition("true", lambda _priority, _vip, _desk: True),
        Condition("vip", lambda _priority, vip, _desk: vip),
        Condition('priority == "P3"', lambda priority, _vip, _desk: priority == "P3"),
        Condition(
            '!vip && priority in ["P3", "P4"]',
            lambda priority, vip, _desk: not vip and priority in {"P3", "P4"},
        ),
        Condition('desk == "late"', lambda _priority, _vip, desk: desk == "late"),
    )
}


@dataclass(frozen=True)
class Promise:
    """An agreement: for whom, from when to when, and what instead."""

    state: str
    valid_from: date | None
    valid_until: date | None
    time_zone: str
    kind: str
    condition: str
    targets: tuple[tuple[str, tuple[tuple[str, int], ...]], ...]
    """Policy to priority to minutes."""

    def text(self, number: int) -> str:
        """Return it as YAML."""
        targets = ", ".join(
            f"{name}: {{{', '.join(f'{priority}: {m}m' for priority, m in of)}}}"
            for name, of in self.targets
        )
        since = f", valid_from: {self.valid_from}" if self.valid_from else ""
        until = f", valid_until: {self.valid_until}" if self.valid_until else ""
        return (
            f"  - {{name: agreed-{number}, title: Agreed, kind: {self.kind}, "
            f"state: {self.state}{since}{until}, time_zone: {self.time_zone}, "
            f"condition: '{self.condition}', targets: {{{targets}}}}}"
        )

    def counts(self, policy: str, kind: str, *, vip: bool, desk: str) -> bool:
        """Return whether its targets of a policy are for a ticket, but for the priority's own."""
        today = START.astimezone(ZoneInfo(self.time_zone)).date()
        return (
            self.state in {"in-force", "reviewed"}
            and (self.valid_from or today) <= today <= (self.valid_until or today)
            and self.kind == KINDS.get(policy, "sla")
            and policy in dict(self.targets)
            and CONDITIONS[self.condition].holds(kind, vip, desk)
        )


KINDS: Final = {"held": "ola", "vendor": "uc"}
"""Of the policies that are of another kind than sla."""
PRIORITIES: Final = ("P2", "P3", "P4")


def promised(policy: str, promises: Sequence[Promise], desk: str) -> dict[str, int]:
    """Return what a policy and its agreements promise, by hand: what a ticket is to minutes."""
    own, found = SPECS[policy].targets, dict[str, int]()
    for priority in PRIORITIES:
        for vip in (False, True):
            minutes = own.get(priority)
            for promise in promises:
                if promise.counts(policy, priority, vip=vip, desk=desk):
                    minutes = dict(dict(promise.targets)[policy]).get(priority, minutes)
                    break
            if minutes is not None:
                found[kind_of(priority, vip=vip)] = minutes
    return found


def kind_of(priority: str, *, vip: bool) -> str:
    """Return what of a ticket decides its targets, in a word."""
    return f"{priority} of a VIP" if vip else priority


@lru_cache(maxsize=1_024)
def organisation(
    version: int, promises: tuple[Promise, ...] = (), policies: str | None = None
) -> Configuration:
    """Return three desks and two suppliers; in the second version they all begin an hour later,
    and what the policies promise is another thing, unless they are given.
    """
    later = version - 1
    if policies is None:
        policies = POLICIES if version == 1 else POLICIES.replace("P2: ", "P2: 1h")
    return parse_sections(
        {
            "calendars.yaml": f"""
calendars:
  - {{name: early, time_zone: UTC, hours: {{mon-fri: [["0{6 + later}:00", "14:00"]]}}}}
  - {{name: late, time_zone: UTC, hours: {{mon-sun: [["{12 + later}:00", "20:00"]]}}}}
  - {{name: night, time_zone: UTC, hours: {{mon-fri: [["{22 + later}:00", "04:00"]]}}}}
  - {{name: cables, time_zone: UTC, hours: {{mon-sat: [["0{8 + later}:00", "16:00"]]}}}}
""",
            "desks.yaml": """
desks:
  - {name: early, title: Early, calendar: early}
  - {name: late, title: Late, calendar: late}
  - {name: night, title: Night, calendar: night}
""",
            "suppliers.yaml": """
suppliers:
  - {name: cables, title: Cables, calendar: cables}
  - {name: printers, title: Printers}
""",
            "topologies.yaml": "topologies: [{name: all, shape: centralized, desk: early}]",
            "sla.yaml": policies,
            "agreements.yaml": "\n".join(
                ["agreements:", *(one.text(number) for number, one in enumerate(promises))]
            )
            if promises
            else "agreements: []",
        }
    )


def is_open(name: str, version: int, at: datetime) -> bool:
    """Return whether a desk or supplier is open in the minute that begins at an instant.

    Version 0 is that of the ticket's policies, which is the first.
    """
    later = max(0, version - 1)
    match name:
        case "early":
            return at.weekday() < 5 and 6 + later <= at.hour < 14
        case "late" | "printers":
            since = 12 + (later if name == "late" else 0)
            return since <= at.hour < 20
        case "cables":
            return at.weekday() < 6 and 8 + later <= at.hour < 16
        case "night":
            yesterday = (at - timedelta(days=1)).weekday()
            return (at.weekday() < 5 and at.hour >= 22 + later) or (yesterday < 5 and at.hour < 4)
        case _:
            raise AssertionError(name)


@dataclass(frozen=True)
class Move:
    """One thing that routing says: after so many minutes, this."""

    gap: int
    what: str
    desk: str
    reason: PendReason
    supplier: str | None


@dataclass(frozen=True)
class Word:
    """One thing that intake says."""

    gap: int
    what: str
    priority: Priority
    vip: bool = False


def timeline(
    words: Sequence[tuple[datetime, Word]], moves: Sequence[tuple[datetime, Move, int]]
) -> list[Now]:
    """Return how things stood from each event on; at one instant what was said comes first."""
    first = moves[0]
    now = Now(START, desk=first[1].desk, version=first[2])
    found = [now]
    told: list[tuple[datetime, int, Any]] = [
        *((at, 0, word) for at, word in words if word.what in {"wrote", "replied"}),
        *((at, 1, (move, version)) for at, move, version in moves),
    ]
    for at, _, what in sorted(told, key=lambda item: item[:2]):
        if isinstance(what, Word):
            now = replace(
                now,
                at=at,
                event=what.what,
                reopened=False,
                asked=what.what == "wrote" and (now.asked or now.answered),
                answered=now.answered or what.what == "replied",
            )
        else:
            now = moved(now, at, *what)
        found.append(now)
    return found


EVENTS: Final = {
    "queued": "queued",
    "offered": "offered",
    "assigned": "assigned",
    "begun": "accepted",
    "pended": "paused",
    "resumed": "resumed",
    "resolved": "resolved",
    "reopened": "reopened",
    "closed": "closed",
    "merged": "closed",
    "regarded": "regarded",
}
STATUSES: Final = {
    "queued": "queued",
    "offered": "offered",
    "assigned": "assigned",
    "begun": "accepted",
    "pended": "pending",
    "resumed": "accepted",
    "resolved": "resolved",
    "reopened": "queued",
    "closed": "closed",
    "merged": "closed",
}


def moved(now: Now, at: datetime, move: Move, version: int) -> Now:
    """Return how things stand after a move."""
    status = STATUSES.get(move.what, now.status)
    reason, supplier = None, None
    if move.what == "pended":
        reason = move.reason.value
        supplier = move.supplier if move.reason is PendReason.SUPPLIER else None
    elif move.what == "merged":
        reason = "merged"
    elif move.what == "regarded":
        reason, supplier = now.reason, now.supplier
    desk = move.desk if move.what == "queued" else now.desk
    waits_on = supplier is not None and supplier == now.supplier
    over = status in OVER
    return replace(
        now,
        at=at,
        event=EVENTS[move.what],
        desk=desk,
        version=now.version if desk == now.desk else version,
        status=status,
        reason=reason,
        supplier=supplier,
        waits_version=now.waits_version if waits_on else version,
        over=over,
        reopened=now.over and not over,
        answered=now.answered or (over and not now.over),
        asked=now.asked and not (over and not now.over),
    )


GAPS = st.integers(0, 20).map(lambda halves: halves * 30) | st.integers(0, 500)
FIRST = st.builds(
    Move,
    gap=st.integers(0, 60),
    what=st.just("queued"),
    desk=st.sampled_from(DESKS),
    reason=st.just(PendReason.CUSTOMER),
    supplier=st.none(),
)
MOVE = st.builds(
    Move,
    gap=GAPS,
    what=st.sampled_from(list(EVENTS)),
    desk=st.sampled_from(DESKS),
    reason=st.sampled_from(list(PendReason)),
    supplier=st.sampled_from([*SUPPLIERS, None]),
)
WORD = st.builds(
    Word,
    gap=GAPS,
    what=st.sampled_from(["wrote", "replied", "noted", "automatic", "reclassified"]),
    priority=st.sampled_from([Priority.P2, Priority.P3, Priority.P4]),
    vip=st.booleans(),
)
MOVES = st.lists(MOVE, max_size=8)
WORDS = st.lists(WORD, max_size=6)
ACCEPTED: Final = START.date()
"""In Kiritimati it is the next day already then, and in Pago Pago the day before."""
DAY: Final = timedelta(days=1)
PROMISE = st.builds(
    Promise,
    state=st.sampled_from(["in-force", "in-force", "in-force", "reviewed", "signed", "expired"]),
    valid_from=st.sampled_from([None, None, ACCEPTED, ACCEPTED + DAY]),
    valid_until=st.sampled_from([None, None, ACCEPTED, ACCEPTED + DAY]),
    time_zone=st.sampled_from(["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"]),
    kind=st.just("sla"),
    condition=st.sampled_from(sorted(CONDITIONS)),
    targets=st.dictionaries(
        st.sampled_from(sorted(SPECS)),
        st.dictionaries(
            st.sampled_from(PRIORITIES),
            st.integers(1, 20).map(lambda halves: halves * 30) | st.integers(1, 900),
            min_size=1,
        ).map(lambda of: tuple(of.items())),
        min_size=1,
    ).map(lambda targets: tuple(targets.items())),
).filter(lambda one: (one.valid_from or ACCEPTED) <= (one.valid_until or ACCEPTED + DAY))
PROMISES = st.lists(PROMISE, max_size=4).map(
    lambda promises: tuple(part for one in promises for part in by_kind(one))
)


def by_kind(promise: Promise) -> list[Promise]:
    """Return an agreement as one for each kind of policy: an agreement is of one kind."""
    found: dict[str, list[tuple[str, tuple[tuple[str, int], ...]]]] = {}
    for name, of in promise.targets:
        found.setdefault(KINDS.get(name, "sla"), []).append((name, of))
    return [replace(promise, kind=kind, targets=tuple(of)) for kind, of in found.items()]


@dataclass
class Tale:
    """All that is said of one ticket, each with its instant."""

    words: list[tuple[datetime, Word]] = field(default_factory=list)
    moves: list[tuple[datetime, Move, int]] = field(default_factory=list)
    """With the version of routing then."""
    requests: list[Event[Any]] = field(default_factory=list)
    """What intake says."""
    tickets: list[Event[Any]] = field(default_factory=list)
    """What routing says."""

    @property
    def ends_at(self) -> datetime:
        """When the last was said."""
        return max(event.time for event in (*self.requests, *self.tickets))

    def kinds(self) -> list[tuple[datetime, str]]:
        """Return what the ticket is that decides its targets, from each instant on."""
        kinds = [(START, kind_of("P2", vip=False))]
        for at, word in self.words:
            kind = kind_of(word.priority.value, vip=word.vip)
            if word.what == "reclassified" and kind != kinds[-1][1]:
                kinds.append((at, kind))
        return kinds

    def targets(
        self, policy: str, promises: Sequence[Promise], subject: str | None
    ) -> dict[str, int]:
        """Return what is promised of a policy's clock, as `promised` does."""
        desk = subject if subject and SPECS[policy].whose == "desk" else self.moves[0][1].desk
        return promised(policy, promises, desk)

    def answers(
        self, policy: str, end: datetime, promises: Sequence[Promise] = ()
    ) -> dict[str | None, list[Answer]]:
        """Return what a walk over the minutes says of a policy's clocks, subject by subject."""
        entries, kinds = timeline(self.words, self.moves), self.kinds()
        spec, subjects = SPECS[policy], list[str | None]([None])
        if spec.whose == "desk":
            subjects = list(dict.fromkeys(entry.desk for entry in entries))
        elif spec.whose == "supplier":
            subjects = list(dict.fromkeys(e.supplier for e in entries if e.supplier))
        found: dict[str | None, list[Answer]] = {}
        for subject in subjects:
            known = replace(spec, targets=self.targets(policy, promises, subject))
            walk = Walk(known, entries, kinds, end, subject=subject, is_open=is_open)
            found[subject] = walk.answers()
        return found


def tale_of(first: Move, others: Sequence[Move], spoken: Sequence[Word], edited: int) -> Tale:
    """Return the tale of moves and words; a second version is in force after ``edited`` minutes.

    It says which hours the desks have that take over from then on, and nothing of what was
    promised.
    """
    # Intake and routing tell of one ticket, each with its own copy of the facts.
    intake, routing = Story(facts=facts(accepted_at=START)), Story(facts=facts(accepted_at=START))
    tale = Tale(requests=[intake.accepted(START)])
    at = START
    for word in spoken:
        at += word.gap * MINUTE
        tale.words.append((at, word))
        tale.requests.append(said(intake, at, word))
    at = START
    for move in [first, *others]:
        at += move.gap * MINUTE
        routing.version = 1 if at < START + edited * MINUTE else 2
        tale.moves.append((at, move, routing.version))
        tale.tickets.append(told(routing, at, move))
    return tale


def said(story: Story, at: datetime, word: Word) -> Event[Any]:
    """Return the event of a word."""
    match word.what:
        case "wrote":
            return story.message(at, Direction.INBOUND, author="contact-1")
        case "replied":
            return story.message(at)
        case "noted":
            return story.message(at, Direction.INTERNAL)
        case "automatic":
            return story.message(at, author="system")
        case _:
            update = {"priority": word.priority, "vip": word.vip}
            story.facts = story.facts.model_copy(update=update)
            changes = (FactChange(field="priority", now=word.priority.value),)
            return story._request(
                at, RequestReclassified(facts=story.facts, changes=changes, by="ann")
            )


def told(story: Story, at: datetime, move: Move) -> Event[Any]:
    """Return the event of a move."""
    match move.what:
        case "queued":
            return story.queued(at, move.desk)
        case "pended":
            supplier = move.supplier if move.reason is PendReason.SUPPLIER else None
            return story.pended(at, move.reason, supplier=supplier)
        case "merged":
            return story.closed(at, "merged")
        case _:
            event: Event[Any] = getattr(story, move.what)(at)
            return event


def check(
    machine: Machine,
    policy: str,
    subject: str | None,
    answers: Sequence[Answer],
    end: datetime,
) -> None:
    """Hold a policy's clocks against the reference's answers."""
    clocks = {
        clock.view.cycle: clock
        for clock in machine.state.clocks
        if (clock.view.policy, clock.view.subject) == (policy, subject)
    }
    numbers = {answer.number for answer in answers}
    assert set(clocks) <= numbers
    assert not numbers or max(numbers) in clocks
    for answer in answers:
        if answer.number in clocks:
            one(machine, clocks[answer.number], answer, end)


def one(machine: Machine, clock: Clock, answer: Answer, end: datetime) -> None:
    """Hold one clock against the reference's answer."""
    view = seen_at(clock, max(end, clock.view.started_at), machine.rules)
    assert view.used_seconds == answer.used * 60
    assert view.elapsed_seconds == answer.elapsed * 60
    assert view.ended_at == answer.ended
    assert view.target_seconds == answer.target * 60
    settlement = machine.state.settlement
    if settlement is not None and answer.due is not None and answer.due <= settlement.at:
        # Of settled lines only the sum is known: a due time may be late there, and never early.
        assert view.due_at is not None
        assert answer.due <= view.due_at <= settlement.at
    elif answer.ended is None or answer.breached:
        assert view.due_at == answer.due
    own = [e.body for e in machine.events if getattr(e.body, "clock", None) == view.clock]
    net = sum(isinstance(b, ClockBreached) - isinstance(b, ClockBreachWithdrawn) for b in own)
    assert net == (1 if view.breached_at is not None else 0)
    if view.breached_at is None or view.breached_at < end:
        # A ticker may have run with an instant beyond the end: then it told too soon.
        assert (view.breached_at is not None) == answer.breached
        assert view.state == answer.state
