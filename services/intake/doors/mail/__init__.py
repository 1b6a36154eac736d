"""Doors of mail."""

from __future__ import annotations

from services.intake.doors.mail import imap, smtp
from services.intake.doors.shape import Door

DOORS: tuple[Door, ...] = (smtp.DOOR, imap.DOOR)
