"""The full-text index: tantivy, in memory, one for each tenant.

Words are made by `services.knowledge.domain.words`; here English ones are also stemmed. Queries
are built of words, never parsed, so that any text is a legal query.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

from tantivy import (
    Document,
    Filter,
    Index,
    Occur,
    Query,
    SchemaBuilder,
    TextAnalyzerBuilder,
    Tokenizer,
)

from services.knowledge.domain.words import words_of_text
from services.knowledge.ports import Content, Entry, Found

WRITER_BYTES: Final = 15_000_000
"""The least that tantivy takes; it is given back after each batch."""
BOOSTS: Final = {"title": 3.0, "keywords": 3.0, "body": 1.0}
PREFERENCE: Final = 0.5
"""What the preferred language is worth, in the unit of `Found.score`."""

_ANALYZER: Final = "words"


def _analyzer() -> Any:
    builder = TextAnalyzerBuilder(Tokenizer.whitespace())
    return builder.filter(Filter.ascii_fold()).filter(Filter.stemmer("english")).build()


def _schema() -> Any:
    builder = SchemaBuilder()
    builder.add_text_field("id", tokenizer_name="raw", index_option="basic")
    builder.add_text_field("language", tokenizer_name="raw", index_option="basic")
    for field in BOOSTS:
        builder.add_text_field(field, tokenizer_name=_ANALYZER, index_option="freq")
    builder.add_bytes_field("shown", stored=True)
    return builder.build()


def _indexed(texts: Iterable[str]) -> str:
    return " ".join(word for text in texts for word in words_of_text(text))


class TantivyIndex:
    """`Index` in this process's memory."""

    def __init__(self) -> None:
        self._tenants: dict[str, Index] = {}
        self._schema = _schema()
        self._analyzer = _analyzer()

    async def put(self, tenant: str, entries: Sequence[Entry]) -> None:
        """Take in, replace or take out articles."""
        if entries:
            await asyncio.to_thread(self._put, tenant, entries)

    def _put(self, tenant: str, entries: Sequence[Entry]) -> None:
        index = self._tenants.get(tenant)
        if index is None:
            index = Index(self._schema)
            index.register_tokenizer(_ANALYZER, _analyzer())
        writer = index.writer(heap_size=WRITER_BYTES, num_threads=1)
        for entry in {entry.article: entry for entry in entries}.values():
            writer.delete_documents_by_term("id", entry.article)
            if entry.content is not None:
                writer.add_document(_document(entry.article, entry.content))
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
        self._tenants[tenant] = index

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
        """Return the articles that fit best."""
        index = self._tenants.get(tenant)
        terms = list(dict.fromkeys(self._analyzer.analyze(" ".join(words))))
        if index is None or not terms:
            return []
        searcher = index.searcher()
        # The weight of a word that is in one article of all. Scores are given in this unit, so
        # that a limit means the same among ten articles and a hundred thousand.
        unit = math.log(1 + (max(searcher.num_docs, 1) - 0.5) / 1.5)
        matching = Query.boolean_query(
            [(Occur.Should, self._one_word(term)) for term in terms],
            minimum_number_should_match=min(matches_min, len(terms)),
        )
        parts = [(Occur.Must, matching)]
        if language is not None:
            parts.append((Occur.Must, self._in_language(language, 0.0)))
        if preferred is not None:
            parts.append((Occur.Should, self._in_language(preferred, PREFERENCE * unit)))
        hits = searcher.search(Query.boolean_query(parts), limit=limit, count=False).hits
        return [_found(searcher.doc(address), score / unit) for score, address in hits]

    def _one_word(self, term: str) -> Query:
        """Return the query of one word: the field where it weighs most counts."""
        return Query.disjunction_max_query(
            [
                Query.boost_query(Query.term_query(self._schema, field, term, "freq"), boost)
                for field, boost in BOOSTS.items()
            ]
        )

    def _in_language(self, language: str, score: float) -> Query:
        term = Query.term_query(self._schema, "language", language, "basic")
        return Query.const_score_query(term, score)


def _document(article: str, content: Content) -> Document:
    shown = {
        "article": article,
        "title": content.title,
        "language": content.language,
        "body": content.body,
        "keywords": list(content.keywords),
    }
    document = Document()
    document.add_text("id", article)
    document.add_text("language", content.language)
    document.add_text("title", _indexed([content.title]))
    document.add_text("keywords", _indexed(content.keywords))
    document.add_text("body", _indexed([content.body]))
    document.add_bytes("shown", json.dumps(shown).encode())
    return document


def _found(document: Document, score: float) -> Found:
    shown = json.loads(bytes(document.get_first("shown") or b"{}"))
    return Found(**{**shown, "keywords": tuple(shown["keywords"])}, score=round(score, 3))
