"""What every chat's messages become: requests and amendments, with keys that tell them apart."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from services.intake.domain.normal import (
    FILES_MAX,
    NAME_MAX,
    TEXT_MAX,
    Amendment,
    File,
    NormalForm,
    Party,
    Request,
    Thread,
)
from services.intake.domain.text import clean_line, clean_text, shortened
from services.intake.doors.shape import (
    Answer,
    Fault,
    Fault4xx,
    Raw,
    Read,
    Refused,
    Setup,
    Taken,
    faults_of,
)
from shared.contracts.facts import Channel
from shared.kernel import digest

JSON = "application/json"
SUBJECT_SHOWN_MAX = 120
"""Characters of a message's first line that its ticket is called by."""
READ_KEY_MAX = 200
"""A longer key is replaced by its digest: callers' keys have this bound."""
EVENTS_MAX = 1_000
"""Messages of one call; WhatsApp, which collects the most, sends up to 1,000."""

URL_MAX = 2_000
"""Characters of a file's URL."""
LANGUAGE_MAX = 35
CODE_MAX = 80
FILE_NAME_MAX = 255
SECONDS_MAX = 32_503_680_000
"""The year 3000, as Unix time: a later one is none."""
MEDIA_TYPE_MAX = 127

_COUNT = re.compile(r"[0-9]{1,15}\Z")
_SECONDS = re.compile(r"[0-9]{1,14}(?:\.[0-9]{1,9})?\Z")
_PHONE = re.compile(r"\+?([1-9][0-9]{3,14})\Z")
_WORD = r"^[^\s\x00-\x1f\x7f]+$"
Ident = Annotated[str, Field(min_length=1, max_length=100, pattern=_WORD)]
"""A vendor's id of a workspace, a user or a bot."""
LongIdent = Annotated[str, Field(min_length=1, max_length=300, pattern=_WORD)]
"""A vendor's id of a message, a conversation or an event."""


def _number(value: object) -> object:
    # Vendors write sizes now as a number, now as digits; none of them matters enough to refuse a
    # person's message for it.
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return value if _COUNT.match(str(value)) else None


Count = Annotated[int | None, BeforeValidator(_number)]
"""A size in bytes where the vendor says one; None where what it says is no size."""


class Body(BaseModel):
    """Base of what vendors send.

    Fields that this release does not know are passed over. A field that is null is one that is
    not there: vendors write both for the same, and the same vendor now the one, now the other.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, value: Any) -> Any:
        if not isinstance(value, dict) or all(v is not None for v in value.values()):
            return value
        return {name: v for name, v in value.items() if v is not None}


class DoorSettings(BaseModel):
    """Base of the settings of a chat's integration."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


B = TypeVar("B", bound=BaseModel)
S = TypeVar("S", bound=DoorSettings)


def fit(model: type[B], value: Any, *, at: str = "") -> B:
    """Return a part of a body as its model; ``at`` is the part's path, for the faults.

    Raises:
        Refused: 422, each fault with its whole path.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        faults = faults_of(error)
        placed = [Fault(".".join(p for p in (at, f.field) if p), f.reason) for f in faults]
        raise Refused(Fault4xx.INVALID, placed) from error


def malformed(field: str, reason: str) -> Refused:
    """Return the refusal of a body that cannot be read at all: 400."""
    return Refused(Fault4xx.MALFORMED, [Fault(field, reason)])


def settings_of(setup: Setup, model: type[S]) -> S:
    """Return the integration's settings; the defaults where a dry run has none."""
    return setup.settings if isinstance(setup.settings, model) else model()


def key_of(*parts: str) -> str:
    """Return the key of a message: other parts give another key.

    It is printable and at most 200 characters, as the keys of all callers are.
    """
    key = ":".join(part.replace("%", "%25").replace(":", "%3A") for part in parts)
    if len(key) <= READ_KEY_MAX and key.isprintable():
        return key
    return digest(*(part.encode("utf-8", "surrogatepass") for part in parts))


def conversation_of(vendor: str, *parts: str) -> str:
    """Return the name of a conversation, unique among all vendors and workspaces."""
    return ":".join((vendor, *parts))


def party_of(
    vendor: str,
    workspace: str,
    user: str,
    *,
    name: str = "",
    phone: str | None = None,
    language: str | None = None,
    time_zone: str | None = None,
) -> Party:
    """Return who wrote: the vendor's signature proves it."""
    tag = clean_line(language or "")
    zone = clean_line(time_zone or "")
    return Party(
        chat=f"{vendor}:{workspace}:{user}",
        name=clean_line(name)[:NAME_MAX],
        phone=phone,
        verified=True,
        language=tag if 0 < len(tag) <= LANGUAGE_MAX else None,
        time_zone=zone if 0 < len(zone) <= CODE_MAX else None,
    )


def phone_of(written: str) -> str | None:
    """Return a telephone number in E.164, None where it is none: a short code, a name."""
    found = _PHONE.match(written)
    return f"+{found[1]}" if found else None


def file_of(*, name: str, url: str, media_type: str = "", size: int | None = None) -> File:
    """Return a file that has to be fetched; a media type that is none becomes the general one."""
    kind = clean_line(media_type).partition(";")[0].strip().lower()
    return File(
        name=shortened(clean_line(name), characters_max=FILE_NAME_MAX) or "file",
        media_type=kind
        if "/" in kind and len(kind) <= MEDIA_TYPE_MAX
        else "application/octet-stream",
        size=size,
        url=url,
    )


def place_text(*, latitude: float, longitude: float, names: Sequence[str | None] = ()) -> str:
    """Return a place that somebody sent, as a text for people: its names, then degrees."""
    if not (math.isfinite(latitude) and math.isfinite(longitude)):
        return "\n".join(n for n in names if n)
    return "\n".join([*(n for n in names if n), f"{latitude:.6f}, {longitude:.6f}"])


def unread_text(kind: str) -> str:
    """Return the text of a message that a person sent and this door cannot show.

    An agent then sees that something came, and can ask.
    """
    return f"[{shortened(clean_line(kind), characters_max=60)}]"


def subject_of(text: str, files: Sequence[File], *, otherwise: str) -> str:
    """Return what a message's ticket is called: its first line, else its first file."""
    line = clean_line(next((line for line in text.split("\n") if line.strip()), ""))
    named = line or (files[0].name if files else otherwise)
    return shortened(named, characters_max=SUBJECT_SHOWN_MAX)


def said(
    *,
    key: str,
    contact: Party,
    conversation: str,
    text: str,
    title: str,
    html: str = "",
    files: Sequence[File] = (),
) -> Read[NormalForm]:
    """Return a message as a request.

    Its content is its key: a vendor's second delivery of a message may differ in what does not
    matter, such as the address of a file, and is still the same message.
    """
    cleaned = shortened(clean_text(text), characters_max=TEXT_MAX)
    kept = tuple(files[:FILES_MAX])
    return Read(
        form=Request(
            contact=contact,
            subject=subject_of(cleaned, kept, otherwise=title),
            text=cleaned,
            html=html,
            channel=Channel.CHAT,
            files=kept,
            thread=Thread(chat=conversation),
        ),
        content=key.encode(),
        key=key,
    )


def instant_of(written: float | str | None, *, per_second: int = 1) -> datetime | None:
    """Return when something happened; None where what is written is no Unix time.

    A time never decides whether a message is taken: vendors that tell it wrongly are still heard.

    Args:
        written: Unix time, as a number or in digits, with or without a fraction.
        per_second: 1 where the vendor counts seconds, 1,000 where it counts milliseconds.
    """
    if not _SECONDS.match(str(written)):
        return None
    seconds = float(str(written)) / per_second
    return datetime.fromtimestamp(seconds, UTC) if seconds < SECONDS_MAX else None


def changed(
    *, key: str, of: str, contact: Party, text: str | None, at: datetime | None = None
) -> Read[NormalForm]:
    """Return an edit, or a deletion where ``text`` is None, of the message with the key ``of``.

    ``at`` is when it was changed, as the vendor says: what is delivered late undoes nothing.
    """
    cleaned = None if text is None else shortened(clean_text(text), characters_max=TEXT_MAX)
    return Read(
        form=Amendment(key=of, contact=contact, text=cleaned, at=at),
        content=key.encode(),
        key=key,
    )


def answer_empty(_raw: Raw, _taken: Sequence[Taken]) -> Answer:
    """Return 200 without a body: what most chats take as received."""
    return Answer(content="", media_type="text/plain")
