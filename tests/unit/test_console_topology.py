"""What people read of topologies, queues and the alarm, in both languages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from services.console.domain.actions import Verb
from services.console.domain.names import Names
from services.console.domain.telling import Teller
from services.console.domain.words import Language, Words
from services.console.domain.words_en import ENGLISH
from services.console.pages.ticket import _body
from services.console.ports import Caller
from services.routing.domain.desks import choose_desk
from shared.auth import Actor
from shared.contracts.control import IdentityKind
from shared.contracts.facts import TicketFacts
from shared.contracts.routing import (
    PendReason,
    QueueReason,
    Status,
    TicketPended,
    TicketQueued,
)
from shared.organisation import Configuration, parse_sections, validate_sections
from tests.support.routing import at, facts
from tests.unit.test_console_timeline import row
from tests.unit.test_routing_shapes import EXAMPLES, generated, moments, sections_of, tickets

NAMES = Names(
    desks={"operations": "Global Operations"},
    agents={"ann": "Ann"},
    queues={"network-experts": "Network experts"},
    suppliers={"uplink": "Uplink Carrier Services"},
)


def example() -> Configuration:
    """Return the example of all seven shapes."""
    files = {p.name: p.read_text(encoding="utf-8") for p in sorted(EXAMPLES.glob("*.yaml"))}
    return parse_sections(files)


def queued(**said: str) -> TicketQueued:
    """Return how a ticket of the example is queued."""
    ticket = facts(**said)
    choice = choose_desk(example(), ticket, at(10))
    return TicketQueued(
        facts=ticket,
        status=Status.QUEUED,
        desk=choice.desk.name,
        reason=QueueReason.NEW,
        explanation=choice.explanation,
        queue=choice.queue,
        unrouted=choice.unrouted,
    )


@pytest.mark.parametrize(
    ("language", "head", "why"),
    [
        (
            Language.EN,
            "Queued at Network experts (Global Operations).",
            "Network experts is the group of the choice in the menu.",
        ),
        (
            Language.ZH,
            "进入Network experts (Global Operations)的队列。",
            "Network experts是菜单所选项的专家组。",
        ),
    ],
)
def test_a_queue_and_what_decided_are_told_by_their_titles(
    language: Language, head: str, why: str
) -> None:
    """Not the codes, and not the English rule where the reader's language is another."""
    told = Teller(words=Words(language), names=NAMES).tell(row(queued(channel="phone", choice="1")))
    assert told.text == head
    because = ["".join(piece.text for piece in line) for line in told.details]
    assert why in because


def test_the_alarm_is_a_line_of_the_timeline() -> None:
    """No topology takes it, and it says what to do."""
    told = Teller(words=Words(Language.EN), names=NAMES).tell(row(queued(channel="walk-up")))
    lines = ["".join(piece.text for piece in line) for line in told.details]
    assert ENGLISH["say.unrouted"] in lines


def test_a_supplier_is_told_by_its_title() -> None:
    """Whom the work waits for, where that was said."""
    body = TicketPended(
        facts=facts(),
        status=Status.PENDING,
        desk="operations",
        agent="ann",
        by="ann",
        reason=PendReason.SUPPLIER,
        supplier="uplink",
    )
    told = Teller(words=Words(Language.EN), names=NAMES).tell(row(body))
    assert told.text == "Ann set it to wait for Uplink Carrier Services."


@pytest.mark.parametrize(
    ("verb", "fields", "body"),
    [
        (Verb.TRANSFER, {"desk": "operations"}, {"desk": "operations"}),
        (
            Verb.TRANSFER,
            {"desk": "operations/network-experts"},
            {"desk": "operations", "queue": "network-experts"},
        ),
        (
            Verb.PEND,
            {"reason": "supplier", "supplier": "uplink"},
            {"reason": "supplier", "supplier": "uplink"},
        ),
        (Verb.PEND, {"reason": "customer", "supplier": "uplink"}, {"reason": "customer"}),
    ],
)
def test_a_form_names_a_queue_with_its_desk_and_a_supplier_only_where_one_is_waited_for(
    verb: Verb, fields: dict[str, str], body: dict[str, Any]
) -> None:
    """The command is what routing takes."""
    actor = Actor(
        identity="i", name="ann", tenant="main", kind=IdentityKind.AGENT, roles=frozenset()
    )
    caller = Caller(actor=actor, token="t", expires_at=at(10))
    assert _body(verb, fields, caller, None, at(9)) == body


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(section=generated, ticket=tickets(), now=moments)
def test_whatever_decided_about_a_desk_has_a_sentence(
    section: dict[str, Any], ticket: TicketFacts, now: datetime
) -> None:
    """And each shape and reason for leaving out has its word."""
    because = choose_desk(validate_sections(sections_of(section)), ticket, now).explanation
    assert f"say.desk.{because.decided}" in ENGLISH
    assert f"shape.{because.shape}" in ENGLISH
    assert all(f"left.{reason}" in ENGLISH for reason in because.left_out)
