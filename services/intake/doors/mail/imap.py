"""Door ``imap``: mails that are fetched from mailboxes elsewhere."""

from __future__ import annotations

from services.intake.doors.mail.reading import parse
from services.intake.doors.mail.settings import ImapSettings
from services.intake.doors.shape import Door
from shared.contracts.facts import Channel

DOOR = Door(
    name="imap",
    title="Mail from mailboxes, over IMAP",
    parse=parse,
    channel=Channel.EMAIL,
    settings=ImapSettings,
    secrets=("password", "oauth"),
    source="RFC 3501, RFC 9051, RFC 2177",
)
