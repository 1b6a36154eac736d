from __future__ import annotations

from shared.contracts.topics import Topic
from shared.first_reading import FirstReading


class Followed:
    """A bus that has read so far."""

    def __init__(self) -> None:
        self.ends = {0: 3}
        self.at: dict[int, int] = {}

    async def end_offsets(self, topic: Topic) -> dict[int, int]:
        """Return the ends."""
        return self.ends

    def positions(self, topic: Topic) -> dict[int, int]:
        """Return the positions."""
        return self.at


async def test_nobody_is_let_in_before_the_callers_are_read() -> None:
    """Once both topics have been read to an end, the doors stay open."""
    bus = Followed()
    first = FirstReading(bus)
    await first.look()
    assert "heliodesk.identities" in first.closed()
    bus.at = {0: 3}
    await first.look()
    assert not first.closed()
    bus.ends = {0: 9}
    await first.look()
    assert not first.closed()
