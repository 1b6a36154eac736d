"""The dry run: which open tickets a configuration would move if it came into force now."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from services.routing.domain.forecast import Forecast
from services.routing.domain.reorganising import judge
from services.routing.handlers.reorganising import PAGE_TICKETS, switch_to
from services.routing.ports import Tickets
from shared.clock import Clock
from shared.configuration import Configurations
from shared.organisation import Configuration, validate_sections

LOOK_SECONDS_MAX: Final = 10.0
"""A dry run that would take longer says how far it came: its caller waits for an answer."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A forecast, and what it is one of."""

    version: int
    """In force, against which it was made; 0 where none is."""
    at: datetime
    """The instant that was asked about: who is open then decides as well."""
    forecast: Forecast
    is_complete: bool
    """Whether every open ticket was looked at."""
    took_seconds: float


class Foresight:
    """Tells what a version would do; changes nothing."""

    def __init__(
        self,
        *,
        tickets: Tickets,
        configurations: Configurations,
        clock: Clock,
        look_seconds_max: float = LOOK_SECONDS_MAX,
    ) -> None:
        self._tickets = tickets
        self._configurations = configurations
        self._clock = clock
        self._look_seconds_max = look_seconds_max

    async def look(
        self, tenant: str, sections: Mapping[str, object], *, examples_max: int
    ) -> Foreseen:
        """Judge every open ticket of a tenant as if these sections came into force now.

        Tickets that change while one looks are told as they were when their page was read.

        Raises:
            ConfigurationInvalid: it could not be applied.
            Infrastructure: the store does not answer.
        """
        began = time.perf_counter()
        # In a thread: a large organisation takes seconds, and the matcher goes on meanwhile.
        wanted = await asyncio.to_thread(validate_sections, sections)
        version, now = self._configurations.version(tenant), self._clock.now()
        then = replace(wanted, version=version + 1)
        known = self._configurations.current(tenant) if version else Configuration()
        switch = switch_to(self._configurations, tenant, then)
        forecast = Forecast(known, then, examples_max=examples_max)
        looking, after, is_complete = time.perf_counter(), "", False
        while not is_complete and time.perf_counter() - looking < self._look_seconds_max:
            page = await self._tickets.open_by_id(tenant, after=after, limit=PAGE_TICKETS)
            for document in page:
                if document.state is not None:
                    verdict = judge(document.state, switch, now)
                    forecast.add(document.id, document.seq, document.state, verdict)
            is_complete = len(page) < PAGE_TICKETS
            after = page[-1].id if page else ""
            await asyncio.sleep(0)
        return Foreseen(
            version=version,
            at=now,
            forecast=forecast,
            is_complete=is_complete,
            took_seconds=time.perf_counter() - began,
        )
