"""Documents of other hosts, over HTTPS."""

from __future__ import annotations

import httpx

from shared.kernel import Infrastructure

BYTES_MAX = 512 * 1024
SECONDS_MAX = 10.0


class Web:
    """`PublicDocuments` over HTTPS. Who asks has chosen the host: nothing leads elsewhere."""

    def __init__(self, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """Make no connection yet; ``transport`` is another one than the network, for tests."""
        self._client = httpx.AsyncClient(
            transport=transport, timeout=SECONDS_MAX, follow_redirects=False
        )

    async def get(self, url: str) -> bytes:
        """Return what is at an address."""
        host = httpx.URL(url).host
        content = b""
        try:
            async with self._client.stream("GET", url) as answer:
                answer.raise_for_status()
                async for part in answer.aiter_bytes():
                    content += part
                    if len(content) > BYTES_MAX:
                        message = f"{host}: what is at the address is too long"
                        raise Infrastructure(message)
        except httpx.HTTPError as error:
            message = f"{host}: {type(error).__name__}"
            raise Infrastructure(message) from error
        return content
