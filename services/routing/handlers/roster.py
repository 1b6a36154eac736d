"""What this process remembers of the agents, so that a round costs by what has changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from services.routing.domain.agents import AGENTS, agent_stream
from services.routing.domain.board import Board
from services.routing.domain.matching import AgentView
from services.routing.handlers.crew import agents_of
from services.routing.handlers.writing import TicketWriter
from services.routing.ports import AgentDocument
from shared.aggregate import Write
from shared.clock import Clock
from shared.configuration import Configurations
from shared.contracts.envelope import EnvelopeInvalid, decode
from shared.contracts.routing import HoldTaken, Presence
from shared.streams import Record

PAGE_AGENTS: Final = 500
"""Agents read with one query, so that a large desk does not hold up everything else."""


@dataclass(slots=True)
class _Known:
    """An agent as last heard of."""

    name: str
    v: int = -1
    """Of the document; -1 until it was read."""
    seq: int = -1
    wanted: int = -1
    """Somebody wrote the agent's event of this number."""
    view: AgentView | None = None


@dataclass(slots=True)
class _Memory:
    """What is remembered of a tenant."""

    board: Board | None = None
    agents: dict[str, _Known] = field(default_factory=dict)
    """By stream."""
    streams: dict[str, str] = field(default_factory=dict)
    """Name to stream."""
    stale: dict[str, None] = field(default_factory=dict)
    """Names of those who are to be read again."""
    whole: set[frozenset[str]] = field(default_factory=set)
    """Sets of desks whose agents are all among the known."""


class Roster:
    """The matcher's boards, kept up to date by what changes.

    Agents are read from the store once. After that a change comes to be known in four ways, and
    only who changed is read again:

    - what this process writes is told by the `Committer`, at once;
    - what others write is told by the agents' own topic (`hear`), soon: an event is on it for
      every change, also for that of a process that was killed in between;
    - whom the matcher has picked it reads before it writes (`check`);
    - `doubt` has everybody read again, now and then: a hint can be lost with the broker.

    So a board may be behind, and nothing rests on it: each write is guarded by a document that
    was read after the choice, and a choice that it contradicts is made anew.
    """

    def __init__(
        self,
        *,
        writer: TicketWriter,
        configurations: Configurations,
        clock: Clock,
        presence_default: Presence,
    ) -> None:
        self._writer = writer
        self._configurations = configurations
        self._clock = clock
        self._presence_default = presence_default
        self._memories: dict[str, _Memory] = {}

    def board(self, tenant: str) -> Board:
        """Return the board of the configuration that is in force."""
        configuration = self._configurations.current(tenant)
        memory = self._memories.setdefault(tenant, _Memory())
        board = memory.board
        if board is None or board.configuration is not configuration:
            board = memory.board = Board(configuration)
            memory.whole.clear()
            # Who changed desks, or came anew, is on it; what was known of the others stays known.
            self._show(memory, memory.agents.values())
        return board

    async def gather(self, tenant: str, board: Board, desks: Iterable[str]) -> datetime:
        """Bring the agents of some desks up to date, as far as is known here; return when.

        Raises:
            Infrastructure: the store does not answer.
        """
        memory = self._memories.setdefault(tenant, _Memory())
        key = frozenset(desks)
        if key not in memory.whole:
            names = agents_of(board.configuration, sorted(key))
            await self._read(tenant, memory, [n for n in names if n not in memory.streams])
            memory.whole.add(key)
        await self._read(tenant, memory, list(memory.stale))
        now = self._clock.now()
        board.advance(now)
        return now

    async def check(
        self, tenant: str, names: Collection[str]
    ) -> tuple[dict[str, AgentDocument], bool]:
        """Read agents; return their documents by name, and whether the board was right of all.

        Raises:
            Infrastructure: the store does not answer.
        """
        memory = self._memories.setdefault(tenant, _Memory())
        before = {name: self._view(memory, name) for name in names}
        documents = await self._read(tenant, memory, list(before))
        right = all(self._view(memory, name) == view for name, view in before.items())
        return documents, right

    def undo(self, tenant: str, names: Iterable[str]) -> None:
        """Let agents stand on the board as they were last heard of: nothing was given to them."""
        memory = self._memories.setdefault(tenant, _Memory())
        known = [memory.agents[memory.streams[name]] for name in names if name in memory.streams]
        self._show(memory, known)

    def doubt(self) -> None:
        """Have everybody read again, a page at a time, in the next round."""
        for memory in self._memories.values():
            memory.stale.update(dict.fromkeys(memory.streams))

    def distrust(self, tenant: str, names: Iterable[str]) -> None:
        """Have agents read again in the next round: somebody else was faster with one of them."""
        self._memories.setdefault(tenant, _Memory()).stale.update(dict.fromkeys(names))

    def hear(self, records: Sequence[Record]) -> bool:
        """Take note of agents' events; return whether somebody may have room who had none."""
        room = False
        for record in records:
            try:
                event = decode(record.headers, record.value)
            except EnvelopeInvalid:
                continue
            memory = self._memories.get(event.tenant)
            known = memory.agents.get(event.subject) if memory else None
            if memory is None or known is None or event.sequence <= known.seq:
                continue
            known.wanted = max(known.wanted, event.sequence)
            memory.stale[known.name] = None
            # What others give away is no reason to look at the queues again.
            room = room or event.type != HoldTaken.type
        return room

    def written(self, writes: Sequence[Write[Any]]) -> None:
        """Take note of what this process wrote."""
        for write in writes:
            if write.aggregate is not AGENTS:
                continue
            memory = self._memories.get(write.after.tenant)
            known = memory.agents.get(write.after.id) if memory else None
            if memory is not None and known is not None:
                self._note(memory, known, write.after)
                self._show(memory, [known])

    async def _read(
        self, tenant: str, memory: _Memory, names: Sequence[str]
    ) -> dict[str, AgentDocument]:
        """Read agents and tell the board."""
        found: dict[str, AgentDocument] = {}
        for start in range(0, len(names), PAGE_AGENTS):
            page = names[start : start + PAGE_AGENTS]
            for name in page:
                # Before it is read: what is heard meanwhile is not to be missed.
                self._known(tenant, memory, name)
                memory.stale.pop(name, None)
            try:
                documents = await self._writer.agents(tenant, page)
            except BaseException:
                memory.stale.update(dict.fromkeys(page))
                raise
            for document in documents.values():
                self._note(memory, memory.agents[document.id], document)
            self._show(memory, [memory.agents[document.id] for document in documents.values()])
            found.update(documents)
        return found

    def _known(self, tenant: str, memory: _Memory, name: str) -> _Known:
        stream = memory.streams.get(name)
        if stream is None:
            stream = memory.streams[name] = agent_stream(tenant, name)
            memory.agents[stream] = _Known(name)
        return memory.agents[stream]

    def _note(self, memory: _Memory, known: _Known, document: AgentDocument) -> None:
        """Remember a document, where it is not older than what is known."""
        if document.v >= known.v:
            known.v, known.seq = document.v, document.seq
            known.view = AgentView.of(known.name, document.state, self._presence_default)
        if known.seq >= known.wanted:
            memory.stale.pop(known.name, None)

    def _show(self, memory: _Memory, agents: Iterable[_Known]) -> None:
        """Let agents stand on the board as they are known."""
        if memory.board is not None:
            views = [known.view for known in agents if known.view is not None]
            memory.board.see(views, self._clock.now())

    def _view(self, memory: _Memory, name: str) -> AgentView | None:
        stream = memory.streams.get(name)
        return None if stream is None else memory.agents[stream].view
