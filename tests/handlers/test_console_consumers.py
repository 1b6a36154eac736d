from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from services.console.consumers import Projector
from services.console.domain.projection import Part, Row
from services.console.ports import Noted
from shared.contracts import intake
from shared.contracts.routing import PresenceChanged
from shared.contracts.topics import REQUESTS, SHIFTS, TICKETS
from shared.kernel import Infrastructure
from shared.testing.clock import ManualClock
from tests.support.console import (
    NOON,
    MemoryDeadLetters,
    MemoryProjection,
    Stories,
    facts,
    record_of,
    ticket_id,
)

TICKET = ticket_id("HD-1")


class Rig:
    """A projector on memory."""

    def __init__(self, projection: MemoryProjection | None = None) -> None:
        self.projection = projection or MemoryProjection()
        self.dead = MemoryDeadLetters()
        self.projector = Projector(
            projection=self.projection, dead_letters=self.dead, clock=ManualClock()
        )


def accepted(number: str = "HD-1") -> Any:
    """Return the first event of a ticket."""
    body = intake.RequestAccepted(facts=facts(number), message="m")
    return Stories().say(ticket_id(number), body, at=NOON)


async def test_an_event_becomes_one_row_however_often_it_comes() -> None:
    """A repeated record adds nothing, but its change is noted again: a crash may have eaten it."""
    rig = Rig()
    for _ in range(3):
        await rig.projector.process(REQUESTS, [record_of(accepted())])
    assert list(rig.projection.rows) == [accepted().id]
    assert [c.tickets for c in rig.projection.noted] == [frozenset({TICKET})] * 3


async def test_an_unreadable_record_is_a_dead_letter_and_stops_nothing() -> None:
    """Records without an envelope, from a wrong source, or with a bad body are put aside."""
    rig = Rig()
    good = record_of(accepted(), offset=3)
    no_envelope = replace(good, offset=0, headers=(("x", None),))
    wrong_source = replace(
        good,
        offset=1,
        headers=tuple(
            (name, b"/sla/clocks" if name == "ce_source" else value) for name, value in good.headers
        ),
    )
    bad_body = replace(good, offset=2, value=b'{"facts": 7}')
    await rig.projector.process(REQUESTS, [no_envelope, wrong_source, bad_body, good])
    assert sorted(rig.dead.kept) == [f"console:heliodesk.requests:0:{n}" for n in range(3)]
    assert all(letter.stream is None for letter in rig.dead.kept.values())
    assert list(rig.projection.rows) == [accepted().id]


async def test_an_event_of_an_unknown_type_is_kept_as_a_row() -> None:
    """A later release can tell it; this one's summaries do not change."""
    rig = Rig()
    record = record_of(accepted())
    newer = replace(
        record,
        headers=tuple(
            (name, b"heliodesk.request.applauded.v1" if name == "ce_type" else value)
            for name, value in record.headers
        ),
    )
    await rig.projector.process(REQUESTS, [newer])
    assert [row.type for row in rig.projection.rows.values()] == ["heliodesk.request.applauded.v1"]
    assert await rig.projection.ticket("main", TICKET) is None
    assert rig.dead.kept == {}


async def test_a_store_that_is_down_lets_nothing_be_acknowledged() -> None:
    """The batch is given back; once the store answers, it is taken in whole."""
    rig = Rig()
    rig.projection.is_down = True
    with pytest.raises(Infrastructure):
        await rig.projector.process(REQUESTS, [record_of(accepted())])
    rig.projection.is_down = False
    await rig.projector.process(REQUESTS, [record_of(accepted())])
    assert len(rig.projection.rows) == 1


class Choking(MemoryProjection):
    """A store that cannot hold the rows of one ticket, as with a number too wide for it."""

    async def add(self, rows: Sequence[Row], parts: Sequence[Part], notes: Sequence[Noted]) -> None:
        """Refuse a batch with that ticket."""
        if any(row.stream == ticket_id("HD-13") for row in rows):
            raise OverflowError("a number is too wide")
        await super().add(rows, parts, notes)


async def test_a_record_that_no_store_can_hold_stops_no_other() -> None:
    """The batch is taken in record by record, and only the culprit is put aside."""
    rig = Rig(Choking())
    records = [
        record_of(accepted(number), offset=offset)
        for offset, number in enumerate(["HD-12", "HD-13", "HD-14"])
    ]
    await rig.projector.process(REQUESTS, records)
    assert {row.stream for row in rig.projection.rows.values()} == {
        ticket_id("HD-12"),
        ticket_id("HD-14"),
    }
    assert list(rig.dead.kept) == ["console:heliodesk.requests:0:1"]


async def test_presence_is_noted_as_a_change_of_agents() -> None:
    """Open desk pages hear of it; no ticket's page does."""
    rig = Rig()
    event = Stories().say("agent-1", PresenceChanged(agent="h-clarke", presence="away"), at=NOON)
    await rig.projector.process(SHIFTS, [record_of(event)])
    assert [(c.tickets, c.agents) for c in rig.projection.noted] == [(frozenset(), True)]


async def test_the_whole_topic_can_be_read_again() -> None:
    """A rebuild takes in what belongs to the topic and passes over the rest."""
    rig = Rig()
    foreign = replace(accepted("HD-2"), source="/elsewhere")
    await rig.projector.replay(REQUESTS, [accepted().encoded(), foreign.encoded()])
    assert list(rig.projection.rows) == [accepted().id]


async def test_who_processes_wakes_whoever_follows() -> None:
    """After each batch the follower of changes is woken."""
    rig = Rig()
    woken: list[str] = []
    rows = {
        topic.name: process for topic, process in rig.projector.rows(then=lambda: woken.append("x"))
    }
    await rows[REQUESTS.name]([record_of(accepted())])
    await rows[TICKETS.name]([])
    assert woken == ["x", "x"]
