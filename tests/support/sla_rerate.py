"""Tickets that are rerated: versions by their policies, and what is shown and told."""

from __future__ import annotations

from typing import Any, Final

from shared.organisation import Configuration
from tests.support.sla import organisation as two_desks
from tests.support.sla import utc
from tests.support.sla_machine import Machine

HOLIDAY: Final = """
calendars:
  - name: london-day
    time_zone: Europe/London
    hours: {mon-fri: [[09:00, 18:00]]}
    closed_days: [{date: 2026-07-03, reason: Forgotten}]
  - {name: shanghai-day, time_zone: Asia/Shanghai, hours: {mon-fri: [[09:00, 18:00]]}}
  - {name: always, time_zone: UTC, hours: 24x7}
"""


def policies(*rows: str) -> str:
    """Return the section with these policies."""
    return "policies:\n" + "\n".join(f"  - {row}" for row in rows)


def version(*rows: str, **sections: str) -> Configuration:
    """Return a version with these policies, and sections that are given instead."""
    return two_desks(sla=policies(*rows), **sections)


def machine(*versions: Configuration) -> Machine:
    """Return the decisions on a ticket that arrives on Thursday at 14:00 UTC."""
    return Machine(*versions, start=utc(2, 14))


def bodies(machine: Machine, kind: type[Any]) -> list[Any]:
    """Return what was told of a kind."""
    return [event.body for event in machine.events if isinstance(event.body, kind)]


def view(machine: Machine, clock: str) -> Any:
    """Return a clock as it stands."""
    return next(c.view for c in machine.state.clocks if c.view.clock == clock)
