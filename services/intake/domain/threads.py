"""To which conversation something belongs: what it says of that, and which of it counts. Pure.

The strongest evidence counts: our own signed token, then the Message-IDs of mails of the
conversation, then the chat's own name of it. A subject alone is none, and a bare number is one
only where the sender takes part in the conversation already. Where a trusted mail server does not
find the sender proven, only the signed token counts.

A Message-ID belongs to the ticket that named it first, as its own or as one that it answers. So a
reply that comes before the mail that it answers, by another way, is found by that mail.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from services.intake.domain.normal import Thread
from services.intake.domain.receipts import message_id, ticket_id
from services.intake.domain.text import normal_mail
from shared.contracts.facts import Code, Id, Instant
from shared.kernel import digest
from shared.threads import ThreadSigner, numbers_in, tokens_in_addresses, tokens_in_message_ids

NUMBERS_MAX: Final = 5
"""Numbers of a subject that are looked up."""


class Evidence(StrEnum):
    """Why a message is in a conversation."""

    SIGNED_REFERENCE = "token-reference"
    SIGNED_ADDRESS = "token-address"
    SIGNED_SUBJECT = "token-subject"
    REFERENCE = "reference"
    """It answers a mail of the conversation."""
    REFERENCED = "referenced"
    """A mail of the conversation answers it, and came first."""
    COMMON_REFERENCE = "common-reference"
    """Both answer a mail that never came here, and the sender takes part, or the list is one."""
    CHAT = "chat"
    NUMBER_PARTICIPANT = "number-participant"
    NUMBER_ONLY = "number-only"
    """Not enough: an agent decides."""
    SENDER_UNPROVEN = "sender-unproven"
    """It says that it belongs there, but the sender may be forged: an agent decides."""
    AGENT = "agent"
    """An agent wrote it there, or put it there."""
    FOLLOWUP = "followup"
    """It was said to a ticket that was closed by then."""


SIGNED: Final = frozenset(
    {Evidence.SIGNED_REFERENCE, Evidence.SIGNED_ADDRESS, Evidence.SIGNED_SUBJECT}
)
"""What nobody can make up, whoever the sender is."""


class Claim(BaseModel):
    """The ticket that a Message-ID or a chat conversation belongs to: who named it first.

    ``id`` is `claim_id`; ``receipt`` is who made it; ``own`` that it was the message's own id, and
    not one that it answers.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    tenant: str
    ticket: Id
    number: Code | None = None
    receipt: str
    own: bool
    list_id: str | None = None
    author: str | None = None
    """`author_id` of who wrote what claims it; None where that has no address."""
    at: Instant


def claim_id(*, tenant: str, kind: str, name: str) -> str:
    """Return the id of a claim; ``kind`` is ``message`` for a Message-ID, or ``chat``."""
    return digest(tenant.encode(), kind.encode(), name.encode("utf-8", "replace"))


def participant_id(*, tenant: str, ticket: str, address: str) -> str:
    """Return under which id it is kept that an address takes part in a conversation."""
    return digest(tenant.encode(), b"participant", ticket.encode(), normal_mail(address).encode())


def author_id(*, tenant: str, address: str) -> str:
    """Return under which id it is kept who wrote something: no address is."""
    return digest(tenant.encode(), b"author", normal_mail(address).encode())


@dataclass(frozen=True, slots=True)
class Clues:
    """What a submission says of the conversation that it belongs to.

    ``signed`` and ``plain`` are ticket numbers. ``references`` are claims' ids, the nearest first.
    """

    signed: tuple[tuple[str, Evidence], ...] = ()
    own: str | None = None
    references: tuple[str, ...] = ()
    chat: str | None = None
    plain: tuple[str, ...] = ()

    @property
    def nearest(self) -> str | None:
        """The claim's id of the message that is answered, where there is one."""
        return self.references[0] if self.references else None

    @property
    def claims(self) -> tuple[str, ...]:
        """The ids of all claims that are looked for."""
        ids = (self.own, *self.references, self.chat)
        return tuple(dict.fromkeys(i for i in ids if i is not None))


def clues_of(thread: Thread, *, subject: str, tenant: str, signer: ThreadSigner) -> Clues:
    """Return what a submission says of its conversation; forged tokens are left out."""

    def claimed(name: str) -> str:
        return claim_id(tenant=tenant, kind="message", name=name)

    own = thread.message_id
    named = numbers_in(subject)[:NUMBERS_MAX]
    found = [
        *((t, Evidence.SIGNED_REFERENCE) for t in tokens_in_message_ids(thread.references)),
        *((t, Evidence.SIGNED_ADDRESS) for t in tokens_in_addresses(thread.recipients)),
    ]
    signed = [(signer.number_of(token, tenant=tenant), why) for token, why in found]
    signed += [
        (n.number, Evidence.SIGNED_SUBJECT) for n in named if signer.is_marked(n, tenant=tenant)
    ]
    strongest: dict[str, Evidence] = {}
    for number, why in signed:
        if number is not None:
            strongest.setdefault(number, why)
    return Clues(
        signed=tuple(strongest.items()),
        own=claimed(own) if own else None,
        references=tuple(dict.fromkeys(claimed(r) for r in thread.references if r != own)),
        chat=claim_id(tenant=tenant, kind="chat", name=thread.chat) if thread.chat else None,
        plain=tuple(dict.fromkeys(n.number for n in named if n.number not in strongest)),
    )


@dataclass(frozen=True, slots=True)
class Candidate:
    """A ticket, and why something may belong to it.

    ``proven`` is False where the sender has to take part in the conversation for it to count.
    ``counts`` is False where only an agent can say. ``answered_by`` is the first message of the
    ticket where that answers this one: then who wrote this one is who asked.
    """

    ticket: str
    number: str | None
    evidence: Evidence
    proven: bool = True
    counts: bool = True
    answered_by: str | None = None


def candidates(
    clues: Clues,
    *,
    receipt: str,
    ticket: str,
    claims: Mapping[str, Claim],
    tickets: Mapping[str, str],
    list_id: str | None,
    had_it: Collection[str],
) -> list[Candidate]:
    """Return the tickets that something may belong to, the strongest evidence first.

    Args:
        clues: what it says.
        receipt: its own receipt; what that claimed is no evidence.
        ticket: the one that it would open by itself.
        claims: those that are there, by id.
        tickets: by number, those that are there.
        list_id: of the mailing list that it came by.
        had_it: `author_id` of those who can have answered it before it came here: who wrote it,
            to whom it was sent, and agents.
    """
    found = [
        Candidate(tickets[number], number, why) for number, why in clues.signed if number in tickets
    ]

    def claimed(name: str | None, evidence: Evidence, *, proven: bool = True) -> None:
        claim = claims.get(name or "")
        if claim is not None and claim.receipt != receipt and claim.ticket != ticket:
            found.append(Candidate(claim.ticket, claim.number, evidence, proven))

    for reference in clues.references:
        claim = claims.get(reference)
        if claim is None:
            continue
        if claim.own:
            claimed(reference, Evidence.REFERENCE)
        else:
            same_list = list_id is not None and claim.list_id == list_id
            claimed(reference, Evidence.COMMON_REFERENCE, proven=same_list)
    mine = claims.get(clues.own or "")
    if mine is not None and not mine.own and mine.receipt != receipt and mine.ticket != ticket:
        # Whoever knows a Message-ID can answer it first, and would be the contact of what it asks.
        opened = mine.ticket == ticket_id(tenant=mine.tenant, receipt=mine.receipt)
        same_list = list_id is not None and mine.list_id == list_id
        counts = opened and (same_list or mine.author in had_it)
        by = message_id(mine.receipt) if counts else None
        found.append(
            Candidate(mine.ticket, mine.number, Evidence.REFERENCED, counts=counts, answered_by=by)
        )
    claimed(clues.chat, Evidence.CHAT)
    found += [
        Candidate(tickets[number], number, Evidence.NUMBER_PARTICIPANT, proven=False)
        for number in clues.plain
        if number in tickets
    ]
    return found


def split_off(
    clues: Clues, claims: Mapping[str, Claim], split: Collection[str]
) -> Candidate | None:
    """Return the ticket to which the very message belongs that is answered, where that left.

    A message takes the token of its ticket along, in its subject and among its references.

    Args:
        clues: what is said of the conversation.
        claims: those that are there, by id.
        split: the tickets that were split off from the one that the strongest evidence names.
    """
    answered = claims.get(clues.nearest or "")
    if answered is None or not answered.own or answered.ticket not in split:
        return None
    return Candidate(answered.ticket, answered.number, Evidence.REFERENCE)


def claims_of(
    clues: Clues,
    *,
    receipt: str,
    tenant: str,
    ticket: str,
    number: str | None,
    list_id: str | None,
    author: str | None,
    at: Any,
) -> list[Claim]:
    """Return what a message claims for the ticket that it is in."""
    names: dict[str, bool] = {}
    if clues.chat is not None:
        names[clues.chat] = True
    if clues.own is not None:
        names[clues.own] = True
    for reference in clues.references:
        names.setdefault(reference, False)
    return [
        Claim(
            id=name,
            tenant=tenant,
            ticket=ticket,
            number=number,
            receipt=receipt,
            own=own,
            list_id=list_id,
            author=author,
            at=at,
        )
        for name, own in names.items()
    ]


def is_agent(address: str, *, agents: Iterable[str | None]) -> bool:
    """Return whether an address is an agent's.

    One of the same domain is none: a provider's customers share a domain.
    """
    return normal_mail(address) in {normal_mail(a) for a in agents if a}
