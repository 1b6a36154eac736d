"""Watching: what time brings about in groups of alerts, and what silence does.

A window ends, an alert expires, flapping is over, a heartbeat does not come, a monitor still tells
of what is known. Before a timer's decision its group is noted as unsettled, and the note goes when
its ticket knows all: so a crash in between is found.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import partial

from services.intake.domain.alert_decisions import decide_heard, decide_tick
from services.intake.domain.alert_groups import AlertGroup
from services.intake.domain.alert_settling import Context
from services.intake.domain.receipts import Alerting, Receipt
from services.intake.handlers.groups import AlertGroups, Turn
from services.intake.handlers.silence import Silence
from services.intake.ports import AlertStore
from shared.clock import Clock
from shared.contracts.monitors import GroupEvent

GROUPS_MAX = 200
"""Looked at together."""
HEARD_MAX = 20_000
"""Groups of which it is remembered that they were told of again, until that is noted."""
UNSETTLED_SECONDS = 30.0


class Hearing:
    """Remembers which groups monitors still tell of, and notes it now and then.

    A delivery that comes again finds its receipt applied and goes no further. It says all the
    same that its alerts fire still. What a crash forgets is told again before anything expires.
    """

    def __init__(self, *, groups: AlertGroups, clock: Clock) -> None:
        self._groups = groups
        self._clock = clock
        self._heard: dict[tuple[str, str, str], set[str]] = {}

    def repeated(self, receipt: Receipt) -> None:
        """Remember a delivery that came again.

        Args:
            receipt: as it was formed this time, with its task.
        """
        if not isinstance(receipt.task, Alerting):
            return
        for part in receipt.task.parts:
            key = receipt.tenant, receipt.task.integration, part.alert_key
            if key in self._heard or len(self._heard) < HEARD_MAX:
                prints = self._heard.setdefault(key, set())
                prints.update(a.fingerprint for a in part.alerts if a.status == "firing")

    async def note(self) -> bool:
        """Note what was heard; return whether there is more.

        Raises:
            Infrastructure: the store does not answer; it is noted the next time.
        """
        # What is told of meanwhile is noted the next time.
        batch = {key: self._heard.pop(key) for key in list(self._heard)[:GROUPS_MAX]}
        now = self._clock.now()
        turns = [
            Turn(
                group=group,
                tenant=tenant,
                integration=integration,
                at=now,
                decide=partial(_heard, fingerprints=frozenset(prints)),
            )
            for (tenant, integration, group), prints in batch.items()
        ]
        if turns:
            try:
                await self._groups.take(turns)
            except BaseException:
                for key, prints in batch.items():
                    self._heard.setdefault(key, set()).update(prints)
                raise
        return bool(self._heard)


class Watching:
    """Looks at groups that are due, and at heartbeats that are overdue."""

    def __init__(
        self, *, rows: AlertStore, groups: AlertGroups, silence: Silence, clock: Clock
    ) -> None:
        self._rows = rows
        self._groups = groups
        self._silence = silence
        self._clock = clock

    async def groups(self) -> bool:
        """Bring about what is due; return whether there may be more at once.

        Raises:
            Infrastructure: the store does not answer; try again.
        """
        now = self._clock.now()
        due = await self._rows.due_groups(before=now, limit=GROUPS_MAX)
        if not due:
            return False
        await self._rows.add_unsettled(due, now=now)
        await self._settle(due, now)
        return len(due) == GROUPS_MAX

    async def unsettled(self) -> bool:
        """Finish what a crash left between a group and its ticket."""
        now = self._clock.now()
        before = now - timedelta(seconds=UNSETTLED_SECONDS)
        left = await self._rows.unsettled(before=before, limit=GROUPS_MAX)
        if left:
            await self._settle(left, now)
        return len(left) == GROUPS_MAX

    async def heartbeats(self) -> bool:
        """Ask for incidents of heartbeats that are overdue; return whether there may be more."""
        overdue = await self._rows.overdue(before=self._clock.now(), limit=GROUPS_MAX)
        if not overdue:
            return False
        await self._silence.begin(overdue)
        for pulse in overdue:
            await self._rows.note_overdue(pulse)
        return len(overdue) == GROUPS_MAX

    async def _settle(self, keys: Collection[str], now: datetime) -> None:
        documents = await self._groups.load(keys)
        turns = [
            Turn(
                group=key,
                tenant=document.tenant,
                integration=document.state.integration,
                at=now,
                decide=_tick,
            )
            for key, document in documents.items()
            if document.state is not None
        ]
        outcomes = await self._groups.take(turns)
        await self._rows.drop_unsettled(
            [k for k in keys if k not in outcomes or not outcomes[k].waits]
        )


def _tick(state: AlertGroup | None, context: Context) -> Sequence[GroupEvent]:
    return decide_tick(state, context)


def _heard(
    state: AlertGroup | None, context: Context, *, fingerprints: Collection[str]
) -> Sequence[GroupEvent]:
    return decide_heard(state, fingerprints, context)
