"""The wiring of intake: nothing is decided here."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import FastAPI

from services.intake.api.internal import internal_router
from services.intake.api.listener import Listener
from services.intake.api.openapi import describe_doors
from services.intake.api.submit import Answers, door_routes
from services.intake.api.tickets import ticket_router
from services.intake.consumers import on_tickets
from services.intake.domain.contact import CONTACT
from services.intake.domain.ticket import TICKET
from services.intake.handlers.accepting import Accepting
from services.intake.handlers.alerting import Alerts
from services.intake.handlers.applying import Applying
from services.intake.handlers.closing import Standing
from services.intake.handlers.grouping import GroupCommit
from services.intake.handlers.meeting import Meeting
from services.intake.handlers.numbers import Numbers
from services.intake.handlers.reading import Reading
from services.intake.handlers.reporting import Reporting
from services.intake.handlers.threading import Threads
from services.intake.handlers.writing import Writing
from services.intake.settings import IntakeSettings
from services.intake.store import MongoIntake
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
    store = MongoIntake(runtime.database, clock=clock)
    writing = Writing(committer=runtime.committer, clock=clock)
    numbers = Numbers(store, block=settings.numbers_block)
    applying = Applying(
        store=store,
        writing=writing,
        meeting=Meeting(store=store, committer=runtime.committer),
        alerts=Alerts(store=store, writing=writing, committer=runtime.committer, numbers=numbers),
        clock=clock,
        log=runtime.log,
    )
    accepting = _accepting(runtime, settings, store=store, applying=applying, numbers=numbers)
    _consume_tickets(
        runtime,
        Standing(store=store, writing=writing, applying=applying, numbers=numbers, clock=clock),
    )
    reporting = Reporting(
        accepting=accepting,
        applying=applying,
        store=store,
        parking=runtime.streams,
        configurations=runtime.configurations,
        clock=clock,
        observer=runtime.telemetry,
    )
    runtime.bus.consume(ALERTS, reporting.process)
    runtime.prepare.append(store.ensure_indexes)
    sweeper = Sweeper(applying, age_seconds=settings.pending_age_seconds)
    runtime.tick("sweeper", sweeper.sweep, seconds=settings.sweep_seconds)
    if settings.smtp_port:
        _listen(runtime, settings, accepting=accepting)
    reading = Reading(store=store, writing=writing, applying=applying)
    app = runtime.application(
        routers=[
            ticket_router(
                reading=reading, accepting=accepting, wait_seconds_max=settings.apply_wait_seconds
            ),
            internal_router(reading),
        ],
        routes=door_routes(
            accepting=accepting,
            configurations=runtime.configurations,
            answers=Answers(link=settings.link, wait_seconds_max=settings.apply_wait_seconds),
            closed=runtime.closed,
        ),
        title="Heliodesk intake",
        description="Requests, mails and alerts come in here; tickets and conversations are read.",
        body_bytes_max=settings.body_bytes_max,
    )
    describe_doors(app)
    return app


def _accepting(
    runtime: Runtime,
    settings: IntakeSettings,
    *,
    store: MongoIntake,
    applying: Applying,
    numbers: Numbers,
) -> Accepting:
    """Wire the way in: two group commits, one after the other, and the look at the backlog."""
    writer = GroupCommit(
        store.keep, items_max=settings.group_items_max, waiting_max=settings.waiting_max
    )
    applier = GroupCommit(
        applying.apply, items_max=settings.group_items_max, waiting_max=settings.waiting_max
    )
    backlog = Backlog(
        streams=runtime.streams, aggregates=AGGREGATES, documents_max=settings.outbox_backlog_max
    )
    runtime.tick("receipts", writer.run, seconds=FOREVER_SECONDS)
    runtime.tick("apply", applier.run, seconds=FOREVER_SECONDS)
    runtime.tick("backlog", backlog.look, seconds=LOOK_SECONDS)
    return Accepting(
        threads=Threads(store=store, streams=runtime.streams),
        writer=writer,
        applier=applier,
        numbers=numbers,
        configurations=runtime.configurations,
        clock=runtime.clock,
        full=backlog.full,
    )


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
