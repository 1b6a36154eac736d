"""Proposing: what looks as if it belonged together is put before an agent. Run by a ticker.

A request is looked at once it is a ticket, in batches and behind the accepting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from services.intake.domain.likeness import Compared, Likeness, Rarity
from services.intake.domain.links import decide_suggested
from services.intake.domain.proposals import Proposal, duplicates, mass, reference
from services.intake.domain.ticket import TICKET, Ticket
from services.intake.ports import ConversationStore
from shared.aggregate import Decide
from shared.commit import Command, Committer
from shared.configuration import Configurations
from shared.contracts.links import SUGGESTED_MAX, LinkKind, LinkSuggested

BATCH_MAX: Final = 200
CANDIDATES_MIN: Final = 500
"""The newest requests that one is compared with: a burst is among them, and no query is long."""
PROPOSALS_MAX: Final = 200
EARLIER_MAX: Final = 500
EARLIER_DAYS: Final = 90
"""How rare words are is learnt from the newest of these: enough for what is common at a desk."""
RARITY_MINUTES: Final = 10
"""So long it is used: what is common changes slowly, and a query for each look would not."""
TENANTS_MAX: Final = 1_000


class Proposing:
    """Looks what new requests are like."""

    def __init__(
        self,
        *,
        conversations: ConversationStore,
        committer: Committer,
        configurations: Configurations,
    ) -> None:
        self._conversations = conversations
        self._committer = committer
        self._configurations = configurations
        self._rarities: dict[str, tuple[datetime, Rarity]] = {}

    async def look(self) -> bool:
        """Look at requests that nobody has looked at; return whether there may be more.

        Raises:
            Infrastructure: some may have been looked at; they are looked at again.
        """
        rows = await self._conversations.unlooked(limit=BATCH_MAX)
        tenants: dict[str, list[Likeness]] = {}
        for row in rows:
            tenants.setdefault(row.tenant, []).append(row)
        untold: set[str] = set()
        for tenant, mine in tenants.items():
            untold |= await self._propose(tenant, mine)
        looked = [row.id for row in rows if row.id not in untold]
        if looked:
            await self._conversations.looked(looked)
        return len(looked) == BATCH_MAX

    async def _propose(self, tenant: str, rows: Sequence[Likeness]) -> set[str]:
        """Propose what requests are like; return the tickets that could not be told of it."""
        policy = self._configurations.current(tenant).intake.duplicates
        longest = timedelta(seconds=max(policy.window, policy.mass_window))
        others = await self._conversations.likenesses(
            tenant=tenant,
            since=min(row.at for row in rows) - longest,
            limit=max(CANDIDATES_MIN, 2 * policy.mass_requests),
        )
        began = min(row.at for row in rows) - timedelta(seconds=policy.mass_window)
        rarity = await self._rarity(tenant, before=began)
        compared = Compared(list({row.id: row for row in (*others, *rows)}.values()), rarity)
        waiting = await self._conversations.proposals(
            tenant=tenant, tickets={row.id for row in (*others, *rows)}, limit=PROPOSALS_MAX
        )
        known = {
            ticket: proposal
            for proposal in waiting
            if proposal.kind is LinkKind.MASS
            for ticket in proposal.tickets
        }
        found: dict[str, list[Proposal]] = {}
        for row in rows:
            await asyncio.sleep(0)  # Each is some milliseconds of work: who waits goes first.
            proposals = [*reference(row), *duplicates(row, compared, policy)]
            burst = mass(row, compared, policy, known=known)
            if burst is not None:
                proposals.append(burst)
                known.update(dict.fromkeys(burst.tickets, burst))
            if proposals:
                found[row.id] = proposals
        stored = await self._conversations.propose([p for ps in found.values() for p in ps])
        return await self._tell(tenant, found, {i for i, p in stored.items() if p.verdict is None})

    async def _rarity(self, tenant: str, *, before: datetime) -> Rarity:
        """Return how rare words are in what was asked before a burst could have begun."""
        found = self._rarities.get(tenant)
        if found is not None and abs(before - found[0]) < timedelta(minutes=RARITY_MINUTES):
            return found[1]
        earlier = await self._conversations.likenesses(
            tenant=tenant,
            since=before - timedelta(days=EARLIER_DAYS),
            before=before,
            limit=EARLIER_MAX,
        )
        rarity = Rarity(earlier)
        if rarity.known:
            if len(self._rarities) >= TENANTS_MAX:
                self._rarities.clear()
            self._rarities[tenant] = (before, rarity)
        return rarity

    async def _tell(
        self, tenant: str, found: dict[str, list[Proposal]], waiting: set[str]
    ) -> set[str]:
        """Tell tickets of proposals; return those that were written by others all the time."""
        commands = [
            Command(target=ticket, tenant=tenant, decide=_telling(ticket, told))
            for ticket, proposals in found.items()
            if (told := [p for p in proposals if p.id in waiting])
        ]
        if not commands:
            return set()
        results = await self._committer.execute_all(TICKET, commands)
        return {command.target for command in commands} - results.keys()


def _telling(ticket: str, proposals: Sequence[Proposal]) -> Decide:
    """Return what a ticket says of proposals that are about it."""

    def decide(state: Ticket | None) -> list[LinkSuggested]:
        bodies: list[LinkSuggested] = []
        for proposal in proposals:
            others = tuple(t for t in proposal.tickets if t != ticket)[:SUGGESTED_MAX]
            bodies += decide_suggested(
                state,
                proposal=proposal.id,
                kind=proposal.kind,
                others=others,
                similarity=proposal.similarity,
            )
        return bodies

    return decide
