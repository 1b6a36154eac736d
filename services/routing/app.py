"""Routing's process: what is wired to what."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import FastAPI

from services.routing.api import people_router, ticket_router
from services.routing.consumers import on_clocks, on_requests
from services.routing.domain.agents import AGENTS
from services.routing.domain.tickets import TICKETS
from services.routing.handlers.commands import TicketCommands
from services.routing.handlers.holds import HoldKeeper
from services.routing.handlers.matcher import Matcher, MatchLimits
from services.routing.handlers.reading import Reader
from services.routing.handlers.sweeps import DeskSweep, Timers
from services.routing.handlers.writing import TicketWriter
from services.routing.settings import RoutingSettings
from services.routing.store import MongoTickets
from services.routing.ticker import Pace, start_tickers
from shared.clock import Clock, SystemClock
from shared.contracts.routing import Presence
from shared.contracts.topics import CLOCKS, REQUESTS, SHIFTS
from shared.service import Runtime
from shared.streams import Record


def create_app(settings: RoutingSettings, *, clock: Clock | None = None) -> FastAPI:
    """Return routing's application; it connects when it is started."""
    clock = clock or SystemClock()
    runtime = Runtime(name="routing", settings=settings, clock=clock, aggregates=(TICKETS, AGENTS))
    committer, configurations = runtime.committer, runtime.configurations
    presence_default = Presence(settings.presence_default)
    tickets = MongoTickets(runtime.database)
    runtime.prepare.append(tickets.ensure_indexes)
    writer = TicketWriter(committer=committer, configurations=configurations)
    matcher = Matcher(
        tickets=tickets,
        committer=committer,
        writer=writer,
        configurations=configurations,
        clock=clock,
        presence_default=presence_default,
        limits=MatchLimits(window_tickets_max=settings.match_window_tickets_max),
    )
    keeper = HoldKeeper(tickets=tickets, committer=committer, writer=writer, clock=clock)
    sweep = DeskSweep(
        tickets=tickets,
        committer=committer,
        writer=writer,
        configurations=configurations,
        clock=clock,
    )
    timers = Timers(
        tickets=tickets,
        committer=committer,
        clock=clock,
        close_after_seconds=settings.close_after_seconds,
    )
    pace = Pace(
        match_seconds=settings.match_seconds,
        tidy_seconds=settings.tidy_seconds,
        sweep_seconds=settings.sweep_seconds,
        timer_seconds=settings.timer_seconds,
        audit_seconds=settings.audit_seconds,
    )
    wake = start_tickers(runtime, pace, matcher=matcher, keeper=keeper, sweep=sweep, timers=timers)
    configurations.on_change(lambda _tenant: wake())
    runtime.consume(REQUESTS, on_requests(configurations), then=wake)
    runtime.consume(CLOCKS, on_clocks(configurations), then=wake)

    async def hear(records: Sequence[Record]) -> None:
        if matcher.roster.hear(records):
            wake()

    runtime.bus.listen(SHIFTS, hear)
    reader = Reader(
        tickets=tickets,
        committer=committer,
        writer=writer,
        configurations=configurations,
        clock=clock,
        presence_default=presence_default,
    )
    commands = TicketCommands(
        committer=committer,
        writer=writer,
        configurations=configurations,
        clock=clock,
        changed=wake,
    )
    return runtime.application(
        routers=[ticket_router(reader, commands), people_router(reader, commands)],
        title="Heliodesk routing",
        description="Where tickets stand, who works on them, and which desks are open.",
    )
