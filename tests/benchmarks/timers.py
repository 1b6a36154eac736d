"""B5, timers: in memory against a plain heap, a burst against the store's own floor, a rebuild.

The burst: so many clocks breach within one second. The ticker loads, decides and commits them on
the real store; the floor reads and writes like documents with the same updates, made before,
in bulks of the same size, as many at a time, once before the burst and once after it: their mean
counts. Nothing is sent to a broker in either: events wait in their outboxes. The rebuild: a ticker
that has just started fires its first timer; and all timers read into memory, which no ticker does.
Both go on beside so many other timers that are armed in the same collection.
"""

from __future__ import annotations

import asyncio
import gc
import heapq
import importlib
import os
import random
import sys
import time
import tracemalloc
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from pymongo import UpdateOne

from deploy.local.ports import Ports
from deploy.local.stack import STORE, Stack
from services.sla.domain.evolve import TICKET_CLOCKS
from services.sla.domain.horizon import Due, Horizon
from services.sla.domain.model import SHARDS
from services.sla.domain.ticks import decide_tick
from services.sla.handlers import ClockHandlers
from services.sla.store import MongoClocks
from services.sla.ticker import ClockTicker, TickLimits
from shared.aggregate import Step, Write, plan
from shared.clock import SystemClock
from shared.commit import Committer
from shared.configuration import Configurations
from shared.contracts.sla import ClockBreached
from shared.documents import changes_of, document_from, row_of
from shared.log import configure
from shared.mongo import LOAD_MAX, MongoStreams, connect, database
from shared.ticker import Ticker
from tests.benchmarks.measure import (
    Circumstances,
    Spread,
    cores,
    cpu_seconds,
    load_average,
    own_cpu_seconds,
    percentile,
    ratios,
)
from tests.benchmarks.report import Grid, Result, rows_of, shown
from tests.support.sla import TENANT, Sla, Story, facts, organisation

SIZES: Final = (1_000, 10_000, 100_000, 1_000_000)
PEER_SIZE_MAX: Final = 10_000
"""More would take the peer minutes."""
BURST: Final = 10_000
BURST_SECONDS: Final = 1.0
LATE_SECONDS_TARGET: Final = 1.0
DATABASE: Final = "bench_timers"
ARMED_DEFAULT: Final = 100_000
ARMED_TARGET: Final = 1_000_000
REBUILD_SECONDS_TARGET: Final = 20.0
FILL: Final = 2_000
"""Documents of one insertion."""
LIMITS: Final = TickLimits()
SLA: Final = """
policies:
  - {name: answer, metric: response, targets: {P2: 1h}, calendar: always, warnings: []}
"""
LEAD_SECONDS: Final = 8.0
"""Beside twice what the filling takes, from its beginning to the first due time."""
PATIENCE_SECONDS: Final = 60.0
"""Beside five times the floor: a ticker that takes longer has lost something."""


def run(*, home: Path, rounds: int, armed: int = ARMED_DEFAULT) -> Result:
    """Measure all three on a store of their own, and say what was reached."""
    load = load_average()
    stack = Stack(home, ports=Ports.free(), components=(STORE,), environ=os.environ)
    stack.start()
    try:
        kind = next(status.kind for status in stack.status() if status.name == "store")
        pid = stack.pid(STORE)
        return measured(stack.mongo, pid=pid, kind=kind, rounds=rounds, armed=armed, load=load)
    finally:
        stack.stop()


def measured(
    mongo: str,
    *,
    pid: int | None = None,
    kind: str,
    rounds: int,
    armed: int,
    load: float,
    burst: int = BURST,
    sizes: Sequence[int] = SIZES,
) -> Result:
    """Measure all three on a store that knows none of it yet.

    ``pid`` is the store's process, if it is one of this machine; ``load`` is from before.
    """
    memory = [_in_memory(size, rounds) for size in sizes]
    rebuilt = asyncio.run(_rebuild(mongo, armed))
    bursts = [_burst_of(mongo, number, burst, pid) for number in range(rounds)]
    floors = [seconds for found in bursts for seconds in found.floors]
    around = Circumstances(
        cores=cores(),
        load_before=load,
        load_after=load_average(),
        floor_spread=max(floors) / min(floors),
    )
    notes = [f"store: {kind}; bulks of {LIMITS.batch_max}, {LIMITS.lanes} at a time"]
    if armed < ARMED_TARGET:
        notes.append(
            f"armed in the store: {armed:,}, not the {ARMED_TARGET:,} of the aim (as long again to "
            f"fill: {rebuilt.fill_seconds * ARMED_TARGET / armed:,.0f} s; --armed {ARMED_TARGET})"
        )
    if memory[0].peer is None:
        notes.append("APScheduler is not installed here: not compared")
    return Result(
        name="timers",
        circumstances=around,
        grids=(_memory_grid(memory), _burst_grid(bursts), _rebuild_grid(rebuilt)),
        figures={
            "memory": [row.plain() for row in memory],
            "burst": [vars_of(found) for found in bursts],
            "rebuild": vars_of(rebuilt),
        },
        notes=tuple(notes),
    )


def vars_of(found: Any) -> dict[str, Any]:
    """Return a frozen dataclass as a dictionary."""
    return {name: getattr(found, name) for name in found.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class InMemory:
    """Microseconds of CPU for each of arm, cancel and fire; a third is cancelled."""

    size: int
    ours: dict[str, Spread]
    of_floor: dict[str, Spread]
    bytes_each: float
    """Of the heap and the dictionaries, without what they point at."""
    peer: dict[str, float] | None

    def plain(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "size": self.size,
            "microseconds": {name: spread.plain() for name, spread in self.ours.items()},
            "of_floor": {name: spread.plain() for name, spread in self.of_floor.items()},
            "bytes_each": self.bytes_each,
            "apscheduler_microseconds": self.peer,
        }


OPERATIONS: Final = ("arm", "cancel", "fire")


def _in_memory(size: int, rounds: int) -> InMemory:
    chance = random.Random(size)  # noqa: S311 - mixing, no secrets
    start = datetime(2026, 7, 1, tzinfo=UTC)
    timers = [
        Due(f"ticket-{n}", TENANT, start + timedelta(milliseconds=chance.randrange(10 * size)))
        for n in range(size)
    ]
    end = start + timedelta(milliseconds=10 * size + 1)
    cancelled = [timer.ticket for timer in timers[::3]]
    ours: list[tuple[float, ...]] = []
    floor: list[tuple[float, ...]] = []
    for number in range(rounds + 1):
        for contestant, found in ((_horizon, ours), (_heap, floor)):
            gc.collect()
            figures = contestant(timers, cancelled, end)
            if number:
                found.append(figures)
    tracemalloc.start()
    horizon = Horizon()
    for timer in timers[: min(size, 100_000)]:
        horizon.arm(timer)
    each = tracemalloc.get_traced_memory()[0] / len(horizon)
    tracemalloc.stop()
    counts = (size, len(cancelled), size - len(cancelled))
    return InMemory(
        size=size,
        ours={
            name: Spread.of(figures[place] / counts[place] * 1e6 for figures in ours)
            for place, name in enumerate(OPERATIONS)
        },
        of_floor={
            name: ratios([f[place] for f in ours], [f[place] for f in floor])
            for place, name in enumerate(OPERATIONS)
        },
        bytes_each=each,
        peer=_peer(timers, cancelled) if size <= PEER_SIZE_MAX else None,
    )


def _horizon(timers: Sequence[Due], cancelled: Sequence[str], end: datetime) -> tuple[float, ...]:
    horizon = Horizon()
    since = time.process_time()
    for timer in timers:
        horizon.arm(timer)
    armed = time.process_time()
    for ticket in cancelled:
        horizon.cancel(ticket)
    gone = time.process_time()
    fired = 0
    while taken := horizon.take(before=end, limit=500):
        fired += len(taken)
    done = time.process_time()
    if fired != len(timers) - len(cancelled):
        message = f"{fired} of {len(timers) - len(cancelled)} timers fired"
        raise AssertionError(message)
    return armed - since, gone - armed, done - gone


def _heap(timers: Sequence[Due], cancelled: Sequence[str], end: datetime) -> tuple[float, ...]:
    """The least: a heap, a dictionary, and entries that are looked at when they come up."""
    heap: list[tuple[datetime, str]] = []
    known: dict[str, Due] = {}
    since = time.process_time()
    for timer in timers:
        known[timer.ticket] = timer
        heapq.heappush(heap, (timer.due_at, timer.ticket))
    armed = time.process_time()
    for ticket in cancelled:
        del known[ticket]
    gone = time.process_time()
    fired = []
    while heap and heap[0][0] < end:
        timer_or_none = known.pop(heapq.heappop(heap)[1], None)
        if timer_or_none is not None:
            fired.append(timer_or_none)
    return armed - since, gone - armed, time.process_time() - gone


def _peer(timers: Sequence[Due], cancelled: Sequence[str]) -> dict[str, float] | None:
    """Return what APScheduler takes for each, where it is installed: microseconds of CPU."""
    try:
        schedulers = importlib.import_module("apscheduler.schedulers.background")
        executors = importlib.import_module("apscheduler.executors.debug")
    except ImportError:
        return None
    fired: list[str] = []
    scheduler = schedulers.BackgroundScheduler(
        timezone=UTC, executors={"default": executors.DebugExecutor()}
    )
    scheduler.start(paused=True)
    ahead = datetime.now(UTC) + timedelta(hours=1)
    since = own_cpu_seconds()
    for timer in timers:
        scheduler.add_job(
            fired.append, "date", run_date=ahead, args=[timer.ticket], id=timer.ticket
        )
    armed = own_cpu_seconds()
    for ticket in cancelled:
        scheduler.remove_job(ticket)
    gone = own_cpu_seconds()
    left = [t.ticket for t in timers if t.ticket not in set(cancelled)]
    now = datetime.now(UTC)
    for name in left:
        scheduler.modify_job(name, next_run_time=now, misfire_grace_time=None)
    moved = own_cpu_seconds()
    scheduler.resume()
    while len(fired) < len(left):
        time.sleep(0.01)
    done = own_cpu_seconds()
    scheduler.shutdown()
    return {
        "arm": (armed - since) / len(timers) * 1e6,
        "cancel": (gone - armed) / len(cancelled) * 1e6,
        "fire": (done - moved) / len(left) * 1e6,
    }


@dataclass(frozen=True, slots=True)
class Burst:
    """So many clocks that breach within a second, in seconds."""

    clocks: int
    floors: tuple[float, float]
    """The store's own, for the same reads and writes: before the burst and after it."""
    store_cpu: float
    """What the store used of its processors from the first due time to the last commit, against
    the mean of what it used for the two floors; 0 where it runs elsewhere."""
    last_seconds: float
    """From the last due time to the last commit."""
    late_p50: float
    late_p99: float
    early: int
    lost: int
    double: int

    @property
    def floor_seconds(self) -> float:
        """The mean of both: what else the machine does changes from minute to minute."""
        return sum(self.floors) / len(self.floors)

    @property
    def beyond(self) -> float:
        """How much later than the floor's time the ticker let go of all but one in a hundred."""
        return self.late_p99 - self.floor_seconds


class _Still:
    """A relay that sends nothing: events stay in their outboxes."""

    async def submit(self, _writes: Sequence[Write[Any]]) -> None:
        """Do nothing."""


class _Seen:
    """`Caughtup` of topics in which nothing is in flight."""

    def __init__(self, clock: SystemClock) -> None:
        self._clock = clock

    async def seen_until(self) -> datetime:
        """Return the present instant."""
        return self._clock.now()


class _World:
    """The store, and a ticker on it."""

    def __init__(self, mongo: str, pid: int | None = None) -> None:
        self._pid = pid
        self.clock = SystemClock()
        self.client: Any = connect(mongo, name="bench-timers")
        self.database = database(self.client, DATABASE)
        self.streams = MongoStreams(self.database, clock=self.clock)
        self.index = MongoClocks(self.database)
        configurations = Configurations()
        configurations.install(TENANT, organisation(sla=SLA), version=1)
        still: Any = _Still()
        self.committer = Committer(
            store=self.streams,
            parking=self.streams,
            relay=still,
            clock=self.clock,
            configversion=configurations.version,
        )
        self.handlers = ClockHandlers(configurations)
        self.ticker = ClockTicker(
            index=self.index,
            caughtup=_Seen(self.clock),
            handlers=self.handlers,
            committer=self.committer,
            clock=self.clock,
            limits=LIMITS,
        )

    def store_cpu(self) -> float:
        """Return the CPU seconds that the store has used; 0 where it runs elsewhere."""
        return cpu_seconds(self._pid) if self._pid is not None else 0.0

    async def prepare(self) -> None:
        """Create the indexes."""
        await self.streams.ensure_indexes([TICKET_CLOCKS])
        await self.index.ensure_indexes()

    async def fill(self, rows: Sequence[dict[str, Any]]) -> None:
        """Insert documents."""
        for start in range(0, len(rows), FILL):
            await self.database[TICKET_CLOCKS.name].insert_many(
                list(rows[start : start + FILL]), ordered=False
            )

    async def close(self) -> None:
        """Let go of the store; it is thrown away as a whole."""
        self.client.close()


async def _template() -> tuple[dict[str, Any], datetime]:
    """Return the row of a ticket whose one clock runs, and when that is due."""
    sla = Sla(configuration=organisation(sla=SLA))
    at = sla.clock.now()
    story = Story(facts=facts(accepted_at=at))
    await sla.feed(story.accepted(), story.queued(at), story.assigned(at))
    document = await sla.document()
    state = document.state
    if state is None or state.due_at is None:
        message = "the ticket has no clock"
        raise AssertionError(message)
    return row_of(replace(document, outbox=())), state.due_at


def _moved(value: Any, by: timedelta) -> Any:
    """Return a row whose instants are all moved."""
    if isinstance(value, datetime):
        return value if value.year > 9_000 else value + by
    if isinstance(value, dict):
        return {name: _moved(item, by) for name, item in value.items()}
    return [_moved(item, by) for item in value] if isinstance(value, list) else value


def _rows(
    template: tuple[dict[str, Any], datetime],
    count: int,
    *,
    name: str,
    first: datetime,
    seconds: float,
) -> list[dict[str, Any]]:
    """Return the rows of so many tickets that are due evenly within a stretch of time."""
    row, due_at = template
    found = []
    for number in range(count):
        at = first + timedelta(milliseconds=int(number * seconds * 1_000 / count))
        copy = _moved(row, at - due_at) | {"_id": f"{name}-{number}", "writes": []}
        copy["state"]["number"] = f"HD-{number}"
        copy["state"]["shard"] = number % SHARDS
        found.append(copy)
    return found


def _burst_of(mongo: str, number: int, size: int, pid: int | None) -> Burst:
    found = asyncio.run(_burst(mongo, number, size, pid))
    sys.stderr.write(f"burst {number + 1}: {found}\n")
    return found


async def _burst(mongo: str, number: int, size: int, pid: int | None) -> Burst:
    template = await _template()
    world = _World(mongo, pid)
    before = await _floor(world, f"before-{number}", template, size)
    begins = world.clock.now() + timedelta(seconds=LEAD_SECONDS + 2 * before.filling)
    rows = _rows(template, size, name=f"burst-{number}", first=begins, seconds=BURST_SECONDS)
    await world.fill(rows)
    if world.clock.now() > begins - timedelta(seconds=LIMITS.look_seconds):
        message = "filling the store took longer than the lead: the burst would be overdue"
        raise AssertionError(message)
    mine = {row["_id"] for row in rows}
    late: dict[str, float] = {}
    early = double = 0
    told = asyncio.Event()

    def written(writes: Sequence[Write[Any]]) -> None:
        nonlocal early, double
        now = datetime.now(UTC)
        for write in writes:
            for event in write.bodies:
                if isinstance(event.body, ClockBreached) and write.after.id in mine:
                    double += write.after.id in late
                    early += event.time <= event.body.due_at or now <= event.body.due_at
                    late[write.after.id] = (now - event.body.due_at).total_seconds()
        if len(late) == size:
            told.set()

    world.committer.on_written.append(written)
    ticker = Ticker(
        name="clocks", work=world.ticker.run_once, seconds=0.5, due=world.ticker.next_at
    )
    task = asyncio.create_task(
        ticker.run(clock=world.clock, log=configure(service="bench", level="error"))
    )
    ends = begins + timedelta(seconds=BURST_SECONDS)
    try:
        await asyncio.sleep((begins - world.clock.now()).total_seconds())
        used = world.store_cpu()
        async with asyncio.timeout(5 * before.seconds + PATIENCE_SECONDS):
            await told.wait()
            used = world.store_cpu() - used
            last = (datetime.now(UTC) - ends).total_seconds()
            await asyncio.sleep(3)
    finally:
        task.cancel()
    stored = 0
    for start in range(0, size, LOAD_MAX):
        ids = [row["_id"] for row in rows[start : start + LOAD_MAX]]
        stored += await world.database[TICKET_CLOCKS.name].count_documents(
            {"_id": {"$in": ids}, "state.breached": True, "outbox": {"$size": 1}}
        )
    # Told before the floor is measured again: on a busy machine the store may give up there.
    sys.stderr.write(
        f"burst {number + 1}: p50 {percentile(list(late.values()), 0.5):.2f}"
        f" p99 {percentile(list(late.values()), 0.99):.2f} last {last:.2f} store CPU {used:.1f};"
        f" {early} early, {size - stored} lost, {double} double; {before}\n"
    )
    after = await _floor(world, f"after-{number}", template, size)
    await world.close()
    return Burst(
        clocks=size,
        floors=(before.seconds, after.seconds),
        store_cpu=2 * used / (before.store_cpu + after.store_cpu) if pid is not None else 0.0,
        last_seconds=last,
        late_p50=percentile(list(late.values()), 0.5),
        late_p99=percentile(list(late.values()), 0.99),
        early=early,
        lost=size - stored,
        double=double,
    )


@dataclass(frozen=True, slots=True)
class Floor:
    """How long the store takes to be filled, and to read and write what was decided before."""

    filling: float
    seconds: float
    store_cpu: float


async def _floor(
    world: _World, name: str, template: tuple[dict[str, Any], datetime], size: int
) -> Floor:
    """Let the store do what a burst of so many has it do, and nothing else."""
    began = time.monotonic()
    first = world.clock.now()
    rows = _rows(template, size, name=name, first=first, seconds=BURST_SECONDS)
    await world.fill(rows)
    filling = time.monotonic() - began
    operations = _operations(world, rows)
    collection = world.database[TICKET_CLOCKS.name]
    waiting = [
        operations[start : start + LIMITS.batch_max] for start in range(0, size, LIMITS.batch_max)
    ]

    async def lane() -> None:
        while waiting:
            bulk = waiting.pop(0)
            ids = [identifier for identifier, _ in bulk]
            for start in range(0, len(ids), LOAD_MAX):
                piece = ids[start : start + LOAD_MAX]
                await collection.find({"_id": {"$in": piece}}).to_list(None)
            async with await world.client.start_session() as session, session.start_transaction():
                await collection.bulk_write(
                    [operation for _, operation in bulk], ordered=False, session=session
                )

    since, used = time.monotonic(), world.store_cpu()
    await asyncio.gather(*(lane() for _ in range(LIMITS.lanes)))
    return Floor(
        filling=filling,
        seconds=time.monotonic() - since,
        store_cpu=world.store_cpu() - used,
    )


def _operations(world: _World, rows: Sequence[dict[str, Any]]) -> list[tuple[str, UpdateOne]]:
    """Return the updates that breaches of these tickets are, as the ticker makes them."""
    now = world.clock.now() + timedelta(seconds=2 * BURST_SECONDS)
    rules = world.handlers.rules(TENANT)
    breach = Step(decide=lambda state: decide_tick(state, now, rules), at=now)
    found: list[tuple[str, UpdateOne]] = []
    for row in rows:
        document = document_from(TICKET_CLOCKS, row)
        write = plan(TICKET_CLOCKS, document, [breach], now=now, configversion=1).write
        if write is None:
            message = f"nothing is due of {document.id}"
            raise AssertionError(message)
        changed, appended = changes_of(write)
        pushed = {"outbox": {"$each": appended}, "writes": {"$each": ["bench:1"], "$slice": -8}}
        guard = {"_id": document.id, "v": document.v}
        found.append((document.id, UpdateOne(guard, {"$set": changed, "$push": pushed})))
    return found


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A ticker that starts beside many armed timers, in seconds."""

    armed: int
    fill_seconds: float
    first_fired_seconds: float
    """From its making to the commit of what was overdue: this is what a crash costs."""
    near: int
    """Timers in memory then."""
    all_seconds: float
    """To read every timer into memory, which no ticker does."""


async def _rebuild(mongo: str, armed: int) -> Rebuilt:
    template = await _template()
    world = _World(mongo)
    await world.prepare()
    since = time.monotonic()
    now = world.clock.now()
    hours = 8 * 3_600
    row, due_at = template
    for start in range(0, armed, FILL):
        rows = []
        for number in range(start, min(armed, start + FILL)):
            # All but one are due later, evenly over eight hours.
            ahead = 3_600 + number * hours / armed if number else -60
            moved = _moved(row, now + timedelta(seconds=int(ahead)) - due_at)
            moved["state"]["shard"] = number % SHARDS
            rows.append(moved | {"_id": f"ticket-{number}", "writes": []})
        await world.fill(rows)
    filled = time.monotonic()
    fresh = ClockTicker(
        index=world.index,
        caughtup=_Seen(world.clock),
        handlers=world.handlers,
        committer=world.committer,
        clock=world.clock,
        limits=LIMITS,
    )
    fired: list[str] = []
    world.committer.on_written.append(lambda writes: fired.extend(w.after.id for w in writes))
    await fresh.run_once()
    first = time.monotonic()
    if fired != ["ticket-0"]:
        message = f"{fired} fired instead of what was overdue"
        raise AssertionError(message)
    began = time.monotonic()
    horizon = Horizon()
    # By stretches of time: the store gathers all that an answer could hold before it gives the
    # first of it, and 100,000 rows take it longer than a connection may be silent.
    pages = 1 + armed // FILL
    for page in range(pages):
        since_at, until_at = (
            now + timedelta(seconds=3_600 + hours * part / pages) for part in (page, page + 1)
        )
        query = {"state.due_at": {"$gte": since_at, "$lt": until_at}, "parked": 0}
        found = world.database[TICKET_CLOCKS.name].find(query, {"tenant": 1, "state.due_at": 1})
        for entry in await found.to_list(None):
            horizon.arm(Due(entry["_id"], entry["tenant"], entry["state"]["due_at"]))
    everything = time.monotonic()
    near = len(fresh._horizon)
    if len(horizon) < armed - 1:
        message = f"{len(horizon)} of {armed} timers were read"
        raise AssertionError(message)
    await world.close()
    return Rebuilt(
        armed=armed,
        fill_seconds=filled - since,
        first_fired_seconds=first - filled,
        near=near,
        all_seconds=everything - began,
    )


def _memory_grid(memory: Sequence[InMemory]) -> Grid:
    rows = []
    for found in memory:
        for name in OPERATIONS:
            peer = found.peer
            rows.append(
                [
                    f"{found.size:,} {name}",
                    shown(found.ours[name]),
                    shown(found.of_floor[name]),
                    f"{peer[name] / found.ours[name].median:.0f}x" if peer else "-",
                    f"{found.bytes_each:.0f}" if name == "arm" else "",
                ]
            )
    return Grid(
        title="in memory: microseconds of CPU (aim <= 4 of the floor; peer: >= 8x arm, >= 30x fire)",
        columns=("timers", "us", "of a heap and a dictionary", "APScheduler takes", "B each"),
        rows=rows_of(rows),
    )


def _burst_grid(bursts: Sequence[Burst]) -> Grid:
    beyond = Spread.of(burst.beyond for burst in bursts)
    reached = "reached" if beyond.median <= LATE_SECONDS_TARGET else "missed"
    spreads = (
        ("the store's own floor, s", [b.floor_seconds for b in bursts]),
        ("late p50, s", [b.late_p50 for b in bursts]),
        ("late p99, s", [b.late_p99 for b in bursts]),
        ("last commit after the last due time, s", [b.last_seconds for b in bursts]),
        ("late p99 / floor", [b.late_p99 / b.floor_seconds for b in bursts]),
        ("the store's CPU / that of its floor", [b.store_cpu for b in bursts]),
    )
    rows = [[name, shown(Spread.of(values))] for name, values in spreads]
    rows.append(
        ["late p99 - floor, s", f"{shown(beyond)}  (aim <= {LATE_SECONDS_TARGET:g}: {reached})"]
    )
    counts = [(b.early, b.lost, b.double) for b in bursts]
    rows.append(
        ["early / lost / double", " / ".join(str(sum(c)) for c in zip(*counts, strict=True))]
    )
    return Grid(
        title=f"{bursts[0].clocks:,} due within {BURST_SECONDS:g} s",
        columns=("what", "found"),
        rows=rows_of(rows),
    )


def _rebuild_grid(found: Rebuilt) -> Grid:
    reached = "reached" if found.first_fired_seconds <= REBUILD_SECONDS_TARGET else "missed"
    rows = [
        [
            "started, looked, fired what was overdue, s",
            f"{found.first_fired_seconds:.2f}  (aim <= {REBUILD_SECONDS_TARGET:g}: {reached})",
        ],
        ["timers of the near horizon", str(found.near)],
        ["all timers read into memory, s", f"{found.all_seconds:.2f}"],
        ["(filling the store, s)", f"{found.fill_seconds:.0f}"],
    ]
    return Grid(
        title=f"a ticker that starts beside {found.armed:,} armed timers",
        columns=("what", "found"),
        rows=rows_of(rows),
    )
