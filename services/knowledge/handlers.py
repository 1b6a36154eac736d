"""What knowledge does: follows the articles, finds, suggests, obeys those who write."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from services.knowledge.domain.articles import ARTICLES, Article, create, replace, retire
from services.knowledge.domain.suggestions import SUGGESTIONS, words_of_ticket
from services.knowledge.domain.words import words_of_query
from services.knowledge.ports import Content, Entry, Found, Index, Texts
from shared.aggregate import Document
from shared.clock import Clock
from shared.commands import RevisionStale
from shared.commit import Command, Committer
from shared.contracts.envelope import Body, EnvelopeInvalid, Event, ValidationError, decode
from shared.contracts.intake import RequestAccepted
from shared.contracts.knowledge import (
    SUGGESTIONS_MAX,
    ArticlePublished,
    ArticleRetired,
    Suggestion,
)
from shared.contracts.topics import KNOWLEDGE
from shared.kernel import CommandRejected, Infrastructure, stream_id
from shared.streams import Record

MATCHES_MIN = 2
"""One word in common is chance; a ticket of one word may still be answered by it."""


class Library:
    """The index of this process, and how far it has come.

    Invariant: nothing is searched before the index has all that the topic held when this process
    asked for the first time.
    """

    def __init__(self, index: Index, *, ends: Callable[[], Awaitable[Mapping[int, int]]]) -> None:
        self._index = index
        self._ends = ends
        self._wanted: Mapping[int, int] | None = None
        self._positions: dict[int, int] = {}
        self._sequences: dict[str, int] = {}
        self._open = False

    async def process(self, records: Sequence[Record]) -> None:
        """Take in records of ``heliodesk.knowledge``; what cannot be read is passed over."""
        by_tenant: dict[str, list[Entry]] = {}
        seen: dict[str, int] = {}
        for record in records:
            event = _article_event(record)
            if event is None:
                continue
            newest = seen.get(event.subject, self._sequences.get(event.subject, 0))
            if event.sequence > newest:
                seen[event.subject] = event.sequence
                by_tenant.setdefault(event.tenant, []).append(_entry(event))
        for tenant, entries in by_tenant.items():
            await self._index.put(tenant, entries)
        self._sequences.update(seen)
        for record in records:
            self._positions[record.partition] = record.offset + 1

    async def catch_up(self) -> bool:
        """Look whether the index has caught up; True once it has, from then on for ever."""
        if not self._open:
            if self._wanted is None:
                self._wanted = await self._ends()
            self._open = all(
                self._positions.get(number, 0) >= end for number, end in self._wanted.items()
            )
        return self._open

    def unready(self) -> list[str]:
        """Return why nothing can be searched yet."""
        return [] if self._open else [f"{KNOWLEDGE.name}: the index is not caught up yet"]

    async def require(self) -> None:
        """Return where the index can be searched.

        Raises:
            Infrastructure: it has not caught up yet.
        """
        if not await self.catch_up():
            raise Infrastructure(self.unready()[0])

    async def search(
        self, tenant: str, query: str, *, language: str | None, limit: int
    ) -> list[Found]:
        """Return the articles that fit a query best; any text is a query.

        Raises:
            Infrastructure: the index has not caught up yet.
        """
        await self.require()
        words = words_of_query(query)
        return self._index.search(tenant, words, language=language, limit=limit)

    def suggestions(
        self, tenant: str, words: Sequence[str], *, language: str, score_min: float
    ) -> tuple[Suggestion, ...]:
        """Return the articles that may solve a ticket, best first."""
        found = self._index.search(
            tenant,
            words,
            limit=SUGGESTIONS_MAX,
            preferred=language,
            matches_min=MATCHES_MIN,
        )
        return tuple(
            Suggestion(article=hit.article, title=hit.title, score=hit.score)
            for hit in found
            if hit.score >= score_min
        )


def _article_event(record: Record) -> Event[ArticlePublished] | Event[ArticleRetired] | None:
    try:
        event = decode(record.headers, record.value)
        if event.source != KNOWLEDGE.source:
            return None
        if event.type == ArticlePublished.type:
            return event.with_body(ArticlePublished)
        if event.type == ArticleRetired.type:
            return event.with_body(ArticleRetired)
    except (EnvelopeInvalid, ValidationError):
        return None
    return None


def _entry(event: Event[ArticlePublished] | Event[ArticleRetired]) -> Entry:
    body = event.body
    if isinstance(body, ArticleRetired):
        return Entry(article=event.subject, content=None)
    content = Content(
        title=body.title, body=body.body, language=body.language, keywords=body.keywords
    )
    return Entry(article=event.subject, content=content)


class Suggesting:
    """Finds suggestions for the new tickets of a batch, before the batch is decided on.

    Deciding does no I/O, so that it can be repeated. What a ticket says is read from intake here,
    once a batch, and kept nowhere.
    """

    def __init__(self, *, texts: Texts, library: Library, score_min: float) -> None:
        self._texts = texts
        self._library = library
        self._score_min = score_min
        self._found: Mapping[tuple[str, str], tuple[Suggestion, ...]] = {}

    def found(self, tenant: str, message: str) -> tuple[Suggestion, ...]:
        """Return what was found for a ticket by its first message; nothing where none was asked."""
        return self._found.get((tenant, message), ())

    async def learn(self, records: Sequence[Record]) -> None:
        """Read the texts of new tickets and search for articles.

        Raises:
            Infrastructure: intake does not answer, or the index has not caught up; the batch is
                tried again.
        """
        wanted: dict[str, dict[str, Event[RequestAccepted]]] = {}
        for record in records:
            event = _accepted(record)
            if event is not None:
                wanted.setdefault(event.tenant, {})[event.body.message] = event
        if not wanted:
            self._found = {}
            return
        await self._library.require()
        found: dict[tuple[str, str], tuple[Suggestion, ...]] = {}
        for tenant, events in wanted.items():
            texts = await self._texts.messages(tenant, events)
            for identifier, text in texts.items():
                found[(tenant, identifier)] = self._library.suggestions(
                    tenant,
                    words_of_ticket(subject=text.subject, text=text.text),
                    language=events[identifier].body.facts.language,
                    score_min=self._score_min,
                )
        self._found = found


def _accepted(record: Record) -> Event[RequestAccepted] | None:
    """Return the event of a new ticket; what cannot be read the consumer sets aside."""
    try:
        event = decode(record.headers, record.value)
        return event.with_body(RequestAccepted) if event.type == RequestAccepted.type else None
    except (EnvelopeInvalid, ValidationError):
        return None


@dataclass(frozen=True, slots=True)
class Revised:
    """An article and its revision."""

    id: str
    revision: int
    article: Article


class Desk:
    """What people do with articles."""

    def __init__(self, *, committer: Committer, clock: Clock) -> None:
        self._committer = committer
        self._clock = clock

    async def create(self, tenant: str, wanted: ArticlePublished, *, key: str | None) -> Revised:
        """Publish a new article. The same key and content again give the article that is there.

        Raises:
            CommandRejected: the key was used with another content.
        """
        name = ("key", key) if key is not None else ("new", self._clock.unique())
        target = stream_id(tenant, "article", *name)
        return await self._execute(target, tenant, lambda state: create(state, wanted), None)

    async def replace(
        self, tenant: str, article: str, wanted: ArticlePublished, *, revision: int | None
    ) -> Revised:
        """Publish an article anew.

        Raises:
            CommandRejected: there is none, or it is at another revision.
        """
        return await self._execute(article, tenant, lambda state: replace(state, wanted), revision)

    async def retire(self, tenant: str, article: str, *, by: str, revision: int | None) -> Revised:
        """Take an article out of search and suggestions.

        Raises:
            CommandRejected: there is none, or it is at another revision.
        """
        return await self._execute(article, tenant, lambda state: retire(state, by=by), revision)

    async def article(self, tenant: str, article: str) -> Revised:
        """Return an article, a retired one too.

        Raises:
            CommandRejected: there is none.
        """
        document = (await self._committer.store.load(ARTICLES, [article])).get(article)
        if document is None or document.tenant != tenant:
            raise _missing()
        return _revised(document)

    async def suggestions(self, tenant: str, ticket: str) -> tuple[Suggestion, ...]:
        """Return what was suggested for a ticket; nothing where it is unknown here."""
        document = (await self._committer.store.load(SUGGESTIONS, [ticket])).get(ticket)
        if document is None or document.tenant != tenant or document.state is None:
            return ()
        return document.state.suggestions

    async def _execute(
        self,
        target: str,
        tenant: str,
        decide: Callable[[Article | None], Sequence[Body]],
        revision: int | None,
    ) -> Revised:
        command = Command(target=target, tenant=tenant, decide=decide, revision=revision)
        try:
            return _revised(await self._committer.execute(ARTICLES, command))
        except RevisionStale as error:
            if error.found == 0:
                raise _missing() from error
            raise


def _revised(document: Document[Article]) -> Revised:
    if document.state is None:
        raise _missing()
    return Revised(id=document.id, revision=document.seq, article=document.state)


def _missing() -> CommandRejected:
    return CommandRejected("not-found", "there is no such article", status=404)
