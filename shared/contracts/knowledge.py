"""Events of knowledge: articles, and what was suggested for a ticket."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.envelope import Body
from shared.contracts.facts import Code, Id

ARTICLE_BODY_CHARACTERS_MAX = 50_000
SUGGESTIONS_MAX = 5


class ArticlePublished(Body):
    """An article's text from now on. Stream: one per article.

    Articles are written to be read: their text is no one's personal data, so it travels here.
    """

    type: ClassVar[str] = "heliodesk.knowledge.article_published.v1"

    title: Annotated[str, Field(min_length=1, max_length=300)]
    body: Annotated[str, Field(max_length=ARTICLE_BODY_CHARACTERS_MAX)]
    language: Code
    keywords: Annotated[tuple[Code, ...], Field(max_length=50)] = ()
    author: Code


class ArticleRetired(Body):
    """An article is suggested no more."""

    type: ClassVar[str] = "heliodesk.knowledge.article_retired.v1"

    by: Code


class Suggestion(BaseModel):
    """An article and how well it fits; scores compare only within one event."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    article: Id
    title: Annotated[str, Field(max_length=300)]
    score: float


class ArticlesSuggested(Body):
    """Articles that may solve the ticket, best first; possibly none. Stream: the ticket."""

    type: ClassVar[str] = "heliodesk.suggestion.made.v1"

    number: Code
    suggestions: Annotated[tuple[Suggestion, ...], Field(max_length=SUGGESTIONS_MAX)]
