"""When agents are on leave: their days, as instants."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

from shared.calendar.days import reached_ms
from shared.calendar.zones import zone

if TYPE_CHECKING:
    from shared.organisation.configuration import Configuration
    from shared.organisation.places import Agent


def leave_windows(configuration: Configuration, agent: Agent) -> list[tuple[int, int]]:
    """Return when an agent is away, in order, as milliseconds since 1970: from, and before.

    Days begin where the agent is, or else where the first of the agent's desks is. Windows may
    overlap.

    Raises:
        UnknownName: that desk, or its calendar, is configured no more.
    """
    if not agent.leave:
        return []
    at = zone(agent.time_zone or configuration.desk_time_zone(agent.desks[0]))
    days = sorted((leave.first, leave.last + timedelta(days=1)) for leave in agent.leave)
    return [
        (
            reached_ms(datetime.combine(first, time()), at),
            reached_ms(datetime.combine(behind, time()), at),
        )
        for first, behind in days
    ]
