"""A mail sink for trying things out: takes any mail by SMTP, shows it over HTTP, sends nothing.

`GET /messages?limit=50` lists the newest mails first, `GET /messages/{id}` gives one with its
text and source, `GET /livez` answers once both doors are open.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from deploy.local.mailbox import Mailbox
from deploy.local.ports import LOOPBACK, Ports
from deploy.local.process import ProcessSpec
from deploy.local.web import answers_ok

NAME = "mail"
_MESSAGE_BYTES_MAX = 10 * 1024 * 1024
_LIMIT_DEFAULT = 50
_LIMIT_MAX = 1000
_READY_SECONDS_MAX = 30.0
_SHUTDOWN_SECONDS = 5


def spec(*, state_dir: Path, ports: Ports) -> ProcessSpec:
    """Return what to start: this module as a process of its own."""
    health = f"http://{LOOPBACK}:{ports.mail_http}/livez"
    return ProcessSpec(
        name=NAME,
        kind="mail sink (aiosmtpd)",
        address=f"smtp://{LOOPBACK}:{ports.smtp} http://{LOOPBACK}:{ports.mail_http}",
        argv=(
            *(sys.executable, "-m", "deploy.local.mail", "--host", LOOPBACK),
            *("--smtp-port", str(ports.smtp), "--http-port", str(ports.mail_http)),
            *("--maildir", str(state_dir / "data" / NAME)),
        ),
        # The process must find this package whatever directory the launcher was called from.
        cwd=Path(__file__).parents[2],
        ports=(ports.smtp, ports.mail_http),
        ready=lambda: answers_ok(health),
        health_url=health,
        ready_seconds_max=_READY_SECONDS_MAX,
    )


class Sink:
    """The SMTP side: a mail is on the disk before the sender reads its 250."""

    def __init__(self, mailbox: Mailbox) -> None:
        """Keep mails in the mailbox."""
        self._mailbox = mailbox

    async def handle_DATA(  # noqa: N802 -- aiosmtpd calls its hooks by the SMTP command.
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Store one mail; a disk that fails is a temporary error, so that the sender retries."""
        del server, session
        content = envelope.original_content or b""
        id_ = self._mailbox.reserve_id()
        try:
            await asyncio.to_thread(
                self._mailbox.store,
                id_,
                content=content,
                sender=envelope.mail_from or "",
                recipients=envelope.rcpt_tos,
            )
        except OSError as error:
            return f"451 The mail could not be stored: {error.strerror}"
        return f"250 Stored as {id_}"


def create_app(mailbox: Mailbox, *, host: str, smtp_port: int) -> Starlette:
    """Return the HTTP side, which opens and closes the SMTP side with itself."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None]:
        sink = Sink(mailbox)
        server = await asyncio.get_running_loop().create_server(
            lambda: SMTP(
                sink,
                data_size_limit=_MESSAGE_BYTES_MAX,
                enable_SMTPUTF8=True,
                # Given, since aiosmtpd would otherwise ask DNS for the machine's name.
                hostname="localhost",
                ident="Heliodesk mail sink",
            ),
            host,
            smtp_port,
        )
        try:
            yield
        finally:
            server.close()

    async def list_messages(request: Request) -> Response:
        text = request.query_params.get("limit", str(_LIMIT_DEFAULT))
        if not text.isdecimal() or not 1 <= int(text) <= _LIMIT_MAX:
            detail = f"limit must be a number from 1 to {_LIMIT_MAX}"
            return JSONResponse({"title": "Bad limit", "status": 400, "detail": detail}, 400)
        found = await asyncio.to_thread(mailbox.latest, int(text))
        return JSONResponse([entry.model_dump(mode="json", by_alias=True) for entry in found])

    async def read_message(request: Request) -> Response:
        found = await asyncio.to_thread(mailbox.read, request.path_params["id"])
        if found is None:
            return JSONResponse({"title": "No such message", "status": 404}, 404)
        return JSONResponse(found.model_dump(mode="json", by_alias=True))

    async def live(_request: Request) -> Response:
        return PlainTextResponse("ok")

    routes = [
        Route("/messages", list_messages),
        Route("/messages/{id}", read_message),
        Route("/livez", live),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


def main(arguments: list[str] | None = None) -> None:
    """Run the sink until it gets SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.mail", description=__doc__)
    parser.add_argument("--host", default=LOOPBACK)
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--http-port", type=int, required=True)
    parser.add_argument("--maildir", type=Path, required=True)
    options = parser.parse_args(arguments)
    app = create_app(Mailbox(options.maildir), host=options.host, smtp_port=options.smtp_port)
    uvicorn.run(
        app,
        host=options.host,
        port=options.http_port,
        log_level="warning",
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )


if __name__ == "__main__":
    main()
