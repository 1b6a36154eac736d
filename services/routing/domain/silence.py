"""When silence closes a resolved ticket: business time of the desk that resolved it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from shared.calendar import CalendarError
from shared.contracts.facts import TicketFacts
from shared.kernel import instant
from shared.organisation import Configuration, UnknownName
from shared.organisation.lifecycle import NEVER


@dataclass(frozen=True, slots=True)
class Silence:
    """What silence does: closes at an instant, never, or as the service's setting says."""

    close_at: datetime | None = None
    keeps_open: bool = False
    remind_at: tuple[datetime, ...] = ()
    """When the requester is reminded before, in order of time."""


def reminder_seconds(reminders: Iterable[float], after: float) -> list[float]:
    """Return after how many business seconds of a silence of ``after`` each reminder is due.

    A share is below 1, all else is seconds before the closing; what would be due before the
    silence begins is left out.
    """
    waits = (after * one if one < 1 else after - one for one in reminders)
    return [seconds for seconds in waits if seconds > 0]


def silence_of(
    configuration: Configuration, facts: TicketFacts, *, desk: str, now: datetime
) -> Silence:
    """Return what silence does to a ticket that is resolved now.

    It is said once, at the resolution: who was told when the ticket closes can rely on it. The
    setting decides where the section says nothing, and where the desk never opens again.
    """
    whose = {"kind": facts.kind.value, "priority": facts.priority.value, "desk": desk}
    after = configuration.lifecycle.silence_after(**whose)
    if after is None:
        return Silence()
    if after == NEVER:
        return Silence(keeps_open=True)
    try:
        calendar = configuration.desk_calendar(desk)
        close_at = instant(calendar.add(now, float(after)))
        waits = reminder_seconds(configuration.lifecycle.reminders_of(**whose), float(after))
        at = sorted({instant(calendar.add(now, seconds)) for seconds in waits})
        return Silence(close_at, remind_at=tuple(one for one in at if now < one < close_at))
    except (CalendarError, UnknownName):
        return Silence()
