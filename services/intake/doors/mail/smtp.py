"""Door ``smtp``: mails that are sent to intake's own listener."""

from __future__ import annotations

from services.intake.doors.mail.reading import parse
from services.intake.doors.mail.settings import MailSettings
from services.intake.doors.shape import Door
from shared.contracts.facts import Channel

DOOR = Door(
    name="smtp",
    title="Mail over SMTP",
    parse=parse,
    channel=Channel.EMAIL,
    settings=MailSettings,
    source="RFC 5321, RFC 5322, RFC 3834",
)
