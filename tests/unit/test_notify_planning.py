"""Who is told what: notices are planned once, and bounded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.notify.domain import alarms, clocks, planning
from services.notify.domain.handovers import tell_alarm
from services.notify.domain.notices import (
    NOTICES,
    OPEN_MAX,
    SETTLED_KEPT_MAX,
    Notices,
    NoticeStatus,
)
from shared.aggregate import Document, Step, plan
from shared.contracts.envelope import Body, Event, numbered
from shared.contracts.facts import Channel, Kind, Level, Priority, TicketFacts
from shared.contracts.handover import HandoverAlarmed, HandoverSide
from shared.contracts.intake import Direction, MessageAdded, RequestAccepted
from shared.contracts.notify import (
    NoticeDeferred,
    NoticeFailed,
    NoticeKind,
    NoticePlanned,
    NoticeSent,
    RecipientKind,
)
from shared.contracts.routing import (
    Explanation,
    QueueReason,
    Status,
    TicketAssigned,
    TicketQueued,
    TicketRegarded,
    TicketResolved,
)
from shared.contracts.sla import ClockBreached, ClockEscalated, ClockWarned, Metric, Told
from shared.contracts.topics import topic_of
from shared.organisation import Configuration
from tests.support.notify import sample

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DUE = datetime(2026, 3, 2, 13, 0, tzinfo=UTC)
FACTS = TicketFacts(
    number="T-000042",
    kind=Kind.INCIDENT,
    channel=Channel.EMAIL,
    priority=Priority.P2,
    impact=Level.HIGH,
    urgency=Level.MEDIUM,
    contact="contact-1",
    accepted_at=NOW,
    service="network",
    language="zh",
)
EXPLANATION = Explanation(topology="t", shape="centralized", rule="r")


def event(body: Body, sequence: int = 1) -> Event[Any]:
    """Return an event of ticket ``ticket-1``."""
    return numbered(
        source=topic_of(type(body)).source or "",
        subject="ticket-1",
        sequence=sequence,
        time=NOW,
        tenant="main",
        configversion=1,
        body=body,
    )


def folded(bodies: Sequence[Body]) -> Notices:
    """Return the state after own events."""
    state: Notices | None = None
    for number, body in enumerate(bodies, start=1):
        state = NOTICES.evolve(state, event(body, number))
    return state or Notices()


def only(bodies: Sequence[Body]) -> NoticePlanned:
    """Return the one planned notice."""
    (body,) = bodies
    assert isinstance(body, NoticePlanned)
    return body


def assigned(agent: str = "h-clarke", by: str = "system") -> Event[Any]:
    """Return an assignment."""
    return event(
        TicketAssigned(
            facts=FACTS,
            status=Status.ASSIGNED,
            desk="london",
            agent=agent,
            by=by,
            explanation=EXPLANATION,
        )
    )


def test_acknowledgement() -> None:
    """A new ticket's contact is told in the ticket's language, with the message that began it."""
    found = only(
        planning.acknowledge(
            None, event(RequestAccepted(facts=FACTS, message="m-1")), NOW, reachable=True
        )
    )
    assert found == NoticePlanned(
        number="T-000042",
        notice="acknowledgement",
        kind=NoticeKind.ACKNOWLEDGEMENT,
        recipient_kind=RecipientKind.CONTACT,
        recipient="contact-1",
        language="zh",
        details={
            "kind": "incident",
            "priority": "P2",
            "channel": "email",
            "service": "network",
            "request": "m-1",
        },
    )


def test_no_acknowledgement_without_reach() -> None:
    """A contact who cannot be reached is not acknowledged: nothing is planned."""
    accepted = event(RequestAccepted(facts=FACTS, message="m-1"))
    assert planning.acknowledge(None, accepted, NOW, reachable=False) == ()


def test_no_acknowledgement_where_none_is_wanted() -> None:
    """Who asks for no automatic answers, or has had too many of them, gets none."""
    accepted = event(RequestAccepted(facts=FACTS, message="m-1", silent=True))
    assert planning.acknowledge(None, accepted, NOW, reachable=True) == ()


def test_acknowledged_once() -> None:
    """A second acceptance plans nothing, also when the first acknowledgement failed long ago."""
    accepted = event(RequestAccepted(facts=FACTS, message="m-1"))
    bodies = list(planning.acknowledge(None, accepted, NOW, reachable=True))
    state = folded([*bodies, NoticeFailed(notice="acknowledgement", reason="x", attempts=1)])
    assert planning.acknowledge(state, accepted, NOW, reachable=True) == ()


def test_reply_only_outbound() -> None:
    """An agent's message goes to the contact; inbound and internal ones do not."""

    def said(direction: Direction) -> Event[Any]:
        return event(
            MessageAdded(facts=FACTS, message="m-2", direction=direction, author="h-clarke")
        )

    found = only(planning.reply(None, said(Direction.OUTBOUND), NOW))
    assert (found.notice, found.message, found.details["agent"]) == (
        "reply:m-2",
        "m-2",
        "h-clarke",
    )
    assert planning.reply(None, said(Direction.INBOUND), NOW) == ()
    assert planning.reply(None, said(Direction.INTERNAL), NOW) == ()
    assert planning.reply(None, said(Direction.UNKNOWN), NOW) == ()


def test_reply_remembers_the_request() -> None:
    """After the acknowledgement, later notices know the message with which the ticket began."""
    accepted = event(RequestAccepted(facts=FACTS, message="m-1"))
    state = folded(list(planning.acknowledge(None, accepted, NOW, reachable=True)))
    said = MessageAdded(facts=FACTS, message="m-2", direction=Direction.OUTBOUND, author="a")
    assert only(planning.reply(state, event(said), NOW)).details["request"] == "m-1"


def test_assignment_in_the_agents_language() -> None:
    """The agent is told in the first language of the agent."""
    configuration = sample()
    found = only(planning.tell_assignment(None, assigned(), NOW, configuration))
    assert (found.recipient_kind, found.recipient, found.language) == (
        RecipientKind.AGENT,
        "h-clarke",
        "en",
    )
    chinese = next(
        agent for agent in configuration.agents_of("shanghai") if agent.languages[0] == "zh"
    )
    told = only(planning.tell_assignment(None, assigned(chinese.id), NOW, configuration))
    assert told.language == "zh"


def regarded(*, fresh: int, status: Status = Status.ACCEPTED) -> TicketRegarded:
    """Return routing's note of alerts that joined an incident of H. Clarke's."""
    agent = None if status is Status.QUEUED else "h-clarke"
    return TicketRegarded(
        facts=FACTS, status=status, desk="london", agent=agent, firing=3, fresh=fresh
    )


def test_new_alerts_are_told_to_who_holds_the_incident() -> None:
    """Not where none began to fire, where nobody holds it, or where it is resolved."""
    found = only(planning.tell_news(None, event(regarded(fresh=2), 5), NOW, sample()))
    assert (found.kind, found.recipient) == (NoticeKind.NEWS, "h-clarke")
    assert (found.details["fresh"], found.details["firing"]) == ("2", "3")
    for body in (
        regarded(fresh=0),
        regarded(fresh=2, status=Status.QUEUED),
        regarded(fresh=2, status=Status.RESOLVED),
    ):
        assert planning.tell_news(None, event(body, 5), NOW, sample()) == ()


def test_new_alerts_are_told_once_an_hour() -> None:
    """What joins within the hour after a notice tells nobody anything; the next hour's does."""
    first = only(planning.tell_news(None, event(regarded(fresh=1), 5), NOW, sample()))
    state = folded([first])
    later = event(regarded(fresh=1), 6)
    assert planning.tell_news(state, later, NOW + timedelta(minutes=59), sample()) == ()
    assert only(planning.tell_news(state, later, NOW + timedelta(minutes=61), sample()))


def test_own_deed_is_not_told() -> None:
    """An agent who takes a ticket is not told of it."""
    taken = assigned(by="h-clarke")
    assert planning.tell_assignment(None, taken, NOW, sample()) == ()


def test_resolution_once_per_event() -> None:
    """Each resolution is told; the same one twice is not."""
    resolved = TicketResolved(facts=FACTS, status=Status.RESOLVED, desk="london", agent="h-clarke")
    first, second = event(resolved, 5), event(resolved, 9)
    planned = planning.tell_resolution(None, first, NOW, reachable=True)
    state = folded(planned)
    assert planning.tell_resolution(state, first, NOW, reachable=True) == ()
    assert len(planning.tell_resolution(state, second, NOW, reachable=True)) == 1
    assert planning.tell_resolution(state, second, NOW, reachable=False) == ()


def test_warning_goes_to_agent_or_desk() -> None:
    """A warning goes to the agent, without one to the desk, without a desk to nobody."""

    def warned(**who: str) -> Event[Any]:
        body = ClockWarned(
            number="T-000042",
            clocks=(),
            clock="response.1",
            metric=Metric.RESPONSE,
            due_at=DUE,
            desk=who.get("desk"),
            agent=who.get("agent"),
        )
        return event(body)

    agent = only(clocks.warn(None, warned(desk="london", agent="h-clarke"), NOW, sample()))
    assert (agent.recipient_kind, agent.recipient) == (RecipientKind.AGENT, "h-clarke")
    assert agent.notice == "warning:response.1:h-clarke"
    assert agent.details["due_at"] == "2026-03-02T13:00:00.000Z"
    desk = only(clocks.warn(None, warned(desk="shanghai"), NOW, sample()))
    assert (desk.recipient_kind, desk.recipient, desk.language) == (
        RecipientKind.DESK,
        "shanghai",
        "zh",
    )
    assert clocks.warn(None, warned(), NOW, sample()) == ()


def test_breach_and_escalation() -> None:
    """A breach tells the agent; a step tells each named agent or desk once."""
    breached = ClockBreached(
        number="T-000042",
        clocks=(),
        clock="response.1",
        metric=Metric.RESPONSE,
        due_at=DUE,
        agent="h-clarke",
    )
    told = only(clocks.tell_breach(None, event(breached), NOW, sample()))
    assert (told.kind, told.notice) == (
        NoticeKind.ESCALATION,
        "escalation:response.1:breach:h-clarke",
    )
    escalated = ClockEscalated(
        number="T-000042",
        clocks=(),
        clock="response.1",
        metric=Metric.RESPONSE,
        step=2,
        tell=("h-clarke", "operations", "h-clarke"),
        reason="breached",
    )
    planned = clocks.escalate(None, event(escalated), NOW, sample())
    assert [(b.notice, b.recipient_kind) for b in planned if isinstance(b, NoticePlanned)] == [
        ("escalation:response.1:2:h-clarke", RecipientKind.AGENT),
        ("escalation:response.1:2:operations", RecipientKind.DESK),
    ]
    assert clocks.escalate(folded(planned), event(escalated), NOW, sample()) == []


def test_a_breach_is_told_once() -> None:
    """The step at the due time does not tell again who was told of the breach; later ones do."""

    def step(number: int, share: float) -> Event[Any]:
        body = ClockEscalated(
            number="T-000042",
            clocks=(),
            clock="response.1",
            metric=Metric.RESPONSE,
            step=number,
            tell=("h-clarke", "london"),
            reason="breached",
            at_share=share,
        )
        return event(body)

    breached = ClockBreached(
        number="T-000042",
        clocks=(),
        clock="response.1",
        metric=Metric.RESPONSE,
        due_at=DUE,
        agent="h-clarke",
    )
    state = folded(clocks.tell_breach(None, event(breached), NOW, sample()))
    at_due = clocks.escalate(state, step(1, 1.0), NOW, sample())
    assert [b.recipient for b in at_due if isinstance(b, NoticePlanned)] == ["london"]
    later = clocks.escalate(state, step(2, 1.5), NOW, sample())
    assert [b.recipient for b in later if isinstance(b, NoticePlanned)] == ["h-clarke", "london"]


def test_a_repetition_is_told_again_and_says_for_whom() -> None:
    """Each repetition has a key of its own; redelivered it tells nobody again."""

    def step(repetition: int) -> Event[Any]:
        body = ClockEscalated(
            number="T-000042",
            clocks=(),
            clock="response.1",
            metric=Metric.RESPONSE,
            step=1,
            tell=("h-clarke",),
            reason="at-risk",
            cause="not-accepted",
            repetition=repetition,
            told=(Told(name="h-clarke", role="assignee", instead_of="x", why="off-shift"),),
        )
        return event(body)

    first = only(clocks.escalate(None, step(0), NOW, sample()))
    assert first.notice == "escalation:response.1:1:h-clarke"
    assert (first.details["instead_of"], first.details["why"]) == ("x", "off-shift")
    state = folded([first])
    again = only(clocks.escalate(state, step(1), NOW, sample()))
    assert again.notice == "escalation:response.1:1:r1:h-clarke"
    assert (again.details["repetition"], again.details["cause"]) == ("1", "not-accepted")
    assert clocks.escalate(folded([first, again]), step(1), NOW, sample()) == []


def test_a_proposal_at_the_due_time_is_told_to_who_knows_of_the_breach() -> None:
    """It asks for a decision, which the breach did not."""
    breached = ClockBreached(
        number="T-000042",
        clocks=(),
        clock="response.1",
        metric=Metric.RESPONSE,
        due_at=DUE,
        agent="h-clarke",
    )
    state = folded(clocks.tell_breach(None, event(breached), NOW, sample()))
    proposed = ClockEscalated(
        number="T-000042",
        clocks=(),
        clock="response.1",
        metric=Metric.RESPONSE,
        step=1,
        tell=("h-clarke",),
        reason="breached",
        at_share=1,
        to_desk="shanghai",
        proposed=True,
    )
    planned = only(clocks.escalate(state, event(proposed), NOW, sample()))
    assert (planned.details["to"], planned.details["proposed"]) == ("shanghai", "yes")


def test_without_configuration() -> None:
    """Where no configuration is known, people are told in English, by their plain names."""
    told = only(planning.tell_assignment(None, assigned(), NOW, Configuration()))
    assert told.language == "en"


def test_beyond_the_limit_it_is_said() -> None:
    """A notice beyond the limit of waiting ones is planned and failed at once, with the reason."""
    state = folded(
        [
            NoticePlanned(
                number="T-000042",
                notice=f"reply:{number}",
                kind=NoticeKind.REPLY,
                recipient_kind=RecipientKind.CONTACT,
                recipient="contact-1",
                language="en",
            )
            for number in range(OPEN_MAX)
        ]
    )
    planned, failed = planning.tell_assignment(state, assigned(), NOW, sample())
    assert isinstance(planned, NoticePlanned)
    assert isinstance(failed, NoticeFailed)
    assert failed.reason == "more than 200 notices of this ticket wait"


def test_settled_notices_are_forgotten_in_order() -> None:
    """A document keeps the newest settled notices and all that wait."""
    bodies: list[Body] = []
    for number in range(SETTLED_KEPT_MAX + 3):
        bodies.append(
            NoticePlanned(
                number="T-000042",
                notice=f"reply:{number}",
                kind=NoticeKind.REPLY,
                recipient_kind=RecipientKind.CONTACT,
                recipient="contact-1",
                language="en",
            )
        )
        if number:
            bodies.append(NoticeSent(notice=f"reply:{number}", message_id="<x@y>", attempts=1))
    state = folded(bodies)
    assert [n.key for n in state.notices][:3] == ["reply:0", "reply:3", "reply:4"]
    assert state.notices[0].status is NoticeStatus.PLANNED
    assert len(state.notices) == SETTLED_KEPT_MAX + 1
    assert state.due_at == NOW


def test_key_is_short_and_plain() -> None:
    """A key that is too long or too strange is hashed, and stays the same for the same parts."""
    assert planning.key("warning", "a.b", "x") == "warning:a.b:x"
    strange = planning.key("warning", "a/b", "x")
    assert strange.startswith("warning:")
    assert len(strange) == 48
    assert strange != planning.key("warning", "a", "b/x")
    assert len(planning.key("warning", "c" * 80, "d" * 60)) == 48


OWN = st.lists(
    st.one_of(
        st.builds(
            lambda n: NoticePlanned(
                number="T-1",
                notice=n,
                kind=NoticeKind.REPLY,
                recipient_kind=RecipientKind.CONTACT,
                recipient="c",
                language="en",
            ),
            st.sampled_from("abc"),
        ),
        st.builds(
            lambda n: NoticeSent(notice=n, message_id="<m@d>", attempts=1), st.sampled_from("abcd")
        ),
        st.builds(
            lambda n: NoticeFailed(notice=n, reason="r", attempts=1), st.sampled_from("abcd")
        ),
        st.builds(
            lambda n, by: NoticeDeferred(notice=n, until=DUE, reason="r", attempts=1, by=by),
            st.sampled_from("abcd"),
            st.sampled_from([None, "h-clarke"]),
        ),
    ),
    max_size=30,
)


@settings(deadline=None)
@given(OWN)
def test_due_times_follow_the_status(bodies: list[Body]) -> None:
    """Whatever happens, a notice has a due time where it waits, and the ticket has the earliest."""
    state = folded(bodies)
    for notice in state.notices:
        assert (notice.due_at is not None) == (notice.status is NoticeStatus.PLANNED)
    due = [notice.due_at for notice in state.notices if notice.due_at is not None]
    assert state.due_at == min(due, default=None)


def test_state_survives_the_document() -> None:
    """The state that is stored is the fold of its events: it reads back as it was."""
    accepted = event(RequestAccepted(facts=FACTS, message="m-1"))
    decided = plan(
        NOTICES,
        Document(id="ticket-1", tenant="main"),
        [
            Step(
                decide=lambda s: planning.acknowledge(s, accepted, NOW, reachable=True),
                cause=accepted,
            )
        ],
        now=NOW,
        configversion=3,
    )
    assert decided.write is not None
    state = decided.write.after.state
    assert state is not None
    assert Notices.model_validate(state.model_dump()) == state
    assert state.notices[0].id == decided.write.events[0].id
    assert state.notices[0].configversion == 3


def unrouted(desk: str, *, alarm: bool = True) -> TicketQueued:
    """Return how a ticket is queued that no topology takes."""
    return TicketQueued(
        facts=FACTS,
        status=Status.QUEUED,
        desk=desk,
        reason=QueueReason.NEW,
        explanation=EXPLANATION,
        unrouted=alarm,
    )


def test_the_fallback_desk_is_told_of_what_no_topology_takes() -> None:
    """By its address, or else its duty manager's; what is routed tells nobody of it."""
    found = only(alarms.tell_unrouted(None, event(unrouted("operations"), 2), NOW, sample()))
    assert (found.kind, found.recipient_kind, found.recipient) == (
        NoticeKind.UNROUTED,
        RecipientKind.DESK,
        "operations",
    )
    again = alarms.tell_unrouted(folded([found]), event(unrouted("operations"), 2), NOW, sample())
    assert again == ()
    routed = event(unrouted("operations", alarm=False), 2)
    assert alarms.tell_unrouted(None, routed, NOW, sample()) == ()
    sections = sample().sections()
    for desk in sections["desks"]["desks"]:
        manager = "o-adeyemi" if desk["name"] == "operations" else None
        desk |= {"email": None, "duty_manager": manager}
    changed = Configuration.from_sections(sections)
    told = only(alarms.tell_unrouted(None, event(unrouted("operations"), 2), NOW, changed))
    assert (told.recipient_kind, told.recipient) == (RecipientKind.AGENT, "o-adeyemi")
    always = {"agent": "h-clarke", "hours": "24x7"}
    sections["duty"] = {"desks": [{"desk": "operations", "weekly": [always]}]}
    on = Configuration.from_sections(sections)
    told = only(alarms.tell_unrouted(None, event(unrouted("operations"), 2), NOW, on))
    assert (told.recipient_kind, told.recipient) == (RecipientKind.AGENT, "h-clarke")
    for nobody in ("london", "atlantis"):
        assert alarms.tell_unrouted(None, event(unrouted(nobody), 2), NOW, changed) == ()


def test_an_alarm_of_a_handover_is_told_once_to_each_whom_it_names() -> None:
    """The duty manager and a desk, each in their language; the notice belongs to no ticket."""
    body = HandoverAlarmed(
        desk="london",
        reason="unsigned",
        side=HandoverSide.GIVING,
        tell=("h-clarke", "shanghai", "h-clarke"),
        closes_at=NOW,
        to="shanghai",
    )
    topic = topic_of(HandoverAlarmed)
    assert topic.source is not None
    event: Event[Any] = numbered(
        source=topic.source,
        subject="handover-1",
        sequence=1,
        time=NOW,
        tenant="main",
        configversion=1,
        body=body,
    )
    told = [b for b in tell_alarm(None, event, NOW, sample()) if isinstance(b, NoticePlanned)]
    assert [(t.kind, t.recipient, t.recipient_kind, t.language) for t in told] == [
        (NoticeKind.HANDOVER, "h-clarke", RecipientKind.AGENT, "en"),
        (NoticeKind.HANDOVER, "shanghai", RecipientKind.DESK, "zh"),
    ]
    assert told[0].details["side"] == "giving"
