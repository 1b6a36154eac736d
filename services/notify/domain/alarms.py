"""Alarms to those who answer for a desk."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.notify.domain.notices import Notices
from services.notify.domain.planning import details_of, key, language_of, planned_once
from shared.contracts.envelope import Body, Event
from shared.contracts.notify import NoticeKind, NoticePlanned, RecipientKind
from shared.contracts.routing import TicketQueued
from shared.organisation import Configuration, UnknownName
from shared.organisation.duty import on_duty


def tell_unrouted(
    state: Notices | None,
    event: Event[TicketQueued],
    _now: datetime,
    configuration: Configuration,
) -> Sequence[Body]:
    """Plan to tell the fallback desk of a ticket that no topology takes.

    A desk without an address of its own has who is on duty told, or else its duty manager;
    without either nobody is, and the console and the metrics say it alone.
    """
    body = event.body
    if not body.unrouted:
        return ()
    try:
        desk = configuration.desk(body.desk)
    except UnknownName:
        return ()
    person = on_duty(configuration, desk.name, event.time)
    if desk.email is not None:
        kind, recipient = RecipientKind.DESK, desk.name
    elif person is not None:
        kind, recipient = RecipientKind.AGENT, person.id
    elif desk.duty_manager is not None:
        kind, recipient = RecipientKind.AGENT, desk.duty_manager
    else:
        return ()
    planned = NoticePlanned(
        number=body.facts.number,
        # Once for each desk: what comes back to its queue, from an offer say, is no news.
        notice=key(NoticeKind.UNROUTED.value, desk.name),
        kind=NoticeKind.UNROUTED,
        recipient_kind=kind,
        recipient=recipient,
        language=language_of(configuration, kind, recipient),
        details={**details_of(body.facts), "desk": body.desk},
    )
    return planned_once(state, planned)
