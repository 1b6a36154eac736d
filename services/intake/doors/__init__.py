"""The registry of doors: each a module with one shape, listed here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping

from services.intake.doors import alertmanager, cloudevents, forms, requests, smtp
from services.intake.doors.shape import Door, Fault, Fault4xx, HttpEntrance, Raw, Read, Refused

DOORS: Mapping[str, Door] = {
    door.name: door
    for door in (requests.DOOR, forms.DOOR, alertmanager.DOOR, smtp.DOOR, cloudevents.DOOR)
}

__all__ = ["DOORS", "Door", "Fault", "Fault4xx", "HttpEntrance", "Raw", "Read", "Refused"]
