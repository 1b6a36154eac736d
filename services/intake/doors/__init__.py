"""The registry of doors: each a module with one shape, listed in its group and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping

from services.intake.doors import chat, mail, monitoring, people, phone
from services.intake.doors.saying import Denied, Known
from services.intake.doors.shape import (
    Answer,
    Asked,
    Door,
    Fault,
    Fault4xx,
    Fetch,
    HttpEntrance,
    Part,
    Raw,
    Read,
    Refused,
    Setup,
    Signature,
    Taken,
    Token,
    Unauthenticated,
)

GROUPS: Mapping[str, tuple[Door, ...]] = {
    "people": people.DOORS,
    "phone": phone.DOORS,
    "mail": mail.DOORS,
    "chat": chat.DOORS,
    "monitoring": monitoring.DOORS,
}

DOORS: Mapping[str, Door] = {door.name: door for group in GROUPS.values() for door in group}

__all__ = [
    "DOORS",
    "GROUPS",
    "Answer",
    "Asked",
    "Denied",
    "Door",
    "Fault",
    "Fault4xx",
    "Fetch",
    "HttpEntrance",
    "Known",
    "Part",
    "Raw",
    "Read",
    "Refused",
    "Setup",
    "Signature",
    "Taken",
    "Token",
    "Unauthenticated",
]
