"""What an agent's correction means to the other services: routing, the clocks, the console."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from services.console.domain.names import Names
from services.console.domain.projection import parts_of, row_of
from services.console.domain.telling import Teller
from services.console.domain.words import Language, Words
from services.routing.domain import requests
from services.routing.domain.tickets import TICKETS, TicketState
from shared.aggregate import Document, Step, plan
from shared.contracts.facts import Kind, Level, Priority
from shared.contracts.intake import FactChange, RequestReclassified
from shared.contracts.routing import TicketQueued, TicketRegarded
from tests.support.console import NOON, Stories, ticket_id
from tests.support.console import facts as console_facts
from tests.support.routing import TENANT, accepted, at, facts, sample


def reclassified(**changes: Any) -> RequestReclassified:
    """Return a correction of the priority."""
    change = FactChange(field="priority", was="P3", now="P1")
    return RequestReclassified(facts=facts(**changes), changes=(change,), by="h-clarke")


def _decided(body: Any, state: TicketState | None) -> Any:
    if isinstance(body, RequestReclassified):
        return requests.decide_reclassified(state, body, at(9), sample())
    return requests.decide_request(state, body, at(9), sample())


def taken(*bodies: Any) -> tuple[TicketState, list[Any]]:
    """Return a ticket of routing's after events of intake, and what it told last."""
    document: Document[TicketState] = Document(id="t-1", tenant=TENANT)
    told: list[Any] = []
    for body in bodies:
        step = Step(decide=partial(_decided, body))
        write = plan(TICKETS, document, [step], now=at(9), configversion=1).write
        told = [] if write is None else [event.body for event in write.bodies]
        document = write.after if write else document
    assert document.state is not None
    return document.state, told


def test_a_corrected_priority_changes_the_place_in_the_queue() -> None:
    """The ticket stays at its desk, since when it came, and is P1 there."""
    before, _ = taken(accepted(priority=Priority.P3))
    after, told = taken(accepted(priority=Priority.P3), reclassified(priority=Priority.P1))
    assert [type(body) for body in told] == [TicketRegarded]
    assert (after.rank, after.desk, after.since) == (1, before.desk, before.since)
    assert (before.rank, after.status) == (3, before.status)


def test_a_correction_that_changes_nothing_is_not_told_on() -> None:
    """Routing says only what is new."""
    _, told = taken(accepted(), reclassified())
    assert told == []


def test_a_correction_may_be_the_first_that_routing_sees() -> None:
    """It queues the ticket, as every event of intake does that comes first."""
    state, told = taken(reclassified(priority=Priority.P1))
    assert [type(body) for body in told] == [TicketQueued]
    assert state.rank == 1


TICKET = ticket_id("HD-1")
BODY = RequestReclassified(
    facts=console_facts("HD-1", priority=Priority.P1),
    changes=(
        FactChange(field="kind", was="inquiry", now="incident", was_by="model:3"),
        FactChange(field="impact", was="low", now="high"),
        FactChange(field="category", now="network"),
        FactChange(field="priority", was="P4", now="P1"),
    ),
    by="h-clarke",
)


def told_in(language: Language) -> tuple[str, list[str]]:
    """Return the sentence of a correction and its details."""
    row = row_of(Stories().say(TICKET, BODY, at=NOON).encoded())
    line = Teller(words=Words(language), names=Names(agents={"h-clarke": "Hannah"})).tell(row)
    return line.text, ["".join(piece.text for piece in pieces) for pieces in line.details]


def test_the_timeline_says_what_was_corrected() -> None:
    """In both languages, with the words that people know."""
    assert told_in(Language.EN) == (
        "Hannah corrected what it is.",
        [
            "Kind: Inquiry → Incident.",
            "Impact: low → high.",
            "Category: – → network.",
            "Priority: P4 → P1.",
        ],
    )
    text, details = told_in(Language.ZH)
    assert text == "Hannah 更正了分类。"
    assert details[0].startswith("类型：")


def test_the_console_takes_the_corrected_facts() -> None:
    """The summary of the ticket has them as intake says them."""
    event = Stories().say(TICKET, BODY, at=NOON + timedelta(minutes=1))
    (part,) = parts_of(event)
    assert (part.name, part.fields["facts"]["priority"]) == ("intake", "P1")
    assert part.fields["facts"]["kind"] == Kind.INCIDENT
    assert part.fields["facts"]["impact"] in set(Level)
