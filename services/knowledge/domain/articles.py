"""Articles: their state, what is decided about them, and how their own events change them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from shared.aggregate import Aggregate
from shared.contracts.envelope import Body, Event
from shared.contracts.knowledge import ArticlePublished, ArticleRetired
from shared.contracts.topics import KNOWLEDGE
from shared.kernel import CommandRejected, digest


class Article(BaseModel):
    """An article as it is now.

    Invariant: ``first`` tells what it was when it was made, so that a repeated request is known.
    """

    model_config = ConfigDict(frozen=True)

    title: str
    body: str
    language: str
    keywords: tuple[str, ...] = ()
    author: str
    retired: bool = False
    first: str
    published_at: datetime
    updated_at: datetime


def content_digest(published: ArticlePublished) -> str:
    """Return what tells whether two requests for an article ask for the same."""
    parts = [published.title, published.body, published.language, list(published.keywords)]
    return digest(json.dumps(parts, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def evolve(state: Article | None, event: Event[Any]) -> Article:
    """Return the article after one of its own events.

    Raises:
        ValueError: its first event does not publish it.
    """
    match event.body:
        case ArticlePublished() as body:
            return Article(
                title=body.title,
                body=body.body,
                language=body.language,
                keywords=body.keywords,
                author=body.author,
                first=state.first if state else content_digest(body),
                published_at=state.published_at if state else event.time,
                updated_at=event.time,
            )
        case ArticleRetired() if state is not None:
            return state.model_copy(update={"retired": True, "updated_at": event.time})
        case _ if state is not None:
            return state
        case _:
            message = f"{event.subject}: {event.type} before the article was published"
            raise ValueError(message)


def create(state: Article | None, wanted: ArticlePublished) -> Sequence[Body]:
    """Publish a new article; asking again for the same one changes nothing.

    Raises:
        CommandRejected: under this key another article was made.
    """
    if state is None:
        return (wanted,)
    if state.first == content_digest(wanted):
        return ()
    raise CommandRejected(
        "key-reused",
        "under this Idempotency-Key an article with another content was made",
        status=422,
    )


def replace(state: Article | None, wanted: ArticlePublished) -> Sequence[Body]:
    """Publish an article anew, a retired one too; the same content changes nothing.

    Raises:
        CommandRejected: there is no such article.
    """
    if state is None:
        raise CommandRejected("not-found", "there is no such article", status=404)
    now = (state.title, state.body, state.language, state.keywords)
    same = now == (wanted.title, wanted.body, wanted.language, wanted.keywords)
    return () if same and not state.retired else (wanted,)


def retire(state: Article | None, *, by: str) -> Sequence[Body]:
    """Take an article out of search and suggestions; retiring it again changes nothing.

    Raises:
        CommandRejected: there is no such article.
    """
    if state is None:
        raise CommandRejected("not-found", "there is no such article", status=404)
    return () if state.retired else (ArticleRetired(by=by),)


ARTICLES: Final = Aggregate(name="articles", topic=KNOWLEDGE, state=Article, evolve=evolve)
"""One document per article."""
