"""The services that own what the console only shows, and who asks them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from services.console.domain.levels import ReportFile
from shared.auth import Actor
from shared.contracts.facts import Code, Id, Instant, TicketFacts
from shared.contracts.intake import Direction
from shared.contracts.internal import RiskView
from shared.contracts.sla import ClockView


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
    ticket: Id | None = None
    """Another than the one shown where that was merged into it."""
    entry: Code = "message"
    """Only a ``message`` can be split off."""
    moved_to: Id | None = None
    """The ticket into which it was split off."""


class Contact(Answer):
    """Who asked."""

    id: Id | None = None
    name: str = ""
    mail: str | None = None


class Links(Answer):
    """How a ticket hangs together with others."""

    merged_into: Id | None = None
    absorbed: tuple[Id, ...] = ()
    split_from: Id | None = None
    parent: Id | None = None
    children: tuple[Id, ...] = ()
    causes: tuple[Id, ...] = ()
    effects: tuple[Id, ...] = ()


class Classification(Answer):
    """Who said what a ticket is, and what the trained model suggested.

    Sources are ``caller:<name>``, ``rule:<name>``, ``model:<version>``, ``integration:<name>``,
    ``agent:<id>`` and ``default``.
    """

    kind_by: Code = "default"
    category_by: Code | None = None
    suggested_kind: Code | None = None
    kind_probability: float | None = None
    suggested_category: Code | None = None
    category_probability: float | None = None

    def otherwise(self, facts: TicketFacts) -> dict[str, str]:
        """Return what the model suggests and is not so, by field."""
        suggested = {"kind": self.suggested_kind, "category": self.suggested_category}
        return {f: s for f, s in suggested.items() if s is not None and s != getattr(facts, f)}


class Correction(Answer):
    """One fact of a ticket that an agent corrected."""

    field: Code
    was: Code | None = None
    now: Code | None = None
    was_by: Code | None = None
    by: Id
    at: Instant


class Alerts(Answer):
    """The group of alerts that a ticket is about."""

    key: Code
    firing: int = 0


class Conversation(Answer):
    """A ticket as intake shows it to agents: its texts, its links, what it is and who said so."""

    revision: int | None = None
    """The ticket's in intake; commands there are guarded by it."""
    messages: tuple[Message, ...] = ()
    contact: Contact | None = None
    links: Links = Links()
    follows: Id | None = None
    facts: TicketFacts | None = None
    classification: Classification | None = None
    corrections: tuple[Correction, ...] = ()
    closed: bool = False
    alerts: Alerts | None = None
    """Of a ticket that is about alerts; such a one is merged into no other."""

    def said_by(self, field: str) -> str | None:
        """Return who said a kind or a category last; None where nobody did."""
        for correction in reversed(self.corrections):
            if correction.field == field:
                return f"agent:{correction.by}"
        if self.classification is None:
            return None
        found = self.classification
        return found.kind_by if field == "kind" else found.category_by


class Standing(Answer):
    """Where a ticket stands, as routing says it now."""

    status: Code
    desk: Code
    agent: Code | None = None
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Next:
    """The ticket that is next for an agent; None where nothing waits for them."""

    ticket: str | None
    wait_seconds: int | None = None
    """When something may come by itself, where that is known."""


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

    async def risks(self, tenant: str, tickets: Collection[str]) -> Mapping[str, RiskView]:
        """Read from sla which tickets are at risk, by id; the others are left out."""
        ...

    async def clocks(
        self, tenant: str, tickets: Collection[str]
    ) -> Mapping[str, Sequence[ClockView]]:
        """Read from sla the clocks of tickets, by id, with their time counted up to now."""
        ...

    async def explain(self, caller: Caller, ticket: str, *, language: str) -> str:
        """Read from sla, in plain text, how each clock came to stand as it does."""
        ...

    async def report(
        self, caller: Caller, month: str, wanted: ReportFile, *, language: str
    ) -> Saved:
        """Read the report of a month of UTC from sla, as a file to be saved."""
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

    async def next(self, caller: Caller) -> Next:
        """Ask routing for the next best ticket, for the caller to begin with."""
        ...

    async def mails(self) -> Sequence[Mail]:
        """List what the local mail sink received, newest first."""
        ...

    async def mail(self, mail: str) -> Mail:
        """Read one mail of the local mail sink."""
        ...
