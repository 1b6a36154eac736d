"""Getting a feed: from a file, or over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import httpx

from heliodesk.errors import CliError, Exit

BYTES_MAX: Final = 5_000_000
SECONDS_MAX: Final = 30.0
REDIRECTS_MAX: Final = 5
_SCHEMES: Final = ("http://", "https://", "webcal://")


def fetch(source: str, *, transport: httpx.BaseTransport | None = None) -> bytes:
    """Return the bytes of a file, or of an ``http``, ``https`` or ``webcal`` address.

    Raises:
        CliError: there is none, it does not answer, or has more than `BYTES_MAX`.
    """
    if not source.lower().startswith(_SCHEMES):
        return _read(Path(source))
    if source.lower().startswith("webcal://"):
        source = f"https://{source[len('webcal://') :]}"
    try:
        return _download(httpx.URL(source), transport)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        # The address may hold a secret: only its host is said.
        message = f"The feed does not answer: {type(error).__name__}."
        raise CliError(message, code=Exit.UNREACHABLE) from error


def _download(url: httpx.URL, transport: httpx.BaseTransport | None) -> bytes:
    client = httpx.Client(
        transport=transport,
        timeout=SECONDS_MAX,
        follow_redirects=True,
        max_redirects=REDIRECTS_MAX,
    )
    with client, client.stream("GET", url) as answer:
        if not answer.is_success:
            message = f"The feed at {url.host} answers {answer.status_code}."
            raise CliError(message, code=Exit.UNREACHABLE)
        found = bytearray()
        for piece in answer.iter_bytes():
            found += piece
            if len(found) > BYTES_MAX:
                raise _too_large(url.host)
    return bytes(found)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            found = file.read(BYTES_MAX + 1)
    except OSError as error:
        message = f"{path}: {error.strerror or error}"
        raise CliError(message, code=Exit.BAD_INPUT) from error
    if len(found) > BYTES_MAX:
        raise _too_large(str(path))
    return found


def _too_large(what: str) -> CliError:
    message = f"{what} has more than {BYTES_MAX:,} bytes: no feed of days is so large."
    return CliError(message, code=Exit.BAD_INPUT)
