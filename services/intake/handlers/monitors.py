"""Reading what monitors have said."""

from __future__ import annotations

from services.intake.domain.alert_groups import AlertGroup
from services.intake.domain.alert_parts import known_key
from services.intake.domain.alert_rows import Pulse
from services.intake.domain.maintenance import Span, coming
from services.intake.doors import Asked, Known
from services.intake.handlers.groups import AlertGroups
from services.intake.ports import AlertStore
from shared.aggregate import Document
from shared.clock import Clock
from shared.configuration import Configurations
from shared.organisation import Integration

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

    async def known(self, asked: Asked, *, tenant: str, integration: Integration) -> Known | None:
        """Return what is known of an alert that an integration handed in."""
        name = asked.fingerprint
        key = known_key(asked.key, name, tenant=tenant, integration=integration)
        found = await self.group(key, tenant=tenant) if key else None
        state = found[0].state if found else None
        member = state.members.get(name) if state else None
        episode = state.current if state else None
        if found is None or state is None or member is None or episode is None:
            return None
        words = (await self._rows.words([episode.words])).get(episode.words)
        return Known(
            fires=member.fires,
            acknowledged=member.is_acknowledged,
            occurrences=found[1],
            subject=words.subject if words else "",
            priority=episode.priority,
            began_at=episode.began_at,
            changed_at=state.changed_at,
            seen_at=member.seen_at,
        )

    def windows(self, *, tenant: str, days: int) -> list[Span]:
        """Return maintenance windows that are open or begin within so many days, in order."""
        windows = self._configurations.current(tenant).intake.maintenance
        return coming(windows, at=self._clock.now(), days=days)

    async def heartbeats(self, *, tenant: str) -> list[Pulse]:
        """Return heartbeats, by integration and name."""
        return await self._rows.pulses(tenant=tenant, limit=PULSES_MAX)
