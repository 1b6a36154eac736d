"""A mail, of whatever quality, as a request. One that cannot be understood is a request too.

Parsed with ``policy.compat32``, and only what is needed is decoded: fourteen times as fast as the
newer policy, which also raises on headers that real mailers send.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from email import message_from_bytes, policy
from email.errors import MissingHeaderBodySeparatorDefect
from email.parser import BytesHeaderParser

from services.intake.domain.mail_quotes import is_forward, split_reply
from services.intake.domain.mail_rules import base_address
from services.intake.domain.normal import (
    ADDRESS_MAX,
    HTML_MAX,
    NAME_MAX,
    OWN_MARK_MAX,
    REFERENCES_MAX,
    SUBJECT_MAX,
    TEXT_MAX,
    AlertGroup,
    Automatic,
    File,
    Hint,
    NormalForm,
    Party,
    Request,
    Thread,
)
from services.intake.domain.text import clean_line, clean_text, normal_mail, shortened
from services.intake.doors.mail.authentication import is_proven
from services.intake.doors.mail.automatic import Verdict, list_id, verdict_on
from services.intake.doors.mail.charsets import decoded
from services.intake.doors.mail.headers import Headers
from services.intake.doors.mail.mending import HEAD_BYTES_MAX, HEAD_END, mended
from services.intake.doors.mail.names import name_of
from services.intake.doors.mail.pages import cleaned
from services.intake.doors.mail.parts import (
    Attached,
    Parts,
    is_too_complex,
    limited,
    parts_of,
    whole_mail,
)
from services.intake.doors.mail.settings import MailSettings
from services.intake.doors.monitoring.mails import monitor_mail
from services.intake.doors.people.fax import fax_sender
from services.intake.doors.shape import Part, Raw, Read, Setup
from shared.kernel import digest
from shared.threads import OWN_HEADER

UNKNOWN_SENDER = Party(id="unknown-sender", name="Unknown sender")
NO_SUBJECT = "(no subject)"
UNREADABLE = "(unreadable mail)"
RECIPIENTS_MAX = 200
SUBJECT_READ_MAX = 2_000

_TAGS = re.compile(r"^(?:\s*(?:\[[^\]]{0,60}\]|(?:re|aw|sv|fwd?|wg)\s*:))+\s*", re.IGNORECASE)


def parse(raw: Raw, setup: Setup) -> Sequence[Read[NormalForm]]:
    """Read a mail; never raises.

    The key is its Message-ID, or what `name_of` finds where it has none. Its content is what a person would call the same mail: the
    transport's headers differ with every path that it takes, and a list adds its name and words.
    """
    settings = setup.settings if isinstance(setup.settings, MailSettings) else MailSettings()
    try:
        return [_read(raw, settings)]
    except Exception:  # noqa: BLE001 - whatever is wrong with a mail, it is not lost
        return [_unreadable(raw)]


def _read(raw: Raw, settings: MailSettings) -> Read[NormalForm]:
    headers, parts = _taken_apart(raw.body)
    subject = shortened(headers.text("subject")[:SUBJECT_READ_MAX], characters_max=SUBJECT_MAX)
    text = clean_text(parts.text)
    message_id = next(iter(headers.ids("message-id")), None)
    if settings.monitor is not None:
        told = _told(raw, headers, settings, subject=subject, text=text)
        if told is not None:
            key = message_id or name_of(raw.body)
            return Read(form=told, content=told.model_dump_json().encode(), key=key)
    files = limited(parts.files, raw.body)
    split = split_reply(shortened(text, characters_max=TEXT_MAX), forwarded=is_forward(subject))
    verdict = _verdict(raw, headers, parts, settings, text=text)
    contact = _contact(headers, raw, settings, subject=subject)
    request = Request(
        contact=contact,
        subject=subject or NO_SUBJECT,
        text=split.new,
        quoted="" if split.whole else shortened(text, characters_max=TEXT_MAX),
        html=_page(parts),
        files=tuple(_file(file, position) for position, file in enumerate(files)),
        thread=Thread(
            message_id=message_id,
            references=_references(headers),
            recipients=_recipients(headers, raw),
            list_id=list_id(headers),
            own_mark=headers.raw(OWN_HEADER.lower()).strip()[:OWN_MARK_MAX],
            unproven=_is_unproven(headers, contact, settings),
        ),
        automatic=verdict.automatic,
        silent=verdict.silent,
    )
    return _submission(request, raw, files)


def _taken_apart(body: bytes) -> tuple[Headers, Parts]:
    """Return headers and parts; of a mail of more parts than anybody's, the mail as one file."""
    body = body.lstrip(b"\r\n")  # Some archives put empty lines above a mail.
    if not is_too_complex(body):
        mail = message_from_bytes(body, policy=policy.compat32)
        broken = any(isinstance(d, MissingHeaderBodySeparatorDefect) for d in mail.defects)
        broken = broken or (mail.get_unixfrom() or "").startswith("From :")
        if broken and (better := mended(body)) != body:
            mail = message_from_bytes(better, policy=policy.compat32)
        return Headers(mail), parts_of(mail)
    end = HEAD_END.search(body, 0, HEAD_BYTES_MAX)
    head = body[: end.start() if end else HEAD_BYTES_MAX]
    mail = BytesHeaderParser(policy=policy.compat32).parsebytes(head)
    shown = decoded(body[len(head) : len(head) + TEXT_MAX], None)
    return Headers(mail), Parts(plain=[shown], files=[whole_mail(body)])


def _submission(request: Request, raw: Raw, files: Sequence[Attached]) -> Read[NormalForm]:
    subject = _TAGS.sub("", request.subject)
    content = [request.contact.address, subject, " ".join(request.text.split())]
    content.extend(digest(file.content) for file in files)
    return Read(
        form=request,
        content="\n".join(content).encode(),
        key=request.thread.message_id or name_of(raw.body),
        parts=tuple(Part(file.content) for file in files),
    )


def _unreadable(raw: Raw) -> Read[NormalForm]:
    """Return the request of a mail that the parser cannot take at all: it is its own file."""
    files = [whole_mail(raw.body)]
    request = Request(
        contact=_party("", raw.sender or "") or UNKNOWN_SENDER,
        subject=UNREADABLE,
        text=shortened(clean_text(decoded(raw.body[:TEXT_MAX], None)), characters_max=TEXT_MAX),
        files=(_file(files[0], 0),),
        thread=Thread(recipients=tuple(dict.fromkeys(map(normal_mail, raw.recipients)))),
        automatic=Automatic(reason="null-return-path") if raw.sender == "" else None,
    )
    return _submission(request, raw, files)


def _told(
    raw: Raw, headers: Headers, settings: MailSettings, *, subject: str, text: str
) -> AlertGroup | Hint | None:
    """Return what a monitor's mail says; None where this is another mail."""
    if settings.monitor is None:
        return None
    return monitor_mail(
        settings.monitor,
        subject=subject,
        text=text,
        headers=headers.as_dict(),
        received_at=raw.received_at,
        settings=settings.alerts,
    )


def _verdict(
    raw: Raw, headers: Headers, parts: Parts, settings: MailSettings, *, text: str
) -> Verdict:
    back = headers.word("return-path")
    nobody = "return-path" in headers and back in {"", "<>"}
    returned = raw.sender == "" or nobody or back.startswith("<mailer-daemon")
    return verdict_on(
        headers,
        parts,
        text=text,
        returned=returned,
        ours={base_address(address) for address in raw.recipients},
        lists=set(settings.lists),
    )


def _contact(headers: Headers, raw: Raw, settings: MailSettings, *, subject: str) -> Party:
    """Return who wrote it: From, else the return path; of a fax, whoever sent that."""
    party = _sender(headers, raw)
    if not settings.fax:
        return party
    number = fax_sender(subject, party.mail or "", headers.as_dict(), country=settings.fax_country)
    return Party(phone=number, name=number) if number else party


def _is_unproven(headers: Headers, contact: Party, settings: MailSettings) -> bool:
    return settings.authserv_id is not None and not is_proven(
        headers,
        sender=contact.mail or "",
        authserv_id=settings.authserv_id,
        aligned=settings.sender_proof == "aligned",
    )


def _sender(headers: Headers, raw: Raw) -> Party:
    for name, address in headers.senders():
        party = _party(shortened(name, characters_max=NAME_MAX), address)
        if party is not None:
            return party
    return _party("", raw.sender or "") or UNKNOWN_SENDER


def _party(name: str, address: str) -> Party | None:
    found = clean_line(address)
    if "@" not in found or len(found) > ADDRESS_MAX or " " in found:
        return None
    return Party(mail=found, name=name)


def _references(headers: Headers) -> tuple[str, ...]:
    """Return the Message-IDs that it answers, the nearest first."""
    answered = headers.ids("in-reply-to")
    earlier = headers.ids("references")
    return tuple(dict.fromkeys((*answered, *reversed(earlier))))[:REFERENCES_MAX]


def _recipients(headers: Headers, raw: Raw) -> tuple[str, ...]:
    named = headers.addresses("to", "cc", "delivered-to", "x-original-to", "envelope-to")
    ordered = dict.fromkeys((*map(normal_mail, raw.recipients), *named))
    return tuple(ordered)[:RECIPIENTS_MAX]


def _page(parts: Parts) -> str:
    page = clean_text("\n".join(filter(None, map(cleaned, parts.pages))))
    return page if len(page) <= HTML_MAX else ""


def _file(file: Attached, position: int) -> File:
    return File(
        name=file.name,
        media_type=file.media_type,
        size=len(file.content),
        content_id=file.content_id,
        part=position,
    )
