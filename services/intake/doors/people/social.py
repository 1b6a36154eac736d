"""Door ``social``: what people write in forums and social media, as a signed generic webhook.

Source: Standard Webhooks 1.0.0 (www.standardwebhooks.com), symmetric signatures: HMAC-SHA256
over ``id.timestamp.body``, several signatures in one header while a secret is changed. The
payload is ours: a small harvester of any platform can make it.

The signature proves the harvester, and not who wrote on the platform: the contact is unproven.
"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from services.intake.domain.normal import (
    NAME_MAX,
    SUBJECT_MAX,
    TEXT_MAX,
    Party,
    Request,
    Thread,
)
from services.intake.domain.text import clean_line, shortened
from services.intake.doors.chat.signing import (
    base64_text,
    hmac_sha256,
    require_recent,
    same,
    signed_header,
)
from services.intake.doors.people.contacts import Word, as_line, as_text
from services.intake.doors.people.requests import JSON
from services.intake.doors.shape import (
    Door,
    HttpEntrance,
    Raw,
    Read,
    Setup,
    Signature,
    Unauthenticated,
    read_json,
    require_media_type,
    signed_path,
)
from shared.contracts.facts import Channel, Instant
from shared.expressions import FieldType, compile_condition
from shared.kernel import digest, rfc3339
from shared.organisation.words import Language

SECRET_PREFIX = "whsec_"  # noqa: S105 - the format's own prefix, no secret
SIGNATURES_MAX = 20
SUBJECT_SHOWN_MAX = 120
KEY_SHOWN_MAX = 200
MATCH_FIELDS: dict[str, FieldType] = {
    "text": "string",
    "title": "string",
    "platform": "string",
    "author": "string",
    "thread": "string",
    "url": "string",
    "language": "string",
    "reply": "bool",
}
"""What a harvesting rule may look at; texts are in lower case."""


def _compiles(value: str) -> str:
    compile_condition(value, MATCH_FIELDS)
    return value


class SocialSettings(BaseModel):
    """Settings of an integration."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    confirm: bool = False
    """An agent confirms each before it is a ticket."""
    match: (
        Annotated[str, Field(min_length=1, max_length=4_000), AfterValidator(_compiles)] | None
    ) = None
    """The harvesting rule, in CEL over `MATCH_FIELDS`: what it is not met by is no request."""


Platform = Annotated[
    str,
    Field(min_length=1, max_length=60, pattern=r"^[a-z0-9][a-z0-9.-]*$"),
    BeforeValidator(as_line),
]
Ident = Annotated[
    str, Field(min_length=1, max_length=120, pattern=r"^[^\s:]+$"), BeforeValidator(as_line)
]
Name = Annotated[str, Field(max_length=NAME_MAX), BeforeValidator(as_line)]
Url = Annotated[str, Field(max_length=2_000), BeforeValidator(as_line)]


class AuthorBody(BaseModel):
    """Who wrote, by the platform's own id."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Ident
    name: Name = ""
    url: Url = ""


class PostBody(BaseModel):
    """One post."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Ident
    """The platform's own, for ever the same."""
    platform: Platform
    author: AuthorBody
    text: Annotated[str, Field(min_length=1, max_length=TEXT_MAX), BeforeValidator(as_text)]
    title: Annotated[str, Field(max_length=SUBJECT_MAX), BeforeValidator(as_line)] = ""
    url: Url = ""
    at: Instant | None = None
    thread: Ident | None = None
    """The post that it answers to, or the topic that it is in; None where it begins one."""
    language: Language | None = None
    service: Word | None = None


def _key_bytes(secret: str) -> bytes:
    """Return the key of a secret: base64 after the format's prefix, else its own bytes."""
    if not secret.startswith(SECRET_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        message = f"the integration's secret is no base64 after {SECRET_PREFIX}"
        raise Unauthenticated(message) from error


def verify(raw: Raw, setup: Setup, now: datetime) -> None:
    """Check ``webhook-signature``; one right signature of several is enough.

    Raises:
        Unauthenticated: it is missing, wrong or too old.
    """
    identifier = signed_header(raw, "webhook-id")
    at = signed_header(raw, "webhook-timestamp")
    given = signed_header(raw, "webhook-signature").split(" ")[:SIGNATURES_MAX]
    head = f"{identifier}.{at}.".encode("utf-8", "surrogatepass")
    mac = hmac_sha256(_key_bytes(setup.secret("secret")), head + raw.body)
    expected = f"v1,{base64_text(mac)}"
    # All are compared, so that the time tells nothing of which one is right.
    if not any([same(signature, expected) for signature in given]):  # noqa: C419
        message = "the signature is wrong"
        raise Unauthenticated(message)
    require_recent(at, now)


def parse(raw: Raw, setup: Setup) -> list[Read[Request]]:
    """Read a post; nothing where the harvesting rule is not met.

    Raises:
        Refused: 415, 400 or 422.
    """
    require_media_type(raw, (JSON,))
    post = read_json(raw, PostBody)
    settings = setup.settings if isinstance(setup.settings, SocialSettings) else SocialSettings()
    if settings.match is not None and not is_request(post, settings.match):
        return []
    fields = {
        name: value
        for name, value in (
            ("platform", post.platform),
            ("url", post.url),
            ("author_url", post.author.url),
            ("at", rfc3339(post.at) if post.at else ""),
        )
        if value
    }
    request = Request(
        contact=Party(
            chat=f"social:{post.platform}:{post.author.id}",
            name=post.author.name,
            language=post.language,
        ),
        subject=_subject(post),
        text=post.text,
        channel=Channel.WEB,
        service=post.service,
        language=post.language,
        fields=fields,
        thread=Thread(chat=f"social:{post.platform}:{post.thread or post.id}"),
        confirm=settings.confirm,
    )
    # The same post harvested again is the same request, however its counters have changed.
    key = f"{post.platform}:{post.id}"
    key = key if len(key) <= KEY_SHOWN_MAX else digest(key.encode())
    return [Read(form=request, content=key.encode(), key=key)]


def is_request(post: PostBody, condition: str) -> bool:
    """Return whether a harvesting rule takes a post for a request."""
    return compile_condition(condition, MATCH_FIELDS)(
        {
            "text": post.text.lower(),
            "title": post.title.lower(),
            "platform": post.platform,
            "author": post.author.name.lower() or post.author.id.lower(),
            "thread": (post.thread or "").lower(),
            "url": post.url.lower(),
            "language": (post.language or "").lower(),
            "reply": post.thread is not None and post.thread != post.id,
        }
    )


def _subject(post: PostBody) -> str:
    first = next(clean_line(row) for row in post.text.split("\n") if row.strip())
    return post.title or shortened(first, characters_max=SUBJECT_SHOWN_MAX)


DOOR = Door(
    name="social",
    title="Forums and social media, as a signed webhook",
    parse=parse,
    channel=Channel.WEB,
    credentials=Signature(verify, secrets=("secret",)),
    settings=SocialSettings,
    entrances=(
        HttpEntrance(
            path=signed_path("social"),
            media_types=(JSON,),
            model=PostBody,
            summary="A post of a forum or of social media",
        ),
    ),
    source="https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md",
)
