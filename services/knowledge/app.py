"""Wiring of knowledge."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import FastAPI

from services.knowledge.adapters.index import TantivyIndex
from services.knowledge.api import articles_router, search_router
from services.knowledge.consumers import on_requests
from services.knowledge.domain.articles import ARTICLES
from services.knowledge.domain.suggestions import SUGGESTIONS
from services.knowledge.handlers import Desk, Library, Suggesting
from services.knowledge.settings import KnowledgeSettings
from services.knowledge.store import MongoArticles
from shared.clock import Clock, SystemClock
from shared.contracts.topics import KNOWLEDGE, REQUESTS
from shared.intake_api import IntakeApi
from shared.kernel import Infrastructure
from shared.service import Runtime
from shared.settings import secret

CATCH_UP_SECONDS = 0.5


def create_app(settings: KnowledgeSettings, *, clock: Clock | None = None) -> FastAPI:
    """Return the application of one knowledge process."""
    clock = clock or SystemClock()
    runtime = Runtime(
        name="knowledge", settings=settings, clock=clock, aggregates=[ARTICLES, SUGGESTIONS]
    )
    articles = MongoArticles(runtime.database)
    runtime.prepare.append(articles.ensure_indexes)

    async def ends() -> Mapping[int, int]:
        try:
            return await runtime.bus.end_offsets(KNOWLEDGE)
        except LookupError as error:
            message = "the broker is not connected yet"
            raise Infrastructure(message) from error

    library = Library(TantivyIndex(), ends=ends)
    runtime.bus.follow(KNOWLEDGE, library.process)
    runtime.unready_reasons.append(library.unready)

    async def catch_up() -> None:
        await library.catch_up()

    runtime.tick("catch-up", catch_up, seconds=CATCH_UP_SECONDS)
    suggesting = Suggesting(
        texts=IntakeApi(url=settings.intake_url, token=secret(settings.service_token)),
        library=library,
        score_min=settings.suggestion_score_min,
    )
    runtime.consume(REQUESTS, on_requests(suggesting), first=suggesting.learn)
    desk = Desk(committer=runtime.committer, clock=clock)
    return runtime.application(
        routers=[articles_router(desk, articles), search_router(library, desk)],
        title="Heliodesk knowledge",
        description="Articles, full-text search, and suggestions for tickets.",
    )
