"""Doors of monitors."""

from __future__ import annotations

from services.intake.doors.monitoring import alertmanager, cloudevents
from services.intake.doors.shape import Door

DOORS: tuple[Door, ...] = (alertmanager.DOOR, cloudevents.DOOR)
