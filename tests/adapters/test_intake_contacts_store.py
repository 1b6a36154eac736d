"""People, addresses and models: one suite over the memory store and the real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest

from services.intake.domain.contact import CONTACT, Person
from services.intake.domain.finding import question_words, search_keys
from services.intake.domain.learning import BUCKETS, Head, Model, packed
from services.intake.domain.messages import Message
from services.intake.domain.people import Address, SentCode, address_id, linked, noted
from services.intake.domain.ticket import TICKET, decide_accepted
from services.intake.ports import ContactStore, LinkMade, ModelStore
from services.intake.store import MongoContacts, MongoIntake, MongoModels
from shared.aggregate import Document, Step, Write, plan
from shared.clock import SystemClock
from shared.contracts.facts import Channel, Kind, Level, Priority, TicketFacts
from shared.contracts.intake import (
    Classification,
    ConversationClosed,
    Direction,
    FactChange,
    RequestReclassified,
)
from shared.mongo import MongoStreams, connect, database
from shared.testing.memory import MemoryData, MemoryStreams
from tests.support.intake import MemoryIntake
from tests.support.intake_contacts import MemoryContacts, MemoryModels

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@dataclass
class Both:
    """Contacts, models and documents on one store."""

    contacts: ContactStore
    models: ModelStore
    rows: Any
    streams: Any


@pytest.fixture(params=["memory", "real"])
async def both(request: pytest.FixtureRequest) -> AsyncGenerator[Both]:
    """Give an empty store of either sort."""
    if request.param == "memory":
        data = MemoryData()
        yield Both(
            MemoryContacts(data), MemoryModels(data), MemoryIntake(data), MemoryStreams(data)
        )
        return
    name = f"t{uuid5(NAMESPACE_URL, request.node.nodeid).hex[:16]}"
    client = connect(request.getfixturevalue("mongo"), name="test-intake")
    await client.drop_database(name)
    clock = SystemClock()
    own = database(client, name)
    rows = MongoIntake(own, clock=clock)
    contacts, models = MongoContacts(own), MongoModels(own)
    streams = MongoStreams(own, clock=clock)
    await streams.ensure_indexes([TICKET, CONTACT])
    for store in (rows, contacts, models):
        await store.ensure_indexes()
    yield Both(contacts, models, rows, streams)
    await client.drop_database(name)
    client.close()


def address(text: str, contact: str, *, verified: bool = False) -> Address:
    """Return a row of an address."""
    return Address(
        id=address_id(tenant="main", address=text),
        tenant="main",
        address=text,
        contact=contact,
        verified=verified,
        by="x",
        at=T0,
    )


def person(contact: str, name: str, **fields: Any) -> Person:
    """Return a person with keys."""
    base = Person(id=contact, tenant="main", address=f"mail:{contact}@b.c", name=name).model_copy(
        update=fields
    )
    return base.model_copy(update={"keys": search_keys(base)})


async def test_an_address_is_inserted_once(both: Both) -> None:
    """Of several writers at once one wins, and the others see whose it is."""
    rows = [address("mail:a@b.c", f"c-{n}") for n in range(8)]
    taken = await asyncio.gather(*(both.contacts.add_addresses([row]) for row in rows))
    assert sorted(len(ids) for ids in taken) == [0] + [1] * 7
    found = await both.contacts.addresses([rows[0].id, "none"])
    assert set(found) == {rows[0].id}
    winner = found[rows[0].id].contact
    assert [a.address for a in await both.contacts.addresses_of([winner])] == ["mail:a@b.c"]
    assert await both.contacts.addresses([]) == {}


async def test_an_address_moves_only_from_where_it_was_seen(both: Both) -> None:
    """Two who move it at once: one is told that it was too late."""
    before = address("mail:a@b.c", "c-1")
    await both.contacts.add_addresses([before])
    moved = [linked(before, contact=f"c-{n}", by="ann", at=T0, reason="agent") for n in (2, 3)]
    results = [await both.contacts.move_address(row, before=before) for row in moved]
    assert results == [True, False]
    found = (await both.contacts.addresses([before.id]))[before.id]
    assert (found.contact, found.was, found.verified) == ("c-2", "c-1", True)
    assert found == moved[0]


async def test_people_are_found_by_the_start_of_their_keys(both: Both) -> None:
    """Every word in any of its forms; in the order of names; only of this tenant, none merged."""
    await both.contacts.save_people(
        [
            person("c-1", "Grace Hopper", phone="+491701234567"),
            person("c-2", "张偉"),
            person("c-3", "Anna (Grace) O'Neill"),
            person("c-4", "Grace Merged", merged_into="c-1"),
            person("c-5", "Grace Elsewhere", tenant="other"),
        ]
    )

    async def found(question: str, limit: int = 10) -> list[str]:
        words = question_words(question)
        people = await both.contacts.find_people(tenant="main", words=words, limit=limit)
        return [p.id for p in people]

    assert await found("grace") == ["c-3", "c-1"]
    assert await found("grace", limit=1) == ["c-3"]
    assert await found("grace hop") == ["c-1"]
    assert await found("0170 12") == ["c-1"]
    assert await found("张伟") == ["c-2"]
    assert await found("zw") == ["c-2"]
    assert await found("o'nei") == ["c-3"]
    assert await found("race") == []
    assert await found(".*") == []
    assert await found("a@\x00b") == []
    assert await found("grace@(\\") == []
    assert await found("") == []


async def test_saving_replaces(both: Both) -> None:
    """A person that is there is replaced, also by several at once; others are inserted."""
    await both.rows.add_people([person("c-1", "Before")])
    after = person("c-1", "After", level="manager")
    await asyncio.gather(*(both.contacts.save_people([after]) for _ in range(5)))
    assert await both.rows.people(["c-1"]) == {"c-1": after}
    await both.contacts.save_people([])


async def test_notes_and_links_are_kept_once(both: Both) -> None:
    """The newest first; inserting again changes nothing."""
    notes = [
        noted(
            tenant="main",
            contact="c-1",
            address=f"mail:{n}@b.c",
            by="x",
            at=T0 + timedelta(minutes=n),
        )
        for n in range(25)
    ]
    links = [
        LinkMade(
            id=f"l-{n}",
            tenant="main",
            contact="c-1",
            action="linked",
            other="mail:a@b.c",
            by="ann",
            at=T0 + timedelta(minutes=n),
            reason="because",
        )
        for n in range(3)
    ]
    for _ in range(2):
        await both.contacts.add_notes(notes)
        await both.contacts.add_links(links)
    assert await both.contacts.notes_of("c-1") == notes[:4:-1]
    assert await both.contacts.links_of("c-1") == links[::-1]
    assert await both.contacts.links_of("c-2") == []
    await both.contacts.add_notes([])
    await both.contacts.add_links([])


async def test_where_codes_were_sent_is_kept_as_it_was(both: Both) -> None:
    """A row is inserted once, and found by its id."""
    sent = SentCode(
        id="k-1",
        tenant="main",
        contact="c-1",
        address="mail:a@b.c",
        by="ann",
        at=T0,
        expires_at=T0 + timedelta(minutes=15),
    )
    await both.contacts.add_codes([sent])
    await both.contacts.add_codes([sent.model_copy(update={"address": "mail:evil@b.c"})])
    assert await both.contacts.codes(["k-1", "k-2"]) == {"k-1": sent}
    assert await both.contacts.codes([]) == {}


def model(version: int, *, tenant: str = "main") -> Model:
    """Return a model of two kinds."""
    scale, text = packed([0.5] * BUCKETS)
    head = Head(
        classes=("change", "incident"),
        intercepts=(0.25, -0.5),
        scales=(scale, scale),
        weights=(text, text),
    )
    return Model(
        version=version,
        tenant=tenant,
        trained_at=T0,
        samples=20,
        rarity_scale=scale,
        rarity=text,
        kind=head,
    )


async def test_models_are_kept_by_version(both: Both) -> None:
    """A version is given once; the newest counts; taken away, the one before it does."""
    assert await both.models.newest_models() == {}
    assert await both.models.add_model(model(1))
    assert await both.models.add_model(model(2))
    assert await both.models.add_model(model(7, tenant="other"))
    assert not await both.models.add_model(model(2))
    assert await both.models.newest_models() == {"main": 2, "other": 7}
    assert await both.models.model(tenant="main", version=2) == model(2)
    assert await both.models.model(tenant="main", version=7) is None
    assert await both.models.drop_model(tenant="main", version=2)
    assert not await both.models.drop_model(tenant="main", version=2)
    assert await both.models.newest_models() == {"main": 1, "other": 7}
    assert await both.models.model(tenant="main", version=2) is None
    assert [await both.models.last_version(t) for t in ("main", "other", "new")] == [2, 7, 0]


async def opened(
    both: Both,
    number: int,
    *,
    kind_by: str,
    category: str | None = None,
    closed: bool = False,
    **fields: Any,
) -> None:
    """Store a ticket with its message."""
    facts = TicketFacts(
        number=f"T-{number:06d}",
        kind=Kind.INCIDENT,
        channel=Channel.WEB,
        priority=Priority.P3,
        impact=Level.MEDIUM,
        urgency=Level.MEDIUM,
        contact="c-1",
        accepted_at=T0 + timedelta(days=number),
        category=category,
    ).model_copy(update=fields)
    said = Classification(kind_by=kind_by, category_by="caller:web" if category else None)
    steps = [
        Step(
            decide=lambda state: decide_accepted(
                state, facts=facts, message=f"m-{number}", classification=said
            )
        )
    ]
    if number == 2:
        change = FactChange(field="kind", was="incident", now="change", was_by=kind_by)
        body = RequestReclassified(
            facts=facts.model_copy(update={"kind": Kind.CHANGE}), changes=(change,), by="ann"
        )
        steps.append(Step(decide=lambda _: [body]))
    if closed:
        steps.append(Step(decide=lambda state: [ConversationClosed(facts=state.facts)]))
    document: Document[Any] = Document(id=f"t-{number}", tenant="main")
    write: Write[Any] | None = plan(TICKET, document, steps, now=T0, configversion=1).write
    assert write is not None
    assert await both.streams.commit([write]) == frozenset()
    await both.rows.add_messages(
        [
            Message(
                id=f"m-{number}",
                tenant="main",
                ticket=f"t-{number}",
                n=1,
                direction=Direction.INBOUND,
                channel=Channel.WEB,
                subject=f"Subject {number}",
                text="打印机坏了" * 500,
                author="c-1",
                at=T0,
            )
        ]
    )


async def test_closed_tickets_of_people_are_samples(both: Both) -> None:
    """The newest first, as they were corrected; no alerts, nothing open, nobody else's.

    What a model guessed, or is taken where nobody says anything, is no label.
    """
    await opened(both, 1, kind_by="rule:vpn", closed=True)
    await opened(both, 2, kind_by="model:3", category="network", closed=True)
    await opened(both, 3, kind_by="default")
    await opened(both, 4, kind_by="default", closed=True, channel=Channel.MONITORING)
    await opened(both, 5, kind_by="model:3", category="network", closed=True)
    await opened(both, 6, kind_by="default", closed=True)
    found = await both.models.samples(tenant="main", limit=10)
    assert [(s.ticket, s.subject, s.kind, s.category) for s in found] == [
        ("t-6", "Subject 6", None, None),
        ("t-5", "Subject 5", None, "network"),
        ("t-2", "Subject 2", "change", "network"),
        ("t-1", "Subject 1", "incident", None),
    ]
    assert all(s.text.startswith("打印机坏了") for s in found)
    assert len(await both.models.samples(tenant="main", limit=1)) == 1
    assert await both.models.samples(tenant="other", limit=10) == []


async def test_figures_are_of_the_tickets_accepted_in_a_time(both: Both) -> None:
    """From the first instant to before the last; each source with what was wrong of it."""
    await opened(both, 1, kind_by="default", category="network")
    await opened(both, 2, kind_by="model:3")
    await opened(both, 3, kind_by="model:3")
    await opened(both, 4, kind_by="rule:vpn")
    found = await both.models.decided(
        tenant="main", since=T0 + timedelta(days=1), until=T0 + timedelta(days=4)
    )
    assert [(d.source, d.decided, d.wrong) for d in found["kind"]] == [
        ("model:3", 2, 1),
        ("agent:ann", 1, 0),
        ("default", 1, 0),
    ]
    assert [(d.source, d.decided, d.wrong) for d in found["category"]] == [("caller:web", 1, 0)]
    nobody = await both.models.decided(tenant="other", since=T0, until=T0 + timedelta(days=9))
    assert nobody == {"kind": [], "category": []}
