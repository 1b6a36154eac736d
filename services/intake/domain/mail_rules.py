"""Rules of mail that need no mail: which address is whose, and when a sender writes too often."""

from __future__ import annotations

from services.intake.domain.mail_facts import Frequency
from services.intake.domain.normal import Automatic, File, Request
from services.intake.domain.text import normal_mail, shortened

REASON_MAX = 200


def base_address(address: str) -> str:
    """Return an address as it is compared, without what follows a plus sign before the @.

    ``Help+abc@example.org`` is ``help@example.org``: the plus-part is ours, and tells which
    conversation is meant.
    """
    local, at, domain = normal_mail(address).rpartition("@")
    base = local.partition("+")[0]
    return f"{base or local}{at}{domain}"


def guarded(
    request: Request,
    frequency: Frequency,
    *,
    sender_max: int,
    conversation_max: int,
    replies_max: int,
) -> Request:
    """Return a request as it is taken from a sender who has written so often of late.

    Above a limit nobody writes any more: two programs answer each other, and the mail waits for
    an agent. Before that, who has had enough automatic answers gets no more of them: most loops
    end there.

    Args:
        request: as the door read it.
        frequency: of its sender, without this one.
        sender_max: mails of one sender in an hour.
        conversation_max: mails of one sender in one conversation in an hour.
        replies_max: automatic answers to one sender in a day.
    """
    if request.automatic is not None:
        return request
    answers = bool(request.thread.references)
    if frequency.mails >= sender_max or (answers and frequency.in_conversation >= conversation_max):
        return request.model_copy(update={"automatic": Automatic(reason="loop"), "silent": True})
    if frequency.opened >= replies_max:
        return request.model_copy(update={"silent": True})
    return request


def without_files(request: Request, *, reason: str, files_max: int) -> Request:
    """Return a request whose files are named, and why they are not there.

    Where a mail cannot be refused, since it lies in a mailbox, its text must not be lost for the
    sake of its files.
    """
    missing = shortened(reason, characters_max=REASON_MAX)
    named = tuple(
        File(name=file.name, media_type=file.media_type, missing=missing)
        for file in request.files[:files_max]
    )
    return request.model_copy(update={"files": named})
