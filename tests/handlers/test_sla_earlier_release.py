"""Documents and events of release 0.1: they are read, and their clocks go on."""

from __future__ import annotations

from typing import Any

from services.sla.domain.decide import News, decide
from services.sla.domain.evolve import TICKET_CLOCKS
from services.sla.domain.explain import explained
from services.sla.domain.model import ClocksState
from shared.aggregate import Document, fold
from shared.contracts.envelope import Event, numbered
from shared.contracts.sla import ClocksChanged, ClocksStarted, ClockState, WorkEntry
from tests.support.sla import TENANT, TICKET, Sla, Story, facts, organisation, utc


def at(hour: int, minute: int = 0) -> str:
    """Return an instant of the second of July as text."""
    return utc(2, hour, minute).isoformat()


def document() -> dict[str, Any]:
    """Return what release 0.1 wrote of a ticket that had changed hands many times."""

    def span(start: str, end: str | None, used: float, merged: int = 0) -> dict[str, Any]:
        return {
            "desk": None if merged else "london",
            "calendar": "london-day",
            "configversion": 1,
            "started_at": start,
            "ended_at": end,
            "used_seconds": used,
            "merged": merged,
        }

    def clock(policy: str, metric: str, **more: Any) -> dict[str, Any]:
        return {
            "clock": f"{policy}:{metric}:1",
            "policy": policy,
            "metric": metric,
            "state": "running",
            "target_seconds": 28_800,
            "used_seconds": 0,
            "calendar": "london-day",
            "started_at": at(14),
            "source": "desk",
            "configversion": 1,
            "warned_at": at(14, 40),
            "steps_done": 1,
        } | more

    answered = {"state": "met", "ended_at": at(14, 3), "target_seconds": 3600}
    return {
        "number": "HD-1",
        "facts": facts().model_dump(mode="json"),
        "configversion": 1,
        "shard": 1,
        "status": "accepted",
        "desk": "london",
        "tier": 1,
        "first_desk": "london",
        "first_tier": 1,
        "responded_at": at(14, 3),
        "course": [
            {"at": at(14, 5), "phase": "running", "desk": "london", "configversion": 1},
            {
                "at": at(14, 10),
                "phase": "paused",
                "desk": "london",
                "configversion": 1,
                "reason": "customer",
                "by": "ann",
            },
            {"at": at(14, 20), "phase": "running", "desk": "london", "configversion": 1},
        ],
        "settled": 12,
        "clocks": [
            {
                "view": clock("answer", "response", **answered),
                "spans": [span(at(14), at(14, 3), 180)],
            },
            {
                "view": clock("fix", "resolution"),
                "spans": [
                    span(at(14), at(14, 5), 240, merged=12),
                    span(at(14, 5), at(14, 10), 300),
                    span(at(14, 20), None, 0),
                ],
            },
        ],
    }


def resolved(when: int) -> News:
    """Return the news of a resolution."""
    instant = utc(2, when)
    entry = WorkEntry(at=instant, status="resolved", desk="london", change="resolved")
    return News(at=instant, version=1, facts=facts(), change="resolved", entry=entry)


def test_a_document_is_read_and_its_clocks_go_on() -> None:
    """Settled sums, pauses and the first reply count as they did."""
    state = ClocksState.model_validate(document())
    assert [entry.status for entry in state.course] == ["queued", "pending", "queued"]
    (changed,) = decide(state, resolved(15), lambda _version: organisation())
    answer, fix = changed.clocks  # type: ignore[attr-defined]
    assert (answer.state, answer.ended_at, answer.used_seconds) == (
        ClockState.MET,
        utc(2, 14, 3),
        180,
    )
    assert (fix.state, fix.ended_at, fix.used_seconds) == (
        ClockState.MET,
        utc(2, 15),
        240 + 300 + 2_400,
    )
    assert fix.steps_done == 1


def test_its_explanation_can_be_told() -> None:
    """The pause that is still kept is shown, and the one warning is done."""
    state = ClocksState.model_validate(document())
    found = explained(TICKET, state, utc(2, 15), lambda _version: organisation())
    fix = found.clocks[1]
    assert [(p.reason, p.by, p.seconds) for p in fix.pauses] == [("customer", "ann", 600)]
    assert [mark.done for mark in fix.warnings] == [True]


def as_0_1(event: Event[Any]) -> Event[Any]:
    """Return an event as release 0.1 wrote it: without messages, and without what is settled."""
    body = event.body
    if isinstance(body, ClocksStarted | ClocksChanged):
        body = body.model_copy(update={"message": None, "settlement": None})
    return numbered(
        source=event.source,
        subject=event.subject,
        sequence=event.sequence,
        time=event.time,
        tenant=event.tenant,
        configversion=event.configversion,
        body=body,
    )


async def test_a_stream_is_folded_and_its_clocks_go_on() -> None:
    """Also one of which the older half was settled."""
    sla, story = Sla(), Story()
    await sla.feed(story.accepted(), story.queued(utc(2, 14)), story.message(utc(2, 14, 0, 30)))
    for turn in range(150):
        instant = utc(2, 14, turn // 60 + 1, turn % 60)
        await sla.feed(story.queued(instant, ("shanghai", "london")[turn % 2]))
    events = [as_0_1(event).encoded() for event in await sla.emitted()]
    state = fold(TICKET_CLOCKS, Document(id=TICKET, tenant=TENANT), events).state
    assert state is not None
    assert state.settlement is None
    assert state.settled > 0
    (changed,) = decide(state, resolved(15), sla.handlers.rules(TENANT))
    answer, fix = changed.clocks  # type: ignore[attr-defined]
    assert (answer.ended_at, answer.used_seconds) == (utc(2, 14, 0, 30), 30)
    # A minute, every other second of the next 150, and all that follows is London's.
    assert fix.used_seconds == 60 + 75 + (3_600 - 60 - 150)
