"""The channel mail, over SMTP with aiosmtplib."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiosmtplib import (
    SMTP,
    SMTPException,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPSenderRefused,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

from services.notify.ports import Answer, ChannelDown, Later, Refused, Session, Taken, Tls

PERMANENT = 500
CLOSING = 421
"""The server ends the connection (RFC 5321 4.2.3): no verdict on the mail."""
QUIT_SECONDS_MAX = 5.0

_ENHANCED = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpServer:
    """Where mail is handed in, and how.

    ``seconds_max`` bounds the connecting, and each mail as a whole.
    """

    host: str
    port: int
    tls: Tls
    own_name: str
    """Said in EHLO; without it the library would ask DNS for the machine's name."""
    ca_file: str | None = None
    username: str | None = None
    password: str | None = None
    seconds_max: float = 30.0


class SmtpChannel:
    """`Channel` to one SMTP server."""

    def __init__(self, server: SmtpServer) -> None:
        self._server = server
        self._context = (
            None if server.tls is Tls.NONE else ssl.create_default_context(cafile=server.ca_file)
        )

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Connect, secure and sign in; say goodbye at the end, for so long as that takes."""
        server = self._server
        client = SMTP(
            hostname=server.host,
            port=server.port,
            local_hostname=server.own_name,
            timeout=server.seconds_max,
            use_tls=server.tls is Tls.IMPLICIT,
            start_tls=server.tls is Tls.STARTTLS,
            tls_context=self._context,
            username=server.username,
            password=server.password,
        )
        try:
            async with asyncio.timeout(server.seconds_max):
                await client.connect()
        except (SMTPException, OSError, ValueError) as error:
            client.close()
            raise ChannelDown(f"smtp: cannot be used: {_cause(error)}") from error
        try:
            yield SmtpSession(client, seconds_max=server.seconds_max)
        finally:
            await _leave(client)


class SmtpSession:
    """`Session` on one connection."""

    def __init__(self, client: SMTP, *, seconds_max: float) -> None:
        self._client = client
        self._seconds_max = seconds_max

    async def send(self, *, sender: str, recipient: str, content: bytes) -> Answer:
        """Send one mail to one recipient."""
        try:
            async with asyncio.timeout(self._seconds_max):
                await self._client.sendmail(sender, [recipient], content)
        except SMTPRecipientsRefused as error:
            return self._verdict(error.recipients[0])
        except SMTPSenderRefused as error:
            # Every mail has this sender: the fault is in the settings, and will be mended.
            self._closing(error)
            return Later(f"smtp sender {_code(error)}")
        except SMTPResponseException as error:
            return self._verdict(error)
        except (
            SMTPServerDisconnected,
            SMTPTimeoutError,
            OSError,
            asyncio.IncompleteReadError,
        ) as e:
            raise ChannelDown(f"smtp: connection lost: {_cause(e)}") from e
        except (SMTPException, ValueError) as error:
            return Refused(f"smtp: {type(error).__name__}")
        return Taken()

    def _verdict(self, error: SMTPResponseException) -> Answer:
        self._closing(error)
        reason = f"smtp {_code(error)}"
        return Refused(reason) if error.code >= PERMANENT else Later(reason)

    @staticmethod
    def _closing(error: SMTPResponseException) -> None:
        if error.code == CLOSING:
            raise ChannelDown("smtp: the server closes the connection") from error


async def _leave(client: SMTP) -> None:
    """End the connection politely where that is still possible."""
    try:
        async with asyncio.timeout(QUIT_SECONDS_MAX):
            await client.quit()
    except (SMTPException, OSError):
        pass
    finally:
        client.close()


def _code(error: SMTPResponseException) -> str:
    """Return the reply code and the enhanced one; the server's text may hold an address."""
    enhanced = _ENHANCED.search(str(error.message))
    return f"{error.code} {enhanced.group()}" if enhanced else str(error.code)


def _cause(error: BaseException) -> str:
    if isinstance(error, SMTPResponseException):
        return f"{type(error).__name__} {_code(error)}"
    return type(error.__cause__ or error).__name__
