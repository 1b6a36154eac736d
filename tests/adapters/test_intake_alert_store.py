"""Rows beside the groups of alerts: one suite over the memory store and the real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest

from services.intake.domain.alert_groups import ALERT_GROUP
from services.intake.domain.alert_rows import AlertOccurrence, AlertWords, Outbreak, Pulse
from services.intake.domain.ticket import TICKET
from services.intake.ports import AlertStore
from services.intake.store import MongoAlerts, MongoIntake
from shared.aggregate import Document, Step, Write, plan
from shared.clock import SystemClock
from shared.contracts.intake import AlertStatus
from shared.contracts.monitors import AlertsObserved, ObservedAlert
from shared.mongo import MongoStreams, connect, database
from shared.testing.memory import MemoryData, MemoryStreams
from tests.support.alerting import AlertDesk, delivery
from tests.support.alerts import MemoryAlerts

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@dataclass
class Both:
    """Rows and documents on one store."""

    rows: AlertStore
    streams: Any


@pytest.fixture(params=["memory", "real"])
async def both(request: pytest.FixtureRequest) -> AsyncGenerator[Both]:
    """Give an empty store of either sort."""
    if request.param == "memory":
        data = MemoryData()
        yield Both(MemoryAlerts(data), MemoryStreams(data))
        return
    name = f"t{uuid5(NAMESPACE_URL, request.node.nodeid).hex[:16]}"
    client = connect(request.getfixturevalue("mongo"), name="test-intake-alerts")
    await client.drop_database(name)
    own = database(client, name)
    rows, streams = MongoAlerts(own), MongoStreams(own, clock=SystemClock())
    await streams.ensure_indexes([ALERT_GROUP])
    await rows.ensure_indexes()
    yield Both(rows, streams)
    await client.drop_database(name)
    client.close()


def at(minute: float) -> datetime:
    """Return an instant so many minutes after nine."""
    return T0 + timedelta(minutes=minute)


def pulse(name: str, minute: float, *, every: int = 60, tenant: str = "main") -> Pulse:
    """Return a heartbeat of an instant."""
    return Pulse(
        id=f"{tenant}:{name}",
        tenant=tenant,
        integration="prometheus",
        name=name,
        last_at=at(minute),
        every_seconds=every,
        due_at=at(minute) + timedelta(seconds=every),
    )


def group(key: str, *, due: float | None, tenant: str = "main", minute: float = 0) -> Write[Any]:
    """Return the write of a group that is due at a minute."""
    body = AlertsObserved(
        integration="prometheus",
        changes=(
            ObservedAlert(fingerprint="a", status=AlertStatus.RESOLVED, starts_at=at(minute)),
        ),
        due_at=None if due is None else at(due),
    )
    document: Document[Any] = Document(id=key, tenant=tenant)
    step = Step(decide=lambda _state: [body], at=at(minute))
    write = plan(ALERT_GROUP, document, [step], now=at(minute), configversion=1).write
    assert write is not None
    return write


async def test_an_occurrence_counts_once_however_often_and_by_whomever(both: Both) -> None:
    """Twenty writers at once, each with all of them."""
    occurrences = [AlertOccurrence("g", f"f{n}", T0, "firing") for n in range(10)]
    other = AlertOccurrence("h", "f0", T0, "resolved")
    await asyncio.gather(
        *(both.rows.add_occurrences([*occurrences, other, other], T0) for _ in range(20))
    )
    assert await both.rows.occurrence_counts(["g", "h", "i"]) == {"g": 10, "h": 1}


async def test_the_first_words_stand(both: Both) -> None:
    """Whoever comes later changes nothing."""
    first = AlertWords(id="w", tenant="main", subject="disk \u2028 full", text="数据库")
    await both.rows.add_words([first])
    await both.rows.add_words([replace(first, subject="other")])
    assert await both.rows.words(["w", "x"]) == {"w": first}
    assert await both.rows.words([]) == {}


async def test_groups_that_are_due_come_in_their_order(both: Both) -> None:
    """Those without an instant never; the limit counts."""
    writes = [group("late", due=9), group("early", due=3), group("never", due=None)]
    assert not await both.streams.commit([*writes, group("later", due=30)])
    assert await both.rows.due_groups(before=at(10), limit=10) == ["early", "late"]
    assert await both.rows.due_groups(before=at(10), limit=1) == ["early"]


async def test_groups_are_listed_by_tenant_the_last_changed_first(both: Both) -> None:
    """None of them fires."""
    await both.streams.commit(
        [
            group("a", due=None, minute=1),
            group("b", due=None, minute=2),
            group("c", due=None, tenant="other"),
        ]
    )
    assert await both.rows.groups(tenant="main", firing=None, limit=9) == ["b", "a"]
    assert await both.rows.groups(tenant="main", firing=False, limit=1) == ["b"]
    assert await both.rows.groups(tenant="main", firing=True, limit=9) == []


async def test_what_is_unsettled_is_found_until_it_is_settled(both: Both) -> None:
    """The first note counts, so that one that is noted again and again is found."""
    await both.rows.add_unsettled(["a", "b"], now=at(0))
    await both.rows.add_unsettled(["a", "c"], now=at(5))
    assert sorted(await both.rows.unsettled(before=at(1), limit=9)) == ["a", "b"]
    await both.rows.drop_unsettled(["a", "x"])
    await both.rows.drop_unsettled([])
    assert await both.rows.unsettled(before=at(9), limit=9) == ["b", "c"]


async def test_outbreaks_are_counted_within_their_time(both: Both) -> None:
    """By scope, each episode once."""
    rows = [Outbreak("s", f"g{n}", 1, at(n)) for n in range(5)]
    await both.rows.add_outbreaks(rows)
    await both.rows.add_outbreaks([*rows[:2], Outbreak("t", "g0", 1, at(0))])
    since = {"s": at(2), "t": at(-1), "u": at(0)}
    assert await both.rows.outbreak_counts(since) == {"s": 2, "t": 1}
    assert await both.rows.outbreak_counts({}) == {}


async def test_processes_agree_on_when_a_storm_began(both: Both) -> None:
    """Twenty at once; the next storm begins when this one is over, and one is prolonged."""
    begun = await asyncio.gather(
        *(both.rows.begin_storm("s", now=at(n), until=at(60)) for n in range(20))
    )
    (began,) = set(begun)
    assert await both.rows.storms(["s", "t"], now=at(59)) == {"s": began}
    assert await both.rows.storms(["s"], now=at(60)) == {}
    await both.rows.prolong_storms({"s": at(90), "t": at(90)})
    await both.rows.prolong_storms({"s": at(70)})
    assert await both.rows.storms(["s"], now=at(89)) == {"s": began}
    assert await both.rows.begin_storm("s", now=at(90), until=at(99)) == at(90)
    assert await both.rows.storms(["s"], now=at(91)) == {"s": at(90)}


async def test_a_heartbeat_moves_forward_alone(both: Both) -> None:
    """A late one changes nothing; what is overdue is told until it is noted, or there is a beat."""
    await both.rows.beat([pulse("a", 0), pulse("b", 0), pulse("a", 2)])
    await both.rows.beat([pulse("a", 1)])
    await both.rows.beat([])
    assert [p.name for p in await both.rows.overdue(before=at(2), limit=9)] == ["b"]
    (late, soon) = await both.rows.overdue(before=at(3), limit=9)
    assert (late, soon) == (pulse("b", 0), pulse("a", 2))
    await both.rows.note_overdue(late)
    await both.rows.beat([pulse("a", 3)])
    await both.rows.note_overdue(soon)
    assert await both.rows.overdue(before=at(3), limit=9) == []
    assert [p.name for p in await both.rows.overdue(before=at(4), limit=9)] == ["a"]
    await both.rows.beat([pulse("b", 4)])
    found = await both.rows.pulses(tenant="main", limit=9)
    assert [(p.name, p.overdue) for p in found] == [("a", False), ("b", False)]
    assert await both.rows.pulses(tenant="other", limit=9) == []


async def test_two_processes_on_the_real_store_make_one_incident(mongo: str) -> None:
    """Sixty deliveries of one key at once, some twice: one ticket, each occurrence counted."""
    name = "talertdesks"
    client = connect(mongo, name="test-intake-alerts")
    await client.drop_database(name)
    own = database(client, name)
    clock = SystemClock()
    rows, alerts = MongoIntake(own, clock=clock), MongoAlerts(own)
    await rows.ensure_indexes()
    await alerts.ensure_indexes()
    desks = []
    for _ in range(2):
        streams = MongoStreams(own, clock=clock)
        await streams.ensure_indexes([ALERT_GROUP, TICKET])
        desks.append(AlertDesk(real=(streams, rows, alerts)))
    made = [desks[0].formed(delivery((f"f{n}", 0, "firing")), key=f"k{n}") for n in range(60)]
    batches = [made[n : n + 6] for n in range(0, 60, 6)]
    sent = [*batches, *batches[::2]]
    done = await asyncio.gather(*(desks[n % 2].hand_in(part) for n, part in enumerate(sent)))
    (ticket,) = {receipt.ticket for receipts in done for receipt in receipts}
    documents = await desks[0].streams.load(TICKET, [ticket or ""])
    state = documents[ticket or ""].state
    assert state is not None
    assert (state.firing, len(state.members)) == (60, 60)
    (key,) = await alerts.groups(tenant="main", firing=True, limit=9)
    assert await alerts.occurrence_counts([key]) == {key: 60}
    await client.drop_database(name)
    client.close()
