"""Amending: a message is edited or deleted where it was written; what it said before is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from services.intake.domain.contact import Person
from services.intake.domain.messages import Message
from services.intake.domain.receipts import Amending, Joining, Receipt, Reviewing, Words
from services.intake.handlers.conversing import Conversations
from services.intake.handlers.outcomes import Outcome
from services.intake.ports import IntakeStore, Review
from shared.clock import Clock
from shared.contracts.facts import Channel

AMENDS_NOTHING: Final = "amends-nothing"
WAIT_MAX: Final = timedelta(days=1)
"""So long an edit waits for its message; then it goes before an agent."""


class Amendments:
    """Applies edits and deletes: each is a row of the conversation, and changes no other row."""

    def __init__(self, *, store: IntakeStore, conversations: Conversations, clock: Clock) -> None:
        self._store = store
        self._conversations = conversations
        self._clock = clock

    async def apply(
        self, receipts: Sequence[Receipt], met: Mapping[str, Person]
    ) -> dict[str, Outcome]:
        """Add the newer texts; one whose message is not there yet waits."""
        tasks = {r.id: r.task for r in receipts if isinstance(r.task, Amending)}
        originals = await self._store.receipts({task.of for task in tasks.values()})
        rows = await self._store.messages({o.message for o in originals.values()})
        outcomes: dict[str, Outcome] = {}
        joining: list[Receipt] = []
        stray: list[Review] = []
        for receipt in receipts:
            task = tasks[receipt.id]
            original = originals.get(task.of)
            row = rows.get(original.message) if original is not None else None
            if row is not None:
                joining.append(_amending(receipt, task, row))
                continue
            settled = original is not None and original.pending_since is None
            if settled or self._clock.now() - receipt.accepted_at > WAIT_MAX:
                stray.append(_stray(receipt, task))
                outcomes[receipt.id] = Outcome()
            else:
                reason = "the message that it amends is not there yet"
                outcomes[receipt.id] = Outcome(waits=reason)
        if stray:
            await self._store.add_reviews(stray)
        if joining:
            outcomes.update(await self._conversations.apply(joining, met))
        return outcomes


def _amending(receipt: Receipt, task: Amending, row: Message) -> Receipt:
    """Return the receipt as one that joins the conversation of the message."""
    text = task.amendment.text
    joining = Joining(
        author=row.author,
        author_name=row.author_name,
        direction=row.direction,
        channel=row.channel,
        words=Words(subject=row.subject, text=text if text is not None else ""),
        language=row.language,
        evidence=row.evidence,
        amends=row.id,
        deleted=text is None,
        amended_at=task.amendment.at,
    )
    return receipt.model_copy(update={"ticket": row.ticket, "task": joining})


def _stray(receipt: Receipt, task: Amending) -> Review:
    """Return an edit for review: its message was none that is in a conversation."""
    return Review(
        id=receipt.id,
        tenant=receipt.tenant,
        at=receipt.accepted_at,
        mail=Reviewing(
            author=task.amendment.contact,
            words=Words(text=task.amendment.text or ""),
            reason=AMENDS_NOTHING,
            integration=receipt.by,
            channel=Channel.CHAT,
        ),
    )
