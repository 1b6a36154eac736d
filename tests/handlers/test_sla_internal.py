"""Sla's internal API: clocks of many tickets at once, as its client reads them."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI

from services.sla.api import internal_router
from shared.auth import Actor
from shared.contracts.control import IdentityKind, Role
from shared.http import equip
from shared.kernel import Infrastructure
from shared.sla_api import SlaApi
from tests.support.foresight import foresight_of
from tests.support.sla import Sla, Story, facts, utc


class Tokens:
    """An authenticator for which the token's text is the role."""

    def actor(self, bearer: str) -> Actor | None:
        """Return who presents a token."""
        return Actor(
            identity="id",
            name="routing",
            tenant="main",
            kind=IdentityKind.SERVICE,
            roles=frozenset({Role(bearer)}),
        )


async def asked(token: str) -> SlaApi:
    """Return a client of an sla that knows the clocks of two tickets."""
    sla = Sla()
    one, two = Story(), Story(ticket="ticket-2", facts=facts("HD-2"))
    await sla.feed(one.accepted(), one.queued(utc(2, 14)), two.accepted())
    app = FastAPI()
    equip(app)
    app.state.authenticator = Tokens()
    app.include_router(
        internal_router(
            store=sla.streams,
            handlers=sla.handlers,
            foresight=foresight_of(sla),
            clock=sla.clock,
        )
    )
    return SlaApi(url="http://sla", token=token, transport=httpx.ASGITransport(app=app))


async def test_the_clocks_of_many_tickets_are_read_at_once() -> None:
    """What is not known, or another tenant's, is left out; many ids go in several requests."""
    api = await asked("service")
    one = Story().ticket
    many = [f"nothing-{n}" for n in range(300)]
    found = await api.clocks("main", [one, "ticket-2", *many])
    assert found.keys() == {one, "ticket-2"}
    assert all(view.clocks for view in found.values())
    assert await api.clocks("other", [one]) == {}
    assert await api.clocks("main", []) == {}


async def test_an_agent_may_not_ask_for_what_services_read() -> None:
    """A refusal is infrastructure to the caller: the page goes without due times."""
    api = await asked("agent")
    with pytest.raises(Infrastructure, match="sla: /internal/v1/clocks"):
        await api.clocks("main", ["ticket-2"])
