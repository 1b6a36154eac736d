"""Mails as people's programs write them, for the tests of conversations."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP

from services.intake.domain.receipts import Receipt
from services.intake.doors import DOORS, Raw
from tests.support.intake import Intake
from tests.support.intake_input import read_one

HELP = "help@helio.example"
BILLING = "service@helio.example"


def letter(
    message_id: str,
    *,
    sender: str = "ana@example.org",
    to: tuple[str, ...] = (HELP,),
    cc: tuple[str, ...] = (),
    subject: str = "Screen dark",
    text: str = "It is dark since nine.",
    answers: tuple[str, ...] = (),
    headers: tuple[tuple[str, str], ...] = (),
    attached: bytes | None = None,
) -> bytes:
    """Return a mail; ``answers`` are its references, the oldest first."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = ", ".join(to)
    if cc:
        mail["Cc"] = ", ".join(cc)
    mail["Subject"] = subject
    mail["Message-ID"] = message_id
    if answers:
        mail["In-Reply-To"] = answers[-1]
        mail["References"] = " ".join(answers)
    for name, value in headers:
        mail[name] = value
    mail.set_content(text)
    if attached is not None:
        mail.add_attachment(attached, maintype="application", subtype="octet-stream", filename="m")
    return mail.as_bytes()


async def post(
    intake: Intake, body: bytes, *, sender: str = "ana@example.org", to: str = HELP
) -> Receipt:
    """Hand a mail in, as one of our mailboxes got it."""
    raw = Raw(body=body, sender=sender, recipients=(to,))
    return await intake.accepting.submit(
        DOORS["smtp"], read_one("smtp", raw), intake.caller("mail-demo"), original=raw
    )
