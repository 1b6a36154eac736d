"""HTTP of knowledge: articles, search, and what was suggested for a ticket."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from fastapi import Path as PathParameter
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from services.knowledge.domain.words import excerpt
from services.knowledge.handlers import Desk, Library, Revised
from services.knowledge.ports import ArticleList
from shared.auth import Action, Actor
from shared.contracts.knowledge import (
    ARTICLE_BODY_CHARACTERS_MAX,
    ArticlePublished,
    Suggestion,
)
from shared.http import Problem, allowed

SEARCH_LIMIT_MAX = 50
PAGE_LIMIT_MAX = 200

_REVISION = re.compile(r'"(\d{1,18})"')
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""White space apart, what no text needs and what breaks stores, logs and pages."""

Reader = Annotated[Actor, allowed(Action.READ)]
Writer = Annotated[Actor, allowed(Action.WORK)]
ArticleId = Annotated[str, PathParameter(max_length=64)]
IfMatch = Annotated[str | None, Header(alias="If-Match")]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$")]
Keyword = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]


class ArticleBody(BaseModel):
    """An article as it is to be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
    body: Annotated[
        str,
        StringConstraints(
            strip_whitespace=True, min_length=1, max_length=ARTICLE_BODY_CHARACTERS_MAX
        ),
    ]
    language: Language
    keywords: Annotated[tuple[Keyword, ...], Field(max_length=50)] = ()

    @field_validator("title", "body", "keywords")
    @classmethod
    def _is_plain(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if any(_CONTROL.search(text) for text in ([value] if isinstance(value, str) else value)):
            message = "control characters are not taken"
            raise ValueError(message)
        return value

    def published(self, actor: Actor) -> ArticlePublished:
        """Return the event that it asks for."""
        return ArticlePublished(
            title=self.title,
            body=self.body,
            language=self.language,
            keywords=self.keywords,
            author=actor.name,
        )


class ArticleSummary(BaseModel):
    """An article without its text. ``revision`` is what If-Match takes, in quotes."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    id: str
    revision: int
    title: str
    language: str
    keywords: tuple[str, ...]
    author: str
    retired: bool
    published_at: datetime
    updated_at: datetime


class ArticleView(ArticleSummary):
    """An article."""

    body: str

    @classmethod
    def of(cls, revised: Revised, response: Response) -> ArticleView:
        """Return the view of an article, and say its revision in the answer's ETag."""
        response.headers["ETag"] = f'"{revised.revision}"'
        shown = revised.article.model_dump(exclude={"first"})
        return cls(id=revised.id, revision=revised.revision, **shown)


class ArticlesPage(BaseModel):
    """A page of articles; ``next`` is the ``after`` of the next one, null at the end."""

    articles: tuple[ArticleSummary, ...]
    next: str | None


class SearchHit(BaseModel):
    """An article that fits; scores compare within one answer."""

    id: str
    title: str
    language: str
    keywords: tuple[str, ...]
    excerpt: str
    score: float


class SearchAnswer(BaseModel):
    """Articles that fit a query, best first."""

    query: str
    results: tuple[SearchHit, ...]


class SuggestionsAnswer(BaseModel):
    """Articles that may solve a ticket, best first."""

    ticket: str
    suggestions: tuple[Suggestion, ...]


def _if_match(status: int, code: str, reason: str) -> Problem:
    errors = [{"field": "If-Match", "reason": reason}]
    return Problem(status, code, f"If-Match: {reason}", errors=errors)


def revision_of(if_match: str | None) -> int | None:
    """Return the revision of an If-Match; None for ``*`` and where there is none.

    Raises:
        Problem: 400, it is not one of our ETags.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    found = _REVISION.fullmatch(if_match.strip())
    if found is None:
        raise _if_match(400, "invalid", 'give the ETag of the article, such as "3"')
    return int(found.group(1))


def articles_router(desk: Desk, articles: ArticleList) -> APIRouter:
    """Return the routes of articles."""
    router = APIRouter(tags=["articles"])

    @router.post("/v1/articles", status_code=201)
    async def create_article(
        wanted: ArticleBody,
        response: Response,
        actor: Writer,
        key: Annotated[
            str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200)
        ] = None,
    ) -> ArticleView:
        """Publish a new article. With an Idempotency-Key a repeated request makes no second one."""
        made = await desk.create(actor.tenant, wanted.published(actor), key=key)
        response.headers["Location"] = f"/v1/articles/{made.id}"
        return ArticleView.of(made, response)

    @router.get("/v1/articles")
    async def list_articles(
        actor: Reader,
        language: Annotated[str | None, Query(max_length=40)] = None,
        retired: Annotated[bool | None, Query()] = False,  # noqa: FBT002 - a query parameter
        after: Annotated[str | None, Query(max_length=64)] = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_LIMIT_MAX)] = 50,
    ) -> ArticlesPage:
        """List articles in the order of their ids."""
        found = await articles.page(
            actor.tenant, after=after, limit=limit, language=language, retired=retired
        )
        return ArticlesPage(
            articles=tuple(ArticleSummary.model_validate(item) for item in found),
            next=found[-1].id if len(found) == limit else None,
        )

    @router.get("/v1/articles/{article}")
    async def read_article(article: ArticleId, response: Response, actor: Reader) -> ArticleView:
        """Read an article, a retired one too."""
        return ArticleView.of(await desk.article(actor.tenant, article), response)

    @router.put("/v1/articles/{article}")
    async def replace_article(
        article: ArticleId,
        wanted: ArticleBody,
        response: Response,
        actor: Writer,
        if_match: IfMatch = None,
    ) -> ArticleView:
        """Replace an article; a retired one is published again. If-Match is required."""
        if if_match is None:
            raise _if_match(428, "precondition-required", "give the article's ETag")
        revision = revision_of(if_match)
        published = wanted.published(actor)
        changed = await desk.replace(actor.tenant, article, published, revision=revision)
        return ArticleView.of(changed, response)

    @router.post("/v1/articles/{article}/retire")
    async def retire_article(
        article: ArticleId, response: Response, actor: Writer, if_match: IfMatch = None
    ) -> ArticleView:
        """Take an article out of search and suggestions; it stays readable by its id."""
        changed = await desk.retire(
            actor.tenant, article, by=actor.name, revision=revision_of(if_match)
        )
        return ArticleView.of(changed, response)

    return router


def search_router(library: Library, desk: Desk) -> APIRouter:
    """Return the routes of search and suggestions."""
    router = APIRouter(tags=["search"])

    @router.get("/v1/search")
    async def search(
        actor: Reader,
        q: Annotated[str, Query(max_length=1_000)],
        language: Annotated[str | None, Query(max_length=40)] = None,
        limit: Annotated[int, Query(ge=1, le=SEARCH_LIMIT_MAX)] = 10,
    ) -> SearchAnswer:
        """Search articles in full text; any text is a query, and has no syntax."""
        found = await library.search(actor.tenant, q, language=language, limit=limit)
        return SearchAnswer(
            query=q,
            results=tuple(
                SearchHit(
                    id=hit.article,
                    title=hit.title,
                    language=hit.language,
                    keywords=hit.keywords,
                    excerpt=excerpt(hit.body, q),
                    score=hit.score,
                )
                for hit in found
            ),
        )

    @router.get("/v1/suggestions")
    async def list_suggestions(
        actor: Reader, ticket: Annotated[str, Query(min_length=1, max_length=64)]
    ) -> SuggestionsAnswer:
        """List what was suggested for a ticket; nothing where it is unknown here."""
        found = await desk.suggestions(actor.tenant, ticket)
        return SuggestionsAnswer(ticket=ticket, suggestions=found)

    return router
