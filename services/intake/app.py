"""The wiring of intake: nothing is decided here."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import FastAPI

from services.intake.api.internal import internal_router
from services.intake.api.listener import Listener
from services.intake.api.openapi import describe_doors
from services.intake.api.submit import Answers, Entering, door_routes
from services.intake.api.tickets import ticket_router
from services.intake.consumers import on_tickets
from services.intake.domain.contact import CONTACT
from services.intake.domain.ticket import TICKET
from services.intake.handlers.accepting import Accepting
from services.intake.handlers.assembly import Grouped, Stores, Surroundings, UseCases
from services.intake.handlers.closing import Standing
from services.intake.settings import IntakeSettings
from services.intake.store import MongoFiles, MongoIntake
from services.intake.ticker import Backlog, Sweeper
from shared.clock import Clock, SystemClock
from shared.consumer import Consumer
from shared.contracts.topics import ALERTS, TICKETS
from shared.service import Runtime
from shared.streams import Record

AGGREGATES = (TICKET, CONTACT)
LOOK_SECONDS = 1.0
FOREVER_SECONDS = 1.0
"""Pause before something that runs for ever is started again, should it end."""


def create_app(settings: IntakeSettings, *, clock: Clock | None = None) -> FastAPI:
    """Return the application of one intake process; nothing is connected before it starts."""
    clock = clock or SystemClock()
    runtime = Runtime(name="intake", settings=settings, clock=clock, aggregates=AGGREGATES)
    rows = MongoIntake(runtime.database, clock=clock)
    backlog = Backlog(
        streams=runtime.streams, aggregates=AGGREGATES, documents_max=settings.outbox_backlog_max
    )
    intake = UseCases(
        Stores(rows=rows, files=MongoFiles(runtime.database, clock=clock)),
        Surroundings(
            committer=runtime.committer,
            parking=runtime.streams,
            configurations=runtime.configurations,
            clock=clock,
            log=runtime.log,
            observer=runtime.telemetry,
        ),
        Grouped(items_max=settings.group_items_max, waiting_max=settings.waiting_max),
        numbers_block=settings.numbers_block,
        full=backlog.full,
    )
    runtime.prepare.append(rows.ensure_indexes)
    _tick(runtime, settings, intake, backlog)
    _consume_tickets(runtime, intake.standing)
    runtime.bus.consume(ALERTS, intake.reporting.process)
    if settings.smtp_port:
        _listen(runtime, settings, accepting=intake.accepting)
    app = runtime.application(
        routers=[
            ticket_router(
                reading=intake.reading,
                accepting=intake.accepting,
                wait_seconds_max=settings.apply_wait_seconds,
            ),
            internal_router(intake.reading),
        ],
        routes=door_routes(
            Entering(
                accepting=intake.accepting,
                configurations=runtime.configurations,
                answers=Answers(link=settings.link, wait_seconds_max=settings.apply_wait_seconds),
                closed=runtime.closed,
                clock=clock,
            )
        ),
        title="Heliodesk intake",
        description="Requests, mails and alerts come in here; tickets and conversations are read.",
        body_bytes_max=settings.body_bytes_max,
    )
    describe_doors(app)
    return app


def _tick(runtime: Runtime, settings: IntakeSettings, intake: UseCases, backlog: Backlog) -> None:
    """Run what runs by itself: the two writers, the look at the backlog, the sweeper."""
    runtime.tick("receipts", intake.writer.run, seconds=FOREVER_SECONDS)
    runtime.tick("apply", intake.applier.run, seconds=FOREVER_SECONDS)
    runtime.tick("backlog", backlog.look, seconds=LOOK_SECONDS)
    sweeper = Sweeper(intake.applying, age_seconds=settings.pending_age_seconds)
    runtime.tick("sweeper", sweeper.sweep, seconds=settings.sweep_seconds)


def _listen(
    runtime: Runtime,
    settings: IntakeSettings,
    *,
    accepting: Accepting,
) -> None:
    """Wire the SMTP listener."""
    listener = Listener(
        accepting=accepting,
        configurations=runtime.configurations,
        closed=runtime.closed,
        clock=runtime.clock,
        log=runtime.log,
        host=settings.smtp_host,
        port=settings.smtp_port,
        name=settings.smtp_name,
        mail_bytes_max=settings.mail_bytes_max,
    )
    runtime.tick("smtp", listener.run, seconds=FOREVER_SECONDS)
    runtime.unready_reasons.append(listener.unready)


def _consume_tickets(runtime: Runtime, standing: Standing) -> None:
    """Consume routing's events, with what has to be looked up before and after each batch."""
    consumer = Consumer(
        topic=TICKETS,
        on=on_tickets(standing),
        committer=runtime.committer,
        configured=runtime.configurations,
        clock=runtime.clock,
        observer=runtime.telemetry,
        owner=runtime.name,
        first=standing.prepare,
    )
    runtime.consumers.append(consumer)

    async def process(records: Sequence[Record]) -> None:
        await standing.process(records, decide=consumer.process)

    runtime.bus.consume(TICKETS, process)
