"""Callers of the HTTP routes: an agent, an administrator, an integration, a service, a stranger."""

from __future__ import annotations

from typing import Any

import httpx
from fastapi import APIRouter, FastAPI

from shared.auth import Authenticator, Identities, token_digest
from shared.clock import Clock
from shared.contracts.control import IdentityChanged, IdentityKind, Role, TokenDigest
from shared.contracts.envelope import Event, numbered
from shared.http import equip

PEOPLE = {
    "h-clarke": ("main", IdentityKind.AGENT, Role.AGENT),
    "boss": ("main", IdentityKind.AGENT, Role.ADMIN),
    "mail-demo": ("main", IdentityKind.INTEGRATION, Role.INTEGRATION),
    "console": ("main", IdentityKind.SERVICE, Role.SERVICE),
    "stranger": ("other", IdentityKind.AGENT, Role.AGENT),
}
"""Name, which is also the token behind ``hd_``, to tenant, kind and role."""


def identities(clock: Clock) -> Identities:
    """Return what control would have published of them."""
    known = Identities()
    for name, (tenant, kind, role) in PEOPLE.items():
        event: Event[Any] = numbered(
            source="/control/identity",
            subject=name,
            sequence=1,
            time=clock.now(),
            tenant=tenant,
            configversion=0,
            body=IdentityChanged(
                identity=name,
                kind=kind,
                name=name,
                roles=(role,),
                tokens=(TokenDigest(digest=token_digest(f"hd_{name}")),),
            ),
        )
        known.learn(event.encoded())
    return known


class Callers:
    """A service's routes in process, and who calls them."""

    def __init__(self, *routers: APIRouter, clock: Clock) -> None:
        app = FastAPI()
        equip(app)
        app.state.authenticator = Authenticator(identities(clock), clock)
        for router in routers:
            app.include_router(router)
        transport = httpx.ASGITransport(app=app)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://service")

    async def call(
        self,
        method: str,
        path: str,
        *,
        by: str | None = "h-clarke",
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Send a request with a caller's token, or without any."""
        sent = dict(headers or {})
        if by is not None:
            sent["Authorization"] = f"Bearer hd_{by}"
        return await self.client.request(method, path, json=body, headers=sent)
