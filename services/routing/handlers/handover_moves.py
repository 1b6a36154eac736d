"""One move of a ticket at the end of a shift, with its receipt, and what it is decided by."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.routing.domain.handover.endings import Ending, Seen
from services.routing.domain.handover.items import ITEMS
from services.routing.domain.handover.looks import (
    Mandate,
    decide_move,
    decide_receipt,
    mandate,
)
from services.routing.domain.tickets import TicketState
from services.routing.handover_ports import HandoverDocument, ItemDocument
from shared.aggregate import Write
from shared.commit import Command, Committer
from shared.contracts.envelope import Body
from shared.kernel import CommandRejected
from shared.organisation import Configuration
from shared.organisation.agent_shifts import ShiftEnd


class Move:
    """One move: decided on the ticket, and its receipt on the item, in one transaction."""

    def __init__(self, committer: Committer, ending: Ending, item: ItemDocument) -> None:
        self._committer = committer
        self._ending = ending
        self._item = item

    def decide(self, state: TicketState | None) -> Sequence[Body]:
        """Decide on the ticket as it is now, by what is known of the item."""
        found = self._mandate(self._item, state)
        if found is None:
            return []
        return decide_move(
            state, giving=self._ending.giving, choice=found.choice, handover=self._ending.handover
        )

    async def receipt(self, write: Write[TicketState]) -> list[Write[Any]]:
        """Return the write of the receipt.

        Raises:
            CommandRejected: somebody kept it, or it moved, meanwhile.
        """
        loaded = await self._committer.store.load(ITEMS, [self._item.id])
        self._item = loaded.get(self._item.id, self._item)
        found = self._mandate(self._item, write.before.state)
        after = write.after.state
        if found is None or after is None or found.choice.desk.name != after.desk:
            raise CommandRejected("stays", "the ticket is to stay where it is now")
        command = Command(
            target=self._item.id,
            tenant=self._item.tenant,
            correlationid=write.after.id,
            decide=lambda state: decide_receipt(
                state, to=found.choice.desk.name, sequence=write.before.seq + 1, why=found.why
            ),
        )
        planned = self._committer.plan_command(ITEMS, self._item, command)
        return [] if planned is None else [planned]

    def _mandate(self, item: ItemDocument, state: TicketState | None) -> Mandate | None:
        if item.state is None:
            return None
        seen = Seen.of(item.state.ticket, 0, state)
        return None if seen is None else mandate(item.state, seen, self._ending)


def ending_of(
    document: HandoverDocument, configuration: Configuration, now: datetime
) -> Ending | None:
    """Return the end of a shift as it is looked at; None where no policy is left for the desk."""
    state = document.state
    if state is None or state.closes_at is None or state.withdrawn is not None:
        return None
    policy = configuration.handover.policy_for(state.desk)
    if policy is None:
        return None
    return Ending(
        handover=document.id,
        giving=state.desk,
        closes_at=state.closes_at,
        configuration=configuration,
        policy=policy,
        now=now,
        agents=frozenset(state.agents),
    )


def is_known(active: Sequence[HandoverDocument], desk: str, end: ShiftEnd, now: datetime) -> bool:
    """Return whether a shift's end has its handover, also where its end was moved since."""
    ahead = end.closes_at > now
    for document in active:
        state = document.state
        if state is None or state.desk != desk or state.closes_at is None:
            continue
        if end.agents or state.agents:
            if end.agents and state.agents and state.closes_at == end.closes_at:
                return True
            continue
        if ahead and state.closes_at > now:
            return True
        if not ahead and end.closes_at <= state.closes_at <= now:
            return True
    return False
