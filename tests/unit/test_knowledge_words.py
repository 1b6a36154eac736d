"""Words of texts and queries, excerpts, and what is decided about articles and suggestions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.knowledge.domain import articles, suggestions
from services.knowledge.domain.words import (
    EXCERPT_CHARACTERS,
    excerpt,
    words_of_query,
    words_of_text,
)
from shared.contracts.envelope import Body, Event, numbered
from shared.contracts.facts import Channel, Kind, Level, Priority, TicketFacts
from shared.contracts.intake import RequestAccepted
from shared.contracts.knowledge import (
    ArticlePublished,
    ArticleRetired,
    ArticlesSuggested,
    Suggestion,
)
from shared.contracts.topics import topic_of
from shared.kernel import CommandRejected

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LATER = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)


def event(body: Body, sequence: int = 1, *, at: datetime = NOW) -> Event[Any]:
    """Return an event of stream ``a-1``."""
    return numbered(
        source=topic_of(type(body)).source or "",
        subject="a-1",
        sequence=sequence,
        time=at,
        tenant="main",
        configversion=0,
        body=body,
    )


def published(title: str = "VPN", body: str = "Restart it.") -> ArticlePublished:
    """Return an article's text."""
    return ArticlePublished(title=title, body=body, language="en", author="h-clarke")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Printer does NOT print", ["printer", "does", "not", "print"]),
        (
            "打印机打不开",
            ["打", "印", "机", "打", "不", "开", "打印", "印机", "机打", "打不", "不开"],
        ),
        ("VPN连接 failed", ["vpn", "连", "接", "连接", "failed"]),
        ("ＶＰＮ １２３", ["vpn", "123"]),
        ("can't user's don’t", ["cant", "users", "dont"]),
        ("0x80070005 snake_case a-b", ["0x80070005", "snake", "case", "a", "b"]),
        (
            "日本語カナ 한국어",
            [
                "日",
                "本",
                "語",
                "カ",
                "ナ",
                "日本",
                "本語",
                "語カ",
                "カナ",
                "한",
                "국",
                "어",
                "한국",
                "국어",
            ],
        ),
        ("Straße ÉCOLE", ["strasse", "école"]),
        ("", []),
        ('!?*"\\(){}[]^~:/-+', []),
        ("x" * 61 + " ok", ["ok"]),
    ],
)
def test_words_of_text(text: str, expected: list[str]) -> None:
    """Words are folded; Chinese, Japanese and Korean runs give characters and pairs."""
    assert list(words_of_text(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Please help, my printer is not working", ["printer", "working"]),
        ("the", ["the"]),
        ("打印机打不开", ["打印", "印机", "机打", "打不", "不开"]),
        ("我的打印机", ["打印", "印机"]),
        ("我的", ["我的"]),
        ("邮", ["邮"]),
        ("vpn VPN vpn", ["vpn"]),
    ],
)
def test_words_of_query(text: str, expected: list[str]) -> None:
    """A query looks for what tells something; where nothing does, for all there is."""
    assert words_of_query(text) == expected


@settings(deadline=None)
@given(st.text(max_size=300))
def test_a_text_is_found_by_itself(text: str) -> None:
    """Every word of a query made of a text is a word of that text."""
    assert set(words_of_query(text)) <= set(words_of_text(text))


def test_excerpt() -> None:
    """An excerpt is one line around the first word of the query, not longer than it may be."""
    assert excerpt("Short\n\ntext.", "anything") == "Short text."
    long = "begin " * 60 + "the PRINTER is here " + "end " * 60
    shown = excerpt(long, "printer")
    assert "PRINTER" in shown
    assert shown.startswith("…")
    assert shown.endswith("…")
    assert excerpt(long, "nothing of it").startswith("begin")


@settings(deadline=None)
@given(st.text(max_size=1_000), st.text(max_size=50))
def test_excerpts_are_short(text: str, query: str) -> None:
    """Whatever the text and the query, an excerpt is one short line."""
    shown = excerpt(text, query)
    assert len(shown) <= EXCERPT_CHARACTERS + 2
    assert "\n" not in shown


def test_article_life() -> None:
    """An article is published, changed, retired and published again; its beginning is kept."""
    first = articles.evolve(None, event(published()))
    changed = articles.evolve(first, event(published(body="Renew it."), 2, at=LATER))
    assert (changed.body, changed.published_at, changed.updated_at) == ("Renew it.", NOW, LATER)
    assert changed.first == first.first
    retired = articles.evolve(changed, event(ArticleRetired(by="h-clarke"), 3, at=LATER))
    assert retired.retired is True
    assert articles.replace(retired, published(body="Renew it.")) == (published(body="Renew it."),)
    assert articles.retire(retired, by="h-clarke") == ()
    assert articles.retire(changed, by="h-clarke") == (ArticleRetired(by="h-clarke"),)


def test_article_refusals() -> None:
    """A key used for something else, and articles that are not there, are refused by name."""
    state = articles.evolve(None, event(published()))
    assert articles.create(state, published()) == ()
    assert articles.replace(state, published()) == ()
    with pytest.raises(CommandRejected, match="key-reused"):
        articles.create(state, published(title="Printer"))
    with pytest.raises(CommandRejected, match="not-found"):
        articles.replace(None, published())
    with pytest.raises(CommandRejected, match="not-found"):
        articles.retire(None, by="x")
    with pytest.raises(ValueError, match="before the article was published"):
        articles.evolve(None, event(ArticleRetired(by="x")))


def test_suggested_once_and_bounded() -> None:
    """A ticket's suggestions are decided once, at most five, also when there are none."""
    facts = TicketFacts(
        number="T-000001",
        kind=Kind.INCIDENT,
        channel=Channel.EMAIL,
        priority=Priority.P3,
        impact=Level.LOW,
        urgency=Level.MEDIUM,
        contact="c",
        accepted_at=NOW,
    )
    accepted = event(RequestAccepted(facts=facts, message="m-1"))
    found = [Suggestion(article=f"a-{n}", title="t", score=9.0 - n) for n in range(7)]
    (body,) = suggestions.suggest(None, accepted, found)
    assert body == ArticlesSuggested(number="T-000001", suggestions=tuple(found[:5]))
    assert suggestions.suggest(None, accepted, []) == (
        ArticlesSuggested(number="T-000001", suggestions=()),
    )
    state = suggestions.evolve(None, event(body))
    assert state.suggestions == tuple(found[:5])
    assert suggestions.suggest(state, accepted, found) == ()


def test_words_of_ticket() -> None:
    """The words of the subject come first, each once, and there is an end to them."""
    found = suggestions.words_of_ticket(
        subject="VPN timeout", text="the vpn ends " + " ".join(f"w{n}" for n in range(200))
    )
    assert found[:3] == ["vpn", "timeout", "ends"]
    assert len(found) == 60
