"""Limiting: how much each integration may hand in, each by itself."""

from __future__ import annotations

from shared.clock import Clock

INTEGRATIONS_MAX = 10_000
MINUTE = 60_000_000
"""In microseconds: whole numbers, so that a limit is exact."""
SECOND = 1_000_000


class Limiter:
    """A limit for each integration, by the generic cell rate algorithm (ITU-T I.371).

    A minute's worth may come at once; then one at a time, as fast as the limit says. It is this
    process's own: with several behind one port the limit is that of each.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._next: dict[tuple[str, str], int] = {}
        """When the next one would be due, did they come evenly."""

    def take(self, *, tenant: str, integration: str, per_minute: int) -> int:
        """Take one; return 0 where that is within the limit, else the seconds to wait."""
        now = int(self._clock.now().timestamp() * 1_000) * 1_000
        step = MINUTE // per_minute
        key = (tenant, integration)
        if len(self._next) >= INTEGRATIONS_MAX and key not in self._next:
            self._next.clear()
        due = max(self._next.get(key, now), now)
        wait = due - (per_minute - 1) * step - now
        if wait > 0:
            return -(-wait // SECOND)
        self._next[key] = due + step
        return 0
