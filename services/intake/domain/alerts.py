"""Alerts as a ticket knows them: a map that only moves forward.

An occurrence is (starts_at, status). A later start is newer, and at the same start resolved is
newer than expired, and that than firing: whatever the order and number of what is told, the
newest one stands. What the monitors said, with all that it takes to judge it, is the group's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from services.intake.domain.normal import Alert
from services.intake.domain.text import is_plain_fingerprint
from shared.contracts.facts import Instant
from shared.contracts.intake import AlertMember, AlertStatus
from shared.contracts.monitors import GROUP_MEMBERS_MAX
from shared.kernel import digest, rfc3339

_ORDER = {AlertStatus.FIRING: 0, AlertStatus.EXPIRED: 1, AlertStatus.RESOLVED: 2}


class Occurrence(BaseModel):
    """The newest known state of one alert."""

    model_config = ConfigDict(frozen=True)

    starts_at: Instant
    status: AlertStatus

    @property
    def rank(self) -> tuple[datetime, int]:
        """What is newer has the greater rank."""
        return self.starts_at, _ORDER.get(self.status, 0)

    @property
    def fires(self) -> bool:
        """Whether the alert fires."""
        return self.status is AlertStatus.FIRING


Members = Mapping[str, Occurrence]
"""Fingerprint to its newest occurrence."""


def occurrence_of(alert: Alert | AlertMember) -> Occurrence:
    """Return an alert's occurrence."""
    return Occurrence(starts_at=alert.starts_at, status=AlertStatus(alert.status))


def alert_key(*, tenant: str, integration: str, key: str) -> str:
    """Return the name of a group of alerts among all of a tenant's monitors."""
    return digest(tenant.encode(), integration.encode(), key.encode())


def fingerprint_of(value: str) -> str:
    """Return a fingerprint that can be a field's name; another one is replaced by its digest."""
    return value if is_plain_fingerprint(value) else digest(value.encode())[:32]


def is_news(known: Occurrence | None, occurrence: Occurrence) -> bool:
    """Return whether an occurrence says more than is known.

    An alert that had expired and is told of again fires since when it did: that is no new rank.
    """
    if known is None or occurrence.rank > known.rank:
        return True
    again = known.status is AlertStatus.EXPIRED and occurrence.fires
    return again and known.starts_at == occurrence.starts_at


def newer_than(known: Members, alerts: Members) -> dict[str, Occurrence]:
    """Return the occurrences that are newer than what is known of their alerts."""
    return {
        fingerprint: occurrence
        for fingerprint, occurrence in alerts.items()
        if is_news(known.get(fingerprint), occurrence)
    }


def merged(known: Members, changes: Members) -> dict[str, Occurrence]:
    """Return the map after changes, bounded: over the bound the oldest resolved alerts go first.

    Alerts that fire are dropped only where more than the bound fire at once; then the newest go.
    """
    after = {**known, **newer_than(known, changes)}
    if len(after) <= GROUP_MEMBERS_MAX:
        return after
    by_worth = sorted(after.items(), key=_worth)
    return dict(by_worth[:GROUP_MEMBERS_MAX])


def _worth(item: tuple[str, Occurrence]) -> tuple[bool, float, str]:
    fingerprint, occurrence = item
    seconds = occurrence.starts_at.timestamp()
    over = not occurrence.fires
    return over, -seconds if over else seconds, fingerprint


def firing(members: Members) -> int:
    """Return how many alerts fire."""
    return sum(o.fires for o in members.values())


def as_members(occurrences: Members) -> tuple[AlertMember, ...]:
    """Return occurrences as events carry them, in the order of their fingerprints."""
    return tuple(
        AlertMember(fingerprint=f, status=o.status, starts_at=o.starts_at)
        for f, o in sorted(occurrences.items())
    )


def occurrence_set_key(group_key: str, alerts: Iterable[Alert]) -> str:
    """Return the caller's key of a delivery: the set of its occurrences, in any order."""
    parts = sorted({f"{a.fingerprint}|{rfc3339(a.starts_at)}|{a.status}" for a in alerts})
    return digest(group_key.encode(), *(part.encode() for part in parts))
