"""What knowledge needs of others: texts of tickets, an index, a list of articles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.contracts.internal import MessageView


class Texts(Protocol):
    """Intake's messages. May raise `Infrastructure`."""

    async def messages(self, tenant: str, ids: Iterable[str]) -> dict[str, MessageView]:
        """Return messages by id; unknown ones are left out."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """An article as it is to be found; ``content`` None takes it out."""

    article: str
    content: Content | None


@dataclass(frozen=True, slots=True)
class Content:
    """What an article says."""

    title: str
    body: str
    language: str
    keywords: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """An article that fits. The unit of ``score`` is one rare word found in a text."""

    article: str
    title: str
    language: str
    body: str
    keywords: tuple[str, ...]
    score: float


class Index(Protocol):
    """Full-text search; what one tenant has never shows in another's results or scores."""

    async def put(self, tenant: str, entries: Sequence[Entry]) -> None:
        """Take in, replace or take out articles, the later of two entries last."""
        ...

    def search(
        self,
        tenant: str,
        words: Sequence[str],
        *,
        limit: int,
        language: str | None = None,
        preferred: str | None = None,
        matches_min: int = 1,
    ) -> list[Found]:
        """Return the articles that fit best.

        Args:
            tenant: whose articles.
            words: of `words_of_query`; without any nothing is found.
            limit: so many at most.
            language: finds articles in that language only.
            preferred: puts articles in that language first among equals.
            matches_min: how many different words must be found in an article.
        """
        ...


@dataclass(frozen=True, slots=True)
class Listed:
    """An article in a list, without its text."""

    id: str
    revision: int
    title: str
    language: str
    keywords: tuple[str, ...]
    author: str
    retired: bool
    published_at: datetime
    updated_at: datetime


class ArticleList(Protocol):
    """The articles of a tenant, in the order of their ids. May raise `Infrastructure`."""

    async def page(
        self,
        tenant: str,
        *,
        after: str | None,
        limit: int,
        language: str | None,
        retired: bool | None,
    ) -> list[Listed]:
        """Return articles with ids behind ``after``; None as a filter takes any."""
        ...
