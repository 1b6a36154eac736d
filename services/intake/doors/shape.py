"""The one shape of a door: who may come in, and how it reads what they bring.

A door is pure: bytes and headers in, normal forms out. A new door is one module, listed in the
``DOORS`` of its group, with its examples beside it in ``examples/<door>/``: nothing else knows
it. From the registry come the routes, the OpenAPI, the list of doors in the documentation, the
check of an integration's settings, the dry run and the contract tests.

A call goes through a door in this order: its credentials are checked (`Token` or `Signature`),
``greet`` answers handshakes, ``parse`` reads submissions, they are accepted durably, and
``answer`` says so in the words that the caller expects.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Generic, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from services.intake.domain.normal import File, NormalForm
from services.intake.doors.saying import Denied, Known
from shared.contracts.facts import Channel
from shared.kernel import HeliodeskError

N_co = TypeVar("N_co", bound=NormalForm, covariant=True)

SKEW_SECONDS_MAX = 300
"""How old a signed call may be, or how far ahead: what most vendors recommend."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A field that does not fit, and why."""

    field: str
    reason: str


class Fault4xx(Enum):
    """Kinds of refusal, with the HTTP status of each."""

    MALFORMED = 400
    UNKNOWN = 404
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


class Unauthenticated(HeliodeskError):
    """The credentials are missing, wrong or too old. The reason is for the log only."""


UNKNOWN_TIME = datetime(1970, 1, 1, tzinfo=UTC)
"""When a call came in that only a dry run makes up."""


def not_ahead(at: datetime, received_at: datetime) -> datetime:
    """Return an instant that a caller tells; a clock that goes ahead tells the call's own time."""
    return at if received_at == UNKNOWN_TIME else min(at, received_at)


@dataclass(frozen=True, slots=True)
class Raw:
    """What was handed in, as it came.

    ``headers`` have lower-case names. ``sender`` and ``recipients`` are the envelope of a mail.
    ``route`` is the pattern of the entrance that was used, ``path`` its parameters.
    """

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    sender: str | None = None
    recipients: tuple[str, ...] = ()
    method: str = "POST"
    route: str = ""
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    """As the caller wrote it: some sign it."""
    received_at: datetime = UNKNOWN_TIME
    """Where the submission says no time, this one counts."""

    @property
    def media_type(self) -> str:
        """The content type without its parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class NoSettings(BaseModel):
    """The settings of a door that has none."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class Setup:
    """What an integration says to its door.

    ``settings`` is of the door's own model. ``secrets`` are resolved; their names are the door's.
    """

    settings: BaseModel = field(default_factory=NoSettings)
    secrets: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    """Of the integration; empty where an agent comes in without one."""

    def secret(self, name: str) -> str:
        """Return a secret.

        Raises:
            Unauthenticated: the integration has none of that name, so nobody can be recognised.
        """
        found = self.secrets.get(name)
        if not found:
            message = f"the integration has no secret {name!r}"
            raise Unauthenticated(message)
        return found


@dataclass(frozen=True, slots=True)
class Part:
    """The bytes of a file that came with a submission; `File.part` counts them from 0."""

    content: bytes


@dataclass(frozen=True, slots=True)
class Read(Generic[N_co]):
    """One submission, as a door has read it.

    ``key`` is the caller's own name of the submission, None where there is none: then every
    delivery is a new one. ``content`` tells one submission from another under the same key:
    equal bytes mean equal content.
    """

    form: N_co
    content: bytes
    key: str | None = None
    parts: tuple[Part, ...] = ()
    label: str | None = None
    """The integration that the submission itself names, where the door works so."""
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one submission: where it is, as far as it is known."""

    receipt: str
    ticket: str | None
    number: str | None
    link: str
    location: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer in the caller's own protocol. ``content`` is JSON unless it is a text."""

    content: Any = None
    status: int = 200
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question on an alert that the integration once handed in."""

    key: str
    """Of its group, as the door names it."""
    fingerprint: str
    tell: Callable[[Known | None], Answer]
    """Answers it; None: nothing is known of such an alert, or not yet."""


class Outgoing(Protocol):
    """One HTTP call by which a file is fetched. URL, headers and body may hold secrets."""

    @property
    def url(self) -> str:
        """Of https."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Sent to this host only."""
        ...

    @property
    def method(self) -> Literal["GET", "POST"]:
        """How it is called."""
        ...

    @property
    def body(self) -> bytes:
        """Of a POST."""
        ...

    @property
    def last(self) -> bool:
        """Whether what is answered is the file; otherwise it is for the next call."""
        ...


Download = Callable[[File, Setup, Sequence[bytes]], Outgoing]
"""Returns the next call for a file, given the bodies answered so far."""


def bearer_token(raw: Raw) -> str | None:
    """Return the token of ``Authorization: Bearer``, or of Basic as its password."""
    scheme, _, value = raw.headers.get("authorization", "").partition(" ")
    match scheme.lower():
        case "bearer":
            return value.strip() or None
        case "basic":
            try:
                pair = base64.b64decode(value.strip(), validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                return None
            return pair.partition(":")[2] or None
        case _:
            return None


@dataclass(frozen=True, slots=True)
class Token:
    """The caller has a token of Heliodesk's. It may be where the vendor's clients can put it."""

    find: Callable[[Raw], str | None] = bearer_token


@dataclass(frozen=True, slots=True)
class Fetch:
    """A public document that is needed to check a signature: keys, or a certificate."""

    url: str
    fresh: bool = False
    """What was kept of it is too old: it lacks the key that is asked for."""


@dataclass(frozen=True, slots=True)
class Signature:
    """The vendor signs; the entrance's path names tenant and integration.

    ``verify`` raises `Unauthenticated`; it compares in constant time, and looks at the age of
    what is signed where the vendor signs a time.
    """

    verify: Callable[[Raw, Setup, datetime], None]
    secrets: tuple[str, ...]
    """Names of the secrets that an integration of this door must refer to."""
    public: Callable[[Raw, Setup, Mapping[str, bytes]], Fetch | Mapping[str, str]] | None = None
    """What has to be fetched before, where the vendor's keys are public.

    Given the documents fetched so far, by URL, it returns the next one to fetch, or what is put
    among the secrets. It names hosts of the vendor's only, whatever the call says.
    """


@dataclass(frozen=True, slots=True)
class HttpEntrance:
    """A route of a door.

    The paths of signed doors begin with ``/v1/doors/{door}/{tenant}/{integration}``, see
    `signed_path`.
    """

    path: str
    media_types: tuple[str, ...]
    model: type[BaseModel] | None = None
    """Of the body, for the OpenAPI document; None where it is not JSON or has no fixed shape."""
    methods: tuple[Literal["GET", "POST", "PUT", "PATCH", "DELETE"], ...] = ("POST",)
    summary: str = ""


def signed_path(door: str) -> str:
    """Return the path of a signed door, whose parameters name the integration."""
    return f"/v1/doors/{door}/{{tenant}}/{{integration}}"


@dataclass(frozen=True, slots=True)
class Door:
    """One door.

    ``name`` is what integrations call it. ``people`` tells whether agents may come in without an
    integration. ``channel`` counts where nobody names another.
    """

    name: str
    title: str
    """What it takes, in a few words, for the documentation."""
    parse: Callable[[Raw, Setup], Sequence[Read[NormalForm]]]
    channel: Channel
    credentials: Token | Signature = Token()
    settings: type[BaseModel] = NoSettings
    """Of an integration's ``settings``."""
    secrets: tuple[str, ...] = ()
    """Further secrets that an integration may refer to, such as a token to fetch files with."""
    entrances: tuple[HttpEntrance, ...] = ()
    """None: it is no route, but reached in another way (SMTP, IMAP, Kafka)."""
    greet: Callable[[Raw, Setup], Answer | None] | None = None
    """Answers a handshake; None where the call is none. Credentials were checked before."""
    answer: Callable[[Raw, Sequence[Taken]], Answer] | None = None
    """None: 202 with number, link and ``Location``."""
    refuse: Callable[[Raw, Refused], Answer] | None = None
    """Refuses in the caller's own protocol; None: RFC 9457 problem details."""
    deny: Callable[[Raw, Denied], Answer] | None = None
    """Says in the caller's own protocol why a call is not taken; None: RFC 9457 problem details."""
    ask: Callable[[Raw], Asked | None] | None = None
    """Says what a call asks about, which then hands nothing in; None where it asks nothing."""
    follow: Callable[[Raw, Setup], str | None] | None = None
    """An address to GET once the call is answered, such as one that confirms a subscription."""
    answers_at_once: bool = False
    """The caller needs no ticket in the answer, even for alerts: nothing is waited for."""
    people: str = ""
    """Why agents may use it; empty where they may not."""
    source: str = ""
    """The vendor's document that it follows."""
    download: Download | None = None
    """How its files are fetched, where they do not come with the submission."""
    file_hosts: tuple[str, ...] = ()
    """Hosts that files are fetched from, and no others; ``.example.org`` takes subdomains."""
    integrations: str = ""
    """The door whose integrations may use this one too; empty for its own name."""

    @property
    def configured_as(self) -> str:
        """The door's name in the configuration."""
        return self.integrations or self.name


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
        raise Refused(Fault4xx.INVALID, _faults(problems)) from error


def faults_of(error: ValidationError) -> list[Fault]:
    """Return the faults that a model found, at most twenty."""
    return _faults(error.errors(include_url=False, include_context=False, include_input=False))


def _faults(problems: Sequence[Mapping[str, Any]]) -> list[Fault]:
    return [
        Fault(
            ".".join(str(part) for part in problem["loc"]),
            str(problem["msg"]).removeprefix("Value error, "),
        )
        for problem in problems[:20]
    ]
