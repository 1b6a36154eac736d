"""The decisions of sla on one ticket, pure: the plan of each step on one document."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.sla.consumers import on_requests, on_tickets
from services.sla.domain.evolve import TICKET_CLOCKS
from services.sla.domain.model import ClocksState, Rating
from services.sla.domain.rerate import decide_rerate
from services.sla.domain.ticks import decide_tick
from services.sla.handlers import ClockHandlers
from shared.aggregate import Document, Step, plan
from shared.configuration import Configurations
from shared.contracts.envelope import Event
from shared.organisation import Configuration
from tests.support.sla import TICKET


class Machine:
    """The service's own code. ``versions`` are installed as 1, 2 and so on."""

    def __init__(self, *versions: Configuration, start: datetime, ticket: str = TICKET) -> None:
        configurations = Configurations()
        for version, configuration in enumerate(versions, 1):
            configurations.install("main", configuration, version=version)
        handlers = ClockHandlers(configurations)
        self.rules = handlers.rules("main")
        self.rows = {row.body.type: row for row in [*on_requests(handlers), *on_tickets(handlers)]}
        self.document: Document[ClocksState] = Document(id=ticket, tenant="main")
        self.events: list[Event[Any]] = []
        self.now = start

    def take(self, event: Event[Any]) -> None:
        """Consume an event, at its own time or later."""
        self.now = max(self.now, event.time)
        decide = self.rows[event.type].decide
        self._step(Step(decide=lambda state: decide(state, event, self.now), cause=event))

    def tick(self, now: datetime) -> None:
        """Let a ticker run that takes everything from before an instant for seen."""
        self.now = max(self.now, now)
        self._step(Step(decide=lambda state: decide_tick(state, now, self.rules)))

    def rerate(self, version: int, at: datetime) -> None:
        """Let the running clocks count by another version."""
        self.now = max(self.now, at)
        rating = Rating(at=at, version=version, by="ada", because="the calendar was wrong")
        self._step(Step(decide=lambda state: decide_rerate(state, rating, self.rules)))

    def _step(self, step: Step) -> None:
        decided = plan(TICKET_CLOCKS, self.document, [step], now=self.now, configversion=1)
        assert not decided.park, decided.park
        if decided.write is not None:
            self.document = decided.write.after
            self.events.extend(decided.write.bodies)

    @property
    def state(self) -> ClocksState:
        """The state of the ticket's clocks."""
        assert self.document.state is not None
        return self.document.state
