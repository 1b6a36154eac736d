"""Applying: a receipt becomes contact, message and ticket, once, however often it is applied.

Every id is derived from the receipt, rows are inserted where they are not there, and a ticket
takes its messages by a mark. So a crash at any point is mended by applying again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pydantic import BaseModel

from services.intake.domain.contact import Person
from services.intake.domain.receipts import Receipt, Reviewing
from services.intake.handlers.meeting import Meeting
from services.intake.handlers.outcomes import Applier, Outcome
from services.intake.ports import IntakeStore, Review
from shared.clock import Clock
from shared.kernel import Infrastructure
from shared.log import Log

DEFER_SECONDS_MIN = 5
DEFER_SECONDS_MAX = 3_600


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a receipt: it is applied, or ``waits`` says why it is not yet."""

    receipt: Receipt
    waits: str = ""


class Applying:
    """Applies receipts in batches: each kind of task by its own applier, in their order."""

    def __init__(
        self,
        *,
        store: IntakeStore,
        meeting: Meeting,
        appliers: Sequence[tuple[tuple[type[BaseModel], ...], Applier]],
        clock: Clock,
        log: Log,
    ) -> None:
        self._store = store
        self._meeting = meeting
        self._appliers = tuple(appliers)
        self._clock = clock
        self._log = log

    async def apply(self, batch: Sequence[Receipt]) -> list[Applied]:
        """Apply receipts; return, in order, what became of each.

        One that shows a defect does not keep the others: it waits, longer each time.

        Raises:
            Infrastructure: some may have been applied; the sweeper comes back to all.
        """
        todo = {r.id: r for r in batch if r.pending_since is not None and r.task is not None}
        done: dict[str, Applied] = {}
        try:
            done = await self._apply(list(todo.values()))
        except Infrastructure:
            raise
        except Exception:  # noqa: BLE001 - found again below, in the one that it belongs to
            for receipt in todo.values():
                done.update(await self._apply_alone(receipt))
        return [done.get(r.id) or Applied(r) for r in batch]

    async def sweep(self, *, age_seconds: float, limit: int) -> bool:
        """Apply what a crash left; return whether there may be more at once.

        Raises:
            Infrastructure: the store does not answer.
        """
        before = self._clock.now() - timedelta(seconds=age_seconds)
        found = await self._store.pending(before=before, limit=limit)
        done = await self.apply(found)
        return len(found) == limit and not all(d.waits for d in done)

    async def _apply_alone(self, receipt: Receipt) -> dict[str, Applied]:
        try:
            return await self._apply([receipt])
        except Infrastructure:
            raise
        except Exception as error:  # noqa: BLE001 - logged, and kept beside the receipt
            self._log.exception("receipt_not_applied", receipt=receipt.id, error=repr(error))
            reason = f"{type(error).__name__}: {error}"[:500]
            await self._defer(receipt, reason)
            return {receipt.id: Applied(receipt, waits=reason)}

    async def _defer(self, receipt: Receipt, reason: str) -> None:
        wait = min(DEFER_SECONDS_MIN * 2 ** min(receipt.attempts, 20), DEFER_SECONDS_MAX)
        until = self._clock.now() + timedelta(seconds=wait)
        await self._store.defer(receipt.id, until=until, error=reason)

    async def _apply(self, receipts: Sequence[Receipt]) -> dict[str, Applied]:
        if not receipts:
            return {}
        met = await self._meeting.meet(receipts)
        outcomes: dict[str, Outcome] = {}
        for kinds, applier in self._appliers:
            mine = [r for r in receipts if isinstance(r.task, kinds)]
            if mine:
                outcomes.update(await applier.apply(mine, met))
        applied: list[str] = []
        moved: list[Receipt] = []
        done: dict[str, Applied] = {}
        for receipt in receipts:
            outcome = outcomes[receipt.id]
            if outcome.waits:
                await self._defer(receipt, outcome.waits)
                done[receipt.id] = Applied(receipt, waits=outcome.waits)
                continue
            after = receipt.model_copy(
                update={
                    "ticket": outcome.ticket,
                    "number": outcome.number,
                    "pending_since": None,
                    "task": None,
                }
            )
            done[receipt.id] = Applied(after)
            if after.ticket == receipt.ticket:
                applied.append(receipt.id)
            else:
                moved.append(after)
        await self._store.finish(applied, moved)
        return done


class Reviews:
    """Applies receipts that wait for people to look at."""

    def __init__(self, store: IntakeStore) -> None:
        self._store = store

    async def apply(
        self, receipts: Sequence[Receipt], _met: Mapping[str, Person]
    ) -> dict[str, Outcome]:
        """Keep them for review."""
        reviews = [
            Review(id=r.id, tenant=r.tenant, at=r.accepted_at, mail=r.task)
            for r in receipts
            if isinstance(r.task, Reviewing)
        ]
        await self._store.add_reviews(reviews)
        return {r.id: Outcome() for r in receipts}
