"""The SMTP channel against a real server."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.notify.adapters.smtp import SmtpChannel, SmtpServer
from services.notify.ports import ChannelDown, Later, Refused, Taken, Tls
from shared.clock import SystemClock

MAIL = b"Subject: hello\r\n\r\nline\r\n.\r\n.dot\r\nend\r\n"


class Sink:
    """A mail server that keeps what it takes. Recipients say what it answers."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, list[str], bytes]] = []
        self.connections = 0
        self.drops = False

    async def handle_EHLO(  # noqa: N802 - aiosmtpd calls its hooks by the SMTP command
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, lines: list[str]
    ) -> list[str]:
        """Count connections."""
        self.connections += 1
        session.host_name = hostname
        return lines

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Answer as the recipient says."""
        if address.startswith("unknown"):
            return f"550 5.1.1 {address} is not here"
        if address.startswith("full"):
            return "452 4.2.2 mailbox full"
        if address.startswith("closing"):
            return "421 4.3.2 shutting down"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Keep the mail, then answer or drop the connection."""
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append((envelope.mail_from or "", envelope.rcpt_tos, content))
        if self.drops:
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
        return "554 5.7.1 spam" if b"spam" in content else "250 OK"


@asynccontextmanager
async def serving(make: Callable[[], SMTP]) -> AsyncGenerator[int]:
    """Serve on a free port of this machine."""
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.fixture
async def sink() -> Sink:
    """Give an empty sink."""
    return Sink()


@pytest.fixture
async def port(sink: Sink) -> AsyncGenerator[int]:
    """Give the port of a running server."""
    async with serving(lambda: SMTP(sink, hostname="sink.example")) as number:
        yield number


def channel(port: int, *, tls: Tls = Tls.NONE, ca_file: str | None = None) -> SmtpChannel:
    """Return a channel to a port of this machine."""
    return SmtpChannel(
        SmtpServer(
            host="127.0.0.1",
            port=port,
            tls=tls,
            own_name="desk.example",
            ca_file=ca_file,
            seconds_max=5.0,
        )
    )


async def test_mails_arrive_as_they_are(sink: Sink, port: int) -> None:
    """Several mails go over one connection, each byte as it was, dots included."""
    async with channel(port).session() as session:
        for name in ("a", "b"):
            answer = await session.send(
                sender="help@desk.example", recipient=f"{name}@example.com", content=MAIL
            )
            assert answer == Taken()
    assert sink.mails == [
        ("help@desk.example", ["a@example.com"], MAIL),
        ("help@desk.example", ["b@example.com"], MAIL),
    ]
    assert sink.connections == 1


@pytest.mark.parametrize(
    ("recipient", "content", "expected"),
    [
        ("unknown@example.com", MAIL, Refused("smtp 550 5.1.1")),
        ("full@example.com", MAIL, Later("smtp 452 4.2.2")),
        ("a@example.com", b"Subject: spam\r\n\r\nspam\r\n", Refused("smtp 554 5.7.1")),
    ],
)
async def test_verdicts(
    port: int, recipient: str, content: bytes, expected: Refused | Later
) -> None:
    """A 5xx is for ever, a 4xx for now; the reason has codes and no address; the next mail goes."""
    async with channel(port).session() as session:
        answer = await session.send(sender="h@desk.example", recipient=recipient, content=content)
        assert answer == expected
        following = await session.send(
            sender="h@desk.example", recipient="b@example.com", content=MAIL
        )
        assert following == Taken()


async def test_server_closes(port: int) -> None:
    """A 421 is no verdict on the mail: the channel is down."""
    async with channel(port).session() as session:
        with pytest.raises(ChannelDown, match="closes"):
            await session.send(
                sender="h@desk.example", recipient="closing@example.com", content=MAIL
            )


async def test_connection_lost(sink: Sink, port: int) -> None:
    """A connection that breaks before the answer leaves it open whether the mail was taken."""
    sink.drops = True
    async with channel(port).session() as session:
        with pytest.raises(ChannelDown, match="lost"):
            await session.send(sender="h@desk.example", recipient="a@example.com", content=MAIL)


async def test_nobody_there(port: int) -> None:
    """Where nobody listens the channel is down."""
    async with serving(lambda: SMTP(Sink(), hostname="sink.example")) as free:
        pass
    with pytest.raises(ChannelDown, match="cannot be used"):
        async with channel(free).session():
            pass


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Return a certificate for this machine that nobody else trusts, and a server's context."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = SystemClock().now()
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain = folder / "server.pem"
    chain.write_bytes(
        built.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return chain, context


async def test_starttls(tmp_path: Path, sink: Sink) -> None:
    """With STARTTLS the password is asked for under TLS only, and strangers' certificates fail."""
    chain, context = certificate(tmp_path)

    def authenticate(
        _server: SMTP, session: Session, _envelope: Envelope, _mechanism: str, data: LoginPassword
    ) -> AuthResult:
        return AuthResult(success=data == LoginPassword(b"desk", b"s3cret"), handled=False)

    def make() -> SMTP:
        return SMTP(
            sink,
            hostname="sink.example",
            tls_context=context,
            require_starttls=True,
            authenticator=authenticate,
            auth_required=True,
        )

    async with serving(make) as number:
        with pytest.raises(ChannelDown):
            async with channel(number, tls=Tls.STARTTLS).session():
                pass
        server = SmtpServer(
            host="127.0.0.1",
            port=number,
            tls=Tls.STARTTLS,
            own_name="desk.example",
            ca_file=str(chain),
            username="desk",
            password="s3cret",
            seconds_max=5.0,
        )
        async with SmtpChannel(server).session() as session:
            answer = await session.send(
                sender="h@desk.example", recipient="a@example.com", content=MAIL
            )
    assert answer == Taken()
    assert len(sink.mails) == 1
