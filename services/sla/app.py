"""The process of sla: what is wired to what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from fastapi import FastAPI

from services.sla.api import clock_router, internal_router
from services.sla.consumers import on_requests, on_tickets
from services.sla.domain.escalating import expected_levels
from services.sla.domain.evolve import TICKET_CLOCKS
from services.sla.domain.solutions import SolutionVersion, Solving
from services.sla.evidence_store import MongoEvidence
from services.sla.foresight import Expected, Foresight
from services.sla.foresight_api import prediction_router
from services.sla.foresight_store import MongoForesight
from services.sla.handlers import ClockHandlers, tell_expected
from services.sla.projector import CLOCKS_TOLD, TICKETS_TOLD, Projector
from services.sla.reports import FOLLOWED, TOPICS, Reports
from services.sla.reports_api import reports_router
from services.sla.rerate_api import rerate_router
from services.sla.rerating import Rerating
from services.sla.settings import SlaSettings
from services.sla.solution_store import MongoSolutions
from services.sla.store import MongoClocks
from services.sla.ticker import ClockTicker, GroupCaughtup, TickLimits
from shared.clock import Clock, SystemClock
from shared.contracts.topics import CLOCKS, REQUESTS, TICKETS
from shared.rebuild import read_records
from shared.routing_api import RoutingApi
from shared.service import Runtime
from shared.settings import secret
from shared.streams import StreamStore


def create_app(settings: SlaSettings, *, clock: Clock | None = None) -> FastAPI:
    """Return the application of sla; it connects when it is started."""
    clock = clock or SystemClock()
    runtime = Runtime(name="sla", settings=settings, clock=clock, aggregates=(TICKET_CLOCKS,))
    index = MongoClocks(runtime.database)
    runtime.prepare.append(index.ensure_indexes)
    handlers = ClockHandlers(runtime.configurations)
    foresight = _foresight(runtime, handlers, settings, clock)
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
    reports, solutions = _reports(runtime, settings, clock)
    runtime.consume(TICKETS, on_tickets(handlers), also=solutions.process)
    rerating = Rerating(index=index, handlers=handlers, committer=runtime.committer, clock=clock)
    runtime.tick("clocks", ticker.run_once, seconds=settings.tick_seconds, due=ticker.next_at)
    runtime.tick("foresight", foresight.run_once, seconds=settings.foresight_seconds)
    return runtime.application(
        routers=[
            clock_router(index=index, handlers=handlers, foresight=foresight, clock=clock),
            rerate_router(rerating),
            prediction_router(foresight),
            internal_router(
                store=runtime.committer.store, handlers=handlers, foresight=foresight, clock=clock
            ),
            reports_router(reports),
        ],
        title="Heliodesk sla",
        description="The clocks of tickets: what was promised, what is used, and why.",
    )


def _foresight(
    runtime: Runtime, handlers: ClockHandlers, settings: SlaSettings, clock: Clock
) -> Foresight:
    """Return the predictions, which tell the clocks of a breach that is expected."""
    store = MongoForesight(runtime.database)
    runtime.prepare.append(store.ensure_indexes)

    room = RoutingApi(
        url=settings.routing_url,
        token=secret(settings.service_token),
        seconds_max=settings.routing_seconds_max,
    )

    async def tell(expected: Sequence[Expected]) -> None:
        told = await tell_expected(
            expected, handlers=handlers, committer=runtime.committer, room=room
        )
        for ticket, reason in told.failed.items():
            runtime.log.error("expectation_failed", ticket=ticket, reason=reason)

    return Foresight(
        store=store,
        rules=handlers.rules,
        clock=clock,
        at_risk=settings.at_risk,
        levels=expected_levels,
        tell=tell,
        failed=lambda ticket, reason: runtime.log.error(
            "foresight_failed", ticket=ticket, reason=reason
        ),
    )


def _reports(
    runtime: Runtime, settings: SlaSettings, clock: Clock
) -> tuple[Reports, Projector[Solving, SolutionVersion]]:
    """Return the reports, and what takes in tickets for them; the service's own topic is followed."""
    evidence = MongoEvidence(runtime.database, clock=clock)
    solutions = MongoSolutions(runtime.database, clock=clock)
    letters = runtime.streams
    clocks_told = Projector(
        CLOCKS_TOLD, store=evidence, dead_letters=letters, clock=clock, observer=runtime.telemetry
    )
    # The service's own consumer of the tickets has the observer.
    tickets_told = Projector(TICKETS_TOLD, store=solutions, dead_letters=letters, clock=clock)
    reports = Reports(
        evidence=evidence,
        solutions=solutions,
        configurations=runtime.configurations,
        caughtup=GroupCaughtup(runtime.bus, TOPICS, clock, followed=FOLLOWED),
        unsent=_Outboxes(runtime.committer.store),
        clock=clock,
        grace=timedelta(hours=settings.report_grace_hours),
    )

    async def prepare_evidence() -> None:
        """Make the indexes; read the topic from its start where the store has not seen it."""
        await evidence.ensure_indexes()
        await solutions.ensure_indexes()
        again = settings.rebuild == "always"
        if again or not await evidence.is_rebuilt():
            async for records in read_records(settings.servers, CLOCKS.name):
                await clocks_told.replay(records)
            await evidence.mark_rebuilt()
        if again or not await solutions.is_rebuilt():
            async for records in read_records(settings.servers, TICKETS.name):
                await tickets_told.replay(records)
            await solutions.mark_rebuilt()

    runtime.prepare.append(prepare_evidence)
    runtime.bus.consume(CLOCKS, clocks_told.process)
    return reports, tickets_told


class _Outboxes:
    """`Unsent` on the documents of the clocks."""

    def __init__(self, store: StreamStore) -> None:
        self._store = store

    async def unsent(self, before: datetime) -> bool:
        """Return whether an event from up to an instant is not in the topic yet."""
        return bool(await self._store.unsent(TICKET_CLOCKS, before=before, limit=1))
