"""Lists of articles: one suite for the memory store and the real one."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from uuid import uuid5

import pytest

from services.knowledge.domain.articles import ARTICLES
from services.knowledge.ports import ArticleList, Listed
from services.knowledge.store import MongoArticles
from shared.aggregate import Document, Step, plan
from shared.clock import SystemClock
from shared.contracts.knowledge import ArticlePublished, ArticleRetired
from shared.kernel import NAMESPACE
from shared.mongo import MongoStreams, connect, database
from shared.streams import StreamStore
from shared.testing.clock import START
from shared.testing.memory import MemoryStreams
from tests.support.knowledge import MemoryArticles

Pair = tuple[StreamStore, ArticleList]


@pytest.fixture(params=["memory", "real"])
async def pair(request: pytest.FixtureRequest) -> AsyncGenerator[Pair]:
    """Give an empty store of documents and the list over it, of either sort."""
    if request.param == "memory":
        streams = MemoryStreams()
        yield streams, MemoryArticles(streams.data)
        return
    name = f"t{uuid5(NAMESPACE, request.node.nodeid).hex[:16]}"
    client = connect(request.getfixturevalue("mongo"), name="test-knowledge")
    await client.drop_database(name)
    own = database(client, name)
    real = MongoStreams(own, clock=SystemClock())
    await real.ensure_indexes([ARTICLES])
    articles = MongoArticles(own)
    await articles.ensure_indexes()
    yield real, articles
    await client.drop_database(name)
    client.close()


async def publish(
    store: StreamStore,
    name: str,
    *,
    language: str = "en",
    tenant: str = "main",
    then: ArticleRetired | None = None,
) -> None:
    """Store an article."""
    published = ArticlePublished(
        title=f"About {name}", body="x", language=language, keywords=("k",), author="h-clarke"
    )
    decided = plan(
        ARTICLES,
        Document(id=name, tenant=tenant),
        [Step(decide=lambda _: [published, *([then] if then else [])])],
        now=START,
        configversion=1,
    )
    assert decided.write is not None
    assert await store.commit([decided.write]) == frozenset()


async def test_pages(pair: Pair) -> None:
    """A page has what is behind the last id, of this tenant, with these filters."""
    store, articles = pair
    await publish(store, "b", language="zh")
    await publish(store, "a")
    await publish(store, "c", then=ArticleRetired(by="h-clarke"))
    await publish(store, "d", tenant="other")

    async def ids(
        *,
        after: str | None = None,
        limit: int = 10,
        language: str | None = None,
        retired: bool | None = None,
    ) -> list[str]:
        found = await articles.page(
            "main", after=after, limit=limit, language=language, retired=retired
        )
        return [item.id for item in found]

    assert await ids() == ["a", "b", "c"]
    assert await ids(limit=2) == ["a", "b"]
    assert await ids(after="a") == ["b", "c"]
    assert await ids(language="zh") == ["b"]
    assert await ids(retired=False) == ["a", "b"]
    assert await ids(retired=True) == ["c"]


async def test_what_is_listed(pair: Pair) -> None:
    """A listed article has everything but its text."""
    store, articles = pair
    await publish(store, "a")
    (found,) = await articles.page("main", after=None, limit=1, language=None, retired=None)
    assert found == Listed(
        id="a",
        revision=1,
        title="About a",
        language="en",
        keywords=("k",),
        author="h-clarke",
        retired=False,
        published_at=START,
        updated_at=START,
    )
