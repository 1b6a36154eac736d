"""Silence: a heartbeat that does not come is an alert of its own, and its next beat ends it.

The alert goes the way of every other one, by a receipt whose id is derived: so it is made once,
however many processes see the silence, and nothing of it is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from services.intake.domain.alert_parts import alerting_of
from services.intake.domain.alert_rows import Pulse
from services.intake.domain.alerts import alert_key
from services.intake.domain.normal import SUBJECT_MAX, Alert, AlertGroup, AlertSignal
from services.intake.domain.receipts import Receipt, message_id, receipt_id
from services.intake.domain.text import shortened
from services.intake.handlers.groups import AlertGroups
from services.intake.ports import Incoming, IntakeStore
from shared.clock import Clock
from shared.configuration import Configurations
from shared.kernel import digest, rfc3339
from shared.organisation import UnknownName

DOOR = "heartbeat-silence"
SEVERITY = "critical"
FINGERPRINT_LENGTH = 32


class Applies(Protocol):
    """Applies receipts; `Applying` does."""

    async def apply(self, batch: Sequence[Receipt]) -> object:
        """Apply receipts."""
        ...


class Silence:
    """Makes alerts of heartbeats that do not come. Every method may raise `Infrastructure`.

    ``applying`` is given once it is there: it applies heartbeats too, and so knows this.
    """

    def __init__(
        self,
        *,
        store: IntakeStore,
        groups: AlertGroups,
        configurations: Configurations,
        clock: Clock,
    ) -> None:
        self.applying: Applies | None = None
        self._store = store
        self._groups = groups
        self._configurations = configurations
        self._clock = clock

    async def begin(self, pulses: Sequence[Pulse]) -> None:
        """Ask for incidents of heartbeats that are overdue."""
        await self._hand_in([(p, AlertSignal.FIRING, p.due_at) for p in pulses])

    async def end(self, pulses: Sequence[Pulse]) -> None:
        """End the incidents of heartbeats that have come again."""
        keys = {_group_key(p): p for p in pulses}
        groups = await self._groups.load(keys)
        over: list[tuple[Pulse, AlertSignal, datetime]] = []
        for key, group in groups.items():
            pulse = keys[key]
            member = group.state.members.get(_fingerprint(pulse)) if group.state else None
            if member is not None and member.fires and member.fired is not None:
                over.append((pulse, AlertSignal.RESOLVED, member.fired))
        await self._hand_in(over)

    async def _hand_in(self, signals: Sequence[tuple[Pulse, AlertSignal, datetime]]) -> None:
        receipts = [
            receipt
            for pulse, signal, at in signals
            if (receipt := self._receipt(pulse, signal, at)) is not None
        ]
        if not receipts:
            return
        kept = await self._store.keep([Incoming(receipt) for receipt in receipts])
        if self.applying is not None:
            await self.applying.apply(kept)

    def _receipt(self, pulse: Pulse, signal: AlertSignal, at: datetime) -> Receipt | None:
        """Return the receipt of an alert; None where its integration is not configured any more."""
        configuration = self._configurations.current(pulse.tenant)
        try:
            integration = configuration.integration(pulse.integration)
        except UnknownName:
            return None
        # A heartbeat is a group of its own, however its integration's alerts are grouped.
        alone = {"group": "group", "labels": (), "window": None}
        key = f"{pulse.id}:{rfc3339(at)}:{signal}"
        identity = receipt_id(tenant=pulse.tenant, door=DOOR, key=key)
        now = self._clock.now()
        return Receipt(
            id=identity,
            tenant=pulse.tenant,
            door=DOOR,
            by=pulse.integration,
            key=key,
            body=digest(key.encode()),
            message=message_id(identity),
            accepted_at=now,
            configversion=self._configurations.version(pulse.tenant),
            pending_since=now,
            task=alerting_of(
                _form(pulse, signal, at),
                tenant=pulse.tenant,
                integration=integration.model_copy(
                    update={"alerts": integration.alerts.model_copy(update=alone)}
                ),
                configuration=configuration,
            ),
        )


def _group_key(pulse: Pulse) -> str:
    return alert_key(tenant=pulse.tenant, integration=pulse.integration, key=_name(pulse))


def _name(pulse: Pulse) -> str:
    return f"heartbeat:{pulse.id}"


def _fingerprint(pulse: Pulse) -> str:
    return pulse.id[:FINGERPRINT_LENGTH]


def _form(pulse: Pulse, signal: AlertSignal, at: datetime) -> AlertGroup:
    """Return the alert of a heartbeat as a monitor would tell it."""
    name = "Heartbeat missed"
    alert = Alert(
        fingerprint=_fingerprint(pulse),
        status=signal,
        starts_at=at,
        severity=SEVERITY,
        name=name,
    )
    return AlertGroup(
        key=_name(pulse),
        alerts=(alert,),
        subject=shortened(f"{name}: {pulse.name}", characters_max=SUBJECT_MAX),
        text=(
            f"{pulse.name} tells every {pulse.every_seconds} seconds that it lives. "
            f"It did so last at {rfc3339(pulse.last_at)}."
        ),
        severities=(SEVERITY,) if signal is AlertSignal.FIRING else (),
    )
