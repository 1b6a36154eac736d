"""What conversations need beside messages: one suite over the memory store and the real one."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import NAMESPACE_URL, uuid5

import pytest

from services.intake.domain.likeness import Likeness
from services.intake.domain.messages import Entry, Message
from services.intake.domain.normal import Party, Request, Thread
from services.intake.domain.proposals import Proposal, Verdict
from services.intake.domain.receipts import Reviewing, Words
from services.intake.domain.threads import Claim, claim_id, participant_id
from services.intake.ports import ConversationStore, IntakeStore, Review
from services.intake.store import MongoConversations, MongoIntake
from shared.clock import SystemClock
from shared.contracts.facts import Channel
from shared.contracts.intake import Direction
from shared.contracts.links import LinkKind
from shared.mongo import connect, database
from shared.testing.memory import MemoryData
from tests.support.conversations import MemoryConversations
from tests.support.intake import MemoryIntake

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@dataclass
class Both:
    """Rows of intake on one store."""

    rows: IntakeStore
    conversations: ConversationStore


@pytest.fixture(params=["memory", "real"])
async def both(request: pytest.FixtureRequest) -> AsyncGenerator[Both]:
    """Give an empty store of either sort."""
    if request.param == "memory":
        data = MemoryData()
        yield Both(MemoryIntake(data), MemoryConversations(data))
        return
    name = f"t{uuid5(NAMESPACE_URL, request.node.nodeid).hex[:16]}"
    client = connect(request.getfixturevalue("mongo"), name="test-intake")
    await client.drop_database(name)
    own = database(client, name)
    rows, conversations = MongoIntake(own, clock=SystemClock()), MongoConversations(own)
    await rows.ensure_indexes()
    await conversations.ensure_indexes()
    yield Both(rows, conversations)
    await client.drop_database(name)
    client.close()


def claim(name: str, *, ticket: str, receipt: str = "r", own: bool = True) -> Claim:
    """Return the claim of a Message-ID."""
    return Claim(
        id=claim_id(tenant="main", kind="message", name=name),
        tenant="main",
        ticket=ticket,
        number="T-000001",
        receipt=receipt,
        own=own,
        author="w",
        at=T0,
    )


async def test_who_claims_first_has_it(both: Both) -> None:
    """The second learns that it was taken; participants are kept beside; twice is once."""
    store = both.conversations
    one, other = claim("<a@x>", ticket="t1"), claim("<a@x>", ticket="t2", receipt="s")
    new = claim("<b@x>", ticket="t2", receipt="s")
    person = participant_id(tenant="main", ticket="t1", address="Ana@X.example")
    same = participant_id(tenant="main", ticket="t1", address="ana@x.example")
    assert await store.claim([one], participants=[person]) == set()
    assert await store.claim([one], participants=[same]) == {one.id}
    assert await store.claim([other, new], participants=[]) == {one.id}
    assert await store.claims([one.id, new.id, "none"]) == {one.id: one, new.id: new}
    assert await store.claims([]) == {}
    assert await store.participants([person, "other"]) == {person}
    assert await store.claim([], participants=[]) == set()


async def test_a_claim_is_handed_over_once(both: Both) -> None:
    """Only where it still is the ticket's that had it."""
    store = both.conversations
    one = claim("<a@x>", ticket="t1", own=False)
    await store.claim([one], participants=[])
    to = claim("<a@x>", ticket="t2", receipt="s")
    assert await store.reclaim([one.id], ticket="t1", to=to) == 1
    assert await store.reclaim([one.id], ticket="t1", to=one) == 0
    assert await store.reclaim([], ticket="t1", to=one) == 0
    found = (await store.claims([one.id]))[one.id]
    assert (found.ticket, found.receipt, found.own) == ("t2", "s", True)


def message(name: str, *, ticket: str, n: int, amends: str | None = None) -> Message:
    """Return a row of a conversation."""
    return Message(
        id=name,
        tenant="main",
        ticket=ticket,
        n=n,
        direction=Direction.INBOUND,
        channel=Channel.CHAT,
        text=name,
        author="c",
        at=T0,
        entry=Entry.AMENDMENT if amends else Entry.MESSAGE,
        amends=amends,
    )


async def test_rows_move_where_their_count_is_free(both: Both) -> None:
    """A count that is taken is refused; one that moved already stays where it is."""
    row = message("m2", ticket="t1", n=2)
    await both.rows.add_messages([row, message("m3", ticket="t2", n=3)])
    assert not await both.conversations.move_message(row, ticket="t2", n=3)
    assert await both.conversations.move_message(row, ticket="t2", n=4)
    assert await both.conversations.move_message(row, ticket="t2", n=5)
    found = (await both.rows.messages(["m2"]))["m2"]
    assert (found.ticket, found.n) == ("t2", 4)
    await both.conversations.mark_moved(["m3"], to="t9")
    assert (await both.rows.messages(["m3"]))["m3"].moved_to == "t9"
    await both.conversations.mark_moved(["m3"], to=None)
    assert (await both.rows.messages(["m3"]))["m3"].moved_to is None


async def test_newer_texts_are_found_by_their_message(both: Both) -> None:
    """Only the rows that amend it."""
    rows = [message("m1", ticket="t", n=1), message("e1", ticket="t", n=2, amends="m1")]
    await both.rows.add_messages([*rows, message("e2", ticket="t", n=3, amends="m9")])
    assert await both.conversations.amendments(["m1"]) == [rows[1]]
    assert await both.conversations.amendments([]) == []


def like(name: str, *, contact: str, minute: int) -> Likeness:
    """Return what a request is found by."""
    at = T0 + timedelta(minutes=minute)
    terms = ("vpn", "打印")
    return Likeness(id=name, tenant="main", contact=contact, at=at, terms=terms, beside="x")


async def test_the_newest_requests_are_compared(both: Both) -> None:
    """Since an instant and before one, of one tenant; what was looked at is not looked at again."""
    store = both.conversations
    a = like("a", contact="ana", minute=0)
    b = like("b", contact="bob", minute=1)
    c = like("c", contact="ana", minute=2)
    d = like("d", contact="dan", minute=2)
    await store.add_likenesses([a, b, c, d])
    await store.add_likenesses([a])
    await store.add_likenesses([])
    found = await store.likenesses(tenant="main", since=T0, limit=10)
    assert {row.id for row in found} == {"a", "b", "c", "d"}
    later = T0 + timedelta(seconds=30)
    found = await store.likenesses(tenant="main", since=later, limit=2)
    assert {row.id for row in found} == {"c", "d"}
    found = await store.likenesses(tenant="main", since=T0, before=c.at, limit=10)
    assert found == [b, a]
    assert await store.likenesses(tenant="other", since=T0, limit=10) == []
    assert [row.id for row in await store.unlooked(limit=2)] == ["a", "b"]
    await store.looked(["a", "b", "d"])
    assert await store.unlooked(limit=9) == [c]


def proposal(name: str, *tickets: str, minute: int = 0) -> Proposal:
    """Return a proposal of a mass incident."""
    at = T0 + timedelta(minutes=minute)
    return Proposal(
        id=name,
        tenant="main",
        kind=LinkKind.MASS,
        tickets=tickets,
        similarity=0.9,
        words=("vpn",),
        at=at,
    )


ACCEPTED = Verdict(action="accepted", by="h-clarke", at=T0, ticket="a")
DISMISSED = Verdict(action="dismissed", by="boss", at=T0, done=True)


async def test_a_proposal_grows_until_somebody_decides(both: Both) -> None:
    """The first verdict counts, and is undone until it is carried out."""
    store = both.conversations
    assert await store.propose([]) == {}
    await store.propose([proposal("p", "a", "b"), proposal("q", "x", "y", minute=1)])
    grown = await store.propose([proposal("p", "b", "c")])
    assert grown["p"].words == ("vpn",)
    assert grown["p"].tickets == ("a", "b", "c")
    waiting = await store.proposals(tenant="main", limit=9)
    assert [p.id for p in waiting] == ["q", "p"]
    assert (await store.decide_proposal(grown["p"], ACCEPTED)).verdict == ACCEPTED
    assert (await store.decide_proposal(grown["p"], DISMISSED)).verdict == ACCEPTED
    assert (await store.propose([proposal("p", "z")]))["p"].tickets == ("a", "b", "c")
    assert [p.id for p in await store.proposals(tenant="main", limit=9)] == ["q"]
    assert [p.id for p in await store.proposals(tenant="main", tickets=["c"], limit=9)] == ["p"]
    assert [p.id for p in await store.proposals(tenant="main", ids=["p"], limit=9)] == ["p"]
    assert await store.proposals(tenant="other", ids=["p"], limit=9) == []
    reviews, proposals = await store.undone(limit=9)
    assert (reviews, [p.id for p in proposals]) == ([], ["p"])
    await store.carried_out(reviews=[], proposals=["p"])
    assert await store.undone(limit=9) == ([], [])


async def test_a_review_is_decided_once(both: Both) -> None:
    """Then it is listed no more, and still there; another tenant sees nothing of it."""
    store = both.conversations
    author, thread = Party(mail="e@x.example"), Thread(chat="c", references=("<a@x>",))
    mail = Reviewing(
        author=author,
        words=Words(text="t"),
        reason="list",
        integration="m",
        silent=True,
        asked=Request(contact=author, subject="", language="zh-Hans", thread=thread),
    )
    review = Review(id="r", tenant="main", at=T0, mail=mail)
    await both.rows.add_reviews([review])
    assert await both.rows.reviews(tenant="main", limit=9) == [review]
    assert await store.review("r", tenant="other") is None
    assert await store.review("none", tenant="main") is None
    decided = await store.decide_review(review, ACCEPTED)
    again = await store.decide_review(review, DISMISSED)
    assert decided == again
    assert decided.verdict == ACCEPTED
    assert await both.rows.reviews(tenant="main", limit=9) == []
    assert await store.undone(limit=9) == ([decided], [])
    await store.carried_out(reviews=["r"], proposals=[])
    found = await store.review("r", tenant="main")
    assert found is not None
    assert found.verdict == ACCEPTED.model_copy(update={"done": True})
