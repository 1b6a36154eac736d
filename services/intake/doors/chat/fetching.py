"""How a file of a chat is fetched: which calls to make, with which secrets, and to whom.

A door's ``download(file, setup, answers)`` returns the next call. The first is asked for without
answers; where a call is not the ``last`` one, the next is asked for with all bodies that were
answered so far. Whoever makes the calls follows a redirect only to one of the door's
``FILE_HOSTS``, and leaves the headers behind when the host changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from pydantic import BaseModel, ValidationError

from services.intake.domain.fetches import is_host_of
from services.intake.domain.normal import File
from services.intake.doors.shape import Setup, Unauthenticated
from shared.kernel import HeliodeskError


class NotFetched(HeliodeskError):
    """The file cannot be fetched as things are; the reason is for agents to read."""


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP call. The URL and the headers may hold secrets: they are never logged."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    method: Literal["GET", "POST"] = "GET"
    body: bytes = b""
    last: bool = True
    """What is answered is the file; otherwise it is for the next call."""


Download = Callable[[File, Setup, Sequence[bytes]], Call]

A = TypeVar("A", bound=BaseModel)


def checked_url(url: str, hosts: Sequence[str]) -> str:
    """Return a URL that may be called.

    Raises:
        NotFetched: it is not https, or of another host: a token would be told to strangers.
    """
    if not is_host_of(url, hosts):
        message = "the file is at a host that this vendor's files are not fetched from"
        raise NotFetched(message)
    return url


def secret_of(setup: Setup, name: str) -> str:
    """Return a secret to fetch with.

    Raises:
        NotFetched: the integration has none.
    """
    try:
        return setup.secret(name)
    except Unauthenticated as error:
        raise NotFetched(str(error)) from error


def named(file: File, vendor: str) -> str:
    """Return the vendor's own name of a file whose URL is ``<vendor>:<name>``.

    Raises:
        NotFetched: it is not such a file.
    """
    scheme, _, name = (file.url or "").partition(":")
    if scheme != vendor or not name:
        message = f"no file of {vendor}"
        raise NotFetched(message)
    return name


def answered(content: bytes, model: type[A]) -> A:
    """Return what the vendor answered to a call that was not the last one.

    Raises:
        NotFetched: it is not what was expected, such as an error in the vendor's words.
    """
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        message = "the vendor answered something else than expected"
        raise NotFetched(message) from error
