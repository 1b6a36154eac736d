"""Knowledge in memory: texts, the list of articles, one process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from services.knowledge.adapters.index import TantivyIndex
from services.knowledge.consumers import on_requests
from services.knowledge.domain.articles import ARTICLES
from services.knowledge.domain.suggestions import SUGGESTIONS
from services.knowledge.handlers import Desk, Library, Suggesting
from services.knowledge.ports import Listed
from services.knowledge.settings import KnowledgeSettings
from shared.commit import Committer
from shared.configuration import Configurations
from shared.consumer import Consumer
from shared.contracts.envelope import Body, Event, numbered
from shared.contracts.internal import MessageView
from shared.contracts.knowledge import ArticlePublished
from shared.contracts.topics import KNOWLEDGE, REQUESTS, topic_of
from shared.kernel import Infrastructure
from shared.outbox import Relay
from shared.streams import Outgoing, Record
from shared.testing.clock import ManualClock
from shared.testing.memory import MemoryData, MemoryLog, MemoryPublisher, MemoryStreams

TENANT = "main"
SAMPLES = Path(__file__).parents[2] / "deploy" / "sample" / "articles"


def sample_articles() -> dict[str, ArticlePublished]:
    """Return the sample articles by the name of their files."""
    found = {}
    for path in sorted(SAMPLES.glob("*.md")):
        _, head, body = path.read_text(encoding="utf-8").split("---\n", 2)
        found[path.stem] = ArticlePublished(**yaml.safe_load(head), body=body, author="sample")
    return found


@dataclass
class MemoryTexts:
    """`Texts` in memory; counts how often it was asked."""

    texts: dict[str, MessageView] = field(default_factory=dict)
    down: bool = False
    asked: int = 0

    async def messages(self, tenant: str, ids: Iterable[str]) -> dict[str, MessageView]:
        """Return messages by id."""
        if self.down:
            message = "intake does not answer"
            raise Infrastructure(message)
        self.asked += 1
        return {i: self.texts[i] for i in ids if i in self.texts}


class MemoryArticles:
    """`ArticleList` in memory, over the documents of a memory store."""

    def __init__(self, data: MemoryData) -> None:
        self._data = data

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
        rows = sorted(self._data.collection(ARTICLES.name).values(), key=lambda row: row["_id"])
        return [
            Listed(
                id=row["_id"],
                revision=row["seq"],
                title=row["state"]["title"],
                language=row["state"]["language"],
                keywords=tuple(row["state"]["keywords"]),
                author=row["state"]["author"],
                retired=row["state"]["retired"],
                published_at=row["state"]["published_at"],
                updated_at=row["state"]["updated_at"],
            )
            for row in rows
            if row["tenant"] == tenant
            and row["state"] is not None
            and (after is None or row["_id"] > after)
            and language in {None, row["state"]["language"]}
            and retired in {None, row["state"]["retired"]}
        ][:limit]


class Knowledge:
    """One process of knowledge on memory; another one may share ``streams`` and ``log``."""

    def __init__(
        self,
        *,
        clock: ManualClock | None = None,
        streams: MemoryStreams | None = None,
        log: MemoryLog | None = None,
        texts: MemoryTexts | None = None,
        score_min: float | None = None,
    ) -> None:
        self.clock = clock or ManualClock()
        self.streams = streams or MemoryStreams()
        self.log = log or MemoryLog()
        self.texts = texts or MemoryTexts()
        self.relay = Relay(
            publisher=MemoryPublisher(self.log),
            store=self.streams,
            aggregates=[ARTICLES, SUGGESTIONS],
            clock=self.clock,
        )
        configurations = Configurations()
        self.committer = Committer(
            store=self.streams,
            parking=self.streams,
            relay=self.relay,
            clock=self.clock,
            configversion=configurations.version,
        )
        self.library = Library(TantivyIndex(), ends=self._ends)
        if score_min is None:
            score_min = KnowledgeSettings.model_fields["suggestion_score_min"].default
        self.suggesting = Suggesting(texts=self.texts, library=self.library, score_min=score_min)
        self.consumer = Consumer(
            topic=REQUESTS,
            on=on_requests(self.suggesting),
            committer=self.committer,
            configured=configurations,
            clock=self.clock,
            owner="knowledge",
            first=self.suggesting.learn,
        )
        self.desk = Desk(committer=self.committer, clock=self.clock)
        self.articles = MemoryArticles(self.streams.data)
        self._read: dict[int, int] = {}

    async def _ends(self) -> Mapping[int, int]:
        return {n: len(p) for n, p in enumerate(self.log.partitions(KNOWLEDGE.name))}

    async def follow(self) -> None:
        """Send what was decided, and read the topic of articles to its end."""
        await self.relay.drain()
        for number, partition in enumerate(self.log.partitions(KNOWLEDGE.name)):
            start = self._read.get(number, 0)
            if partition[start:]:
                await self.library.process(partition[start:])
            self._read[number] = len(partition)

    async def receive(self, *events: Event[Body]) -> None:
        """Process events of the topic of requests as one batch."""
        records = [record_of(event) for event in events]
        await self.consumer.process(records)
        await self.relay.drain()


def record_of(event: Event[Body]) -> Record:
    """Return the record that carries an event."""
    wire = event.encoded()
    name = topic_of(type(event.body)).name
    return MemoryLog().append(
        Outgoing(topic=name, key=event.key, value=wire.body, headers=wire.headers())
    )


def event_of(subject: str, body: Body, *, sequence: int = 1, tenant: str = TENANT) -> Event[Body]:
    """Return an event of another service."""
    return numbered(
        source=topic_of(type(body)).source or "",
        subject=subject,
        sequence=sequence,
        time=ManualClock().now(),
        tenant=tenant,
        configversion=0,
        body=body,
    )
