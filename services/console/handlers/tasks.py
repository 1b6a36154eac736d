"""The page of open tasks: what people and desks were asked for, with its tickets and its texts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from services.console.handlers.asking import Refusal, ask
from services.console.handlers.relating import Related, Relating
from services.console.ports import Caller
from services.console.ports.work import TASK_TICKETS_MAX, OpenTask, Work

SERVICE: Final = "routing"


@dataclass(frozen=True, slots=True)
class TaskShown:
    """One open task, its ticket, and what its note says; empty where it has none."""

    task: OpenTask
    ticket: Related
    text: str


@dataclass(frozen=True, slots=True)
class TasksView:
    """Open tasks, those that wait for longest first."""

    rows: Sequence[TaskShown] = ()
    texts_missing: bool = False
    """Whether intake did not answer."""
    is_cut: bool = False
    """Whether routing may have more."""


async def tasks_shown(
    caller: Caller,
    *,
    work: Work,
    relating: Relating,
    desks: frozenset[str] | None = None,
    desk: str | None = None,
) -> TasksView | Refusal:
    """Return open tasks as their page shows them.

    Args:
        caller: who looks at them.
        work: routing and intake.
        relating: knows tickets by their ids.
        desks: those that the caller serves: only tasks that are the caller's, or these desks' and
            nobody's yet. None: everybody's.
        desk: only this desk's, of everybody's.

    Raises:
        Infrastructure: the projection cannot be read.
    """
    found = await ask(_asked(caller, work, desks, desk), service=SERVICE)
    if isinstance(found, Refusal):
        return found
    tasks = sorted(found, key=lambda task: (task.added_at, task.id))
    named, texts = await asyncio.gather(
        relating.named(caller, (task.ticket for task in tasks)), _texts(caller, work, tasks)
    )
    known = {} if isinstance(texts, Refusal) else texts
    return TasksView(
        rows=[TaskShown(t, named[t.ticket], known.get(t.note or "", "")) for t in tasks],
        texts_missing=isinstance(texts, Refusal),
        is_cut=len({task.ticket for task in tasks}) >= TASK_TICKETS_MAX,
    )


async def _asked(
    caller: Caller, work: Work, desks: frozenset[str] | None, desk: str | None
) -> list[OpenTask]:
    if desks is None:
        return list(await work.open_tasks(caller, desk=desk))
    own, *theirs = await asyncio.gather(
        work.open_tasks(caller, agent=caller.name),
        *(work.open_tasks(caller, desk=name) for name in sorted(desks)),
    )
    return list({task.id: task for task in (*own, *_nobodys(theirs))}.values())


def _nobodys(found: Iterable[Sequence[OpenTask]]) -> list[OpenTask]:
    """Return the tasks of desks that no agent has yet."""
    return [task for tasks in found for task in tasks if task.agent is None]


async def _texts(caller: Caller, work: Work, tasks: Sequence[OpenTask]) -> dict[str, str] | Refusal:
    notes = [task.note for task in tasks if task.note]
    if not notes:
        return {}
    found = await ask(work.notes(caller.tenant, notes))
    return found if isinstance(found, Refusal) else dict(found)
