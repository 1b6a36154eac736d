"""One process of one service: the wiring that is the same for all of them.

A service's ``app.py`` builds a `Runtime`, lists its consumers, tickers and routes, and asks for
the application. Everything with a life of its own is started and ended here, in this order:
store, rebuild, bus, tickers; and back.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import uvicorn
from fastapi import APIRouter, FastAPI
from prometheus_client import start_http_server
from starlette.routing import BaseRoute

from shared.aggregate import Aggregate
from shared.auth import Authenticator, Identities
from shared.bus import Bus
from shared.clock import Clock
from shared.commit import Committer
from shared.configuration import Configurations
from shared.consumer import Consumer, First, On
from shared.contracts.topics import CONFIGURATION, IDENTITIES, Topic
from shared.first_reading import FirstReading
from shared.http import BODY_BYTES_MAX, Gate, equip, health_routes
from shared.kafka_connections import tell_lost_connections
from shared.kernel import Infrastructure
from shared.log import configure
from shared.metrics import Metrics, Telemetry
from shared.mongo import Client, Database, MongoStreams, connect, database, infrastructure
from shared.outbox import Relay
from shared.parking import Parking
from shared.parking_api import parking_router
from shared.rebuild import read_topic, rebuild
from shared.runner import BusLimits, Process
from shared.settings import ServiceSettings
from shared.streams import Record
from shared.ticker import Ticker

WATCH_SECONDS = 5.0
DIRECTORY_POLL_SECONDS = 0.05
OPEN_POLL_SECONDS = 0.05
STOP_SECONDS_MAX = 25.0
EXIT_WATCHDOG = 70
"""EX_SOFTWARE: the supervisor restarts the process."""
EXIT_NOT_STARTED = 3
"""As uvicorn itself says that it could not start."""


class Runtime:
    """What a service is built from. Makes no connection until the application starts."""

    def __init__(
        self,
        *,
        name: str,
        settings: ServiceSettings,
        clock: Clock,
        aggregates: Sequence[Aggregate[Any]],
    ) -> None:
        self.name = name
        self.settings = settings
        self.clock = clock
        self.aggregates = tuple(aggregates)
        self.log = configure(service=name, level=settings.log_level)
        self.metrics = Metrics()
        self.telemetry = Telemetry(metrics=self.metrics, log=self.log)
        self.client: Client = connect(settings.mongo, name=name)
        self.database: Database = database(self.client, settings.database_prefix + name)
        self.streams = MongoStreams(self.database, clock=clock)
        self.bus = Bus(
            servers=settings.servers,
            service=name,
            slot=settings.slot,
            clock=clock,
            observer=self.telemetry,
            limits=BusLimits(session_seconds=settings.session_seconds),
        )
        self.configurations = Configurations()
        self.identities = Identities()
        self.relay = Relay(
            publisher=self.bus.publisher,
            store=self.streams,
            aggregates=aggregates,
            clock=clock,
            observer=self.telemetry,
        )
        self.committer = Committer(
            store=self.streams,
            parking=self.streams,
            relay=self.relay,
            clock=clock,
            configversion=self.configurations.version,
        )
        self.consumers: list[Consumer] = []
        self.tickers: list[Ticker] = []
        self.prepare: list[Callable[[], Awaitable[None]]] = []
        """Run once the store answers, before any work: indexes, first rows."""
        self.unready_reasons: list[Callable[[], Sequence[str]]] = []
        self.ending: Callable[[], bool] = lambda: False
        """Says that the process was told to stop, also while it is still starting."""
        self._opened = False
        self._first_reading = FirstReading(self.bus)
        self._started = False
        self._tasks: list[asyncio.Task[None]] = []
        self.bus.follow(CONFIGURATION, self.configurations.process)
        self.bus.follow(IDENTITIES, self.identities.process)

    def consume(
        self,
        topic: Topic,
        on: Sequence[On],
        *,
        first: First | None = None,
        then: Callable[[], None] | None = None,
        also: Process | None = None,
    ) -> Consumer:
        """Consume a topic's events into documents of this service; ``first`` is the consumer's.

        ``then`` wakes a ticker after a batch and must not block; then ``also`` takes it in too.
        """
        consumer = Consumer(
            topic=topic,
            on=on,
            committer=self.committer,
            configured=self.configurations,
            clock=self.clock,
            observer=self.telemetry,
            owner=self.name,
            first=first,
        )
        self.consumers.append(consumer)

        async def process(records: Sequence[Record]) -> None:
            await consumer.process(records)
            if then is not None:
                then()
            if also is not None:
                await also(records)

        self.bus.consume(topic, process)
        return consumer

    def tick(
        self,
        name: str,
        work: Callable[[], Awaitable[bool | None]],
        *,
        seconds: float,
        due: Callable[[], datetime | None] | None = None,
    ) -> Ticker:
        """Run work every so many seconds for as long as the process lives, and when it is due."""
        ticker = Ticker(name=name, work=work, seconds=seconds, due=due)
        self.tickers.append(ticker)
        return ticker

    def unready(self) -> list[str]:
        """Return why the process cannot work now."""
        if not self._started:
            return ["starting: the store or the broker does not answer yet"]
        problems = self.bus.unready()
        for reasons in self.unready_reasons:
            problems.extend(reasons())
        return problems

    def application(
        self,
        *,
        routers: Sequence[APIRouter] = (),
        routes: Sequence[BaseRoute] = (),
        title: str,
        description: str = "",
        body_bytes_max: int = BODY_BYTES_MAX,
        larger_bodies: Mapping[str, int] | None = None,
    ) -> FastAPI:
        """Return the HTTP application; it runs the whole process in its lifespan."""

        @asynccontextmanager
        async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
            starting = asyncio.create_task(self._start())
            try:
                if self.settings.share_port:
                    await self._open()
                yield
            finally:
                starting.cancel()
                await self._stop()

        app = FastAPI(
            title=title,
            description=description,
            version="1",
            lifespan=lifespan,
            docs_url=None,
            redoc_url=None,
            openapi_url=None,  # kept under docs/generated; only health is open to everybody
        )
        equip(app, body_bytes_max=body_bytes_max, larger_bodies=larger_bodies)
        app.add_middleware(Gate, is_open=lambda: self._opened)
        app.state.authenticator = Authenticator(self.identities, self.clock)
        app.state.runtime = self
        parking = Parking(committer=self.committer, consumers=self.consumers)
        app.include_router(parking_router(parking))
        for router in routers:
            app.include_router(router)
        app.router.routes[:0] = routes  # the hot ones: they are looked at first
        app.router.routes.extend(health_routes(self.unready))
        return app

    async def _start(self) -> None:
        """Start everything, however long the store and the broker take to answer."""
        await self._insist("metrics", self._serve_metrics)
        await self._insist("store", self._open_store)
        await self._insist("broker", self.bus.start)
        await self._insist("broker", self._read_directory)
        self._opened = True
        self._spawn("relay", self.relay.run())
        self._spawn("watchdog", self._watch())
        for ticker in self.tickers:
            self._spawn(ticker.name, ticker.run(clock=self.clock, log=self.log))
        self._started = True
        self.log.info("started", slot=self.settings.slot)

    async def _open(self) -> None:
        """Wait until callers can be answered, before the server listens.

        Behind a shared port others can answer them: a process that listened while it starts
        would take its share of the callers and refuse them.
        """
        while not (self._opened or self.ending()):
            await self.clock.sleep(OPEN_POLL_SECONDS)

    async def _serve_metrics(self) -> None:
        if self.settings.metrics_port:
            start_http_server(
                self.settings.metrics_port, addr=self.settings.host, registry=self.metrics.registry
            )

    async def _read_directory(self) -> None:
        """Wait until configuration and identities are read to where they end now."""
        await self._first_reading.look()
        while self._first_reading.closed():
            await self.clock.sleep(DIRECTORY_POLL_SECONDS)
            await self._first_reading.look()

    def closed(self) -> str:
        """Return why nobody is let in yet; empty once somebody is."""
        if self._opened:
            return ""
        return self._first_reading.closed() or "starting: the store does not answer yet"

    async def _open_store(self) -> None:
        await self.streams.adopt(self.settings.slot)
        await self.streams.ensure_indexes(self.aggregates)
        for prepare in self.prepare:
            await prepare()
        meta = self.database["meta"]
        async with infrastructure():
            known = await meta.find_one({"_id": "store"})
        if known is not None and self.settings.rebuild != "always":
            return
        for aggregate in self.aggregates:
            batches = read_topic(self.settings.servers, aggregate.topic.name)
            changed = await rebuild(aggregate, self.streams, batches)
            self.log.info("rebuilt", aggregate=aggregate.name, documents=changed)
        async with infrastructure():
            await meta.update_one(
                {"_id": "store"}, {"$set": {"since": self.clock.now()}}, upsert=True
            )

    async def _insist(self, what: str, work: Callable[[], Awaitable[None]]) -> None:
        wait = 0.2
        while True:
            try:
                await work()
            except Infrastructure as error:
                self.log.warning("waits", for_=what, error=str(error))
                await self.clock.sleep(self.clock.jitter(wait))
                wait = min(wait * 2, 5.0)
            except Exception as error:
                self.log.exception("start_failed", part=what, error=repr(error))
                os._exit(EXIT_WATCHDOG)
            else:
                return

    def _spawn(self, name: str, work: Any) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))

    async def _watch(self) -> None:
        """End the process when it can no longer do its work; the supervisor starts it anew."""
        while True:
            await self.clock.sleep(WATCH_SECONDS)
            for topic, lag in self.bus.lags().items():
                self.metrics.lag.labels(topic).set(lag)
            dead = [task.get_name() for task in self._tasks if task.done()]
            complaints = [*self.bus.complaints(), *(f"{name}: ended" for name in dead)]
            if complaints:
                self.log.error("watchdog", complaints=complaints)
                os._exit(EXIT_WATCHDOG)

    async def _stop(self) -> None:
        """End in order: no new work, then what is in flight, then the connections."""
        for task in self._tasks:
            if task.get_name() != "relay":
                task.cancel()
        try:
            async with asyncio.timeout(STOP_SECONDS_MAX):
                if self._started:
                    await self.relay.settle(seconds=3.0)
                    await self.bus.stop()
        except TimeoutError:
            self.log.warning("stop_incomplete")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.client.close()
        self.log.info("stopped")


def serve(app: FastAPI, settings: ServiceSettings) -> None:
    """Run an application until SIGTERM or SIGINT; what is in flight ends first."""
    tell_lost_connections()
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=10,
    )
    sockets = [shared_socket(settings.host, settings.port)] if settings.share_port else None
    server = uvicorn.Server(config)
    app.state.runtime.ending = lambda: server.should_exit
    server.run(sockets=sockets)
    if not server.started:
        sys.exit(EXIT_NOT_STARTED)


def shared_socket(host: str, port: int) -> socket.socket:
    """Return a socket on a port that several processes may have."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family=family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind((host, port))
    listener.set_inheritable(True)
    return listener
