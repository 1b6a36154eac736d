"""What a run of the desk left behind, read once for all checks."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from shared.contracts.envelope import Event
from shared.contracts.intake import MessageAdded, RequestAccepted
from shared.contracts.topics import CLOCKS, NOTICES, REQUESTS, SHIFTS, SUGGESTIONS, TICKETS, Topic
from shared.documents import Row
from tests.sim.checkers import delivered
from tests.sim.desk_stage import Stage

if TYPE_CHECKING:
    from tests.sim.world import World

Story = dict[str, list[Event[Any]]]
"""Stream to its events, in order."""


class Told:
    """Log, stores and promises; ``aside`` are the tickets that are parked somewhere."""

    def __init__(self, world: World, stage: Stage, *, repaired: bool) -> None:
        self.world = world
        self.stage = stage
        self.parked = frozenset() if repaired else frozenset(world.parked_streams())
        self.aside = {stream for _, stream in self.parked}
        self.requests = self._read(REQUESTS)
        self.tickets = self._read(TICKETS)
        self.clocks = self._read(CLOCKS)
        self.notices = self._read(NOTICES)
        self.shifts = self._read(SHIFTS)
        self.suggestions = self._read(SUGGESTIONS)

    def _read(self, topic: Topic) -> Story:
        found: Story = {}
        for stream, events in delivered(self.world, topic).items():
            for event in events:
                body = topic.body(event.type)
                if body is not None:
                    found.setdefault(stream, []).append(event.with_body(body))
        return found

    def rows(self, service: str, collection: str) -> dict[str, Row]:
        """Return what a service has stored."""
        return self.world.disks[service].collection(collection)

    def messages(self) -> Counter[str]:
        """Return how often each message is in the topic of requests."""
        return Counter(
            event.body.message
            for events in self.requests.values()
            for event in events
            if isinstance(event.body, RequestAccepted | MessageAdded)
        )
