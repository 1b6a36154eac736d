"""The whole product, started as `heliodesk up` starts it, for the e2e tests and the benchmarks."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from email.parser import BytesHeaderParser
from email.utils import parseaddr
from pathlib import Path
from typing import Any

import httpx
import pymongo
from aiokafka import AIOKafkaConsumer

from deploy.local.progress import silent
from heliodesk.api import Api
from heliodesk.product.addresses import PORTS
from heliodesk.product.first_start import FirstStart
from heliodesk.product.launch import Product
from heliodesk.product.secrets import BOOTSTRAP_TOKEN, COMMAND_LINE_TOKEN
from shared.clock import SystemClock

LOCAL_PORTS = ("kafka", "kafka_controller", "store", "smtp", "mail_http")


def free_ports(names: tuple[str, ...]) -> dict[str, str]:
    """Return ``HELIODESK_PORT_…`` variables with ports that are free now."""
    with ExitStack() as held:
        found = {}
        for name in names:
            listener = held.enter_context(socket.socket())
            listener.bind(("127.0.0.1", 0))
            found[f"HELIODESK_PORT_{name.upper()}"] = str(listener.getsockname()[1])
        return found


class RunningProduct:
    """A product on free ports, with what tests ask of it."""

    def __init__(self, product: Product) -> None:
        self.product = product
        self.stack = product.stack
        self.clock = SystemClock()
        self.token = _command_line_token(product)

    def url(self, service: str) -> str:
        """Return a service's base URL."""
        return self.product.addresses.services[service]

    @property
    def headers(self) -> dict[str, str]:
        """Return the credentials of an administrator."""
        return {"Authorization": f"Bearer {self.token}"}

    def database(self, service: str) -> Any:
        """Return a service's database, to look at it from outside."""
        client: Any = pymongo.MongoClient(self.stack.mongo, tz_aware=True)
        return client[f"heliodesk_{service}"]

    async def get(self, service: str, path: str, **params: str) -> Any:
        """Return the JSON of a GET."""
        async with httpx.AsyncClient(timeout=20) as client:
            answer = await client.get(self.url(service) + path, params=params, headers=self.headers)
            answer.raise_for_status()
            return answer.json()

    async def post(self, service: str, path: str, body: Any, **headers: str) -> httpx.Response:
        """Return the answer of a POST."""
        async with httpx.AsyncClient(timeout=20) as client:
            return await client.post(
                self.url(service) + path, json=body, headers={**self.headers, **headers}
            )

    def mails(self) -> list[tuple[str, str]]:
        """Return recipient and Message-ID of every mail that the sink has taken."""
        found = []
        for path in (self.stack.state_dir / "data" / "mail").rglob("*"):
            if path.is_file() and path.parent.name in {"new", "cur"}:
                head = BytesHeaderParser().parsebytes(path.read_bytes())
                found.append((parseaddr(str(head["To"]))[1], str(head["Message-ID"]).strip()))
        return found

    async def log(self, topic: str) -> AsyncIterator[tuple[dict[str, str], bytes]]:
        """Yield headers and value of every record that a topic holds now."""
        consumer = AIOKafkaConsumer(
            topic,
            bootstrap_servers=self.stack.kafka,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        await consumer.start()
        try:
            partitions = sorted(consumer.assignment())
            ends = await consumer.end_offsets(partitions)
            while any([await consumer.position(p) < ends[p] for p in partitions]):
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    for record in records:
                        headers = {name: value.decode() for name, value in record.headers}
                        yield headers, record.value
        finally:
            await consumer.stop()

    async def until(
        self, ready: Callable[[], Awaitable[bool]], *, seconds: float, what: str
    ) -> None:
        """Wait for a condition; fail with ``what`` when it does not come in time."""
        deadline = self.clock.monotonic() + seconds
        while not await ready():
            if self.clock.monotonic() > deadline:
                message = f"not within {seconds:.0f} s: {what}"
                raise AssertionError(message)
            await asyncio.sleep(0.25)


@contextmanager
def running_product(
    home: Path, *, environ: Mapping[str, str] | None = None
) -> Iterator[RunningProduct]:
    """Start a product in a state directory, and stop all of it in the end."""
    environment = {
        **os.environ,
        **free_ports((*LOCAL_PORTS, *PORTS, *(f"{name}_metrics" for name in PORTS), "intake_smtp")),
        **(environ or {}),
    }
    clock = SystemClock()
    product = Product.describe(home, environ=environment, clock=clock, progress=silent)
    try:
        product.start(silent)
        FirstStart(
            control=_api(product, "control", product.secrets.ensure(BOOTSTRAP_TOKEN)),
            knowledge=lambda: _api(product, "knowledge", _command_line_token(product)),
            home=home,
            secrets=product.secrets,
            clock=clock,
            say=lambda _text: None,
        ).run()
        yield RunningProduct(product)
    finally:
        product.stack.stop()


def _api(product: Product, service: str, token: str) -> Api:
    return Api(service, product.addresses.services[service], token=token)


def _command_line_token(product: Product) -> str:
    return product.secrets.find(COMMAND_LINE_TOKEN) or ""
