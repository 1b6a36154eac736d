from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.routing.domain import (
    commands,
    confirming,
    escalating,
    moves,
    requests,
    tasks,
    timers,
)
from services.routing.domain.desks import redirected
from services.routing.domain.resolving import decide_resolve
from services.routing.domain.tickets import HELD, TICKETS, TicketState
from shared.aggregate import Document, Step, fold, plan
from shared.contracts.envelope import Body, Event, numbered
from shared.contracts.facts import Priority
from shared.contracts.intake import AlertsChanged, Direction, MessageAdded, RequestAccepted
from shared.contracts.lifecycle import EscalationKind, WatcherKind
from shared.contracts.links import ParentSolved, RequestMerged, RequestUnmerged
from shared.contracts.routing import PendReason, Said, Status, TicketEvent, TicketQueued
from shared.contracts.sla import ClockEscalated
from shared.kernel import CommandRejected
from shared.organisation import Configuration
from shared.organisation.intake import FollowupRule
from tests.support.routing import (
    TENANT,
    accepted,
    alerts,
    at,
    escalated,
    facts,
    message,
    sample,
)

TICKET = "t-1"
Decide = Callable[[TicketState | None], Sequence[Body]]


class Life:
    """One ticket's document, without a store: each step is one plan of the commit protocol."""

    def __init__(self) -> None:
        self.now = at(9)
        self.document: Document[TicketState] = Document(id=TICKET, tenant=TENANT)
        self._sequences = {"/intake/ticket": 0, "/sla/clocks": 0}

    @property
    def state(self) -> TicketState:
        """The state, which must be there."""
        assert self.document.state is not None
        return self.document.state

    def do(self, decide: Decide) -> list[Body]:
        """Apply a command or timer, and return the bodies of what it decided."""
        return self._apply(Step(decide=decide))

    def take(self, body: Body) -> list[Body]:
        """Consume an event, and return the bodies of what it decided."""
        source = "/sla/clocks" if isinstance(body, ClockEscalated) else "/intake/ticket"
        self._sequences[source] += 1
        event: Event[Any] = numbered(
            source=source,
            subject=TICKET,
            sequence=self._sequences[source],
            time=self.now,
            tenant=TENANT,
            configversion=1,
            body=body,
        )
        return self._apply(Step(decide=lambda s: decided(s, body, self.now), cause=event))

    def _apply(self, step: Step) -> list[Body]:
        found = plan(TICKETS, self.document, [step], now=self.now, configversion=1)
        assert not found.park, found.park
        if found.write is None:
            return []
        self.document = found.write.after
        return [event.body for event in found.write.bodies]

    def folded(self) -> TicketState | None:
        """Return the state that the ticket's own events give."""
        empty: Document[TicketState] = Document(id=TICKET, tenant=TENANT)
        return fold(TICKETS, empty, self.document.outbox).state


DECIDING: dict[type[Body], Callable[..., Sequence[Body]]] = {
    RequestAccepted: requests.decide_request,
    MessageAdded: requests.decide_message,
    AlertsChanged: requests.decide_alerts,
    ClockEscalated: requests.decide_escalation,
    RequestMerged: requests.decide_merged,
    RequestUnmerged: requests.decide_unmerged,
    ParentSolved: requests.decide_parent_solved,
}


def decided(state: TicketState | None, body: Body, now: datetime) -> Sequence[Body]:
    """Return what a consumed event decides, with the sample organisation."""
    return DECIDING[type(body)](state, body, now, sample())


def names(bodies: Sequence[Body]) -> list[str]:
    """Return the names of events, such as ``ticket.queued``."""
    return [body.type.removeprefix("heliodesk.").removesuffix(".v1") for body in bodies]


def accept(agent: str) -> Decide:
    """Return the command by which an agent accepts."""
    return lambda s: commands.decide_accept(s, agent=agent, weight=1, by=agent)


def resolve(by: str = "h-clarke") -> Decide:
    """Return the command that resolves."""
    return lambda s: decide_resolve(
        s, code="solved", article=None, by=by, now=at(9), configuration=sample()
    )


def begun(*bodies: Body) -> Life:
    """Return the life of a ticket that came at 09:00 UTC and went to London."""
    life = Life()
    life.take(accepted())
    for body in bodies:
        life.take(body)
    return life


def test_a_ticket_with_its_priority_waits_at_the_desk_that_is_open() -> None:
    """A P1 at 09:00 UTC waits in London since then, before what is less pressing."""
    life = Life()
    assert names(life.take(accepted(priority=Priority.P1))) == ["ticket.queued"]
    state = life.state
    assert (state.status, state.desk, state.tier) == (Status.QUEUED, "london", 1)
    assert (state.rank, state.since, state.holder) == (1, at(9), None)


def test_a_priority_of_a_newer_release_is_neither_first_nor_last() -> None:
    """What cannot be read as a priority waits among the P3s."""
    life = Life()
    life.take(accepted(priority=Priority.UNKNOWN))
    assert life.state.rank == 3


def test_a_raised_priority_moves_a_waiting_ticket_forward() -> None:
    """Facts that change while a ticket waits are noted, and change its place in the queue."""
    life = begun()
    bodies = life.take(message(priority=Priority.P1))
    assert names(bodies) == ["ticket.regarded"]
    assert (life.state.rank, life.state.since) == (1, at(9))


def test_a_message_that_changes_nothing_says_nothing() -> None:
    """An agent's reply on a ticket that waits is of no concern to routing."""
    assert begun().take(message(direction=Direction.OUTBOUND)) == []


def test_a_reply_of_the_contact_resumes_what_waits_for_the_contact_only() -> None:
    """Pending for the customer goes on; pending for a supplier stays."""
    for reason, expected in [
        (PendReason.CUSTOMER, ["ticket.resumed"]),
        (PendReason.SUPPLIER, []),
    ]:
        life = begun()
        life.do(accept("h-clarke"))
        life.do(
            lambda s, reason=reason: commands.decide_pend(  # type: ignore[misc]
                s, reason=reason, until=None, by="h-clarke", now=at(9)
            )
        )
        assert names(life.take(message(direction=Direction.OUTBOUND))) == []
        assert names(life.take(message())) == expected
        assert life.state.holder == "h-clarke"


def test_a_reply_to_a_resolution_reopens_at_the_same_desk_while_it_is_open() -> None:
    """The reply at 12:00 UTC finds London open and brings the ticket back there."""
    life = begun()
    life.do(accept("h-clarke"))
    life.do(resolve())
    life.now = at(12)
    assert names(life.take(message())) == ["ticket.reopened", "ticket.queued"]
    assert (life.state.status, life.state.desk, life.state.holder) == (
        Status.QUEUED,
        "london",
        None,
    )
    assert (life.state.since, life.state.resolved_at) == (at(12), None)


def test_a_reply_to_a_resolution_goes_elsewhere_when_the_desk_is_closed() -> None:
    """The reply at 18:00 UTC finds London closed; New York takes it."""
    life = begun()
    life.do(resolve())
    life.now = at(18)
    life.take(message())
    assert life.state.desk == "new-york"


def test_a_message_on_a_closed_ticket_asks_for_a_follow_up() -> None:
    """Closed stays closed; intake is asked to make a linked ticket of the message."""
    life = begun()
    life.do(resolve())
    life.do(lambda s: commands.decide_close(s, reason="confirmed", by="h-clarke"))
    bodies = life.take(message(name="m-9"))
    assert names(bodies) == ["ticket.followup_requested"]
    assert bodies[0].model_dump()["message"] == "m-9"
    assert life.state.status is Status.CLOSED


def test_alerts_that_clear_resolve_and_alerts_that_come_back_reopen() -> None:
    """Monitoring resolves once, and what fires anew takes it back."""
    life = begun()
    assert names(life.take(alerts(2))) == ["ticket.regarded"]
    assert names(life.take(alerts(0))) == ["ticket.resolved"]
    assert life.state.status is Status.RESOLVED
    assert names(life.take(alerts(0))) == ["ticket.regarded"]
    assert names(life.take(alerts(0))) == []
    assert names(life.take(alerts(1))) == ["ticket.reopened", "ticket.queued"]


def test_fewer_alerts_do_not_reopen_what_an_agent_resolved() -> None:
    """One of three alerts clears after the resolution: nothing has begun to fire."""
    life = begun(alerts(3))
    life.do(resolve())
    assert names(life.take(alerts(2, began=False))) == ["ticket.regarded"]
    assert life.state.status is Status.RESOLVED


def test_new_alerts_are_said_although_as_many_have_ended() -> None:
    """One ends and another begins in one delivery: the count is the same, the news is not."""
    life = begun(alerts(2))
    life.take(alerts(2))
    (regarded,) = life.take(alerts(2).model_copy(update={"fresh": 1}))
    assert regarded.model_dump()["fresh"] == 1


def test_alerts_that_expire_resolve_nothing() -> None:
    """Nobody tells of them any more: whether the cause is gone, a person has to see."""
    life = begun(alerts(1))
    body = alerts(0).model_copy(update={"expired": 1})
    assert "ticket.resolved" not in names(life.take(body))
    assert names(life.take(alerts(0))) == ["ticket.resolved"]


def test_an_alert_on_a_closed_ticket_asks_for_a_follow_up_when_it_begins() -> None:
    """Firing asks for a linked ticket; clearing asks for nothing."""
    life = begun()
    life.do(resolve())
    life.do(lambda s: commands.decide_close(s, reason="confirmed", by="h-clarke"))
    assert life.take(alerts(0)) == []
    assert names(life.take(alerts(1))) == ["ticket.followup_requested"]


def test_an_escalation_moves_open_work_to_the_tier_once() -> None:
    """From London to operations, taken from the agent; asked again, it is there already."""
    life = begun()
    life.do(accept("h-clarke"))
    bodies = life.take(escalated(2))
    assert isinstance(bodies[0], TicketQueued)
    assert (bodies[0].released, bodies[0].note) == ("h-clarke", "breached")
    assert (life.state.desk, life.state.tier, life.state.agent) == ("operations", 2, None)
    assert (life.state.left, life.state.left_at) == ("h-clarke", at(9))
    assert life.take(escalated(2)) == []
    assert life.take(escalated(None)) == []


def test_a_proposal_moves_nothing_and_is_agreed_to_by_escalating() -> None:
    """The event names the desk; the ticket stays until a person escalates it, which goes there."""
    life = begun()
    proposed = escalated(None).model_copy(update={"proposed": True, "to_desk": "operations"})
    assert life.take(proposed) == []
    life.do(
        lambda state: escalating.decide_escalate(
            state,
            kind=EscalationKind.FUNCTIONAL,
            reason="no-progress",
            to="operations",
            by="h-clarke",
            now=life.now,
            configuration=sample(),
        )
    )
    assert life.state.desk == "operations"


def test_an_escalation_of_what_is_over_changes_nothing() -> None:
    """A breach that is told late does not bring a resolved ticket back."""
    life = begun()
    life.do(resolve())
    assert life.take(escalated(2)) == []


def test_who_waited_keeps_the_place_when_moved() -> None:
    """A ticket that waits since 09:00 and is escalated at 10:00 still waits since 09:00."""
    life = begun()
    life.now = at(10)
    life.take(escalated(2))
    assert life.state.since == at(9)


def test_a_desk_that_closes_hands_over_what_waits_and_what_is_worked_on() -> None:
    """At 17:00 London's queue and its agents' work go to New York, once."""
    for agent in (None, "h-clarke"):
        life = begun()
        if agent:
            life.do(accept(agent))
        life.now = at(17)
        bodies = life.do(lambda s: moves.decide_desk_closed(s, at(17), sample()))
        assert isinstance(bodies[0], TicketQueued)
        assert (bodies[0].desk, bodies[0].released, bodies[0].reason) == (
            "new-york",
            agent,
            "desk-closed",
        )
        assert life.do(lambda s: moves.decide_desk_closed(s, at(17), sample())) == []


def test_pending_and_local_work_stays_with_its_closed_desk() -> None:
    """What waits for somebody else, and what belongs to a place, is not handed over."""
    pending = begun()
    pending.do(accept("h-clarke"))
    pending.do(
        lambda s: commands.decide_pend(
            s, reason=PendReason.CUSTOMER, until=None, by="h-clarke", now=at(9)
        )
    )
    local = Life()
    local.take(accepted(channel="web", site="berlin"))
    for life in (pending, local):
        assert life.do(lambda s: moves.decide_desk_closed(s, at(17), sample())) == []


def test_an_early_escalation_is_kept_until_the_request_comes() -> None:
    """The clock's event comes first; the request then goes to London and at once to tier 2."""
    life = Life()
    assert names(life.take(escalated(2))) == ["ticket.escalation_deferred"]
    assert life.take(escalated(2)) == []
    assert life.state.status is None
    assert names(life.take(accepted())) == ["ticket.queued", "ticket.queued"]
    assert (life.state.desk, life.state.tier, life.state.deferred_tier) == ("operations", 2, None)


@pytest.mark.parametrize(
    "order", list(itertools.permutations(["request", "message", "alerts", "escalation"]))
)
def test_events_end_in_one_standing_whatever_their_order(order: tuple[str, ...]) -> None:
    """A request, a reply, a new alert and an escalation end as one ticket waiting at tier 2."""
    bodies = {
        "request": accepted(),
        "message": message(),
        "alerts": alerts(1),
        "escalation": escalated(2),
    }
    life = Life()
    for name in order:
        life.take(bodies[name])
    assert (life.state.status, life.state.desk, life.state.tier) == (
        Status.QUEUED,
        "operations",
        2,
    )
    assert (life.state.number, life.state.since) == ("HD-1", at(9))


@pytest.mark.parametrize("order", list(itertools.permutations(["alerts", "request", "escalation"])))
def test_a_cause_that_is_gone_ends_resolved_in_every_order(
    order: tuple[str, ...],
) -> None:
    """Alerts that have cleared resolve the ticket, also where they are the first that is seen."""
    bodies = {"request": accepted(), "alerts": alerts(0), "escalation": escalated(2)}
    life = Life()
    for name in order:
        life.take(bodies[name])
    assert life.state.status is Status.RESOLVED


def test_two_who_accept_are_told_apart() -> None:
    """The first has it; accepting again changes nothing; the second is told who has it."""
    life = begun()
    assert names(life.do(accept("h-clarke"))) == ["ticket.assigned", "ticket.accepted"]
    assert life.do(accept("h-clarke")) == []
    with pytest.raises(CommandRejected) as refused:
        life.do(accept("a-novak"))
    assert (refused.value.code, refused.value.status) == ("already-assigned", 409)
    assert refused.value.reason == "HD-1 is h-clarke's (accepted)"


@pytest.mark.parametrize(
    ("decide", "code"),
    [
        (lambda s: commands.decide_resume(s, by="x"), "wrong-status"),
        (lambda s: commands.decide_close(s, reason="confirmed", by="x"), "wrong-status"),
        (
            lambda s: commands.decide_reopen(
                s, reason="agent", by="x", now=at(9), configuration=sample()
            ),
            "wrong-status",
        ),
        (
            lambda s: commands.decide_pend(
                s, reason=PendReason.CUSTOMER, until=None, by="x", now=at(9)
            ),
            "wrong-status",
        ),
    ],
)
def test_a_queued_ticket_refuses_what_needs_an_agent_or_a_resolution(
    decide: Decide, code: str
) -> None:
    """A ticket that waits cannot be resumed, closed, reopened or pended."""
    with pytest.raises(CommandRejected) as refused:
        begun().do(decide)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("reason", "until", "code"),
    [(PendReason.UNTIL, None, "until-missing"), (PendReason.CUSTOMER, at(9), "until-past")],
)
def test_pending_until_needs_an_instant_to_come(
    reason: PendReason, until: datetime | None, code: str
) -> None:
    """Until names an instant, and it lies ahead."""
    life = begun()
    life.do(accept("h-clarke"))
    with pytest.raises(CommandRejected) as refused:
        life.do(lambda s: commands.decide_pend(s, reason=reason, until=until, by="x", now=at(9)))
    assert (refused.value.code, refused.value.status) == (code, 422)


AGENTS = ("h-clarke", "a-novak")
DESKS = ("london", "new-york", "operations")


def _accept(agent: str) -> Callable[[Life], object]:
    return lambda life: life.do(accept(agent))


def _match(agent: str) -> Callable[[Life], object]:
    because = redirected(None, "matched", agent)
    return lambda life: life.do(
        lambda s: commands.decide_match(
            s, agent=agent, desk=life.state.desk, weight=1, explanation=because
        )
    )


def _transfer(desk: str) -> Callable[[Life], object]:
    return lambda life: life.do(
        lambda s: commands.decide_transfer(
            s, desk=sample().desk(desk), by="x", now=life.now, configuration=sample()
        )
    )


def _pend(reason: PendReason) -> Callable[[Life], object]:
    return lambda life: life.do(
        lambda s: commands.decide_pend(
            s, reason=reason, until=life.now + timedelta(hours=2), by="x", now=life.now
        )
    )


def _advance(hours: int) -> Callable[[Life], object]:
    def move(life: Life) -> None:
        life.now += timedelta(hours=hours)

    return move


def _confirm(*, satisfied: bool) -> Callable[[Life], object]:
    return lambda life: life.do(
        lambda s: confirming.decide_confirm(
            s,
            satisfied=satisfied,
            said=Said.LINK,
            by="contact",
            now=life.now,
            configuration=sample(),
        )
    )


def _start(agent: str) -> Callable[[Life], object]:
    return lambda life: life.do(
        lambda s: confirming.decide_start(
            s, agent=agent, weight=1, by=agent, configuration=sample()
        )
    )


def _escalate(kind: EscalationKind) -> Callable[[Life], object]:
    return lambda life: life.do(
        lambda s: escalating.decide_escalate(
            s, kind=kind, reason="skills", to=None, by="x", now=life.now, configuration=sample()
        )
    )


def _task(life: Life) -> object:
    return life.do(
        lambda s: tasks.decide_task(
            s,
            task=f"task-{life.document.seq}",
            code="work",
            note=None,
            desk="operations",
            agent=None,
            by="x",
            configuration=sample(),
        )
    )


def _watch(life: Life) -> object:
    return life.do(
        lambda s: tasks.decide_watch(
            s, watcher="c-1", kind=WatcherKind.CONTACT, by="x", configuration=sample()
        )
    )


def _resolve_all(life: Life) -> object:
    return life.do(
        lambda s: decide_resolve(
            s,
            code="solved",
            article=None,
            by="x",
            now=life.now,
            configuration=sample(),
            cancel_tasks=True,
        )
    )


DEEDS: list[Callable[[Life], object]] = [
    *(_start(agent) for agent in AGENTS),
    *(_confirm(satisfied=satisfied) for satisfied in (True, False)),
    *(_escalate(kind) for kind in (EscalationKind.FUNCTIONAL, EscalationKind.HIERARCHICAL)),
    _task,
    _watch,
    _resolve_all,
    *(_accept(agent) for agent in AGENTS),
    *(_match(agent) for agent in AGENTS),
    *(_transfer(desk) for desk in DESKS),
    *(_pend(reason) for reason in (PendReason.CUSTOMER, PendReason.UNTIL)),
    *(_advance(hours) for hours in (1, 8)),
    lambda life: life.do(resolve()),
    lambda life: life.do(lambda s: commands.decide_resume(s, by="x")),
    lambda life: life.do(lambda s: commands.decide_close(s, reason="confirmed", by="x")),
    lambda life: life.do(
        lambda s: commands.decide_reopen(
            s, reason="agent", by="x", now=life.now, configuration=sample()
        )
    ),
    lambda life: life.do(lambda s: timers.decide_due(s, now=life.now)),
    lambda life: life.do(lambda s: timers.decide_silence(s, now=life.now, after_seconds=6 * 3600)),
    lambda life: life.do(lambda s: moves.decide_desk_closed(s, life.now, sample())),
    lambda life: life.take(accepted()),
    lambda life: life.take(message()),
    lambda life: life.take(message(direction=Direction.INTERNAL, priority=Priority.P2)),
    lambda life: life.take(alerts(0)),
    lambda life: life.take(alerts(1)),
    lambda life: life.take(escalated(2)),
]


def _holds_together(life: Life) -> None:
    """Check what is always true of a ticket and its events."""
    state = life.state
    assert life.folded() == state
    assert (state.since is not None) == (state.status is Status.QUEUED)
    assert (state.holder is not None) == (state.status in HELD)
    assert (state.resolved_at is not None) == (state.status is Status.RESOLVED)
    assert state.status is Status.PENDING or (state.until, state.pend_reason) == (None, None)
    assert (state.paused_from is not None) == (state.status is Status.PENDING)
    assert state.status is Status.RESOLVED or (state.close_at, state.keeps_open) == (None, False)
    assert state.returns <= state.moves
    assert state.status is None or state.facts == facts(priority=state.facts.priority)  # type: ignore[union-attr]
    times = [event.time for event in life.document.outbox]
    assert times == sorted(times)


@settings(max_examples=300, deadline=None)
@given(deeds=st.lists(st.sampled_from(DEEDS), max_size=25))
def test_a_ticket_is_always_the_fold_of_its_events(
    deeds: list[Callable[[Life], object]],
) -> None:
    """Whatever is done in whatever order, the state is what its events say, and is consistent."""
    life = Life()
    for deed in deeds:
        try:
            deed(life)
        except (CommandRejected, AssertionError) as error:
            # Nothing may be matched before there is a ticket; a refusal changes nothing.
            if isinstance(error, AssertionError) and life.document.state is not None:
                raise
    if life.document.state is None:
        return
    _holds_together(life)
    # What a ticket says stands in its last event.
    last = [e for e in life.document.outbox if "escalation_deferred" not in e.type][-1:]
    for event in last:
        model = TICKETS.topic.body(event.type)
        assert model is not None
        body = event.with_body(model).body
        assert isinstance(body, TicketEvent)
        assert (body.status, body.desk, body.agent) == (
            life.state.status,
            life.state.desk,
            life.state.agent,
        )


def merged() -> RequestMerged:
    """Return the body of a ticket that is merged into another."""
    return RequestMerged(facts=facts(), link="l", by="h-clarke", into="t-2")


def unmerged() -> RequestUnmerged:
    """Return the body of a ticket whose merge is undone."""
    return RequestUnmerged(facts=facts(), link="m", by="h-clarke", into="t-2", merge="l")


@pytest.mark.parametrize("deed", [None, accept("h-clarke"), resolve()])
def test_a_merged_ticket_is_closed_and_says_nothing_more_of_messages(deed: Decide | None) -> None:
    """Whatever it was before; its agent is free, and a late message asks for no follow-up."""
    life = begun()
    if deed is not None:
        life.do(deed)
    (closed,) = life.take(merged())
    assert closed.model_dump()["reason"] == "merged"
    state = life.state
    assert (state.status, state.holder, state.since, state.merged) == (
        Status.CLOSED,
        None,
        None,
        True,
    )
    assert life.take(merged()) == []
    assert life.take(message(name="m-9")) == []
    nothing = unmerged().model_copy(update={"merge": "m"})
    assert life.take(nothing) == []
    assert names(life.take(unmerged())) == ["ticket.reopened", "ticket.queued"]
    assert (life.state.status, life.state.merged) == (Status.QUEUED, False)
    assert life.take(unmerged()) == []
    assert life.folded() == life.state


def test_what_was_closed_before_stays_as_it_was_closed() -> None:
    """A merge that comes late changes nothing, and neither does its undoing."""
    life = begun()
    life.do(resolve())
    life.do(lambda s: commands.decide_close(s, reason="confirmed", by="h-clarke"))
    assert life.take(merged()) == []
    assert life.take(unmerged()) == []


def test_a_merge_may_be_the_first_that_is_seen_of_a_ticket() -> None:
    """It is queued for a moment, and closed."""
    life = Life()
    assert names(life.take(merged())) == ["ticket.queued", "ticket.closed"]
    assert life.folded() == life.state


def test_a_ticket_is_resolved_with_its_parent_unless_it_is_over() -> None:
    """Waiting, held or unseen; by the system, with the parent's code."""
    solved = ParentSolved(facts=facts(), link="l", parent="t-2", code="workaround")
    life = begun()
    life.do(accept("h-clarke"))
    (resolved,) = life.take(solved)
    assert (resolved.model_dump()["code"], resolved.model_dump()["by"]) == ("workaround", "system")
    assert (life.state.status, life.state.holder) == (Status.RESOLVED, None)
    assert life.take(solved) == []
    unseen = Life()
    assert names(unseen.take(solved)) == ["ticket.queued", "ticket.resolved"]


def with_followups(*rules: FollowupRule) -> Configuration:
    """Return the sample organisation with a policy for messages to closed tickets."""
    section = sample().intake.model_copy(update={"followups": rules})
    return replace(sample(), intake=section)


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        (1, ["ticket.reopened", "ticket.queued"]),
        (3, ["ticket.followup_requested"]),
        (48, ["ticket.followup_requested"]),
    ],
)
@pytest.mark.parametrize("closed_first", [True, False])
def test_what_comes_after_closing_goes_by_the_desks_policy(
    hours: int,
    expected: list[str],
    closed_first: bool,  # noqa: FBT001 - a parameter
) -> None:
    """Routing alone says it; a message that came just before closing is no follow-up."""
    configuration = with_followups(
        FollowupRule(desk="london", older_than=86_400, action="refuse"),
        FollowupRule(desk="london", older_than=7_200, action="new"),
        FollowupRule(action="reopen"),
    )
    life = begun()
    life.do(resolve())
    if not closed_first:
        bodies = requests.decide_message(life.state, message(), life.now, configuration)
        assert names(bodies) == ["ticket.reopened", "ticket.queued"]
        return
    life.do(lambda s: commands.decide_close(s, reason="confirmed", by="h-clarke"))
    late = life.now + timedelta(hours=hours)
    bodies = requests.decide_message(life.state, message(name="m-9"), late, configuration)
    assert names(bodies) == expected
    refused = [body.model_dump().get("refused") for body in bodies]
    assert refused[0] is (None if hours == 1 else hours == 48)
