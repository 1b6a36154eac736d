"""Shift handovers, over HTTP, under the caller's own token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import httpx
from pydantic import TypeAdapter

from services.console.adapters.notes import write_note
from services.console.adapters.sending import Addresses, name, read, send
from services.console.ports import Caller
from services.console.ports.handovers import (
    EARLIER_SHOWN_MAX,
    OPEN_SHOWN_MAX,
    Item,
    Listed,
    Quote,
    Reading,
    Report,
    Whole,
)

SERVICE = "routing"

M = TypeVar("M")


class HttpHandovers:
    """`Handovers` over one HTTP client."""

    def __init__(self, addresses: Addresses, client: httpx.AsyncClient) -> None:
        self._at = addresses
        self._client = client

    async def listed(
        self, caller: Caller, *, desk: str | None, open_only: bool, after: str | None
    ) -> Listed:
        """List handovers, the latest end first."""
        params = {"open": "true" if open_only else "false"}
        params["limit"] = str(OPEN_SHOWN_MAX if open_only else EARLIER_SHOWN_MAX)
        params |= {n: v for n, v in (("desk", desk), ("after", after)) if v}
        return await self._get(caller, "", Listed, **params)

    async def whole(self, caller: Caller, handover: str, reading: Reading) -> Whole:
        """Read one with its briefs."""
        return await self._get(caller, f"/{name(handover)}", Whole, **_read_as(reading))

    async def report(self, caller: Caller, handover: str, reading: Reading) -> Report:
        """Read the report of its shift."""
        return await self._get(caller, f"/{name(handover)}/report", Report, **_read_as(reading))

    async def quotes(self, caller: Caller, handover: str, ticket: str) -> Sequence[Quote]:
        """Read the last messages of one of its tickets."""
        found = await self._get(caller, _item(handover, ticket), Item)
        return found.quotes

    async def keep(self, caller: Caller, handover: str, ticket: str, *, reason: str) -> None:
        """Keep a ticket that one holds."""
        await self._post(caller, f"{_item(handover, ticket)}/keep", {"reason": reason})

    async def accept(self, caller: Caller, handover: str, ticket: str, *, take: bool) -> None:
        """Take over a ticket that is offered."""
        await self._post(caller, f"{_item(handover, ticket)}/accept", {"take": take})

    async def decline(
        self, caller: Caller, handover: str, ticket: str, *, reason: str, note: str, key: str
    ) -> None:
        """Refuse a ticket that is offered."""
        body = {"reason": reason, **await self._noted(caller, ticket, note, key)}
        await self._post(caller, f"{_item(handover, ticket)}/decline", body)

    async def brief(
        self, caller: Caller, handover: str, ticket: str, *, step: str, note: str, key: str
    ) -> None:
        """Say what is to be done next."""
        body = {"next": step} if step else {}
        body |= await self._noted(caller, ticket, note, key)
        await self._post(caller, f"{_item(handover, ticket)}/brief", body)

    async def matter(
        self, caller: Caller, handover: str, matter: str, *, state: str, text: str, revision: int
    ) -> None:
        """Say how a matter stands."""
        path = f"/{name(handover)}/matters/{name(matter)}"
        await self._post(caller, path, {"state": state, "text": text}, revision=revision)

    async def sign(self, caller: Caller, handover: str, *, side: str, revision: int) -> None:
        """Sign for a side."""
        await self._post(caller, f"/{name(handover)}/sign", {"side": side}, revision=revision)

    async def _noted(self, caller: Caller, ticket: str, text: str, key: str) -> dict[str, str]:
        if not text:
            return {}
        note = await write_note(self._client, self._at, caller, ticket, text=text, key=key)
        return {"note": note}

    async def _get(self, caller: Caller, path: str, shape: type[M], **params: str) -> M:
        url = f"{self._at.routing}/v1/handovers{path}"
        answer = await send(self._client, SERVICE, "GET", url, token=caller.token, params=params)
        return read(SERVICE, TypeAdapter(shape), answer)

    async def _post(
        self, caller: Caller, path: str, body: dict[str, Any], *, revision: int | None = None
    ) -> None:
        url = f"{self._at.routing}/v1/handovers{path}"
        seen = {} if revision is None else {"If-Match": f'"{revision}"'}
        await send(self._client, SERVICE, "POST", url, token=caller.token, json=body, headers=seen)


def _item(handover: str, ticket: str) -> str:
    return f"/{name(handover)}/items/{name(ticket)}"


def _read_as(reading: Reading) -> dict[str, str]:
    return {"lang": reading.language, "zone": reading.zone}
