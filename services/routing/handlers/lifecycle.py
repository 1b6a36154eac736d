"""What agents do to tickets beside moving and solving them: start, escalate, tasks, watchers."""

from __future__ import annotations

from services.routing.domain import tasks
from services.routing.domain.escalating import decide_escalate
from services.routing.handlers.changing import Caller, TicketChanges
from services.routing.ports import TicketDocument
from shared.contracts.lifecycle import EscalationKind, WatcherKind


class LifecycleCommands:
    """Commands on one ticket, in the manner of `TicketCommands`."""

    def __init__(self, changes: TicketChanges) -> None:
        self._changes = changes

    async def escalate(
        self, caller: Caller, *, kind: EscalationKind, reason: str, to: str | None
    ) -> TicketDocument:
        """Call for help: up the tiers, or up the line."""
        configuration = self._changes.configuration(caller.tenant)
        return await self._changes.change(
            caller,
            lambda state: decide_escalate(
                state,
                kind=kind,
                reason=reason,
                to=to,
                by=caller.by,
                now=self._changes.now(),
                configuration=configuration,
            ),
        )

    async def add_task(
        self,
        caller: Caller,
        *,
        task: str,
        code: str,
        note: str | None,
        desk: str | None,
        agent: str | None,
    ) -> TicketDocument:
        """Ask others for a part of the work."""
        configuration = self._changes.configuration(caller.tenant)
        return await self._changes.change(
            caller,
            lambda state: tasks.decide_task(
                state,
                task=task,
                code=code,
                note=note,
                desk=desk,
                agent=agent,
                by=caller.by,
                configuration=configuration,
            ),
        )

    async def assign_task(
        self, caller: Caller, *, task: str, desk: str | None, agent: str | None
    ) -> TicketDocument:
        """Ask others for it instead."""
        configuration = self._changes.configuration(caller.tenant)
        return await self._changes.change(
            caller,
            lambda state: tasks.decide_task_assign(
                state,
                task=task,
                desk=desk,
                agent=agent,
                by=caller.by,
                configuration=configuration,
            ),
        )

    async def start_task(self, caller: Caller, *, task: str, agent: str) -> TicketDocument:
        """Be at work on a task."""
        return await self._changes.change(
            caller,
            lambda state: tasks.decide_task_start(state, task=task, agent=agent, by=caller.by),
        )

    async def finish_task(
        self, caller: Caller, *, task: str, note: str | None, outcome: str | None = None
    ) -> TicketDocument:
        """Say what came of a task."""
        configuration = self._changes.configuration(caller.tenant)
        return await self._changes.change(
            caller,
            lambda state: tasks.decide_task_done(
                state,
                task=task,
                note=note,
                by=caller.by,
                configuration=configuration,
                outcome=outcome,
            ),
        )

    async def cancel_task(self, caller: Caller, *, task: str) -> TicketDocument:
        """Say that a task is not needed."""
        return await self._changes.change(
            caller, lambda state: tasks.decide_task_cancel(state, task=task, by=caller.by)
        )

    async def watch(self, caller: Caller, *, watcher: str, kind: WatcherKind) -> TicketDocument:
        """Let somebody follow a ticket."""
        configuration = self._changes.configuration(caller.tenant)
        return await self._changes.change(
            caller,
            lambda state: tasks.decide_watch(
                state, watcher=watcher, kind=kind, by=caller.by, configuration=configuration
            ),
        )

    async def unwatch(self, caller: Caller, *, watcher: str, kind: WatcherKind) -> TicketDocument:
        """Let somebody follow it no more."""
        return await self._changes.change(
            caller,
            lambda state: tasks.decide_unwatch(state, watcher=watcher, kind=kind, by=caller.by),
        )
