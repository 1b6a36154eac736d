"""Mailboxes over IMAP, against a server of its own."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.intake.adapters.imap import ImapMailbox
from services.intake.ports import Lying, MailboxAt, MailboxDown
from tests.support.certificates import self_signed
from tests.support.imap_server import ImapServer, serving

SECONDS_MAX = 20.0
MAIL = b"Subject: x\r\n\r\nhello {5}\r\n* OK ) done\r\n"


@pytest.fixture
async def server() -> AsyncGenerator[ImapServer]:
    """Give a server with an empty mailbox."""
    async with serving(ImapServer()) as running:
        yield running


def mailbox(
    server: ImapServer, *, secrets: dict[str, str] | None = None, **fields: Any
) -> ImapMailbox:
    """Return a connection to the server's mailbox, not opened yet."""
    known = {"password": server.password} if secrets is None else secrets
    at = MailboxAt("127.0.0.1", server.port, "none", server.user, known)
    return ImapMailbox(replace(at, **fields), mail_bytes_max=1_000)


async def test_a_mail_is_fetched_without_being_marked(server: ImapServer) -> None:
    """Byte by byte; it counts as taken only when that is said."""
    first, second = server.put(MAIL), server.put(MAIL + bytes(range(256)))
    box = mailbox(server)
    assert await box.open() == 1
    assert await box.unseen() == [first, second]
    assert await box.fetch(first) == Lying(uid=first, size=len(MAIL), content=MAIL)
    found = await box.fetch(second)
    assert found is not None
    assert found.content == MAIL + bytes(range(256))
    assert server.seen() == []
    await box.done(first)
    assert server.seen() == [first]
    assert await box.unseen() == [second]
    assert await box.fetch(999) is None
    await box.close()
    assert server.commands[-1] == "LOGOUT"


async def test_of_a_mail_that_is_too_large_the_beginning_is_fetched(server: ImapServer) -> None:
    """Its size is asked for before its bytes are."""
    uid = server.put(b"x" * 5_000)
    box = mailbox(server)
    await box.open()
    assert await box.fetch(uid) == Lying(uid=uid, size=5_000, content=b"x" * 1_000)
    await box.close()


@pytest.mark.parametrize(
    "capabilities", [("IMAP4rev1", "MOVE"), ("IMAP4rev1", "UIDPLUS"), ("IMAP4rev1",)]
)
async def test_a_mail_is_moved_where_taken_ones_are(capabilities: tuple[str, ...]) -> None:
    """By MOVE, else by copy and delete; without UIDPLUS nothing of others is expunged."""
    async with serving(ImapServer(capabilities=capabilities)) as server:
        uid, other = server.put(MAIL), server.put(MAIL)
        server.folders["INBOX"][1].flags.add("\\Deleted")
        box = mailbox(server, done_folder="Done")
        await box.open()
        await box.done(uid)
        assert [k.content for k in server.folders["Done"]] == [MAIL]
        assert await box.unseen() == []
        await box.close()
        left = {k.uid for k in server.folders["INBOX"]}
        if "UIDPLUS" not in capabilities:
            assert other in left


async def test_a_token_opens_a_mailbox(server: ImapServer) -> None:
    """XOAUTH2, where the integration has a token."""
    box = mailbox(server, secrets={"oauth": server.token})
    await box.open()
    await box.close()
    assert server.logins == 1


@pytest.mark.parametrize("tls", ["ssl", "starttls"])
async def test_a_connection_is_secured(tmp_path: Path, tls: str) -> None:
    """From the beginning or before the password; a certificate that nobody trusts ends it."""
    chain, key = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    capabilities = ("IMAP4rev1", "STARTTLS")
    server = ImapServer(capabilities=capabilities, starttls=context if tls == "starttls" else None)
    async with serving(server, tls=context if tls == "ssl" else None):
        uid = server.put(MAIL)
        for ca_file in (str(chain), None):
            box = mailbox(server, host="localhost", tls=tls, ca_file=ca_file)
            if ca_file:
                await box.open()
                assert await box.unseen() == [uid]
            else:
                with pytest.raises(MailboxDown, match="certificate"):
                    await box.open()
            await box.close()
    assert server.logins == 1


async def test_a_wrong_password_says_so(server: ImapServer) -> None:
    """The mailbox is down; the reason is the server's, and has no secret in it."""
    box = mailbox(server, secrets={"password": "wrong-one"})
    with pytest.raises(MailboxDown, match="AUTHENTICATIONFAILED") as raised:
        await box.open()
    assert "wrong-one" not in str(raised.value)
    await box.close()


async def test_a_folder_that_is_not_there_says_so(server: ImapServer) -> None:
    """The mailbox is down until somebody makes it."""
    box = mailbox(server, folder="Nowhere")
    with pytest.raises(MailboxDown, match="no such folder"):
        await box.open()
    await box.close()


async def test_waiting_ends_when_a_mail_comes(server: ImapServer) -> None:
    """The server tells, and the mail is found."""
    box = mailbox(server)
    await box.open()
    async with asyncio.timeout(SECONDS_MAX):
        waiting = asyncio.create_task(box.wait(SECONDS_MAX))
        await server.idling()
        while not waiting.done():  # What comes in the moment of beginning is not told of.
            server.put(MAIL)
            await asyncio.wait({waiting}, timeout=0.05)
        assert await waiting is True
        assert await box.unseen() == [k.uid for k in server.folders["INBOX"]]
    await box.close()


async def test_a_server_that_cannot_tell_is_asked_again_later() -> None:
    """Without IDLE nothing is waited for here."""
    async with serving(ImapServer(capabilities=("IMAP4rev1",))) as server:
        box = mailbox(server)
        await box.open()
        assert await box.wait(SECONDS_MAX) is False
        await box.close()


async def test_a_connection_that_breaks_while_waiting_says_so(server: ImapServer) -> None:
    """Whoever waits is told, and connects again."""
    box = mailbox(server)
    await box.open()
    async with asyncio.timeout(SECONDS_MAX):
        waiting = asyncio.create_task(box.wait(SECONDS_MAX))
        await server.idling()
        server.drop()
        with pytest.raises(MailboxDown):
            await waiting
    await box.close()


async def test_who_waits_can_be_ended_at_once(server: ImapServer) -> None:
    """A process that stops does not wait for its mailboxes."""
    box = mailbox(server)
    await box.open()
    async with asyncio.timeout(SECONDS_MAX):
        waiting = asyncio.create_task(box.wait(600))
        await server.idling()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await box.close()


async def test_nobody_listens() -> None:
    """A server that is not there is a mailbox that is down."""
    box = mailbox(ImapServer(port=1))
    with pytest.raises(MailboxDown, match=r"127\.0\.0\.1"):
        await box.open()
    await box.close()
