"""The public contract of ``heliodesk.alerts``: integrators publish CloudEvents here.

Any CloudEvents 1.0 producer may write, in binary or structured mode. ``source`` and ``id``
together name the occurrence; ``subject`` or the body's ``key`` names the alert.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from shared.contracts.envelope import Body
from shared.contracts.facts import Instant
from shared.contracts.intake import AlertStatus


class AlertReported(Body):
    """One alert began to fire or was resolved, as its monitor says."""

    type: ClassVar[str] = "heliodesk.alert.reported.v1"

    key: Annotated[str, Field(min_length=1, max_length=300)]
    """Names the alert among all of its monitor's: the same key is the same incident."""
    status: AlertStatus
    summary: Annotated[str, Field(min_length=1, max_length=500)]
    starts_at: Instant
    severity: Annotated[str, Field(max_length=40)] = "warning"
    """critical, major, minor, warning or info; the integration's table maps it to a priority."""
    description: Annotated[str, Field(max_length=20_000)] = ""
    service: Annotated[str, Field(max_length=80)] | None = None
    region: Annotated[str, Field(max_length=80)] | None = None
    labels: Annotated[dict[str, str], Field(max_length=100)] = {}
