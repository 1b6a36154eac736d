"""A ticket as intake owns it: what it is, which alerts it is about, whether it takes messages."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from services.intake.domain.alerts import (
    Members,
    Occurrence,
    as_members,
    firing,
    merged,
    newer_than,
    occurrence_of,
)
from shared.aggregate import Aggregate
from shared.contracts.envelope import Body, Event
from shared.contracts.facts import Code, Id, TicketFacts
from shared.contracts.intake import (
    AlertsChanged,
    ConversationClosed,
    ConversationReopened,
    Direction,
    MessageAdded,
    RequestAccepted,
)
from shared.contracts.routing import FollowupRequested, TicketClosed, TicketReopened
from shared.contracts.topics import REQUESTS

NUMBER_PREFIX = "T-"
ORDINAL_DIGITS_MAX = 15


def number_text(ordinal: int) -> str:
    """Return a ticket's number as people write it."""
    return f"{NUMBER_PREFIX}{ordinal:06d}"


def ordinal_of(number: str) -> int:
    """Return the count in a ticket's number; 0 for a text that is none."""
    digits = number.removeprefix(NUMBER_PREFIX)
    return (
        int(digits)
        if digits.isascii() and digits.isdigit() and len(digits) <= ORDINAL_DIGITS_MAX
        else 0
    )


class Ticket(BaseModel):
    """State of a ticket's stream.

    Invariants: ``alert_key`` never changes; ``open_alert_key`` is it while the conversation is
    open, unless another ticket has taken it, and a unique index of the store keeps it with one
    ticket; ``firing`` counts the members that fire.
    """

    model_config = ConfigDict(frozen=True)

    facts: TicketFacts
    ordinal: int
    message: Id
    """The first message."""
    messages: int = 1
    follows: Id | None = None
    closed: bool = False
    alert_key: Code | None = None
    open_alert_key: Code | None = None
    members: dict[str, Occurrence] = {}
    firing: int = 0


def evolve_ticket(state: Ticket | None, event: Event[Any]) -> Ticket:
    """Fold one event of the ticket's own stream."""
    body = event.body
    if isinstance(body, RequestAccepted):
        return Ticket(
            facts=body.facts,
            ordinal=ordinal_of(body.facts.number),
            message=body.message,
            follows=body.follows,
            alert_key=body.alert_key,
            open_alert_key=body.alert_key,
            members={a.fingerprint: occurrence_of(a) for a in body.alerts},
            firing=body.firing,
        )
    if state is None:
        message = f"{event.type} before the ticket was accepted"
        raise ValueError(message)
    match body:
        case MessageAdded():
            return _changed(state, facts=body.facts, messages=state.messages + 1)
        case AlertsChanged():
            changes = {a.fingerprint: occurrence_of(a) for a in body.changes}
            members = merged(state.members, changes)
            return _changed(state, facts=body.facts, members=members, firing=body.firing)
        case ConversationClosed():
            return _changed(state, facts=body.facts, closed=True, open_alert_key=None)
        case ConversationReopened():
            return _changed(state, facts=body.facts, closed=False, open_alert_key=body.alert_key)
        case _:
            message = f"{event.type} is not folded into a ticket"
            raise ValueError(message)


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
) -> list[Body]:
    """Accept a request; nothing where it has been accepted."""
    if state is not None:
        return []
    members = merged({}, alerts or {})
    return [
        RequestAccepted(
            facts=facts,
            message=message,
            firing=firing(members),
            follows=follows,
            alert_key=alert_key,
            alerts=as_members(members),
        )
    ]


def decide_message(
    state: Ticket | None, *, message: str, direction: Direction, author: str
) -> list[Body]:
    """Add a message to the conversation."""
    if state is None:
        return []
    return [MessageAdded(facts=state.facts, message=message, direction=direction, author=author)]


def decide_alerts(state: Ticket | None, alerts: Members) -> list[Body]:
    """Take in occurrences; nothing where none is newer than what is known."""
    if state is None:
        return []
    changes = newer_than(state.members, alerts)
    members = merged(state.members, changes)
    kept = {f: o for f, o in changes.items() if members.get(f) == o}
    if not kept:
        return []
    return [AlertsChanged(facts=state.facts, changes=as_members(kept), firing=firing(members))]


def decide_closed(state: Ticket | None, _event: Event[TicketClosed], _now: datetime) -> list[Body]:
    """Close the conversation and release the alert key."""
    if state is None or state.closed:
        return []
    return [ConversationClosed(facts=state.facts)]


def decide_reopened(
    state: Ticket | None, event: Event[TicketReopened], _now: datetime, *, free: Collection[str]
) -> list[Body]:
    """Open the conversation again.

    Args:
        state: of the ticket.
        event: names the ticket.
        free: tickets whose alert key no other open ticket has: they take it back.
    """
    if state is None or not state.closed:
        return []
    alert_key = state.alert_key if event.subject in free else None
    return [ConversationReopened(facts=state.facts, alert_key=alert_key)]


def decide_followup(
    _state: Ticket | None, _event: Event[FollowupRequested], _now: datetime
) -> list[Body]:
    """Note that the follow-up was seen: its receipt was made before this decision."""
    return []


TICKET = Aggregate(name="tickets", topic=REQUESTS, state=Ticket, evolve=evolve_ticket)
