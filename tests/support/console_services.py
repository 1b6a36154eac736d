"""The services that the console asks, over HTTP: their answers by hand, what they got kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from deploy.local.ports import free_ports
from services.console.adapters import Addresses
from tests.support.console_handovers import FakeHandovers
from tests.support.console_intake import FakeIntake, problem
from tests.support.console_signer import Signer

__all__ = ["FakeServices", "problem", "served"]


@dataclass
class FakeServices:
    """Control, intake, routing, sla, knowledge and the mail sink, each under its own path."""

    signer: Signer
    password: str = "right"
    texts: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Ticket to what intake shows of it."""
    standings: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Ticket to what routing shows of it; ``revision`` guards commands."""
    received: list[dict[str, Any]] = field(default_factory=list)
    intake: FakeIntake = field(default_factory=FakeIntake)
    """What intake's agents decide on."""
    handovers: FakeHandovers = field(default_factory=FakeHandovers)
    """Routing's shift handovers."""

    def addresses(self, base: str) -> Addresses:
        """Return where the console finds them."""
        return Addresses(
            control=f"{base}/control",
            intake=f"{base}/intake",
            routing=f"{base}/routing",
            sla=f"{base}/sla",
            knowledge=f"{base}/knowledge",
            mailbox=f"{base}/mailbox",
        )

    def app(self) -> FastAPI:
        """Return the application."""
        app = FastAPI()
        self._people(app)
        self._tickets(app)
        self.intake.serve(app, "/intake/v1")
        self.handovers.serve(app, "/routing/v1")
        self._others(app)
        return app

    def _people(self, app: FastAPI) -> None:
        @app.post("/control/v1/sessions")
        async def sign_in(request: Request) -> Response:
            body = await request.json()
            if body["password"] != self.password:
                return problem(401, "sign-in-failed", "name or password is wrong")
            session = self.signer.token(body["name"])
            return JSONResponse(session.model_dump(mode="json"), 201)

        @app.put("/routing/v1/agents/{agent}/presence")
        async def presence(agent: str, request: Request) -> Response:
            self.received.append({"agent": agent, **await request.json()})
            return JSONResponse({})

    def _tickets(self, app: FastAPI) -> None:
        @app.get("/intake/v1/tickets/{ticket}")
        async def conversation(ticket: str) -> Response:
            found = self.texts.get(ticket)
            return JSONResponse(found) if found else problem(404, "not-found", "no such ticket")

        @app.post("/intake/internal/v1/messages")
        async def messages(request: Request) -> Response:
            wanted = set((await request.json())["ids"])
            found = [
                {**m, "ticket": ticket, "channel": "email"}
                for ticket, texts in self.texts.items()
                for m in texts["messages"]
                if m["id"] in wanted
            ]
            return JSONResponse({"messages": found})

        @app.post("/intake/v1/tickets/{ticket}/messages")
        async def say(ticket: str, request: Request) -> Response:
            self.received.append({"ticket": ticket, "verb": "say", **await request.json()})
            return JSONResponse({"message": "m-said"}, 202)

        @app.get("/routing/v1/tickets/{ticket}")
        async def standing(ticket: str) -> Response:
            return JSONResponse(self.standings[ticket])

        @app.post("/routing/v1/tickets/{ticket}/{verb}")
        async def command(ticket: str, verb: str, request: Request) -> Response:
            revision = int(request.headers["if-match"].strip('"'))
            self.received.append(
                {
                    "ticket": ticket,
                    "verb": verb,
                    "revision": revision,
                    "by": request.headers["authorization"][:7],
                    **await request.json(),
                }
            )
            if revision != self.standings[ticket]["revision"]:
                return problem(412, "stale", "the ticket has changed")
            return JSONResponse(self.standings[ticket], headers={"ETag": '"0"'})

    def _others(self, app: FastAPI) -> None:
        @app.get("/sla/v1/clocks/{ticket}/explain")
        async def explain(ticket: str, lang: str) -> Response:
            return PlainTextResponse(f"{lang}: the clocks of {ticket}")

        @app.get("/knowledge/v1/search")
        async def search(q: str) -> Response:
            hit = {"id": "a-1", "title": f"About {q}", "language": "en", "excerpt": "…"}
            return JSONResponse({"query": q, "results": [hit]})

        @app.get("/mailbox/messages")
        async def mails() -> Response:
            return JSONResponse([])


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """Serve an application on a free port of this machine; give its base URL."""
    (port,) = free_ports(1)
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, log_level="warning", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(30):
        while not server.started:  # noqa: ASYNC110 - uvicorn offers no event
            await asyncio.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await serving
