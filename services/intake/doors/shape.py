"""The one shape of a door: what it is called, who may come in, and how it reads what they bring.

A door is pure: bytes and headers in, normal form out. Who calls is found before it, by the
bearer token, the recipient's address or the event; defaults are filled in after it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from services.intake.domain.normal import NormalForm
from shared.contracts.facts import Channel
from shared.kernel import HeliodeskError
from shared.organisation import Door as DoorName

N_co = TypeVar("N_co", bound=NormalForm, covariant=True)


@dataclass(frozen=True, slots=True)
class Fault:
    """A field that does not fit, and why."""

    field: str
    reason: str


class Fault4xx(Enum):
    """Kinds of refusal, with the HTTP status of each."""

    MALFORMED = 400
    TOO_LARGE = 413
    MEDIA_TYPE = 415
    INVALID = 422


class Refused(HeliodeskError):
    """What was handed in cannot be read; the faults name each field and the reason."""

    def __init__(self, kind: Fault4xx, faults: Sequence[Fault]) -> None:
        first = faults[0]
        super().__init__(f"{first.field}: {first.reason}" if first.field else first.reason)
        self.kind = kind
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Raw:
    """What was handed in, as it came.

    ``headers`` have lower-case names. ``sender`` is the envelope's return path of a mail.
    """

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    sender: str | None = None

    @property
    def media_type(self) -> str:
        """The content type without its parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Read(Generic[N_co]):
    """What a door has read.

    ``key`` is the caller's own name of the submission, None where there is none. ``content``
    tells one submission from another under the same key: equal bytes mean equal content.
    """

    form: N_co
    content: bytes
    key: str | None = None
    label: str | None = None
    """The integration that the submission itself names, where the door works so."""
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class HttpEntrance:
    """A door that is a route: POST, with a bearer token."""

    path: str
    media_types: tuple[str, ...]
    model: type[BaseModel]
    """Of the body, for the OpenAPI document."""


@dataclass(frozen=True, slots=True)
class Door:
    """One door.

    ``integrations`` is the door's name in the configuration. ``people`` tells whether agents
    may come in without an integration. ``channel`` counts where nobody names another.
    """

    name: str
    integrations: DoorName
    parse: Callable[[Raw], Read[NormalForm]]
    channel: Channel
    people: str = ""
    """Why agents may use it; empty where they may not."""
    http: HttpEntrance | None = None


def require_media_type(raw: Raw, accepted: Sequence[str]) -> None:
    """Refuse another content type than those of the door.

    Raises:
        Refused: 415.
    """
    if raw.media_type not in accepted:
        shown = raw.media_type[:80] or "nothing"
        reason = f"{' or '.join(accepted)} is taken here, not {shown}"
        raise Refused(Fault4xx.MEDIA_TYPE, [Fault("Content-Type", reason)])


M = TypeVar("M", bound=BaseModel)


def read_json(raw: Raw, model: type[M]) -> M:
    """Read a JSON body.

    Raises:
        Refused: 400 where it is no JSON, 422 where it does not fit the model.
    """
    try:
        return model.model_validate_json(raw.body)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        if problems[0]["type"] == "json_invalid":
            raise Refused(Fault4xx.MALFORMED, [Fault("", problems[0]["msg"])]) from error
        raise Refused(Fault4xx.INVALID, faults_of(error)) from error


def faults_of(error: ValidationError) -> list[Fault]:
    """Return the faults that a model found, at most twenty."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    return [
        Fault(
            ".".join(str(part) for part in problem["loc"]),
            str(problem["msg"]).removeprefix("Value error, "),
        )
        for problem in problems[:20]
    ]
