"""What the console asks of routing beside commands on a ticket: tasks, watchers, answers by link."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final, Protocol

from services.console.ports.owners import Answer, Caller
from shared.contracts.facts import Code, Id, Instant
from shared.contracts.internal import VerdictAnswer
from shared.contracts.lifecycle import WatcherKind
from shared.contracts.routing import Resolver

TASK_TICKETS_MAX: Final = 200
"""Tickets whose open tasks routing gives at once."""


class Task(Answer):
    """A part of a ticket's work, as routing has it."""

    id: Id
    code: Code
    status: Code
    desk: Code | None = None
    agent: Code | None = None
    note: Id | None = None
    outcome: Code | None = None

    @property
    def is_open(self) -> bool:
        """Whether somebody still has to do it."""
        return self.status in {"open", "started"}


class OpenTask(Task):
    """A task that somebody still has to do, with the ticket whose it is."""

    ticket: Id
    number: Code
    by: Code
    """Who asked for it."""
    added_at: Instant


class Watcher(Answer):
    """One who follows a ticket."""

    watcher: Id
    kind: WatcherKind


class Course(Answer):
    """How a ticket has gone: its moves, who solved it, when silence closes it."""

    moves: int = 0
    returns: int = 0
    resolver: Resolver | None = None
    resolver_tier: int | None = None
    close_at: Instant | None = None


class SideWork(Answer):
    """All of it."""

    course: Course = Course()
    tasks: tuple[Task, ...] = ()
    watchers: tuple[Watcher, ...] = ()

    def is_watched_by(self, agent: str) -> bool:
        """Return whether an agent follows the ticket."""
        return any(w.watcher == agent and w.kind is WatcherKind.AGENT for w in self.watchers)


class Work(Protocol):
    """Routing and intake, for what hangs on a ticket.

    Every method may raise `Infrastructure` and `CommandRejected`, as those of `Owners`.
    """

    async def of_ticket(self, caller: Caller, ticket: str) -> SideWork:
        """Read a ticket's tasks, watchers and course."""
        ...

    async def open_tasks(
        self, caller: Caller, *, desk: str | None = None, agent: str | None = None
    ) -> Sequence[OpenTask]:
        """Read the open tasks, of a desk and an agent where they are named; newest tickets first.

        Those of more than `TASK_TICKETS_MAX` tickets are cut.
        """
        ...

    async def notes(self, tenant: str, notes: Collection[str]) -> Mapping[str, str]:
        """Read what notes say by their ids from intake; unknown ids are left out."""
        ...

    async def add_task(
        self,
        caller: Caller,
        ticket: str,
        *,
        code: str,
        desk: str | None,
        agent: str | None,
        text: str,
        key: str,
    ) -> None:
        """Ask for a part of the work; what is to be done becomes a note in intake first."""
        ...

    async def task(
        self, caller: Caller, ticket: str, task: str, verb: str, *, outcome: str | None = None
    ) -> None:
        """Start, finish or cancel a task; what came of it is said of one that is finished."""
        ...

    async def watch(
        self, caller: Caller, ticket: str, *, watcher: str, kind: str, watching: bool
    ) -> None:
        """Let somebody follow the ticket, or follow it no more."""
        ...

    async def verdict(self, tenant: str, token: str, *, apply: bool) -> VerdictAnswer:
        """Say what a link of a resolution's mail says; with ``apply`` do it."""
        ...
