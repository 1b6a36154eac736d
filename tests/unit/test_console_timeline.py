from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.console.domain.names import Names
from services.console.domain.projection import Row, row_of
from services.console.domain.sayings import Tone
from services.console.domain.telling import Teller
from services.console.domain.timeline import in_order, timeline
from services.console.domain.words import Language, Words
from shared.contracts import intake, knowledge, notify, routing, sla
from shared.contracts.envelope import Body, Event
from shared.contracts.facts import Channel, Priority
from shared.contracts.routing import Candidate, Explanation
from tests.support.console import NOON, Stories, facts, ticket_id

NAMES = Names(
    desks={"london": "London Service Desk", "new-york": "New York Service Desk"},
    agents={"h-clarke": "Hannah Clarke", "o-adeyemi": "Olu Adeyemi"},
)
TICKET = ticket_id("HD-1")
FACTS = facts("HD-1", priority=Priority.P2)
BECAUSE = Explanation(
    topology="follow-the-sun",
    shape="follow-the-sun",
    rule="the first open desk in order",
    candidates=(
        Candidate(name="new-york", left_out="closed"),
        Candidate(name="london", chosen=True),
    ),
)
DUE = NOON + timedelta(minutes=30)
CLOCK = sla.ClockView(
    clock="response-1",
    policy="response",
    metric=sla.Metric.RESPONSE,
    state=sla.ClockState.RUNNING,
    target_seconds=1800,
    used_seconds=0,
    calendar="london-days",
    started_at=NOON,
    due_at=DUE,
)


def row(body: Body, **changed: Any) -> Row:
    """Return an event of the ticket as a row."""
    given: dict[str, Any] = {"at": NOON, **changed}
    return row_of(Stories().say(TICKET, body, **given).encoded())


def told(body: Body, language: Language = Language.EN) -> str:
    """Return the sentence of one event."""
    return Teller(words=Words(language), names=NAMES).tell(row(body)).text


def stand(**changed: Any) -> dict[str, Any]:
    """Return what every event of routing carries."""
    return {"facts": FACTS, "status": "queued", "desk": "london", **changed}


@pytest.mark.parametrize(
    ("body", "english", "chinese"),
    [
        (
            intake.RequestAccepted(facts=FACTS, message="m"),
            "Request HD-1 came in by e-mail: Incident, priority P2.",
            "请求 HD-1 经电子邮件受理：故障，优先级 P2。",
        ),
        (
            intake.MessageAdded(
                facts=FACTS, message="m", direction=intake.Direction.INTERNAL, author="h-clarke"
            ),
            "Hannah Clarke wrote an internal note.",
            "Hannah Clarke 写了内部备注。",
        ),
        (
            intake.AlertsChanged(facts=FACTS, changes=(), firing=0),
            "No alert is firing any more.",
            "已没有告警触发。",
        ),
        (
            routing.TicketQueued(**stand(), reason="new", explanation=BECAUSE),
            "Queued at London Service Desk.",
            "进入London Service Desk的队列。",
        ),
        (
            routing.TicketQueued(**stand(by="h-clarke"), reason="transfer", explanation=BECAUSE),
            "Hannah Clarke transferred it to London Service Desk.",
            "Hannah Clarke 将其转派至London Service Desk。",
        ),
        (
            routing.TicketAssigned(**stand(agent="h-clarke"), explanation=BECAUSE),
            "Assigned to Hannah Clarke at London Service Desk.",
            "分派给London Service Desk的 Hannah Clarke。",
        ),
        (
            routing.TicketAssigned(**stand(agent="h-clarke", by="h-clarke"), explanation=BECAUSE),
            "Hannah Clarke took it at London Service Desk.",
            "Hannah Clarke 在London Service Desk领取了工单。",
        ),
        (
            routing.TicketPended(**stand(by="h-clarke"), reason="supplier"),
            "Hannah Clarke set it to wait for a supplier.",
            "Hannah Clarke 将其挂起，等待供应商。",
        ),
        (
            routing.TicketResolved(**stand(by="h-clarke"), code="workaround"),
            "Hannah Clarke resolved it: workaround given.",
            "Hannah Clarke 已解决：提供了临时方案。",
        ),
        (
            routing.TicketReopened(**stand(by="contact"), reason="message"),
            "Reopened by the contact: a new message came.",
            "由 联系人 重新打开：收到新消息。",
        ),
        (
            sla.ClocksStarted(number="HD-1", clocks=(), facts=FACTS),
            "No target applies to this ticket.",
            "该工单没有适用的时限。",
        ),
        (
            sla.ClocksChanged(number="HD-1", clocks=(CLOCK,), change="paused", status="pending"),
            "The clocks pause.",
            "计时暂停。",
        ),
        (
            sla.ClocksChanged(number="HD-1", clocks=(), change="started", status="in-progress"),
            "The clocks know that work is under way.",
            "计时已知悉正在处理。",
        ),
        (
            sla.ClocksChanged(number="HD-1", clocks=(), change="brand-new", status="x"),
            "The clocks changed: brand-new.",
            "计时有变化：brand-new。",
        ),
        (
            sla.ClockBreached(
                number="HD-1",
                clocks=(CLOCK,),
                clock="response-1",
                metric=sla.Metric.RESPONSE,
                due_at=DUE,
            ),
            "First response missed its target: it was due 2026-03-02T12:30:00+00:00.",
            "首次响应超期：应在 2026-03-02T12:30:00+00:00 前完成。",
        ),
        (
            knowledge.ArticlesSuggested(number="HD-1", suggestions=()),
            "No article fits.",
            "没有合适的文章。",
        ),
    ],
)
def test_an_event_is_told_in_both_languages(body: Body, english: str, chinese: str) -> None:
    """Codes become a sentence with the names of desks and agents."""
    assert (told(body), told(body, Language.ZH)) == (english, chinese)


def test_a_choice_explains_itself() -> None:
    """A queued ticket shows the rule and who was considered, with the reasons."""
    body = routing.TicketQueued(**stand(), reason="new", explanation=BECAUSE)
    line = Teller(words=Words(Language.EN), names=NAMES).tell(row(body))
    assert [(c.name, c.chosen, c.verdict) for c in line.considered] == [
        ("New York Service Desk", False, "closed now"),
        ("London Service Desk", True, ""),
    ]
    assert line.details[0][0].text == "the first open desk in order"


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            Language.EN,
            [
                "Hannah Clarke is the least loaded of 3 who are free.",
                "Works on it in en.",
                "Routing rule vpn.",
                "It counts because the calendar watch was open.",
                "Topology follow-the-sun, virtual desk.",
                "Left out: signed in just now 2 · kept for graver work 1.",
            ],
        ),
        (
            Language.ZH,
            [
                "在 3 位空闲人员中，Hannah Clarke 的负荷最低。",
                "以 en 处理。",
                "派单规则 vpn。",
                "因日历 watch 处于工作时间而适用。",
                "拓扑 follow-the-sun，虚拟服务台。",
                "排除：刚刚登录 2 · 为更紧急的工作保留 1。",
            ],
        ),
    ],
)
def test_the_choice_of_an_agent_is_told_in_the_readers_language(
    language: Language, said: list[str]
) -> None:
    """What decided, the rule and who was left out are words, not the English of the event."""
    because = routing.Explanation(
        topology="follow-the-sun",
        shape="follow-the-sun",
        rule="h-clarke is the least loaded of 3 free agents of london; speaks en",
        candidates=(Candidate(name="h-clarke", chosen=True, score=0.25, desk="london"),),
        left_out={"ramp": 2, "reserved": 1},
        decided="least-loaded",
        policy="vpn",
        during="watch",
        free=3,
        language="en",
    )
    body = routing.TicketAssigned(**stand(agent="h-clarke"), explanation=because)
    line = Teller(words=Words(language), names=NAMES).tell(row(body))
    assert ["".join(piece.text for piece in detail) for detail in line.details] == said
    assert [c.verdict for c in line.considered] == ["25%"]
    alone = body.model_copy(update={"explanation": because.model_copy(update={"free": 1})})
    line = Teller(words=Words(language), names=NAMES).tell(row(alone))
    only = {Language.EN: "is the only one who is free.", Language.ZH: "是唯一的空闲人员。"}
    assert "".join(piece.text for piece in line.details[0]).endswith(only[language])


def test_a_sent_notice_is_named_by_what_was_planned() -> None:
    """The event that a notice was sent has its code only; its kind and recipient are known."""
    stories = Stories()
    planned = notify.NoticePlanned(
        number="HD-1",
        notice="n-1",
        kind=notify.NoticeKind.ESCALATION,
        recipient_kind=notify.RecipientKind.AGENT,
        recipient="o-adeyemi",
        language="en",
    )
    stories.say(TICKET, planned, at=NOON)
    stories.say(TICKET, notify.NoticeSent(notice="n-1", message_id="<x>", attempts=2), at=NOON)
    rows = [row_of(event.encoded()) for event in stories.events]
    lines = timeline(rows, words=Words(Language.EN), names=NAMES)
    assert lines[1].text == "The escalation to Olu Adeyemi was handed to the mail server."
    assert ["".join(p.text for p in d) for d in lines[1].details] == ["Attempts: 2."]


def test_an_event_of_a_newer_release_is_told_as_such() -> None:
    """A type or a body that this release does not know does not break the page."""
    known = row(routing.TicketAccepted(**stand()))
    newer = Row(
        id="x",
        tenant=known.tenant,
        stream=known.stream,
        source=known.source,
        type="heliodesk.ticket.teleported.v3",
        seq=9,
        at=NOON,
        configversion=1,
        cause=None,
        body=b"{}",
    )
    line = Teller(words=Words(Language.EN), names=NAMES).tell(newer)
    expected = "Something happened that this release cannot tell: ticket.teleported.v3."
    assert (line.text, line.tone) == (expected, Tone.QUIET)


def test_an_unknown_word_does_not_break_a_sentence() -> None:
    """A channel that only a newer release has is told without a name."""
    body = intake.RequestAccepted(
        facts=FACTS.model_copy(update={"channel": Channel.UNKNOWN}), message="m"
    )
    assert told(body).startswith("Request HD-1 came in by an unknown channel")


def story() -> list[Event[Any]]:
    """Return a short life of a ticket across three services, whose clocks differ."""
    stories = Stories()
    accepted = stories.say(TICKET, intake.RequestAccepted(facts=FACTS, message="m"), at=NOON)
    # Routing's clock is 40 ms behind intake's.
    queued = stories.say(
        TICKET,
        routing.TicketQueued(**stand(), reason="new", explanation=BECAUSE),
        at=NOON - timedelta(milliseconds=40),
        cause=accepted,
    )
    stories.say(
        TICKET,
        sla.ClocksStarted(number="HD-1", clocks=(CLOCK,), facts=FACTS),
        at=NOON - timedelta(milliseconds=90),
        cause=accepted,
    )
    stories.say(
        TICKET,
        routing.TicketAssigned(**stand(agent="h-clarke"), explanation=BECAUSE),
        at=NOON - timedelta(milliseconds=39),
        cause=queued,
    )
    stories.say(
        TICKET, routing.TicketAccepted(**stand(agent="h-clarke")), at=NOON + timedelta(minutes=2)
    )
    return stories.events


@given(st.permutations(story()))
def test_the_order_of_reading_does_not_matter(events: list[Event[Any]]) -> None:
    """However the topics were read, the timeline is the same, and no effect precedes its cause."""
    rows = in_order([row_of(event.encoded()) for event in events])
    assert [r.type.removeprefix("heliodesk.") for r in rows] == [
        "request.accepted.v1",
        "ticket.queued.v1",
        "clocks.started.v1",
        "ticket.assigned.v1",
        "ticket.accepted.v1",
    ]


def test_a_cycle_of_causes_ends() -> None:
    """Rows that name each other as cause are ordered all the same: the page must not hang."""
    one = row(routing.TicketAccepted(**stand()))
    two = Row(
        id="two",
        tenant=one.tenant,
        stream=one.stream,
        source="/sla/clocks",
        type="x",
        seq=1,
        at=NOON,
        configversion=1,
        cause=one.id,
        body=b"{}",
    )
    looped = Row(
        id=one.id,
        tenant=one.tenant,
        stream=one.stream,
        source=one.source,
        type=one.type,
        seq=1,
        at=NOON,
        configversion=1,
        cause="two",
        body=one.body,
    )
    assert {r.id for r in in_order([looped, two])} == {one.id, "two"}


def test_a_long_chain_of_causes_needs_no_recursion() -> None:
    """Ten thousand events in a row are ordered without reaching the interpreter's depth."""
    rows = [
        Row(
            id=str(n),
            tenant="main",
            stream=TICKET,
            source="/routing/ticket",
            type="x",
            seq=n,
            at=NOON,
            configversion=1,
            cause=str(n - 1),
            body=b"{}",
        )
        for n in range(1, 10_001)
    ]
    assert [r.seq for r in in_order(list(reversed(rows)))] == list(range(1, 10_001))


@pytest.mark.parametrize(
    ("count", "english", "chinese"),
    [
        (1, "1 article may help.", "1 篇文章可能有帮助。"),
        (2, "2 articles may help.", "2 篇文章可能有帮助。"),
    ],
)
def test_one_of_a_kind_is_told_in_the_singular(count: int, english: str, chinese: str) -> None:
    """English has a sentence of its own for one; Chinese says both alike."""
    found = tuple(
        knowledge.Suggestion(article=f"a{n}", title="VPN", score=1.0) for n in range(count)
    )
    body = knowledge.ArticlesSuggested(number="HD-1", suggestions=found)
    assert (told(body), told(body, Language.ZH)) == (english, chinese)


def test_clocks_that_wait_for_a_desk_are_not_counted_as_none() -> None:
    """Before the first desk no clock has a due time: that is said, and not that none runs."""
    waiting = CLOCK.model_copy(update={"due_at": None})
    body = sla.ClocksStarted(number="HD-1", clocks=(waiting,), facts=FACTS)
    assert told(body) == "The clocks wait for a desk."
    running = sla.ClocksStarted(number="HD-1", clocks=(CLOCK,), facts=FACTS)
    assert told(running) == "1 clock is running."


def test_a_step_of_escalation_tells_what_it_did_and_for_whom() -> None:
    """Its cause, what it proposes or could not do, and who is told in whose place, in words."""
    step: dict[str, Any] = {
        "number": "HD-1",
        "clocks": (CLOCK,),
        "clock": "response-1",
        "metric": sla.Metric.RESPONSE,
        "step": 1,
        "reason": "at-risk",
        "tell": ("h-clarke",),
    }
    proposed = sla.ClockEscalated(
        **step,
        cause="not-accepted",
        repetition=2,
        proposed=True,
        to_desk="london",
        told=(sla.Told(name="h-clarke", role="assignee", instead_of="boss", why="on-leave"),),
    )
    held = sla.ClockEscalated(
        **step,
        cause="expected-late",
        not_raised="closed",
        told=(sla.Told(name="h-clarke", role="assignee", why="unassigned"),),
    )
    assert _lines(proposed, Language.EN) == [
        "Why: nobody has accepted it.",
        "Repeated: 2.",
        "Proposed: to hand it to London Service Desk. Escalate it to agree.",
        "Told: Hannah Clarke.",
        "Hannah Clarke is told instead of boss: on leave.",
    ]
    assert _lines(held, Language.ZH) == [
        "原因：预计将超时。",
        "工单不动：上级服务台未开放。",
        "已告知：Hannah Clarke。",
        "已告知Hannah Clarke：尚未分派。",
    ]


def _lines(body: Body, language: Language) -> list[str]:
    line = Teller(words=Words(language), names=NAMES).tell(row(body))
    return ["".join(piece.text for piece in detail) for detail in line.details]
