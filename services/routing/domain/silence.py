"""When silence closes a resolved ticket: business time of the desk that resolved it."""

from __future__ import annotations

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


def silence_of(
    configuration: Configuration, facts: TicketFacts, *, desk: str, now: datetime
) -> Silence:
    """Return what silence does to a ticket that is resolved now.

    It is said once, at the resolution: who was told when the ticket closes can rely on it. The
    setting decides where the section says nothing, and where the desk never opens again.
    """
    after = configuration.lifecycle.silence_after(
        kind=facts.kind.value, priority=facts.priority.value, desk=desk
    )
    if after is None:
        return Silence()
    if after == NEVER:
        return Silence(keeps_open=True)
    try:
        return Silence(instant(configuration.desk_calendar(desk).add(now, float(after))))
    except (CalendarError, UnknownName):
        return Silence()
