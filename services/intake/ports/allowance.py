"""What limiting needs of the store: the one instant of each integration's allowance."""

from __future__ import annotations

from typing import Protocol

from services.intake.domain.allowance import Grant, Rate


class AllowanceStore(Protocol):
    """Allowances that all processes share. Every method may raise `Infrastructure`."""

    async def take(
        self, *, tenant: str, integration: str, now: int, rate: Rate, count: int, earliest: int
    ) -> Grant:
        """Give up to ``count`` places, each of them once.

        Where the answer is lost the places may be given: they are lost then, never given twice.

        Args:
            tenant: whose integration it is.
            integration: its name.
            now: microseconds since 1970.
            rate: its limit; what was given under another one still counts.
            count: how many are wanted, at least one.
            earliest: before this instant no place is given.
        """
        ...
