"""Doors of telephone exchanges."""

from __future__ import annotations

from services.intake.doors.shape import Door

DOORS: tuple[Door, ...] = ()
