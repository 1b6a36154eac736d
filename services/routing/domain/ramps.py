"""Ramps: how fast an agent is given work after signing in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from services.routing.domain.agents import RAMP_SECONDS, RECENT_MAX
from shared.organisation import Ramp

RAMP: Final = timedelta(seconds=RAMP_SECONDS)


def ramp_until(
    ramps: Iterable[Ramp],
    *,
    signed_in_at: datetime | None,
    recent: Sequence[datetime],
    now: datetime,
) -> datetime | None:
    """Return when an agent may be given the next ticket, as far as ramps say; None means now.

    Args:
        ramps: of the agent's desks; the strictest counts.
        signed_in_at: None where the agent never did, and no ramp holds.
        recent: when tickets were given lately, the oldest first.
        now: the instant.
    """
    if signed_in_at is None:
        return None
    latest: datetime | None = None
    since = max(timedelta(0), now - signed_in_at)
    # A clock that was set back has put them out of order.
    recent = sorted(at for at in recent if at > now - RAMP)
    for ramp in ramps:
        lasts = timedelta(seconds=ramp.lasts)
        if since >= lasts:
            continue
        minute = since // RAMP
        allowed = min(ramp.per_minute + ramp.more * minute, RECENT_MAX)
        if len(recent) < allowed:
            continue
        ends = [recent[-allowed] + RAMP, signed_in_at + lasts]
        if ramp.more:
            ends.append(signed_in_at + RAMP * (minute + 1))
        at = min(ends)
        latest = at if latest is None else max(latest, at)
    return latest
