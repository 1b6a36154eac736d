from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from shared.aggregate import OUTBOX_EVENTS_MAX, Document, OutboxFull, StreamParked
from shared.commit import CONFLICTS_MAX, Command, RevisionStale
from shared.contracts.envelope import Body
from shared.kernel import CommandRejected, Infrastructure
from shared.testing.clock import START
from shared.testing.memory import MemoryData
from tests.support.core import (
    ACCOUNT,
    TENANT,
    Account,
    Bank,
    Broken,
    Interruptions,
    command,
    deposit,
    order,
)


def defect(_state: Account | None) -> Sequence[Body]:
    """Decide nothing: fail as code does that has a defect."""
    raise Broken("oh")


async def test_a_command_is_applied_and_sent() -> None:
    """The caller gets the document after the command, and the relay has its events."""
    bank = Bank()
    after = await bank.committer.execute(ACCOUNT, command("a", 5, 6))
    assert (after.seq, after.state) == (2, Account(balance=11, amounts=(5, 6), at=START))
    assert after.outbox[0].configversion == 7
    await bank.relay.drain()
    assert bank.sent() == [("a", 1), ("a", 2)]
    assert (await bank.document("a")).outbox == ()


async def test_a_command_without_effect_writes_nothing() -> None:
    """Nothing decided, nothing stored."""
    bank = Bank()
    assert (await bank.committer.execute(ACCOUNT, command("a"))).v == 0
    assert await bank.store.load(ACCOUNT, ["a"]) == {}


async def test_a_lost_race_is_decided_again() -> None:
    """Another write between load and commit: the command sees the state that won."""
    faults = Interruptions()
    bank = Bank(faults=faults)
    await bank.committer.execute(ACCOUNT, command("a", 1))
    other = Bank(data=bank.store.data)
    faults.at("store.commit", lambda: other.committer.execute(ACCOUNT, command("a", 2)))
    after = await bank.committer.execute(ACCOUNT, command("a", 3))
    assert after.state is not None
    assert after.state.amounts == (1, 2, 3)


async def test_a_race_for_a_new_stream_is_decided_again() -> None:
    """Two first commands: the loser of the insert comes second."""
    faults = Interruptions()
    bank = Bank(faults=faults)
    other = Bank(data=bank.store.data)
    faults.at("store.commit", lambda: other.committer.execute(ACCOUNT, command("a", 2)))
    await bank.committer.execute(ACCOUNT, command("a", 3))
    assert await bank.amounts("a") == (2, 3)


async def test_endless_races_are_given_up() -> None:
    """A document that changes under every attempt is left to the caller's next one."""
    faults = Interruptions()
    bank = Bank(faults=faults)
    other = Bank(data=bank.store.data)
    for _ in range(CONFLICTS_MAX):
        faults.at("store.commit", lambda: other.committer.execute(ACCOUNT, command("a", 1)))
    with pytest.raises(Infrastructure, match="changed under 20 attempts"):
        await bank.committer.execute(ACCOUNT, command("a", 99))
    assert 99 not in await bank.amounts("a")


async def test_a_stale_revision_is_refused() -> None:
    """If-Match on an older revision is answered with 412 and the present one."""
    bank = Bank()
    await bank.committer.execute(ACCOUNT, command("a", 1, 2))
    with pytest.raises(RevisionStale) as caught:
        await bank.committer.execute(ACCOUNT, command("a", 3, revision=1))
    assert (caught.value.status, caught.value.found) == (412, 2)
    await bank.committer.execute(ACCOUNT, command("a", 3, revision=2))
    assert await bank.amounts("a") == (1, 2, 3)


async def test_a_revision_is_checked_against_the_winner() -> None:
    """A command that lost its race no longer has the revision that its caller saw."""
    faults = Interruptions()
    bank = Bank(faults=faults)
    await bank.committer.execute(ACCOUNT, command("a", 1))
    other = Bank(data=bank.store.data)
    faults.at("store.commit", lambda: other.committer.execute(ACCOUNT, command("a", 2)))
    with pytest.raises(RevisionStale):
        await bank.committer.execute(ACCOUNT, command("a", 3, revision=1))


async def test_another_tenants_document_is_not_found() -> None:
    """A command never learns that the stream of another tenant exists."""
    bank = Bank()
    await bank.committer.execute(ACCOUNT, command("a", 1))
    with pytest.raises(CommandRejected) as caught:
        await bank.committer.execute(
            ACCOUNT, Command(target="a", tenant="other", decide=deposit(5))
        )
    assert caught.value.status == 404


async def test_a_parked_stream_refuses_commands() -> None:
    """The answer is 409 with the reason, also where the command would change nothing."""
    bank = Bank()
    await bank.committer.execute(ACCOUNT, command("a", 1))
    await bank.store.mark(ACCOUNT, await bank.document("a"), 1)
    for amounts in ((2,), ()):
        with pytest.raises(StreamParked) as caught:
            await bank.committer.execute(ACCOUNT, command("a", *amounts))
        assert caught.value.status == 409


async def test_a_full_outbox_refuses_commands() -> None:
    """With the broker gone, a stream takes no more than its outbox holds."""
    bank = Bank()
    await bank.committer.execute(ACCOUNT, command("a", *[1] * OUTBOX_EVENTS_MAX))
    with pytest.raises(OutboxFull):
        await bank.committer.execute(ACCOUNT, command("a", 2))
    await bank.relay.drain()
    assert (await bank.committer.execute(ACCOUNT, command("a", 2))).seq == OUTBOX_EVENTS_MAX + 1


async def test_a_lost_answer_says_nothing() -> None:
    """The write stands and the caller is told to ask again; the sweep sends what was decided."""
    faults = Interruptions()
    bank = Bank(faults=faults)
    faults.fail("store.commit.answer")
    with pytest.raises(Infrastructure):
        await bank.committer.execute(ACCOUNT, command("a", 1))
    assert await bank.amounts("a") == (1,)
    assert bank.relay.idle
    await bank.clock.advance(10)
    await bank.relay.sweep()
    await bank.relay.drain()
    assert bank.sent() == [("a", 1)]


async def test_many_commands_go_in_one_bulk() -> None:
    """Each command has its own outcome; one refusal, defect or full outbox stops no other."""
    bank = Bank()
    await bank.committer.execute(ACCOUNT, command("full", *[1] * OUTBOX_EVENTS_MAX))
    await bank.committer.execute(ACCOUNT, command("parked", 1))
    await bank.store.mark(ACCOUNT, await bank.document("parked"), 1)
    results = await bank.committer.execute_all(
        ACCOUNT,
        [
            command("good", 1),
            command("none"),
            command("parked", 1),
            command("full", 1),
            Command(target="broken", tenant=TENANT, decide=defect),
            command("large", 2**70),
            command("last", 9),
        ],
    )
    assert {name for name, r in results.items() if isinstance(r, Document)} == {
        "good",
        "none",
        "last",
    }
    assert "full" not in results
    refused = {n: r.code for n, r in results.items() if isinstance(r, CommandRejected)}
    assert refused == {"parked": "parked", "broken": "defect", "large": "defect"}
    await bank.relay.drain()
    assert {("good", 1), ("last", 1)} <= set(bank.sent())


async def test_one_command_a_document() -> None:
    """Two commands for one document in one bulk are a mistake of the caller."""
    with pytest.raises(ValueError, match="one command for each document"):
        await Bank().committer.execute_all(ACCOUNT, [command("a", 1), command("a", 2)])


async def test_a_bulk_decides_losers_again() -> None:
    """One of the documents changes between load and commit; both commands are applied."""
    faults = Interruptions()
    bank = Bank(faults=faults)
    other = Bank(data=bank.store.data)
    faults.at("store.commit", lambda: other.committer.execute(ACCOUNT, command("b", 2)))
    results = await bank.committer.execute_all(ACCOUNT, [command("a", 1), command("b", 3)])
    assert set(results) == {"a", "b"}
    assert await bank.amounts("b") == (2, 3)


async def test_writes_that_belong_together() -> None:
    """Two documents are written both or not at all, and then sent."""
    bank = Bank()
    for account in ("a", "b"):
        await bank.committer.execute(ACCOUNT, command(account, 1))
    stale = [
        bank.committer.plan_command(ACCOUNT, await bank.document(i), command(i, 5)) for i in "ab"
    ]
    writes = [w for w in stale if w is not None]
    await bank.committer.execute(ACCOUNT, command("b", 2))
    assert not await bank.committer.together(writes)
    assert await bank.amounts("a") == (1,)
    fresh = [
        bank.committer.plan_command(ACCOUNT, await bank.document(i), command(i, 5)) for i in "ab"
    ]
    assert await bank.committer.together([w for w in fresh if w is not None])
    assert await bank.amounts("a") == (1, 5)
    await bank.relay.drain()
    assert sorted(bank.sent()) == [("a", 1), ("a", 2), ("b", 1), ("b", 2), ("b", 3)]


async def test_a_batch_is_applied_whole() -> None:
    """Events of several streams, several of one: one load, one bulk, in order."""
    bank = Bank()
    events = [order("a", 1, 5), order("b", 1, 7), order("a", 2, 6), order("a", 2, 6)]
    done = await bank.committer.consume(
        ACCOUNT, [bank.arrival(event, offset) for offset, event in enumerate(events)]
    )
    assert await bank.amounts("a") == (5, 6)
    assert await bank.amounts("b") == (7,)
    assert (len(done.events), done.duplicates, done.parked) == (3, 1, 0)


async def test_a_batch_that_lost_a_race_is_not_applied_twice() -> None:
    """Another process consumed the same events meanwhile: they are duplicates then."""
    data = MemoryData()
    faults = Interruptions()
    bank, other = Bank(data=data, faults=faults), Bank(data=data)
    arrivals = [bank.arrival(order("a", 1, 5), 0), bank.arrival(order("a", 2, 6), 1)]
    faults.at("store.commit", lambda: other.committer.consume(ACCOUNT, arrivals[:1]))
    done = await bank.committer.consume(ACCOUNT, arrivals)
    assert await bank.amounts("a") == (5, 6)
    assert done.duplicates == 1


async def test_a_hot_stream_passes_through_its_outbox() -> None:
    """More follows from a batch than an outbox holds: attempts make progress as it is sent."""
    bank = Bank()
    batch = [bank.arrival(order("hot", n, 1, copies=2), n) for n in range(1, OUTBOX_EVENTS_MAX + 1)]
    cool = bank.arrival(order("cool", 1, 1), 0)
    with pytest.raises(OutboxFull):
        await bank.committer.consume(ACCOUNT, [*batch, cool])
    assert await bank.amounts("cool") == (1,)
    assert (await bank.document("hot")).seq == OUTBOX_EVENTS_MAX
    await bank.relay.drain()
    await bank.committer.consume(ACCOUNT, [*batch, cool])
    assert (await bank.document("hot")).seq == 2 * OUTBOX_EVENTS_MAX
    assert await bank.amounts("cool") == (1,)


async def test_what_no_store_can_hold_is_parked() -> None:
    """A number beyond 64 bits parks its own stream; the rest of the batch is applied."""
    bank = Bank()
    events = [order("a", 1, 5), order("a", 2, 2**70), order("a", 3, 6), order("b", 1, 7)]
    arrivals = [bank.arrival(event, offset) for offset, event in enumerate(events)]
    done = await bank.committer.consume(ACCOUNT, arrivals)
    assert await bank.amounts("a") == (5,)
    assert await bank.amounts("b") == (7,)
    assert [row.error.partition(":")[0] for row in done.rows] == ["Unstorable", ""]
    assert (await bank.document("a")).parked
    again = await bank.committer.consume(ACCOUNT, arrivals)
    assert (again.duplicates, again.parked) == (2, 2)
    assert await bank.row_offsets("a") == [1, 2]


async def test_an_unstorable_first_event_parks_a_new_stream() -> None:
    """There is no document yet: one is made, parked, with no state."""
    bank = Bank()
    await bank.committer.consume(ACCOUNT, [bank.arrival(order("a", 1, 2**70), 0)])
    document = await bank.document("a")
    assert (document.parked, document.state, document.seq) == (1, None, 0)


async def test_the_time_of_an_event_is_that_of_its_decision() -> None:
    """A command knows a now of its own; what it decides carries it."""
    bank = Bank()
    await bank.clock.advance(60)
    early = replace(command("a", 1), at=START)
    after = await bank.committer.execute(ACCOUNT, early)
    assert after.at == START
    assert [event.time for event in after.outbox] == [START]
