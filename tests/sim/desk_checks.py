"""What must be true of the desk after a run, told from the log, the stores and the mailboxes.

Before the repair, tickets that are parked somewhere may be behind; all others are at their end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from services.notify.domain.notices import NOTICES
from services.routing.domain.agents import AGENTS
from services.routing.domain.tickets import HELD, TICKETS
from services.sla.domain.evolve import TICKET_CLOCKS
from shared.consumer import Consumer
from shared.contracts import handover, intake, routing, sla
from shared.contracts.topics import ALERTS, CLOCKS, REQUESTS, SHIFTS, Topic
from shared.contracts.topics import TICKETS as TICKETS_TOPIC
from tests.sim.checkers import check_dead_letters, check_streams, delivered
from tests.sim.desk_intake_checks import (
    check_alerts,
    check_followups,
    check_promises,
    check_receipts,
)
from tests.sim.desk_monitor_checks import check_monitors, unfinished_monitors
from tests.sim.desk_promise_checks import check_clocks, check_mail, check_notices
from tests.sim.desk_services import AGGREGATES
from tests.sim.desk_stage import Stage, versions
from tests.sim.desk_told import Told
from tests.sim.world import World

CONSUMED: dict[str, tuple[Topic, ...]] = {
    "intake": (TICKETS_TOPIC, ALERTS),
    "routing": (REQUESTS, CLOCKS),
    "sla": (REQUESTS, TICKETS_TOPIC),
    "notify": (REQUESTS, TICKETS_TOPIC, CLOCKS, SHIFTS),
    "knowledge": (REQUESTS,),
}


def check_desk(told: Told) -> Iterator[str]:
    """Yield what is wrong."""
    for service, aggregates in AGGREGATES.items():
        for aggregate in aggregates:
            yield from check_streams(told.world, service, aggregate)
        letters = {t: told.stage.garbage.get(t.name, 0) for t in CONSUMED[service]}
        yield from check_dead_letters(told.world, service, letters)
        for consumer in told.world.living(service)[0].wiring.consumers:
            yield from _check_marks(told, service, consumer)
    yield from check_promises(told)
    yield from check_receipts(told)
    yield from check_followups(told)
    yield from check_alerts(told)
    yield from check_monitors(told)
    yield from _check_capacity(told)
    yield from _check_handovers(told)
    yield from stale_holds(told.world)
    yield from check_mail(told)
    for ticket in told.requests:
        if ticket not in told.aside:
            yield from _check_ticket(told, ticket)
            yield from check_clocks(told, ticket)
            yield from check_notices(told, ticket)


def _check_marks(told: Told, service: str, consumer: Consumer) -> Iterator[str]:
    """Every document has consumed its topics to the end."""
    source = consumer.topic.source or ""
    for stream, events in delivered(told.world, consumer.topic).items():
        rows = [(event, consumer.on.get(event.type)) for event in events]
        last = {row.aggregate.name: event.sequence for event, row in rows if row is not None}
        for name, sequence in last.items():
            mark = told.rows(service, name).get(stream, {}).get("mark", {}).get(source)
            if mark != sequence and (service, stream) not in told.parked:
                yield f"{service} {stream}: {source} is marked {mark}, it is at {sequence}"


def _check_capacity(told: Told) -> Iterator[str]:
    """Nobody is given more than the organisation allowed, as it was known to who gave it."""
    for events in told.shifts.values():
        holds: dict[str, int] = {}
        for event in events:
            match event.body:
                case routing.HoldTaken(agent=agent, ticket=ticket, weight=weight):
                    holds[ticket] = weight
                    capacity = versions()[event.configversion - 1].agent(agent).capacity
                    if sum(holds.values()) > capacity:
                        yield f"{agent} holds {holds}, {capacity} is all"
                case routing.HoldReleased(ticket=ticket):
                    holds.pop(ticket, None)
                case _:
                    pass


def _check_handovers(told: Told) -> Iterator[str]:
    """Every move at the end of a shift has one receipt, and every receipt is of one move."""
    moves = Counter(
        (event.body.handover, ticket, event.sequence)
        for ticket, events in told.tickets.items()
        for event in events
        if isinstance(event.body, routing.TicketQueued) and event.body.handover is not None
    )
    receipts = Counter(
        (event.body.handover, event.body.ticket, event.body.sequence)
        for events in told.shifts.values()
        for event in events
        if isinstance(event.body, handover.HandoverItemMoved)
    )
    for move in moves.keys() | receipts.keys():
        if (moves[move], receipts[move]) != (1, 1):
            yield f"{move}: moved {moves[move]} times, with {receipts[move]} receipts"


def _check_ticket(told: Told, ticket: str) -> Iterator[str]:
    """Every service knows the ticket, and it has come to its end."""
    own = [event.type for event in told.requests[ticket]]
    accepted = intake.RequestAccepted.type
    if own[0] != accepted or own.count(accepted) != 1:
        yield f"{ticket}: was not accepted once, and first of all"
    work = [event.body for event in told.tickets.get(ticket, [])]
    status = work[-1].status if work else None
    if status is not routing.Status.CLOSED:
        yield f"{ticket}: is {status} in the end"
    started = [e for e in told.clocks.get(ticket, []) if isinstance(e.body, sla.ClocksStarted)]
    if [event.sequence for event in started] != [1]:
        yield f"{ticket}: its clocks started {len(started)} times"
    if len(told.suggestions.get(ticket, [])) != 1:
        yield f"{ticket}: {len(told.suggestions.get(ticket, []))} suggestions"
    if not told.rows("intake", "tickets")[ticket]["state"]["closed"]:
        yield f"{ticket}: the conversation is open in the end"


def stale_holds(world: World) -> list[str]:
    """Return the holds that stand without work."""
    rows = world.disks["routing"].collection(TICKETS.name).items()
    held = {
        (row["state"]["agent"], ticket)
        for ticket, row in rows
        if row["state"] and row["state"]["status"] in HELD
    }
    holds = {
        (row["state"]["agent"], ticket)
        for row in world.disks["routing"].collection(AGENTS.name).values()
        if row["state"]
        for ticket in row["state"]["holds"]
    }
    return [f"{agent} holds {ticket} without working on it" for agent, ticket in holds - held]


def unfinished(world: World, stage: Stage) -> Iterator[str]:
    """Yield what is still to be done, parked tickets aside."""
    aside = {stream for _, stream in world.parked_streams()}
    tickets = world.disks["intake"].collection("tickets").items()
    waiting = {row["state"]["alert_key"] for t, row in tickets if t in aside and row["state"]}
    for row in world.disks["intake"].collection("receipts").values():
        parts = (row["task"] or {}).get("parts", ())
        behind = row["ticket"] in aside or any(part["alert_key"] in waiting for part in parts)
        if row["pending_since"] is not None and not behind:
            yield f"the receipt {row['key']} waits: {row.get('error')}"
    for ticket, row in world.disks["routing"].collection(TICKETS.name).items():
        status = row["state"]["status"] if row["state"] else None
        if ticket not in aside and status != routing.Status.CLOSED:
            yield f"{ticket} is {status}"
    for service, aggregate in (("sla", TICKET_CLOCKS), ("notify", NOTICES)):
        for ticket, row in world.disks[service].collection(aggregate.name).items():
            due_at = row["state"]["due_at"] if row["state"] else None
            if ticket not in aside and due_at is not None:
                yield f"{service}: {ticket} is due at {due_at}"
    yield from unfinished_monitors(world, aside)
    yield from (f"{notice} is claimed" for notice in stage.claims(world).rows)
    yield from stale_holds(world)


__all__ = ["check_desk", "stale_holds", "unfinished"]
