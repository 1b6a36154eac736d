"""Alerts: one open incident for each key, whatever the order, the number and the processes."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.domain.receipts import Receipt
from services.intake.doors import DOORS
from shared.contracts.alerts import AlertReported
from shared.contracts.envelope import Body, numbered
from shared.contracts.facts import TicketFacts
from shared.contracts.intake import (
    AlertsChanged,
    AlertStatus,
    ConversationClosed,
    ConversationReopened,
    RequestAccepted,
)
from shared.contracts.routing import FollowupRequested, Status, TicketClosed, TicketReopened
from shared.contracts.topics import ALERTS, TICKETS
from shared.kernel import Infrastructure
from shared.streams import Record
from tests.support.intake import Intake
from tests.support.intake_input import Crash, CrashAt, request, webhook

A, B = ("a", 0, "firing"), ("b", 0, "firing")
A_ENDED, B_ENDED = ("a", 0, "resolved"), ("b", 0, "resolved")

Alert = tuple[str, int, str]


async def deliver(intake: Intake, *alerts: Alert, key: str = "group") -> Receipt:
    """Hand a delivery in, and wait until it is applied."""
    receipt = await intake.accepting.submit(
        DOORS["alertmanager"], webhook(*alerts, key=key), intake.caller("alertmanager-demo")
    )
    return await intake.accepting.applied(receipt, seconds_max=5)


class Routing:
    """Routing's stream of one ticket, as far as intake listens to it."""

    def __init__(self, ticket: str, facts: TicketFacts) -> None:
        self._ticket = ticket
        self._facts = facts
        self._sequence = 0

    def says(self, body: type[Body], **fields: Any) -> Record:
        """Return the record of the next event."""
        self._sequence += 1
        event = numbered(
            source="/routing/ticket",
            subject=self._ticket,
            sequence=self._sequence,
            time=datetime(2026, 3, 2, 12, 0, tzinfo=UTC),
            tenant="main",
            configversion=1,
            body=body.model_validate(
                {"facts": self._facts, "status": Status.CLOSED, "desk": "london", **fields}
            ),
        ).encoded()
        return Record(
            topic=TICKETS.name,
            partition=0,
            offset=self._sequence,
            key=event.key,
            value=event.body,
            headers=event.headers(),
        )


def routing_of(intake: Intake, number: int = 0) -> Routing:
    """Return routing's stream of the ``number``-th ticket."""
    ticket = intake.tickets()[number]
    assert ticket.state is not None
    return Routing(ticket.id, ticket.state.facts)


async def test_alerts_of_a_group_are_one_incident_until_all_have_ended() -> None:
    """The first delivery opens it, later ones change it, the last end makes firing 0."""
    intake = Intake()
    receipts = [
        await deliver(intake, A),
        await deliver(intake, A, B),
        await deliver(intake, A_ENDED, B),
        await deliver(intake, A_ENDED, B_ENDED),
    ]
    await intake.settle()
    (ticket,) = intake.tickets()
    assert {r.ticket for r in receipts} == {ticket.id}
    assert {r.number for r in receipts} == {"T-000001"}
    bodies = [e.body for e in intake.events()]
    assert [type(b) for b in bodies] == [RequestAccepted, *[AlertsChanged] * 3]
    assert [b.firing for b in bodies] == [1, 2, 1, 0]
    assert ticket.state is not None
    assert ticket.state.facts.priority == "P1"


async def test_an_incident_of_alerts_names_the_version_of_the_configuration() -> None:
    """What is promised to it hangs on that, also when a newer one is applied a moment later."""
    intake = Intake()
    await deliver(intake, A)
    await intake.settle()
    newest = intake.configurations.version("main")
    assert newest > 0
    accepted = [e for e in intake.events() if isinstance(e.body, RequestAccepted)]
    assert [event.configversion for event in accepted] == [newest]


async def test_a_delivery_that_comes_twice_counts_once() -> None:
    """The same set of occurrences is the same receipt, in whatever order it names them."""
    intake = Intake()
    first = await deliver(intake, A, B)
    second = await deliver(intake, B, A)
    await intake.settle()
    assert second.id == first.id
    assert second.ticket == first.ticket
    assert len(intake.events()) == 1


@pytest.mark.parametrize("order", list(itertools.permutations([(A,), (A, B), (A_ENDED, B)])))
async def test_deliveries_may_come_in_any_order(order: Sequence[tuple[Alert, ...]]) -> None:
    """One ticket in which only b fires."""
    intake = Intake()
    for alerts in order:
        await deliver(intake, *alerts)
    await intake.settle()
    (ticket,) = intake.tickets()
    assert ticket.state is not None
    assert {f for f, o in ticket.state.members.items() if o.fires} == {"b"}
    (group,) = intake.groups().values()
    assert {f: m.fires for f, m in group.members.items()} == {"a": False, "b": True}


async def test_an_end_that_comes_before_its_beginning_opens_nothing() -> None:
    """Neither alone, nor when the beginning comes after it; a later beginning does."""
    intake = Intake()
    ended = await deliver(intake, A_ENDED)
    begun = await deliver(intake, A)
    assert (ended.ticket, begun.ticket) == (None, None)
    assert not intake.tickets()
    again = await deliver(intake, ("a", 5, "firing"))
    assert again.number == "T-000001"


async def test_two_groups_are_two_incidents() -> None:
    """The key decides, not the alert's name; and each integration has keys of its own."""
    intake = Intake()
    first, second = await deliver(intake, A, key="x"), await deliver(intake, A, key="y")
    assert first.ticket != second.ticket


async def test_many_deliveries_at_once_on_two_processes_are_one_incident() -> None:
    """The unique key decides; the losers' alerts are on the winner's ticket."""
    one = Intake()
    two = Intake(data=one.data, log=one.log, clock=one.clock)
    names = [f"f{n}" for n in range(40)]
    receipts = await asyncio.gather(
        *(deliver((one, two)[n % 2], (name, 0, "firing")) for n, name in enumerate(names))
    )
    await one.settle()
    (ticket,) = one.tickets()
    assert ticket.state is not None
    assert ticket.state.firing == 40
    assert set(ticket.state.members) == set(names)
    settled = await one.store.receipts([r.id for r in receipts])
    assert {r.ticket for r in settled.values()} == {ticket.id}


async def test_a_crash_at_any_point_loses_no_alert() -> None:
    """Whatever I/O the process dies at, the sweeper completes it, and one incident it stays."""
    whole = 0
    for number in range(200):
        crash = CrashAt(number)
        dying = Intake(faults=crash, lazy=True)
        healthy = Intake(data=dying.data, log=dying.log, clock=dying.clock)
        crash.armed = True
        try:
            for alerts in ([A], [A_ENDED, B]):
                receipt = await deliver(dying, *alerts)
                await dying.applying.apply([receipt])
        except (Crash, Infrastructure):
            crash.died = True
        await deliver(healthy, A_ENDED, B)
        await deliver(healthy, A)
        await healthy.settle()
        (ticket,) = healthy.tickets()
        assert ticket.state is not None
        assert ticket.state.firing == 1
        (group,) = healthy.groups().values()
        assert {f: m.fires for f, m in group.members.items()} == {"a": False, "b": True}
        assert sum(isinstance(e.body, RequestAccepted) for e in healthy.events()) == 1
        if not crash.died:
            whole = number
            break
    assert whole > 20


async def test_after_closing_new_alerts_open_a_new_incident_and_old_ones_nothing() -> None:
    """Late echoes of what the closed ticket knew are no news, and stay where they are."""
    intake = Intake()
    first = await deliver(intake, A, B)
    closed = routing_of(intake).says(TicketClosed, reason="solved")
    await intake.told([closed])
    await intake.told([closed])
    assert (await deliver(intake, B)).ticket == first.ticket
    assert (await deliver(intake, A_ENDED)).ticket == first.ticket
    fresh = await deliver(intake, A_ENDED, ("a", 9, "firing"))
    await intake.settle()
    assert fresh.number == "T-000002"
    kinds = [type(e.body) for e in intake.events() if e.subject != fresh.ticket]
    assert kinds == [RequestAccepted, ConversationClosed]


@pytest.mark.parametrize("taken", [False, True])
async def test_a_reopened_ticket_follows_its_group_unless_another_one_does(taken: bool) -> None:  # noqa: FBT001
    """The newer incident keeps the group; without one the reopened ticket is told again."""
    intake = Intake()
    await deliver(intake, A)
    routing = routing_of(intake)
    await intake.told([routing.says(TicketClosed, reason="solved")])
    if taken:
        await deliver(intake, ("a", 9, "firing"))
    await intake.told([routing.says(TicketReopened, reason="contact")])
    await intake.settle()
    assert sum(isinstance(e.body, ConversationReopened) for e in intake.events()) == 1
    joined = await deliver(intake, ("a", 12, "firing"))
    assert joined.number == ("T-000002" if taken else "T-000001")


async def test_a_message_to_a_closed_ticket_becomes_a_linked_ticket_once() -> None:
    """Under an id derived from routing's event: its redelivery changes nothing."""
    intake = Intake()
    receipt = await intake.accepting.submit(
        DOORS["requests"], request(key="k", text="since nine"), intake.caller("requests-demo")
    )
    await intake.settle()
    (message,) = intake.store.all_messages()
    routing = routing_of(intake)
    records = [
        routing.says(TicketClosed, reason="solved"),
        routing.says(FollowupRequested, message=message.id),
    ]
    await intake.told(records)
    await intake.told(records)
    await intake.settle()
    first, second = intake.tickets()
    assert first.state is not None
    assert second.state is not None
    assert second.state.follows == receipt.ticket
    assert (second.state.facts.number, second.state.facts.contact) == (
        "T-000002",
        first.state.facts.contact,
    )
    copied = (await intake.store.conversations([second.id]))[0]
    assert (copied.text, copied.author_name) == ("since nine", "Ana")


async def test_an_alert_on_a_closed_ticket_becomes_a_linked_incident() -> None:
    """It was known when the ticket closed, and counts again because routing asks for it."""
    intake = Intake()
    await deliver(intake, A)
    routing = routing_of(intake)
    await intake.told([routing.says(TicketClosed, reason="solved")])
    await intake.told([routing.says(FollowupRequested)])
    await intake.settle()
    first, second = intake.tickets()
    assert second.state is not None
    assert (second.state.follows, second.state.firing) == (first.id, 1)
    assert (await deliver(intake, A_ENDED)).ticket == second.id


OCCURRENCES = st.tuples(
    st.sampled_from("ab"), st.integers(0, 2), st.sampled_from(["firing", "resolved"])
)
DELIVERIES = st.lists(
    st.lists(OCCURRENCES, min_size=1, max_size=3).map(tuple), min_size=1, max_size=6
)


@settings(max_examples=150, deadline=None)
@given(deliveries=DELIVERIES, order=st.randoms(use_true_random=False))
async def test_any_history_ends_in_what_a_plain_model_says(
    deliveries: list[tuple[Alert, ...]], order: Any
) -> None:
    """Delivered in any order, with repetitions, by two processes at once: the newest state.

    The model sorts all occurrences: of each alert the last one stands. Where one fires in the
    end, one ticket says exactly so; where none does, no ticket fires.
    """
    occurrences = sorted({o for delivery in deliveries for o in delivery})
    newest = {name: status for name, _, status in occurrences}
    fires = {name for name, status in newest.items() if status == "firing"}
    one = Intake()
    two = Intake(data=one.data, log=one.log, clock=one.clock)
    shuffled = deliveries + deliveries[: len(deliveries) // 2]
    order.shuffle(shuffled)
    half = len(shuffled) // 2
    for part in (shuffled[:half], shuffled[half:]):
        await asyncio.gather(
            *(deliver((one, two)[n % 2], *alerts) for n, alerts in enumerate(part))
        )
    await one.settle()
    tickets = [t.state for t in one.tickets() if t.state is not None]
    assert len(tickets) <= 1
    firing = {f for t in tickets for f, o in t.members.items() if o.status is AlertStatus.FIRING}
    assert firing == fires
    assert sum(t.firing for t in tickets) == len(fires)


def alert_record(offset: int, body: bytes, **headers: str) -> Record:
    """Return a record of the public topic."""
    attributes = {"ce_specversion": "1.0", "ce_source": "/m", "ce_type": "x", **headers}
    return Record(
        topic=ALERTS.name,
        partition=0,
        offset=offset,
        key=b"k",
        value=body,
        headers=tuple((n, v.encode()) for n, v in attributes.items()),
    )


def reported(key: str, status: str) -> bytes:
    """Return the body of an alert."""
    at = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    body = AlertReported(key=key, status=AlertStatus(status), summary=f"{key} down", starts_at=at)
    return body.model_dump_json().encode()


async def test_cloud_events_become_incidents_and_unreadable_ones_dead_letters() -> None:
    """Redelivery changes nothing; nothing is lost, nothing stops the others."""
    intake = Intake()
    records = [
        alert_record(0, reported("disk", "firing"), ce_id="1"),
        alert_record(1, b"\xff not json", ce_id="2"),
        alert_record(2, reported("net", "firing"), ce_id="3", ce_integration="cloudevents-demo"),
        alert_record(3, reported("net", "firing"), ce_id="4", ce_integration="nobody"),
        alert_record(4, reported("disk", "resolved"), ce_id="5"),
        alert_record(5, reported("disk", "firing"), ce_id="1"),
        Record(ALERTS.name, 0, 6, None, None, (("ce_id", None), ("ce_x", b"\xff"))),
    ]
    await intake.reporting.process(records)
    await intake.reporting.process(records)
    await intake.settle()
    states = [t.state for t in intake.tickets() if t.state is not None]
    assert [t.firing for t in states] == [0, 1] or [t.firing for t in states] == [1]
    dead = await intake.streams.rows(limit=100)
    assert sorted(row.record.offset for row in dead) == [1, 3, 6]
    assert any("nobody" in row.error for row in dead)


STRUCTURED = {"content-type": "application/cloudevents+json", "ce_id": "9"}


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (
            b'{"specversion":"1.0","id":"9","source":"/m","type":"x","data_base64":"\xc3\xa9"}',
            STRUCTURED,
        ),
        (
            reported("k", "firing").replace(b'"labels":{}', b'"labels":{"a":"\\udc80"}'),
            {"ce_id": "9"},
        ),
    ],
    ids=["base64 beyond ASCII", "half a surrogate pair in a label"],
)
async def test_no_outsiders_record_stops_the_topic(body: bytes, headers: dict[str, str]) -> None:
    """What a door trips over is a dead letter too, and the records behind it are taken in."""
    intake = Intake()
    good = alert_record(1, reported("disk", "firing"), ce_id="1")
    await intake.reporting.process([alert_record(0, body, **headers), good])
    await intake.settle()
    assert [row.record.offset for row in await intake.streams.rows(limit=10)] == [0]
    assert len(intake.tickets()) == 1


async def test_an_alert_with_very_long_labels_opens_an_incident() -> None:
    """Its labels are free text: what does not fit is left out, with an ellipsis."""
    labels = {f"label-{n}": "v" * 2_000 for n in range(100)}
    body = AlertReported(
        key="disk",
        status=AlertStatus.FIRING,
        summary="disk down",
        starts_at=datetime(2026, 3, 2, 9, 0, tzinfo=UTC),
        labels=labels,
    )
    intake = Intake()
    wire = body.model_dump_json().encode()
    await intake.reporting.process([alert_record(0, wire, ce_id="1")])
    await intake.settle()
    assert len(intake.tickets()) == 1


async def test_cloud_events_wait_for_the_configuration() -> None:
    """Without any configuration nobody's integration is known: the batch is tried again."""
    intake = Intake()
    intake.configurations.__init__()  # type: ignore[misc]
    with pytest.raises(Infrastructure):
        await intake.reporting.process([alert_record(0, reported("d", "firing"), ce_id="1")])
    assert not await intake.streams.rows(limit=10)
