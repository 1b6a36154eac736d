"""The SMTP listener: 250 only when the receipt is durable, 451 when it cannot be made so now.

Its answers are those of RFC 5321 and RFC 3463. Only CRLF ends a line (RFC 5321, 2.3.8): a bare
line feed within a mail is part of it, so that no second mail can be smuggled in behind one.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope

from services.intake.doors import DOORS, Raw
from services.intake.handlers.mailing import Mailing
from shared.clock import Clock
from shared.kernel import CommandRejected, Infrastructure
from shared.log import Log

LINE_BYTES_MAX = 64 * 1024
"""RFC 5321 says 1,000; mailers that write longer ones are common, and refusing helps nobody."""
RECIPIENTS_MAX = 100
COMMANDS_MAX = 1_000
"""Of one kind on one connection."""
TOO_LARGE = 413

OK = "250 2.0.0 accepted"
TRY_LATER = "451 4.3.0 not now, try again later"
NO_SUCH_ADDRESS = "550 5.1.1 no such address here"
TOO_MANY = "452 4.5.3 too many recipients"
TOO_MUCH = "552 5.3.4"
NOT_TAKEN = "554 5.6.0"
REASON_MAX = 400
"""A line of an answer has at most 512 octets."""


class _Protocol(SMTP):
    """One connection."""

    line_length_limit = LINE_BYTES_MAX

    async def push(self, status: Any) -> None:
        """Answer; the library's words for a mail that is too large lack the enhanced code."""
        if status == "552 Error: Too much mail data":
            status = f"{TOO_MUCH} at most {self.data_size_limit} bytes are taken"
        await super().push(status)


def tls_context(*, certificate: str, key: str) -> ssl.SSLContext:
    """Return what STARTTLS is offered with.

    Args:
        certificate: path of a file with the chain, PEM.
        key: path of a file with its key, PEM.

    Raises:
        OSError: a file cannot be read.
        ssl.SSLError: they are no certificate and key, or do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    return context


class Listener:
    """Serves SMTP for as long as `run` runs."""

    def __init__(
        self,
        *,
        mailing: Mailing,
        closed: Callable[[], str],
        clock: Clock,
        log: Log,
        host: str,
        port: int,
        name: str,
        mail_bytes_max: int,
        tls: ssl.SSLContext | None = None,
        share_port: bool = False,
    ) -> None:
        self._mailing = mailing
        self._closed = closed
        self._clock = clock
        self._log = log
        self._host = host
        self._port = port
        self._name = name
        self._mail_bytes_max = mail_bytes_max
        self._tls = tls
        self._share_port = share_port
        self.serving = False

    async def run(self) -> None:
        """Serve until cancelled.

        Raises:
            OSError: the port is taken.
        """
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            self._connection, self._host, self._port, reuse_port=self._share_port
        )
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
            tls_context=self._tls,
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
        if self._mailing.addresses.callers([address], door="smtp"):
            envelope.rcpt_tos.append(address)
            return "250 2.1.5 OK"
        return NO_SUCH_ADDRESS

    async def handle_DATA(  # noqa: N802 - the library's name
        self, _server: Any, _session: Any, envelope: Envelope
    ) -> str:
        """Take a mail; whatever goes wrong, it stays with its sender."""
        recipients = tuple(str(address) for address in envelope.rcpt_tos)
        raw = Raw(
            body=bytes(envelope.original_content or b""),
            headers={"content-type": "message/rfc822"},
            sender=envelope.mail_from or "",
            recipients=recipients,
            received_at=self._clock.now(),
        )
        callers = self._mailing.addresses.callers(recipients, door="smtp")
        if not callers:
            # The configuration has changed since the recipient was taken.
            return TRY_LATER
        try:
            await self._mailing.take(DOORS["smtp"], raw, callers)
        except Infrastructure as error:
            self._log.warning("mail_deferred", error=str(error))
            return TRY_LATER
        except CommandRejected as error:
            code = TOO_MUCH if error.status == TOO_LARGE else NOT_TAKEN
            return _line(f"{code} {error.reason}")
        except Exception as error:  # noqa: BLE001 - whatever it is, the mail stays with its sender
            self._log.exception("mail_failed", error=repr(error))
            return TRY_LATER
        return OK

    async def handle_exception(self, error: Exception) -> str:
        """Answer a defect of the connection's handling: the mail stays with its sender."""
        self._log.error("smtp_failed", error=repr(error))
        return TRY_LATER


def _line(text: str) -> str:
    """Return an answer in one line of ASCII: a file's name may hold anything."""
    shown = "".join(c if " " <= c <= "~" else "?" for c in text)
    return shown[:REASON_MAX]
