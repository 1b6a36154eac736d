"""Who is told beside those concerned: who follows a ticket, and who is called for help with it.

Watchers hear of public messages and resolutions; agents among them also of escalations, which are
the organisation's own affair. Nobody is told of what they did themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from services.notify.domain.notices import Notices, Watching
from services.notify.domain.planning import details_of, key, language_of, planned_once, request_of
from shared.contracts.envelope import Body, Event
from shared.contracts.facts import TicketFacts
from shared.contracts.intake import Direction, MessageAdded
from shared.contracts.lifecycle import (
    EscalationKind,
    TicketEscalated,
    WatcherAdded,
    WatcherKind,
    WatcherRemoved,
)
from shared.contracts.notify import NoticeKind, NoticePlanned, RecipientKind, WatchingChanged
from shared.contracts.routing import TicketResolved
from shared.organisation import Configuration

MESSAGE: Final = "message"
RESOLVED: Final = "resolved"
ESCALATED: Final = "escalated"
_KINDS: Final[Mapping[WatcherKind, RecipientKind]] = {
    WatcherKind.AGENT: RecipientKind.AGENT,
    WatcherKind.CONTACT: RecipientKind.CONTACT,
}


def note_watcher(
    state: Notices | None, event: Event[WatcherAdded] | Event[WatcherRemoved], _now: datetime
) -> Sequence[Body]:
    """Take note who follows a ticket; a kind that only a newer release knows is passed over."""
    body = event.body
    kind = _KINDS.get(body.kind)
    if kind is None:
        return ()
    watching = isinstance(body, WatcherAdded)
    known = Watching(watcher=body.watcher, kind=kind) in (state.watchers if state else ())
    if known == watching:
        return ()
    return (WatchingChanged(watcher=body.watcher, kind=kind, watching=watching),)


def tell_of_message(
    state: Notices | None, event: Event[MessageAdded], _now: datetime, configuration: Configuration
) -> Sequence[Body]:
    """Plan to pass a public message on to who follows the ticket; never an internal note."""
    body = event.body
    if body.direction not in {Direction.INBOUND, Direction.OUTBOUND}:
        return ()
    return _tell(
        state,
        configuration,
        body.facts,
        what=MESSAGE,
        cause=body.message,
        by=body.author,
        message=body.message,
    )


def tell_of_resolution(
    state: Notices | None,
    event: Event[TicketResolved],
    configuration: Configuration,
    *,
    beside: int = 0,
) -> Sequence[Body]:
    """Plan to tell who follows the ticket that it is resolved."""
    return _tell(
        state,
        configuration,
        event.body.facts,
        what=RESOLVED,
        cause=event.id,
        by=event.body.by,
        beside=beside,
    )


def call_for_help(
    state: Notices | None,
    event: Event[TicketEscalated],
    _now: datetime,
    configuration: Configuration,
) -> Sequence[Body]:
    """Plan to tell the manager who is called, and the agents who follow the ticket."""
    body = event.body
    planned: list[Body] = []
    called = body.told if body.kind is EscalationKind.HIERARCHICAL else ()
    for name in dict.fromkeys(called):
        notice = NoticePlanned(
            number=body.facts.number,
            notice=key(NoticeKind.HELP.value, event.id, name),
            kind=NoticeKind.HELP,
            recipient_kind=RecipientKind.AGENT,
            recipient=name,
            language=language_of(configuration, RecipientKind.AGENT, name),
            details={
                **details_of(body.facts),
                **request_of(state),
                "desk": body.desk,
                "reason": body.reason,
                "by": body.by,
                **({"agent": body.agent} if body.agent else {}),
            },
        )
        planned += planned_once(state, notice, beside=len(planned))
    followers = _tell(
        state,
        configuration,
        body.facts,
        what=ESCALATED,
        cause=event.id,
        by=body.by,
        only=RecipientKind.AGENT,
        told=called,
        beside=len(planned),
    )
    return [*planned, *followers]


def _tell(
    state: Notices | None,
    configuration: Configuration,
    facts: TicketFacts,
    *,
    what: str,
    cause: str,
    by: str,
    message: str | None = None,
    only: RecipientKind | None = None,
    told: Sequence[str] = (),
    beside: int = 0,
) -> list[Body]:
    """Plan a notice for each who follows, but for who did it and who is told anyway."""
    planned: list[Body] = []
    passed_over = {by, facts.contact, *told}
    for one in state.watchers if state is not None else ():
        if one.watcher in passed_over or only not in {None, one.kind}:
            continue
        agent = one.kind is RecipientKind.AGENT
        language = language_of(configuration, one.kind, one.watcher) if agent else facts.language
        notice = NoticePlanned(
            number=facts.number,
            notice=key(NoticeKind.WATCH.value, what, cause, one.watcher),
            kind=NoticeKind.WATCH,
            recipient_kind=one.kind,
            recipient=one.watcher,
            language=language,
            message=message,
            details={**details_of(facts), **request_of(state), "what": what},
        )
        planned += planned_once(state, notice, beside=beside + len(planned))
    return planned
