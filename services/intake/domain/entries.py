"""Entries: what a receipt says, as a row of a conversation. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from services.intake.domain.contact import Person
from services.intake.domain.likeness import Likeness, terms_of
from services.intake.domain.messages import Entry, Message
from services.intake.domain.receipts import Joining, Opening, Receipt
from shared.contracts.facts import Channel
from shared.contracts.intake import Direction


def first_message(receipt: Receipt, met: Mapping[str, Person]) -> Message:
    """Return the message with which a ticket begins."""
    task, person = receipt.task, met[receipt.id]
    if not isinstance(task, Opening):
        raise TypeError(f"{receipt.id} opens no ticket")
    classified = task.classified
    return Message(
        id=receipt.message,
        tenant=receipt.tenant,
        ticket=receipt.ticket or "",
        n=1,
        direction=Direction.INBOUND,
        channel=classified.channel,
        subject=task.words.subject,
        text=task.words.text,
        quoted=task.words.quoted,
        html=task.words.html,
        files=task.words.files,
        fields=task.words.fields,
        author=person.id,
        author_name=person.shown,
        at=receipt.accepted_at,
        language=classified.language or person.language or classified.language_default,
        message_id=task.words.message_id,
        chat=task.words.chat,
        receipt=receipt.id,
        silent=task.silent,
        evidence=task.evidence,
        configversion=receipt.configversion,
        trace=receipt.trace,
    )


def joining_message(receipt: Receipt, met: Mapping[str, Person], *, ticket: str, n: int) -> Message:
    """Return the row that a receipt adds to a conversation, with its count there."""
    task = receipt.task
    if isinstance(task, Opening):
        # Its ticket was opened by another message meanwhile.
        return first_message(receipt, met).model_copy(update={"ticket": ticket, "n": n})
    if not isinstance(task, Joining):
        raise TypeError(f"{receipt.id} joins no ticket")
    person = met.get(receipt.id)
    return Message(
        id=receipt.message,
        tenant=receipt.tenant,
        ticket=ticket,
        n=n,
        direction=task.direction,
        channel=Channel(task.channel),
        subject=task.words.subject,
        text=task.words.text,
        quoted=task.words.quoted,
        html=task.words.html,
        files=task.words.files,
        fields=task.words.fields,
        author=person.id if person else str(task.author),
        author_name=person.shown if person else task.author_name,
        at=receipt.accepted_at,
        language=task.language or (person.language if person else None) or task.language_default,
        message_id=task.words.message_id,
        chat=task.words.chat,
        receipt=receipt.id,
        silent=task.silent,
        evidence=task.evidence,
        answered_by=task.answered_by,
        entry=_entry(task),
        amends=task.amends,
        amended_at=task.amended_at,
        deleted_at=receipt.accepted_at if task.deleted else None,
        configversion=receipt.configversion,
        trace=receipt.trace,
    )


def _entry(task: Joining) -> Entry:
    if task.amends is not None:
        return Entry.AMENDMENT
    return Entry.REFUSED if task.refused else Entry.MESSAGE


def likeness_of(receipt: Receipt, met: Mapping[str, Person]) -> Likeness | None:
    """Return what a request is found by; None where it says nothing."""
    task = receipt.task
    if not isinstance(task, Opening):
        return None
    terms = terms_of(task.words.subject, task.words.text)
    if not terms and task.beside is None:
        return None
    return Likeness(
        id=receipt.ticket or "",
        tenant=receipt.tenant,
        contact=met[receipt.id].id,
        at=receipt.accepted_at,
        terms=terms,
        beside=task.beside,
    )
