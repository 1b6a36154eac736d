"""All doors over HTTP, each with an integration and a token, on the memory store."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import httpx
from fastapi import FastAPI

from services.intake.adapters.web import Web
from services.intake.api.submit import Answers, Entering, door_routes
from services.intake.doors import DOORS, Raw, Signature, Token
from services.intake.doors.examples import Example, examples
from services.intake.handlers.limiting import Limiter
from services.intake.handlers.public_keys import PublicKeys
from shared.auth import Authenticator, Identities, token_digest
from shared.contracts.control import IdentityChanged, IdentityKind, Role, TokenDigest
from shared.contracts.envelope import Body, numbered
from shared.http import equip
from shared.log import silent
from shared.organisation import Configuration, Integration
from shared.testing.clock import START
from tests.support.allowances import MemoryAllowances
from tests.support.intake import TENANT, Intake

BODY_BYTES_MAX = 200_000
EXAMPLES = tuple(examples())


def token_of(door: str) -> str:
    """Return the token of a door's integration."""
    return f"hd_{door}"


def with_all_doors(configuration: Configuration, *, like: Example | None = None) -> Configuration:
    """Return a configuration with one integration for each door, called as the door is.

    Its settings are those of an example of the door: of ``like``, where that is of this door.
    """
    first: dict[str, Example] = {} if like is None else {like.door.configured_as: like}
    for example in EXAMPLES:
        if "reads" in example.expected:
            first.setdefault(example.door.configured_as, example)
    integrations = []
    for name, example in first.items():
        door = DOORS[name]
        integrations.append(
            Integration(
                name=name,
                door=name,
                settings=_settings(example),
                secrets={s: f"env:{variable(name, s)}" for s in example.call.get("secrets", {})},
                addresses=(f"{name}@helio.example",) if door.name in {"smtp", "imap"} else (),
                priority_map={"critical": "P1", "warning": "P3"},
            )
        )
    section = configuration.integrations.model_copy(update={"integrations": tuple(integrations)})
    return replace(configuration, integrations=section)


def _settings(example: Example) -> dict[str, Any]:
    """Return an example's settings; what signs its own URL is told that URL."""
    settings = dict(example.call.get("settings", {}))
    if "public_url" in example.door.settings.model_fields and example.call.get("url"):
        settings.setdefault("public_url", example.call["url"])
    return settings


def variable(door: str, secret: str) -> str:
    """Return the variable in which a door's secret is."""
    return f"DOOR_{door}_{secret}".upper().replace("-", "_")


def secrets(*, like: Example | None = None) -> dict[str, str]:
    """Return the environment: every door's secrets, as its examples have them."""
    known = [e for e in EXAMPLES if "reads" in e.expected]
    return {
        variable(example.door.configured_as, name): value
        for example in (*known, *([like] if like else ()))
        for name, value in example.call.get("secrets", {}).items()
    }


def identities() -> Identities:
    """Return the identities: an integration for each door."""
    found = Identities()
    for number, door in enumerate(DOORS, 1):
        changed: Body = IdentityChanged(
            identity=f"i-{door}",
            kind=IdentityKind.INTEGRATION,
            name=DOORS[door].configured_as,
            roles=(Role.INTEGRATION,),
            tokens=(TokenDigest(digest=token_digest(token_of(door))),),
        )
        event = numbered(
            source="/control/identity",
            subject=f"i-{door}",
            sequence=number,
            time=START,
            tenant=TENANT,
            configversion=1,
            body=changed,
        )
        found.learn(event.encoded())
    return found


def vendor_keys(request: httpx.Request) -> httpx.Response:
    """Answer as the Bot Connector's login does, with the keys of the examples."""
    if request.url.path.endswith("openidconfiguration"):
        return httpx.Response(200, json={"jwks_uri": f"https://{request.url.host}/keys"})
    keys = {
        example.call["secrets"]["jwks"]
        for example in EXAMPLES
        if "reads" in example.expected and "jwks" in example.call.get("secrets", {})
    }
    parts = [part for text in sorted(keys) for part in json.loads(text)["keys"]]
    return httpx.Response(200, json={"keys": parts})


def all_doors(
    intake: Intake, *, came: Callable[[str, str], None] = lambda _door, _outcome: None
) -> httpx.AsyncClient:
    """Return a client of every door; ``came`` is told what became of each call."""
    app = FastAPI()
    equip(app, body_bytes_max=BODY_BYTES_MAX)
    app.state.authenticator = Authenticator(identities(), intake.clock)
    entering = Entering(
        accepting=intake.accepting,
        configurations=intake.configurations,
        answers=Answers(link="/t/{ticket}", wait_seconds_max=1),
        closed=lambda: "",
        clock=intake.clock,
        public_keys=PublicKeys(
            documents=Web(transport=httpx.MockTransport(vendor_keys)), clock=intake.clock
        ),
        monitors=intake.monitors,
        limiter=Limiter(MemoryAllowances(), clock=intake.clock),
        log=silent(),
        came=came,
    )
    app.router.routes.extend(door_routes(entering))
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    return httpx.AsyncClient(transport=transport, base_url="http://intake")


def good_examples() -> Iterator[Example]:
    """Yield the examples that are read, of doors that have routes; dry runs are not signed."""
    for example in EXAMPLES:
        dry = isinstance(example.door.credentials, Signature) and example.now is None
        if "reads" in example.expected and example.door.entrances and example.raw.route and not dry:
            yield example


def refused_examples() -> Iterator[Example]:
    """Yield the examples that are refused for what they say, of doors that have routes."""
    for example in EXAMPLES:
        if "refused" in example.expected and example.door.entrances and example.raw.route:
            yield example


def call_of(example: Example, *, body: bytes | None = None) -> dict[str, Any]:
    """Return an example as a call over HTTP; where a token is wanted, its door's."""
    raw, door = example.raw, example.door
    parameters = {**raw.path, "tenant": TENANT, "integration": door.configured_as}
    headers, query = dict(raw.headers), dict(raw.query)
    if isinstance(door.credentials, Token):
        _present(token_of(door.name), door.credentials, headers, query)
    return {
        "method": raw.method,
        "url": raw.route.replace(":path}", "}").format(**parameters),
        "content": raw.body if body is None else body,
        "params": query,
        "headers": headers,
    }


def _present(
    token: str, credentials: Token, headers: dict[str, str], query: dict[str, str]
) -> None:
    """Put a token where the door looks for it."""
    places = (
        (headers, "authorization", f"Bearer {token}"),
        (headers, "authorization", f"GenieKey {token}"),
        (headers, "x-routing-key", token),
        (query, "token", token),
    )
    for place, name, value in places:
        before = place.get(name)
        place[name] = value
        if credentials.find(Raw(body=b"{}", headers=headers, query=query)) == token:
            return
        if before is None:
            del place[name]
        else:
            place[name] = before


def names(found: Sequence[Example]) -> list[str]:
    """Return how tests call examples."""
    return [f"{example.door.name}-{example.case}" for example in found]
