"""Settings of an integration of mail, however its mails come in."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.intake.doors.monitoring.mails import Monitor
from services.intake.doors.monitoring.settings import MonitorSettings

ListName = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^A-Z\s<>]+$")]


class MailSettings(BaseModel):
    """What the mails of an integration are, and how many are too many."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    monitor: Monitor | None = None
    """Whose notifications come in: they are read as alerts; other mails are requests."""
    alerts: MonitorSettings = MonitorSettings()
    """How the monitor's mails are read."""
    fax: bool = False
    """A fax gateway writes here: the sender's number is who asks."""
    fax_country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] | None = None
    """The country of a fax number without its country's code, ISO 3166-1."""
    lists: Annotated[tuple[ListName, ...], Field(max_length=100)] = ()
    """Mailing lists that requests come by: List-Ids or addresses, in lower case."""
    authserv_id: Annotated[str, Field(pattern=r"^(?:\*|[A-Za-z0-9._-]{1,253})$")] | None = None
    """By what name your own mail server signs its ``Authentication-Results`` (RFC 8601), such as
    ``mx.example.org``; ``*`` where it writes one at the top of every mail without a name, as
    Exchange Online does. It has to remove what others wrote under its name (section 5 of the RFC), as
    most do. A mail whose sender it does not find proven joins a ticket only by our
    signed token: with a number in the subject, or as an answer to a mail of the ticket, it waits
    for an agent. None: nobody is asked, and whoever writes a participant's address into From
    counts as that participant."""
    sender_proof: Literal["dmarc", "aligned"] = "dmarc"
    """What an ``authserv_id`` has to say: that DMARC does not fail, or (``aligned``) that DMARC
    passes, or DKIM or SPF for the domain of From; silence is no proof then."""
    sender_mails_per_hour: Annotated[int, Field(ge=1, le=100_000)] = 60
    """More of one sender are no person's: they are kept for review."""
    conversation_mails_per_hour: Annotated[int, Field(ge=1, le=100_000)] = 20
    """More of one sender to one ticket are two programs that answer each other."""


Folder = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]


class ImapSettings(MailSettings):
    """A mailbox that is looked into.

    Its secrets are ``password``, or ``oauth``: a token of OAuth 2.0 for XOAUTH2.
    """

    host: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9.:-]+$")]
    port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    """None: 993 with ``tls: ssl``, else 143."""
    tls: Literal["ssl", "starttls", "none"] = "ssl"
    """``none`` is for a server on the same machine."""
    ca_file: Annotated[str, Field(pattern=r"^/[^\x00\n]{1,250}$")] | None = None
    """A file with the certificates that are trusted, PEM; None: those of the machine."""
    user: Annotated[str, Field(min_length=1, max_length=254, pattern=r"^[^\x00-\x1f]+$")]
    folder: Folder = "INBOX"
    """The folder that is looked into."""
    done_folder: Folder | None = None
    """Where a mail is moved that is accepted; None leaves it, marked as seen."""
    poll_seconds: Annotated[int, Field(ge=5, le=3_600)] = 60
    """Between two looks at most; servers that can tell of a mail are not waited for so long."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.done_folder == self.folder:
            message = "done_folder: another folder than folder"
            raise ValueError(message)
        local = self.host in {"localhost", "::1"} or self.host.startswith("127.")
        if self.tls == "none" and not local:
            message = "tls: a password goes over ssl or starttls to another machine"
            raise ValueError(message)
        return self

    @property
    def port_used(self) -> int:
        """The port that is connected to."""
        return self.port or (993 if self.tls == "ssl" else 143)
