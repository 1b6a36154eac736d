"""The end of a shift, as a process with receipts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.routing.domain.handover.items import Stage
from services.routing.handlers.commands import Caller
from shared.contracts.facts import Priority
from shared.contracts.handover import (
    HandoverAlarmed,
    HandoverItemMoved,
    HandoverSide,
    MatterState,
    NextStep,
)
from shared.contracts.intake import Direction
from shared.contracts.routing import PendReason, QueueReason, Status
from shared.kernel import CommandRejected
from shared.organisation import Configuration, parse_sections
from shared.testing.clock import ManualClock
from tests.support.routing import TENANT, accepted, message
from tests.support.routing_handover import Handing

LONDON = """
calendars:
  - {name: london, time_zone: Europe/London, hours: {mon-fri: [[09:00, 17:00]]}%s}
  - {name: new-york, time_zone: America/New_York, hours: {mon-fri: [[%s, 18:00]]}%s}
  - {name: always, time_zone: UTC, hours: 24x7}
"""
DESKS = """
desks:
  - {name: london, title: London, calendar: london, email: london@example.org}
  - {name: new-york, title: New York, calendar: new-york}
"""
TOPOLOGIES = """
topologies:
  - {name: sun, shape: follow_the_sun, desks: [london, new-york], fallback: new-york}
"""
AGENTS = """
agents:
  - {id: ann, name: Ann, email: ann@example.org, desks: [london]}
  - {id: abe, name: Abe, email: abe@example.org, desks: [london]}
  - {id: bob, name: Bob, email: bob@example.org, desks: [new-york]}
  - {id: bea, name: Bea, email: bea@example.org, desks: [new-york], capacity: 1}
  - {id: max, name: Max, email: max@example.org, desks: [new-york]}
"""
POLICY = """
policies:
  - name: sun
    desks: ["*"]
    opens: 30m
    stay_max: 15m
    pause_max: 10m
    sign_within: 30m
    overlap_min: 1h
    duty_manager: max
    rules:
      - {name: minor-is-offered, when: priority == "P4", action: offer, answer_within: 20m}
      - {name: least-stays, when: priority == "P5", action: keep}
    matters:
      - {name: environment, required: true}
      - {name: keys}
"""


def world(
    *,
    opens: str = "09:00",
    closed: str = "",
    closed_there: str = "",
    policy: str | None = POLICY,
    **files: str,
) -> Configuration:
    """Return two desks that follow the sun: London until 17:00, New York from 14:00 in London."""
    holidays = f", closed: [{{on: {closed}}}]" if closed else ""
    there = f", closed: [{{on: {closed_there}}}]" if closed_there else ""
    texts = {
        "calendars.yaml": LONDON % (holidays, opens, there),
        "desks.yaml": DESKS,
        "topologies.yaml": TOPOLOGIES,
        "agents.yaml": AGENTS,
    }
    if policy is not None:
        texts["handover.yaml"] = policy
    return parse_sections(texts | {f"{name}.yaml": text for name, text in files.items()})


def on(hour: int, minute: int = 0, *, day: int = 13) -> datetime:
    """Return an instant of January 2027 in UTC, which is London's time; the 13th is a Wednesday."""
    return datetime(2027, 1, day, hour, minute, tzinfo=UTC)


def handing(configuration: Configuration | None = None, **given: Any) -> Handing:
    """Return routing at noon in London."""
    clock = ManualClock(on(12))
    return Handing(configuration=configuration or world(), clock=clock, **given)


async def ticket(
    routing: Handing, name: str, priority: Priority = Priority.P3, *, agent: str | None = None
) -> None:
    """Let a ticket come to the desk that is open, and an agent take it."""
    await routing.feed(name, accepted(f"HD-{name}", priority=priority))
    if agent is not None:
        await routing.commands.accept(routing.caller(name, agent), agent=agent)


def caller(name: str, by: str) -> Caller:
    """Return who changes a ticket."""
    return Caller(tenant=TENANT, ticket=name, by=by)


async def test_open_work_moves_when_the_shift_ends_and_each_move_has_its_receipt() -> None:
    """Opened half an hour before; moved at the closing instant; the receipt names the event."""
    routing = handing()
    await ticket(routing, "t1", agent="ann")
    await ticket(routing, "t2", Priority.P1)
    assert await routing.go(on(16, 29)) == 0
    assert routing.handovers.handovers() == []
    assert await routing.go(on(16, 30)) == 0
    _, state = routing.one("london")
    assert (state.closes_at, state.to, state.overlap_seconds) == (on(17), "new-york", 3 * 3600)
    assert routing.item("t1").stage is Stage.DRAFTED
    assert await routing.go(on(17)) == 2
    for name in ("t1", "t2"):
        found, item = await routing.document(name), routing.item(name)
        assert found.state is not None
        assert (found.state.desk, found.state.status) == ("new-york", Status.QUEUED)
        assert found.state.handover == item.handover
        assert [r.sequence for r in item.receipts] == [found.seq]
    assert await routing.holds() == {}
    assert await routing.go(on(17, 1)) == 0
    moves, receipts = await routing.moves(), await routing.shifts()
    assert {m.body.reason for m in moves} == {QueueReason.HANDOVER}
    told = [r.body for r in receipts if isinstance(r.body, HandoverItemMoved)]
    assert {(m.subject, m.sequence) for m in moves} == {(t.ticket, t.sequence) for t in told}
