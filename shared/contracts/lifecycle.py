"""Events of routing about a ticket's life beside its queue: who works, confirms, escalates, helps.

Like every event of a ticket they carry where it stands. What people wrote about a task is a note
in intake, which is named here by its id.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from shared.contracts.facts import Code, Id, Instant, Word
from shared.contracts.routing import Said, TicketEvent

TOLD_MAX = 20
"""People whom one escalation tells."""


class EscalationKind(Word):
    """Which way help is called for, in the terms of ITIL."""

    FUNCTIONAL = "functional"
    """To those who know more: the ticket moves."""
    HIERARCHICAL = "hierarchical"
    """To those who may decide more: somebody is told, and nothing moves."""
    UNKNOWN = "unknown"


class WatcherKind(Word):
    """Who follows a ticket."""

    AGENT = "agent"
    CONTACT = "contact"
    UNKNOWN = "unknown"


class TicketStarted(TicketEvent):
    """The agent is at work on it; accepting only said that they will be."""

    type: ClassVar[str] = "heliodesk.ticket.started.v1"


class TicketConfirmed(TicketEvent):
    """The requester is satisfied with the resolution. The ticket is closed for it."""

    type: ClassVar[str] = "heliodesk.ticket.confirmed.v1"

    said: Said
    resolution: Annotated[int, Field(ge=0)] = 0
    """The sequence of the resolution's event."""


class TicketReminded(TicketEvent):
    """The requester is reminded that silence will close the resolved ticket."""

    type: ClassVar[str] = "heliodesk.ticket.reminded.v1"

    due_at: Instant
    """The instant for which the reminder was said: earlier ones are over with it."""
    close_at: Instant
    """When silence closes it."""
    resolution: Annotated[int, Field(ge=1)]
    """The sequence of the resolution's event."""


class TicketEscalated(TicketEvent):
    """A person called for help, up the tiers or up the line. A move to a tier follows by itself."""

    type: ClassVar[str] = "heliodesk.ticket.escalated.v1"

    kind: EscalationKind
    reason: Code
    told: Annotated[tuple[Code, ...], Field(max_length=TOLD_MAX)] = ()
    """Agents who are told, of a hierarchical one."""
    to_desk: Code | None = None
    """Where a functional one goes."""


class TaskEvent(TicketEvent):
    """What every event of a task carries: a part of the work that others do."""

    task: Id


class TaskAdded(TaskEvent):
    """Others are asked for a part of the work."""

    type: ClassVar[str] = "heliodesk.ticket.task_added.v1"

    code: Code
    """What kind of work it is."""
    note: Id | None = None
    """The note in intake that says what is to be done."""
    task_desk: Code | None = None
    task_agent: Code | None = None


class TaskAssigned(TaskEvent):
    """Somebody else is asked for it."""

    type: ClassVar[str] = "heliodesk.ticket.task_assigned.v1"

    task_desk: Code | None = None
    task_agent: Code | None = None


class TaskStarted(TaskEvent):
    """Somebody is at work on it."""

    type: ClassVar[str] = "heliodesk.ticket.task_started.v1"

    task_agent: Code


class TaskDone(TaskEvent):
    """It is over, and this came of it."""

    type: ClassVar[str] = "heliodesk.ticket.task_done.v1"

    outcome: Code = "done"
    """One of the organisation's ``task_outcomes``."""
    note: Id | None = None
    """The note in intake that says what came of it."""


class TaskCancelled(TaskEvent):
    """It is not needed any more."""

    type: ClassVar[str] = "heliodesk.ticket.task_cancelled.v1"

    reason: Code = "agent"
    """``resolved`` where the whole ticket was solved without it; ``parent-resolved``,
    ``alerts-cleared`` and ``merged`` where nobody was asked."""
    code: Code | None = None
    """What kind of work it was."""
    task_desk: Code | None = None
    task_agent: Code | None = None
    """Who was asked for it. None of the three: an older release."""


class WatcherAdded(TicketEvent):
    """Somebody follows the ticket."""

    type: ClassVar[str] = "heliodesk.ticket.watcher_added.v1"

    watcher: Id
    kind: WatcherKind


class WatcherRemoved(TicketEvent):
    """Somebody follows it no more."""

    type: ClassVar[str] = "heliodesk.ticket.watcher_removed.v1"

    watcher: Id
    kind: WatcherKind
