"""Who is told that something is wrong with the end of a shift."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.notify.domain.notices import Notices
from services.notify.domain.planning import key, kind_of, language_of, planned_once
from shared.contracts.envelope import Body, Event
from shared.contracts.handover import HandoverAlarmed
from shared.contracts.notify import NoticeKind, NoticePlanned
from shared.kernel import rfc3339
from shared.organisation import Configuration


def tell_alarm(
    state: Notices | None,
    event: Event[HandoverAlarmed],
    _now: datetime,
    configuration: Configuration,
) -> Sequence[Body]:
    """Plan to tell those whom an alarm names; a name is an agent's or a desk's.

    The notice belongs to the handover and not to a ticket: its number is the desk's name.
    """
    body = event.body
    details = {
        "reason": body.reason,
        "desk": body.desk,
        "to": body.to,
        "due_at": rfc3339(body.closes_at),
        "tickets": str(body.tickets),
        "handover": event.subject,
        **({"side": str(body.side)} if body.side else {}),
        **({"opens_at": rfc3339(body.opens_at)} if body.opens_at else {}),
    }
    bodies: list[Body] = []
    for name in dict.fromkeys(body.tell):
        recipient_kind = kind_of(configuration, name)
        side = str(body.side) if body.side else ""
        planned = NoticePlanned(
            number=body.desk,
            notice=key(NoticeKind.HANDOVER.value, body.reason, side, name),
            kind=NoticeKind.HANDOVER,
            recipient_kind=recipient_kind,
            recipient=name,
            language=language_of(configuration, recipient_kind, name),
            details=details,
        )
        bodies.extend(planned_once(state, planned, beside=len(bodies)))
    return bodies
