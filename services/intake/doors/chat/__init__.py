"""Doors of chats: each vendor signs its calls in its own way."""

from __future__ import annotations

from services.intake.doors.shape import Door

DOORS: tuple[Door, ...] = ()
