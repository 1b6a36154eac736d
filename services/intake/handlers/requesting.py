"""Requesting: what a person asks becomes a ticket, joins one, or waits for an agent to look."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal

from services.intake.domain.classify import Classified
from services.intake.domain.files import FileRef
from services.intake.domain.messages import Message
from services.intake.domain.normal import Party, Request, Thread
from services.intake.domain.proposals import Verdict
from services.intake.domain.receipts import (
    Joining,
    Opening,
    Receipt,
    Reviewing,
    Words,
    ticket_id,
    without_words,
)
from services.intake.domain.similarity import COPY_SIMILARITY, is_copy
from services.intake.doors import Door
from services.intake.handlers.callers import Caller
from services.intake.handlers.classifying import Classifying
from services.intake.handlers.numbers import Numbers
from services.intake.handlers.threading import Placed, Threads
from services.intake.ports import CallStore, ConversationStore, IntakeStore, Review
from shared.contracts.facts import Channel
from shared.contracts.intake import Direction
from shared.organisation import MAIL_DOORS, Configuration

TO_CONFIRM: Final = "to-confirm"
CALL_FIELD: Final = "call"
"""The custom field that names the telephone call of which a request comes."""
BY_LIST: Final = frozenset({"bulk", "list"})
"""Why a mail waits that are the doing of the list that it came by, and say nothing of the mail."""


class Twin(Enum):
    """What a mail is to another with the same Message-ID."""

    COPY = "copy"
    """The same mail by another path."""
    FULLER = "fuller"
    """The same mail, which had lost its files on the path by which it came before."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Asking:
    """A request at the door that it came by."""

    form: Request
    door: Door
    caller: Caller
    configuration: Configuration
    files: tuple[FileRef, ...] = ()

    @property
    def channel(self) -> Channel:
        """How it came in."""
        return self.form.channel or self.door.channel

    @property
    def words(self) -> Words:
        """What it says."""
        form = self.form
        return Words(
            subject=form.subject,
            text=form.text,
            quoted=form.quoted,
            html=form.html,
            message_id=form.thread.message_id,
            chat=form.thread.chat,
            files=self.files,
            fields=form.fields,
        )


class Requests:
    """Gives the receipts of requests their tasks. Every method may raise `Infrastructure`."""

    def __init__(
        self,
        *,
        store: IntakeStore,
        conversations: ConversationStore,
        threads: Threads,
        numbers: Numbers,
        classifying: Classifying,
        calls: CallStore,
    ) -> None:
        self._calls = calls
        self._classifying = classifying
        self._store = store
        self._conversations = conversations
        self._threads = threads
        self._numbers = numbers

    async def form(self, receipt: Receipt, asking: Asking) -> Receipt:
        """Return the receipt with its task.

        Raises:
            CommandRejected: the organisation does not have what the request names.
        """
        form = asking.form
        if form.automatic is not None:
            return _reviewed(receipt, asking, reason=form.automatic.reason)
        form = await self._of_call(form, tenant=receipt.tenant)
        # Before its conversation is looked for: what the organisation does not have is refused,
        # and must have claimed nothing.
        classified = await self._classifying.classify(
            form,
            caller=asking.caller,
            configuration=asking.configuration,
            channel=asking.door.channel,
        )
        ticket = ticket_id(tenant=receipt.tenant, receipt=receipt.id)
        if form.confirm:
            found = await self._threads.find(receipt, form, configuration=asking.configuration)
            of = found.ticket if found is not None else None
            return _reviewed(receipt, asking, reason=TO_CONFIRM, ticket=of)
        if form.thread == Thread() and asking.door.name not in MAIL_DOORS:
            number = await self._numbers.take(receipt.tenant)
            return _opened(receipt, asking, Placed(ticket, number, evidence=None), classified)
        return await self._placed(receipt, asking, classified, ticket=ticket)

    async def _of_call(self, form: Request, *, tenant: str) -> Request:
        """Return a request that names its call with what was chosen in that call's menu."""
        name = form.fields.get(CALL_FIELD, "")
        if form.choice is not None or not name:
            return form
        call = await self._calls.call(name, tenant=tenant)
        if call is None:
            named = await self._calls.named(tenant=tenant, name=name)
            call = await self._calls.call(named, tenant=tenant) if named else None
        return form if call is None else form.model_copy(update={"choice": call.choice})

    async def _placed(
        self, receipt: Receipt, asking: Asking, classified: Classified, *, ticket: str
    ) -> Receipt:
        """Return the receipt with its task, by the conversation that it belongs to."""
        form = asking.form
        placed = await self._threads.place(
            receipt, form, ticket=ticket, configuration=asking.configuration
        )
        if placed.quarantined:
            reason = str(placed.evidence)
            return _reviewed(receipt, asking, reason=reason, ticket=placed.ticket)
        if placed.evidence is None:
            return _opened(receipt, asking, placed, classified)
        action = _followup(receipt, asking, placed)
        if action == "new":
            number = await self._numbers.take(receipt.tenant)
            new = Placed(ticket, number, evidence=placed.evidence)
            await self._threads.followed_up(receipt, form, by=new, of=placed.ticket)
            return _opened(receipt, asking, new, classified, follows=placed.ticket)
        return _joined(receipt, asking, placed, alone=classified, refused=action == "refuse")

    async def known(self, receipt: str) -> Receipt | None:
        """Return a receipt that was stored before; None where there is none."""
        return (await self.all_known([receipt])).get(receipt)

    async def all_known(self, receipts: Collection[str]) -> dict[str, Receipt]:
        """Return the receipts that were stored before, by id."""
        return await self._store.receipts(receipts)

    async def twin(self, stored: Receipt, form: Request, *, files: Collection[str]) -> Twin:
        """Return what a mail is to another that came before with the same Message-ID.

        The copies of a list differ in their subject's prefix and in their footer, and may lack
        the files; while a broken mailer gives two different mails one Message-ID, such as a
        scanner, whose mails differ in nothing but the file.

        Args:
            stored: of the mail that came before.
            form: the mail.
            files: SHA-256 of its files.
        """
        task, row = stored.task, None
        if task is None:
            row = (await self._store.messages([stored.message])).get(stored.message)
            if row is None:
                review = await self._conversations.review(stored.id, tenant=stored.tenant)
                task = review.mail if review is not None else None
        if isinstance(task, Opening | Joining | Reviewing):
            words, author = task.words, _address(task)
        elif row is not None:
            words, author = _words(row), None
        else:
            return Twin.OTHER
        alike = author in {None, form.contact.address} and is_copy(
            subject=words.subject,
            text=words.text,
            other_subject=form.subject,
            other_text=form.text,
            similarity_min=COPY_SIMILARITY,
        )
        known = {file.sha256 for file in words.files}
        if not alike:
            return Twin.OTHER
        if known.issuperset(files):
            return Twin.COPY
        return Twin.OTHER if known else Twin.FULLER

    async def listed(self, stored: Receipt, *, copy: Receipt) -> Review | None:
        """Return the review of a list's copy of a mail, where another copy needs none.

        Args:
            stored: of the mail that came before, with the same Message-ID and the same words.
            copy: of the one that came now, as it would be accepted by itself.
        """
        if stored.ticket is not None or not isinstance(copy.task, Opening | Joining):
            return None
        if isinstance(stored.task, Reviewing):
            review = Review(
                id=stored.id, tenant=stored.tenant, at=stored.accepted_at, mail=stored.task
            )
        elif stored.task is None:
            known = await self._conversations.review(stored.id, tenant=stored.tenant)
            if known is None:
                return None
            review = known
        else:
            return None
        if review.mail.reason not in BY_LIST:
            return None
        verdict = review.verdict
        ours = verdict is None or (verdict.by, verdict.ticket) == (copy.by, copy.ticket)
        return review if ours else None

    async def release(self, review: Review, stored: Receipt, *, copy: Receipt) -> None:
        """Say that a list's copy is in the ticket of the other copy, unless an agent was faster."""
        await self._store.add_reviews([review])
        verdict = Verdict(
            action="accepted", by=copy.by, at=copy.accepted_at, ticket=copy.ticket, done=True
        )
        decided = await self._conversations.decide_review(review, verdict)
        if decided.verdict is not None and decided.verdict.same(verdict):
            there = {"ticket": copy.ticket, "number": copy.number}
            await self._store.finish([], [stored.model_copy(update=there)])


def _followup(
    receipt: Receipt, asking: Asking, placed: Placed
) -> Literal["join", "reopen", "new", "refuse"]:
    """Return what becomes of a message to a conversation, which may be closed."""
    state = placed.state
    if state is None or not state.closed:
        return "join"
    age = (receipt.accepted_at - (state.closed_at or receipt.accepted_at)).total_seconds()
    policy = asking.configuration.intake
    return policy.followup(desk=state.closed_desk, age_seconds=age) or "new"


def _words(row: Message) -> Words:
    return Words(subject=row.subject, text=row.text, files=row.files)


def _address(task: Opening | Joining | Reviewing) -> str | None:
    author = task.contact if isinstance(task, Opening) else task.author
    return author.address if isinstance(author, Party) else None


def _reviewed(
    receipt: Receipt, asking: Asking, *, reason: str, ticket: str | None = None
) -> Receipt:
    review = Reviewing(
        author=asking.form.contact,
        words=asking.words,
        reason=reason,
        integration=asking.caller.name,
        channel=asking.channel,
        ticket=ticket,
        silent=asking.form.silent,
        asked=without_words(asking.form),
    )
    return receipt.model_copy(update={"task": review})


def _opened(
    receipt: Receipt,
    asking: Asking,
    placed: Placed,
    classified: Classified,
    *,
    follows: str | None = None,
) -> Receipt:
    opening = Opening(
        contact=asking.form.contact,
        words=asking.words,
        classified=classified,
        follows=follows,
        evidence=placed.evidence or "",
        silent=asking.form.silent,
        beside=placed.beside,
    )
    return receipt.model_copy(
        update={"ticket": placed.ticket, "number": placed.number, "task": opening}
    )


def _joined(
    receipt: Receipt,
    asking: Asking,
    placed: Placed,
    *,
    alone: Classified,
    refused: bool = False,
) -> Receipt:
    joining = Joining(
        author=asking.form.contact,
        direction=Direction.INBOUND,
        channel=asking.channel,
        words=asking.words,
        language=alone.language,
        language_default=asking.form.language or alone.language_default,
        silent=asking.form.silent,
        evidence=placed.evidence or "",
        answered_by=placed.answered_by,
        refused=refused,
        alone=None if placed.state is not None else alone,
    )
    return receipt.model_copy(
        update={"ticket": placed.ticket, "number": placed.number, "task": joining}
    )
