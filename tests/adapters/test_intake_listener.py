"""The SMTP listener over real sockets: what it answers, and what it does not take for a mail."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.intake.api.listener import Listener, tls_context
from shared.log import silent
from tests.support.certificates import self_signed
from tests.support.intake import Intake
from tests.support.intake_input import mail
from tests.support.mails import mailing_of

SECONDS_MAX = 20.0
MAIL_BYTES_MAX = 100_000
OURS = "help@helio.example"


class Talk:
    """A conversation with the listener, line by line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def answer(self) -> str:
        """Return the next answer, all lines of it."""
        lines = []
        async with asyncio.timeout(SECONDS_MAX):
            while True:
                line = (await self.reader.readline()).decode()
                lines.append(line.rstrip())
                if line[3:4] != "-":
                    return "\n".join(lines)

    async def say(self, line: bytes | str) -> str:
        """Say a line; return the answer."""
        self.writer.write((line.encode() if isinstance(line, str) else line) + b"\r\n")
        return await self.answer()

    async def begin(self, *recipients: str) -> list[str]:
        """Begin a mail; return the answers to its recipients."""
        await self.say("EHLO client")
        await self.say("MAIL FROM:<ana@example.org>")
        return [await self.say(f"RCPT TO:<{r}>") for r in recipients or (OURS,)]

    async def data(self, body: bytes) -> str:
        """Send a mail's bytes as they are, and the end; return the answer."""
        assert (await self.say("DATA"))[:3] == "354"
        return await self.say(body + b"\r\n.")


@asynccontextmanager
async def talking(intake: Intake, tls: ssl.SSLContext | None = None) -> AsyncGenerator[Talk]:
    """Listen on a free port, and connect."""
    listener = Listener(
        mailing=mailing_of(intake),
        closed=lambda: "",
        clock=intake.clock,
        log=silent(),
        host="127.0.0.1",
        port=0,
        name="desk.example",
        mail_bytes_max=MAIL_BYTES_MAX,
        tls=tls,
    )
    loop = asyncio.get_running_loop()
    server = await loop.create_server(listener._connection, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    talk = Talk(reader, writer)
    assert (await talk.answer())[:3] == "220"
    try:
        yield talk
    finally:
        talk.writer.close()
        server.close()


async def test_a_mail_is_taken() -> None:
    """Size and codes are announced; 250 means that it is durable."""
    intake = Intake()
    async with talking(intake) as talk:
        greeting = await talk.say("EHLO client")
        assert f"SIZE {MAIL_BYTES_MAX}" in greeting
        assert "SMTPUTF8" in greeting
        assert "STARTTLS" not in greeting
        assert (await talk.begin("Help+t0k@helio.example"))[0][:3] == "250"
        assert await talk.data(mail(message_id="<m@x>")) == "250 2.0.0 accepted"
    await intake.settle()
    assert len(intake.tickets()) == 1


async def test_commands_out_of_order_are_refused() -> None:
    """503, and the connection goes on."""
    async with talking(Intake()) as talk:
        await talk.say("EHLO client")
        assert (await talk.say(f"RCPT TO:<{OURS}>"))[:3] == "503"
        assert (await talk.say("DATA"))[:3] == "503"
        assert (await talk.begin("nobody@helio.example"))[0] == "550 5.1.1 no such address here"
        assert (await talk.say("DATA"))[:3] == "503"
        assert (await talk.say("RSET"))[:3] == "250"
        assert (await talk.begin())[0][:3] == "250"


async def test_a_mail_that_is_too_large_is_refused_with_the_limit() -> None:
    """Announced or not: 552 5.3.4, and nothing is kept."""
    intake = Intake()
    async with talking(intake) as talk:
        await talk.say("EHLO client")
        announced = await talk.say(f"MAIL FROM:<a@b.c> SIZE={MAIL_BYTES_MAX + 1}")
        assert announced[:3] == "552"
        await talk.begin()
        body = mail(message_id="<m@x>", text="x" * 70 + ("\r\n" + "y" * 70) * 2_000)
        assert await talk.data(body) == f"552 5.3.4 at most {MAIL_BYTES_MAX} bytes are taken"
        assert (await talk.begin())[0][:3] == "250"
        assert (await talk.data(mail(message_id="<n@x>")))[:3] == "250"
    assert len(intake.store.all_receipts()) == 1


async def test_a_hundred_recipients_are_taken() -> None:
    """RFC 5321 asks for as many; the next one is to come with another mail."""
    intake = Intake()
    async with talking(intake) as talk:
        answers = await talk.begin(*(f"help+{n}@helio.example" for n in range(101)))
        assert {answer[:3] for answer in answers[:100]} == {"250"}
        assert answers[100] == "452 4.5.3 too many recipients"
        assert (await talk.data(mail(message_id="<m@x>")))[:3] == "250"
    await intake.settle()
    assert len(intake.tickets()) == 1


SMUGGLED = b"MAIL FROM:<boss@helio.example>\r\nRCPT TO:<help@helio.example>\r\nDATA\r\n"


@pytest.mark.parametrize(
    "end", [b"\n.\r\n", b"\n.\n", b"\r\n.\n", b"\r.\r\n", b"\r\n.\r", b"\n\n.\r\n"]
)
async def test_no_second_mail_is_smuggled_in_behind_one(end: bytes) -> None:
    """Only CRLF, dot, CRLF ends a mail: what follows another end is part of it."""
    intake = Intake()
    async with talking(intake) as talk:
        await talk.begin()
        inner = mail(message_id="<inner@x>", text="pay me")
        body = mail(message_id="<outer@x>", text="hello") + b"end" + end + SMUGGLED + inner
        assert (await talk.data(body))[:3] == "250"
        assert (await talk.say("NOOP"))[:3] == "250"
    await intake.settle()
    assert [r.key for r in intake.store.all_receipts()] == ["<outer@x>"]
    assert len(intake.tickets()) == 1


async def test_a_connection_is_secured(tmp_path: Path) -> None:
    """STARTTLS is offered where there is a certificate; what came before it does not count."""
    chain, key = self_signed(tmp_path)
    intake = Intake()
    context = ssl.create_default_context(cafile=str(chain))
    async with talking(intake, tls_context(certificate=str(chain), key=str(key))) as talk:
        assert "STARTTLS" in await talk.say("EHLO client")
        # A command that is sent along with it, before the connection is secured, is not obeyed.
        talk.writer.write(b"STARTTLS\r\nRSET\r\n")
        assert (await talk.answer())[:3] == "220"
        await talk.writer.start_tls(context, server_hostname="localhost")
        greeting = await talk.say("EHLO client")
        assert greeting[:3] == "250"
        assert "STARTTLS" not in greeting
        assert (await talk.begin())[0][:3] == "250"
        assert (await talk.data(mail(message_id="<m@x>")))[:3] == "250"
    assert len(intake.store.all_receipts()) == 1


def test_a_certificate_that_is_none_says_so(tmp_path: Path) -> None:
    """The service does not start without what it was told to secure its mail with."""
    chain, key = self_signed(tmp_path)
    with pytest.raises(OSError, match="No such file"):
        tls_context(certificate=str(tmp_path / "gone.pem"), key=str(key))
    key.write_text("nonsense")
    with pytest.raises(ssl.SSLError):
        tls_context(certificate=str(chain), key=str(key))
