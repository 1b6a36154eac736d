"""Routing's process: what is wired to what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from fastapi import FastAPI

from services.routing.api import (
    DRY_RUN_PATH,
    contact_router,
    dry_run_router,
    handover_router,
    internal_router,
    lifecycle_router,
    people_router,
    task_router,
    ticket_router,
)
from services.routing.consumers import on_clocks, on_requests
from services.routing.domain.agents import AGENTS
from services.routing.domain.handover.items import ITEMS
from services.routing.domain.handover.process import HANDOVERS
from services.routing.domain.tickets import TICKETS
from services.routing.handlers.alarms import UnroutedWatch
from services.routing.handlers.changing import TicketChanges
from services.routing.handlers.closings import Closings
from services.routing.handlers.commands import TicketCommands
from services.routing.handlers.contacting import ContactCommands
from services.routing.handlers.directing import Directing
from services.routing.handlers.foreseeing import Foresight
from services.routing.handlers.handover_commands import HandoverCommands
from services.routing.handlers.handover_reading import HandoverReader
from services.routing.handlers.handovers import HandoverSweep
from services.routing.handlers.holds import HoldKeeper
from services.routing.handlers.lifecycle import LifecycleCommands
from services.routing.handlers.matcher import Matcher, MatchLimits
from services.routing.handlers.offering import OfferTimers, Reclaimer
from services.routing.handlers.predecessors import Predecessors
from services.routing.handlers.reading import Reader
from services.routing.handlers.reorganising import Reorganiser
from services.routing.handlers.self_service import SelfServiceTimer
from services.routing.handlers.sweeps import DeskSweep, Timers
from services.routing.handlers.taking import Taking
from services.routing.handlers.verdicts import Verdicts
from services.routing.handlers.writing import TicketWriter
from services.routing.handover_store import MongoHandovers
from services.routing.ports import Tickets
from services.routing.settings import RoutingSettings
from services.routing.store import MongoTickets
from services.routing.ticker import Pace, start_handovers, start_reorganising, start_tickers
from shared.clock import Clock, SystemClock
from shared.commit import Committer
from shared.configuration import Configurations
from shared.contracts.routing import Presence
from shared.contracts.topics import CLOCKS, REQUESTS, SHIFTS
from shared.intake_api import IntakeApi
from shared.service import Runtime
from shared.settings import secret
from shared.sla_api import SlaApi
from shared.streams import Record
from shared.verdicts import VerdictSigner


class _Core(TypedDict):
    """What most parts of the service work with."""

    tickets: Tickets
    committer: Committer
    writer: TicketWriter
    configurations: Configurations
    clock: Clock


def create_app(settings: RoutingSettings, *, clock: Clock | None = None) -> FastAPI:
    """Return routing's application; it connects when it is started."""
    clock = clock or SystemClock()
    runtime = Runtime(
        name="routing",
        settings=settings,
        clock=clock,
        aggregates=(TICKETS, AGENTS, HANDOVERS, ITEMS),
    )
    committer, configurations = runtime.committer, runtime.configurations
    presence_default = Presence(settings.presence_default)
    tickets = MongoTickets(runtime.database)
    runtime.prepare.append(tickets.ensure_indexes)
    writer = TicketWriter(committer=committer, configurations=configurations)
    core: _Core = {
        "tickets": tickets,
        "committer": committer,
        "writer": writer,
        "configurations": configurations,
        "clock": clock,
    }
    matcher = Matcher(
        **core,
        presence_default=presence_default,
        limits=MatchLimits(window_tickets_max=settings.match_window_tickets_max),
    )
    keeper = HoldKeeper(tickets=tickets, committer=committer, writer=writer, clock=clock)
    sweep = DeskSweep(**core)
    reorganiser = Reorganiser(**core)
    closings = Closings(runtime.metrics.registry)
    timers = Timers(
        tickets=tickets,
        committer=committer,
        clock=clock,
        close_after_seconds=settings.close_after_seconds,
        closings=closings,
    )
    pace = Pace(
        match_seconds=settings.match_seconds,
        tidy_seconds=settings.tidy_seconds,
        sweep_seconds=settings.sweep_seconds,
        timer_seconds=settings.timer_seconds,
        offer_seconds=settings.offer_seconds,
        reclaim_seconds=settings.reclaim_seconds,
        audit_seconds=settings.audit_seconds,
    )
    wake = start_tickers(
        runtime,
        pace,
        matcher=matcher,
        keeper=keeper,
        sweep=sweep,
        timers=timers,
        offers=OfferTimers(
            tickets=tickets, writer=writer, configurations=configurations, clock=clock
        ),
        reclaimer=Reclaimer(
            tickets=tickets,
            writer=writer,
            configurations=configurations,
            clock=clock,
            presence_default=presence_default,
        ),
    )
    start_reorganising(runtime, reorganiser, seconds=settings.sweep_seconds, moved=wake)
    handovers = MongoHandovers(runtime.database)
    runtime.prepare.append(handovers.ensure_indexes)
    handing = start_handovers(
        runtime,
        HandoverSweep(
            handovers=handovers,
            committer=committer,
            writer=writer,
            configurations=configurations,
            clock=clock,
        ),
        seconds=settings.handover_seconds,
        moved=wake,
    )
    configurations.on_change(lambda _tenant: handing())
    self_service = SelfServiceTimer(
        tickets=tickets, committer=committer, configurations=configurations, clock=clock
    )
    runtime.tick("self-service", self_service.people, seconds=settings.timer_seconds)
    before = Predecessors(committer)
    runtime.consume(
        REQUESTS,
        on_requests(configurations, before.contact_desk, closed=closings.decided_bodies),
        first=before.learn,
        then=wake,
    )
    runtime.consume(CLOCKS, on_clocks(configurations), then=wake)
    watch = UnroutedWatch(
        tickets=tickets, configurations=configurations, show=runtime.telemetry.unrouted
    )
    runtime.tick("unrouted", watch.look, seconds=settings.sweep_seconds)

    async def hear(records: Sequence[Record]) -> None:
        if matcher.roster.hear(records):
            wake()

    runtime.bus.listen(SHIFTS, hear)
    reader = Reader(**core, presence_default=presence_default)
    changes = TicketChanges(
        writer=writer,
        configurations=configurations,
        clock=clock,
        changed=wake,
        closings=closings,
    )
    commands = TicketCommands(
        changes=changes,
        committer=committer,
        taking=Taking(**core, presence_default=presence_default),
    )
    directing = Directing(**core, presence_default=presence_default)
    lifecycle = LifecycleCommands(changes)
    signer = VerdictSigner(secret(settings.thread_key or settings.service_token))
    verdicts = Verdicts(signer=signer, tickets=tickets, commands=commands)
    foresight = Foresight(tickets=tickets, configurations=configurations, clock=clock)
    token = secret(settings.service_token)
    handover_reader = HandoverReader(
        handovers=handovers,
        committer=committer,
        configurations=configurations,
        clock=clock,
        texts=IntakeApi(url=settings.intake_url, token=token),
        clocks=SlaApi(url=settings.sla_url, token=token),
    )
    handover_commands = HandoverCommands(
        committer=committer,
        writer=writer,
        configurations=configurations,
        clock=clock,
        changed=handing,
    )
    return runtime.application(
        routers=[
            ticket_router(reader, commands),
            lifecycle_router(reader, commands, lifecycle),
            task_router(reader, lifecycle, clock=clock),
            contact_router(reader, ContactCommands(changes)),
            people_router(reader, commands),
            handover_router(handover_reader, reader, handover_commands),
            dry_run_router(foresight),
            internal_router(directing, verdicts),
        ],
        larger_bodies={DRY_RUN_PATH: settings.configuration_bytes_max},
        title="Heliodesk routing",
        description="Where tickets stand, who works on them, and which desks are open.",
    )
