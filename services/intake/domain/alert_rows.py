"""Rows beside the groups of alerts: what is counted, said, and heard of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.kernel import rfc3339


@dataclass(frozen=True, slots=True)
class AlertOccurrence:
    """One thing that a monitor said of one alert, counted once however often it was delivered."""

    group: str
    """The alert key."""
    fingerprint: str
    starts_at: datetime
    status: str

    @property
    def id(self) -> str:
        """Names it among all."""
        return f"{self.group}:{self.fingerprint}:{rfc3339(self.starts_at)}:{self.status}"


@dataclass(frozen=True, slots=True)
class AlertWords:
    """The words of a delivery: those of the first message of the ticket that it may open."""

    id: str
    tenant: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Outbreak:
    """An episode that would open an incident; ``scope`` is what may be one storm."""

    scope: str
    group: str
    episode: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Pulse:
    """A heartbeat as it is known. ``overdue``: an incident was asked for."""

    id: str
    tenant: str
    integration: str
    name: str
    last_at: datetime
    every_seconds: int
    due_at: datetime
    overdue: bool = False
