"""Messages of a conversation: rows beside the ticket's document, counted from 1."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from services.intake.domain.files import FileRef
from shared.contracts.envelope import Event
from shared.contracts.facts import Channel, Code, Id, Instant
from shared.contracts.intake import Direction
from shared.contracts.internal import MessageView

MESSAGES_SOURCE = "/intake/messages"
"""The rows of a conversation are a source of its ticket: the mark says which are taken in."""


class Entry(StrEnum):
    """What a row of a conversation is."""

    MESSAGE = "message"
    AMENDMENT = "amendment"
    """A newer text of an earlier row, or that it was deleted where it was written."""
    REFUSED = "refused"
    """Said to a closed ticket whose desk takes no follow-ups: for agents to look at."""


class Version(BaseModel):
    """A text that a message had before it was edited."""

    model_config = ConfigDict(frozen=True)

    text: str
    until: Instant


class Message(BaseModel):
    """One row of a conversation: a message, or what became of one. Rows never change their text.

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
    receipt: str | None = None
    """What brought it: its original is kept under that."""
    silent: bool = False
    """No automatic answer is sent, should a ticket be opened with it."""
    evidence: Code = ""
    """Why it is in this conversation, see `services.intake.domain.threads.Evidence`."""
    answered_by: Id | None = None
    """The first message of its ticket, where that answers this one: who wrote this one asked."""
    entry: Entry = Entry.MESSAGE
    amends: Id | None = None
    """The message whose newer text this is."""
    amended_at: Instant | None = None
    """When it was edited or deleted, as the vendor says: an older edit may come in later."""
    chat: str | None = None
    """The chat's own name of the conversation in which it was said."""
    moved_to: Id | None = None
    """The ticket into which it was split off, or given back; there it has a row of its own."""
    copied_from: Id | None = None
    """The row in the ticket from which it was split off."""
    versions: tuple[Version, ...] = ()
    """Former texts, the oldest first; kept in no row, but folded from amendments."""
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


def amended(rows: Iterable[Message], amendments: Iterable[Message] = ()) -> list[Message]:
    """Return messages with their newest texts, and without the rows that brought those.

    The former texts are in ``versions``. What was deleted stays deleted, and keeps its text.

    Args:
        rows: of one or more conversations; their order is kept.
        amendments: further ones that may be about them; one that is among both counts once.
    """
    found = list(rows)
    newer: dict[str, dict[str, Message]] = {}
    for row in (*found, *amendments):
        if row.entry is Entry.AMENDMENT and row.amends is not None:
            newer.setdefault(row.amends, {})[row.id] = row
    messages = (row for row in found if row.entry is not Entry.AMENDMENT)
    return [_folded(message, newer.get(message.id, {}).values()) for message in messages]


def _folded(message: Message, amendments: Iterable[Message]) -> Message:
    for row in sorted(amendments, key=lambda row: (row.amended_at or row.at, row.n)):
        if message.deleted_at is not None:
            break
        if row.deleted_at is not None:
            message = message.model_copy(update={"deleted_at": row.deleted_at})
            continue
        former = Version(text=message.text, until=row.at)
        message = message.model_copy(
            update={
                "text": row.text,
                "edited_at": row.at,
                "html": "",
                "versions": (*message.versions, former),
            }
        )
    return message


def in_time(rows: Iterable[Message]) -> list[Message]:
    """Return the messages of several conversations as one, the oldest first."""
    return sorted(rows, key=lambda row: (row.at, row.ticket, row.n))
