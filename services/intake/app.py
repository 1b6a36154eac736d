"""The wiring of intake: nothing is decided here."""

from __future__ import annotations

import asyncio

from fastapi import FastAPI

from services.intake.adapters.fetcher import HttpFetcher
from services.intake.adapters.imap import ImapMailbox
from services.intake.adapters.web import Web
from services.intake.api.call_routing import call_routing_router
from services.intake.api.calls import call_router
from services.intake.api.classification import classification_router
from services.intake.api.contacts import confirmation_router, contact_router
from services.intake.api.files import files_router
from services.intake.api.internal import internal_router
from services.intake.api.links import link_router
from services.intake.api.listener import Listener, tls_context
from services.intake.api.monitors import monitor_router
from services.intake.api.openapi import describe_doors
from services.intake.api.reviews import review_router
from services.intake.api.submit import Answers, Entering, door_routes
from services.intake.api.tickets import ticket_router
from services.intake.consumers import on_tickets
from services.intake.domain import language
from services.intake.domain.alert_groups import ALERT_GROUP
from services.intake.domain.calls import CALL
from services.intake.domain.contact import CONTACT
from services.intake.domain.ticket import TICKET
from services.intake.handlers.assembly import Stores, Surroundings, UseCases
from services.intake.handlers.closing import Standing
from services.intake.handlers.collecting import Collecting
from services.intake.handlers.fetching import Fetching
from services.intake.handlers.limiting import Limiter
from services.intake.handlers.mailboxes import Mailboxes
from services.intake.handlers.mailing import Mailing
from services.intake.handlers.public_keys import PublicKeys
from services.intake.handlers.waiting import Grouped
from services.intake.settings import IntakeSettings
from services.intake.store import (
    MongoAlerts,
    MongoAllowances,
    MongoCalls,
    MongoContacts,
    MongoConversations,
    MongoFiles,
    MongoIntake,
    MongoModels,
)
from services.intake.store.fetches import MongoFetches
from services.intake.store.mails import MongoMails
from services.intake.ticker import Backlog, Sweeper
from shared.clock import Clock, SystemClock
from shared.consumer import Consumer
from shared.contracts.topics import ALERTMANAGER, ALERTS, TICKETS
from shared.routing_api import RoutingApi
from shared.service import Runtime
from shared.settings import secret
from shared.threads import ThreadSigner

AGGREGATES = (TICKET, CONTACT, ALERT_GROUP, CALL)
LOOK_SECONDS = 1.0
WATCH_SECONDS = 1.0
UNSETTLED_SECONDS = 10.0
HEARD_SECONDS = 10.0
PROPOSE_SECONDS = 2.0
VERDICTS_SECONDS = 10.0
FETCH_SECONDS = 5.0
COLLECT_SECONDS = 600.0
MODELS_SECONDS = 60.0
"""So soon every process has a model that was trained."""
FOREVER_SECONDS = 1.0
"""Pause before something that runs for ever is started again, should it end."""


def create_app(settings: IntakeSettings, *, clock: Clock | None = None) -> FastAPI:
    """Return the application of one intake process; nothing is connected before it starts."""
    clock = clock or SystemClock()
    runtime = Runtime(name="intake", settings=settings, clock=clock, aggregates=AGGREGATES)
    rows = MongoIntake(runtime.database, clock=clock)
    alerts, calls = MongoAlerts(runtime.database), MongoCalls(runtime.database)
    contacts, models = MongoContacts(runtime.database), MongoModels(runtime.database)
    conversations = MongoConversations(runtime.database)
    files, fetches = MongoFiles(runtime.database, clock=clock), MongoFetches(runtime.database)
    mails = MongoMails(runtime.database)
    backlog = Backlog(
        streams=runtime.streams, aggregates=AGGREGATES, documents_max=settings.outbox_backlog_max
    )
    signer = ThreadSigner(secret(settings.thread_key or settings.service_token))
    intake = UseCases(
        Stores(
            rows=rows,
            alerts=alerts,
            calls=calls,
            files=files,
            contacts=contacts,
            conversations=conversations,
            models=models,
        ),
        Surroundings(
            committer=runtime.committer,
            parking=runtime.streams,
            configurations=runtime.configurations,
            clock=clock,
            log=runtime.log,
            observer=runtime.telemetry,
            signer=signer,
            directions=RoutingApi(
                url=settings.routing_url,
                token=secret(settings.service_token),
                seconds_max=settings.routing_seconds_max,
            ),
        ),
        Grouped(items_max=settings.group_items_max, waiting_max=settings.waiting_max),
        numbers_block=settings.numbers_block,
        full=backlog.full,
    )
    runtime.prepare.append(_prepare_languages)
    for store in (rows, alerts, calls, contacts, conversations, models, files, fetches, mails):
        runtime.prepare.append(store.ensure_indexes)
    _tick(runtime, settings, intake, backlog)
    _fetch(runtime, rows=rows, files=files, fetches=fetches)
    _consume_tickets(runtime, intake.standing)
    runtime.bus.consume(ALERTS, intake.reporting.process)
    runtime.bus.consume(ALERTMANAGER, intake.recording.process)
    intake.reading.mails = intake.reading.bounces = mails
    mailing = Mailing(
        accepting=intake.accepting,
        configurations=runtime.configurations,
        mails=mails,
        bounces=mails,
        signer=signer,
        clock=clock,
    )
    if settings.smtp_port:
        _listen(runtime, settings, mailing=mailing)
    mailboxes = Mailboxes(
        mailing=mailing,
        configurations=runtime.configurations,
        connect=lambda at: ImapMailbox(at, mail_bytes_max=settings.mail_bytes_max),
        closed=runtime.closed,
        clock=clock,
        log=runtime.log,
    )
    runtime.tick("mailboxes", mailboxes.run, seconds=FOREVER_SECONDS)
    app = runtime.application(
        routers=[
            ticket_router(
                reading=intake.reading,
                accepting=intake.accepting,
                wait_seconds_max=settings.apply_wait_seconds,
            ),
            link_router(reading=intake.reading, linker=intake.linker, splitter=intake.splitter),
            review_router(
                reading=intake.reading, reviews=intake.reviews, proposals=intake.proposals
            ),
            contact_router(
                contacts=intake.contacts, importing=intake.importing, proving=intake.proving
            ),
            confirmation_router(intake.proving),
            classification_router(
                reading=intake.reading,
                reclassifying=intake.reclassifying,
                accepting=intake.accepting,
            ),
            monitor_router(intake.monitors),
            call_routing_router(intake.call_routing),
            call_router(intake.call_desk),
            files_router(files, rows),
            internal_router(intake.reading, intake.proving),
        ],
        routes=door_routes(
            Entering(
                accepting=intake.accepting,
                configurations=runtime.configurations,
                answers=Answers(link=settings.link, wait_seconds_max=settings.apply_wait_seconds),
                closed=runtime.closed,
                clock=clock,
                public_keys=PublicKeys(documents=Web(), clock=clock),
                monitors=intake.monitors,
                limiter=Limiter(MongoAllowances(runtime.database), clock=clock),
                log=runtime.log,
                came=runtime.telemetry.came,
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
    runtime.tick("models", intake.models.refresh, seconds=MODELS_SECONDS)
    runtime.tick("alert groups", intake.watching.groups, seconds=WATCH_SECONDS)
    runtime.tick("unsettled alerts", intake.watching.unsettled, seconds=UNSETTLED_SECONDS)
    runtime.tick("heartbeats", intake.watching.heartbeats, seconds=WATCH_SECONDS)
    runtime.tick("repeated alerts", intake.hearing.note, seconds=HEARD_SECONDS)
    runtime.tick("proposals", intake.proposing.look, seconds=PROPOSE_SECONDS)
    runtime.tick("verdicts", intake.verdicts.sweep, seconds=VERDICTS_SECONDS)
    runtime.tick("sweeper", sweeper.sweep, seconds=settings.sweep_seconds)


def _fetch(
    runtime: Runtime, *, rows: MongoIntake, files: MongoFiles, fetches: MongoFetches
) -> None:
    """Run what fetches files from their vendors, and what collects those that nobody needs."""
    fetching = Fetching(
        queue=fetches,
        rows=rows,
        files=files,
        fetcher=HttpFetcher(),
        configurations=runtime.configurations,
        clock=runtime.clock,
        log=runtime.log,
    )
    runtime.tick("fetches", fetching.sweep, seconds=FETCH_SECONDS)
    collecting = Collecting(files, clock=runtime.clock)
    runtime.tick("files", collecting.sweep, seconds=COLLECT_SECONDS)


async def _prepare_languages() -> None:
    """Read the model of languages beside the loop: it takes half a second."""
    await asyncio.to_thread(language.prepare)


def _listen(
    runtime: Runtime,
    settings: IntakeSettings,
    *,
    mailing: Mailing,
) -> None:
    """Wire the SMTP listener."""
    certificate, key = settings.smtp_tls_certificate, settings.smtp_tls_key
    listener = Listener(
        mailing=mailing,
        closed=runtime.closed,
        clock=runtime.clock,
        log=runtime.log,
        host=settings.smtp_host,
        port=settings.smtp_port,
        name=settings.smtp_name,
        mail_bytes_max=settings.mail_bytes_max,
        share_port=settings.share_port,
        tls=tls_context(certificate=certificate, key=key) if certificate and key else None,
    )
    runtime.tick("smtp", listener.run, seconds=FOREVER_SECONDS)
    runtime.unready_reasons.append(listener.unready)


def _consume_tickets(runtime: Runtime, standing: Standing) -> None:
    """Consume routing's events, with what has to be done before each batch."""
    consumer = Consumer(
        topic=TICKETS,
        on=on_tickets(),
        committer=runtime.committer,
        configured=runtime.configurations,
        clock=runtime.clock,
        observer=runtime.telemetry,
        owner=runtime.name,
        first=standing.prepare,
    )
    runtime.consumers.append(consumer)
    runtime.bus.consume(TICKETS, consumer.process)
