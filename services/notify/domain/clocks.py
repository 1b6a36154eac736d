"""What is told of clocks: warnings, breaches, and the steps of escalation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from services.notify.domain.notices import Notices
from services.notify.domain.planning import key, kind_of, language_of, planned_once
from shared.contracts.envelope import Body, Event
from shared.contracts.notify import NoticeKind, NoticePlanned, RecipientKind
from shared.contracts.sla import ClockBreached, ClockEscalated, ClockWarned, Told
from shared.kernel import rfc3339
from shared.organisation import Configuration

BREACH: Final = "breach"


def warn(
    state: Notices | None, event: Event[ClockWarned], _now: datetime, configuration: Configuration
) -> Sequence[Body]:
    """Plan to warn whoever has the ticket that a clock runs out: the agent, or else the desk."""
    return _about_clock(state, event, configuration, kind=NoticeKind.WARNING, mark="")


def tell_breach(
    state: Notices | None,
    event: Event[ClockBreached],
    _now: datetime,
    configuration: Configuration,
) -> Sequence[Body]:
    """Plan to tell whoever has the ticket that a clock has run out: the agent, or else the desk."""
    return _about_clock(state, event, configuration, kind=NoticeKind.ESCALATION, mark=BREACH)


def escalate(
    state: Notices | None,
    event: Event[ClockEscalated],
    _now: datetime,
    configuration: Configuration,
) -> Sequence[Body]:
    """Plan to tell those whom a step of escalation names; a name is an agent's or a desk's.

    A step at the due time itself says nothing new to who was told of the breach, unless it asks
    for a decision. Each repetition is told again.
    """
    body = event.body
    due = next((clock.due_at for clock in body.clocks if clock.clock == body.clock), None)
    details = {
        "clock": body.clock,
        "metric": body.metric.value,
        "step": str(body.step),
        "reason": body.reason,
        "cause": body.cause,
        **({"repetition": str(body.repetition)} if body.repetition else {}),
        **({"to": body.to_desk} if body.to_desk else {}),
        **({"proposed": "yes"} if body.proposed else {}),
        **({"desk": body.desk} if body.desk else {}),
        **({"agent": body.agent} if body.agent else {}),
        **({"due_at": rfc3339(due)} if due else {}),
    }
    at_due = body.at_share == 1 and not body.repetition and not body.proposed
    instead = {one.name: one for one in body.told}
    again = (f"r{body.repetition}",) if body.repetition else ()
    bodies: list[Body] = []
    for name in dict.fromkeys(body.tell):
        if at_due and _knows_of_breach(state, body.clock, name):
            continue
        recipient_kind = kind_of(configuration, name)
        planned = NoticePlanned(
            number=body.number,
            notice=key(NoticeKind.ESCALATION.value, body.clock, str(body.step), *again, name),
            kind=NoticeKind.ESCALATION,
            recipient_kind=recipient_kind,
            recipient=name,
            language=language_of(configuration, recipient_kind, name),
            details={**details, **_instead(instead.get(name))},
        )
        bodies.extend(planned_once(state, planned, beside=len(bodies)))
    return bodies


def _instead(told: Told | None) -> dict[str, str]:
    """Return whom somebody is told for, and why."""
    if told is None or told.why is None:
        return {}
    return {"why": told.why} | ({"instead_of": told.instead_of} if told.instead_of else {})


def _knows_of_breach(state: Notices | None, clock: str, name: str) -> bool:
    told = key(NoticeKind.ESCALATION.value, clock, BREACH, name)
    return state is not None and state.find(told) is not None


def _about_clock(
    state: Notices | None,
    event: Event[ClockWarned] | Event[ClockBreached],
    configuration: Configuration,
    *,
    kind: NoticeKind,
    mark: str,
) -> Sequence[Body]:
    body = event.body
    if body.agent:
        recipient_kind, recipient = RecipientKind.AGENT, body.agent
    elif body.desk:
        recipient_kind, recipient = RecipientKind.DESK, body.desk
    else:
        return ()
    details = {"clock": body.clock, "metric": body.metric.value, "due_at": rfc3339(body.due_at)}
    details |= {"desk": body.desk} if body.desk else {}
    details |= {"agent": body.agent} if body.agent else {}
    details |= {"reason": mark} if mark else {}
    return planned_once(
        state,
        NoticePlanned(
            number=body.number,
            notice=key(kind.value, body.clock, *([mark] if mark else []), recipient),
            kind=kind,
            recipient_kind=recipient_kind,
            recipient=recipient,
            language=language_of(configuration, recipient_kind, recipient),
            details=details,
        ),
    )
