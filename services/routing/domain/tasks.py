"""Tasks: parts of a ticket's work for other desks and agents, and those who follow a ticket."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from services.routing.domain.codes import require_code
from services.routing.domain.commands import required, wrong
from services.routing.domain.sidework import TASKS_OPEN_MAX, WATCHERS_MAX, Task, TaskStatus, Watcher
from services.routing.domain.tickets import OVER, TicketState
from shared.contracts.envelope import Body
from shared.contracts.lifecycle import (
    TaskAdded,
    TaskAssigned,
    TaskCancelled,
    TaskDone,
    TaskStarted,
    WatcherAdded,
    WatcherKind,
    WatcherRemoved,
)
from shared.kernel import CommandRejected
from shared.organisation import Configuration, UnknownName

CANCELLED: Final = "agent"


def _common(state: TicketState, by: str) -> Mapping[str, Any]:
    """Return what each event says of where the ticket stands: a task changes nothing of it."""
    return {
        "facts": state.facts,
        "status": state.status,
        "desk": state.desk,
        "tier": state.tier,
        "agent": state.agent,
        "by": by,
    }


def _whose(configuration: Configuration, desk: str | None, agent: str | None) -> None:
    """Refuse a task for nobody, or for those who are not there.

    Raises:
        CommandRejected: 422, naming the field.
    """
    if desk is None and agent is None:
        raise CommandRejected(
            "task-for-nobody",
            "name the desk or the agent who is to do it",
            field="desk",
            status=422,
        )
    try:
        if desk is not None:
            configuration.desk(desk)
    except UnknownName as error:
        raise CommandRejected("unknown-desk", str(error), field="desk", status=422) from error
    try:
        found = configuration.agent(agent) if agent is not None else None
    except UnknownName as error:
        raise CommandRejected("unknown-agent", str(error), field="agent", status=422) from error
    if found is not None and desk is not None and desk not in found.desks:
        reason = f"{agent} does not serve {desk}"
        raise CommandRejected("not-of-desk", reason, field="agent", status=422)


def _task(state: TicketState, name: str) -> Task:
    found = next((task for task in state.tasks if task.id == name), None)
    if found is None:
        raise CommandRejected("no-task", f"{state.number} has no task {name}", status=404)
    return found


def _open(state: TicketState, name: str) -> Task:
    found = _task(state, name)
    if not found.is_open:
        raise CommandRejected("task-settled", f"the task {name} is {found.status} already")
    return found


def decide_task(
    state: TicketState | None,
    *,
    task: str,
    code: str,
    note: str | None,
    desk: str | None,
    agent: str | None,
    by: str,
    configuration: Configuration,
) -> Sequence[Body]:
    """Ask a desk or an agent for a part of the work; asking again under the same id does nothing.

    Raises:
        CommandRejected: the ticket is over, has too many, or nobody known is named.
    """
    known, _, status = required(state)
    if any(one.id == task for one in known.tasks):
        return []
    if status in OVER:
        raise wrong(known, "given tasks")
    _whose(configuration, desk, agent)
    if sum(one.is_open for one in known.tasks) >= TASKS_OPEN_MAX:
        raise CommandRejected("too-many", f"{known.number} has {TASKS_OPEN_MAX} open tasks")
    return [
        TaskAdded(
            **_common(known, by),
            task=task,
            code=code,
            note=note,
            task_desk=desk,
            task_agent=agent,
        )
    ]


def decide_task_assign(
    state: TicketState | None,
    *,
    task: str,
    desk: str | None,
    agent: str | None,
    by: str,
    configuration: Configuration,
) -> Sequence[Body]:
    """Ask others for it.

    Raises:
        CommandRejected: it is settled, or nobody known is named.
    """
    known, _, _ = required(state)
    found = _open(known, task)
    _whose(configuration, desk, agent)
    if (found.desk, found.agent) == (desk, agent):
        return []
    return [TaskAssigned(**_common(known, by), task=task, task_desk=desk, task_agent=agent)]


def decide_task_start(
    state: TicketState | None, *, task: str, agent: str, by: str
) -> Sequence[Body]:
    """Be at work on it.

    Raises:
        CommandRejected: it is settled, or another's: the refusal names whose.
    """
    known, _, _ = required(state)
    found = _open(known, task)
    if found.agent not in {None, agent}:
        raise CommandRejected("already-assigned", f"the task is {found.agent}'s ({found.status})")
    if found.status is TaskStatus.STARTED:
        return []
    return [TaskStarted(**_common(known, by), task=task, task_agent=agent)]


def decide_task_done(
    state: TicketState | None,
    *,
    task: str,
    note: str | None,
    by: str,
    configuration: Configuration,
    outcome: str | None = None,
) -> Sequence[Body]:
    """Say what came of it; saying so again changes nothing. ``outcome`` None: the usual one.

    Raises:
        CommandRejected: it was cancelled; 422 ``unknown-code``.
    """
    known, _, _ = required(state)
    outcomes = configuration.lifecycle.task_outcomes
    outcome = outcome or outcomes[0]
    require_code(outcome, outcomes, field="outcome")
    if _task(known, task).status is TaskStatus.DONE:
        return []
    _open(known, task)
    return [TaskDone(**_common(known, by), task=task, outcome=outcome, note=note)]


def decide_task_cancel(state: TicketState | None, *, task: str, by: str) -> Sequence[Body]:
    """Say that it is not needed; saying so again changes nothing.

    Raises:
        CommandRejected: it is done.
    """
    known, _, _ = required(state)
    if _task(known, task).status is TaskStatus.CANCELLED:
        return []
    found = _open(known, task)
    return [
        TaskCancelled(
            **_common(known, by),
            task=task,
            reason=CANCELLED,
            code=found.code,
            task_desk=found.desk,
            task_agent=found.agent,
        )
    ]


def decide_watch(
    state: TicketState | None,
    *,
    watcher: str,
    kind: WatcherKind,
    by: str,
    configuration: Configuration,
) -> Sequence[Body]:
    """Follow a ticket; who follows it already goes on doing so.

    Raises:
        CommandRejected: there is no such agent, or too many follow it.
    """
    known, _, _ = required(state)
    if Watcher(name=watcher, kind=kind) in known.watchers:
        return []
    if kind is WatcherKind.AGENT:
        try:
            configuration.agent(watcher)
        except UnknownName as error:
            raise CommandRejected(
                "unknown-agent", str(error), field="watcher", status=422
            ) from error
    if len(known.watchers) >= WATCHERS_MAX:
        raise CommandRejected("too-many", f"{known.number} has {WATCHERS_MAX} watchers")
    return [WatcherAdded(**_common(known, by), watcher=watcher, kind=kind)]


def decide_unwatch(
    state: TicketState | None, *, watcher: str, kind: WatcherKind, by: str
) -> Sequence[Body]:
    """Follow a ticket no more."""
    known, _, _ = required(state)
    if Watcher(name=watcher, kind=kind) not in known.watchers:
        return []
    return [WatcherRemoved(**_common(known, by), watcher=watcher, kind=kind)]
