"""Deeds: what is done with tickets that belong together, or do not, as events on each of them.

A deed is a durable receipt first. Then its events are written, the target's before the source's,
by whoever asked or, after a crash, by the sweeper. What turns out to be impossible half-way is
undone on the target.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

from services.intake.domain.causes import (
    decide_cause,
    decide_effect,
    decide_no_cause,
    decide_no_effect,
)
from services.intake.domain.contact import Person
from services.intake.domain.links import (
    Links,
    decide_absorbed,
    decide_children,
    decide_independent,
    decide_merged,
    decide_not_absorbed,
    decide_orphaned,
    decide_parent,
    decide_parent_solved,
    decide_released,
    decide_unmerged,
)
from services.intake.domain.receipts import Deed, Linking, Receipt, Splitting
from services.intake.domain.ticket import TICKET, Ticket
from services.intake.handlers.outcomes import Outcome
from services.intake.handlers.splits import Splits
from services.intake.handlers.writing import Waits, Writing
from shared.aggregate import Decide, Document, StreamParked
from shared.commit import Command, Committer
from shared.configuration import Configurations
from shared.kernel import CommandRejected, derived_id


class Deeds:
    """Writes what a deed on tickets says; doing it again changes nothing."""

    def __init__(
        self,
        *,
        splits: Splits,
        writing: Writing,
        committer: Committer,
        configurations: Configurations,
    ) -> None:
        self._configurations = configurations
        self._splits = splits
        self._writing = writing
        self._committer = committer
        self._linkings: Mapping[Deed, Callable[[Receipt, Linking], Awaitable[None]]] = {
            Deed.MERGE: self._merge,
            Deed.UNMERGE: self._unmerge,
            Deed.LINK: self._link,
            Deed.UNLINK: self._unlink,
            Deed.UNSPLIT: self._unsplit,
            Deed.CAUSE: self._cause,
            Deed.UNCAUSE: self._uncause,
        }

    async def apply(
        self, receipts: Sequence[Receipt], _met: Mapping[str, Person]
    ) -> dict[str, Outcome]:
        """Carry out deeds; one that cannot be done any more is undone, and over."""
        outcomes: dict[str, Outcome] = {}
        for receipt in receipts:
            try:
                with suppress(CommandRejected):
                    await self.carry_out(receipt)
            except Waits as reason:
                outcomes[receipt.id] = Outcome(receipt.ticket, receipt.number, waits=str(reason))
            else:
                outcomes[receipt.id] = Outcome(ticket=receipt.ticket, number=receipt.number)
        return outcomes

    async def carry_out(self, receipt: Receipt) -> None:
        """Write a deed's events.

        Raises:
            CommandRejected: it cannot be done any more; what was done of it is undone.
            Waits: a ticket is parked; the receipt stays.
            Infrastructure: try again.
        """
        task = receipt.task
        try:
            if isinstance(task, Splitting):
                await self._splits.split(receipt, task, write=self._write)
            elif isinstance(task, Linking):
                await self._linkings[task.deed](receipt, task)
        except StreamParked as error:
            raise Waits(str(error)) from error

    async def solve_children(self, parents: Mapping[str, tuple[str, str]]) -> None:
        """Tell the children of parents that were resolved, where policy has it so.

        Args:
            parents: by ticket, the id of its resolution's event and the code.
        """
        for document in (await self._writing.load(parents)).values():
            resolution, code = parents[document.id]
            children = document.state.links.children if document.state is not None else ()
            policy = self._configurations.current(document.tenant).intake.duplicates
            if not children or not policy.solve_children:
                continue
            link = derived_id("parent-solved", resolution)
            commands = [
                Command(
                    target=child,
                    tenant=document.tenant,
                    decide=_solved(document.id, link=link, code=code),
                )
                for child in children
            ]
            await self._committer.execute_all(TICKET, commands)

    async def _merge(self, receipt: Receipt, task: Linking) -> None:
        into, by, link = task.target, task.by, receipt.trace
        (source,) = task.sources
        await self._write(
            receipt,
            into,
            lambda state: decide_absorbed(state, source=source, link=link, by=by),
        )
        settled = await self.settled(source)
        document = await self._write(
            receipt,
            source,
            lambda state: decide_merged(state, into=into, link=link, by=by, settled=settled),
        )
        if document.state is not None and document.state.links.merge == link:
            return
        undo = derived_id(link, "undo")
        await self._write(
            receipt,
            into,
            lambda state: decide_not_absorbed(state, source=source, link=link, undo=undo, by=by),
        )
        reason = "the tickets have changed meanwhile"
        raise CommandRejected("not-merged", reason)

    async def settled(self, ticket: str) -> frozenset[str]:
        """Return the links of the merges into a ticket of which both halves are done."""
        document = (await self._writing.load([ticket])).get(ticket)
        links = document.state.links if document and document.state else Links()
        absorbed = await self._writing.load(links.absorbed) if links.absorbed else {}
        return frozenset(
            link
            for source, link in links.absorbed.items()
            if source in absorbed
            and (state := absorbed[source].state) is not None
            and state.links.merged_into == ticket
            and state.links.merge == link
        )

    async def _unmerge(self, receipt: Receipt, task: Linking) -> None:
        into, by, link = task.target, task.by, receipt.trace
        (source,) = task.sources
        await self._write(
            receipt,
            into,
            lambda state: decide_released(state, source=source, link=link, by=by),
        )
        await self._write(
            receipt,
            source,
            lambda state: decide_unmerged(state, into=into, link=link, by=by),
        )

    async def _unsplit(self, receipt: Receipt, task: Linking) -> None:
        (new,) = task.sources
        document = (await self._writing.load([new])).get(new)
        links = document.state.links if document and document.state else Links()
        if links.merged_into != task.target:
            await self._merge(receipt, task)
        await self._splits.undo(receipt, task, write=self._write)

    async def _link(self, receipt: Receipt, task: Linking) -> None:
        parent, by, link = task.target, task.by, receipt.trace
        await self._write(
            receipt,
            parent,
            lambda state: decide_children(state, children=task.sources, link=link, by=by),
        )
        refused: list[str] = []
        for child in task.sources:
            try:
                await self._write(
                    receipt,
                    child,
                    lambda state: decide_parent(state, parent=parent, link=link, by=by),
                )
            except StreamParked:
                raise
            except CommandRejected:
                refused.append(child)
        if refused:
            undo = derived_id(link, "undo")
            await self._write(
                receipt,
                parent,
                lambda state: decide_orphaned(state, children=refused, link=undo, by=by),
            )

    async def _unlink(self, receipt: Receipt, task: Linking) -> None:
        parent, by, link = task.target, task.by, receipt.trace
        await self._write(
            receipt,
            parent,
            lambda state: decide_orphaned(state, children=task.sources, link=link, by=by),
        )
        for child in task.sources:
            await self._write(
                receipt,
                child,
                lambda state: decide_independent(state, parent=parent, link=link, by=by),
            )

    async def _cause(self, receipt: Receipt, task: Linking) -> None:
        cause, by, link = task.target, task.by, receipt.trace
        (effect,) = task.sources
        await self._write(
            receipt, cause, lambda state: decide_effect(state, effect=effect, link=link, by=by)
        )
        try:
            await self._write(
                receipt, effect, lambda state: decide_cause(state, cause=cause, link=link, by=by)
            )
        except StreamParked:
            raise
        except CommandRejected:
            undo = derived_id(link, "undo")
            await self._write(
                receipt,
                cause,
                lambda state: decide_no_effect(state, effect=effect, link=undo, by=by),
            )
            raise

    async def _uncause(self, receipt: Receipt, task: Linking) -> None:
        cause, by, link = task.target, task.by, receipt.trace
        (effect,) = task.sources
        await self._write(
            receipt, cause, lambda state: decide_no_effect(state, effect=effect, link=link, by=by)
        )
        await self._write(
            receipt, effect, lambda state: decide_no_cause(state, cause=cause, link=link, by=by)
        )

    async def _write(self, receipt: Receipt, ticket: str, decide: Decide) -> Document[Ticket]:
        command = Command(
            target=ticket, tenant=receipt.tenant, decide=decide, correlationid=receipt.trace
        )
        return await self._committer.execute(TICKET, command)


def _solved(parent: str, *, link: str, code: str) -> Decide:
    return lambda state: decide_parent_solved(state, parent=parent, link=link, code=code)
