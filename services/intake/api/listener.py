"""The SMTP listener: 250 only when the receipt is durable, 451 when it cannot be made so now."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import product
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope

from services.intake.domain.text import normal_mail
from services.intake.doors import DOORS, Raw, Setup
from services.intake.handlers.accepting import Accepting
from services.intake.handlers.callers import Caller
from shared.clock import Clock
from shared.configuration import Configurations
from shared.kernel import CommandRejected, Infrastructure
from shared.log import Log

LINE_BYTES_MAX = 64 * 1024
"""RFC 5321 says 1,000; mailers that write longer ones are common, and refusing helps nobody."""
RECIPIENTS_MAX = 100
PARSED_INLINE_BYTES_MAX = 256 * 1024
"""A larger mail is parsed in a thread: others must not wait for it."""
COMMANDS_MAX = 1_000
"""Of one kind on one connection."""

OK = "250 2.0.0 accepted"
TRY_LATER = "451 4.3.0 not now, try again later"
NO_SUCH_ADDRESS = "550 5.1.1 no such address here"
TOO_MANY = "452 4.5.3 too many recipients"


class _Protocol(SMTP):
    """One connection."""

    line_length_limit = LINE_BYTES_MAX


class Listener:
    """Serves SMTP for as long as `run` runs."""

    def __init__(
        self,
        *,
        accepting: Accepting,
        configurations: Configurations,
        closed: Callable[[], str],
        clock: Clock,
        log: Log,
        host: str,
        port: int,
        name: str,
        mail_bytes_max: int,
    ) -> None:
        self._accepting = accepting
        self._configurations = configurations
        self._closed = closed
        self._clock = clock
        self._log = log
        self._host = host
        self._port = port
        self._name = name
        self._mail_bytes_max = mail_bytes_max
        self.serving = False

    async def run(self) -> None:
        """Serve until cancelled.

        Raises:
            OSError: the port is taken.
        """
        loop = asyncio.get_running_loop()
        server = await loop.create_server(self._connection, self._host, self._port)
        self.serving = True
        try:
            async with server:
                await server.serve_forever()
        finally:
            self.serving = False

    def unready(self) -> list[str]:
        """Return why no mail can come in."""
        return [] if self.serving else [f"smtp: nothing listens on port {self._port} yet"]

    def _connection(self) -> SMTP:
        return _Protocol(
            self,
            data_size_limit=self._mail_bytes_max,
            enable_SMTPUTF8=True,
            hostname=self._name,
            ident="Heliodesk",
            timeout=120,
            command_call_limit=COMMANDS_MAX,
            loop=asyncio.get_running_loop(),
        )

    async def handle_RCPT(  # noqa: N802 - the library's name
        self,
        _server: Any,
        _session: Any,
        envelope: Envelope,
        address: str,
        _options: list[str],
    ) -> str:
        """Take a recipient that an integration has; refuse any other."""
        if self._closed():
            return TRY_LATER
        if len(envelope.rcpt_tos) >= RECIPIENTS_MAX:
            return TOO_MANY
        if self._callers([address]):
            envelope.rcpt_tos.append(address)
            return "250 2.1.5 OK"
        return NO_SUCH_ADDRESS

    async def handle_DATA(  # noqa: N802 - the library's name
        self, _server: Any, _session: Any, envelope: Envelope
    ) -> str:
        """Take a mail: once for each tenant among its recipients."""
        content = bytes(envelope.original_content or b"")
        raw = Raw(
            body=content,
            sender=envelope.mail_from or "",
            recipients=tuple(str(address) for address in envelope.rcpt_tos),
            received_at=self._clock.now(),
        )
        door = DOORS["smtp"]
        try:
            if len(content) > PARSED_INLINE_BYTES_MAX:
                reads = await asyncio.to_thread(door.parse, raw, Setup())
            else:
                reads = door.parse(raw, Setup())
            for caller, read in product(self._callers(envelope.rcpt_tos), reads):
                await self._accepting.submit(door, read, caller, original=content)
        except Infrastructure as error:
            self._log.warning("mail_deferred", error=str(error))
            return TRY_LATER
        except CommandRejected as error:
            return f"554 5.6.0 {error.reason}"
        except Exception as error:  # noqa: BLE001 - whatever it is, the mail stays with its sender
            self._log.exception("mail_failed", error=repr(error))
            return TRY_LATER
        return OK

    async def handle_exception(self, error: Exception) -> str:
        """Answer a defect of the connection's handling: the mail stays with its sender."""
        self._log.error("smtp_failed", error=repr(error))
        return TRY_LATER

    def _callers(self, addresses: list[Any]) -> list[Caller]:
        """Return the integrations that have these addresses, the first one of each tenant."""
        wanted = {normal_mail(str(address)) for address in addresses}
        found: list[Caller] = []
        for tenant in self._configurations.tenants:
            configuration = self._configurations.current(tenant)
            for integration in configuration.integrations.integrations:
                ours = {normal_mail(address) for address in integration.addresses}
                if integration.door == "smtp" and integration.enabled and ours & wanted:
                    found.append(
                        Caller(tenant=tenant, name=integration.name, integration=integration)
                    )
                    break
        return found
