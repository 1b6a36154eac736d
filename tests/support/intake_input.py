"""What is handed in at intake's doors in tests, and a process that dies at a chosen moment."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from services.intake.domain.normal import AlertGroup, Request
from services.intake.doors import DOORS, Raw, Read, Setup
from shared.testing.clock import START


class Crash(BaseException):
    """The process is gone: nothing after this point happens."""


class CrashAt:
    """Dies at the ``number``-th point of I/O once it is armed, counting from 0."""

    def __init__(self, number: int) -> None:
        self.armed = False
        self.died = False
        self._left = number

    async def point(self, name: str) -> None:
        """Count a point, or die at it."""
        if not self.armed:
            return
        if self._left == 0:
            self.died = True
            raise Crash(name)
        self._left -= 1


def read_one(door: str, raw: Raw) -> Read[Any]:
    """Return the one submission that a door reads, of an integration without settings."""
    (found,) = DOORS[door].parse(raw, Setup(settings=DOORS[door].settings()))
    return found


def request(*, key: str | None = None, mail: str = "ana@example.org", **fields: Any) -> Read[Any]:
    """Return a request as the JSON door reads it."""
    body = {"contact": {"mail": mail, "name": "Ana"}, "subject": "Screen dark", **fields}
    headers = {"content-type": "application/json"}
    if key is not None:
        headers["idempotency-key"] = key
    read = read_one("requests", Raw(body=json.dumps(body).encode(), headers=headers))
    assert isinstance(read.form, Request)
    return read


def mail(*, message_id: str, references: str = "", text: str = "help", extra: str = "") -> bytes:
    """Return a mail of Ana's."""
    answers = f"References: {references}\r\n" if references else ""
    return (
        f"From: Ana <ana@example.org>\r\nTo: help@helio.example\r\nSubject: Screen dark\r\n"
        f"Message-ID: {message_id}\r\n{answers}{extra}\r\n{text}\r\n"
    ).encode()


def occurrence(fingerprint: str, minute: int, status: str) -> dict[str, Any]:
    """Return one alert of a webhook that started so many minutes after the clock's start."""
    at: datetime = START + timedelta(minutes=minute)
    return {
        "status": status,
        "labels": {"alertname": "Down", "severity": "critical"},
        "annotations": {"summary": f"{fingerprint} is down"},
        "startsAt": at.isoformat(),
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "",
        "fingerprint": fingerprint,
    }


def webhook(*alerts: tuple[str, int, str], key: str = "group") -> Read[Any]:
    """Return a delivery as the door of Alertmanager reads it."""
    body = {
        "version": "4",
        "groupKey": key,
        "status": "firing",
        "receiver": "desk",
        "alerts": [occurrence(*alert) for alert in alerts],
    }
    headers = {"content-type": "application/json"}
    read = read_one("alertmanager", Raw(body=json.dumps(body).encode(), headers=headers))
    assert isinstance(read.form, AlertGroup)
    return read
