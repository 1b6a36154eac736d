"""A ticket as intake owns it: what it is, which alerts it is about, whether it takes messages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, assert_never

from pydantic import BaseModel, ConfigDict

from services.intake.domain.alerts import (
    Members,
    Occurrence,
    as_members,
    firing,
    merged,
    occurrence_of,
)
from services.intake.domain.figures import Correction
from services.intake.domain.links import Links
from services.intake.domain.messages import Entry, Message
from services.intake.domain.person_words import PERSON, asks_for_person
from services.intake.domain.verdicts import verdict_of
from shared.aggregate import Aggregate
from shared.contracts.envelope import Body, Event
from shared.contracts.facts import Code, Id, Instant, Priority, TicketFacts
from shared.contracts.intake import (
    AlertsChanged,
    Classification,
    ConversationClosed,
    ConversationReopened,
    Direction,
    FollowupRefused,
    MessageAdded,
    MessageAmended,
    MessageSaid,
    PriorityReason,
    ReplyVerdict,
    RequestAccepted,
    RequestReclassified,
)
from shared.contracts.routing import FollowupRequested, TicketClosed, TicketReopened
from shared.contracts.topics import REQUESTS
from shared.threads import ordinal_of


class Ticket(BaseModel):
    """State of a ticket's stream.

    Invariants: ``alert_key`` never changes, and which ticket follows the group now is the group's
    to say; ``members`` and ``firing`` are what the ticket was told of its alerts.
    """

    model_config = ConfigDict(frozen=True)

    facts: TicketFacts
    ordinal: int
    message: Id
    """The first message."""
    messages: int = 1
    follows: Id | None = None
    closed: bool = False
    closed_at: Instant | None = None
    closed_desk: Code | None = None
    """The desk that had it when it was closed."""
    links: Links = Links()
    alert_key: Code | None = None
    members: dict[str, Occurrence] = {}
    firing: int = 0
    monitored: Priority | None = None
    """The most pressing priority that the alerts have asked for."""
    classification: Classification | None = None
    """Who said what it is, as it was accepted."""
    priority_because: PriorityReason | None = None
    corrections: tuple[Correction, ...] = ()


def evolve_ticket(state: Ticket | None, event: Event[Any]) -> Ticket:
    """Fold one event of the ticket's own stream."""
    body = event.body
    if isinstance(body, RequestAccepted):
        return Ticket(
            facts=body.facts,
            ordinal=ordinal_of(body.facts.number),
            message=body.message,
            messages=body.messages,
            follows=body.follows,
            links=Links(split_from=body.split_from),
            alert_key=body.alert_key,
            monitored=body.facts.priority if body.alert_key is not None else None,
            members={a.fingerprint: occurrence_of(a) for a in body.alerts},
            firing=body.firing,
            classification=body.classification,
            priority_because=body.priority_because,
        )
    if state is None:
        message = f"{event.type} before the ticket was accepted"
        raise ValueError(message)
    match body:
        case MessageAdded():
            after = _changed(state, facts=body.facts, messages=state.messages + 1)
        case RequestReclassified():
            after = _reclassified(state, body, event.time)
        case AlertsChanged():
            changes = {a.fingerprint: occurrence_of(a) for a in body.changes}
            members = merged(state.members, changes)
            after = _changed(
                state,
                facts=body.facts,
                members=members,
                firing=body.firing,
                monitored=body.priority or state.monitored,
                priority_because=_raised(state, body) or state.priority_because,
            )
        case ConversationClosed():
            after = _changed(
                state,
                facts=body.facts,
                closed=True,
                closed_at=event.time,
                closed_desk=body.desk,
            )
        case ConversationReopened():
            after = _changed(
                state, facts=body.facts, closed=False, closed_at=None, closed_desk=None
            )
        case MessageAmended() | FollowupRefused():
            after = state
        case _:
            links = state.links.after(body)
            if links is None:
                message = f"{event.type} is not folded into a ticket"
                raise ValueError(message)
            after = _changed(state, links=links)
    return after


def _raised(state: Ticket, body: AlertsChanged) -> PriorityReason | None:
    """Return why alerts raised the ticket's priority; None where they did not."""
    return body.priority_because if body.facts.priority < state.facts.priority else None


def _reclassified(state: Ticket, body: RequestReclassified, at: datetime) -> Ticket:
    corrections = (
        Correction(field=c.field, was=c.was, now=c.now, was_by=c.was_by, by=body.by, at=at)
        for c in body.changes
    )
    return _changed(
        state,
        facts=body.facts,
        priority_because=body.priority_because or state.priority_because,
        corrections=(*state.corrections, *corrections),
    )


def _changed(state: Ticket, **fields: Any) -> Ticket:
    return state.model_copy(update=fields)


def decide_accepted(
    state: Ticket | None,
    *,
    facts: TicketFacts,
    message: str,
    follows: str | None = None,
    alert_key: str | None = None,
    alerts: Members | None = None,
    left_out: int = 0,
    predicted: bool = False,
    classification: Classification | None = None,
    priority_because: PriorityReason | None = None,
    silent: bool = False,
    messages: int = 1,
    split_from: str | None = None,
    said: Sequence[MessageSaid] = (),
) -> list[Body]:
    """Accept a request; nothing where it has been accepted."""
    if state is not None:
        return []
    members = merged({}, alerts or {})
    return [
        RequestAccepted(
            facts=facts,
            message=message,
            firing=firing(members) + left_out,
            follows=follows,
            alert_key=alert_key,
            alerts=as_members(members),
            predicted=predicted,
            classification=classification,
            priority_because=priority_because,
            silent=silent,
            messages=messages,
            split_from=split_from,
            said=tuple(said),
        )
    ]


def decide_message(state: Ticket | None, row: Message) -> list[Body]:
    """Take in a row of the conversation: a message, a newer text of one, a refused follow-up."""
    if state is None:
        return []
    match row.entry:
        case Entry.MESSAGE:
            person = row.direction is Direction.INBOUND and asks_for_person(row.text)
            added = MessageAdded(
                facts=state.facts,
                message=row.id,
                direction=row.direction,
                author=row.author,
                asks=PERSON if person else None,
                verdict=verdict_in(row, contact=state.facts.contact),
            )
            # Not where it was moved by a merge: there, others ask.
            asked = row.answered_by == state.message and row.author != state.facts.contact
            return [_by_who_asked(added)] if asked else [added]
        case Entry.AMENDMENT:
            amended = MessageAmended(
                facts=state.facts,
                message=row.amends or row.id,
                amendment=row.id,
                deleted=row.deleted_at is not None,
            )
            return [amended]
        case Entry.REFUSED:
            return [FollowupRefused(facts=state.facts, message=row.id, author=row.author)]
    assert_never(row.entry)


def verdict_in(row: Message, *, contact: str) -> ReplyVerdict | None:
    """Return what the requester says of a resolution; nobody else's word closes a ticket."""
    if row.direction is not Direction.INBOUND or row.author != contact:
        return None
    return verdict_of(row.text, author=row.author_name, has_files=bool(row.files))


def _by_who_asked(added: MessageAdded) -> MessageAdded:
    """Return it as the message of the new contact: the first one of the ticket answers it."""
    facts = added.facts.model_copy(update={"contact": added.author})
    return added.model_copy(update={"facts": facts, "contact_was": added.facts.contact})


def decide_closed(state: Ticket | None, event: Event[TicketClosed], _now: datetime) -> list[Body]:
    """Close the conversation."""
    if state is None or state.closed:
        return []
    return [ConversationClosed(facts=state.facts, desk=event.body.desk)]


def decide_reopened(
    state: Ticket | None, _event: Event[TicketReopened], _now: datetime
) -> list[Body]:
    """Open the conversation again."""
    if state is None or not state.closed:
        return []
    return [ConversationReopened(facts=state.facts, alert_key=state.alert_key)]


def decide_followup(
    _state: Ticket | None, _event: Event[FollowupRequested], _now: datetime
) -> list[Body]:
    """Note that the follow-up was seen: what it asks for was done before this decision."""
    return []


TICKET = Aggregate(name="tickets", topic=REQUESTS, state=Ticket, evolve=evolve_ticket)
