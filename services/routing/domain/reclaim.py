"""When work goes back to the queue because its agent is not there, or does nothing about it.

Time counts in the agent's own working hours alone: their hours, or those of their desks where
they have none, without their leave. Who goes home at six is not absent at night, and the change
to summer time takes nobody's hour away.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from services.routing.domain.agents import AgentState
from services.routing.domain.offers import back_in_queue
from services.routing.domain.tickets import HELD, TicketState
from services.routing.domain.versions import is_behind
from shared.calendar import CompiledCalendar
from shared.calendar.days import from_ms, to_ms
from shared.contracts.envelope import Body
from shared.contracts.facts import TicketFacts
from shared.contracts.routing import Presence, QueueReason, Status, TicketRegarded
from shared.organisation import Agent, Configuration, Reclaim, UnknownName
from shared.organisation.leave import leave_windows

ABSENT: Final = "absent"
SILENT: Final = "silent"

SPAN: Final = timedelta(days=14)
"""Working hours are looked at in stretches of so long."""
HORIZON: Final = timedelta(days=3 * 366)
"""Who works so little that a limit is not reached within three years is not reclaimed from."""

Window = tuple[int, int]
"""From, and before, in milliseconds since 1970."""


class Overdue(NamedTuple):
    """Why work goes back, and from when on."""

    how: str
    at: datetime


def worked_at(
    configuration: Configuration, agent: Agent, since: datetime, seconds: int
) -> datetime | None:
    """Return when an agent has worked for so long since an instant; None: not within `HORIZON`."""
    calendars = _calendars(configuration, agent)
    leave = leave_windows(configuration, agent)
    left = seconds * 1_000
    start = since
    while start < since + HORIZON:
        end = start + SPAN
        opened = [
            (to_ms(window.opens), to_ms(window.closes))
            for calendar in calendars
            for window in calendar.windows(start, end)
        ]
        for begins, ends in without(united(opened), leave):
            if ends - begins >= left:
                return from_ms(begins + left)
            left -= ends - begins
        start = end
    return None


def _calendars(configuration: Configuration, agent: Agent) -> list[CompiledCalendar]:
    if agent.hours:
        return [configuration.calendar(*hours) for hours in configuration.hours_of(agent)]
    found = []
    for desk in agent.desks:
        with suppress(UnknownName):
            found.append(configuration.desk_calendar(desk))
    return found


def united(windows: Iterable[Window]) -> list[Window]:
    """Return windows in order, those that touch or overlap as one."""
    found: list[Window] = []
    for begins, ends in sorted(windows):
        if found and begins <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], ends))
        else:
            found.append((begins, ends))
    return found


def without(windows: Sequence[Window], taken: Iterable[Window]) -> list[Window]:
    """Return what is left of windows, which are in order, after others are cut out."""
    left = list(windows)
    for begins, ends in taken:
        kept: list[Window] = []
        for opens, closes in left:
            kept += [
                part
                for part in ((opens, min(closes, begins)), (max(opens, ends), closes))
                if part[0] < part[1]
            ]
        left = kept
    return left


def terms_of(configuration: Configuration, desk: str) -> Reclaim | None:
    """Return when a desk takes work back; None where it never does."""
    said = configuration.routing.desks.get(desk)
    return said.reclaim if said else None


def overdue(
    state: TicketState,
    agent: Agent,
    standing: AgentState | None,
    configuration: Configuration,
    *,
    presence_default: Presence,
) -> Overdue | None:
    """Return from when on a ticket is to go back, as things stand; None: it is not.

    Args:
        state: the ticket's.
        agent: who holds it.
        standing: how the agent stands.
        configuration: that is in force.
        presence_default: of agents who have said nothing.
    """
    terms = terms_of(configuration, state.desk)
    if terms is None or state.facts is None or state.touched_at is None:
        return None
    if state.status not in HELD or state.status is Status.OFFERED:
        return None
    pending = state.status is Status.PENDING
    found: list[Overdue] = []
    silent = terms.silent.get(state.facts.priority.value) if not pending else None  # type: ignore[call-overload]
    if silent is not None:
        at = worked_at(configuration, agent, state.touched_at, silent)
        found += [Overdue(SILENT, at)] if at is not None else []
    if terms.absent is not None and (terms.pending or not pending):
        presence = (standing.presence if standing else None) or presence_default
        if presence in {Presence.AWAY, Presence.OFFLINE}:
            out_since = standing.out_since if standing else None
            since = max(state.touched_at, out_since or state.touched_at)
            at = worked_at(configuration, agent, since, terms.absent)
            found += [Overdue(ABSENT, at)] if at is not None else []
    return min(found, key=lambda one: one.at, default=None)


def decide_reclaim(
    state: TicketState | None,
    agent: Agent,
    standing: AgentState | None,
    *,
    now: datetime,
    configuration: Configuration,
    presence_default: Presence,
) -> Sequence[Body]:
    """Put a ticket back into the queue whose agent is absent or silent for too long."""
    if state is None or state.holder != agent.id:
        return []
    due = overdue(state, agent, standing, configuration, presence_default=presence_default)
    if due is None or now < due.at or is_behind(configuration, state):
        return []
    words = {ABSENT: "was not there", SILENT: "did nothing about it"}
    why = f"{agent.id} {words[due.how]} for too long"
    event = back_in_queue(state, QueueReason.RECLAIMED, why, now, configuration)
    return [event.model_copy(update={"code": due.how})]


def note_message(
    state: TicketState, facts: TicketFacts, author: str, configuration: Configuration
) -> Sequence[Body]:
    """Note that who holds a ticket wrote something, where their silence would be counted."""
    terms = terms_of(configuration, state.desk)
    if terms is None or state.status is None or state.holder != author:
        return []
    return [
        TicketRegarded(
            facts=facts,
            status=state.status,
            desk=state.desk,
            tier=state.tier,
            agent=state.agent,
            by=author,
            firing=state.firing,
        )
    ]
