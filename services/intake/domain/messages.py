"""Messages of a conversation: rows beside the ticket's document, counted from 1."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from services.intake.domain.files import FileRef
from shared.contracts.envelope import Event
from shared.contracts.facts import Channel, Code, Id, Instant
from shared.contracts.intake import Direction
from shared.contracts.internal import MessageView

MESSAGES_SOURCE = "/intake/messages"
"""The rows of a conversation are a source of its ticket: the mark says which are taken in."""


class Message(BaseModel):
    """One message.

    Invariant: (``ticket``, ``n``) is unique, and n is only given after n-1 was: who sees a row
    sees all before it. So the ticket takes rows in their order, by its mark.
    """

    model_config = ConfigDict(frozen=True)

    id: Id
    tenant: Code
    ticket: Id
    n: int
    direction: Direction
    channel: Channel
    subject: str = ""
    text: str = ""
    quoted: str = ""
    html: str = ""
    files: tuple[FileRef, ...] = ()
    fields: dict[Code, str] = {}
    author: Id
    author_name: str = ""
    at: Instant
    language: Code = "en"
    message_id: str | None = None
    edited_at: Instant | None = None
    deleted_at: Instant | None = None
    """Deleted where it was written: the text stays for agents, marked as deleted."""
    configversion: int = 0
    trace: str = ""

    def view(self) -> MessageView:
        """Return the message as other services read it."""
        return MessageView(
            id=self.id,
            ticket=self.ticket,
            direction=self.direction,
            channel=self.channel,
            subject=self.subject,
            text=self.text,
            author=self.author_name,
            at=self.at,
            language=self.language,
            message_id=self.message_id,
        )

    def as_cause(self) -> Event[None]:
        """Return the row as an event of its conversation, for the ticket's mark."""
        return Event(
            id=self.id,
            source=MESSAGES_SOURCE,
            type="heliodesk.intake.message_row",
            subject=self.ticket,
            time=self.at,
            sequence=self.n,
            tenant=self.tenant,
            configversion=self.configversion,
            correlationid=self.trace or self.ticket,
            body=None,
        )
