"""What hangs on a ticket beside its queue: tasks that others do, and who follows it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict

from shared.contracts.lifecycle import (
    TaskAdded,
    TaskAssigned,
    TaskCancelled,
    TaskDone,
    TaskEvent,
    TaskStarted,
    WatcherAdded,
    WatcherKind,
    WatcherRemoved,
)

TASKS_OPEN_MAX: Final = 50
"""Open tasks of one ticket: more than anybody can oversee, and few enough for one document."""
TASKS_SETTLED_KEPT_MAX: Final = 50
"""Settled tasks that the document remembers; older ones are in the topic and in the timeline."""
WATCHERS_MAX: Final = 50
"""Each of them is a mail for each thing that is told."""


class TaskStatus(StrEnum):
    """Where a task stands."""

    OPEN = "open"
    STARTED = "started"
    DONE = "done"
    CANCELLED = "cancelled"


class Task(BaseModel):
    """A part of a ticket's work that a desk or an agent is asked for.

    ``note`` and ``result`` are notes in intake: routing keeps no free text.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    code: str
    status: TaskStatus = TaskStatus.OPEN
    desk: str | None = None
    agent: str | None = None
    note: str | None = None
    result: str | None = None
    outcome: str | None = None
    """The code of what came of it, once it is done."""
    by: str
    added_at: datetime
    settled_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to do it."""
        return self.status in {TaskStatus.OPEN, TaskStatus.STARTED}


class Watcher(BaseModel):
    """Who follows a ticket: an agent's name, or a contact's id."""

    model_config = ConfigDict(frozen=True)

    name: str
    kind: WatcherKind


def tasks_after(tasks: Sequence[Task], body: TaskEvent, at: datetime) -> tuple[Task, ...]:
    """Return the tasks after an event; an unknown task, as of a forgotten one, changes nothing."""
    if isinstance(body, TaskAdded):
        added = Task(
            id=body.task,
            code=body.code,
            desk=body.task_desk,
            agent=body.task_agent,
            note=body.note,
            by=body.by,
            added_at=at,
        )
        return (*(task for task in tasks if task.id != body.task), added)
    changed = tuple(_changed(t, body, at) if t.id == body.task else t for t in tasks)
    settled = [task.id for task in changed if not task.is_open]
    forgotten = set(settled[: max(0, len(settled) - TASKS_SETTLED_KEPT_MAX)])
    return tuple(task for task in changed if task.id not in forgotten)


def _changed(task: Task, body: TaskEvent, at: datetime) -> Task:
    changes: dict[str, object] = {}
    match body:
        case TaskAssigned():
            changes = {
                "desk": body.task_desk,
                "agent": body.task_agent,
                "status": TaskStatus.OPEN,
            }
        case TaskStarted():
            changes = {"agent": body.task_agent, "status": TaskStatus.STARTED}
        case TaskDone():
            changes = {
                "status": TaskStatus.DONE,
                "outcome": body.outcome,
                "result": body.note,
                "settled_at": at,
            }
        case TaskCancelled():
            changes = {"status": TaskStatus.CANCELLED, "settled_at": at}
        case _:
            pass
    return task.model_copy(update=changes)


def watchers_after(
    watchers: Sequence[Watcher], body: WatcherAdded | WatcherRemoved
) -> tuple[Watcher, ...]:
    """Return who follows the ticket after an event."""
    named = Watcher(name=body.watcher, kind=body.kind)
    others = tuple(watcher for watcher in watchers if watcher != named)
    return others if isinstance(body, WatcherRemoved) else (*others, named)
