"""Appliers of what monitors say: alerts, heartbeats, hints.

Every distinct occurrence is a row before anything is decided, so it is counted once, however
often it is delivered and by whichever process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial

from services.intake.domain.alert_decisions import decide_hinted, decide_observed
from services.intake.domain.alert_groups import AlertGroup
from services.intake.domain.alert_rows import AlertOccurrence, AlertWords, Pulse
from services.intake.domain.alert_settling import Context, Observation
from services.intake.domain.contact import Person
from services.intake.domain.normal import Alert
from services.intake.domain.receipts import Alerting, AlertPart, Beating, Hinting, Receipt
from services.intake.handlers.groups import AlertGroups, Turn
from services.intake.handlers.meeting import facts_of
from services.intake.handlers.outcomes import Outcome
from services.intake.handlers.silence import Silence
from services.intake.ports import AlertStore
from shared.clock import Clock
from shared.configuration import Configurations
from shared.contracts.intake import AlertStatus
from shared.contracts.monitors import GroupEvent, ObservedAlert
from shared.kernel import derived_id, digest
from shared.organisation import UnknownName

SCOPE_LENGTH = 40
EVERY_SECONDS_DEFAULT = 300
EVERY_SETTINGS = ("watchdog_seconds", "heartbeat_seconds", "every_seconds")
"""Where an integration may say how often its heartbeat comes."""


class Alerts:
    """Applies receipts of alerts."""

    def __init__(self, *, rows: AlertStore, groups: AlertGroups, clock: Clock) -> None:
        self._rows = rows
        self._groups = groups
        self._clock = clock

    async def apply(
        self, receipts: Sequence[Receipt], met: Mapping[str, Person]
    ) -> dict[str, Outcome]:
        """Apply receipts of alerts; return, by receipt id, where their first group is."""
        tasks = [(r, r.task) for r in receipts if isinstance(r.task, Alerting)]
        occurrences = [
            AlertOccurrence(part.alert_key, a.fingerprint, a.starts_at, str(a.status))
            for _, task in tasks
            for part in task.parts
            for a in part.alerts
        ]
        await self._rows.add_occurrences(occurrences, self._clock.now())
        turns = [
            _turn(receipt, task, part, met[receipt.id], first=n == 0)
            for receipt, task in sorted(tasks, key=lambda t: (t[0].accepted_at, t[0].id))
            for n, part in enumerate(task.parts)
        ]
        outcomes = await self._groups.take(turns)
        return {receipt.id: _outcome(task, outcomes) for receipt, task in tasks}


class Hints:
    """Applies receipts of hints."""

    def __init__(self, groups: AlertGroups) -> None:
        self._groups = groups

    async def apply(
        self, receipts: Sequence[Receipt], _met: Mapping[str, Person]
    ) -> dict[str, Outcome]:
        """Apply hints: what they say of alerts that are known to fire."""
        turns = [
            turn for r in receipts if isinstance(r.task, Hinting) for turn in _hint_turns(r, r.task)
        ]
        await self._groups.take(turns)
        return {r.id: Outcome() for r in receipts}


class Beats:
    """Applies receipts of heartbeats: notes them, and ends the incident of their silence."""

    def __init__(
        self, *, rows: AlertStore, silence: Silence, configurations: Configurations
    ) -> None:
        self._rows = rows
        self._silence = silence
        self._configurations = configurations

    async def apply(
        self, receipts: Sequence[Receipt], _met: Mapping[str, Person]
    ) -> dict[str, Outcome]:
        """Apply heartbeats."""
        pulses = [self._pulse(r, r.task) for r in receipts if isinstance(r.task, Beating)]
        await self._rows.beat(pulses)
        await self._silence.end(pulses)
        return {r.id: Outcome() for r in receipts}

    def _pulse(self, receipt: Receipt, task: Beating) -> Pulse:
        beat = task.heartbeat
        every = beat.every_seconds or self._every(receipt.tenant, task.integration)
        identity = digest(*(p.encode() for p in (receipt.tenant, task.integration, beat.name)))
        return Pulse(
            id=identity,
            tenant=receipt.tenant,
            integration=task.integration,
            name=beat.name,
            last_at=beat.at,
            every_seconds=every,
            due_at=beat.at + timedelta(seconds=every),
        )

    def _every(self, tenant: str, integration: str) -> int:
        """Return how often the integration's heartbeat comes, as its settings say."""
        try:
            settings = self._configurations.current(tenant).integration(integration).settings
        except UnknownName:
            return EVERY_SECONDS_DEFAULT
        found = (settings.get(name) for name in EVERY_SETTINGS)
        return next((v for v in found if isinstance(v, int) and v > 0), EVERY_SECONDS_DEFAULT)


def observed_alert(alert: Alert) -> ObservedAlert:
    """Return an alert as a group's events carry it."""
    return ObservedAlert(
        fingerprint=alert.fingerprint,
        status=AlertStatus(alert.status),
        starts_at=alert.starts_at,
        severity=alert.severity,
        configuration_item=alert.configuration_item,
        service=alert.service,
    )


def _turn(
    receipt: Receipt, task: Alerting, part: AlertPart, person: Person, *, first: bool
) -> Turn:
    """Return what one part of a delivery asks of its group."""
    # Each ticket has a first message of its own; the receipt's own name goes to the first part.
    message = receipt.message if first else derived_id("message", receipt.id, part.alert_key)
    scope = digest(receipt.tenant.encode(), task.integration.encode(), part.shape.encode())
    seen = Observation(
        alerts=[observed_alert(a) for a in part.alerts],
        facts=facts_of(part.classified, person, number="", accepted_at=receipt.accepted_at),
        message=message,
        truncated=part.truncated,
        action=part.action,
        reason=part.reason,
        predicted=part.predicted,
        scope=scope[:SCOPE_LENGTH],
        because=part.classified.priority_because,
    )
    return Turn(
        group=part.alert_key,
        tenant=receipt.tenant,
        integration=task.integration,
        at=receipt.accepted_at,
        decide=partial(_decide_seen, seen=seen),
        words=AlertWords(id=message, tenant=receipt.tenant, subject=part.subject, text=task.text),
        trace=receipt.trace,
    )


def _decide_seen(
    state: AlertGroup | None, context: Context, *, seen: Observation
) -> Sequence[GroupEvent]:
    return decide_observed(state, seen, context)


def _hint_turns(receipt: Receipt, task: Hinting) -> list[Turn]:
    resolved: dict[str, list[ObservedAlert]] = {}
    for key, alert in task.resolved:
        resolved.setdefault(key, []).append(observed_alert(alert))
    silenced: dict[str, list[str]] = {}
    for key, fingerprint in task.silenced:
        silenced.setdefault(key, []).append(fingerprint)
    return [
        Turn(
            group=key,
            tenant=receipt.tenant,
            integration=task.integration,
            at=receipt.accepted_at,
            decide=partial(
                _decide_hint, resolved=resolved.get(key, []), silenced=silenced.get(key, [])
            ),
            trace=receipt.trace,
        )
        for key in {**resolved, **silenced}
    ]


def _decide_hint(
    state: AlertGroup | None,
    context: Context,
    *,
    resolved: Sequence[ObservedAlert],
    silenced: Sequence[str],
) -> Sequence[GroupEvent]:
    return decide_hinted(state, resolved, silenced, context)


def _outcome(task: Alerting, outcomes: Mapping[str, Outcome]) -> Outcome:
    """Return where a delivery's first group is; it waits where any of its groups does."""
    own = [outcomes[part.alert_key] for part in task.parts]
    return next((o for o in own if o.waits), own[0])
