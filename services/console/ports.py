"""What the console's use cases need of the outside: its projection, and the owning services."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from services.console.domain.projection import Part, Row
from services.console.domain.tickets import AgentNow, Change, Counts, QueueFilter, Ticket
from shared.auth import Actor
from shared.contracts.facts import Code, Id, Instant
from shared.contracts.intake import Direction

MESSAGE_CHARACTERS_SHOWN_MAX = 50_000


@dataclass(frozen=True, slots=True)
class Noted:
    """Whose pages a batch of events changes, in one tenant."""

    tenant: str
    tickets: frozenset[str] = frozenset()
    agents: bool = False


class Projection(Protocol):
    """The console's own store. Every method may raise `Infrastructure`, and then says nothing."""

    async def add(self, rows: Sequence[Row], parts: Sequence[Part], notes: Sequence[Noted]) -> None:
        """Keep rows that are not there yet, replace older parts, then note the changes.

        The changes are noted last, so that who reads of one finds what changed.
        """
        ...

    async def timeline(self, tenant: str, ticket: str, *, limit: int) -> list[Row]:
        """Return a ticket's rows, at most the newest ``limit``."""
        ...

    async def ticket(self, tenant: str, ticket: str) -> Ticket | None:
        """Return a ticket's summary."""
        ...

    async def by_number(self, tenant: str, number: str) -> str | None:
        """Return the id of the ticket of a number."""
        ...

    async def queue(self, tenant: str, chosen: QueueFilter) -> list[Ticket]:
        """Return the tickets of a selection, sorted, at most its limit."""
        ...

    async def counts(self, tenant: str) -> Counts:
        """Return how many open and resolved tickets there are."""
        ...

    async def agents(self, tenant: str) -> dict[str, AgentNow]:
        """Return presence and load of the agents that have been heard of."""
        ...

    async def last_change(self) -> int:
        """Return the number of the newest change; 0 where there is none."""
        ...

    async def changes(self, *, after: int, limit: int) -> list[Change]:
        """Return changes behind a number, in order."""
        ...


class Answer(BaseModel):
    """Base of what other services answer: fields that are not needed here are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class SignedIn(Answer):
    """A session that control opened."""

    token: str
    expires_at: Instant


class File(Answer):
    """A file of a message; without an id its bytes are not there yet, or never will be."""

    id: Id | None = None
    name: str = ""
    size: int | None = None
    failed: str = ""
    """Why it could not be fetched."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A file's bytes, and the headers under which a browser saves and never shows them."""

    content: bytes
    headers: Mapping[str, str]


class Message(Answer):
    """One message of a conversation, as intake shows it to agents."""

    id: Id
    direction: Direction
    at: Instant
    subject: str = ""
    text: str = ""
    quoted: str = ""
    """All that a mail says, where quotations or a signature were split off its text."""
    files: tuple[File, ...] = ()
    fields: Mapping[str, str] = {}
    """Custom fields of its form."""
    deleted_at: Instant | None = None
    """Deleted where it was written."""
    author: str = ""
    """Id of the agent or the contact."""
    author_name: str = ""


class Contact(Answer):
    """Who asked."""

    name: str = ""
    mail: str | None = None


class Conversation(Answer):
    """The texts of a ticket."""

    messages: tuple[Message, ...] = ()
    contact: Contact | None = None


class Standing(Answer):
    """Where a ticket stands, as routing says it now."""

    status: Code
    desk: Code
    agent: Code | None = None
    revision: int = 0


class Article(Answer):
    """A knowledge article, or one that was found."""

    id: Id
    title: str
    body: str = ""
    language: Code = ""
    keywords: tuple[str, ...] = ()
    excerpt: str = ""


class Submitted(Answer):
    """A request that intake has accepted."""

    number: Code
    ticket: Id


class Mail(Answer):
    """A mail that the local sink received."""

    id: str
    sender: Annotated[str, Field(validation_alias="from")] = ""
    to: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()
    subject: str = ""
    message_id: str = ""
    received_at: Instant
    text: str = ""
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Caller:
    """A person who signed in: who it is, and the token that says so to other services."""

    actor: Actor
    token: str
    expires_at: datetime

    @property
    def tenant(self) -> str:
        """The caller's tenant."""
        return self.actor.tenant

    @property
    def name(self) -> str:
        """The caller's login name, which is the agent's id in the configuration."""
        return self.actor.name


class Owners(Protocol):
    """The services that own what the console only shows.

    Every method may raise `Infrastructure` where the service does not answer, and
    `CommandRejected` with the service's own code, reason and status where it refuses.
    """

    async def sign_in(self, *, tenant: str, name: str, password: str) -> SignedIn:
        """Open a session at control."""
        ...

    async def renew(self, token: str) -> SignedIn:
        """Exchange a token that is still valid for a new one."""
        ...

    async def conversation(self, caller: Caller, ticket: str) -> Conversation:
        """Read a ticket's texts from intake."""
        ...

    async def file(self, caller: Caller, file: str) -> Saved:
        """Read a file of a message from intake."""
        ...

    async def subjects(self, tenant: str, messages: Collection[str]) -> Mapping[str, str]:
        """Read subject lines by message id from intake; unknown ids are left out."""
        ...

    async def explain(self, caller: Caller, ticket: str, *, language: str) -> str:
        """Read from sla, in plain text, how each clock came to stand as it does."""
        ...

    async def standing(self, caller: Caller, ticket: str) -> Standing:
        """Read from routing where a ticket stands now."""
        ...

    async def command(
        self, caller: Caller, ticket: str, verb: str, body: Mapping[str, Any], *, revision: int
    ) -> int:
        """Send a command about a ticket to routing; return the ticket's revision after it."""
        ...

    async def say(
        self, caller: Caller, ticket: str, *, text: str, visibility: str, key: str
    ) -> None:
        """Add a reply (``public``) or a note (``internal``) to a conversation in intake."""
        ...

    async def submit(self, caller: Caller, body: Mapping[str, Any], *, key: str) -> Submitted:
        """Hand a request in at intake; the key makes a repetition harmless."""
        ...

    async def search(self, caller: Caller, query: str, *, language: str) -> Sequence[Article]:
        """Search articles."""
        ...

    async def article(self, caller: Caller, article: str) -> Article:
        """Read an article."""
        ...

    async def presence(self, caller: Caller, presence: str) -> None:
        """Say whether the caller takes work."""
        ...

    async def mails(self) -> Sequence[Mail]:
        """List what the local mail sink received, newest first."""
        ...

    async def mail(self, mail: str) -> Mail:
        """Read one mail of the local mail sink."""
        ...
