"""The process of sla: what is wired to what."""

from __future__ import annotations

from fastapi import FastAPI

from services.sla.api import clock_router, internal_router
from services.sla.consumers import on_requests, on_tickets
from services.sla.domain.evolve import TICKET_CLOCKS
from services.sla.handlers import ClockHandlers
from services.sla.settings import SlaSettings
from services.sla.store import MongoClocks
from services.sla.ticker import ClockTicker, GroupCaughtup, TickLimits
from shared.clock import Clock, SystemClock
from shared.contracts.topics import REQUESTS, TICKETS
from shared.service import Runtime


def create_app(settings: SlaSettings, *, clock: Clock | None = None) -> FastAPI:
    """Return the application of sla; it connects when it is started."""
    clock = clock or SystemClock()
    runtime = Runtime(name="sla", settings=settings, clock=clock, aggregates=(TICKET_CLOCKS,))
    index = MongoClocks(runtime.database)
    runtime.prepare.append(index.ensure_indexes)
    handlers = ClockHandlers(runtime.configurations)
    ticker = ClockTicker(
        index=index,
        caughtup=GroupCaughtup(runtime.bus, (REQUESTS, TICKETS), clock),
        handlers=handlers,
        committer=runtime.committer,
        clock=clock,
        limits=TickLimits(
            slots=settings.slots,
            slot_index=settings.slot_index,
            takeover_seconds=settings.takeover_seconds,
            batch_max=settings.batch_max,
        ),
        failed=lambda ticket, reason: runtime.log.error(
            "timer_failed", ticket=ticket, reason=reason
        ),
    )
    runtime.consume(REQUESTS, on_requests(handlers))
    runtime.consume(TICKETS, on_tickets(handlers))
    runtime.tick("clocks", ticker.run_once, seconds=settings.tick_seconds, due=ticker.next_at)
    return runtime.application(
        routers=[
            clock_router(index=index, handlers=handlers, clock=clock),
            internal_router(store=runtime.committer.store, handlers=handlers, clock=clock),
        ],
        title="Heliodesk sla",
        description="The clocks of tickets: what was promised, what is used, and why.",
    )
