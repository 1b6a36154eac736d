"""How much waits for agents to decide: for the navigation, which every page shows."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Final

from services.console.handlers.asking import Refusal, ask
from services.console.ports import Caller, Intake
from services.console.ports.intake import WAITING_SHOWN_MAX
from shared.clock import Clock

FRESH_SECONDS: Final = 10.0
"""So long a count is shown as it is: many open pages ask for it."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What waits; None where it is not known."""

    reviews: int | None = None
    suggestions: int | None = None

    @staticmethod
    def shown(count: int | None) -> str:
        """Return a count as it reads; intake lists no more than so many."""
        if not count:
            return ""
        return f"{WAITING_SHOWN_MAX}+" if count >= WAITING_SHOWN_MAX else str(count)


class Waiting:
    """Counts by tenant, remembered for a moment. In memory only: it is asked for again."""

    def __init__(self, intake: Intake, clock: Clock) -> None:
        self._intake = intake
        self._clock = clock
        self._known: dict[str, tuple[float, Counts]] = {}

    def last(self, tenant: str) -> Counts:
        """Return what was known last; pages are drawn with it and ask for news by themselves."""
        return self._known.get(tenant, (0.0, Counts()))[1]

    def note(
        self, tenant: str, *, reviews: int | None = None, suggestions: int | None = None
    ) -> None:
        """Take note of a count that a page has found out."""
        at, known = self._known.get(tenant, (-FRESH_SECONDS, Counts()))
        if reviews is not None:
            known = replace(known, reviews=reviews)
        if suggestions is not None:
            known = replace(known, suggestions=suggestions)
        self._known[tenant] = (at, known)

    async def counts(self, caller: Caller, *, anew: bool = False) -> Counts:
        """Return what waits now; where intake does not answer, nothing is claimed.

        ``anew`` asks in any case: the caller has just decided on something.
        """
        now = self._clock.monotonic()
        known = self._known.get(caller.tenant)
        if known is not None and not anew and now - known[0] < FRESH_SECONDS:
            return known[1]
        reviews, suggestions = await asyncio.gather(
            ask(self._intake.reviews(caller)), ask(self._intake.suggestions(caller))
        )
        found = Counts(
            None if isinstance(reviews, Refusal) else len(reviews),
            None if isinstance(suggestions, Refusal) else len(suggestions),
        )
        self._known[caller.tenant] = (now, found)
        return found
