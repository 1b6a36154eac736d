"""The one place that reads time and randomness; everything else is handed a `Clock`."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
import uuid
from datetime import UTC, datetime
from typing import Protocol

from shared.kernel import instant


class Clock(Protocol):
    """Time, waiting and chance, as a service sees them."""

    def now(self) -> datetime:
        """Return the present instant in UTC, cut to milliseconds."""
        ...

    def monotonic(self) -> float:
        """Return seconds on a clock that never steps back; only differences mean anything."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for so many seconds."""
        ...

    def jitter(self, seconds: float) -> float:
        """Return a duration drawn evenly between half of ``seconds`` and all of it."""
        ...

    def unique(self) -> str:
        """Return a string that nobody has had before. Never part of an event's id."""
        ...

    def secret(self) -> str:
        """Return a URL-safe secret with 256 bits of entropy."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the present instant in UTC, cut to milliseconds."""
        return instant(datetime.now(UTC))

    def monotonic(self) -> float:
        """Return seconds on a clock that never steps back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait for so many seconds."""
        await asyncio.sleep(seconds)

    def jitter(self, seconds: float) -> float:
        """Return a duration between half of ``seconds`` and all of it."""
        return seconds * (0.5 + random.random() / 2)  # spread, not secrecy

    def unique(self) -> str:
        """Return a random UUID."""
        return str(uuid.uuid4())

    def secret(self) -> str:
        """Return a URL-safe secret with 256 bits of entropy."""
        return secrets.token_urlsafe(32)
