"""The event log of an audit, read from a real broker: all of it, in order, and leaving no trace."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import GroupCoordinatorNotAvailableError
from aiokafka.structs import OffsetAndMetadata
from typer.testing import CliRunner, Result

from heliodesk.cli import sla_replay
from heliodesk.cli.context import Context
from heliodesk.cli.root import app
from services.sla.adapters import log
from services.sla.adapters.log import EventLog, event_log
from services.sla.domain.ticket_log import TicketLog
from shared.clock import SystemClock
from shared.contracts.control import ConfigurationApplied, SectionStored
from shared.contracts.envelope import Body, Event, numbered
from shared.contracts.intake import RequestAccepted
from shared.contracts.topics import CLOCKS, CONFIGURATION, REQUESTS, TICKETS, Topic
from shared.kernel import Infrastructure
from shared.organisation import Configuration, digest
from shared.provision import ensure_topics
from tests.support.sla import TENANT, TICKET, Story, facts, organisation, utc
from tests.support.sla_replay import Recorder

START: Final = utc(2, 14)
PARTITIONS: Final = 3
ACCEPTED: Final = RequestAccepted.type


@dataclass
class Topics:
    """Topics of one test alone, named like those of the registry."""

    kafka: str
    topics: dict[str, Topic] = field(default_factory=dict)
    """By the name in the registry."""
    left_open: int = 0
    """Consumers that were not stopped when whoever read was done."""

    def name(self, topic: Topic) -> str:
        """Return what a topic is called here."""
        return self.topics[topic.name].name

    async def create(self, monkeypatch: pytest.MonkeyPatch, **partitions: int) -> None:
        """Create them, with another number of partitions than the registry says where given."""
        suffix = SystemClock().unique()
        for name in ("CONFIGURATION", "CLOCKS", "REQUESTS", "TICKETS"):
            topic: Topic = getattr(log, name)
            count = 1 if topic is CONFIGURATION else PARTITIONS
            mine = replace(topic, name=f"{topic.name}.{suffix}", partitions=count)
            self.topics[topic.name] = mine
            monkeypatch.setattr(log, name, mine)
            await ensure_topics(
                [self.kafka], topics=[replace(mine, partitions=partitions.get(name, count))]
            )
        await self._known()
        consumed = (self.topics[REQUESTS.name], self.topics[TICKETS.name])
        every = (self.topics[CLOCKS.name], *consumed)
        monkeypatch.setattr(log, "CONSUMED", consumed)
        monkeypatch.setattr(log, "AUDITED", every)
        sources = {topic.name: str(topic.source) for topic in every}
        monkeypatch.setattr(log, "_SOURCES", sources)
        monkeypatch.setattr(log, "SETTLE_SECONDS", 0)

    async def _known(self) -> None:
        """Wait until the broker tells of all of them: it creates them a little later."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka)
        await admin.start()
        names = [topic.name for topic in self.topics.values()]
        for _ in range(100):
            if all(found["partitions"] for found in await admin.describe_topics(names)):
                break
            await asyncio.sleep(0.05)
        await admin.close()

    async def send(self, *sent: tuple[Topic, Event[bytes]], transaction: bool = False) -> None:
        """Send events, one after the other; in a transaction that is then committed."""
        more = {"transactional_id": SystemClock().unique()} if transaction else {}
        async with AIOKafkaProducer(bootstrap_servers=self.kafka, **more) as producer:
            if transaction:
                await producer.begin_transaction()
            for topic, event in sent:
                await producer.send_and_wait(
                    self.name(topic), event.body, key=event.key, headers=list(event.headers())
                )
            if transaction:
                await producer.commit_transaction()

    async def process(self, topic: Topic, *, partition: int, offset: int) -> None:
        """Commit an offset as sla does."""
        name = self.name(topic)
        # By itself it would commit the topic's end when it stops, where it has looked for it.
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.kafka,
            group_id=f"{log.GROUPS}.{name}",
            enable_auto_commit=False,
        )
        await consumer.start()
        at = TopicPartition(name, partition)
        consumer.assign([at])
        await consumer.commit({at: OffsetAndMetadata(offset, "")})
        await consumer.stop()

    async def processed(self) -> None:
        """Commit all that requests and tickets hold, as sla does."""
        for topic in (REQUESTS, TICKETS):
            async with AIOKafkaConsumer(bootstrap_servers=self.kafka) as consumer:
                parts = [TopicPartition(self.name(topic), n) for n in range(PARTITIONS)]
                ends = await consumer.end_offsets(parts)
            for part, end in ends.items():
                await self.process(topic, partition=part.partition, offset=end)

    async def forget(self, topic: Topic, before: int) -> None:
        """Let retention remove the records of each partition before an offset."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka)
        await admin.start()
        parts = [TopicPartition(self.name(topic), n) for n in range(PARTITIONS)]
        await admin.delete_records({part: RecordsToDelete(before) for part in parts})
        await admin.close()

    async def read(
        self,
        wanted: Collection[str] | None = None,
        *,
        records_max: int = log.RECORDS_MAX,
        concerns: Collection[str] = (ACCEPTED,),
    ) -> list[TicketLog]:
        """Read tickets as an audit does."""
        async with event_log([self.kafka], records_max=records_max) as found:
            consumer = found._consumer
            read = [one async for one in found.tickets(TENANT, wanted, concerns)]
        self.left_open += not consumer._fetcher._fetch_task.done()
        return read


@pytest.fixture
async def topics(kafka: str, monkeypatch: pytest.MonkeyPatch) -> Topics:
    """Give topics that nobody else writes to."""
    made = Topics(kafka)
    await made.create(monkeypatch)
    return made


def event(topic: Topic, ticket: str, sequence: int, *, tenant: str = TENANT) -> Event[bytes]:
    """Return some event of a ticket's stream; what it says does not matter to who reads it."""
    body: Body = RequestAccepted(facts=facts(), message="m-1")
    return numbered(
        source=str(topic.source),
        subject=ticket,
        sequence=sequence,
        time=START,
        tenant=tenant,
        configversion=1,
        body=body,
    ).encoded()


def streams(*tickets: str, length: int = 4) -> list[tuple[Topic, Event[bytes]]]:
    """Return so many events of each stream of each ticket, those of all tickets in turn."""
    return [
        (topic, event(topic, ticket, sequence))
        for sequence in range(1, length + 1)
        for ticket in tickets
        for topic in (REQUESTS, TICKETS, CLOCKS)
    ]


def sequences(found: TicketLog) -> dict[str, list[int]]:
    """Return the sequences of a ticket's streams, as they were read."""
    streams = {str(CLOCKS.source): found.clocks, **found.consumed}
    return {source: [e.sequence for e in events] for source, events in streams.items()}


def whole(length: int = 4) -> dict[str, list[int]]:
    """Return what `sequences` says of a ticket of which everything was read in order."""
    return {str(t.source): list(range(1, length + 1)) for t in (CLOCKS, REQUESTS, TICKETS)}


NAMES: Final = [f"ticket-{number}" for number in range(12)]


@pytest.mark.parametrize("records_max", [log.RECORDS_MAX, 10])
async def test_every_ticket_is_read_once_and_in_order(topics: Topics, records_max: int) -> None:
    """In one pass, and in passes that each take a share of the tickets."""
    await topics.send(*streams(*NAMES))
    found = await topics.read(records_max=records_max)
    assert sorted(one.ticket for one in found) == sorted(NAMES)
    assert all(sequences(one) == whole() for one in found)


async def test_a_pass_holds_no_more_than_a_share(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part of the topics with more records than there is room for is read several times.

    Who is asked for by name is read at once, unless they are many.
    """
    await topics.send(*streams(*NAMES))
    passes: list[list[TopicPartition]] = []
    records = EventLog._records

    def counted(self: EventLog, part: Sequence[TopicPartition]) -> Any:
        passes.append(list(part))
        return records(self, part)

    monkeypatch.setattr(EventLog, "_records", counted)
    await topics.read(records_max=len(NAMES) * 3 * 4)
    assert len(passes) == PARTITIONS
    passes.clear()
    await topics.read(records_max=24)
    assert len(NAMES) * 3 * 4 // 24 <= len(passes) <= len(NAMES) * 3 * 4 // 24 + PARTITIONS
    passes.clear()
    assert len(await topics.read(NAMES[:9], records_max=24)) == 9
    assert len(passes) <= PARTITIONS
    passes.clear()
    monkeypatch.setattr(log, "WANTED_FEW", 8)
    found = await topics.read(NAMES[:9], records_max=24)
    assert len(passes) > PARTITIONS
    assert {one.ticket: sequences(one) for one in found} == dict.fromkeys(NAMES[:9], whole())


@pytest.mark.parametrize("records_max", [log.RECORDS_MAX, 10])
async def test_topics_of_differing_partitions_are_read_as_one(
    kafka: str, monkeypatch: pytest.MonkeyPatch, records_max: int
) -> None:
    """A ticket lies in partitions of different numbers then, and is whole all the same."""
    topics = Topics(kafka)
    await topics.create(monkeypatch, CLOCKS=1, REQUESTS=2, TICKETS=5)
    await topics.send(*streams(*NAMES))
    for wanted in (None, NAMES):
        found = await topics.read(wanted, records_max=records_max)
        assert {one.ticket: sequences(one) for one in found} == dict.fromkeys(NAMES, whole())
        assert len(found) == len(NAMES)


async def test_only_who_is_asked_for_is_read(topics: Topics) -> None:
    """A ticket of which there is nothing is told of with nothing; nothing of other tenants' is."""
    await topics.send(
        *streams("a", "b"),
        (CLOCKS, event(CLOCKS, "a", 5, tenant="other")),
        (CLOCKS, replace(event(CLOCKS, "a", 5), source=str(TICKETS.source))),
    )
    found = {one.ticket: one for one in await topics.read({"a", "nobody"})}
    assert sequences(found["a"]) == whole()
    assert found["nobody"] == TicketLog("nobody")
    assert set(found) == {"a", "nobody"}


async def test_bodies_are_kept_where_they_are_needed(topics: Topics) -> None:
    """Those of the clocks always, the others' where their types concern the clocks."""
    await topics.send(*streams("a"))
    for concerns in ((ACCEPTED,), ()):
        (found,) = await topics.read(concerns=concerns)
        assert all(one.body for one in found.clocks)
        consumed = [one for events in found.consumed.values() for one in events]
        assert len(consumed) == 8
        assert all(bool(one.body) == bool(concerns) for one in consumed)


async def test_what_is_no_event_is_passed_over(topics: Topics) -> None:
    """A record without a key, one of bytes, and one of nothing: as every consumer does."""
    async with AIOKafkaProducer(bootstrap_servers=topics.kafka) as producer:
        for topic in (REQUESTS, CLOCKS):
            await producer.send_and_wait(topics.name(topic), b"junk", partition=0)
            await producer.send_and_wait(topics.name(topic), None, key=b"\xff\xfe", partition=1)
    await topics.send(*streams("a"))
    (found,) = await topics.read()
    assert sequences(found) == whole()
    (found,) = await topics.read({"a"})
    assert sequences(found) == whole()


async def test_empty_topics_hold_nothing(topics: Topics) -> None:
    """Nor do those of which retention has removed everything; nobody waits for more."""
    assert await topics.read() == []
    assert await topics.read({"a"}) == [TicketLog("a")]
    assert topics.left_open == 0
    await topics.send(*streams("a"))
    for topic in (REQUESTS, TICKETS, CLOCKS):
        await topics.forget(topic, -1)
    assert await topics.read() == []


async def test_partitions_that_are_empty_hold_up_nobody(topics: Topics) -> None:
    """Where the last one has nothing, the consumer is stopped all the same, and not given up."""
    await topics.send(*streams("a"))
    for _ in range(3):
        assert len(await topics.read()) == 1
    assert topics.left_open == 0


async def test_what_retention_left_is_read(topics: Topics) -> None:
    """A topic that begins later than with its first record."""
    await topics.send(*streams("a"))
    number = 0
    async with AIOKafkaConsumer(bootstrap_servers=topics.kafka) as consumer:
        parts = [TopicPartition(topics.name(CLOCKS), n) for n in range(PARTITIONS)]
        ends = await consumer.end_offsets(parts)
        number = next(part.partition for part, end in ends.items() if end)
    admin = AIOKafkaAdminClient(bootstrap_servers=topics.kafka)
    await admin.start()
    at = TopicPartition(topics.name(CLOCKS), number)
    await admin.delete_records({at: RecordsToDelete(2)})
    await admin.close()
    (found,) = await topics.read()
    assert sequences(found) == whole() | {str(CLOCKS.source): [3, 4]}


async def test_records_of_transactions_are_read_to_their_end(topics: Topics) -> None:
    """The last record of a partition is no event then, but says that they are committed."""
    await topics.send(*streams("a"), transaction=True)
    (found,) = await topics.read()
    assert sequences(found) == whole()


async def test_what_was_processed_is_what_sla_had_committed(topics: Topics) -> None:
    """By stream, the last event before the offset; nothing where nothing was committed."""
    await topics.send(*streams("a"))
    (found,) = await topics.read()
    assert found.processed == {}
    for number in range(PARTITIONS):
        await topics.process(REQUESTS, partition=number, offset=3)
        await topics.process(TICKETS, partition=number, offset=0)
    (found,) = await topics.read()
    assert found.processed == {str(REQUESTS.source): 3}


async def test_a_coordinator_that_is_still_loading_a_group_is_asked_again() -> None:
    """Its answer has no partition, and is not taken for a group that has committed nothing."""
    one, other = TopicPartition("t", 0), TopicPartition("t", 1)
    answers = [{}, {one: OffsetAndMetadata(7, ""), other: OffsetAndMetadata(-1, "")}]

    class Admin:
        async def list_consumer_group_offsets(self, _group: str, *, partitions: Any) -> Any:
            assert partitions == [one, other]
            return answers.pop(0)

    admin: Any = Admin()
    assert await log.offsets_of(admin, "g", [one, other]) == {one: 7}
    assert answers == []


async def test_a_broker_is_left_as_it_was(topics: Topics) -> None:
    """No group is there that was not, none has a member, and no offset has moved."""
    await topics.send(*streams(*NAMES))
    await topics.process(REQUESTS, partition=0, offset=1)
    admin = AIOKafkaAdminClient(bootstrap_servers=topics.kafka)
    await admin.start()
    name = f"{log.GROUPS}.{topics.name(REQUESTS)}"

    async def told() -> tuple[Any, ...]:
        (described,) = await admin.describe_consumer_groups([name])
        return (
            sorted(await admin.list_consumer_groups()),
            described.to_object()["groups"][0]["members"],
            await admin.list_consumer_group_offsets(name),
        )

    before = await told()
    assert any(name in group for group in before[0])
    async with event_log([topics.kafka]) as found:
        await found.configurations()
        assert await found.ids(["nobody"], TENANT) == {}
        async for _ in found.tickets(TENANT, None, ()):
            assert await told() == before
    assert await told() == before
    await admin.close()


async def test_what_comes_while_it_is_read_is_left_out_unless_its_cause_is_there(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ends of the clocks are looked up first: of what is read, the cause is read too."""
    await topics.send(*streams("a", length=1))
    ends = AIOKafkaConsumer.end_offsets
    later = [2, 3]

    async def slowly(self: AIOKafkaConsumer, parts: Any) -> Any:
        found = await ends(self, parts)
        if later:
            sequence = later.pop(0)
            await topics.send(
                (REQUESTS, event(REQUESTS, "a", sequence)),
                (CLOCKS, event(CLOCKS, "a", sequence)),
            )
        return found

    monkeypatch.setattr(log.EventLog, "_size", _none)
    monkeypatch.setattr(AIOKafkaConsumer, "end_offsets", slowly)
    (found,) = await topics.read({"a"})
    assert not later
    assert sequences(found)[str(CLOCKS.source)] == [1]
    assert sequences(found)[str(REQUESTS.source)] == [1, 2]


async def _none(_self: EventLog, _part: Sequence[TopicPartition]) -> int:
    return 0


async def test_records_that_never_come_are_the_brokers_fault(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that goes away fails no fetch: an audit must not wait for it for ever."""
    await topics.send(*streams("a"))
    ends = AIOKafkaConsumer.end_offsets

    async def promised(self: AIOKafkaConsumer, parts: Any) -> Any:
        return {part: end + 1 for part, end in (await ends(self, parts)).items()}

    monkeypatch.setattr(AIOKafkaConsumer, "end_offsets", promised)
    monkeypatch.setattr(log, "SECONDS_MAX", 3.0)
    with pytest.raises(Infrastructure, match="no records for 3 s"):
        await topics.read()


async def test_a_broker_that_does_not_know_its_groups_yet_is_asked_again(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looks for who keeps their offsets when it is asked for the first time."""
    await topics.send(*streams("a"))
    asked = AIOKafkaAdminClient.list_consumer_group_offsets
    unknown = [1, 2]

    async def knowing(self: AIOKafkaAdminClient, group: str, **further: Any) -> Any:
        if unknown:
            unknown.pop()
            raise GroupCoordinatorNotAvailableError
        return await asked(self, group, **further)

    monkeypatch.setattr(AIOKafkaAdminClient, "list_consumer_group_offsets", knowing)
    assert len(await topics.read()) == 1
    assert not unknown


async def test_a_broker_without_the_topics_is_told_of(
    kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which they are, and what creates them."""
    missing = replace(CLOCKS, name="heliodesk.nowhere")
    monkeypatch.setattr(log, "AUDITED", (missing,))
    monkeypatch.setattr(log, "CONFIGURATION", replace(CONFIGURATION, name="heliodesk.neither"))
    with pytest.raises(Infrastructure, match=r"nowhere.*topics create"):
        async with event_log([kafka]):
            pass


# --- the whole command ------------------------------------------------------------------------


def applied(configuration: Configuration) -> list[tuple[Topic, Event[bytes]]]:
    """Return version 1 of a configuration as control publishes it."""
    sections = configuration.sections()
    bodies: list[tuple[str, Body]] = [
        (name, SectionStored(section=name, digest=digest(content), content=content))
        for name, content in sections.items()
    ]
    manifest = {name: digest(content) for name, content in sections.items()}
    bodies.append(("applied", ConfigurationApplied(version=1, manifest=manifest, actor="test")))
    return [
        (
            CONFIGURATION,
            numbered(
                source=str(CONFIGURATION.source),
                subject=name,
                sequence=1,
                time=START,
                tenant=TENANT,
                configversion=0,
                body=body,
            ).encoded(),
        )
        for name, body in bodies
    ]


def a_ticket() -> Recorder:
    """Return what sla makes of a ticket that is queued, waits, and is resolved."""
    machine, story = Recorder(organisation(), start=START), Story()
    machine.take(story.accepted())
    machine.take(story.queued(START))
    machine.take(story.pended(utc(2, 14, 10)))
    machine.take(story.resumed(utc(2, 14, 30)))
    machine.take(story.resolved(utc(2, 15)))
    return machine


def records_of(machine: Recorder) -> list[tuple[Topic, Event[bytes]]]:
    """Return all that the topics hold of it, the events of the clocks last."""
    told = machine.log()
    topics = {str(topic.source): topic for topic in (REQUESTS, TICKETS)}
    consumed = [(topics[s], e) for s, events in told.consumed.items() for e in events]
    return [*consumed, *((CLOCKS, e) for e in told.clocks)]


class WaitingClock(SystemClock):
    """Somebody sends something while the audit waits."""

    def __init__(self, topics: Topics, *late: tuple[Topic, Event[bytes]]) -> None:
        self.waited: list[float] = []
        self._topics = topics
        self._late = late

    async def sleep(self, seconds: float) -> None:
        """Take that for the wait."""
        self.waited.append(seconds)
        await self._topics.send(*self._late)


def refused(request: httpx.Request) -> httpx.Response:
    """Answer nothing."""
    raise AssertionError(request.url)


async def audited(topics: Topics, home: Path, clock: SystemClock, *arguments: str) -> Result:
    """Run the audit, which asks no service."""
    context = Context(
        environ={"HELIODESK_HOME": str(home), "HELIODESK_KAFKA": topics.kafka},
        start=home,
        transport=httpx.MockTransport(refused),
        clock=clock,
    )
    command = ["sla", "replay", "--log-only", "--json", *arguments]
    return await asyncio.to_thread(CliRunner().invoke, app, command, obj=context)


@pytest.mark.parametrize("names", [(), (TICKET,), ("HD-1",)])
async def test_the_log_alone_proves_every_due_time(
    topics: Topics, tmp_path: Path, names: tuple[str, ...]
) -> None:
    """All tickets, or one by its id or its number; no service is asked, and nobody waits."""
    machine = a_ticket()
    await topics.send(*applied(organisation()), *records_of(machine))
    await topics.processed()
    clock = WaitingClock(topics)
    result = await audited(topics, tmp_path, clock, *names)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["tickets"], found["identical"], found["findings"]) == (1, 1, {})
    assert found["events"] == len(machine.events)
    assert clock.waited == []


async def test_a_ticket_that_the_log_has_not_is_told_of(topics: Topics, tmp_path: Path) -> None:
    """By any name."""
    await topics.send(*applied(organisation()), *records_of(a_ticket()))
    result = await audited(topics, tmp_path, WaitingClock(topics), "HD-2")
    assert result.exit_code == 2
    assert "There is no ticket HD-2" in result.output


async def test_what_is_sent_late_is_not_lost(topics: Topics, tmp_path: Path) -> None:
    """Sla had decided and committed, and its process died before it sent the last event."""
    machine = a_ticket()
    *sent, last = records_of(machine)
    await topics.send(*applied(organisation()), *sent)
    await topics.processed()
    clock = WaitingClock(topics, last)
    result = await audited(topics, tmp_path, clock)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["findings"] == {}
    assert json.loads(result.stdout)["tickets"] == 1
    assert clock.waited == [sla_replay.LATE_SECONDS]


async def test_what_is_not_sent_at_all_is_lost(topics: Topics, tmp_path: Path) -> None:
    """After the wait it is told of, once; the tickets that are right are in the same sum."""
    machine, whole_one = a_ticket(), streams_of_another()
    *sent, _last = records_of(machine)
    await topics.send(*applied(organisation()), *whole_one, *sent)
    await topics.processed()
    result = await audited(topics, tmp_path, WaitingClock(topics))
    assert result.exit_code == 6, result.output
    found = json.loads(result.stdout)
    assert found["findings"] == {"lost": 1}
    assert (found["tickets"], found["identical"]) == (2, 1)
    assert [row["ticket"] for row in found["rows"]] == [TICKET]


def streams_of_another() -> list[tuple[Topic, Event[bytes]]]:
    """Return what the topics hold of another ticket, of which everything was sent."""
    machine = Recorder(organisation(), start=START)
    machine.document = replace(machine.document, id="ticket-2")
    story = Story(ticket="ticket-2", facts=facts("HD-2"))
    machine.take(story.accepted())
    machine.take(story.queued(START))
    return records_of(machine)
