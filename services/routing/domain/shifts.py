"""Whether an agent is at work, as far as the organisation says it: hours and leave.

One function answers for all of routing. Presence is not its matter: that is what agents say.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from shared.organisation import Agent, Configuration


class Shift(NamedTuple):
    """Whether an agent is at work now, and until when that answer holds."""

    absent: str | None
    """Why not: ``off-shift`` or ``on-leave``; None where the agent is at work."""
    until: datetime | None
    """None: for ever."""


ShiftOf = Callable[[Configuration, Agent, datetime], Shift]

ALWAYS = Shift(absent=None, until=None)


def on_shift(configuration: Configuration, agent: Agent, now: datetime) -> Shift:
    """Return whether an agent is at work.

    Agents have no hours of their own: they work whenever one of their desks is open.
    """
    del configuration, agent, now
    return ALWAYS
