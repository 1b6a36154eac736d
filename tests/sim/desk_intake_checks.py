"""Intake: no request is lost, none is there twice, and what a monitor said last stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from services.intake.domain.alerts import Occurrence, from_sortable, newer_than
from services.intake.handlers.closing import DOOR as FOLLOWUP
from shared.contracts import routing
from shared.documents import Row
from tests.sim.desk_told import Told

ALERTING = frozenset({"alertmanager", "cloudevents"})


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
    messages = {row["message"] for row in rows}
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
    return row["ticket"] in told.aside or (bool(told.aside) and "alert_key" in row["task"])


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


def check_alerts(told: Told) -> Iterator[str]:
    """The newest occurrence of each alert is known; one incident is open for each key at most."""
    known: dict[str, dict[str, Occurrence]] = {}
    opened: Counter[str] = Counter()
    behind = set()
    for ticket, row in told.rows("intake", "tickets").items():
        state = row["state"]
        if state is None or state["alert_key"] is None:
            continue
        if ticket in told.aside:
            behind.add(state["alert_key"])
        opened.update([state["open_alert_key"]] if state["open_alert_key"] else [])
        members = {f: Occurrence.model_validate(o) for f, o in state["members"].items()}
        mine = known.setdefault(state["alert_key"], {})
        mine.update(newer_than(mine, members))
    for name, row in told.rows("intake", "alert_memory").items():
        key, _, fingerprint = name.partition(":")
        mine = known.setdefault(key, {})
        mine.update(newer_than(mine, {fingerprint: from_sortable(row["seen"])}))
    yield from (f"alert {k}: {n} open tickets" for k, n in opened.items() if n > 1)
    for (key, fingerprint), occurrence in told.stage.occurrences.items():
        found = known.get(key, {}).get(fingerprint)
        if key not in behind and found != occurrence:
            yield f"alert {key[:8]} {fingerprint}: {found} is known, {occurrence} was said"
