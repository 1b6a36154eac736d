"""Who is told what, and when: from the events of others to planned notices.

Every function takes the state, the event and the decision's instant, and returns the bodies that
follow. A key that the ticket has already planned is not planned again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from services.notify.domain.notices import CODE, OPEN_MAX, REQUEST, RESOLUTION, Notices
from shared.contracts.contacts import ContactCodeAsked
from shared.contracts.envelope import Body, Event
from shared.contracts.facts import TicketFacts
from shared.contracts.intake import Direction, FollowupRefused, MessageAdded, RequestAccepted
from shared.contracts.notify import NoticeFailed, NoticeKind, NoticePlanned, RecipientKind
from shared.contracts.routing import (
    FollowupRequested,
    Status,
    TicketAssigned,
    TicketEvent,
    TicketRegarded,
    TicketResolved,
)
from shared.kernel import digest, rfc3339
from shared.organisation import Configuration, UnknownName

KEY_MAX: Final = 80
ACKNOWLEDGEMENT_KEY: Final = "acknowledgement"
CONTACT: Final = "contact"
"""The actor of what the requester did themselves."""
LANGUAGE_DEFAULT: Final = "en"
NEWS_QUIET: Final = timedelta(hours=1)
"""So long after one notice of new alerts the next ones of the ticket are only in the console."""
NOT_HELD: Final = frozenset({Status.RESOLVED, Status.CLOSED})
"""Of these the agent is the one who solved it."""
TOO_MANY: Final = f"more than {OPEN_MAX} notices of this ticket wait"

_PLAIN = re.compile(r"[A-Za-z0-9._:-]+")


def key(*parts: str) -> str:
    """Return the key of a notice within its ticket; safe in a path, and never over 80 characters.

    The first part is the kind. Parts that are too long or too strange are hashed.
    """
    joined = ":".join(parts)
    if len(joined) <= KEY_MAX and _PLAIN.fullmatch(joined):
        return joined
    return f"{parts[0]}:{digest(*(part.encode() for part in parts[1:]))[:40]}"


def acknowledge(
    state: Notices | None, event: Event[RequestAccepted], _now: datetime, *, reachable: bool
) -> Sequence[Body]:
    """Plan the acknowledgement of a new ticket: one for ever, to a contact who can be reached.

    None where no automatic answer is to be sent: so ends every loop of two programs.
    """
    if not reachable or event.body.silent or (state is not None and state.acknowledged):
        return ()
    facts = event.body.facts
    return planned_once(
        state,
        NoticePlanned(
            number=facts.number,
            notice=ACKNOWLEDGEMENT_KEY,
            kind=NoticeKind.ACKNOWLEDGEMENT,
            recipient_kind=RecipientKind.CONTACT,
            recipient=facts.contact,
            language=facts.language,
            details={**details_of(facts), REQUEST: event.body.message},
        ),
    )


def reply(state: Notices | None, event: Event[MessageAdded], _now: datetime) -> Sequence[Body]:
    """Plan to pass an agent's message on to the contact."""
    body = event.body
    if body.direction is not Direction.OUTBOUND:
        return ()
    return planned_once(
        state,
        NoticePlanned(
            number=body.facts.number,
            notice=key("reply", body.message),
            kind=NoticeKind.REPLY,
            recipient_kind=RecipientKind.CONTACT,
            recipient=body.facts.contact,
            language=body.facts.language,
            message=body.message,
            details={**details_of(body.facts), **request_of(state), "agent": body.author},
        ),
    )


def refuse_followup(
    state: Notices | None,
    event: Event[FollowupRefused] | Event[FollowupRequested],
    _now: datetime,
    *,
    reachable: bool,
) -> Sequence[Body]:
    """Plan to tell who wrote to a closed ticket that a person looks at it: once for a ticket.

    Intake refuses it, or routing where closing and the message crossed. A second message gets no
    second answer: so ends every loop of two programs.
    """
    body, facts = event.body, event.body.facts
    if not reachable or (isinstance(body, FollowupRequested) and not body.refused):
        return ()
    return planned_once(
        state,
        NoticePlanned(
            number=facts.number,
            notice=NoticeKind.REFUSAL.value,
            kind=NoticeKind.REFUSAL,
            recipient_kind=RecipientKind.CONTACT,
            recipient=body.author if isinstance(body, FollowupRefused) else facts.contact,
            language=facts.language,
            details={**details_of(facts), **request_of(state)},
        ),
    )


def send_code(
    state: Notices | None, event: Event[ContactCodeAsked], now: datetime
) -> Sequence[Body]:
    """Plan to send a code to the address that it confirms; none where it is too old by now."""
    body = event.body
    if now >= body.expires_at:
        return ()
    return planned_once(
        state,
        NoticePlanned(
            number="",
            notice=key(NoticeKind.CODE.value, body.code),
            kind=NoticeKind.CODE,
            recipient_kind=RecipientKind.CONTACT,
            recipient=event.subject,
            language=body.language,
            details={CODE: body.code},
        ),
    )


def tell_resolution(
    state: Notices | None, event: Event[TicketResolved], _now: datetime, *, reachable: bool
) -> Sequence[Body]:
    """Plan to tell the contact that the ticket is resolved, once per resolution."""
    body = event.body
    if not reachable or body.by == CONTACT:
        return ()  # Who says so themselves need not be told.
    details = {**details_of(body.facts), **request_of(state), "desk": body.desk, "code": body.code}
    details |= {RESOLUTION: str(event.sequence)}
    details |= {"close_at": rfc3339(body.close_at)} if body.close_at else {}
    if body.agent:
        details["agent"] = body.agent
    return planned_once(
        state,
        NoticePlanned(
            number=body.facts.number,
            notice=key("resolution", event.id),
            kind=NoticeKind.RESOLUTION,
            recipient_kind=RecipientKind.CONTACT,
            recipient=body.facts.contact,
            language=body.facts.language,
            details=details,
        ),
    )


def tell_assignment(
    state: Notices | None,
    event: Event[TicketAssigned],
    _now: datetime,
    configuration: Configuration,
) -> Sequence[Body]:
    """Plan to tell an agent of a ticket that is now theirs, unless it was their own deed."""
    body = event.body
    if not body.agent or body.agent == body.by:
        return ()
    return tell_agent(state, event, configuration, kind=NoticeKind.ASSIGNMENT, agent=body.agent)


def tell_agent(
    state: Notices | None,
    event: Event[Any],
    configuration: Configuration,
    *,
    kind: NoticeKind,
    agent: str,
    details: Mapping[str, str] = MappingProxyType({}),
    beside: int = 0,
) -> Sequence[Body]:
    """Plan to tell an agent what an event of routing means to them."""
    body: TicketEvent = event.body
    return planned_once(
        state,
        NoticePlanned(
            number=body.facts.number,
            notice=key(kind.value, event.id),
            kind=kind,
            recipient_kind=RecipientKind.AGENT,
            recipient=agent,
            language=language_of(configuration, RecipientKind.AGENT, agent),
            details={**details_of(body.facts), **details, "desk": body.desk, "agent": agent},
        ),
        beside=beside,
    )


def tell_news(
    state: Notices | None,
    event: Event[TicketRegarded],
    now: datetime,
    configuration: Configuration,
) -> Sequence[Body]:
    """Plan to tell who holds an incident that more alerts have joined it, at most once an hour.

    Without it they would vanish into an incident that somebody has accepted; with one for each,
    an alert that flaps would be a mail for each of its turns.
    """
    body = event.body
    if not body.fresh or not body.agent or body.status in NOT_HELD:
        return ()
    since = now - NEWS_QUIET
    told = state.notices if state is not None else ()
    if any(n.kind is NoticeKind.NEWS and n.planned_at > since for n in told):
        return ()
    details = {"fresh": str(body.fresh), "firing": str(body.firing), "desk": body.desk}
    return planned_once(
        state,
        NoticePlanned(
            number=body.facts.number,
            notice=key(NoticeKind.NEWS.value, event.id),
            kind=NoticeKind.NEWS,
            recipient_kind=RecipientKind.AGENT,
            recipient=body.agent,
            language=language_of(configuration, RecipientKind.AGENT, body.agent),
            details={**details_of(body.facts), **details, "agent": body.agent},
        ),
    )


def planned_once(
    state: Notices | None, planned: NoticePlanned, *, beside: int = 0
) -> Sequence[Body]:
    """Return the plan, unless the ticket has one of that key; refuse it aloud beyond the limit."""
    if state is not None and state.find(planned.notice) is not None:
        return ()
    waiting = (state.open_count if state is not None else 0) + beside
    if waiting >= OPEN_MAX:
        return (planned, NoticeFailed(notice=planned.notice, reason=TOO_MANY, attempts=0))
    return (planned,)


def details_of(facts: TicketFacts) -> dict[str, str]:
    """Return what every notice of a ticket may say."""
    details = {
        "kind": facts.kind.value,
        "priority": facts.priority.value,
        "channel": facts.channel.value,
    }
    if facts.service:
        details["service"] = facts.service
    return details


def request_of(state: Notices | None) -> dict[str, str]:
    """Return the message that a ticket's notices quote, where one is known."""
    return {REQUEST: state.request} if state is not None and state.request else {}


def kind_of(configuration: Configuration, name: str) -> RecipientKind:
    """Return what a name is; one that nobody knows counts as an agent's, and fails as such."""
    try:
        configuration.agent(name)
    except UnknownName:
        known = any(desk.name == name for desk in configuration.desks.desks)
        return RecipientKind.DESK if known else RecipientKind.AGENT
    return RecipientKind.AGENT


def language_of(configuration: Configuration, kind: RecipientKind, name: str) -> str:
    """Return the first language of an agent or a desk; the organisation's where unknown."""
    try:
        found = (
            configuration.desk(name) if kind is RecipientKind.DESK else configuration.agent(name)
        )
    except UnknownName:
        languages = configuration.organisation.languages
        return languages[0] if languages else LANGUAGE_DEFAULT
    return found.languages[0]
