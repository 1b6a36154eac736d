"""Allowances of integrations in memory: `AllowanceStore`."""

from __future__ import annotations

from services.intake.domain.allowance import Grant, Rate, grant
from shared.testing.memory import Faults, MemoryData, NoFaults


class MemoryAllowances:
    """`AllowanceStore` in memory."""

    def __init__(self, data: MemoryData | None = None, *, faults: Faults | None = None) -> None:
        self.data = data or MemoryData()
        self._faults = faults or NoFaults()

    async def take(
        self, *, tenant: str, integration: str, now: int, rate: Rate, count: int, earliest: int
    ) -> Grant:
        """Give up to ``count`` places."""
        await self._faults.point("intake.take_allowance")
        row = self.data.collection("allowances").setdefault(f"{tenant}/{integration}", {})
        given = grant(row.get("due"), now=now, rate=rate, count=count, earliest=earliest)
        row["due"] = given.due
        await self._faults.point("intake.take_allowance.answer")
        return given
