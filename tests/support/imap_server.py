"""A small IMAP4rev1 server (RFC 3501) with IDLE, MOVE and UIDPLUS, for one user and a few mails."""

from __future__ import annotations

import asyncio
import base64
import re
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

_FETCH = re.compile(r"BODY\.PEEK\[\](?:<0\.(\d+)>)?")


@dataclass
class Kept:
    """A mail of a folder."""

    uid: int
    content: bytes
    flags: set[str] = field(default_factory=set)


@dataclass
class ImapServer:
    """The mailbox, and how the server behaves."""

    user: str = "help@helio.example"
    password: str = "secret"
    token: str = "oauth-token"
    capabilities: tuple[str, ...] = ("IMAP4rev1", "IDLE", "MOVE", "UIDPLUS", "AUTH=XOAUTH2")
    folders: dict[str, list[Kept]] = field(default_factory=lambda: {"INBOX": []})
    validity: int = 1
    commands: list[str] = field(default_factory=list)
    logins: int = 0
    port: int = 0
    starttls: ssl.SSLContext | None = None
    _next: int = 1
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _idling: asyncio.Event = field(default_factory=asyncio.Event)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def put(self, content: bytes, folder: str = "INBOX") -> int:
        """Deliver a mail; return its UID."""
        kept = Kept(uid=self._next, content=content)
        self._next += 1
        self.folders[folder].append(kept)
        self._changed.set()
        return kept.uid

    def seen(self, folder: str = "INBOX") -> list[int]:
        """Return the UIDs of mails that are marked as seen."""
        return [k.uid for k in self.folders[folder] if "\\Seen" in k.flags]

    async def idling(self) -> None:
        """Return when a client waits."""
        await self._idling.wait()

    def drop(self) -> None:
        """Cut every connection."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self._writers.add(writer)
        session = _Session(self, reader, writer)
        try:
            await session.run()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()


@dataclass
class _Session:
    """One connection."""

    server: ImapServer
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    folder: str = ""

    def say(self, line: str | bytes) -> None:
        self.writer.write((line.encode() if isinstance(line, str) else line) + b"\r\n")

    async def run(self) -> None:
        self.say("* OK ready")
        while True:
            line = (await self.reader.readuntil(b"\r\n")).decode().rstrip("\r\n")
            tag, _, rest = line.partition(" ")
            name, _, argument = rest.partition(" ")
            if name.upper() == "UID":
                name, _, argument = argument.partition(" ")
            self.server.commands.append(f"{name.upper()} {argument}".strip())
            if name.upper() == "LOGOUT":
                self.say("* BYE")
                self.say(f"{tag} OK")
                return
            self.say(f"{tag} {await self.answer(name.upper(), argument)}")
            await self.writer.drain()
            if name.upper() == "STARTTLS" and self.server.starttls is not None:
                await self.writer.start_tls(self.server.starttls)

    async def answer(self, name: str, argument: str) -> str:
        known = {
            "CAPABILITY": self.capability,
            "LOGIN": self.login,
            "AUTHENTICATE": self.authenticate,
            "LIST": self.list_folders,
            "CREATE": self.create,
            "SELECT": self.select,
            "SEARCH": self.search,
            "FETCH": self.fetch,
            "STORE": self.store,
            "COPY": self.copy,
            "MOVE": self.move,
            "EXPUNGE": self.expunge,
            "IDLE": self.idle,
            "STARTTLS": self.starttls,
        }
        return await known[name](argument) if name in known else "BAD unknown"

    async def capability(self, _argument: str) -> str:
        self.say("* CAPABILITY " + " ".join(self.server.capabilities))
        return "OK done"

    async def login(self, argument: str) -> str:
        user, password = (part.strip('"') for part in argument.split(" ", 1))
        if (user, password) != (self.server.user, self.server.password):
            return "NO [AUTHENTICATIONFAILED] wrong"
        self.server.logins += 1
        return "OK done"

    async def authenticate(self, _argument: str) -> str:
        self.say("+ ")
        await self.writer.drain()
        told = base64.b64decode(await self.reader.readuntil(b"\r\n")).decode()
        if told != f"user={self.server.user}\1auth=Bearer {self.server.token}\1\1":
            return "NO wrong"
        self.server.logins += 1
        return "OK done"

    async def starttls(self, _argument: str) -> str:
        return "BAD none here" if self.server.starttls is None else "OK begin"

    async def list_folders(self, argument: str) -> str:
        for folder in self.server.folders:
            if folder in argument:
                self.say(f'* LIST () "/" "{folder}"')
        return "OK done"

    async def create(self, argument: str) -> str:
        self.server.folders[argument.strip('"')] = []
        return "OK done"

    async def search(self, _argument: str) -> str:
        unseen = [k for k in self.mails if not k.flags & {"\\Seen", "\\Deleted"}]
        self.say("* SEARCH " + " ".join(str(k.uid) for k in unseen))
        return "OK done"

    async def expunge(self, _argument: str) -> str:
        self.mails[:] = [k for k in self.mails if "\\Deleted" not in k.flags]
        return "OK done"

    async def copy(self, argument: str) -> str:
        return self.put_into(argument, moved=False)

    async def move(self, argument: str) -> str:
        return self.put_into(argument, moved=True)

    @property
    def mails(self) -> list[Kept]:
        return self.server.folders[self.folder]

    async def select(self, argument: str) -> str:
        folder = argument.strip('"')
        if folder not in self.server.folders:
            return "NO no such folder"
        self.folder = folder
        self.say(f"* {len(self.mails)} EXISTS")
        self.say(f"* OK [UIDVALIDITY {self.server.validity}] valid")
        return "OK [READ-WRITE] selected"

    def find(self, uids: str) -> list[tuple[int, Kept]]:
        wanted = {int(uid) for uid in uids.split(",")}
        return [(n, k) for n, k in enumerate(self.mails, 1) if k.uid in wanted]

    async def fetch(self, argument: str) -> str:
        uids, _, items = argument.partition(" ")
        for number, kept in self.find(uids):
            if "RFC822.SIZE" in items:
                self.say(f"* {number} FETCH (UID {kept.uid} RFC822.SIZE {len(kept.content)})")
            asked = _FETCH.search(items)
            if asked:
                limit = asked[1]
                content = kept.content[: int(limit)] if limit else kept.content
                name = "BODY[]<0>" if limit else "BODY[]"
                head = f"* {number} FETCH (UID {kept.uid} {name} {{{len(content)}}}\r\n"
                self.say(head.encode() + content + b")")
        return "OK done"

    async def store(self, argument: str) -> str:
        uids, _, flags = argument.split(" ", 2)
        for _, kept in self.find(uids):
            kept.flags |= set(flags.strip("()").split())
        return "OK done"

    def put_into(self, argument: str, *, moved: bool) -> str:
        uids, _, folder = argument.partition(" ")
        name = folder.strip('"')
        if name not in self.server.folders:
            return "NO [TRYCREATE] no such folder"
        for _, kept in self.find(uids):
            self.server.put(kept.content, name)
            if moved:
                self.mails.remove(kept)
        return "OK done"

    async def idle(self, _argument: str) -> str:
        self.server._changed.clear()
        self.say("+ idling")
        await self.writer.drain()
        self.server._idling.set()
        done = asyncio.ensure_future(self.reader.readuntil(b"\r\n"))
        try:
            while not done.done():
                changed = asyncio.ensure_future(self.server._changed.wait())
                await asyncio.wait({done, changed}, return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
                if self.server._changed.is_set():
                    self.server._changed.clear()
                    self.say(f"* {len(self.mails)} EXISTS")
                    await self.writer.drain()
            await done
        finally:
            done.cancel()
            self.server._idling.clear()
        return "OK done"


@asynccontextmanager
async def serving(
    server: ImapServer, *, tls: ssl.SSLContext | None = None
) -> AsyncGenerator[ImapServer]:
    """Serve on a free port of this machine until the block ends; with TLS from the beginning."""
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        server.drop()
        listening.close()
        await listening.wait_closed()
