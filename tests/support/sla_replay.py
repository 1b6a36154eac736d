"""A ticket's log as the service writes it: what came in, and what its decisions recorded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from services.sla.consumers import decisions
from services.sla.domain.escalating import decide_expected
from services.sla.domain.replay import Decisions, replay
from services.sla.domain.ticket_log import Replayed, TicketLog
from services.sla.domain.ticks import decide_tick
from services.sla.handlers import ClockHandlers
from shared.aggregate import Step
from shared.configuration import Configurations
from shared.contracts.envelope import Event
from shared.contracts.topics import REQUESTS, TICKETS
from shared.organisation import Configuration
from tests.support.sla import TENANT
from tests.support.sla_machine import Machine


@dataclass(frozen=True)
class Likely:
    """How likely a clock is to be late."""

    clock: str
    probability: float


class Recorder(Machine):
    """The machine, with what it was given; its timers know their instant, as the service's do."""

    def __init__(self, *versions: Configuration, start: datetime) -> None:
        super().__init__(*versions, start=start)
        self.given: list[Event[Any]] = []
        configurations = Configurations()
        for version, configuration in enumerate(versions, 1):
            configurations.install(TENANT, configuration, version=version)
        self.decisions: Decisions = decisions(ClockHandlers(configurations), TENANT)

    def take(self, event: Event[Any]) -> None:
        """Consume an event, and keep it."""
        self.given.append(event)
        super().take(event)

    def tick(self, now: datetime) -> None:
        """Let a ticker run as of an instant, which may be before the last event was taken in."""
        present = self.rules(1)
        self._step(Step(decide=lambda state: decide_tick(state, now, self.rules, present), at=now))

    def expect(self, now: datetime, *likely: Likely, room: bool = True) -> None:
        """Let the predictions say as of an instant what is to be expected, and who has room."""
        present = self.rules(1)
        self._step(
            Step(
                decide=lambda state: decide_expected(
                    state, likely, now, self.rules, present, room=lambda _desk: room
                ),
                at=now,
            )
        )

    def log(self) -> TicketLog:
        """Return the log of the ticket, all of which was processed."""
        consumed: dict[str, list[Event[bytes]]] = {
            str(topic.source): [e.encoded() for e in self.given if e.source == topic.source]
            for topic in (REQUESTS, TICKETS)
        }
        return TicketLog(
            ticket=self.document.id,
            clocks=[event.encoded() for event in self.events],
            consumed=consumed,
            processed={
                source: max((e.sequence for e in each), default=0)
                for source, each in consumed.items()
            },
        )

    def replayed(self, log: TicketLog | None = None) -> Replayed:
        """Recompute a log: the machine's own, unless another is given."""
        return replay(log or self.log(), self.decisions)


def tampered(log: TicketLog, sequence: int, **changes: Any) -> TicketLog:
    """Return a log in which an event of the clocks has another attribute or body."""
    clocks = [replace(e, **changes) if e.sequence == sequence else e for e in log.clocks]
    return replace(log, clocks=clocks)
