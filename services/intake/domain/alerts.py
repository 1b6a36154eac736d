"""Alerts of a group: a map that only moves forward, which is the deduplication.

An occurrence is (starts_at, status). A later start is newer, and at the same start resolved is
newer than firing: whatever the order and number of deliveries, the newest one stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from services.intake.domain.normal import Alert
from services.intake.domain.text import is_plain_fingerprint
from shared.contracts.facts import Instant
from shared.contracts.intake import ALERT_MEMBERS_MAX, AlertMember, AlertStatus
from shared.kernel import digest, rfc3339


class Occurrence(BaseModel):
    """The newest known state of one alert."""

    model_config = ConfigDict(frozen=True)

    starts_at: Instant
    status: AlertStatus

    @property
    def rank(self) -> tuple[datetime, int]:
        """What is newer has the greater rank."""
        return self.starts_at, 1 if self.status is AlertStatus.RESOLVED else 0


Members = Mapping[str, Occurrence]
"""Fingerprint to its newest occurrence."""


def occurrence_of(alert: Alert | AlertMember) -> Occurrence:
    """Return an alert's occurrence."""
    return Occurrence(starts_at=alert.starts_at, status=alert.status)


def alert_key(*, tenant: str, integration: str, key: str) -> str:
    """Return the name of a group of alerts among all of a tenant's monitors."""
    return digest(tenant.encode(), integration.encode(), key.encode())


def fingerprint_of(value: str) -> str:
    """Return a fingerprint that can be a field's name; another one is replaced by its digest."""
    return value if is_plain_fingerprint(value) else digest(value.encode())[:32]


def newest(alerts: Iterable[Alert]) -> dict[str, Occurrence]:
    """Return the newest occurrence of each fingerprint of a delivery."""
    found: dict[str, Occurrence] = {}
    for alert in alerts:
        occurrence = occurrence_of(alert)
        known = found.get(alert.fingerprint)
        if known is None or occurrence.rank > known.rank:
            found[alert.fingerprint] = occurrence
    return found


def newer_than(known: Members, alerts: Members) -> dict[str, Occurrence]:
    """Return the occurrences that are newer than what is known of their alerts."""
    return {
        fingerprint: occurrence
        for fingerprint, occurrence in alerts.items()
        if fingerprint not in known or occurrence.rank > known[fingerprint].rank
    }


def merged(known: Members, changes: Members) -> dict[str, Occurrence]:
    """Return the map after changes, bounded: over the bound the oldest resolved alerts go first.

    Alerts that fire are dropped only where more than the bound fire at once; then the newest go.
    """
    after = {**known, **newer_than(known, changes)}
    if len(after) <= ALERT_MEMBERS_MAX:
        return after
    by_worth = sorted(
        after.items(),
        key=lambda item: (
            item[1].status is AlertStatus.RESOLVED,
            -item[1].starts_at.timestamp()
            if item[1].status is AlertStatus.RESOLVED
            else item[1].starts_at.timestamp(),
            item[0],
        ),
    )
    return dict(by_worth[:ALERT_MEMBERS_MAX])


def firing(members: Members) -> int:
    """Return how many alerts fire."""
    return sum(1 for o in members.values() if o.status is AlertStatus.FIRING)


def as_members(occurrences: Members) -> tuple[AlertMember, ...]:
    """Return occurrences as events carry them, in the order of their fingerprints."""
    return tuple(
        AlertMember(fingerprint=f, status=o.status, starts_at=o.starts_at)
        for f, o in sorted(occurrences.items())
    )


def sortable(occurrence: Occurrence) -> str:
    """Return an occurrence as a text that sorts as its rank does."""
    return f"{rfc3339(occurrence.starts_at)}|{occurrence.rank[1]}"


def from_sortable(text: str) -> Occurrence:
    """Return the occurrence of such a text."""
    at, _, resolved = text.rpartition("|")
    status = AlertStatus.RESOLVED if resolved == "1" else AlertStatus.FIRING
    return Occurrence(starts_at=datetime.fromisoformat(at), status=status)


def occurrence_set_key(group_key: str, alerts: Iterable[Alert]) -> str:
    """Return the caller's key of a delivery: the set of its occurrences, in any order."""
    parts = sorted({f"{a.fingerprint}|{rfc3339(a.starts_at)}|{a.status}" for a in alerts})
    return digest(group_key.encode(), *(part.encode() for part in parts))
