"""What all pages share: templates, language, time zone, the signed-in caller, and safe headers."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from services.console.domain.names import Names
from services.console.domain.words import Language, Words, chosen
from services.console.handlers.commands import Commands
from services.console.handlers.coverage import CoverageViews
from services.console.handlers.feed import Feed
from services.console.handlers.relating import Relating
from services.console.handlers.views import Views
from services.console.handlers.waiting import Counts, Waiting
from services.console.pages.showing import FILTERS, Showing
from services.console.ports import Caller, Intake, Owners
from services.console.ports.handovers import Handovers
from services.console.ports.work import Work
from shared.auth import Action, Authenticator, can
from shared.calendar.zones import zone
from shared.clock import Clock
from shared.http import Problem
from shared.kernel import instant

HERE: Final = Path(__file__).parents[1]
STATIC: Final = HERE / "static"
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
LANGUAGE_COOKIE: Final = "lang"
ZONE_COOKIE: Final = "tz"
SIGN_IN_PATH: Final = "/sign-in"

SECURITY_HEADERS: Final[Mapping[str, str]] = {
    # Everything comes from here; no inline script or style, no plug-in, no frame, no base.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; font-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class SignInNeeded(Exception):
    """The page needs somebody who is signed in."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the settings say of pages."""

    tenant: str
    https: bool = False
    has_mailbox: bool = False

    @property
    def session_cookie(self) -> str:
        """Name of the session's cookie. The prefix binds it to this host, and to https."""
        return "__Host-heliodesk" if self.https else "heliodesk"


@dataclass(frozen=True, slots=True)
class Console:
    """What the pages are made with."""

    views: Views
    coverage: CoverageViews
    commands: Commands
    owners: Owners
    intake: Intake
    work: Work
    handovers: Handovers
    relating: Relating
    waiting: Waiting
    authenticator: Authenticator
    clock: Clock
    feed: Feed
    options: Options


class Frame:
    """Renders pages and knows who asks."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._environment = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters.update(FILTERS)
        self._environment.globals["static"] = _versions()

    def words(self, request: Request) -> Words:
        """Return the catalogue for a request."""
        cookie = request.cookies.get(LANGUAGE_COOKIE)
        return Words(chosen(cookie=cookie, accept=request.headers.get("accept-language")))

    def zone(self, request: Request) -> tzinfo | None:
        """Return the viewer's time zone, as the page's script has found it out."""
        name = request.cookies.get(ZONE_COOKIE, "").replace("%2F", "/")
        if not name or len(name) > 64:  # noqa: PLR2004 - no zone's name is longer
            return None
        try:
            return zone(name)
        except ValueError:
            return None

    def page(
        self,
        request: Request,
        template: str,
        caller: Caller | None,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        at: str | None = None,
        **content: Any,
    ) -> Response:
        """Render a whole page or a part of one; everything in it is escaped.

        ``at`` is where the page is found again, where the answer to a form is not at its address.
        """
        words = self.words(request)
        zone = self.zone(request)
        text = self._environment.get_template(template).render(
            **content,
            t=words,
            caller=caller,
            language=words.language,
            languages=tuple(Language),
            show=Showing(words=words, zone=zone or UTC, now=self.console.clock.now()),
            zone=zone,
            here=request.url.path,
            here_query=at or _here(request),
            options=self.console.options,
            icon=self._icon,
            works=caller is not None and can(caller.actor, Action.WORK, tenant=caller.tenant),
            waiting=self.console.waiting.last(caller.tenant) if caller else Counts(),
            agents=self._agents(caller),
        )
        return HTMLResponse(
            text, status_code=status, headers={**SECURITY_HEADERS, **NO_STORE, **(headers or {})}
        )

    def agent(self, caller: Caller, name: str) -> str:
        """Return an agent's name as the configuration has it."""
        return self._agents(caller).agent(name)

    def _agents(self, caller: Caller | None) -> Names:
        return self.console.views.names(caller.tenant) if caller else Names()

    def _icon(self, name: str) -> Markup:
        macro = self._environment.get_template("icons.html").module
        return Markup(macro.icon(name))  # type: ignore[attr-defined]  # noqa: S704 - our template

    def caller(self, request: Request, action: Action = Action.READ) -> Caller:
        """Return who is signed in.

        Raises:
            SignInNeeded: nobody is, or the session has ended or was revoked.
            Problem: 403, the account may not do this.
        """
        token = request.cookies.get(self.console.options.session_cookie, "")
        actor = self.console.authenticator.actor(token) if token else None
        expires = expiry_of(token)
        if actor is None or expires is None:
            raise SignInNeeded
        if not can(actor, action, tenant=actor.tenant):
            raise Problem(403, "forbidden", f"{actor.name} may not {action.value} here")
        return Caller(actor=actor, token=token, expires_at=expires)

    def set_session(self, response: Response, token: str, *, expires_at: datetime) -> None:
        """Give the browser the session: out of reach of scripts and of other sites."""
        seconds = int((expires_at - self.console.clock.now()).total_seconds())
        response.set_cookie(
            self.console.options.session_cookie,
            token,
            max_age=max(0, seconds),
            path="/",
            secure=self.console.options.https,
            httponly=True,
            samesite="strict",
        )

    def end_session(self, response: Response) -> None:
        """Take the session from the browser."""
        response.delete_cookie(
            self.console.options.session_cookie,
            path="/",
            secure=self.console.options.https,
            httponly=True,
            samesite="strict",
        )


NO_STORE: Final = {"Cache-Control": "no-store"}


def is_partial(request: Request) -> bool:
    """Whether htmx asks for a part of a page."""
    return request.headers.get("hx-request") == "true"


def is_cross_site(request: Request) -> bool:
    """Whether another site's page caused a request, by what browsers themselves say of it.

    ``Sec-Fetch-Site`` cannot be set by a page. Where a browser does not send it, ``Origin`` is
    compared with the host. A request without either comes from no browser.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in {"same-origin", "none"}
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != request.headers.get("host")


def local_path(wanted: str | None) -> str:
    """Return a path of this site to go to; anything else is the start page."""
    path = wanted or "/"
    plain = path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if plain and all(c > " " and c != "\\" for c in path) else "/"


def sign_in_path(request: Request) -> str:
    """Return where to sign in, and come back from."""
    here = request.headers.get("hx-current-url", "") if is_partial(request) else _here(request)
    parts = urlsplit(here)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    return f"{SIGN_IN_PATH}?next={quote(local_path(path), safe='')}"


def expiry_of(token: str) -> datetime | None:
    """Return when a signed token expires (RFC 7519, ``exp``); its signature is checked elsewhere."""
    parts = token.split(".")
    try:
        payload = parts[1] + "=" * (-len(parts[1]) % 4)
        claims = json.loads(base64.urlsafe_b64decode(payload))
        return instant(datetime.fromtimestamp(float(claims["exp"]), UTC))
    except (IndexError, KeyError, TypeError, ValueError, OverflowError, binascii.Error):
        return None


def _here(request: Request) -> str:
    query = request.url.query
    return request.url.path + (f"?{query}" if query else "")


def _versions() -> dict[str, str]:
    """Return each static file's address with a digest of its content, so that caches may keep it."""
    found = {}
    for path in sorted(STATIC.iterdir()):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        found[path.name] = f"/static/{path.name}?v={digest}"
    return found
