"""Views of pages: the projection, with texts and names from their owners laid over it.

A service that does not answer costs its own part of a page and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from services.console.domain.actions import Verb, offered
from services.console.domain.band import Axis, DeskBand, axis, desk_bands
from services.console.domain.names import Names
from services.console.domain.projection import Row
from services.console.domain.telling import Line
from services.console.domain.tickets import (
    AgentNow,
    Counts,
    QueueFilter,
    Tab,
    Ticket,
    Urgency,
    leading_clock,
    urgency,
)
from services.console.domain.timeline import timeline
from services.console.domain.ways import Ways, ways_of
from services.console.domain.words import Words
from services.console.ports import Caller, Conversation, Owners, Projection
from shared.clock import Clock
from shared.configuration import Configurations
from shared.contracts.internal import RiskView
from shared.contracts.sla import ClockState, ClockView
from shared.kernel import CommandRejected, Infrastructure
from shared.organisation import Configuration

TIMELINE_ROWS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class ClockShown:
    """A clock and how it stands now."""

    clock: ClockView
    urgency: Urgency

    @property
    def left_seconds(self) -> float:
        """Business time left, exact to the millisecond; negative when there is none."""
        return round(self.clock.target_seconds - self.clock.used_seconds, 3)

    @property
    def calendar_left_seconds(self) -> float:
        """Calendar time left, exact to the millisecond; negative when there is none."""
        return round(self.clock.target_seconds - self.clock.elapsed_seconds, 3)


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One ticket of a queue."""

    ticket: Ticket
    subject: str | None
    leading: ClockShown | None
    risk: RiskView | None = None
    """That it is likely to pass a target, and why; None also where sla does not answer."""


@dataclass(frozen=True, slots=True)
class QueueView:
    """A queue page. ``change`` is the number of the change that it includes."""

    chosen: QueueFilter
    rows: Sequence[QueueRow]
    counts: Counts
    texts_missing: bool
    change: int
    now: datetime

    @property
    def is_cut(self) -> bool:
        """Whether there may be more tickets than shown."""
        return len(self.rows) >= self.chosen.limit


@dataclass(frozen=True, slots=True)
class Texts:
    """The conversation; None where intake does not answer."""

    conversation: Conversation | None
    is_gone: bool = False


@dataclass(frozen=True, slots=True)
class TicketView:
    """A ticket's page without its texts."""

    ticket: Ticket
    lines: Sequence[Line]
    clocks: Sequence[ClockShown]
    counted_at: datetime | None
    """Up to when their time is counted; None: up to now, as sla answered."""
    verbs: Sequence[Verb]
    ways: Ways
    risk: RiskView | None
    is_cut: bool
    change: int
    now: datetime


@dataclass(frozen=True, slots=True)
class DeskView:
    """One desk of the desks page."""

    band: DeskBand
    waiting: int
    """For an agent."""
    unattended: int
    """At tier 0."""
    in_work: int
    agents: Mapping[str, AgentNow]


@dataclass(frozen=True, slots=True)
class DesksView:
    """The desks page."""

    axis: Axis
    desks: Sequence[DeskView]
    change: int
    now: datetime


class Views:
    """Puts the pages' content together."""

    def __init__(
        self,
        *,
        projection: Projection,
        owners: Owners,
        configurations: Configurations,
        clock: Clock,
    ) -> None:
        self._projection = projection
        self._owners = owners
        self._configurations = configurations
        self._clock = clock

    def configuration(self, tenant: str) -> Configuration | None:
        """Return the newest configuration; None where none is applied yet."""
        try:
            return self._configurations.current(tenant)
        except Infrastructure:
            return None

    def names(self, tenant: str) -> Names:
        """Return what desks and agents are called."""
        configuration = self.configuration(tenant)
        if configuration is None:
            return Names()
        return Names(
            desks={desk.name: desk.title for desk in configuration.desks.desks},
            agents={agent.id: agent.name for agent in configuration.all_agents()},
            queues={queue.name: queue.title for queue in configuration.desks.queues},
            suppliers={found.name: found.title for found in configuration.suppliers.suppliers},
        )

    async def queue(self, caller: Caller, chosen: QueueFilter) -> QueueView:
        """Return a queue page.

        The number of the change is read first: what changes meanwhile is told once more.

        Raises:
            Infrastructure: the projection cannot be read.
        """
        if chosen.tab is Tab.MINE:
            chosen = chosen.model_copy(update={"agent": caller.name})
        change = await self._projection.last_change()
        tickets = await self._projection.queue(caller.tenant, chosen)
        counts = await self._projection.counts(caller.tenant)
        messages = [t.opening.message for t in tickets if t.opening.message]
        subjects, risks = await asyncio.gather(
            self._subjects(caller.tenant, messages), self._risks(caller.tenant, tickets)
        )
        now = self._clock.now()
        rows = [
            QueueRow(
                ticket=ticket,
                subject=(subjects or {}).get(ticket.opening.message or ""),
                leading=_shown(leading_clock(ticket.clocks.clocks), now),
                risk=risks.get(ticket.id),
            )
            for ticket in tickets
        ]
        return QueueView(
            chosen=chosen,
            rows=rows,
            counts=counts,
            texts_missing=subjects is None,
            change=change,
            now=now,
        )

    async def _subjects(self, tenant: str, messages: Sequence[str]) -> Mapping[str, str] | None:
        try:
            return await self._owners.subjects(tenant, messages) if messages else {}
        except (Infrastructure, CommandRejected):
            return None

    async def _risks(self, tenant: str, tickets: Sequence[Ticket]) -> Mapping[str, RiskView]:
        """Return which tickets are at risk; none where sla does not answer."""
        asked = [ticket.id for ticket in tickets if leading_clock(ticket.clocks.clocks)]
        try:
            return await self._owners.risks(tenant, asked) if asked else {}
        except (Infrastructure, CommandRejected):
            return {}

    async def _counted(self, ticket: Ticket) -> Sequence[ClockView]:
        """Return a ticket's clocks with their time up to now; none where sla does not answer.

        Only sla knows by which version of which calendar each of them counts. It is never behind
        the projection: it keeps an event before it tells it.
        """
        if not ticket.clocks.clocks:
            return ()
        try:
            return (await self._owners.clocks(ticket.tenant, [ticket.id])).get(ticket.id, ())
        except (Infrastructure, CommandRejected):
            return ()

    async def last_change(self) -> int:
        """Return the number of the newest change.

        Raises:
            Infrastructure: the projection cannot be read.
        """
        return await self._projection.last_change()

    async def find(self, caller: Caller, name: str) -> str | None:
        """Return the id of the ticket of an id or a number."""
        if await self._projection.ticket(caller.tenant, name) is not None:
            return name
        return await self._projection.by_number(caller.tenant, name)

    async def ticket(self, caller: Caller, ticket: str, words: Words) -> TicketView | None:
        """Return a ticket's page without its texts; None where there is no such ticket.

        Raises:
            Infrastructure: the projection cannot be read.
        """
        change = await self._projection.last_change()
        found = await self._projection.ticket(caller.tenant, ticket)
        if found is None:
            return None
        rows: list[Row] = await self._projection.timeline(
            caller.tenant, ticket, limit=TIMELINE_ROWS_MAX
        )
        counted, risks = await asyncio.gather(
            self._counted(found), self._risks(caller.tenant, [found])
        )
        now = self._clock.now()
        configuration = self.configuration(caller.tenant)
        contact = found.referred.desk
        referred = contact if contact == found.routing.desk else None
        ways = ways_of(configuration, found.facts, referred=referred)
        clocks = [
            ClockShown(clock=clock, urgency=urgency(clock, now))
            for clock in sorted(counted or found.clocks.clocks, key=_pressing)
        ]
        return TicketView(
            ticket=found,
            lines=timeline(rows, words=words, names=self.names(caller.tenant)),
            clocks=clocks,
            counted_at=None if counted else found.clocks.at,
            verbs=offered(found, me=caller.name, ways=ways),
            ways=ways,
            risk=risks.get(found.id),
            is_cut=len(rows) >= TIMELINE_ROWS_MAX,
            change=change,
            now=now,
        )

    async def texts(self, caller: Caller, ticket: str) -> Texts:
        """Return a ticket's conversation, as intake has it now."""
        try:
            return Texts(await self._owners.conversation(caller, ticket))
        except CommandRejected:
            return Texts(Conversation(), is_gone=True)
        except Infrastructure:
            return Texts(None)

    async def desks(self, caller: Caller, zone: tzinfo | None) -> DesksView | None:
        """Return the desks page; None where no configuration is applied yet.

        Raises:
            Infrastructure: the projection cannot be read.
        """
        configuration = self.configuration(caller.tenant)
        if configuration is None:
            return None
        change = await self._projection.last_change()
        counts = await self._projection.counts(caller.tenant)
        agents = await self._projection.agents(caller.tenant)
        now = self._clock.now()
        window = axis(now, utc=UTC, local=zone)
        # A year of a calendar that is not compiled yet takes milliseconds, and there may be many.
        bands = await asyncio.to_thread(desk_bands, configuration, window, now)
        desks = [
            DeskView(
                band=band,
                waiting=counts.of(QueueFilter(tab=Tab.WAITING, desk=band.desk.name))
                - counts.unattended(band.desk.name),
                unattended=counts.unattended(band.desk.name),
                in_work=counts.of(QueueFilter(tab=Tab.OPEN, desk=band.desk.name))
                - counts.of(QueueFilter(tab=Tab.WAITING, desk=band.desk.name)),
                agents=agents,
            )
            for band in bands
        ]
        return DesksView(axis=window, desks=desks, change=change, now=now)


def _shown(clock: ClockView | None, now: datetime) -> ClockShown | None:
    return None if clock is None else ClockShown(clock=clock, urgency=urgency(clock, now))


def _pressing(clock: ClockView) -> tuple[bool, datetime, str]:
    """Open clocks first, and of them the one that is due first."""
    is_open = clock.state in {ClockState.RUNNING, ClockState.PAUSED}
    return not is_open, clock.due_at or datetime.max.replace(tzinfo=UTC), clock.clock
