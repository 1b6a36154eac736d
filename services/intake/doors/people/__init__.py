"""Doors that people come through, by themselves or with an agent who writes for them."""

from __future__ import annotations

from services.intake.doors.people import forms, help_button, requests, social, walk_up, web_form
from services.intake.doors.shape import Door

DOORS: tuple[Door, ...] = (
    requests.DOOR,
    forms.DOOR,
    web_form.DOOR,
    walk_up.DOOR,
    help_button.DOOR,
    social.DOOR,
)
