"""Doors of telephone exchanges."""

from __future__ import annotations

from services.intake.doors.phone import cti, sipgate, work_orders
from services.intake.doors.shape import Door

DOORS: tuple[Door, ...] = (cti.DOOR, sipgate.DOOR, work_orders.DOOR)
