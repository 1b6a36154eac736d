"""Doors of chats: each vendor signs its calls in its own way."""

from __future__ import annotations

from services.intake.doors.chat import (
    dingtalk,
    feishu,
    line,
    slack,
    teams,
    telegram,
    twilio,
    wecom,
    whatsapp,
)
from services.intake.doors.shape import Door

DOORS: tuple[Door, ...] = (
    slack.DOOR,
    teams.DOOR,
    telegram.DOOR,
    whatsapp.DOOR,
    line.DOOR,
    wecom.DOOR,
    dingtalk.DOOR,
    feishu.DOOR,
    twilio.DOOR,
)
