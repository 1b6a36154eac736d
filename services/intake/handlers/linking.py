"""Linking: the commands of agents that merge tickets, part them, and put them under a parent."""

from __future__ import annotations

from collections.abc import Sequence

from services.intake.domain.causes import require_cause, require_effect
from services.intake.domain.links import (
    require_child,
    require_mergeable,
    require_parent,
    require_target,
)
from services.intake.domain.receipts import (
    Deed,
    Linking,
    Receipt,
    Splitting,
    message_id,
    receipt_id,
)
from services.intake.domain.splits import require_unsplit
from services.intake.domain.ticket import Ticket
from services.intake.handlers.deeds import Deeds
from services.intake.handlers.writing import Waits, Writing
from services.intake.ports import Incoming, IntakeStore
from shared.aggregate import Document
from shared.clock import Clock
from shared.kernel import CommandRejected, digest

DOOR = "links"


class Linker:
    """The commands of agents on tickets that belong together, or do not.

    Asked for again with the same key, each is the deed that it was, whatever the tickets allow
    by now. Each raises `CommandRejected` where the tickets' states do not allow it, and `Infrastructure`
    where it may or may not have been done: ask again with the same key.
    """

    def __init__(self, *, deeds: Deeds, store: IntakeStore, writing: Writing, clock: Clock) -> None:
        self._deeds = deeds
        self._store = store
        self._writing = writing
        self._clock = clock

    async def merge(
        self, source: Document[Ticket], into: Document[Ticket], *, by: str, key: str | None
    ) -> None:
        """Merge a ticket into another.

        Raises:
            CommandRejected: one of them is closed or merged, or they are the same.
        """
        if source.id == into.id:
            raise CommandRejected("same", "a ticket is not merged into itself", field="into")
        receipt = self._receipt(source.tenant, Deed.MERGE, into.id, [source.id], by=by, key=key)
        if await self.known(receipt, key=key) is None:
            require_target(into.state)
            require_mergeable(source.state, settled=await self._deeds.settled(source.id))
        await self.done(receipt)

    async def unmerge(self, source: Document[Ticket], *, by: str, key: str | None) -> None:
        """Take a ticket out of the one that it was merged into.

        Raises:
            CommandRejected: it is not merged.
        """
        into = source.state.links.merged_into if source.state is not None else None
        # Where it is on its own by now, only the source tells that a key was used for this.
        target = into or source.id
        receipt = self._receipt(source.tenant, Deed.UNMERGE, target, [source.id], by=by, key=key)
        if await self.known(receipt, key=key) is None and into is None:
            raise CommandRejected("not-merged", "the ticket is not merged")
        await self.done(receipt)

    async def unsplit(self, new: Document[Ticket], *, by: str, key: str | None) -> None:
        """Give messages back to the ticket from which they were split off.

        Raises:
            CommandRejected: they were not split off, or one of both tickets cannot be merged.
        """
        source = (new.state.links.split_from if new.state is not None else None) or new.id
        receipt = self._receipt(new.tenant, Deed.UNSPLIT, source, [new.id], by=by, key=key)
        if await self.known(receipt, key=key) is None:
            document = (await self._writing.load([source])).get(source)
            require_unsplit(new.state, document.state if document is not None else None)
            if new.state is not None and new.state.links.merged_into is None:
                require_mergeable(new.state, settled=await self._deeds.settled(new.id))
        await self.done(receipt)

    async def link(
        self,
        parent: Document[Ticket],
        children: Sequence[Document[Ticket]],
        *,
        by: str,
        key: str | None,
    ) -> None:
        """Put tickets under a parent.

        Raises:
            CommandRejected: one of them cannot be a child, or the parent cannot be one.
        """
        ids = [child.id for child in children]
        if parent.id in ids:
            raise CommandRejected("same", "a ticket is not its own parent", field="children")
        receipt = self._receipt(parent.tenant, Deed.LINK, parent.id, ids, by=by, key=key)
        if await self.known(receipt, key=key) is None:
            require_parent(parent.state, children=ids)
            for child in children:
                require_child(child.state, parent=parent.id)
        await self.done(receipt)

    async def unlink(
        self, parent: Document[Ticket], children: Sequence[str], *, by: str, key: str | None
    ) -> None:
        """Take tickets from under a parent.

        Raises:
            CommandRejected: one of them is no child of it.
        """
        linked = parent.state.links.children if parent.state is not None else ()
        missing = not children or not set(children) <= set(linked)
        receipt = self._receipt(parent.tenant, Deed.UNLINK, parent.id, children, by=by, key=key)
        if await self.known(receipt, key=key) is None and missing:
            raise CommandRejected(
                "not-linked", "one of them is no child of the ticket", field="children", status=422
            )
        await self.done(receipt)

    async def cause(
        self, effect: Document[Ticket], cause: Document[Ticket], *, by: str, key: str | None
    ) -> None:
        """Say that a ticket was caused by another.

        Raises:
            CommandRejected: one of them is merged, they are the same, or it is the other way.
        """
        if effect.id == cause.id:
            raise CommandRejected("same", "a ticket is not its own cause", field="cause")
        receipt = self._receipt(effect.tenant, Deed.CAUSE, cause.id, [effect.id], by=by, key=key)
        if await self.known(receipt, key=key) is None:
            require_cause(cause.state, effect=effect.id)
            require_effect(effect.state, cause=cause.id)
        await self.done(receipt)

    async def uncause(
        self, effect: Document[Ticket], cause: str, *, by: str, key: str | None
    ) -> None:
        """Take back that a ticket was caused by another.

        Raises:
            CommandRejected: the other is no cause of it.
        """
        causes = effect.state.links.causes if effect.state is not None else ()
        receipt = self._receipt(effect.tenant, Deed.UNCAUSE, cause, [effect.id], by=by, key=key)
        if await self.known(receipt, key=key) is None and cause not in causes:
            raise CommandRejected(
                "not-linked", "the ticket was not caused by it", field="cause", status=422
            )
        await self.done(receipt)

    def _receipt(
        self,
        tenant: str,
        deed: Deed,
        target: str,
        sources: Sequence[str],
        *,
        by: str,
        key: str | None,
    ) -> Receipt:
        task = Linking(deed=deed, target=target, sources=tuple(sources), by=by)
        return self.receipt(tenant, task, by=by, key=key)

    def receipt(
        self, tenant: str, task: Linking | Splitting, *, by: str, key: str | None
    ) -> Receipt:
        """Return the receipt of a deed."""
        name = f"{by}:{key or self._clock.unique()}"
        identifier = receipt_id(tenant=tenant, door=DOOR, key=name)
        now = self._clock.now()
        said: Sequence[str]
        if isinstance(task, Splitting):
            said = [task.source, task.subject, *task.messages]
        elif task.deed in {Deed.UNMERGE, Deed.UNSPLIT}:
            # Out of which ticket is nothing that the caller says, and is over once it is done.
            said = [task.deed, *task.sources]
        else:
            said = [task.deed, task.target, *task.sources]
        return Receipt(
            id=identifier,
            tenant=tenant,
            door=DOOR,
            by=by,
            key=name,
            body=digest(*(part.encode() for part in said)),
            message=message_id(identifier),
            accepted_at=now,
            configversion=0,
            pending_since=now,
            task=task,
        )

    async def known(self, receipt: Receipt, *, key: str | None) -> Receipt | None:
        """Return the receipt of a deed that was asked for before, with this key.

        Raises:
            CommandRejected: the key was used for something else.
        """
        if key is None:
            return None
        found = (await self._store.receipts([receipt.id])).get(receipt.id)
        if found is not None:
            _require_same(found, receipt)
        return found

    async def done(self, receipt: Receipt) -> Receipt:
        """Make a deed durable, and do it.

        Raises:
            CommandRejected: the key was used for something else, or it cannot be done any more.
        """
        (stored,) = await self._store.keep([Incoming(receipt)])
        _require_same(stored, receipt)
        if stored.pending_since is None:
            return stored
        try:
            await self._deeds.carry_out(stored)
        except Waits as error:
            raise CommandRejected("parked", str(error)) from error
        except CommandRejected:
            await self._store.finish([stored.id], [])
            raise
        await self._store.finish([stored.id], [])
        return stored


def _require_same(stored: Receipt, receipt: Receipt) -> None:
    if stored.body != receipt.body:
        raise CommandRejected(
            "idempotency-key-reused",
            "the key was used before, for something else",
            field="Idempotency-Key",
            status=422,
        )
