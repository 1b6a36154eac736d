"""Every kind of notice has words in English and Chinese, made of what it is planned with."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.notify.adapters.words import TEMPLATES, JinjaWords
from shared.contracts.handover import HandoverAlarmed, HandoverSide
from shared.contracts.lifecycle import WatcherAdded, WatcherKind
from shared.contracts.notify import NoticeKind
from shared.contracts.routing import (
    Explanation,
    QueueReason,
    Status,
    TicketQueued,
    TicketResolved,
)
from shared.log import silent
from shared.testing.clock import START
from tests.handlers.test_notify_sending import facts, people
from tests.support.notify import Notify, sample

VALUES = {
    "number": "T-000001",
    "organisation": "Helio",
    "priority": "P2",
    "kind": "incident",
    "channel": "email",
    "service": "vpn",
    "desk": "London Service Desk",
    "to": "Shanghai Service Desk",
    "agent": "Hugh",
    "by": "Olu",
    "reason": "skills",
    "metric": "response",
    "due": "2026-03-02 10:00 (Europe/London)",
    "opens": "2026-03-02 09:00 (Europe/London)",
    "closes": "2026-03-05 10:00 (Europe/London)",
    "subject": "VPN",
    "text": "It does not connect.",
    "author": "Wei",
    "contact": "Wei",
    "what": "resolved",
    "code": "123 456",
    "until": "2026-03-02 10:00 UTC",
    "tickets": "2",
    "handover": "handover-1",
    "side": "giving",
    "fresh": "3",
    "firing": "4",
}
KINDS = [kind for kind in NoticeKind if kind is not NoticeKind.UNKNOWN]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_kind_is_said_in_its_language(kind: NoticeKind, language: str) -> None:
    """No kind falls back to another language, is empty, or shows what is no text."""
    assert (TEMPLATES / language / f"{kind.value}.txt.j2").is_file()
    found = JinjaWords(log=silent()).render(
        kind=kind, language=language, values=VALUES, configuration=sample()
    )
    assert found.language == language
    assert found.subject
    assert "\n" not in found.subject
    assert len(found.text) > len(found.subject)
    for strange in ("{{", "{%", "None", "Undefined"):
        assert strange not in found.subject + found.text + found.html
    assert any("一" <= sign <= "鿿" for sign in found.subject + found.text) == (language == "zh")


@pytest.mark.parametrize(
    ("more", "english", "chinese"),
    [
        (
            {"proposed": "yes", "cause": "expected-late"},
            ("To be decided", "Proposed: to hand it to Shanghai", "it is expected to be late"),
            ("待决定", "建议：转交Shanghai", "预计将超时"),
        ),
        (
            {"step": "2", "repetition": "3", "cause": "not-accepted", "metric": "own"},
            ("step 2, repeated 3", "nobody has accepted it", "somebody to take it"),
            ("第 3 次重复", "尚无人受理", "受理"),
        ),
        (
            {"why": "off-shift", "instead_of": "Hannah"},
            ("You are told instead of Hannah: off shift",),
            ("原接收人：Hannah", "不在班"),
        ),
        ({"why": "unassigned"}, ("told instead: nobody is assigned",), ("尚未分派",)),
    ],
)
def test_a_step_of_escalation_says_what_it_is_for(
    more: dict[str, str], english: tuple[str, ...], chinese: tuple[str, ...]
) -> None:
    """What is proposed, why it is told, how often, and in whose place."""
    for language, wanted in (("en", english), ("zh", chinese)):
        found = JinjaWords(log=silent()).render(
            kind=NoticeKind.ESCALATION,
            language=language,
            values={**VALUES, "reason": "at-risk", **more},
            configuration=sample(),
        )
        for words in wanted:
            assert words in found.subject + found.text


ALARMS: list[tuple[dict[str, Any], str, str]] = [
    (
        {"reason": "unsigned", "side": HandoverSide.TAKING},
        "was not signed in time by the taking side",
        "接班方签字",
    ),
    (
        {"reason": "nobody-open", "tickets": 2, "opens_at": START + timedelta(hours=8)},
        "2 tickets wait",
        "等待中的工单：2",
    ),
    ({"reason": "stay", "tickets": 1}, "1 ticket has stayed", "1 个工单"),
]


@pytest.mark.parametrize(("alarm", "english", "chinese"), ALARMS, ids=lambda v: str(v)[:20])
async def test_an_alarm_of_a_handover_is_mailed(
    alarm: dict[str, Any], english: str, chinese: str
) -> None:
    """To a person and to a desk, each in their language, with the desks' titles and local times."""
    rig = Notify(directory=people())
    body = HandoverAlarmed(
        desk="london",
        tell=("h-clarke", "shanghai"),
        closes_at=START,
        to="shanghai",
        **alarm,
    )
    await rig.receive(rig.event("handover-1", body))
    await rig.sender.round()
    texts = [
        mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
        for mail in rig.channel.parsed
    ]
    assert len(texts) == 2
    assert english in texts[0]
    assert chinese in texts[1]
    assert all("London Service Desk" in text for text in texts)
    assert all("(Europe/London)" in text for text in texts)
    assert not any("Z\n" in text for text in texts)


def queued(**changes: Any) -> TicketQueued:
    """Return work that was taken back from its agent and that no topology takes any more."""
    given: dict[str, Any] = {
        "facts": facts(),
        "status": Status.QUEUED,
        "desk": "london",
        "reason": QueueReason.RECLAIMED,
        "released": "h-clarke",
        "code": "absent",
        "unrouted": True,
        "explanation": Explanation(topology="", shape="fallback", rule="r"),
    }
    return TicketQueued(**(given | changes))


async def test_one_move_may_be_told_to_two() -> None:
    """Reclaimed and unrouted at once: the agent and the desk hear of it, each once."""
    rig = Notify(directory=people())
    event = rig.event("t-1", queued())
    await rig.receive(event)
    await rig.receive(event)
    told = sorted(str(notice.kind) for notice in (await rig.notices("t-1")).values())
    assert told == ["reclaim", "unrouted"]


async def test_what_comes_back_to_the_fallback_desk_is_no_new_alarm() -> None:
    """An offer that ran out there is not mailed again; another fallback desk hears of it."""
    rig = Notify(directory=people())
    for desk in ("london", "london", "shanghai"):
        expired = {"reason": QueueReason.OFFER_EXPIRED, "code": None, "desk": desk}
        await rig.receive(rig.event("t-1", queued(**expired)))
    notices = (await rig.notices("t-1")).values()
    assert sorted(n.recipient for n in notices) == ["london", "shanghai"]


async def test_who_follows_hears_of_a_resolution_beside_the_contact() -> None:
    """The contact has the mail of the resolution, the watcher a word of it."""
    rig = Notify(directory=people())
    base: dict[str, Any] = {"facts": facts(), "desk": "london", "tier": 1, "by": "h-clarke"}
    watching = WatcherAdded(
        **base, status=Status.ACCEPTED, watcher="o-adeyemi", kind=WatcherKind.AGENT
    )
    solved = TicketResolved(**base, status=Status.RESOLVED, code="solved")
    await rig.receive(rig.event("t-1", watching))
    await rig.receive(rig.event("t-1", solved))
    told = {(str(n.kind), n.recipient) for n in (await rig.notices("t-1")).values()}
    assert told == {("resolution", "wei"), ("watch", "o-adeyemi")}
