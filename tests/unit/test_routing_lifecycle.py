from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.routing.domain import commands, confirming, escalating, levels, resolving, tasks
from services.routing.domain.levels import NEEDS, Deed, first_line_of, level_of, require_level
from services.routing.domain.requests import (
    ALERTS_CLEARED,
    decide_alerts,
    decide_merged,
    decide_message,
    decide_parent_solved,
    decide_request,
)
from services.routing.domain.self_service import AUTOMATION, SELF_SERVICE
from services.routing.domain.sidework import TASKS_OPEN_MAX, TASKS_SETTLED_KEPT_MAX, TaskStatus
from services.routing.domain.silence import reminder_seconds
from services.routing.domain.tickets import TICKETS, TicketState
from services.routing.domain.timers import decide_due, decide_remind, decide_silence
from shared.aggregate import Document, Step, fold, plan
from shared.contracts.envelope import Body
from shared.contracts.facts import Kind, Priority
from shared.contracts.intake import ReplyVerdict
from shared.contracts.lifecycle import (
    EscalationKind,
    TaskCancelled,
    TicketConfirmed,
    TicketReminded,
    WatcherKind,
)
from shared.contracts.links import ParentSolved, RequestMerged
from shared.contracts.routing import (
    PendReason,
    QueueReason,
    Resolver,
    Said,
    Status,
    TicketClosed,
    TicketQueued,
    TicketReopened,
    TicketResolved,
)
from shared.kernel import CommandRejected
from shared.organisation import (
    Configuration,
    ConfigurationInvalid,
    LifecycleSection,
    SilenceRule,
)
from shared.organisation.lifecycle import RESERVED_CODES
from shared.organisation.words import StaffingName
from shared.verdicts import Verdict, VerdictSigner
from tests.support.routing import TENANT, accepted, alerts, at, facts, message, organisation

DESKS = """
desks:
  - {name: front, title: Front, calendar: day, tier: 1, escalates_to: second}
  - {name: second, title: Second, calendar: always, tier: 2, staffing: expert, escalates_to: third}
  - {name: third, title: Third, calendar: always, tier: 3, staffing: expert}
"""
AGENTS = """
agents:
  - {id: cara, name: Cara, email: c@example.org, desks: [front], staffing: call-operator}
  - {id: lou, name: Lou, email: l@example.org, desks: [front], staffing: logger}
  - {id: sam, name: Sam, email: s@example.org, desks: [front]}
  - {id: sue, name: Sue, email: u@example.org, desks: [second], staffing: skilled}
  - {id: eva, name: Eva, email: e@example.org, desks: [second, third]}
"""
TOPOLOGIES = """
topologies:
  - {name: all, shape: centralized, desk: front}
"""


def configured(lifecycle: str = "") -> Configuration:
    """Return an organisation of three tiers, with a section ``lifecycle``."""
    files = {"desks": DESKS, "agents": AGENTS, "topologies": TOPOLOGIES}
    return organisation(**files, **({"lifecycle": lifecycle} if lifecycle else {}))


PLAIN = configured()


class Life:
    """One ticket and its commands, each one plan of the commit protocol."""

    def __init__(self, configuration: Configuration = PLAIN, **known: Any) -> None:
        self.configuration = configuration
        self.now = at(9)
        self.document: Document[TicketState] = Document(id="t", tenant=TENANT)
        self.body(accepted("T-000001", **known))

    @property
    def state(self) -> TicketState:
        """The state, which is there."""
        assert self.document.state is not None
        return self.document.state

    def do(self, decide: Any) -> list[Body]:
        """Apply a decision; return its bodies."""
        found = plan(TICKETS, self.document, [Step(decide=decide)], now=self.now, configversion=1)
        if found.write is None:
            return []
        self.document = found.write.after
        return [event.body for event in found.write.bodies]

    def body(self, body: Any) -> list[Body]:
        """Take in an event of intake."""
        decide = {
            "RequestAccepted": decide_request,
            "MessageAdded": decide_message,
            "AlertsChanged": decide_alerts,
            "ParentSolved": decide_parent_solved,
            "RequestMerged": decide_merged,
        }[type(body).__name__]
        return self.do(lambda s: decide(s, body, self.now, self.configuration))  # type: ignore[operator]

    def accept(self, agent: str = "sam") -> list[Body]:
        """Let an agent accept."""
        return self.do(lambda s: commands.decide_accept(s, agent=agent, weight=1, by=agent))

    def start(self, agent: str = "sam") -> list[Body]:
        """Let an agent begin."""
        return self.do(
            lambda s: confirming.decide_start(
                s, agent=agent, weight=1, by=agent, configuration=self.configuration
            )
        )

    def pend(self, reason: PendReason = PendReason.CUSTOMER, **until: Any) -> list[Body]:
        """Let it wait."""
        return self.do(
            lambda s: commands.decide_pend(
                s, reason=reason, until=until.get("until"), by="sam", now=self.now
            )
        )

    def resolve(self, by: str = "sam", code: str | None = "solved", **more: Any) -> list[Body]:
        """Resolve it."""
        return self.do(
            lambda s: resolving.decide_resolve(
                s,
                code=code,
                article=more.pop("article", None),
                by=by,
                now=self.now,
                configuration=self.configuration,
                **more,
            )
        )

    def confirm(self, satisfied: bool = True, **more: Any) -> list[Body]:  # noqa: FBT001, FBT002
        """Say whether it is solved."""
        return self.do(
            lambda s: confirming.decide_confirm(
                s,
                satisfied=satisfied,
                said=more.get("said", Said.LINK),
                by="contact",
                now=self.now,
                configuration=self.configuration,
                resolution=more.get("resolution"),
            )
        )

    def escalate(self, kind: EscalationKind, **more: Any) -> list[Body]:
        """Call for help."""
        return self.do(
            lambda s: escalating.decide_escalate(
                s,
                kind=kind,
                reason=more.get("reason", "skills"),
                to=more.get("to"),
                by="sam",
                now=self.now,
                configuration=self.configuration,
            )
        )

    def transfer(self, desk: str) -> list[Body]:
        """Put it into a desk's queue."""
        return self.do(
            lambda s: commands.decide_transfer(
                s,
                desk=self.configuration.desk(desk),
                by="sam",
                now=self.now,
                configuration=self.configuration,
            )
        )

    def task(self, name: str = "a", **whose: Any) -> list[Body]:
        """Ask for a part of the work."""
        asked = whose or {"desk": "second"}
        return self.do(
            lambda s: tasks.decide_task(
                s,
                task=name,
                code="replace-disk",
                note="note-1",
                desk=asked.get("desk"),
                agent=asked.get("agent"),
                by="sam",
                configuration=self.configuration,
            )
        )


def names(bodies: Sequence[Body]) -> list[str]:
    """Return the names of events, such as ``queued``."""
    return [b.type.removeprefix("heliodesk.ticket.").removesuffix(".v1") for b in bodies]


def refused(deed: Any) -> CommandRejected:
    """Return how a deed is refused."""
    with pytest.raises(CommandRejected) as error:
        deed()
    return error.value


def test_starting_takes_accepts_and_begins_in_one() -> None:
    """From the queue it is three facts, from an accepted ticket one, and again none."""
    life = Life()
    assert names(life.start()) == ["assigned", "accepted", "started"]
    assert (life.state.status, life.state.holder) == (Status.IN_PROGRESS, "sam")
    assert life.start() == []
    assert life.accept() == []
    other = Life()
    other.accept()
    assert names(other.start()) == ["started"]
    assert refused(lambda: other.start("eva")).code == "already-assigned"


@pytest.mark.parametrize("begin", ["accept", "start"])
def test_what_waited_goes_on_where_it_was(begin: str) -> None:
    """Resumed by an agent, by an answer or by the clock, it is as far as it had been."""
    life = Life()
    getattr(life, begin)()
    status = life.state.status
    life.pend()
    life.pend(PendReason.SUPPLIER)
    life.do(lambda s: commands.decide_resume(s, by="sam"))
    assert (life.state.status, life.state.paused_from) == (status, None)
    life.pend()
    life.body(message("T-000001"))
    assert life.state.status is status
    life.pend(PendReason.UNTIL, until=at(10))
    life.do(lambda s: decide_due(s, now=at(10)))
    assert life.state.status is status


def test_a_satisfied_requester_closes_the_ticket() -> None:
    """Confirmed comes before closed, which says why; a second click changes nothing."""
    life = Life()
    life.start()
    life.resolve()
    first = life.state.resolution
    bodies = life.confirm(resolution=first)
    assert names(bodies) == ["confirmed", "closed"]
    confirmed, closed = bodies
    assert isinstance(confirmed, TicketConfirmed)
    assert isinstance(closed, TicketClosed)
    assert (confirmed.said, confirmed.resolution, closed.reason) == (Said.LINK, first, "confirmed")
    assert life.confirm(resolution=first) == []
    assert refused(lambda: life.confirm(False, resolution=first)).code == "wrong-status"


def test_a_dissatisfied_requester_reopens_it_for_who_solved_it() -> None:
    """The reason is kept; an answer to the earlier resolution is told apart afterwards."""
    life = Life()
    life.start()
    life.resolve()
    first = life.state.resolution
    bodies = life.confirm(False, resolution=first)
    assert names(bodies) == ["reopened", "queued"]
    assert isinstance(bodies[0], TicketReopened)
    assert (bodies[0].reason, bodies[0].said) == ("dissatisfied", Said.LINK)
    assert (life.state.solver, life.state.reopened) == ("sam", True)
    assert life.confirm(False, resolution=first) == []
    assert refused(lambda: life.confirm(True, resolution=first)).code == "wrong-status"
    life.resolve()
    assert refused(lambda: life.confirm(True, resolution=first)).code == "earlier-resolution"
    assert names(life.confirm(True, resolution=life.state.resolution)) == ["confirmed", "closed"]


@pytest.mark.parametrize(
    ("verdict", "events", "reason"),
    [
        (ReplyVerdict.SATISFIED, ["confirmed", "closed"], "confirmed"),
        (ReplyVerdict.DISSATISFIED, ["reopened", "queued"], "dissatisfied"),
        (None, ["reopened", "queued"], "message"),
        (ReplyVerdict.UNKNOWN, ["reopened", "queued"], "message"),
    ],
)
def test_a_reply_to_a_resolution(
    verdict: ReplyVerdict | None, events: list[str], reason: str
) -> None:
    """A whole message that says solved closes; anything else reopens, and says which it was."""
    life = Life()
    life.resolve()
    bodies = life.body(message("T-000001").model_copy(update={"verdict": verdict}))
    assert names(bodies) == events
    last = bodies[-1] if events[-1] == "closed" else bodies[0]
    assert getattr(last, "reason") == reason  # noqa: B009


def test_thanks_after_the_end_asks_nobody_for_anything() -> None:
    """A satisfied reply to a closed ticket makes no follow-up."""
    life = Life()
    life.resolve()
    life.confirm()
    said = message("T-000001").model_copy(update={"verdict": ReplyVerdict.SATISFIED})
    assert life.body(said) == []


def test_silence_counts_the_hours_of_the_desk() -> None:
    """Three hours of a desk that is open from 9 to 17 end on the next morning, once."""
    life = Life(configured("close_after_silence: 3h\n"))
    life.now = at(15)
    life.resolve()
    assert life.state.close_at == at(10, day=3)
    early = at(9, 59, day=3)
    assert life.do(lambda s: decide_silence(s, now=early, after_seconds=1)) == []
    (closed,) = life.do(lambda s: decide_silence(s, now=at(10, day=3), after_seconds=1))
    assert isinstance(closed, TicketClosed)
    assert (closed.reason, closed.by) == ("silence", "system")
    assert life.do(lambda s: decide_silence(s, now=at(11, day=3), after_seconds=1)) == []


def test_silence_follows_the_first_rule_that_takes_the_ticket() -> None:
    """By kind, priority and desk; ``never`` leaves it to people, nothing to the setting."""
    text = """
close_after_silence: 8h
silence:
  - {priorities: [P1], after: never}
  - {kinds: [service-request], desks: [front], after: 1h}
"""
    grave = Life(configured(text), priority=Priority.P1)
    grave.resolve()
    assert (grave.state.close_at, grave.state.keeps_open) == (None, True)
    later = at(9, day=9)
    assert grave.do(lambda s: decide_silence(s, now=later, after_seconds=1)) == []
    asked = Life(configured(text), kind=Kind.SERVICE_REQUEST)
    asked.resolve()
    assert asked.state.close_at == at(10)
    usual = Life(configured(text))
    usual.resolve()
    assert usual.state.close_at == at(17)
    unsaid = Life()
    unsaid.resolve()
    assert (unsaid.state.close_at, unsaid.state.keeps_open) == (None, False)
    assert names(unsaid.do(lambda s: decide_silence(s, now=later, after_seconds=60))) == ["closed"]


def test_the_requester_is_reminded_at_half_time_unless_that_is_said_otherwise() -> None:
    """By the hours of the desk; a rule's own count, and one before the resolution is left out."""
    text = """
close_after_silence: 4h
silence:
  - {priorities: [P1], after: never}
  - {priorities: [P2], after: 8h, reminders: [0.5, 6h, 1h]}
  - {priorities: [P4], after: 1h, reminders: [2h]}
  - {priorities: [P5], after: 8h, reminders: []}
"""
    expected = {
        Priority.P1: (),
        Priority.P2: (at(11), at(13), at(16)),
        Priority.P3: (at(11),),
        Priority.P4: (),
        Priority.P5: (),
    }
    for priority, instants in expected.items():
        life = Life(configured(text), priority=priority)
        life.resolve()
        assert (life.state.reminders, life.state.remind_at) == (
            instants,
            instants[0] if instants else None,
        ), priority
    late = Life(configured(text))
    late.now = at(16)
    late.resolve()
    assert (late.state.remind_at, late.state.close_at) == (at(10, day=3), at(12, day=3))
    for wrong in ("[0]", "[1.5]", "[soon]", "[-1h]", "[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]"):
        with pytest.raises(ConfigurationInvalid, match="reminders"):
            configured(f"reminders: {wrong}\n")


def test_each_reminder_is_said_once_and_those_that_were_missed_are_one() -> None:
    """The event says which; nothing is said of a ticket that silence closes by now."""
    life = Life(configured("close_after_silence: 8h\nreminders: [0.25, 0.5, 0.75]\n"))
    life.resolve()

    def remind(now: datetime) -> list[Body]:
        return life.do(lambda s: decide_remind(s, now=now))

    assert remind(at(10, 59)) == []
    (first,) = remind(at(11))
    assert isinstance(first, TicketReminded)
    assert (first.due_at, first.close_at, first.resolution, first.by) == (
        at(11),
        at(17),
        life.state.resolution,
        "system",
    )
    assert (remind(at(11)), life.state.remind_at) == ([], at(13))
    (second,) = remind(at(15, 30))
    assert isinstance(second, TicketReminded)
    assert (second.due_at, life.state.remind_at, life.state.reminders) == (at(15), None, ())
    assert (life.state.status, life.state.close_at) == (Status.RESOLVED, at(17))
    assert remind(at(16)) == []
    over = Life(configured("close_after_silence: 8h\n"))
    over.resolve()
    assert over.do(lambda s: decide_remind(s, now=at(17))) == []


@pytest.mark.parametrize("satisfied", [True, False])
def test_who_has_answered_is_not_reminded(satisfied: bool) -> None:  # noqa: FBT001
    """Confirmed or reopened, the reminders go; a new resolution has its own."""
    life = Life(configured("close_after_silence: 2h\n"))
    life.resolve()
    assert life.state.remind_at == at(10)
    life.confirm(satisfied)
    assert life.state.reminders == ()
    assert life.do(lambda s: decide_remind(s, now=at(10, 30))) == []
    if not satisfied:
        life.now = at(12)
        life.resolve()
        assert life.state.remind_at == at(13)


@given(
    st.lists(st.floats(0.01, 0.99) | st.integers(1, 200_000), max_size=5),
    st.integers(60, 400_000),
)
def test_reminders_lie_within_the_silence(reminders: list[float], after: int) -> None:
    """Each is after the resolution and before the closing, and none that would be is left out."""
    found = reminder_seconds(reminders, after)
    assert all(0 < seconds < after for seconds in found)
    assert len(found) == sum(1 for one in reminders if one < after)


def test_what_is_reopened_is_not_closed_by_the_former_silence() -> None:
    """The instant goes with the resolution, and the next one has its own."""
    life = Life(configured("close_after_silence: 1h\n"))
    life.resolve()
    life.confirm(False)
    assert life.state.close_at is None
    life.now = at(12)
    life.resolve()
    assert life.state.close_at == at(13)


@pytest.mark.parametrize(
    ("desk", "by", "pended", "resolver", "tier", "first"),
    [
        ("front", "sam", None, Resolver.DESK, 1, True),
        ("second", "sue", None, Resolver.SENIOR, 2, False),
        ("second", "eva", None, Resolver.EXPERT, 2, False),
        ("third", "eva", None, Resolver.EXPERT, 3, False),
        ("front", "sam", PendReason.SUPPLIER, Resolver.SUPPLIER, 2, False),
        ("front", "sam", PendReason.CUSTOMER, Resolver.DESK, 1, True),
        ("front", "contact", None, Resolver.REQUESTER, 0, True),
    ],
)
def test_who_solved_it_is_derived(  # noqa: PLR0917
    desk: str,
    by: str,
    pended: PendReason | None,
    resolver: Resolver,
    tier: int,
    first: bool,  # noqa: FBT001
) -> None:
    """By tier, level, and what the work waited for."""
    life = Life()
    if desk != "front":
        life.transfer(desk)
    agent = "sam" if by == "contact" else by
    life.accept(agent)
    if pended is not None:
        life.pend(pended)
    (resolved,) = life.resolve(by)
    assert isinstance(resolved, TicketResolved)
    found = (resolved.resolver, resolved.resolver_tier, resolved.first_line)
    assert found == (resolver, tier, first)


def test_what_is_said_of_the_resolver_counts() -> None:
    """An agent who knows better says so: an engineer on site, of tier 2."""
    life = Life()
    (resolved,) = life.resolve(resolver=Resolver.ON_SITE, resolver_tier=2)
    assert isinstance(resolved, TicketResolved)
    assert (resolved.resolver, resolved.resolver_tier, resolved.first_line) == (
        Resolver.ON_SITE,
        2,
        False,
    )


@pytest.mark.parametrize(("begun", "resolver"), [(False, "automation"), (True, "desk")])
def test_alerts_that_clear_are_automation_unless_somebody_was_at_it(
    begun: bool,  # noqa: FBT001
    resolver: str,
) -> None:
    """Monitoring tells of both; only one of them was solved without hands."""
    life = Life()
    if begun:
        life.start()
    (resolved,) = life.body(alerts(0, "T-000001"))
    assert isinstance(resolved, TicketResolved)
    assert resolved.resolver == resolver


def test_an_escalation_up_the_tiers_moves_and_one_up_the_line_does_not() -> None:
    """The first says where it goes, the second who is told."""
    life = Life(configured("duty_manager: eva\nduty_managers: {front: sue}\n"))
    life.start()
    (told,) = life.escalate(EscalationKind.HIERARCHICAL, reason="impact")
    assert getattr(told, "told") == ("sue",)  # noqa: B009
    assert (life.state.status, life.state.desk) == (Status.IN_PROGRESS, "front")
    bodies = life.escalate(EscalationKind.FUNCTIONAL)
    assert names(bodies) == ["escalated", "queued"]
    assert (life.state.desk, life.state.tier, life.state.escalated) == ("second", 2, True)
    queued = bodies[1]
    assert isinstance(queued, TicketQueued)
    assert (queued.reason, queued.note, queued.moves) == (QueueReason.ESCALATION, "skills", 1)
    life.escalate(EscalationKind.FUNCTIONAL, to="third")
    assert life.state.desk == "third"


@pytest.mark.parametrize(
    ("kind", "more", "code", "field"),
    [
        ("functional", {"reason": "bored"}, "unknown-code", "reason"),
        ("functional", {"to": "nowhere"}, "unknown-desk", "to"),
        ("functional", {"to": "front"}, "not-above", "to"),
        ("hierarchical", {"to": "nobody"}, "unknown-agent", "to"),
        ("hierarchical", {}, "duty-manager-missing", "to"),
    ],
)
def test_an_escalation_that_leads_nowhere_is_refused(
    kind: str, more: dict[str, str], code: str, field: str
) -> None:
    """With the field that is at fault."""
    error = refused(lambda: Life().escalate(EscalationKind(kind), **more))
    assert (error.code, error.field) == (code, field)


def test_nobody_is_above_the_last_tier() -> None:
    """And what is over needs no help."""
    life = Life()
    life.transfer("third")
    assert refused(lambda: life.escalate(EscalationKind.FUNCTIONAL)).code == "nobody-above"
    life.resolve("eva")
    assert refused(lambda: life.escalate(EscalationKind.FUNCTIONAL)).code == "wrong-status"


def test_giving_back_to_a_lower_tier_is_counted() -> None:
    """Up, down, up, down: four moves, two returns, in the state and in the events."""
    life = Life()
    returned = []
    for desk in ("second", "front", "third", "front"):
        (moved,) = life.transfer(desk)
        assert isinstance(moved, TicketQueued)
        returned.append((moved.reason, moved.moves, moved.returns))
    assert returned == [
        (QueueReason.TRANSFER, 1, 0),
        (QueueReason.RETURNED, 2, 1),
        (QueueReason.TRANSFER, 3, 1),
        (QueueReason.RETURNED, 4, 2),
    ]
    assert (life.state.moves, life.state.returns, life.state.tier_max) == (4, 2, 3)
    (resolved,) = life.resolve()
    assert isinstance(resolved, TicketResolved)
    assert not resolved.first_line


@given(st.lists(st.sampled_from(["front", "second", "third"]), max_size=12))
def test_moves_and_returns_are_those_of_the_path(path: list[str]) -> None:
    """Whatever the way, a move is a change of desk and a return one to a lower tier."""
    life = Life()
    tiers = {"front": 1, "second": 2, "third": 3}
    way = ["front", *path]
    for desk in path:
        life.transfer(desk)
    steps = [(a, b) for a, b in itertools.pairwise(way) if a != b]
    assert life.state.moves == len(steps)
    assert life.state.returns == sum(tiers[b] < tiers[a] for a, b in steps)


def test_a_task_is_asked_for_given_on_begun_and_done() -> None:
    """Each step is an event; a repetition is none; what is settled stays so."""
    life = Life()
    life.start()
    assert names(life.task()) == ["task_added"]
    assert life.task() == []
    config = life.configuration

    def assign(desk: str | None, agent: str | None) -> list[Body]:
        return life.do(
            lambda s: tasks.decide_task_assign(
                s, task="a", desk=desk, agent=agent, by="sam", configuration=config
            )
        )

    assert names(assign("second", "sue")) == ["task_assigned"]
    assert assign("second", "sue") == []
    start = refused(
        lambda: life.do(lambda s: tasks.decide_task_start(s, task="a", agent="eva", by="eva"))
    )
    assert (start.code, "sue's" in start.reason) == ("already-assigned", True)
    life.do(lambda s: tasks.decide_task_start(s, task="a", agent="sue", by="sue"))

    def done() -> list[Body]:
        return life.do(
            lambda s: tasks.decide_task_done(
                s, task="a", note="n-2", by="sue", configuration=config
            )
        )

    assert names(done()) == ["task_done"]
    assert done() == []
    (task,) = life.state.tasks
    assert (task.status, task.agent, task.note, task.result) == (
        TaskStatus.DONE,
        "sue",
        "note-1",
        "n-2",
    )
    cancel = refused(lambda: life.do(lambda s: tasks.decide_task_cancel(s, task="a", by="sam")))
    assert cancel.code == "task-settled"
    assert (life.state.status, life.state.holder) == (Status.IN_PROGRESS, "sam")


def test_open_tasks_keep_a_ticket_open_unless_they_are_cancelled() -> None:
    """The refusal names them; cancelled with the ticket, each is told."""
    life = Life()
    life.start()
    life.task("a")
    life.task("b", agent="eva")
    error = refused(life.resolve)
    assert (error.code, error.field, error.status) == ("tasks-open", "tasks", 409)
    assert "a, b" in error.reason
    bodies = life.resolve(cancel_tasks=True)
    assert names(bodies) == ["task_cancelled", "task_cancelled", "resolved"]
    assert not any(task.is_open for task in life.state.tasks)
    assert refused(lambda: life.task("c")).code == "wrong-status"


ENDINGS: list[tuple[Any, str, str, list[str]]] = [
    (
        lambda life: life.body(alerts(firing=0)),
        "monitoring",
        "alerts-cleared",
        ["task_cancelled", "task_cancelled", "resolved"],
    ),
    (
        lambda life: life.body(ParentSolved(facts=facts(), link="l", parent="t-2")),
        "system",
        "parent-resolved",
        ["task_cancelled", "task_cancelled", "resolved"],
    ),
    (
        lambda life: life.body(RequestMerged(facts=facts(), link="l", into="t-2", by="sue")),
        "sue",
        "merged",
        ["task_cancelled", "task_cancelled", "closed"],
    ),
]


@pytest.mark.parametrize("begun", [True, False])
@pytest.mark.parametrize(("end", "by", "reason", "expected"), ENDINGS)
def test_where_nobody_can_be_asked_open_tasks_are_cancelled(
    end: Any,
    by: str,
    reason: str,
    expected: list[str],
    begun: bool,  # noqa: FBT001
) -> None:
    """Each event says why, and of whom it was asked, so that they can be told."""
    life = Life()
    if begun:
        life.start()
    life.task("a", desk="second")
    life.task("b", agent="eva")
    life.task("c", desk="second")
    config = life.configuration
    life.do(
        lambda s: tasks.decide_task_done(s, task="c", note=None, by="sue", configuration=config)
    )
    bodies = end(life)
    assert names(bodies) == expected
    cancelled = [body for body in bodies if isinstance(body, TaskCancelled)]
    assert {(body.by, body.reason) for body in cancelled} == {(by, reason)}
    assert [(body.task_desk, body.task_agent) for body in cancelled] == [
        ("second", None),
        (None, "eva"),
    ]
    assert not any(task.is_open for task in life.state.tasks)
    assert end(life) == []


@pytest.mark.parametrize("holds", [True, False])
def test_who_resolves_is_a_person_unless_automation_did(holds: bool) -> None:  # noqa: FBT001
    """Who has it, or who says so; an administrator who is no agent has to name somebody."""
    life = Life()
    if holds:
        life.accept("sam")
    (resolved,) = life.resolve("eva")
    assert isinstance(resolved, TicketResolved)
    assert (resolved.agent, resolved.by) == ("sam" if holds else "eva", "eva")
    if holds:
        return
    nobody = refused(lambda: Life().resolve("boss"))
    assert (nobody.code, nobody.field, nobody.status) == ("agent-missing", "agent", 422)
    assert "boss is no agent" in nobody.reason
    (robot,) = Life().resolve("boss", resolver=Resolver.AUTOMATION)
    assert isinstance(robot, TicketResolved)
    assert (robot.agent, robot.resolver) == (None, Resolver.AUTOMATION)


def test_every_code_that_people_say_is_one_of_the_organisation() -> None:
    """The refusal names the field and what is allowed; None is the first of the list."""
    own = configured(
        "resolution_codes: [fixed, explained]\ntask_outcomes: [ok, failed]\n"
        "standard_codes: [fulfilled]\n"
    )
    wrong = refused(lambda: Life(own).resolve("sam", "solved"))
    assert (wrong.code, wrong.field, wrong.status) == ("unknown-code", "code", 422)
    assert wrong.reason == "'solved' is no code here; one of: fixed, explained, fulfilled"
    for said, code in ((None, "fixed"), ("explained", "explained"), ("fulfilled", "fulfilled")):
        (resolved,) = Life(own).resolve("sam", said)
        assert isinstance(resolved, TicketResolved)
        assert resolved.code == code
    life = Life(own)
    life.task("a")
    life.task("b")

    def done(task: str, outcome: str | None) -> list[Body]:
        return life.do(
            lambda s: tasks.decide_task_done(
                s, task=task, note=None, by="sue", configuration=own, outcome=outcome
            )
        )

    outcome = refused(lambda: done("a", "done"))
    assert (outcome.code, outcome.field, outcome.status) == ("unknown-code", "outcome", 422)
    assert "ok, failed" in outcome.reason
    done("a", "failed")
    done("b", None)
    assert [task.outcome for task in life.state.tasks] == ["failed", "ok"]


def test_the_codes_of_the_product_are_nobodys() -> None:
    """A list may not have them; what clears by itself says them whatever the lists are."""
    with pytest.raises(ConfigurationInvalid, match="alerts-cleared is said by the product itself"):
        configured("resolution_codes: [fixed, alerts-cleared]\n")
    with pytest.raises(ConfigurationInvalid, match="self-service is said by the product itself"):
        configured("standard_codes: [self-service]\n")
    with pytest.raises(ConfigurationInvalid, match=r"task_outcomes"):
        configured("task_outcomes: []\n")
    life = Life(configured("resolution_codes: [fixed]\n"))
    (resolved,) = life.body(alerts(firing=0))
    assert isinstance(resolved, TicketResolved)
    assert resolved.code == ALERTS_CLEARED
    assert {ALERTS_CLEARED, SELF_SERVICE, AUTOMATION} == RESERVED_CODES


@pytest.mark.parametrize(
    ("whose", "code", "field"),
    [
        ({"nobody": 1}, "task-for-nobody", "desk"),
        ({"desk": "attic"}, "unknown-desk", "desk"),
        ({"agent": "ghost"}, "unknown-agent", "agent"),
        ({"desk": "front", "agent": "eva"}, "not-of-desk", "agent"),
    ],
)
def test_a_task_for_nobody_known_is_refused(whose: dict[str, Any], code: str, field: str) -> None:
    """With the field that is at fault."""
    error = refused(lambda: Life().task("a", **whose))
    assert (error.code, error.field, error.status) == (code, field, 422)


def test_tasks_are_bounded_and_settled_ones_are_forgotten() -> None:
    """So the document stays small, however long the ticket lives."""
    life = Life()
    for number in range(TASKS_OPEN_MAX):
        life.task(f"open-{number}")
    assert refused(lambda: life.task("more")).code == "too-many"
    for number in range(TASKS_OPEN_MAX):
        life.do(lambda s, n=number: tasks.decide_task_cancel(s, task=f"open-{n}", by="sam"))
    for number in range(20):
        life.task(f"later-{number}")
        life.do(
            lambda s, n=number: tasks.decide_task_done(
                s, task=f"later-{n}", note=None, by="x", configuration=life.configuration
            )
        )
    assert len(life.state.tasks) == TASKS_SETTLED_KEPT_MAX


def test_who_watches_is_kept_once() -> None:
    """Following twice is following once; who does not follow cannot stop."""
    life = Life()

    def watch(name: str, kind: WatcherKind) -> list[Body]:
        return life.do(
            lambda s: tasks.decide_watch(
                s, watcher=name, kind=kind, by="sam", configuration=life.configuration
            )
        )

    assert names(watch("eva", WatcherKind.AGENT)) == ["watcher_added"]
    assert watch("eva", WatcherKind.AGENT) == []
    assert names(watch("contact-9", WatcherKind.CONTACT)) == ["watcher_added"]
    assert refused(lambda: watch("ghost", WatcherKind.AGENT)).field == "watcher"

    def drop() -> list[Body]:
        return life.do(
            lambda s: tasks.decide_unwatch(s, watcher="eva", kind=WatcherKind.AGENT, by="eva")
        )

    assert names(drop()) == ["watcher_removed"]
    assert drop() == []
    assert [w.name for w in life.state.watchers] == ["contact-9"]


def test_each_level_may_do_what_its_row_says() -> None:
    """The table is whole, and an operator who cannot solve is told what is open."""
    assert all(set(row) == set(Deed) for row in NEEDS.values())
    assert refused(lambda: Life().start("cara")).status == 403
    error = refused(lambda: Life().resolve("cara"))
    assert (error.code, error.status) == ("level", 403)
    assert "transfer it or escalate it" in error.reason
    logger = refused(lambda: Life().resolve("lou", "solved"))
    assert (logger.code, logger.field) == ("level", "code")
    assert names(Life().resolve("lou", "fulfilled")) == ["resolved"]
    strict = configured("require_article: true\n")
    missing = refused(lambda: Life(strict).resolve("sam"))
    assert (missing.code, missing.field, missing.status) == ("article-missing", "article", 422)
    assert names(Life(strict).resolve("sam", article="kb-1")) == ["resolved"]
    held = Life(strict)
    held.accept("sam")
    assert names(held.resolve("boss")) == ["resolved"]


LEVELS: list[StaffingName] = ["call-operator", "logger", "skilled", "expert"]


@given(
    st.sampled_from(LEVELS),
    st.sampled_from(["solved", "fulfilled"]),
    st.sampled_from([None, "kb-1"]),
    st.booleans(),
)
def test_a_higher_level_may_whatever_a_lower_one_may(
    level: StaffingName,
    code: str,
    article: str | None,
    strict: bool,  # noqa: FBT001
) -> None:
    """But for the article: with it, the levels are in order."""
    section = LifecycleSection(require_article=strict)

    def may(one: StaffingName) -> bool:
        try:
            require_level(one, Deed.RESOLVE, section, code=code, article=article)
        except CommandRejected:
            return False
        return True

    if may(level) and (article or not strict):
        assert all(may(one) for one in LEVELS[LEVELS.index(level) :])


def test_the_level_is_the_agents_or_else_the_desks() -> None:
    """Who helps out at another desk has the level of their own."""
    assert level_of(PLAIN, "lou", "front") == "logger"
    assert level_of(PLAIN, "sam", "front") == "skilled"
    assert level_of(PLAIN, "eva", "second") == "expert"
    assert level_of(PLAIN, "eva", "front") == "expert"
    assert level_of(PLAIN, "boss", "front") is None


def test_the_first_line_rate_stands_beside_what_the_level_is_expected_to() -> None:
    """Counted from resolutions of the desk alone."""
    config = configured("first_line: {skilled: 0.5}\n")
    found: list[TicketResolved] = []
    for moved in (False, False, True):
        life = Life(config)
        if moved:
            life.transfer("second")
            life.transfer("front")
        found += [body for body in life.resolve() if isinstance(body, TicketResolved)]
    rate = first_line_of(config, "front", found)
    assert (rate.resolved, rate.first_line, rate.expected) == (3, 2, 0.5)
    assert rate.rate == pytest.approx(2 / 3)
    assert first_line_of(config, "third", found).rate is None
    assert levels.first_line_of(PLAIN, "second", found).expected == 0.85


def test_agents_cannot_say_what_the_service_counts() -> None:
    """Closed by silence or by a merge is a fact, not a choice."""
    life = Life()
    life.resolve()
    for reason in ("silence", "merged"):
        error = refused(
            lambda r=reason: life.do(lambda s: commands.decide_close(s, reason=r, by="sam"))
        )
        assert (error.code, error.field) == ("reason-reserved", "reason")


def test_the_state_is_the_fold_of_the_events() -> None:
    """Of a whole life with tasks, watchers, moves and two resolutions."""
    life = Life(configured("close_after_silence: 3h\n"))
    life.start()
    life.task()
    life.pend(PendReason.SUPPLIER)
    life.transfer("third")
    life.resolve("eva", cancel_tasks=True)
    life.confirm(False)
    life.transfer("front")
    life.resolve()
    empty: Document[TicketState] = Document(id="t", tenant=TENANT)
    assert fold(TICKETS, empty, life.document.outbox).state == life.state


@given(st.integers(1, 10**9), st.integers(1, 2**31), st.booleans())
def test_a_link_says_what_was_signed_and_nothing_else(
    ordinal: int,
    resolution: int,
    satisfied: bool,  # noqa: FBT001
) -> None:
    """It reads back for its tenant; one character less, another tenant or key read as nothing."""
    signer = VerdictSigner("key")
    verdict = Verdict(f"T-{ordinal:06d}", resolution, satisfied)
    token = signer.token(verdict, tenant="main")
    assert signer.read(token, tenant="main") == verdict
    assert signer.read(token.upper(), tenant="main") == verdict
    assert signer.read(token, tenant="other") is None
    assert VerdictSigner("other").read(token, tenant="main") is None
    assert signer.read(token[:-1], tenant="main") is None
    flipped = token[:-1] + ("a" if token[-1] != "a" else "b")
    assert signer.read(flipped, tenant="main") is None


@given(st.text(max_size=60))
def test_any_text_reads_as_no_link(text: str) -> None:
    """Nothing that a stranger sends raises, and without a key there are no links."""
    assert VerdictSigner("key").read(text, tenant="main") is None
    assert VerdictSigner("").token(Verdict("T-000001", 1, True), tenant="main") == ""


_INSTANTS = st.datetimes(datetime(2026, 3, 2), datetime(2026, 4, 30)).map(  # noqa: DTZ001
    lambda d: at(0).replace(month=d.month, day=d.day, hour=d.hour, minute=d.minute)
)


@given(_INSTANTS, st.integers(1, 200_000))
def test_silence_lasts_exactly_so_much_business_time(now: datetime, seconds: int) -> None:
    """Whenever it is resolved, over nights and over the change of clocks."""
    config = configured(f"close_after_silence: {seconds}\n")
    life = Life(config)
    life.now = max(now, life.now)
    life.resolve()
    close_at = life.state.close_at
    assert close_at is not None
    calendar = config.desk_calendar("front")
    assert abs(calendar.between(life.now, close_at) - seconds) < 0.001
    assert not life.do(
        lambda s: decide_silence(s, now=close_at - timedelta(milliseconds=1), after_seconds=1)
    )
    assert names(life.do(lambda s: decide_silence(s, now=close_at, after_seconds=1))) == ["closed"]


def test_a_rule_of_silence_that_is_never_reached_is_refused() -> None:
    """And one that names a desk or an agent that is not there, with the place."""
    text = """
duty_manager: ghost
silence:
  - {kinds: [incident], after: 3h}
  - {kinds: [incident], priorities: [P1], after: never}
  - {desks: [attic], after: 1h}
"""
    with pytest.raises(ConfigurationInvalid) as error:
        configured(text)
    found = [(p.line, p.path) for p in error.value.problems]
    assert found == [(2, "duty_manager"), (5, "silence[1]"), (6, "silence[2].desks[0]")]
    assert SilenceRule(after="never").takes(kind="change", priority="P5", desk="x")
