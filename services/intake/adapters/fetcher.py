"""Fetching what lies with others, from the hosts that are named and from no other machine.

An address that somebody wrote must not lead into our own network. So the host has to be one of a
list, every address of it has to be public, and the connection goes to the very address that was
looked at: asked again, the name might lead elsewhere.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from ipaddress import ip_address
from typing import Final
from urllib.parse import urljoin, urlsplit

import httpx

from services.intake.domain.fetches import is_host_of
from services.intake.ports import Fetched, NotFetchable
from shared.kernel import Infrastructure

SECONDS_MAX = 60.0
"""For one call, however slowly it comes."""
CONNECT_SECONDS_MAX = 10.0
REDIRECTS_MAX = 3
HTTPS: Final = 443
_ELSEWHERE = "it leads to a host that files are not fetched from"
TRY_AGAIN = frozenset({408, 423, 425, 429})

Resolve = Callable[[str], Awaitable[tuple[str, int]]]


def is_public(address: str) -> bool:
    """Return whether an IP address is one of the public network, and of one machine."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None) or found
    return bool(mapped.is_global and not mapped.is_multicast)


async def resolve_public(host: str) -> tuple[str, int]:
    """Return an address of a host, and the port of HTTPS.

    Raises:
        NotFetchable: one of its addresses is not public.
        Infrastructure: it cannot be looked up now.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, HTTPS, proto=6)
    except OSError as error:
        raise Infrastructure(f"fetch: {host} cannot be looked up") from error
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses or not all(map(is_public, addresses)):
        raise NotFetchable(f"{host} is not a machine of the public network")
    return addresses[0], HTTPS


class HttpFetcher:
    """`Fetcher` over HTTPS.

    Args:
        resolve: where to connect to for a host.
        context: which certificates are trusted; None: those of the machine.
    """

    def __init__(
        self, *, resolve: Resolve = resolve_public, context: ssl.SSLContext | None = None
    ) -> None:
        self._resolve = resolve
        self._context = context or ssl.create_default_context()

    async def get(
        self,
        url: str,
        *,
        method: str,
        headers: Mapping[str, str],
        body: bytes,
        hosts: Sequence[str],
        bytes_max: int,
    ) -> Fetched:
        """Make one call to one of the hosts, and to no other machine.

        A redirect is followed to one of the hosts; to another one than asked, the headers, which
        may hold secrets, do not go along.
        """
        limits = httpx.Timeout(SECONDS_MAX, connect=CONNECT_SECONDS_MAX)
        kept, sent = dict(headers), body
        try:
            async with (
                asyncio.timeout(SECONDS_MAX),
                httpx.AsyncClient(
                    verify=self._context, timeout=limits, trust_env=False, follow_redirects=False
                ) as client,
            ):
                for _ in range(REDIRECTS_MAX + 1):
                    if not is_host_of(url, hosts):
                        raise NotFetchable(_ELSEWHERE)
                    request = await self._request(client, method, url, kept, sent)
                    answer = await _answer(client, request, bytes_max)
                    if isinstance(answer, Fetched):
                        return answer
                    target = urljoin(url, answer)
                    if urlsplit(target).hostname != urlsplit(url).hostname:
                        kept = {}
                    url, method, sent = target, "GET", b""
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
            host = urlsplit(url).hostname
            raise Infrastructure(f"fetch: {host}: {type(error).__name__}") from error
        message = "too many redirects"
        raise NotFetchable(message)

    async def _request(
        self,
        client: httpx.AsyncClient,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
    ) -> httpx.Request:
        host = str(urlsplit(url).hostname)
        address, port = await self._resolve(host)
        there = httpx.URL(url).copy_with(host=address, port=port)
        return client.build_request(
            method,
            there,
            headers={**headers, "Host": host, "Accept-Encoding": "identity"},
            content=body or None,
            # The certificate has to be that of the host, whatever address is connected to.
            extensions={"sni_hostname": host},
        )


async def _answer(
    client: httpx.AsyncClient, request: httpx.Request, bytes_max: int
) -> Fetched | str:
    """Return what was answered, or where to go instead.

    Raises:
        NotFetchable: it is refused, or too large.
        Infrastructure: it may work later.
    """
    response = await client.send(request, stream=True)
    try:
        status = response.status_code
        if response.is_redirect:
            return response.headers["location"]
        if status in TRY_AGAIN or status >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise Infrastructure(f"fetch: answered {status}")
        if not response.is_success:
            raise NotFetchable(f"answered {status}")
        content = bytearray()
        async for piece in response.aiter_raw():
            content += piece
            if len(content) > bytes_max:
                raise NotFetchable(f"more than {bytes_max} bytes")
    finally:
        await response.aclose()
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Fetched(content=bytes(content), media_type=media_type)
