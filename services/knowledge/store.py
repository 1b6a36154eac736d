"""Lists of articles from the store."""

from __future__ import annotations

from services.knowledge.domain.articles import ARTICLES
from services.knowledge.ports import Listed
from shared.documents import Row
from shared.mongo import Database, infrastructure

SHOWN = ("title", "language", "keywords", "author", "retired", "published_at", "updated_at")


class MongoArticles:
    """`ArticleList` on knowledge's database."""

    def __init__(self, database: Database) -> None:
        self._articles = database[ARTICLES.name]

    async def ensure_indexes(self) -> None:
        """Create the index of the query below."""
        async with infrastructure():
            await self._articles.create_index([("tenant", 1), ("_id", 1)], name="tenant")

    async def page(
        self,
        tenant: str,
        *,
        after: str | None,
        limit: int,
        language: str | None,
        retired: bool | None,
    ) -> list[Listed]:
        """Return articles with ids behind ``after``, without their texts."""
        query: Row = {"tenant": tenant, "state": {"$ne": None}}
        if after is not None:
            query["_id"] = {"$gt": after}
        if language is not None:
            query["state.language"] = language
        if retired is not None:
            query["state.retired"] = retired
        async with infrastructure():
            cursor = self._articles.find(query, {"seq": 1, **{f"state.{n}": 1 for n in SHOWN}})
            rows = await cursor.sort([("_id", 1)]).limit(limit).to_list(None)
        return [
            Listed(
                id=row["_id"],
                revision=row["seq"],
                **{**row["state"], "keywords": tuple(row["state"]["keywords"])},
            )
            for row in rows
        ]
