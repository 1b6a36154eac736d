"""What conversations need beside their messages, in memory: rows as the real store has them."""

from __future__ import annotations

import copy
from collections.abc import Collection, Sequence
from datetime import datetime

from services.intake.domain.likeness import Likeness
from services.intake.domain.messages import Message
from services.intake.domain.proposals import Proposal, Verdict
from services.intake.domain.receipts import Reviewing
from services.intake.domain.threads import Claim
from services.intake.ports import Review
from shared.documents import Row, plain
from shared.testing.memory import Faults, MemoryData, NoFaults


class MemoryConversations:
    """`ConversationStore` in memory."""

    def __init__(self, data: MemoryData, *, faults: Faults | None = None) -> None:
        self.data = data
        self._faults = faults or NoFaults()

    def _rows(self, name: str) -> dict[str, Row]:
        return self.data.collection(name)

    async def claims(self, ids: Collection[str]) -> dict[str, Claim]:
        """Return claims by id."""
        await self._faults.point("intake.claims")
        rows = self._rows("threads")
        return {i: Claim.model_validate(rows[i]) for i in set(ids) if "ticket" in rows.get(i, {})}

    async def claim(self, claims: Sequence[Claim], *, participants: Collection[str]) -> set[str]:
        """Insert claims and participants."""
        await self._faults.point("intake.claim")
        rows = self._rows("threads")
        taken = {claim.id for claim in claims if claim.id in rows}
        for claim in claims:
            rows.setdefault(claim.id, plain(claim))
        for participant in participants:
            rows.setdefault(participant, {})
        await self._faults.point("intake.claim.answer")
        return taken

    async def reclaim(self, ids: Collection[str], *, ticket: str, to: Claim) -> int:
        """Hand claims over."""
        await self._faults.point("intake.reclaim")
        rows = [self._rows("threads").get(i, {}) for i in set(ids)]
        mine = [row for row in rows if row.get("ticket") == ticket]
        for row in mine:
            row.update(ticket=to.ticket, number=to.number, receipt=to.receipt, own=to.own)
        return len(mine)

    async def participants(self, ids: Collection[str]) -> set[str]:
        """Return which of these are kept."""
        await self._faults.point("intake.participants")
        return {i for i in ids if i in self._rows("threads")}

    async def amendments(self, messages: Collection[str]) -> list[Message]:
        """Return the rows that hold newer texts."""
        await self._faults.point("intake.amendments")
        rows = self._rows("messages").values()
        return [Message.model_validate(r) for r in rows if r["amends"] in set(messages)]

    async def move_message(self, message: Message, *, ticket: str, n: int) -> bool:
        """Put a row into another conversation."""
        await self._faults.point("intake.move_message")
        rows = self._rows("messages")
        if any(r["ticket"] == ticket and r["n"] == n for r in rows.values()):
            return False
        if rows[message.id]["ticket"] == message.ticket:
            rows[message.id].update(ticket=ticket, n=n)
        return True

    async def mark_moved(self, messages: Collection[str], *, to: str | None) -> None:
        """Note into which ticket rows were split off."""
        await self._faults.point("intake.mark_moved")
        for message in messages:
            self._rows("messages")[message].update(moved_to=to)

    async def add_likenesses(self, rows: Sequence[Likeness]) -> None:
        """Insert what requests are found by."""
        await self._faults.point("intake.add_likenesses")
        for row in rows:
            self._rows("likenesses").setdefault(row.id, {**plain(row), "unlooked": True})

    def _likenesses(self, **fields: object) -> list[Likeness]:
        rows = self._rows("likenesses").values()
        found = [r for r in rows if all(r.get(name) == value for name, value in fields.items())]
        return sorted((Likeness.model_validate(r) for r in found), key=lambda r: r.at, reverse=True)

    async def likenesses(
        self, *, tenant: str, since: datetime, before: datetime | None = None, limit: int
    ) -> list[Likeness]:
        """Return a tenant's requests since an instant and before another, the newest first."""
        await self._faults.point("intake.likenesses")
        found = self._likenesses(tenant=tenant)
        return [r for r in found if r.at >= since and (before is None or r.at < before)][:limit]

    async def unlooked(self, *, limit: int) -> list[Likeness]:
        """Return requests for which nobody has looked yet what they are like."""
        await self._faults.point("intake.unlooked")
        return self._likenesses(unlooked=True)[::-1][:limit]

    async def looked(self, tickets: Collection[str]) -> None:
        """Note that it was looked what requests are like."""
        await self._faults.point("intake.looked")
        for ticket in tickets:
            self._rows("likenesses")[ticket].pop("unlooked", None)

    async def propose(self, proposals: Sequence[Proposal]) -> dict[str, Proposal]:
        """Insert proposals, or add their tickets where they wait."""
        await self._faults.point("intake.propose")
        rows = self._rows("proposals")
        for proposal in proposals:
            row = rows.setdefault(proposal.id, plain(proposal))
            if row["verdict"] is None:
                row["tickets"] = list(dict.fromkeys((*row["tickets"], *proposal.tickets)))
        return {p.id: Proposal.model_validate(rows[p.id]) for p in proposals}

    async def proposals(
        self, *, tenant: str, tickets: Collection[str] = (), ids: Collection[str] = (), limit: int
    ) -> list[Proposal]:
        """Return proposals."""
        await self._faults.point("intake.proposals")
        found = [Proposal.model_validate(r) for r in self._rows("proposals").values()]
        found = [p for p in found if p.tenant == tenant]
        if ids:
            found = [p for p in found if p.id in ids]
        elif tickets:
            found = [p for p in found if set(p.tickets) & set(tickets)]
        else:
            found = [p for p in found if p.verdict is None]
        return sorted(found, key=lambda p: p.at, reverse=True)[:limit]

    async def decide_proposal(self, proposal: Proposal, verdict: Verdict) -> Proposal:
        """Write a verdict where there is none."""
        await self._faults.point("intake.decide")
        row = self._rows("proposals")[proposal.id]
        row["verdict"] = row["verdict"] or plain(verdict)
        await self._faults.point("intake.decide.answer")
        return Proposal.model_validate(row)

    async def review(self, review: str, *, tenant: str) -> Review | None:
        """Return what waits for people to look at, or was looked at."""
        await self._faults.point("intake.review")
        row = self._rows("reviews").get(review)
        return None if row is None or row["tenant"] != tenant else _review(review, row)

    async def decide_review(self, review: Review, verdict: Verdict) -> Review:
        """Write a verdict where there is none."""
        await self._faults.point("intake.decide")
        row = self._rows("reviews")[review.id]
        row.setdefault("verdict", plain(verdict))
        await self._faults.point("intake.decide.answer")
        return _review(review.id, row)

    async def undone(self, *, limit: int) -> tuple[list[Review], list[Proposal]]:
        """Return what was accepted and is not carried out."""
        await self._faults.point("intake.undone")
        reviews = [_review(i, r) for i, r in self._rows("reviews").items()]
        proposals = [Proposal.model_validate(r) for r in self._rows("proposals").values()]
        return (
            [r for r in reviews if r.verdict and not r.verdict.done][:limit],
            [p for p in proposals if p.verdict and not p.verdict.done][:limit],
        )

    async def carried_out(self, *, reviews: Collection[str], proposals: Collection[str]) -> None:
        """Note that verdicts are carried out."""
        await self._faults.point("intake.carried_out")
        for name, ids in (("reviews", reviews), ("proposals", proposals)):
            for identifier in ids:
                self._rows(name)[identifier]["verdict"]["done"] = True


def _review(identifier: str, row: Row) -> Review:
    verdict = row.get("verdict")
    return Review(
        id=identifier,
        tenant=row["tenant"],
        at=row["at"],
        mail=Reviewing.model_validate(copy.deepcopy(row["mail"])),
        verdict=None if verdict is None else Verdict.model_validate(verdict),
    )
