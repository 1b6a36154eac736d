"""What notify needs of others: contacts and texts, words, a channel, claims."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from shared.contracts.internal import CodeView, ContactView, MessageView
from shared.contracts.notify import NoticeKind
from shared.kernel import HeliodeskError
from shared.organisation import Configuration


class Directory(Protocol):
    """Intake's contacts and texts. Every method may raise `Infrastructure`."""

    async def contacts(self, tenant: str, ids: Iterable[str]) -> dict[str, ContactView]:
        """Return contacts by id; unknown ones are left out."""
        ...

    async def messages(self, tenant: str, ids: Iterable[str]) -> dict[str, MessageView]:
        """Return messages by id; unknown ones are left out."""
        ...

    async def codes(self, tenant: str, ids: Iterable[str]) -> dict[str, CodeView]:
        """Return codes by id that can still be used; others are left out."""
        ...


@dataclass(frozen=True, slots=True)
class Rendered:
    """A notice in words."""

    subject: str
    text: str
    html: str
    language: str
    """The language that was found for it."""


class Words(Protocol):
    """The templates."""

    def render(
        self,
        *,
        kind: NoticeKind,
        language: str,
        values: Mapping[str, str],
        configuration: Configuration,
    ) -> Rendered:
        """Return the words of a notice: the organisation's own, or else the shipped ones."""
        ...


class Tls(StrEnum):
    """How the connection to a mail server is protected."""

    NONE = "none"
    STARTTLS = "starttls"
    IMPLICIT = "implicit"


class ChannelDown(HeliodeskError):
    """The channel as a whole cannot be used now, whatever the notice."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The channel is responsible for the mail now."""


@dataclass(frozen=True, slots=True)
class Refused:
    """It will never take this mail. The reason holds no address."""

    reason: str


@dataclass(frozen=True, slots=True)
class Later:
    """It does not take this mail now. The reason holds no address."""

    reason: str


Answer = Taken | Refused | Later


class Session(Protocol):
    """A connection on which mails are sent one after the other."""

    async def send(self, *, sender: str, recipient: str, content: bytes) -> Answer:
        """Send one mail.

        Raises:
            ChannelDown: the connection is gone; whether the mail was taken is not known.
        """
        ...


class Channel(Protocol):
    """The way to people."""

    def session(self) -> AbstractAsyncContextManager[Session]:
        """Open a connection.

        Raises:
            ChannelDown: nobody answers, or the server wants nothing of us.
        """
        ...


@dataclass(frozen=True, slots=True)
class Due:
    """A ticket that has notices to be sent now."""

    ticket: str
    tenant: str
    notices: tuple[str, ...]
    """Their ids."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A notice that a process is sending. The row's existence is the claim."""

    notice: str
    ticket: str
    slot: str | None
    start: str
    """Names the process's start, so that a slot knows the claims of its earlier ones."""
    at: datetime
    until: datetime
    """From then on anybody may take it over."""


class Claims(Protocol):
    """Who sends what. Every method may raise `Infrastructure`, and then says nothing."""

    async def due(self, *, now: datetime, limit: int) -> list[Due]:
        """Return tickets with due notices that nobody is sending, the longest due first."""
        ...

    async def take(self, claims: Sequence[Claim]) -> frozenset[str]:
        """Insert claims; return the ids of the notices that were free."""
        ...

    async def release(self, notices: Collection[str], *, start: str) -> None:
        """Give up claims of this start."""
        ...

    async def release_start(self, start: str) -> None:
        """Give up all claims of this start."""
        ...

    async def release_earlier(self, slot: str, *, start: str) -> None:
        """Give up the claims of a slot's earlier starts: what they sent is not known."""
        ...

    async def expire(self, now: datetime) -> None:
        """Give up claims whose lease is over."""
        ...
