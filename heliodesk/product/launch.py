"""Starts the product and keeps it running: broker, store and mail, topics, services."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.local.errors import StackError
from deploy.local.ports import check_free
from deploy.local.progress import Progress, ProgressCallback
from deploy.local.services import ServiceSpec
from deploy.local.stack import Stack
from heliodesk.product.addresses import Addresses, local_addresses, write_addresses
from heliodesk.product.secrets import Secrets
from heliodesk.product.services import Outside, service_specs
from shared.clock import Clock
from shared.provision import ensure_topics

TOPICS_SECONDS_MAX = 60.0
_STOP_AGAIN_SECONDS = 0.2


class Stopped(Exception):
    """Somebody asked for an end while the product was starting."""


@dataclass(frozen=True, slots=True)
class Product:
    """One product on this machine: where it is, and what runs it."""

    stack: Stack
    addresses: Addresses
    secrets: Secrets
    environ: Mapping[str, str]

    @classmethod
    def describe(
        cls,
        home: Path,
        *,
        environ: Mapping[str, str],
        clock: Clock,
        progress: ProgressCallback,
    ) -> Product:
        """Return the product of a state directory; nothing is started yet.

        Raises:
            AddressInvalid, StackError: a variable of the environment is not a port.
        """
        # It will hold personal data: nobody else on this machine reads it.
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        stack = Stack(home, progress=progress, environ=environ)
        addresses = local_addresses(environ, kafka=stack.kafka, mailbox=stack.mail_url)
        return cls(stack=stack, addresses=addresses, secrets=Secrets(home, clock), environ=environ)

    def start(self, progress: ProgressCallback) -> None:
        """Start everything and wait until each service is ready.

        Raises:
            StackError: what could not be started, and the last lines of its log.
            Infrastructure: the broker refuses the topics.
        """
        outside = Outside(
            kafka=self.stack.kafka, mongo=self.stack.mongo, smtp=self.stack.smtp_address
        )
        specs = service_specs(
            self.addresses, outside=outside, secrets=self.secrets, environ=self.environ
        )
        self._require_ports(specs)
        self.stack.start()
        servers = [server.strip() for server in self.stack.kafka.split(",")]
        created = asyncio.run(ensure_topics(servers, seconds_max=TOPICS_SECONDS_MAX))
        if created:
            progress(Progress("kafka", f"{len(created)} topics created"))
        self.stack.start_services(specs)
        write_addresses(self.stack.state_dir, self.addresses)

    def _require_ports(self, specs: Sequence[ServiceSpec]) -> None:
        """Refuse before anything is started; what an earlier launcher left is taken over.

        Raises:
            PortTakenError: a port of a service is somebody else's.
        """
        for spec in specs:
            if self.stack.pid(spec.name) is None:
                for port in spec.ports:
                    check_free(port, component=spec.name)


def start_unless_stopped(start: Callable[[], None], *, stop: threading.Event, stack: Stack) -> None:
    """Run ``start`` in a thread, and undo it when somebody asks for an end meanwhile.

    Raises:
        Stopped: it was asked for, and everything is stopped.
        Exception: whatever ``start`` raised.
    """
    errors: list[BaseException] = []

    def work() -> None:
        try:
            start()
        except BaseException as error:  # noqa: BLE001 -- raised again where it is waited for.
            errors.append(error)

    worker = threading.Thread(target=work, name="start", daemon=True)
    worker.start()
    while worker.is_alive():
        worker.join(_STOP_AGAIN_SECONDS)
        if stop.is_set():
            break
    if stop.is_set():
        # What the thread has just begun may appear after a first sweep: sweep until it ends.
        for _ in range(50):
            stack.stop()
            worker.join(_STOP_AGAIN_SECONDS)
            if not worker.is_alive():
                break
        raise Stopped
    if errors:
        raise errors[0]


def leave_now(code: int) -> None:
    """End this process without waiting for its threads: one may sit in a long download."""
    os._exit(code)


__all__ = ["Product", "StackError", "Stopped", "leave_now", "start_unless_stopped"]
