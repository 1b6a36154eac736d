"""Fetching from hosts that are named, and from no other machine."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from services.intake.adapters.fetcher import HttpFetcher, is_public, resolve_public
from services.intake.ports import Fetched, NotFetchable
from shared.kernel import Infrastructure
from tests.support.certificates import self_signed

HOST = "files.vendor.example"
HOSTS = (HOST, ".cdn.example")


@dataclass
class Vendor:
    """A host over TLS that answers each path with bytes, and keeps what it was asked."""

    answers: dict[str, bytes] = field(default_factory=dict)
    asked: list[bytes] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)
    port: int = 0
    context: ssl.SSLContext | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.asked.append(head)
            writer.write(self.answers[head.split(b" ")[1].decode()])
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def resolve(self, host: str) -> tuple[str, int]:
        """Lead every host here."""
        self.resolved.append(host)
        return "127.0.0.1", self.port

    async def get(self, url: str, **fields: Any) -> Fetched:
        """Get something from here."""
        fetcher = HttpFetcher(resolve=self.resolve, context=self.context)
        call = {
            "method": "GET",
            "headers": {"Authorization": "Bearer s3cret"},
            "body": b"",
            **fields,
        }
        return await fetcher.get(url, hosts=HOSTS, bytes_max=1_000, **call)


@pytest.fixture
async def vendor(tmp_path: Path) -> AsyncGenerator[Vendor]:
    """Give a running vendor whose certificate is trusted."""
    chain, key = self_signed(tmp_path, host=HOST)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    found = Vendor(context=ssl.create_default_context(cafile=str(chain)))
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0, ssl=context)
    found.port = server.sockets[0].getsockname()[1]
    yield found
    server.close()
    await server.wait_closed()


def answer(status: str, body: bytes = b"", *headers: str) -> bytes:
    """Return an answer of HTTP."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def test_a_file_is_fetched_with_its_type(vendor: Vendor) -> None:
    """From the host that is named, with the headers that it needs, over its own certificate."""
    vendor.answers["/a?x=1"] = answer("200 OK", b"bytes", "Content-Type: Image/PNG; x=y")
    assert await vendor.get(f"https://{HOST}/a?x=1") == Fetched(b"bytes", "image/png")
    (head,) = vendor.asked
    assert b"Authorization: Bearer s3cret" in head
    assert b"Host: files.vendor.example\r\n" in head


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://files.vendor.example/a",
            "https://evil.example/a",
            "https://files.vendor.example:8443/a",
        ),
        *("https://user@files.vendor.example/a", "https://files.vendor.example.evil.example/a"),
        *(
            "https://cdn.example/a",
            "file:///etc/passwd",
            "https://127.0.0.1/a",
            "https://[::1]/a",
            "x",
        ),
    ],
)
async def test_no_other_host_is_asked(vendor: Vendor, url: str) -> None:
    """Neither another name nor another port nor another scheme."""
    with pytest.raises(NotFetchable, match="a host that files are not fetched from"):
        await vendor.get(url)
    assert vendor.asked == []


async def test_a_redirect_is_followed_within_the_hosts_only(vendor: Vendor) -> None:
    """To another host of the list without the headers, which may hold secrets."""
    vendor.answers["/a"] = answer("302 Found", b"", "Location: /b")
    vendor.answers["/b"] = answer("200 OK", b"there")
    assert (await vendor.get(f"https://{HOST}/a")).content == b"there"
    assert all(b"s3cret" in head for head in vendor.asked)
    vendor.answers["/c"] = answer("302 Found", b"", "Location: https://evil.example/x")
    with pytest.raises(NotFetchable, match="a host"):
        await vendor.get(f"https://{HOST}/c")
    vendor.answers["/d"] = answer("302 Found", b"", "Location: https://eu.cdn.example/x")
    with pytest.raises(Infrastructure):  # Its certificate is not that of the other host.
        await vendor.get(f"https://{HOST}/d")
    assert vendor.resolved[-1] == "eu.cdn.example"
    vendor.answers["/e"] = answer("302 Found", b"", "Location: /e")
    with pytest.raises(NotFetchable, match="too many redirects"):
        await vendor.get(f"https://{HOST}/e")


async def test_a_file_that_is_too_large_is_left(vendor: Vendor) -> None:
    """However its size is told, no more is read than may be kept."""
    vendor.answers["/a"] = answer("200 OK", b"x" * 1_001)
    vendor.answers["/b"] = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 50_000
    vendor.answers["/c"] = answer("200 OK", b"x" * 1_000)
    for path in ("/a", "/b"):
        with pytest.raises(NotFetchable, match="more than 1000 bytes"):
            await vendor.get(f"https://{HOST}{path}")
    assert len((await vendor.get(f"https://{HOST}/c")).content) == 1_000


@pytest.mark.parametrize("status", ["500 Oops", "503 Busy", "429 Slow down", "408 Late"])
async def test_what_may_work_later_is_tried_later(vendor: Vendor, status: str) -> None:
    """The vendor is busy or broken."""
    vendor.answers["/a"] = answer(status)
    with pytest.raises(Infrastructure, match=status[:3]):
        await vendor.get(f"https://{HOST}/a")


@pytest.mark.parametrize("status", ["404 Gone", "403 No", "401 Who", "400 What"])
async def test_what_is_refused_is_given_up(vendor: Vendor, status: str) -> None:
    """Asking again would change nothing."""
    vendor.answers["/a"] = answer(status)
    with pytest.raises(NotFetchable, match=status[:3]):
        await vendor.get(f"https://{HOST}/a")


async def test_a_broken_answer_is_infrastructure(vendor: Vendor) -> None:
    """So is a host that is not there, and one with another certificate; no secret is told."""
    vendor.answers["/a"] = b"nonsense\r\n\r\n"
    vendor.answers["/b"] = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort"
    for path in ("/a", "/b"):
        with pytest.raises(Infrastructure, match=HOST) as raised:
            await vendor.get(f"https://{HOST}{path}")
        assert "s3cret" not in str(raised.value)
    stranger = HttpFetcher(resolve=vendor.resolve)
    with pytest.raises(Infrastructure):
        await stranger.get(
            f"https://{HOST}/a", method="GET", headers={}, body=b"", hosts=HOSTS, bytes_max=9
        )


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700:4700::1111", True),
        *((a, False) for a in ("127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "100.64.0.1")),
        *((a, False) for a in ("169.254.169.254", "0.1.2.3", "224.0.0.1", "255.255.255.255")),
        *(
            (a, False)
            for a in ("::1", "fe80::1%eth0", "fd00::1", "::ffff:127.0.0.1", "ff02::1", "")
        ),
    ],
)
def test_only_public_addresses_are_connected_to(address: str, *, public: bool) -> None:
    """Neither our own network nor the cloud's own services."""
    assert is_public(address) is public


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "169.254.169.254", "::1", "0"])
async def test_a_name_that_leads_into_our_network_is_refused(host: str) -> None:
    """Whatever it is called."""
    with pytest.raises(NotFetchable, match="public network"):
        await resolve_public(host)
