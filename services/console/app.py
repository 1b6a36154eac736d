"""Wiring of the console."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import httpx
from fastapi import FastAPI

from services.console.adapters import Addresses, HttpHandovers, HttpIntake, HttpOwners, HttpWork
from services.console.consumers import Projector
from services.console.handlers.commands import Commands
from services.console.handlers.coverage import CoverageViews
from services.console.handlers.feed import Feed
from services.console.handlers.relating import Relating
from services.console.handlers.views import Views
from services.console.handlers.waiting import Waiting
from services.console.pages import Console, install
from services.console.pages.frame import Options
from services.console.settings import ConsoleSettings
from services.console.store.projection import MongoProjection
from shared.auth import Authenticator
from shared.clock import Clock, SystemClock
from shared.rebuild import read_topic
from shared.service import Runtime
from shared.settings import secret

TRIM_SECONDS = 300.0


def create_app(settings: ConsoleSettings, *, clock: Clock | None = None) -> FastAPI:
    """Return the application; nothing is connected until it starts."""
    clock = clock or SystemClock()
    runtime = Runtime(name="console", settings=settings, clock=clock, aggregates=())
    projection = MongoProjection(runtime.database, clock=clock)
    feed = Feed(projection)
    projector = Projector(
        projection=projection,
        dead_letters=runtime.streams,
        clock=clock,
        observer=runtime.telemetry,
    )
    following = runtime.tick("follow", feed.poll, seconds=settings.follow_seconds)
    for topic, process in projector.rows(then=following.wake):
        runtime.bus.consume(topic, process)

    async def trim() -> None:
        await projection.trim_changes(kept=settings.changes_kept)

    runtime.tick("trim", trim, seconds=TRIM_SECONDS)

    async def prepare() -> None:
        """Make the indexes; read the topics from their start where the store has not seen it."""
        await projection.ensure_indexes()
        if settings.rebuild != "always" and await projection.is_rebuilt():
            return
        for topic, _ in projector.rows():
            async for events in read_topic(settings.servers, topic.name):
                await projector.replay(topic, events)
        await projection.mark_rebuilt()

    async def let_go_on_signals() -> None:
        end_on_signals(feed.close)

    runtime.prepare.extend([prepare, let_go_on_signals])
    client = httpx.AsyncClient(
        timeout=settings.request_seconds_max, follow_redirects=False, trust_env=False
    )
    owners = HttpOwners(
        addresses_of(settings),
        client,
        clock=clock,
        service_token=secret(settings.service_token),
        subject_seconds_max=settings.subject_seconds_max,
    )
    intake = HttpIntake(addresses_of(settings), client)
    app = runtime.application(
        title="Heliodesk console", description="The web pages of Heliodesk.", routers=()
    )
    console = Console(
        views=Views(
            projection=projection,
            owners=owners,
            configurations=runtime.configurations,
            clock=clock,
        ),
        coverage=CoverageViews(configurations=runtime.configurations, clock=clock),
        commands=Commands(owners=owners, projection=projection, clock=clock),
        owners=owners,
        intake=intake,
        work=HttpWork(addresses_of(settings), client, service_token=secret(settings.service_token)),
        handovers=HttpHandovers(addresses_of(settings), client),
        relating=Relating(projection=projection, owners=owners, intake=intake),
        waiting=Waiting(intake, clock),
        authenticator=Authenticator(runtime.identities, clock),
        clock=clock,
        feed=feed,
        options=Options(
            tenant=settings.tenant,
            https=settings.https,
            has_mailbox=bool(settings.mailbox_url),
        ),
    )
    install(app, console)
    return app


def addresses_of(settings: ConsoleSettings) -> Addresses:
    """Return where the services are."""
    return Addresses(
        control=settings.control_url.rstrip("/"),
        intake=settings.intake_url.rstrip("/"),
        routing=settings.routing_url.rstrip("/"),
        sla=settings.sla_url.rstrip("/"),
        knowledge=settings.knowledge_url.rstrip("/"),
        mailbox=settings.mailbox_url.rstrip("/"),
    )


def end_on_signals(end: Callable[[], None]) -> None:
    """Call ``end`` on SIGTERM and SIGINT before whoever handles them now.

    Open streams would otherwise hold the server's orderly stop until its deadline.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        before = signal.getsignal(number)
        if not callable(before):
            continue

        def handle(
            received: int, frame: FrameType | None, *, then: Callable[..., Any] = before
        ) -> None:
            loop.call_soon_threadsafe(end)
            then(received, frame)

        signal.signal(number, handle)
