"""HTTP to one service, for commands: an answer, or an error that says what to do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import httpx

from heliodesk.errors import CliError, Exit

REQUEST_SECONDS_MAX: Final = 15.0
_BAD_INPUT: Final = frozenset({400, 405, 406, 413, 415, 422})
_CONFLICT: Final = frozenset({409, 412, 428})
_PLACES: Final = ("file", "line", "path", "field", "reason")
_EXITS: Final[Mapping[str, Exit]] = {
    "promises-uncovered": Exit.FAILED,
    "chain-too-late": Exit.FAILED,
}
"""Problems whose status says too little: what was sent is right, and still nothing happened."""
_NOT_NOW: Final = frozenset({429, 502, 503, 504})


class Api:
    """One service over HTTP; everything but a 2xx answer is a `CliError`."""

    def __init__(
        self, service: str, url: str, *, token: str, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.service = service
        self.url = url
        self._client = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=REQUEST_SECONDS_MAX,
            transport=transport,
            # A proxy of the environment is no way to this machine's own services.
            trust_env=httpx.URL(url).host not in {"127.0.0.1", "localhost", "::1"},
        )

    def get(self, path: str, **params: str | int | None) -> Any:
        """Return the JSON answer of a GET; parameters that are None are left out."""
        return content_of(self.service, self.send("GET", path, params=_given(params)))

    def find(self, path: str, **params: str | int | None) -> Any:
        """Return the JSON answer of a GET, or None where there is nothing of that name."""
        response = self._request("GET", path, params=_given(params))
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        return content_of(self.service, _checked(self.service, response))

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """Send a JSON body and return the JSON answer."""
        return content_of(self.service, self.send(method, path, json=body, **options))

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Return a 2xx answer.

        Raises:
            CliError: the service does not answer, or answers with an error.
        """
        return _checked(self.service, self._request(method, path, **options))

    def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return self._client.request(method, path, **options)
        except httpx.TimeoutException as error:
            message = f"{self.service} did not answer within {REQUEST_SECONDS_MAX:g} s ({self.url})"
            raise CliError(message, code=Exit.UNREACHABLE) from error
        except httpx.HTTPError as error:
            message = (
                f"{self.service} does not answer at {self.url}. Is Heliodesk running? "
                "`heliodesk status` tells, `heliodesk up` starts it."
            )
            raise CliError(message, code=Exit.UNREACHABLE) from error


def _given(params: Mapping[str, str | int | None]) -> dict[str, str | int]:
    return {name: value for name, value in params.items() if value is not None}


def _checked(service: str, response: httpx.Response) -> httpx.Response:
    if response.is_success:
        return response
    raise error_of(service, response)


def content_of(service: str, response: httpx.Response) -> Any:
    """Return the JSON of an answer; None where it has no content.

    Raises:
        CliError: it is no JSON, so that something else answers there.
    """
    if not response.content:
        return None
    try:
        return response.json()
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        message = f"What answers at {response.url} is not Heliodesk's {service}: it sent no JSON."
        raise CliError(message, code=Exit.UNREACHABLE) from error


def error_of(service: str, response: httpx.Response) -> CliError:
    """Return the error that ends a command for an answer that is not 2xx (RFC 9457)."""
    try:
        found = response.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        found = None
    problem: dict[str, Any] = found if isinstance(found, dict) else {}
    detail = problem.get("detail") or response.reason_phrase or "no reason was given"
    errors = [error for error in problem.get("errors", ()) if isinstance(error, dict)]
    lines = [": ".join(str(e[key]) for key in _PLACES if e.get(key)) for e in errors]
    status = response.status_code
    # The one problem of a list is usually in the detail already, now and then without its place.
    if len(errors) == 1 and errors[0].get("reason") == detail:
        detail = lines[0]
    lines = [line for line in lines if line and line not in str(detail)]
    kind = str(problem.get("type", "")).removeprefix("urn:heliodesk:problem:")
    code = _EXITS.get(kind) or _exit_of(status)
    return CliError(f"{service}: {detail} ({status})", code=code, lines=lines, problem=kind)


def _exit_of(status: int) -> Exit:
    if status in {401, 403}:
        return Exit.REFUSED
    if status in _CONFLICT:
        return Exit.CONFLICT
    if status in _BAD_INPUT:
        return Exit.BAD_INPUT
    if status in _NOT_NOW:
        return Exit.UNREACHABLE
    return Exit.FAILED
