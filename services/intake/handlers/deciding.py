"""Deciding: agents say what becomes of what waits for them, and it is carried out.

The verdict is written first, where there is none yet; so two agents who decide at once decide
once. Then it is carried out under a key derived from what it is about, by whoever decided or,
after a crash, by the sweeper.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from services.intake.domain.classify import CONFIGURED, Classified
from services.intake.domain.links import require_child
from services.intake.domain.proposals import Proposal, Verdict
from services.intake.domain.receipts import (
    Joining,
    Opening,
    Receipt,
    Task,
    message_id,
    receipt_id,
    ticket_id,
)
from services.intake.domain.threads import Evidence
from services.intake.domain.ticket import Ticket
from services.intake.handlers.applying import Applying
from services.intake.handlers.callers import Caller
from services.intake.handlers.classifying import Classifying
from services.intake.handlers.linking import Linker
from services.intake.handlers.numbers import Numbers
from services.intake.handlers.threading import Threads
from services.intake.handlers.writing import Writing
from services.intake.ports import ConversationStore, Incoming, IntakeStore, Review
from shared.aggregate import Document
from shared.clock import Clock
from shared.configuration import Configurations
from shared.contracts.facts import Channel
from shared.contracts.intake import Direction
from shared.contracts.links import LinkKind
from shared.kernel import CommandRejected, digest
from shared.organisation import UnknownName

DOOR: Final = "review"
SWEEP_MAX: Final = 100
PROPOSALS_SHOWN_MAX: Final = 200


def _required(state: Verdict | None, wanted: Verdict) -> Verdict:
    """Return the verdict that counts.

    Raises:
        CommandRejected: somebody decided otherwise before.
    """
    if state is None or not state.same(wanted):
        by = state.by if state is not None else "somebody"
        raise CommandRejected("already-decided", f"{by} has decided otherwise")
    return state


class ReviewDesk:
    """What becomes of mails and posts that wait for people to look at."""

    def __init__(
        self,
        *,
        store: IntakeStore,
        conversations: ConversationStore,
        writing: Writing,
        applying: Applying,
        threads: Threads,
        classifying: Classifying,
        numbers: Numbers,
        configurations: Configurations,
        clock: Clock,
    ) -> None:
        self._store = store
        self._conversations = conversations
        self._writing = writing
        self._applying = applying
        self._threads = threads
        self._classifying = classifying
        self._numbers = numbers
        self._configurations = configurations
        self._clock = clock

    async def accept(self, review: str, *, tenant: str, by: str, ticket: str | None) -> Receipt:
        """Make a ticket of it, or put it into one; return the receipt.

        Raises:
            CommandRejected: there is no such review or ticket, or another verdict on it.
            Infrastructure: it may or may not have been done; ask again.
        """
        found = await self.found(review, tenant=tenant)
        if ticket is not None:
            document = (await self._writing.load([ticket])).get(ticket)
            if document is None or document.tenant != tenant or document.state is None:
                reason = "there is no such ticket"
                raise CommandRejected("not-found", reason, field="ticket", status=422)
        wanted = Verdict(action="accepted", by=by, at=self._clock.now(), ticket=ticket)
        decided = await self._conversations.decide_review(found, wanted)
        _required(decided.verdict, wanted)
        return await self._carry_out(decided)

    async def dismiss(self, review: str, *, tenant: str, by: str, reason: str) -> Review:
        """Say that nothing comes of it; it is kept.

        Raises:
            CommandRejected: there is no such review, or another verdict on it.
        """
        found = await self.found(review, tenant=tenant)
        wanted = Verdict(action="dismissed", by=by, at=self._clock.now(), reason=reason, done=True)
        decided = await self._conversations.decide_review(found, wanted)
        _required(decided.verdict, wanted)
        return decided

    async def carry_out(self, reviews: Sequence[Review]) -> None:
        """Carry out what a crash left."""
        for review in reviews:
            await self._carry_out(review)

    async def found(self, review: str, *, tenant: str) -> Review:
        """Return what waits, or waited.

        Raises:
            CommandRejected: there is no such thing.
        """
        found = await self._conversations.review(review, tenant=tenant)
        if found is None:
            raise CommandRejected("not-found", "there is no such review", status=404)
        return found

    async def _carry_out(self, review: Review) -> Receipt:
        identifier = receipt_id(tenant=review.tenant, door=DOOR, key=review.id)
        known = (await self._store.receipts([identifier])).get(identifier)
        receipt = known or await self._receipt(identifier, review)
        (stored,) = await self._store.keep([Incoming(receipt)])
        if stored.ticket is not None:
            await self._threads.adopt(
                stored,
                review.mail.request,
                by_mail=review.mail.channel is Channel.EMAIL,
                configuration=self._configurations.current(review.tenant),
            )
        (done,) = await self._applying.apply([stored])
        await self._conversations.carried_out(reviews=[review.id], proposals=[])
        return done.receipt

    async def _receipt(self, identifier: str, review: Review) -> Receipt:
        verdict, now = review.verdict, self._clock.now()
        blank = Receipt(
            id=identifier,
            tenant=review.tenant,
            door=DOOR,
            by=verdict.by if verdict is not None else DOOR,
            key=review.id,
            body=digest(review.id.encode()),
            message=message_id(identifier),
            # The contact asked when it came in, and their clocks count from then.
            accepted_at=review.at,
            configversion=self._configurations.version(review.tenant),
            pending_since=now,
        )
        mail, classified = review.mail, await self._classified(review)
        chosen = await self._chosen(verdict.ticket if verdict is not None else None)
        if chosen is not None and chosen.state is not None and not chosen.state.closed:
            joining = Joining(
                author=mail.author,
                direction=Direction.INBOUND,
                channel=mail.channel,
                words=mail.words,
                language=classified.language,
                language_default=classified.language_default,
                silent=mail.silent,
                evidence=Evidence.AGENT,
            )
            number = chosen.state.facts.number
            return blank.model_copy(update={"ticket": chosen.id, "number": number, "task": joining})
        opening: Task = Opening(
            contact=mail.author,
            words=mail.words,
            classified=classified,
            follows=chosen.id if chosen is not None else None,
            evidence=Evidence.AGENT,
            silent=mail.silent,
        )
        ticket = ticket_id(tenant=review.tenant, receipt=identifier)
        number = await self._numbers.take(review.tenant)
        return blank.model_copy(update={"ticket": ticket, "number": number, "task": opening})

    async def _chosen(self, ticket: str | None) -> Document[Ticket] | None:
        return None if ticket is None else (await self._writing.load([ticket])).get(ticket)

    async def _classified(self, review: Review) -> Classified:
        """Return what it is; what the organisation has no more by now counts as not said."""
        mail, configuration = review.mail, self._configurations.current(review.tenant)
        try:
            integration = configuration.integration(mail.integration)
        except UnknownName:
            integration = None  # It is configured no more, or an agent brought the request.
        caller = Caller(tenant=review.tenant, name=mail.integration, integration=integration)
        classify = partial(
            self._classifying.classify,
            caller=caller,
            configuration=configuration,
            channel=mail.channel,
        )
        try:
            return await classify(mail.request)
        except CommandRejected:
            return await classify(mail.request.model_copy(update=dict.fromkeys(CONFIGURED)))


class ProposalDesk:
    """What becomes of tickets that look as if they belonged together."""

    def __init__(
        self,
        *,
        conversations: ConversationStore,
        writing: Writing,
        linker: Linker,
        clock: Clock,
    ) -> None:
        self._conversations = conversations
        self._writing = writing
        self._linker = linker
        self._clock = clock

    async def accept(self, proposal: str, *, tenant: str, by: str, parent: str | None) -> Proposal:
        """Merge a duplicate into the older ticket; put look-alikes under a parent.

        The parent is the oldest of them where none is chosen.

        Raises:
            CommandRejected: there is no such proposal, another verdict on it, or its tickets do
                not allow it any more.
            Infrastructure: it may or may not have been done; ask again.
        """
        found = await self.found(proposal, tenant=tenant)
        first = parent or found.tickets[0]
        if first not in found.tickets:
            reason = "the ticket is none of the proposal's"
            raise CommandRejected("unknown-ticket", reason, field="parent", status=422)
        wanted = Verdict(action="accepted", by=by, at=self._clock.now(), ticket=first)
        decided = await self._conversations.decide_proposal(found, wanted)
        _required(decided.verdict, wanted)
        await self._carry_out(decided)
        return decided

    async def dismiss(self, proposal: str, *, tenant: str, by: str, reason: str) -> Proposal:
        """Say that they do not belong together.

        Raises:
            CommandRejected: there is no such proposal, or another verdict on it.
        """
        found = await self.found(proposal, tenant=tenant)
        wanted = Verdict(action="dismissed", by=by, at=self._clock.now(), reason=reason, done=True)
        decided = await self._conversations.decide_proposal(found, wanted)
        _required(decided.verdict, wanted)
        return decided

    async def waiting(self, *, tenant: str) -> list[Proposal]:
        """Return the newest proposals that nobody has decided on."""
        return await self._conversations.proposals(tenant=tenant, limit=PROPOSALS_SHOWN_MAX)

    async def found(self, proposal: str, *, tenant: str) -> Proposal:
        """Return what is suggested, or was decided on.

        Raises:
            CommandRejected: there is no such suggestion.
        """
        found = await self._conversations.proposals(tenant=tenant, ids=[proposal], limit=1)
        if not found:
            raise CommandRejected("not-found", "there is no such suggestion", status=404)
        return found[0]

    async def carry_out(self, proposals: Sequence[Proposal]) -> None:
        """Carry out what a crash left; what the tickets do not allow any more is over."""
        for proposal in proposals:
            with suppress(CommandRejected):
                await self._carry_out(proposal)

    async def _carry_out(self, proposal: Proposal) -> None:
        verdict = proposal.verdict
        if verdict is None or verdict.done:
            return
        documents = await self._writing.load(proposal.tickets)
        first = documents.get(verdict.ticket or proposal.tickets[0])
        others = [
            documents[t] for t in proposal.tickets if t in documents and documents[t] != first
        ]
        try:
            if first is not None and others:
                await self._do(proposal, verdict, first, others)
        except CommandRejected:
            await self._conversations.carried_out(reviews=[], proposals=[proposal.id])
            raise
        await self._conversations.carried_out(reviews=[], proposals=[proposal.id])

    async def _do(
        self,
        proposal: Proposal,
        verdict: Verdict,
        first: Document[Ticket],
        others: Sequence[Document[Ticket]],
    ) -> None:
        if proposal.kind in {LinkKind.DUPLICATE, LinkKind.REFERENCE}:
            for other in others:
                await self._linker.merge(other, first, by=verdict.by, key=proposal.id)
            return
        fitting = [other for other in others if _fits(other, parent=first.id)]
        await self._linker.link(first, fitting, by=verdict.by, key=proposal.id)


def _fits(child: Document[Ticket], *, parent: str) -> bool:
    try:
        require_child(child.state, parent=parent)
    except CommandRejected:
        return False
    return True


class Verdicts:
    """Finishes what a crash left between a verdict and what follows from it."""

    def __init__(
        self, *, conversations: ConversationStore, reviews: ReviewDesk, proposals: ProposalDesk
    ) -> None:
        self._conversations = conversations
        self._reviews = reviews
        self._proposals = proposals

    async def sweep(self) -> bool:
        """Carry out verdicts; return whether there may be more.

        Raises:
            Infrastructure: try again.
        """
        reviews, proposals = await self._conversations.undone(limit=SWEEP_MAX)
        await self._reviews.carry_out(reviews)
        await self._proposals.carry_out(proposals)
        return SWEEP_MAX in {len(reviews), len(proposals)}
