"""Intake: no request is lost, none is there twice, and what a monitor said last stands."""

from __future__ import annotations

from collections.abc import Iterator

from services.intake.domain.alert_groups import AlertGroup, Member
from services.intake.domain.alerts import Occurrence
from services.intake.domain.ticket import Ticket
from services.intake.handlers.closing import DOOR as FOLLOWUP
from services.intake.handlers.silence import DOOR as SILENCE
from shared.contracts import routing
from shared.documents import Row
from tests.sim.desk_told import Told

ALERTING = frozenset({"alertmanager", "cloudevents", "heartbeat", SILENCE})


def check_promises(told: Told) -> Iterator[str]:
    """What was answered to clients is so: one ticket for each key, numbers unique."""
    yield from told.stage.broken
    rows = told.rows("intake", "receipts")
    opened = {events[0].body.facts.number: ticket for ticket, events in told.requests.items()}
    if len(opened) != len(told.requests):
        yield "two tickets have one number"
    for identifier, receipt in told.stage.accepted.items():
        row = rows.get(identifier)
        if row is None:
            yield f"{receipt.door} {receipt.key}: its receipt is lost"
            continue
        promised = (receipt.ticket, receipt.number)
        if receipt.ticket is not None and (row["ticket"], row["number"]) != promised:
            yield f"{receipt.door} {receipt.key}: {promised} was promised"
        numbered = receipt.number is None or opened.get(receipt.number) == receipt.ticket
        if not numbered and row["ticket"] not in told.aside:
            yield f"{receipt.door} {receipt.key}: {receipt.number} is not its ticket"


def check_receipts(told: Told) -> Iterator[str]:
    """Every receipt is applied, and its message is in the log once."""
    rows = told.rows("intake", "receipts").values()
    said = told.messages()
    messages = {row["message"] for row in rows} | _messages_of_alerts(told)
    yield from (f"message {m} is nobody's" for m in said if m not in messages)
    yield from (f"message {m} is there {n} times" for m, n in said.items() if n > 1)
    for row in rows:
        if row["pending_since"] is not None:
            if not _may_wait(told, row):
                yield f"{row['door']} {row['key']}: was not applied"
        elif row["door"] in ALERTING or row["ticket"] in told.aside or row["ticket"] is None:
            continue
        elif row["door"] != FOLLOWUP and said[row["message"]] != 1:
            yield f"{row['door']} {row['key']}: its message is lost"


def _may_wait(told: Told, row: Row) -> bool:
    return row["ticket"] in told.aside or (bool(told.aside) and "parts" in row["task"])


def check_followups(told: Told) -> Iterator[str]:
    """Each follow-up was asked for, and each that a person asked for has come."""
    wanted = {
        event.id: event
        for events in told.tickets.values()
        for event in events
        if isinstance(event.body, routing.FollowupRequested)
    }
    made = {
        row["key"] for row in told.rows("intake", "receipts").values() if row["door"] == FOLLOWUP
    }
    yield from (f"nobody asked for the follow-up {key}" for key in made - wanted.keys())
    for key, event in wanted.items():
        if key not in made and event.subject not in told.aside and event.body.message is not None:
            yield f"{event.subject}: the follow-up for {event.body.message} is lost"


def _messages_of_alerts(told: Told) -> set[str]:
    """Return the first messages of the tickets that groups of alerts have."""
    return {
        episode["message"]
        for row in told.rows("intake", "alert_groups").values()
        if row["state"] is not None
        for episode in row["state"]["episodes"]
    }


def check_alerts(told: Told) -> Iterator[str]:
    """What monitors said last is known; the incident of what fires says so, and no other does."""
    groups = {
        key: AlertGroup.model_validate(row["state"])
        for key, row in told.rows("intake", "alert_groups").items()
        if row["state"] is not None
    }
    tickets = told.rows("intake", "tickets")
    for (key, fingerprint), occurrence in told.stage.occurrences.items():
        member = groups[key].members.get(fingerprint) if key in groups else None
        if member is None or not _stands(member, occurrence):
            yield f"alert {key[:8]} {fingerprint}: {member} is known, {occurrence} was said"
    for key, group in groups.items():
        current = group.current
        if current is None or current.opened_at is None or current.ticket in told.aside:
            continue
        row = tickets.get(current.ticket)
        if row is None or row["state"] is None:
            yield f"alert {key[:8]}: {current.ticket} is not there"
            continue
        ticket = Ticket.model_validate(row["state"])
        fires = {f for f, o in ticket.members.items() if o.fires}
        if not (ticket.closed or group.flapping) and fires != set(group.firing_of(current.number)):
            yield f"alert {key[:8]}: {current.ticket} knows that {fires} fire"


def _stands(member: Member, said: Occurrence) -> bool:
    """Return whether the newest that was said of an alert is what is known of it."""
    if said.fires:
        return member.fires and member.fired == said.starts_at
    return not member.fires and (member.resolved == said.starts_at)
