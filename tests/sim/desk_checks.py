"""What must be true of the desk after a run, told from the log, the stores and the mailboxes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from services.intake.domain.alerts import Occurrence, from_sortable, newer_than
from services.intake.handlers.closing import DOOR as FOLLOWUP
from services.notify.domain.mail import notice_message_id
from services.notify.domain.planning import TOO_MANY
from services.routing.domain.agents import AGENTS
from services.routing.domain.tickets import HELD, TICKETS
from services.sla.domain.evolve import TICKET_CLOCKS
from shared.aggregate import Aggregate
from shared.consumer import Consumer
from shared.contracts import intake, knowledge, notify, routing, sla
from shared.contracts.envelope import Event
from shared.contracts.topics import (
    ALERTS,
    CLOCKS,
    NOTICES,
    REQUESTS,
    SHIFTS,
    SUGGESTIONS,
    Topic,
)
from shared.contracts.topics import TICKETS as TICKETS_TOPIC
from tests.sim.checkers import check_dead_letters, check_streams, delivered
from tests.sim.desk_services import AGGREGATES, DOMAIN
from tests.sim.desk_stage import GONE, Stage, versions

if TYPE_CHECKING:
    from tests.sim.world import World

CONSUMED: dict[str, tuple[Topic, ...]] = {
    "intake": (TICKETS_TOPIC, ALERTS),
    "routing": (REQUESTS, CLOCKS),
    "sla": (REQUESTS, TICKETS_TOPIC),
    "notify": (REQUESTS, TICKETS_TOPIC, CLOCKS),
    "knowledge": (REQUESTS,),
}


def stale_holds(world: World) -> list[str]:
    """Return where an agent's holds and the tickets do not say the same."""
    tickets = world.disks["routing"].collection(TICKETS.name)
    held = {
        (row["state"]["agent"], ticket)
        for ticket, row in tickets.items()
        if row["state"] and row["state"]["status"] in HELD
    }
    holds = {
        (row["state"]["agent"], ticket)
        for row in world.disks["routing"].collection(AGENTS.name).values()
        if row["state"]
        for ticket in row["state"]["holds"]
    }
    return [f"hold of {ticket} by {agent} without work" for agent, ticket in sorted(holds - held)]


class Verdict:
    """All checks on one world; tickets that are parked anywhere may be behind."""

    def __init__(self, world: World, stage: Stage, *, repaired: bool) -> None:
        self._world = world
        self._stage = stage
        parked = [] if repaired else world.parked_streams()
        self._parked = set(parked)
        self._aside = {stream for _, stream in parked}
        self._requests = self._read(REQUESTS)
        self._tickets = self._read(TICKETS_TOPIC)
        self._clocks = self._read(CLOCKS)
        self._notices = self._read(NOTICES)

    def _read(self, topic: Topic) -> dict[str, list[Event[Any]]]:
        found = {}
        for stream, events in delivered(self._world, topic).items():
            bodies = [topic.body(event.type) for event in events]
            found[stream] = [
                event.with_body(body)
                for event, body in zip(events, bodies, strict=True)
                if body is not None
            ]
        return found

    def problems(self) -> list[str]:
        """Return what is wrong."""
        found = list(self._stage.broken)
        for service, aggregates in AGGREGATES.items():
            for aggregate in aggregates:
                found += check_streams(self._world, service, aggregate)
            letters = {t: self._stage.garbage.get(t.name, 0) for t in CONSUMED[service]}
            found += check_dead_letters(self._world, service, letters)
        found += self._marks()
        found += self._receipts()
        found += self._alerts()
        found += self._capacity()
        found += stale_holds(self._world)
        for ticket in self._requests:
            if ticket in self._aside:
                continue
            found += self._one_ticket(ticket)
            found += self._one_clock_each(ticket)
            found += self._one_notice_each(ticket)
        found += self._mail()
        return found

    def _marks(self) -> Iterator[str]:
        """Every document has consumed its topics to the end."""
        for service in AGGREGATES:
            process = self._world.living(service)[0]
            for consumer in process.wiring.consumers:
                yield from self._marks_of(service, consumer)

    def _marks_of(self, service: str, consumer: Consumer) -> Iterator[str]:
        source = consumer.topic.source or ""
        for stream, events in delivered(self._world, consumer.topic).items():
            if (service, stream) in self._parked:
                continue
            last: dict[str, int] = {}
            aggregates: dict[str, Aggregate[Any]] = {}
            for event in events:
                row = consumer.on.get(event.type)
                if row is not None:
                    last[row.aggregate.name] = event.sequence
                    aggregates[row.aggregate.name] = row.aggregate
            for name, sequence in last.items():
                rows = self._world.disks[service].collection(name)
                mark = rows.get(stream, {}).get("mark", {}).get(source)
                if mark != sequence:
                    yield f"{service} {stream}: {source} is marked {mark}, it is at {sequence}"

    def _receipts(self) -> Iterator[str]:
        """No request is lost, and none is there twice."""
        rows = self._world.disks["intake"].collection("receipts")
        said = Counter(
            event.body.message
            for events in self._requests.values()
            for event in events
            if isinstance(event.body, intake.RequestAccepted | intake.MessageAdded)
        )
        opened = {
            events[0].body.facts.number: ticket for ticket, events in self._requests.items()
        }
        if len(opened) != len(self._requests):
            yield "two tickets have one number"
        for identifier, receipt in self._stage.accepted.items():
            row = rows.get(identifier)
            if row is None:
                yield f"{receipt.door} {receipt.key}: its receipt is lost"
            elif receipt.number is not None and opened.get(receipt.number) != receipt.ticket:
                if row["ticket"] not in self._aside:
                    yield f"{receipt.door} {receipt.key}: {receipt.number} is not its ticket"
        messages = {row["message"] for row in rows.values()}
        yield from (f"message {m} is nobody's" for m in said if m not in messages)
        yield from (f"message {m} is there {n} times" for m, n in said.items() if n > 1)
        wanted = {
            event.id: event.subject
            for events in self._tickets.values()
            for event in events
            if isinstance(event.body, routing.FollowupRequested)
        }
        for row in rows.values():
            key = (row["task"] or {}).get("alert_key")
            alerts = row["ticket"] is None or row["door"] in {"alertmanager", "cloudevents"}
            if row["pending_since"] is not None:
                if row["ticket"] not in self._aside and (key is None or not self._aside):
                    yield f"{row['door']} {row['key']}: was not applied"
            elif not alerts and row["ticket"] not in self._aside and row["door"] != FOLLOWUP:
                if said[row["message"]] != 1:
                    yield f"{row['door']} {row['key']}: its message is lost"
            if row["door"] == FOLLOWUP and wanted.pop(row["key"], None) is None:
                yield f"{row['key']}: nobody asked for this follow-up"
        for event_id, ticket in wanted.items():
            event = next(e for e in self._tickets[ticket] if e.id == event_id)
            if ticket not in self._aside and event.body.message is not None:
                yield f"{ticket}: the follow-up for {event.body.message} is lost"

    def _alerts(self) -> Iterator[str]:
        """What a monitor said last stands, whatever the order; one open incident for each key."""
        known: dict[str, dict[str, Occurrence]] = {}
        opened: Counter[str] = Counter()
        behind = set()
        for ticket, row in self._world.disks["intake"].collection("tickets").items():
            state = row["state"]
            if state is None or state["alert_key"] is None:
                continue
            if ticket in self._aside:
                behind.add(state["alert_key"])
            opened.update([state["open_alert_key"]] if state["open_alert_key"] else [])
            members = {f: Occurrence.model_validate(o) for f, o in state["members"].items()}
            mine = known.setdefault(state["alert_key"], {})
            mine.update(newer_than(mine, members))
        for name, row in self._world.disks["intake"].collection("alert_memory").items():
            key, _, fingerprint = name.partition(":")
            mine = known.setdefault(key, {})
            mine.update(newer_than(mine, {fingerprint: from_sortable(row["seen"])}))
        yield from (f"alert {k}: {n} open tickets" for k, n in opened.items() if n > 1)
        for (key, fingerprint), occurrence in self._stage.occurrences.items():
            if key not in behind and known.get(key, {}).get(fingerprint) != occurrence:
                yield f"alert {key[:8]} {fingerprint}: {occurrence} is not what is known"

    def _capacity(self) -> Iterator[str]:
        """Nobody is given more than the organisation allowed, as it was known to who gave it."""
        for events in self._read(SHIFTS).values():
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

    def _one_ticket(self, ticket: str) -> Iterator[str]:
        """Every service knows the ticket, and it has come to its end."""
        last = [event.body for event in self._tickets.get(ticket, [])]
        status = last[-1].status if last else None
        if status is not routing.Status.CLOSED:
            yield f"{ticket}: is {status} in the end"
        started = [e for e in self._clocks.get(ticket, []) if isinstance(e.body, sla.ClocksStarted)]
        if len(started) != 1 or started[0].sequence != 1:
            yield f"{ticket}: its clocks started {len(started)} times"
        suggested = delivered(self._world, SUGGESTIONS).get(ticket, [])
        if [e.type for e in suggested] != [knowledge.ArticlesSuggested.type]:
            yield f"{ticket}: {len(suggested)} suggestions"
        own = self._requests[ticket]
        if [e.type for e in own].count(intake.RequestAccepted.type) != 1 or own[0].type != (
            intake.RequestAccepted.type
        ):
            yield f"{ticket}: was not accepted once, and first of all"
        state = self._world.disks["intake"].collection("tickets")[ticket]["state"]
        reopened = any(isinstance(b, routing.TicketReopened) for b in last)
        if not state["closed"] and not reopened:
            yield f"{ticket}: the conversation is open in the end"

    def _one_clock_each(self, ticket: str) -> Iterator[str]:
        """One breach for each clock, net of those that were withdrawn, and never early."""
        net: Counter[str] = Counter()
        warned: Counter[str] = Counter()
        steps: dict[str, int] = {}
        for event in self._clocks.get(ticket, []):
            body = event.body
            match body:
                case sla.ClockBreached():
                    net[body.clock] += 1
                    if event.time <= body.due_at:
                        yield f"{ticket} {body.clock}: breached early"
                    if net[body.clock] != 1:
                        yield f"{ticket} {body.clock}: breached {net[body.clock]} times"
                case sla.ClockBreachWithdrawn():
                    net[body.clock] -= 1
                    if net[body.clock] != 0:
                        yield f"{ticket} {body.clock}: withdrawn without a breach"
                case sla.ClockWarned():
                    warned[body.clock] += 1
                    if warned[body.clock] > 1:
                        yield f"{ticket} {body.clock}: warned again"
                case sla.ClockEscalated():
                    if body.step != steps.get(body.clock, 0) + 1:
                        yield f"{ticket} {body.clock}: step {body.step} out of turn"
                    steps[body.clock] = body.step
                case _:
                    pass
        row = self._world.disks["sla"].collection(TICKET_CLOCKS.name).get(ticket)
        for clock in row["state"]["clocks"] if row else []:
            view = clock["view"]
            breached = view["breached_at"] is not None
            if breached != (net[view["clock"]] == 1):
                yield f"{ticket} {view['clock']}: {net[view['clock']]} breaches, state {view}"
            if view["state"] in {"running", "paused"}:
                yield f"{ticket} {view['clock']}: is {view['state']} in the end"
            if {"met": True, "missed": False}.get(view["state"], not breached) == breached:
                yield f"{ticket} {view['clock']}: {view['state']}, breached {breached}"

    def _one_notice_each(self, ticket: str) -> Iterator[str]:
        """One plan for each notice, and one outcome; who can be reached is told once of it all."""
        planned: dict[str, Event[notify.NoticePlanned]] = {}
        settled: Counter[str] = Counter()
        for event in self._notices.get(ticket, []):
            match event.body:
                case notify.NoticePlanned(notice=key):
                    if key in planned:
                        yield f"{ticket} {key}: planned twice"
                    planned[key] = event
                case notify.NoticeSent(notice=key, message_id=name):
                    settled[key] += 1
                    if name != notice_message_id(planned[key].id, DOMAIN):
                        yield f"{ticket} {key}: sent as {name}"
                    if name not in {mail.message_id for mail in self._stage.mail.mails}:
                        yield f"{ticket} {key}: nobody has {name}"
                case notify.NoticeFailed(notice=key, reason=reason):
                    settled[key] += 1
                    gone = planned[key].body.recipient == GONE or reason == TOO_MANY
                    if not gone:
                        yield f"{ticket} {key}: failed, {reason}"
                case _:
                    pass
        if set(settled) != set(planned) or any(count != 1 for count in settled.values()):
            yield f"{ticket}: planned {sorted(planned)}, settled {dict(settled)}"
        contact = self._requests[ticket][0].body.facts.contact
        person = self._world.disks["intake"].collection("people").get(contact)
        told = [e for e in planned.values() if e.body.kind is notify.NoticeKind.ACKNOWLEDGEMENT]
        wanted = 1 if person is not None and person["mail"] is not None else 0
        if len(told) != wanted:
            yield f"{ticket}: {len(told)} acknowledgements, expected {wanted}"

    def _mail(self) -> Sequence[str]:
        """Every mail is that of a planned notice: no notice has two ids."""
        planned = {
            notice_message_id(event.id, DOMAIN)
            for events in self._notices.values()
            for event in events
            if isinstance(event.body, notify.NoticePlanned)
        }
        names = {mail.message_id for mail in self._stage.mail.mails}
        return [f"mail {name} is of no notice" for name in sorted(names - planned)]
