"""What a door says in its caller's own protocol: why a call is denied, what an alert has become."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Denied:
    """Why a call is not taken, before or after it was read: its credentials, a limit, not now."""

    status: int
    """Of HTTP: 401, 403, 404, 409, 422, 429 or 503."""
    reason: str


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an alert, for its own integration that asks."""

    fires: bool
    acknowledged: bool
    occurrences: int
    """Of its group, however often each was delivered."""
    subject: str
    priority: str
    began_at: datetime
    changed_at: datetime
    seen_at: datetime
