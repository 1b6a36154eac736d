"""Threading: to which conversation something belongs, by evidence and never by its subject."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from services.intake.domain.mail_rules import base_address
from services.intake.domain.normal import Request
from services.intake.domain.receipts import Receipt
from services.intake.domain.text import normal_mail
from services.intake.domain.threads import (
    SIGNED,
    Candidate,
    Claim,
    Clues,
    Evidence,
    author_id,
    candidates,
    claim_id,
    claims_of,
    clues_of,
    is_agent,
    participant_id,
    split_off,
)
from services.intake.domain.ticket import TICKET, Ticket
from services.intake.handlers.meeting import Meeting
from services.intake.handlers.numbers import Numbers
from services.intake.ports import ConversationStore, IntakeStore
from shared.aggregate import Document
from shared.kernel import Infrastructure
from shared.organisation import MAIL_DOORS, Configuration
from shared.streams import StreamStore
from shared.threads import ThreadSigner

RACES_MAX = 10
"""Lost races for a claim before the submission is left to its repetition."""


@dataclass(frozen=True, slots=True)
class Placed:
    """The conversation that something belongs to, and why; without evidence it opens one.

    ``state`` is None where its ticket is on its way: the receipt is durable, or soon will be.
    ``quarantined`` says that the evidence is not enough, and an agent has to decide; ``beside``
    is a ticket that it may belong to, while it opens its own. ``answered_by`` is the first
    message of the ticket where that answers this one.
    """

    ticket: str
    number: str | None
    evidence: Evidence | None
    state: Ticket | None = None
    quarantined: bool = False
    beside: str | None = None
    answered_by: str | None = None


@dataclass(frozen=True, slots=True)
class _Seen:
    """Where evidence leads that counts, and where some leads that does not."""

    placed: Placed | None = None
    beside: str | None = None


@dataclass(frozen=True, slots=True)
class _Asked:
    """A submission that looks for its conversation."""

    receipt: Receipt
    ticket: str
    """The one that it would open by itself."""
    request: Request
    clues: Clues
    configuration: Configuration
    by_mail: bool


class Threads:
    """Finds conversations, and keeps what later ones are found by.

    Every method may raise `Infrastructure`.
    """

    def __init__(
        self,
        *,
        store: IntakeStore,
        conversations: ConversationStore,
        streams: StreamStore,
        meeting: Meeting,
        numbers: Numbers,
        signer: ThreadSigner,
    ) -> None:
        self._meeting = meeting
        self._numbers = numbers
        self._store = store
        self._conversations = conversations
        self._streams = streams
        self._signer = signer

    async def place(
        self,
        receipt: Receipt,
        request: Request,
        *,
        ticket: str,
        configuration: Configuration,
    ) -> Placed:
        """Return the conversation that a request joins, or the one that it opens.

        Args:
            receipt: of the request.
            request: what was handed in.
            ticket: the one that it opens where it joins none.
            configuration: says whose addresses are agents', and which are our own.
        """
        asked = self._asked(receipt, request, ticket=ticket, configuration=configuration)
        alone: Placed | None = None
        for _ in range(RACES_MAX):
            seen = await self._look(asked)
            placed = seen.placed
            if placed is None:
                number = alone.number if alone else await self._numbers.take(receipt.tenant)
                placed = alone = Placed(ticket, number, evidence=None, beside=seen.beside)
            if placed.quarantined or await self._claim(asked, placed):
                return placed
        message = f"{receipt.id}: others claimed its conversation {RACES_MAX} times"
        raise Infrastructure(message)

    async def find(
        self, receipt: Receipt, request: Request, *, configuration: Configuration
    ) -> Placed | None:
        """Return the conversation that a request may belong to, and claim nothing."""
        asked = self._asked(receipt, request, ticket="", configuration=configuration)
        return (await self._look(asked)).placed

    async def followed_up(self, receipt: Receipt, request: Request, *, by: Placed, of: str) -> None:
        """Let what answers a follow-up find that, and not the closed ticket before it.

        Args:
            receipt: of the follow-up.
            request: what was handed in.
            by: the ticket that it opens.
            of: the closed ticket.
        """
        clues = clues_of(request.thread, subject="", tenant=receipt.tenant, signer=self._signer)
        if clues.own is None:
            return
        mine = Claim(
            id=clues.own,
            tenant=receipt.tenant,
            ticket=by.ticket,
            number=by.number,
            receipt=receipt.id,
            own=True,
            list_id=request.thread.list_id,
            at=receipt.accepted_at,
        )
        await self._conversations.reclaim([clues.own], ticket=of, to=mine)

    async def adopt(
        self, receipt: Receipt, request: Request, *, by_mail: bool, configuration: Configuration
    ) -> None:
        """Let what follows on a request that an agent put into a ticket find that ticket.

        Args:
            receipt: of what the agent has decided, with the ticket.
            request: what was handed in; its sender takes part from now on.
            by_mail: it came by mail.
            configuration: says which addresses are our own.
        """
        ticket = receipt.ticket or ""
        clues = clues_of(request.thread, subject="", tenant=receipt.tenant, signer=self._signer)
        asked = _Asked(receipt, ticket, request, clues, configuration, by_mail)
        await self._claim(asked, Placed(ticket, receipt.number, Evidence.AGENT))

    async def hand_over(self, names: Sequence[tuple[str, str]], *, of: str, to: Claim) -> None:
        """Let what names a ticket lead to another one from now on.

        Args:
            names: kind and name of each.
            of: the ticket; what leads to it by merges is its own.
            to: says whose they are.
        """
        ids = [claim_id(tenant=to.tenant, kind=kind, name=name) for kind, name in names]
        claims = await self._conversations.claims(ids) if ids else {}
        tickets = {claim.ticket for claim in claims.values()}
        ends = await self.end_of((await self._streams.load(TICKET, tickets - {of})).values())
        mine = {of, *(ticket for ticket, end in ends.items() if end.id == of)}
        for ticket in tickets & mine:
            theirs = [claim.id for claim in claims.values() if claim.ticket == ticket]
            await self._conversations.reclaim(theirs, ticket=ticket, to=to)

    async def end_of(self, documents: Collection[Document[Ticket]]) -> dict[str, Document[Ticket]]:
        """Return, by the ticket asked for, the one where its conversation goes on.

        However many merges lead there: none leads back, see domain/links.py.
        """
        ends = {d.id: d for d in documents}
        while True:
            merged = {
                asked: d.state.links.merged_into
                for asked, d in ends.items()
                if d.state is not None and d.state.links.merged_into is not None
            }
            if not merged:
                return ends
            loaded = await self._streams.load(TICKET, {into for into in merged.values() if into})
            for asked, into in merged.items():
                ends[asked] = loaded[into or ""]

    def _asked(
        self, receipt: Receipt, request: Request, *, ticket: str, configuration: Configuration
    ) -> _Asked:
        by_mail = receipt.door in MAIL_DOORS
        thread, subject = request.thread, request.subject if by_mail else ""
        clues = clues_of(thread, subject=subject, tenant=receipt.tenant, signer=self._signer)
        return _Asked(receipt, ticket, request, clues, configuration, by_mail)

    async def _look(self, asked: _Asked) -> _Seen:
        """Return what the strongest evidence says that counts."""
        tenant, clues = asked.receipt.tenant, asked.clues
        if not clues.claims and not clues.signed and not clues.plain:
            return _Seen()
        numbers = (*(number for number, _ in clues.signed), *clues.plain)
        tickets = {}
        for number in dict.fromkeys(numbers):
            found = await self._store.ticket_by_number(tenant=tenant, number=number)
            if found is not None:
                tickets[number] = found
        claims = await self._conversations.claims(clues.claims) if clues.claims else {}
        mine = claims.get(clues.own or "")
        answered = mine is not None and not mine.own
        beside: str | None = None
        for candidate in candidates(
            clues,
            receipt=asked.receipt.id,
            ticket=asked.ticket,
            claims=claims,
            tickets=tickets,
            list_id=asked.request.thread.list_id,
            had_it=_had_it(asked) if answered else (),
        ):
            if not candidate.counts:
                beside = candidate.ticket
                continue
            placed = await self._accepted(asked, candidate)
            if placed is not None:
                state = placed.state
                off = split_off(clues, claims, state.links.split if state is not None else ())
                return _Seen((off and await self._accepted(asked, off)) or placed)
        return _Seen(beside=beside)

    async def _accepted(self, asked: _Asked, candidate: Candidate) -> Placed | None:
        """Return where a candidate leads; None where it does not count."""
        tenant = asked.receipt.tenant
        loaded = await self._streams.load(TICKET, [candidate.ticket])
        document = (await self.end_of(loaded.values())).get(candidate.ticket)
        if document is not None and document.tenant != tenant:
            return None
        state = document.state if document is not None else None
        ticket = document.id if document is not None and state is not None else candidate.ticket
        number = state.facts.number if state is not None else candidate.number
        evidence = candidate.evidence
        unproven = asked.request.thread.unproven and evidence not in SIGNED
        if evidence is Evidence.CHAT and state is not None and state.closed:
            return None
        if candidate.proven or await self._takes_part(asked, {candidate.ticket, ticket}, state):
            if unproven:
                return Placed(ticket, number, Evidence.SENDER_UNPROVEN, state, quarantined=True)
            return Placed(ticket, number, evidence, state, answered_by=candidate.answered_by)
        if evidence is Evidence.NUMBER_PARTICIPANT:
            return Placed(ticket, number, Evidence.NUMBER_ONLY, state, quarantined=True)
        return None

    async def _takes_part(
        self, asked: _Asked, tickets: Collection[str], state: Ticket | None
    ) -> bool:
        """Return whether the sender is one of a conversation's, or an agent."""
        sender, tenant = asked.request.contact.mail, asked.receipt.tenant
        if not sender:
            return False
        ids = [participant_id(tenant=tenant, ticket=t, address=sender) for t in tickets]
        if await self._conversations.participants(ids):
            return True
        if state is not None:
            person = await self._meeting.known(asked.request.contact, tenant=tenant)
            theirs = (await self._meeting.people([state.facts.contact])).get(state.facts.contact)
            if person is not None and theirs is not None and person.id == theirs.id:
                return True
        agents = [agent.email for agent in asked.configuration.all_agents()]
        return is_agent(sender, agents=agents)

    async def _claim(self, asked: _Asked, placed: Placed) -> bool:
        """Claim what names the conversation; False where somebody was faster: look again."""
        receipt, sender = asked.receipt, asked.request.contact.mail
        claims = claims_of(
            asked.clues,
            receipt=receipt.id,
            tenant=receipt.tenant,
            ticket=placed.ticket,
            number=placed.number,
            list_id=asked.request.thread.list_id,
            author=author_id(tenant=receipt.tenant, address=sender) if sender else None,
            at=receipt.accepted_at,
        )
        participants = _participants(asked, placed.ticket)
        if not claims and not participants:
            return True
        taken = await self._conversations.claim(claims, participants=participants)
        if not taken:
            return True
        found = await self._conversations.claims(taken)
        for claim in claims:
            other = found.get(claim.id)
            if other is not None and not await self._settled(asked, claim, other, placed):
                return False
        return True

    async def _settled(self, asked: _Asked, claim: Claim, other: Claim, placed: Placed) -> bool:
        """Return whether a claim that was there before needs no second look."""
        conversations = self._conversations
        arrived = claim.own and not other.own
        if other.ticket == claim.ticket or other.receipt == asked.receipt.id:
            # What was answered is here now; or what this receipt claimed for a ticket of its
            # own, before somebody was faster, goes over to the one that it joins.
            if arrived or other.ticket != claim.ticket:
                await conversations.reclaim([claim.id], ticket=other.ticket, to=claim)
            return True
        by_agent = placed.evidence is Evidence.AGENT
        over = claim.id == asked.clues.chat and await self._is_over(other.ticket)
        if over or (arrived and by_agent):
            handed_over = await conversations.reclaim([claim.id], ticket=other.ticket, to=claim)
            return handed_over > 0 or placed.evidence is not None
        if placed.evidence is not None:
            return True
        # A twin's own id, or a reference that proves nothing alone; or it is new just now.
        if claim.id == asked.clues.chat or (await self._look(asked)).placed is not None:
            return False
        if arrived:
            await conversations.reclaim([claim.id], ticket=other.ticket, to=claim)
        return True

    async def _is_over(self, ticket: str) -> bool:
        """Return whether a conversation is closed where it goes on."""
        loaded = await self._streams.load(TICKET, [ticket])
        end = (await self.end_of(loaded.values())).get(ticket)
        return end is not None and end.state is not None and end.state.closed


def _participants(asked: _Asked, ticket: str) -> Sequence[str]:
    """Return the ids of those who take part: who wrote, and to whom, but not ourselves."""
    if not asked.by_mail:
        return ()
    integrations = asked.configuration.integrations.integrations
    ours = {normal_mail(a) for i in integrations for a in i.addresses}
    named = {normal_mail(a) for a in asked.request.thread.recipients}
    if asked.request.contact.mail:
        named.add(normal_mail(asked.request.contact.mail))
    tenant = asked.receipt.tenant
    return [
        participant_id(tenant=tenant, ticket=ticket, address=address)
        for address in sorted(named)
        if base_address(address) not in ours
    ]


def _had_it(asked: _Asked) -> set[str]:
    """Return who can have answered a mail before it came here, as claims name them."""
    request, agents = asked.request, asked.configuration.all_agents()
    named = [request.contact.mail, *request.thread.recipients, *(a.email for a in agents)]
    return {author_id(tenant=asked.receipt.tenant, address=name) for name in named if name}
