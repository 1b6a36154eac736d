"""Files that still lie with the vendor through which they came: which, and when they are tried."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from services.intake.domain.files import FileRef
from services.intake.domain.messages import Message
from shared.contracts.facts import Code, Id

ATTEMPTS_MAX = 10
"""The last one is about a day after the first."""
PAUSE_SECONDS_MIN = 15
PAUSE_SECONDS_MAX = 6 * 3_600


class Fetch(BaseModel):
    """A message with files that still have to be fetched from where they are."""

    model_config = ConfigDict(frozen=True)

    message: Id
    tenant: Code
    attempts: Annotated[int, Field(ge=0)] = 0


def is_waiting(file: FileRef) -> bool:
    """Return whether a file is still to be fetched."""
    return file.id is None and file.url is not None and not file.failed


def fetches_of(messages: Sequence[Message]) -> list[Fetch]:
    """Return what has to be fetched for messages."""
    return [Fetch(message=m.id, tenant=m.tenant) for m in messages if any(map(is_waiting, m.files))]


def pause(attempts: int) -> timedelta:
    """Return how long to wait after so many attempts: longer each time."""
    return timedelta(seconds=min(PAUSE_SECONDS_MIN * 4 ** min(attempts, 10), PAUSE_SECONDS_MAX))


def is_host_of(url: str, hosts: Sequence[str]) -> bool:
    """Return whether a URL is https and of one of the hosts; ``.example.org`` takes subdomains."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return False
    if parts.scheme != "https" or port not in {None, 443} or parts.username is not None:
        return False
    return any(host.endswith(h) if h.startswith(".") else host == h for h in hosts)
