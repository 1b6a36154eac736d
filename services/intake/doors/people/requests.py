"""Door ``requests``: one request as JSON, from another system or on behalf of a contact."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from services.intake.domain.normal import (
    FIELDS_MAX,
    FILES_MAX,
    SUBJECT_MAX,
    TEXT_MAX,
    File,
    Party,
    Request,
)
from services.intake.doors.people.contacts import (
    ContactBody,
    PeopleSettings,
    Word,
    as_line,
    as_text,
)
from services.intake.doors.shape import (
    Door,
    Fault,
    Fault4xx,
    HttpEntrance,
    Part,
    Raw,
    Read,
    Refused,
    Setup,
    read_json,
    require_media_type,
)
from shared.contracts.facts import Channel, Kind, Level
from shared.kernel import digest
from shared.organisation.words import ChannelName, KindName, Language, LevelName
from shared.tags import Tags

JSON = "application/json"

FieldName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,79}$")]
"""Of a custom field: it is a name in the store as well."""
FieldText = Annotated[str, Field(max_length=4_000), BeforeValidator(as_text)]
MediaType = Annotated[
    str, Field(max_length=127, pattern=r"^[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+$")
]
FileName = Annotated[str, Field(min_length=1, max_length=255), BeforeValidator(as_line)]


class AttachmentBody(BaseModel):
    """A file of a request, its bytes in base64 (RFC 4648, with padding)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: FileName
    media_type: MediaType = "application/octet-stream"
    content: str


class RequestFields(BaseModel):
    """What can be said of a request, beside its contact. What is left out is filled in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    subject: Annotated[str, Field(min_length=1, max_length=SUBJECT_MAX), BeforeValidator(as_line)]
    text: Annotated[str, Field(max_length=TEXT_MAX), BeforeValidator(as_text)] = ""
    kind: KindName | None = None
    channel: ChannelName | None = None
    service: Word | None = None
    configuration_item: Word | None = None
    category: Word | None = None
    region: Word | None = None
    site: Word | None = None
    business: Word | None = None
    """The part of the company, or the customer organisation; else it is the contact's."""
    language: Language | None = None
    impact: LevelName | None = None
    urgency: LevelName | None = None
    template: Word | None = None
    """The form of the organisation's that was filled in."""
    tags: Tags = ()

    def request(
        self, contact: Party, *, fields: dict[str, str] | None = None, files: Sequence[File] = ()
    ) -> Request:
        """Return the normal form."""
        return Request(
            contact=contact,
            subject=self.subject,
            text=self.text,
            kind=Kind(self.kind) if self.kind else None,
            channel=Channel(self.channel) if self.channel else None,
            service=self.service,
            configuration_item=self.configuration_item,
            category=self.category,
            region=self.region,
            site=self.site,
            business=self.business,
            language=self.language,
            impact=Level(self.impact) if self.impact else None,
            urgency=Level(self.urgency) if self.urgency else None,
            template=self.template,
            tags=self.tags,
            fields=fields or {},
            files=tuple(files),
        )


class RequestBody(RequestFields):
    """The body of a request."""

    contact: ContactBody
    fields: Annotated[dict[FieldName, FieldText], Field(max_length=FIELDS_MAX)] = {}
    """Custom fields. ``call`` names the telephone call that an agent records with it."""
    attachments: Annotated[tuple[AttachmentBody, ...], Field(max_length=FILES_MAX)] = ()


def read_request(
    body: RequestBody, raw: Raw, setup: Setup, *, verified: bool = False
) -> Read[Request]:
    """Return a request with its files.

    Raises:
        Refused: 422, with the field of a number or a file that does not fit.
    """
    files, parts = decoded(body.attachments)
    party = body.contact.party(setup, verified=verified)
    return Read(
        form=body.request(party, fields=dict(body.fields), files=files),
        content=content_of(body, parts),
        key=raw.headers.get("idempotency-key"),
        parts=parts,
    )


def decoded(
    attachments: Sequence[AttachmentBody],
) -> tuple[tuple[File, ...], tuple[Part, ...]]:
    """Return the files of a body, and their bytes.

    Raises:
        Refused: 422, each fault with the path of the content that is no base64 or empty.
    """
    files: list[File] = []
    parts: list[Part] = []
    faults: list[Fault] = []
    for number, attachment in enumerate(attachments):
        try:
            content = base64.b64decode(attachment.content, validate=True)
        except (binascii.Error, ValueError):
            faults.append(Fault(f"attachments.{number}.content", "not base64"))
            continue
        if not content:
            faults.append(Fault(f"attachments.{number}.content", "the file is empty"))
            continue
        files.append(
            File(
                name=attachment.name,
                media_type=attachment.media_type.lower(),
                size=len(content),
                part=len(parts),
            )
        )
        parts.append(Part(content))
    if faults:
        raise Refused(Fault4xx.INVALID, faults[:20])
    return tuple(files), tuple(parts)


def content_of(body: BaseModel, parts: Sequence[Part]) -> bytes:
    """Return what tells a body with its files from another, however its JSON was written."""
    words = body.model_dump_json(
        exclude_none=True, exclude={"attachments", "idempotency_key"}
    ).encode()
    return b"\n".join([words, *(digest(part.content).encode() for part in parts)])


def parse(raw: Raw, setup: Setup) -> list[Read[Request]]:
    """Read a request.

    Raises:
        Refused: 415, 400 or 422.
    """
    require_media_type(raw, (JSON,))
    return [read_request(read_json(raw, RequestBody), raw, setup)]


DOOR = Door(
    name="requests",
    title="One request as JSON",
    parse=parse,
    channel=Channel.API,
    settings=PeopleSettings,
    people="an agent records what somebody says in person or by phone",
    entrances=(HttpEntrance(path="/v1/requests", media_types=(JSON,), model=RequestBody),),
)
