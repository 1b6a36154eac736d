"""Doors that people come through, by themselves or with an agent who writes for them."""

from __future__ import annotations

from services.intake.doors.people import forms, requests
from services.intake.doors.shape import Door

DOORS: tuple[Door, ...] = (requests.DOOR, forms.DOOR)
