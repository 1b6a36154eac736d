"""Articles, search and suggestions, from commands and events to what is found, on memory."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.commit import RevisionStale
from shared.contracts.envelope import decode
from shared.contracts.facts import Channel, Kind, Level, Priority, TicketFacts
from shared.contracts.intake import Direction, RequestAccepted
from shared.contracts.internal import MessageView
from shared.contracts.knowledge import ArticlePublished, ArticlesSuggested
from shared.contracts.topics import KNOWLEDGE, SUGGESTIONS
from shared.kernel import CommandRejected, Infrastructure
from shared.testing.clock import START
from tests.support.knowledge import (
    TENANT,
    Knowledge,
    MemoryTexts,
    event_of,
    sample_articles,
)

ANYTHING = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def accepted(language: str = "en", message: str = "m-1") -> RequestAccepted:
    """Return the acceptance of a ticket."""
    facts = TicketFacts(
        number="T-000001",
        kind=Kind.INCIDENT,
        channel=Channel.EMAIL,
        priority=Priority.P3,
        impact=Level.LOW,
        urgency=Level.MEDIUM,
        contact="c",
        accepted_at=START,
        language=language,
    )
    return RequestAccepted(facts=facts, message=message)


def says(subject: str, text: str, *, message: str = "m-1") -> MemoryTexts:
    """Return intake's texts with one message."""
    view = MessageView(
        id=message,
        ticket="t-1",
        direction=Direction.INBOUND,
        channel=Channel.EMAIL,
        subject=subject,
        text=text,
        author="Wei",
        at=START,
    )
    return MemoryTexts({message: view})


async def with_samples(texts: MemoryTexts | None = None) -> Knowledge:
    """Return a process that has the sample articles."""
    knowledge = Knowledge(texts=texts)
    for name, article in sample_articles().items():
        await knowledge.desk.create(TENANT, article, key=name)
    await knowledge.follow()
    return knowledge


async def titles(knowledge: Knowledge, query: str, *, language: str | None = None) -> list[str]:
    """Return the titles that a query finds, best first."""
    found = await knowledge.library.search(TENANT, query, language=language, limit=10)
    return [hit.title for hit in found]


@pytest.mark.parametrize(
    ("query", "best"),
    [
        ("打印机", "打印机打不开或不打印"),
        ("打不开", "打印机打不开或不打印"),
        ("邮件", "邮件收不到或发不出去"),
        ("打印机打不开了，请帮忙", "打印机打不开或不打印"),
        ("忘记密码", "重置密码与解锁账号"),
        ("printers", "Printer does not print"),
        ("printing", "Printer does not print"),
        ("my account is LOCKED", "Reset your password or unlock your account"),
        ("mails missing", "Mail is missing, or stays in the outbox"),
        ("vpn", "VPN does not connect"),
        ("VPN 连接", "VPN 无法连接"),
    ],
)
async def test_search_finds(query: str, best: str) -> None:
    """Words are found in English whatever their ending, in Chinese wherever they stand."""
    assert (await titles(await with_samples(), query))[0] == best


async def test_search_in_one_language() -> None:
    """With a language only articles in it are found."""
    knowledge = await with_samples()
    assert await titles(knowledge, "vpn", language="zh") == ["VPN 无法连接"]
    assert await titles(knowledge, "vpn", language="de") == []


async def test_nothing_fits_nothing() -> None:
    """A query without words, or with words that are nowhere, finds nothing."""
    knowledge = await with_samples()
    for query in ("", " ", '"', "()*:^~", "机票", "zzzz"):
        assert await titles(knowledge, query) == []


@ANYTHING
@given(query=st.text(max_size=200))
async def test_any_text_is_a_query(query: str) -> None:
    """No text is an error as a query."""
    knowledge = Knowledge()
    article = ArticlePublished(title="VPN", body="连接 it", language="en", author="a")
    await knowledge.desk.create(TENANT, article, key="one")
    await knowledge.follow()
    await titles(knowledge, query)


async def test_tenants_never_mix() -> None:
    """Another tenant's articles are not found, not read, not listed, and change no score."""
    alone = await with_samples()
    knowledge = await with_samples()
    other = ArticlePublished(title="VPN secret", body="vpn vpn", language="en", author="x")
    made = await knowledge.desk.create("other", other, key="vpn")
    await knowledge.follow()
    found = await knowledge.library.search(TENANT, "vpn secret", language=None, limit=10)
    assert "VPN secret" not in [hit.title for hit in found]
    assert found == await alone.library.search(TENANT, "vpn secret", language=None, limit=10)
    assert [
        hit.title for hit in await knowledge.library.search("other", "vpn", language=None, limit=10)
    ] == ["VPN secret"]
    with pytest.raises(CommandRejected, match="not-found"):
        await knowledge.desk.article(TENANT, made.id)
    with pytest.raises(CommandRejected, match="not-found"):
        await knowledge.desk.retire(TENANT, made.id, by="x", revision=None)
    listed = await knowledge.articles.page(
        TENANT, after=None, limit=100, language=None, retired=None
    )
    assert made.id not in [item.id for item in listed]


async def test_change_and_retire() -> None:
    """A changed article is found by its new words only, a retired one not at all, then again."""
    knowledge = Knowledge()
    one = ArticlePublished(title="Scanner", body="Press the button.", language="en", author="a")
    two = one.model_copy(update={"title": "Copier"})
    made = await knowledge.desk.create(TENANT, one, key=None)
    await knowledge.follow()
    changed = await knowledge.desk.replace(TENANT, made.id, two, revision=made.revision)
    await knowledge.follow()
    assert await titles(knowledge, "scanner") == []
    assert await titles(knowledge, "copier") == ["Copier"]
    with pytest.raises(RevisionStale):
        await knowledge.desk.replace(TENANT, made.id, one, revision=made.revision)
    await knowledge.desk.retire(TENANT, made.id, by="a", revision=changed.revision)
    await knowledge.follow()
    assert await titles(knowledge, "copier") == []
    await knowledge.desk.replace(TENANT, made.id, two, revision=None)
    await knowledge.follow()
    assert await titles(knowledge, "copier") == ["Copier"]


async def test_same_key_is_the_same_article() -> None:
    """A repeated request makes no second article; the key with another content is refused."""
    knowledge = Knowledge()
    one = ArticlePublished(title="Scanner", body="Press.", language="en", author="a")
    first = await knowledge.desk.create(TENANT, one, key="k")
    assert (await knowledge.desk.create(TENANT, one, key="k")).id == first.id
    with pytest.raises(CommandRejected, match="key-reused"):
        await knowledge.desk.create(TENANT, one.model_copy(update={"title": "Copier"}), key="k")
    await knowledge.follow()
    assert len(knowledge.log.records(KNOWLEDGE.name)) == 1


async def test_not_before_the_index_has_caught_up() -> None:
    """A new process searches and suggests nothing before it has read what the topic held."""
    texts = says("Printer", "does not print")
    first = await with_samples(texts)
    second = Knowledge(log=first.log, streams=first.streams, texts=texts)
    with pytest.raises(Infrastructure, match="not caught up"):
        await titles(second, "printer")
    with pytest.raises(Infrastructure, match="not caught up"):
        await second.receive(event_of("t-1", accepted()))
    assert second.library.unready() != []
    await second.follow()
    await second.receive(event_of("t-1", accepted()))
    assert second.library.unready() == []
    assert len(await second.desk.suggestions(TENANT, "t-1")) == 1


async def test_duplicates_and_disorder_of_the_topic() -> None:
    """Records of the topic that come again change nothing."""
    knowledge = await with_samples()
    before = await titles(knowledge, "printer")
    for partition in knowledge.log.partitions(KNOWLEDGE.name):
        await knowledge.library.process(partition[:2])
    assert await titles(knowledge, "printer") == before


@pytest.mark.parametrize(
    ("subject", "text", "language", "expected"),
    [
        ("打印机打不开", "三楼的打印机今天早上打不开，谢谢", "zh", ["打印机打不开或不打印"]),
        (
            "Cannot print",
            "Hello, the printer on floor 3 does not print anything. Thanks, Wei",
            "en",
            ["Printer does not print"],
        ),
        ("VPN", "VPN 连不上，提示连接超时", "zh", ["VPN 无法连接"]),
        ("DiskFull", "Filesystem /var on db-7 is 95% full", "en", ["A server's disk is full"]),
        ("Coffee machine", "The coffee machine on floor 3 is broken, please help", "en", []),
        ("工资单", "我的工资单上个月的数字不对，请核对", "zh", []),
        ("", "", "en", []),
    ],
)
async def test_suggestions(subject: str, text: str, language: str, expected: list[str]) -> None:
    """A new ticket gets the articles that fit, and none where none does."""
    knowledge = await with_samples(says(subject, text))
    await knowledge.receive(event_of("t-1", accepted(language)))
    found = await knowledge.desk.suggestions(TENANT, "t-1")
    assert [suggestion.title for suggestion in found] == expected
    (record,) = knowledge.log.records(SUGGESTIONS.name)
    body = decode(record.headers, record.value).with_body(ArticlesSuggested).body
    assert (body.number, body.suggestions) == ("T-000001", found)
    assert await knowledge.desk.suggestions("other", "t-1") == ()


async def test_suggested_once() -> None:
    """A redelivered event and a message that intake does not know add nothing."""
    knowledge = await with_samples(says("Printer", "does not print"))
    event = event_of("t-1", accepted())
    await knowledge.receive(event, event_of("t-2", accepted(message="gone")))
    await knowledge.receive(event)
    assert len(knowledge.log.records(SUGGESTIONS.name)) == 2
    assert await knowledge.desk.suggestions(TENANT, "t-2") == ()
    assert knowledge.texts.asked == 2


async def test_intake_down_holds_the_batch() -> None:
    """While intake does not answer, nothing of the batch is decided."""
    knowledge = await with_samples(says("Printer", "does not print"))
    knowledge.texts.down = True
    with pytest.raises(Infrastructure):
        await knowledge.receive(event_of("t-1", accepted()))
    assert knowledge.log.records(SUGGESTIONS.name) == []
    knowledge.texts.down = False
    await knowledge.receive(event_of("t-1", accepted()))
    assert len(knowledge.log.records(SUGGESTIONS.name)) == 1
