"""Reading what monitors have said."""

from __future__ import annotations

from services.intake.domain.alert_groups import AlertGroup
from services.intake.domain.alert_rows import Pulse
from services.intake.domain.maintenance import Span, coming
from services.intake.handlers.groups import AlertGroups
from services.intake.ports import AlertStore
from shared.aggregate import Document
from shared.clock import Clock
from shared.configuration import Configurations

PULSES_MAX = 1_000


class Monitors:
    """Answers questions on groups, windows and heartbeats. May raise `Infrastructure`."""

    def __init__(
        self,
        *,
        rows: AlertStore,
        groups: AlertGroups,
        configurations: Configurations,
        clock: Clock,
    ) -> None:
        self._rows = rows
        self._groups = groups
        self._configurations = configurations
        self._clock = clock

    async def groups(
        self, *, tenant: str, firing: bool | None, limit: int
    ) -> list[tuple[Document[AlertGroup], int]]:
        """Return groups with the number of their occurrences, the last changed first."""
        keys = await self._rows.groups(tenant=tenant, firing=firing, limit=limit)
        documents = await self._groups.load(keys)
        counts = await self._rows.occurrence_counts(keys)
        return [(documents[k], counts.get(k, 0)) for k in keys if k in documents]

    async def group(self, key: str, *, tenant: str) -> tuple[Document[AlertGroup], int] | None:
        """Return a group with the number of its occurrences; None where the tenant has none."""
        document = (await self._groups.load([key])).get(key)
        if document is None or document.tenant != tenant:
            return None
        return document, (await self._rows.occurrence_counts([key])).get(key, 0)

    def windows(self, *, tenant: str, days: int) -> list[Span]:
        """Return maintenance windows that are open or begin within so many days, in order."""
        windows = self._configurations.current(tenant).intake.maintenance
        return coming(windows, at=self._clock.now(), days=days)

    async def heartbeats(self, *, tenant: str) -> list[Pulse]:
        """Return heartbeats, by integration and name."""
        return await self._rows.pulses(tenant=tenant, limit=PULSES_MAX)
