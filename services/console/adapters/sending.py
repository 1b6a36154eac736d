"""Asking another service over HTTP: its answer, its refusal, or that it does not answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from services.console.ports import Saved
from shared.kernel import CommandRejected, Infrastructure

ANSWER_BYTES_MAX = 8 * 1024 * 1024
FILE_BYTES_MAX = 100_000_000
"""What an integration's limits may allow at most."""
FILE_HEADERS = ("content-type", "content-disposition")
HARMLESS = {
    "content-type": "application/octet-stream",
    "content-disposition": "attachment",
    "x-content-type-options": "nosniff",
    "content-security-policy": "sandbox; default-src 'none'",
    "cache-control": "private, no-store",
}
"""A file came from outside: the console's origin saves it and never shows it."""

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Addresses:
    """Base URLs. An empty mailbox means that there is none."""

    control: str
    intake: str
    routing: str
    sla: str
    knowledge: str
    mailbox: str = ""


class _Fault(BaseModel):
    """One field of a command that is at fault."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    field: str = ""
    reason: str = ""


class _Problem(BaseModel):
    """Problem details (RFC 9457), as far as they are read here."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: str = ""
    detail: str = ""
    errors: tuple[_Fault, ...] = ()

    @property
    def code(self) -> str:
        return self.type.rpartition(":")[2]


async def send(
    client: httpx.AsyncClient,
    service: str,
    method: str,
    url: str,
    *,
    token: str = "",
    headers: Mapping[str, str] | None = None,
    json: Any = None,
    params: Mapping[str, str] | None = None,
    bytes_max: int = ANSWER_BYTES_MAX,
) -> httpx.Response:
    """Return a 2xx answer.

    Raises:
        CommandRejected: any other answer below 500, with the service's own words, and the first
            field that it names.
        Infrastructure: no answer, or 5xx.
    """
    sent = dict(headers or {})
    if token:
        sent["Authorization"] = f"Bearer {token}"
    try:
        answer = await client.request(method, url, headers=sent, json=json, params=params)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        message = f"{service}: {type(error).__name__}"
        raise Infrastructure(message) from error
    if answer.is_success and len(answer.content) <= bytes_max:
        return answer
    if answer.is_success or answer.is_server_error:
        message = f"{service}: status {answer.status_code}"
        raise Infrastructure(message)
    try:
        problem = _Problem.model_validate_json(answer.content)
    except ValidationError:
        problem = _Problem()
    fault = problem.errors[0] if problem.errors else _Fault()
    raise CommandRejected(
        problem.code or "refused",
        (fault.reason if fault.field else "") or problem.detail or answer.reason_phrase,
        field=fault.field or None,
        status=answer.status_code,
    )


def saved(answer: httpx.Response) -> Saved:
    """Return a file to be saved; only headers that keep it harmless go on."""
    kept = {name: answer.headers[name] for name in FILE_HEADERS if name in answer.headers}
    return Saved(content=answer.content, headers={**HARMLESS, **kept})


def name(part: str) -> str:
    """Return a path segment that cannot reach beyond itself.

    Raises:
        CommandRejected: it would.
    """
    if part in {"", ".", ".."}:
        raise CommandRejected("not-found", "there is nothing of that name", status=404)
    return quote(part, safe="")


def read(service: str, shape: TypeAdapter[M], answer: httpx.Response) -> M:
    """Return an answer as its model.

    Raises:
        Infrastructure: it does not fit.
    """
    try:
        return shape.validate_json(answer.content)
    except ValidationError as error:
        message = f"{service}: the answer does not fit: {error.errors()[0]['msg']}"
        raise Infrastructure(message) from error
