"""The first reading of configuration and identities, before anybody is let in."""

from __future__ import annotations

from typing import Protocol

from shared.contracts.topics import CONFIGURATION, IDENTITIES, Topic


class Positions(Protocol):
    """How far the followed topics are read."""

    async def end_offsets(self, topic: Topic) -> dict[int, int]:
        """Return, per partition, the offset after the last record."""
        ...

    def positions(self, topic: Topic) -> dict[int, int]:
        """Return, per partition, the offset up to which everything is processed."""
        ...


class FirstReading:
    """Tells when configuration and identities have been read once to their ends.

    Until then a caller cannot be told from a stranger, nor our address from another one: 401 or
    550 would be a false refusal, for ever, of what is to be accepted in a second.
    """

    def __init__(self, bus: Positions) -> None:
        self._bus = bus
        self._missing: list[Topic] = [CONFIGURATION, IDENTITIES]

    async def look(self) -> None:
        """See whether the ends, as they are now, have been reached."""
        for topic in list(self._missing):
            ends = await self._bus.end_offsets(topic)
            at = self._bus.positions(topic)
            if ends and all(at.get(partition, 0) >= end for partition, end in ends.items()):
                self._missing.remove(topic)

    def closed(self) -> str:
        """Return why nobody is let in yet; empty from then on."""
        if not self._missing:
            return ""
        names = ", ".join(topic.name for topic in self._missing)
        return f"starting: {names} are not read to their ends yet"
