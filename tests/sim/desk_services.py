"""The real services, wired as their applications are, on the simulation's stores and broker."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from services.intake.app import AGGREGATES as INTAKE_AGGREGATES
from services.intake.consumers import on_tickets as intake_on_tickets
from services.intake.handlers.accepting import Accepting
from services.intake.handlers.assembly import Stores, Surroundings, UseCases
from services.intake.handlers.callers import Caller
from services.intake.handlers.reading import Reading
from services.intake.handlers.waiting import Grouped
from services.intake.ticker import Backlog, Sweeper
from services.knowledge.consumers import on_requests as knowledge_on_requests
from services.knowledge.domain.articles import ARTICLES
from services.knowledge.domain.suggestions import SUGGESTIONS
from services.knowledge.handlers import Desk as ArticleDesk
from services.knowledge.handlers import Library, Suggesting
from services.notify.consumers import configured as notify_configured
from services.notify.consumers import on_clocks as notify_on_clocks
from services.notify.consumers import on_requests as notify_on_requests
from services.notify.consumers import on_shifts as notify_on_shifts
from services.notify.consumers import on_tickets as notify_on_tickets
from services.notify.domain.notices import NOTICES
from services.notify.handlers import Letters, Reach
from services.notify.ticker import Sender, SendingLimits
from services.routing.consumers import on_clocks as routing_on_clocks
from services.routing.consumers import on_requests as routing_on_requests
from services.routing.domain.agents import AGENTS
from services.routing.domain.handover.items import ITEMS
from services.routing.domain.handover.process import HANDOVERS
from services.routing.domain.tickets import TICKETS as ROUTED
from services.routing.handlers.changing import TicketChanges
from services.routing.handlers.commands import TicketCommands
from services.routing.handlers.handovers import HandoverSweep
from services.routing.handlers.holds import HoldKeeper
from services.routing.handlers.matcher import Matcher
from services.routing.handlers.offering import OfferTimers, Reclaimer
from services.routing.handlers.predecessors import Predecessors
from services.routing.handlers.reorganising import Reorganiser
from services.routing.handlers.self_service import SelfServiceTimer
from services.routing.handlers.sweeps import DeskSweep, Timers
from services.routing.handlers.taking import Taking
from services.routing.handlers.writing import TicketWriter
from services.routing.ticker import Pace, start_handovers, start_reorganising, start_tickers
from services.sla.consumers import on_requests as sla_on_requests
from services.sla.consumers import on_tickets as sla_on_tickets
from services.sla.domain.evolve import TICKET_CLOCKS
from services.sla.handlers import ClockHandlers
from services.sla.ticker import ClockTicker, GroupCaughtup, TickLimits
from shared.aggregate import Aggregate
from shared.configuration import Configurations
from shared.consumer import NoObserver
from shared.contracts.routing import Presence
from shared.contracts.topics import ALERTS, CLOCKS, KNOWLEDGE, REQUESTS, SHIFTS, TICKETS
from shared.testing.memory import MemoryStreams
from shared.threads import ThreadSigner
from tests.sim.desk_parts import Around, Parts, SteadyRunner
from tests.sim.desk_ports import (
    CachedTickets,
    DueClocks,
    GroupOffsets,
    IntakeOverNetwork,
    MailChannel,
    PlainWords,
    Pointed,
    QuickIntake,
    WordIndex,
)
from tests.sim.desk_stage import TENANT, Stage
from tests.sim.process import Process, Service, Wiring
from tests.support.alerts import MemoryAlerts
from tests.support.conversations import MemoryConversations
from tests.support.files import MemoryFiles
from tests.support.intake import SIGNER
from tests.support.intake_calls import MemoryCalls
from tests.support.intake_contacts import MemoryContacts, MemoryModels
from tests.support.routing_handover import MemoryHandovers

CLOSE_AFTER_SECONDS = 7200.0
DOMAIN = "desk.example"


@dataclass
class IntakeApp:
    """What clients call of intake."""

    accepting: Accepting
    reading: Reading
    configurations: Configurations

    def caller(self, integration: str) -> Caller:
        """Return an integration as a caller."""
        found = self.configurations.current(TENANT).integration(integration)
        return Caller(tenant=TENANT, name=integration, integration=found)


def wire_intake(stage: Stage, process: Process) -> Wiring:
    """Wire intake as its application does; its SMTP listener and HTTP routes are left out."""
    parts = Parts(process, stage)
    store = QuickIntake(process.world.disks["intake"], faults=process)
    backlog = Backlog(streams=process.store, aggregates=INTAKE_AGGREGATES, documents_max=30)
    intake = UseCases(
        Stores(
            rows=store,
            alerts=MemoryAlerts(process.world.disks["intake"], faults=process),
            files=MemoryFiles(process.world.disks["intake"], faults=process),
            calls=MemoryCalls(process.world.disks["intake"], faults=process),
            contacts=MemoryContacts(process.world.disks["intake"], faults=process),
            conversations=MemoryConversations(process.world.disks["intake"], faults=process),
            models=MemoryModels(process.world.disks["intake"]),
        ),
        Surroundings(
            committer=process.committer,
            parking=process.store,
            configurations=parts.configurations,
            clock=process.clock,
            log=parts.log,
            observer=NoObserver(),
            signer=SIGNER,
        ),
        Grouped(items_max=8, waiting_max=100),
        numbers_block=4,
        full=backlog.full,
    )
    parts.consume(TICKETS, intake_on_tickets(), first=intake.standing.prepare)
    parts.readers.append(Around(ALERTS, intake.reporting.process))
    parts.tick("receipts", intake.writer.run, seconds=1.0)
    parts.tick("apply", intake.applier.run, seconds=1.0)
    parts.tick("backlog", backlog.look, seconds=1.0)
    parts.tick("alert groups", intake.watching.groups, seconds=1.0)
    parts.tick("unsettled alerts", intake.watching.unsettled, seconds=4.0)
    parts.tick("heartbeats", intake.watching.heartbeats, seconds=2.0)
    parts.tick("repeated alerts", intake.hearing.note, seconds=4.0)
    parts.tick("sweeper", Sweeper(intake.applying, age_seconds=5.0).sweep, seconds=2.0)
    return parts.wiring(IntakeApp(intake.accepting, intake.reading, parts.configurations))


def wire_routing(stage: Stage, process: Process) -> Wiring:
    """Wire routing as its application does."""
    parts = Parts(process, stage)
    tickets: Any = Pointed(CachedTickets(process.world.disks["routing"]), process, "tickets")
    configurations = parts.configurations
    writer = TicketWriter(committer=process.committer, configurations=configurations)
    common: dict[str, Any] = {
        "tickets": tickets,
        "committer": process.committer,
        "clock": process.clock,
    }
    configured = common | {"writer": writer, "configurations": configurations}
    untimed = {name: made for name, made in configured.items() if name != "committer"}
    wake = start_tickers(
        parts,  # type: ignore[arg-type] # of a Runtime it needs `tick` alone
        Pace(
            match_seconds=1.0,
            tidy_seconds=1.0,
            sweep_seconds=3.0,
            timer_seconds=1.5,
            offer_seconds=1.5,
            reclaim_seconds=5.0,
            audit_seconds=15.0,
        ),
        matcher=Matcher(**configured, presence_default=Presence.AVAILABLE),
        keeper=HoldKeeper(**common, writer=writer),
        sweep=DeskSweep(**configured),
        timers=Timers(**common, close_after_seconds=CLOSE_AFTER_SECONDS),
        offers=OfferTimers(**untimed),
        reclaimer=Reclaimer(**untimed, presence_default=Presence.AVAILABLE),
    )
    runtime: Any = parts  # of a Runtime they need `tick` and `configurations` alone
    start_reorganising(runtime, Reorganiser(**configured), seconds=3.0, moved=wake)
    handovers: Any = Pointed(
        MemoryHandovers(MemoryStreams(process.world.disks["routing"])), process, "handovers"
    )
    moving = {name: made for name, made in configured.items() if name != "tickets"}
    sweep = HandoverSweep(**moving, handovers=handovers)
    handing = start_handovers(runtime, sweep, seconds=2.0, moved=wake)
    configurations.on_change(lambda _tenant: handing())
    self_service = SelfServiceTimer(**common, configurations=configurations)
    parts.tick("self-service", self_service.people, seconds=1.5)
    before = Predecessors(process.committer)
    parts.consume(
        REQUESTS,
        routing_on_requests(configurations, before.contact_desk),
        first=before.learn,
        then=wake,
    )
    parts.consume(CLOCKS, routing_on_clocks(configurations), then=wake)
    commands = TicketCommands(
        changes=TicketChanges(
            writer=writer, configurations=configurations, clock=process.clock, changed=wake
        ),
        committer=process.committer,
        taking=Taking(**configured, presence_default=Presence.AVAILABLE),
    )
    return parts.wiring(commands)


def wire_sla(stage: Stage, process: Process) -> Wiring:
    """Wire sla as its application does; two slots share the shards."""
    parts = Parts(process, stage)
    index: Any = Pointed(DueClocks(process.world.disks["sla"]), process, "clocks")
    handlers = ClockHandlers(parts.configurations)
    world = process.world
    ticker = ClockTicker(
        index=index,
        caughtup=GroupCaughtup(GroupOffsets(process), (REQUESTS, TICKETS), process.clock),
        handlers=handlers,
        committer=process.committer,
        clock=process.clock,
        limits=TickLimits(slots=2, slot_index=int(process.name[-1]), takeover_seconds=10.0),
        failed=lambda ticket, reason: world.fail(RuntimeError(f"timer of {ticket}: {reason}")),
    )
    parts.consume(REQUESTS, sla_on_requests(handlers))
    parts.consume(TICKETS, sla_on_tickets(handlers))
    parts.tick("clocks", ticker.run_once, seconds=1.0)
    return parts.wiring()


def wire_notify(stage: Stage, process: Process) -> Wiring:
    """Wire notify as its application does."""
    parts = Parts(process, stage)
    directory = IntakeOverNetwork(process)
    claims: Any = Pointed(stage.claims(process.world), process, "claims")
    sender = Sender(
        committer=process.committer,
        claims=claims,
        letters=Letters(
            signer=ThreadSigner(""),
            directory=directory,
            words=PlainWords(),
            configurations=parts.configurations,
            clock=process.clock,
            domain=DOMAIN,
            sender="help@desk.example",
        ),
        channel=MailChannel(process, stage.mail),
        clock=process.clock,
        log=parts.log,
        slot=process.name,
        limits=SendingLimits(batch_notices_max=6, unrecorded_notices_max=3),
    )
    recovered = False

    async def send() -> bool:
        nonlocal recovered
        if not recovered:
            await sender.recover()
            recovered = True
        return await sender.round()

    ticker = parts.tick("sender", send, seconds=1.0)
    find = notify_configured(parts.configurations)
    requests, tickets = Reach(directory), Reach(directory)
    parts.consume(
        REQUESTS, notify_on_requests(requests, find), first=requests.learn, then=ticker.wake
    )
    parts.consume(TICKETS, notify_on_tickets(tickets, find), first=tickets.learn, then=ticker.wake)
    parts.consume(CLOCKS, notify_on_clocks(find), then=ticker.wake)
    parts.consume(SHIFTS, notify_on_shifts(find), then=ticker.wake)
    return parts.wiring()


def wire_knowledge(stage: Stage, process: Process) -> Wiring:
    """Wire knowledge as its application does, with a plain index."""
    parts = Parts(process, stage)
    offsets = GroupOffsets(process)
    library = Library(WordIndex(), ends=partial(offsets.end_offsets, KNOWLEDGE))
    read: dict[int, int] = {}

    async def follow() -> None:
        """Read the topic of articles, as every process does for itself."""
        while True:
            for number, partition in enumerate(process.world.log.partitions(KNOWLEDGE.name)):
                fresh = partition[read.get(number, 0) :]
                if fresh:
                    await library.process(fresh)
                    read[number] = fresh[-1].offset + 1
            await asyncio.sleep(process.world.random.uniform(0.2, 1.0))
            if not process.alive:
                await process.world.never()

    async def catch_up() -> None:
        await library.catch_up()

    parts.tickers.append(follow)
    parts.tick("catch-up", catch_up, seconds=0.5)
    suggesting = Suggesting(texts=IntakeOverNetwork(process), library=library, score_min=1.0)
    parts.consume(REQUESTS, knowledge_on_requests(suggesting), first=suggesting.learn)
    return parts.wiring(ArticleDesk(committer=process.committer, clock=process.clock))


AGGREGATES: Mapping[str, Sequence[Aggregate[Any]]] = {
    "intake": INTAKE_AGGREGATES,
    "routing": (ROUTED, AGENTS, HANDOVERS, ITEMS),
    "sla": (TICKET_CLOCKS,),
    "notify": (NOTICES,),
    "knowledge": (ARTICLES, SUGGESTIONS),
}
WIRES = {
    "intake": wire_intake,
    "routing": wire_routing,
    "sla": wire_sla,
    "notify": wire_notify,
    "knowledge": wire_knowledge,
}


def services(stage: Stage) -> list[Service]:
    """Return the services."""
    return [
        Service(
            name=name,
            aggregates=AGGREGATES[name],
            wire=partial(wire, stage),
            configured=stage.configured,
            store=stage.store(name),
            runner=SteadyRunner,
        )
        for name, wire in WIRES.items()
    ]
