"""Rows beside the groups of alerts, in memory, as the real store has them."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from services.intake.domain.alert_groups import ALERT_GROUP
from services.intake.domain.alert_rows import AlertOccurrence, AlertWords, Outbreak, Pulse
from shared.documents import Row
from shared.testing.memory import Faults, MemoryData, NoFaults


class MemoryAlerts:
    """`AlertStore` in memory."""

    def __init__(self, data: MemoryData, *, faults: Faults | None = None) -> None:
        self.data = data
        self._faults = faults or NoFaults()

    def _rows(self, name: str) -> dict[str, Row]:
        return self.data.collection(name)

    def _groups(self) -> list[tuple[str, Row]]:
        rows = self._rows(ALERT_GROUP.name).items()
        return [(i, row) for i, row in rows if row["state"] is not None]

    async def add_occurrences(self, occurrences: Sequence[AlertOccurrence], now: datetime) -> None:
        """Insert occurrences."""
        await self._faults.point("alerts.add_occurrences")
        for occurrence in occurrences:
            row = {"group": occurrence.group, "at": now}
            self._rows("alert_occurrences").setdefault(occurrence.id, row)
        await self._faults.point("alerts.add_occurrences.answer")

    async def occurrence_counts(self, groups: Collection[str]) -> dict[str, int]:
        """Return how many distinct occurrences are known of each group."""
        found: dict[str, int] = {}
        for row in self._rows("alert_occurrences").values():
            if row["group"] in groups:
                found[row["group"]] = found.get(row["group"], 0) + 1
        return found

    async def add_words(self, words: Sequence[AlertWords]) -> None:
        """Insert words."""
        await self._faults.point("alerts.add_words")
        for row in words:
            self._rows("alert_words").setdefault(row.id, asdict(row))
        await self._faults.point("alerts.add_words.answer")

    async def words(self, ids: Collection[str]) -> dict[str, AlertWords]:
        """Return words by id."""
        await self._faults.point("alerts.words")
        rows = self._rows("alert_words")
        return {i: AlertWords(**rows[i]) for i in ids if i in rows}

    async def due_groups(self, *, before: datetime, limit: int) -> list[str]:
        """Return the groups that are to be looked at."""
        await self._faults.point("alerts.due")
        due = [
            (row["state"]["due_at"], i)
            for i, row in self._groups()
            if row["state"]["due_at"] is not None and row["state"]["due_at"] <= before
        ]
        return [i for _, i in sorted(due)[:limit]]

    async def groups(self, *, tenant: str, firing: bool | None, limit: int) -> list[str]:
        """Return groups of a tenant, the last changed first."""
        found = [
            (row["state"]["changed_at"], i)
            for i, row in self._groups()
            if row["tenant"] == tenant
            and (firing is None or (row["state"]["firing"] > 0) == firing)
        ]
        return [i for _, i in sorted(found, reverse=True)[:limit]]

    async def add_unsettled(self, groups: Collection[str], *, now: datetime) -> None:
        """Note groups whose tickets are about to be told."""
        await self._faults.point("alerts.add_unsettled")
        for group in groups:
            self._rows("alert_unsettled").setdefault(group, {"at": now})
        await self._faults.point("alerts.add_unsettled.answer")

    async def drop_unsettled(self, groups: Collection[str]) -> None:
        """Note that their tickets know all."""
        await self._faults.point("alerts.drop_unsettled")
        for group in groups:
            self._rows("alert_unsettled").pop(group, None)

    async def unsettled(self, *, before: datetime, limit: int) -> list[str]:
        """Return groups that were noted before an instant."""
        await self._faults.point("alerts.unsettled")
        rows = self._rows("alert_unsettled").items()
        return sorted(i for i, row in rows if row["at"] <= before)[:limit]

    async def add_outbreaks(self, outbreaks: Sequence[Outbreak]) -> None:
        """Insert episodes that would open incidents."""
        await self._faults.point("alerts.add_outbreaks")
        for o in outbreaks:
            name = f"{o.scope}:{o.group}:{o.episode}"
            self._rows("alert_outbreaks").setdefault(name, {"scope": o.scope, "at": o.at})
        await self._faults.point("alerts.add_outbreaks.answer")

    async def outbreak_counts(self, since: Mapping[str, datetime]) -> dict[str, int]:
        """Return, by scope, how many there are since an instant."""
        await self._faults.point("alerts.outbreak_counts")
        found: dict[str, int] = {}
        for row in self._rows("alert_outbreaks").values():
            if row["scope"] in since and row["at"] > since[row["scope"]]:
                found[row["scope"]] = found.get(row["scope"], 0) + 1
        return found

    async def storms(self, scopes: Collection[str], *, now: datetime) -> dict[str, datetime]:
        """Return, by scope, when the storm began that goes on now."""
        await self._faults.point("alerts.storms")
        rows = self._rows("alert_storms").items()
        return {i: r["began_at"] for i, r in rows if i in scopes and r["until"] > now}

    async def begin_storm(self, scope: str, *, now: datetime, until: datetime) -> datetime:
        """Return when the storm of a scope began."""
        await self._faults.point("alerts.begin_storm")
        row = self._rows("alert_storms").get(scope)
        if row is None or row["until"] <= now:
            row = self._rows("alert_storms")[scope] = {"began_at": now, "until": until}
        await self._faults.point("alerts.begin_storm.answer")
        began: datetime = row["began_at"]
        return began

    async def prolong_storms(self, until: Mapping[str, datetime]) -> None:
        """Let storms go on until an instant."""
        await self._faults.point("alerts.prolong_storms")
        for scope, at in until.items():
            row = self._rows("alert_storms").get(scope)
            if row is not None:
                row["until"] = max(row["until"], at)

    async def beat(self, pulses: Sequence[Pulse]) -> None:
        """Note heartbeats."""
        await self._faults.point("alerts.beat")
        for pulse in pulses:
            known = self._rows("heartbeats").get(pulse.id)
            if known is None or known["last_at"] < pulse.last_at:
                self._rows("heartbeats")[pulse.id] = asdict(pulse)
        await self._faults.point("alerts.beat.answer")

    async def overdue(self, *, before: datetime, limit: int) -> list[Pulse]:
        """Return heartbeats that are overdue."""
        await self._faults.point("alerts.overdue")
        found = [p for p in self._pulses() if p.due_at <= before and not p.overdue]
        return sorted(found, key=lambda p: p.due_at)[:limit]

    async def note_overdue(self, pulse: Pulse) -> None:
        """Note that an incident was asked for."""
        await self._faults.point("alerts.note_overdue")
        row = self._rows("heartbeats").get(pulse.id)
        if row is not None and row["due_at"] == pulse.due_at:
            self._rows("heartbeats")[pulse.id] = asdict(replace(_pulse(row), overdue=True))

    async def pulses(self, *, tenant: str, limit: int) -> list[Pulse]:
        """Return the heartbeats of a tenant."""
        found = [p for p in self._pulses() if p.tenant == tenant]
        return sorted(found, key=lambda p: (p.integration, p.name))[:limit]

    def _pulses(self) -> list[Pulse]:
        return [_pulse(row) for row in self._rows("heartbeats").values()]


def _pulse(row: dict[str, Any]) -> Pulse:
    return Pulse(**copy.deepcopy(row))
