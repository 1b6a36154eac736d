"""A mailbox over IMAP (RFC 3501, RFC 9051), with IDLE (RFC 2177) where the server has it.

The client library blocks, so every connection has a thread of its own: those of the event loop's
pool are few, and a mailbox waits for minutes.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

from imapclient import SEEN, IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientError

from services.intake.ports import Lying, MailboxAt, MailboxDown

R = TypeVar("R")

ANSWER_SECONDS_MAX = 60.0
"""For one answer of the server, or one piece of a large one."""
CONNECT_SECONDS_MAX = 15.0
IDLE_SECONDS_MAX = 25 * 60.0
"""RFC 2177: servers may end what lasts for 29 minutes."""
SEARCHED = ["UNSEEN", "UNDELETED"]
WHOLE = b"BODY[]"
BEGINNING = b"BODY[]<0>"


class ImapMailbox:
    """`Mailbox` over IMAP."""

    def __init__(self, at: MailboxAt, *, mail_bytes_max: int) -> None:
        """Keep what is needed to connect.

        Args:
            at: where it is.
            mail_bytes_max: of a larger mail only the beginning is fetched.
        """
        self._at = at
        self._mail_bytes_max = mail_bytes_max
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="imap")
        self._client: IMAPClient | None = None
        self._ended = False

    async def open(self) -> int:
        """Connect, log in and select the folder; return its UIDVALIDITY."""
        return await self._run(self._open)

    async def unseen(self) -> list[int]:
        """Return the UIDs of mails that were not taken yet, the oldest first."""
        return await self._run(lambda: sorted(self._connected().search(SEARCHED)))

    async def fetch(self, uid: int) -> Lying | None:
        """Return a mail without marking it; None where it is gone."""
        return await self._run(lambda: self._fetch(uid))

    async def done(self, uid: int) -> None:
        """Mark a mail as taken, or move it where taken ones are."""
        await self._run(lambda: self._done(uid))

    async def wait(self, seconds_max: float) -> bool:
        """Wait until the server tells of a mail; return False at once where it cannot tell."""
        seconds = min(seconds_max, IDLE_SECONDS_MAX)
        return await self._run(lambda: self._idle(seconds))

    async def close(self) -> None:
        """End the connection; never raises."""
        self._ended = True
        client, self._client = self._client, None
        if client is not None:
            with suppress(Exception):
                async with asyncio.timeout(CONNECT_SECONDS_MAX):
                    await asyncio.get_running_loop().run_in_executor(self._thread, client.logout)
            _cut(client)
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], R]) -> R:
        """Do blocking work in the connection's thread.

        Raises:
            MailboxDown: it failed; the connection is not to be used any more.
        """
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except asyncio.CancelledError:
            # The thread cannot be cancelled: without its socket it comes back at once.
            if self._client is not None:
                _cut(self._client)
                self._client = None
            raise
        except (IMAPClientError, OSError, ValueError, EOFError) as error:
            reason = f"{type(error).__name__}: {str(error)[:200]}"
            raise MailboxDown(f"imap: {self._at.host}: {reason}") from error

    def _connected(self) -> IMAPClient:
        if self._client is None:
            message = "not connected"
            raise OSError(message)
        return self._client

    def _open(self) -> int:
        at = self._at
        context = None
        if at.tls != "none":
            context = ssl.create_default_context(cafile=at.ca_file)
        client = IMAPClient(
            at.host,
            port=at.port,
            ssl=at.tls == "ssl",
            ssl_context=context,
            timeout=SocketTimeout(CONNECT_SECONDS_MAX, ANSWER_SECONDS_MAX),
        )
        self._client = client
        if self._ended:
            _cut(client)
        if at.tls == "starttls":
            client.starttls(context)
        if "oauth" in at.secrets:
            client.oauth2_login(at.user, at.secrets["oauth"])
        else:
            client.login(at.user, at.secrets.get("password", ""))
        if at.done_folder and not client.folder_exists(at.done_folder):
            client.create_folder(at.done_folder)
        selected: Mapping[bytes, Any] = client.select_folder(at.folder)
        return int(selected.get(b"UIDVALIDITY", 0))

    def _fetch(self, uid: int) -> Lying | None:
        client = self._connected()
        told = client.fetch([uid], ["RFC822.SIZE"]).get(uid)
        if told is None:
            return None
        size = int(told.get(b"RFC822.SIZE", 0))
        fits = size <= self._mail_bytes_max
        asked = "BODY.PEEK[]" if fits else f"BODY.PEEK[]<0.{self._mail_bytes_max}>"
        found = client.fetch([uid], [asked]).get(uid)
        content = None if found is None else found.get(WHOLE if fits else BEGINNING)
        if content is None:
            return None
        return Lying(uid=uid, size=max(size, len(content)), content=bytes(content))

    def _done(self, uid: int) -> None:
        client, folder = self._connected(), self._at.done_folder
        client.add_flags([uid], [SEEN], silent=True)
        if folder is None:
            return
        if client.has_capability("MOVE"):
            client.move([uid], folder)
            return
        client.copy([uid], folder)
        client.delete_messages([uid], silent=True)
        if client.has_capability("UIDPLUS"):
            # Without it others' deleted mails would be expunged too: then it stays, as deleted.
            client.uid_expunge([uid])

    def _idle(self, seconds: float) -> bool:
        client = self._connected()
        if not client.has_capability("IDLE"):
            return False
        client.idle()
        told = client.idle_check(timeout=seconds)
        client.idle_done()
        # A server that says good-bye does so as an answer of its own.
        if any(line and line[0] == b"BYE" for line in told):
            message = "the server said good-bye"
            raise OSError(message)
        return True


def _cut(client: IMAPClient) -> None:
    """Take a connection's socket away from whoever waits for it."""
    with suppress(Exception):
        client.shutdown()
