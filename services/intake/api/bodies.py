"""Bodies and answers of intake's API for people."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from services.intake.domain.contact import Person
from services.intake.domain.figures import Correction
from services.intake.domain.files import FileRef
from services.intake.domain.links import Links
from services.intake.domain.mail_facts import Delivery
from services.intake.domain.messages import Message, Version
from services.intake.domain.normal import TEXT_MAX
from services.intake.domain.proposals import Verdict
from services.intake.domain.text import clean_text
from services.intake.handlers.reading import Conversation, Found
from services.intake.ports import Review
from shared.contracts.facts import Channel, Instant, TicketFacts
from shared.contracts.intake import AlertMember, Classification, Direction, PriorityReason


class NoteBody(BaseModel):
    """A message of an agent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: Annotated[
        str,
        Field(min_length=1, max_length=TEXT_MAX),
        BeforeValidator(lambda v: clean_text(v) if isinstance(v, str) else v),
    ]
    visibility: Literal["public", "internal"]
    """``public`` is sent to the contact; ``internal`` is for agents only."""


class HtmlShown(BaseModel):
    """A message's HTML. It was cleaned, and is to be shown in a frame of its own all the same."""

    message: str
    html: str


class NoteAnswer(BaseModel):
    """A message was accepted durably."""

    ticket: str
    number: str
    message: str


class ContactShown(BaseModel):
    """Who asked."""

    id: str
    name: str
    mail: str | None
    language: str | None
    region: str | None
    site: str | None
    business: str | None
    vip: bool

    @classmethod
    def of(cls, person: Person) -> ContactShown:
        """Return the view of a person."""
        return cls(
            id=person.id,
            name=person.shown,
            mail=person.mail,
            language=person.language,
            region=person.region,
            site=person.site,
            business=person.business,
            vip=person.vip,
        )


class FileShown(BaseModel):
    """A file of a message."""

    id: str | None
    """``GET /v1/files/{id}`` has its bytes; None while they are fetched from their vendor."""
    name: str
    media_type: str
    size: int | None
    failed: str
    """Why it could not be fetched, once that is given up."""

    @classmethod
    def of(cls, file: FileRef) -> FileShown:
        """Return the view of a file, without the address that it is fetched from."""
        return cls(
            id=file.id,
            name=file.name,
            media_type=file.media_type,
            size=file.size,
            failed=file.failed,
        )


class MessageShown(BaseModel):
    """One message."""

    id: str
    n: int
    direction: Direction
    channel: Channel
    subject: str
    text: str
    quoted: str
    """All that a mail says, where quotations or a signature were split off its text."""
    files: tuple[FileShown, ...]
    fields: dict[str, str]
    """The custom fields of its form."""
    receipt: str | None
    """``GET /v1/requests/{receipt}/original`` has it byte for byte."""
    author: str
    author_name: str
    at: Instant
    language: str
    ticket: str
    """Another than the one shown where that was merged into it."""
    entry: str
    evidence: str
    """Why it is in this conversation; empty for the one that opened it."""
    edited_at: Instant | None
    deleted_at: Instant | None
    versions: tuple[Version, ...]
    """Its former texts, the oldest first."""
    moved_to: str | None
    """The ticket into which it was split off."""

    @classmethod
    def of(cls, message: Message, *, receipt: str | None) -> MessageShown:
        """Return the view of a message, and of the receipt that brought it."""
        return cls(
            id=message.id,
            n=message.n,
            direction=message.direction,
            channel=message.channel,
            subject=message.subject,
            text=message.text,
            quoted=message.quoted,
            files=tuple(FileShown.of(file) for file in message.files),
            fields=message.fields,
            receipt=receipt,
            author=message.author,
            author_name=message.author_name,
            at=message.at,
            language=message.language,
            ticket=message.ticket,
            entry=message.entry,
            evidence=message.evidence,
            edited_at=message.edited_at,
            deleted_at=message.deleted_at,
            versions=message.versions,
            moved_to=message.moved_to,
        )


class LinksShown(BaseModel):
    """How a ticket hangs together with others."""

    merged_into: str | None
    absorbed: tuple[str, ...]
    split_from: str | None
    parent: str | None
    children: tuple[str, ...]
    causes: tuple[str, ...]
    effects: tuple[str, ...]

    @classmethod
    def of(cls, links: Links) -> LinksShown:
        """Return the view of links."""
        return cls(
            merged_into=links.merged_into,
            absorbed=tuple(links.absorbed),
            split_from=links.split_from,
            parent=links.parent,
            children=links.children,
            causes=links.causes,
            effects=links.effects,
        )


class DeliveryShown(BaseModel):
    """One of our mailboxes that a mail of the ticket came to."""

    receipt: str
    integration: str
    recipient: str
    at: Instant

    @classmethod
    def of(cls, delivery: Delivery) -> DeliveryShown:
        """Return the view of a delivery."""
        return cls(
            receipt=delivery.receipt,
            integration=delivery.integration,
            recipient=delivery.recipient,
            at=delivery.at,
        )


class AlertsShown(BaseModel):
    """The alerts that a ticket is about."""

    key: str
    open: bool
    firing: int
    members: tuple[AlertMember, ...]


class TicketShown(BaseModel):
    """A ticket as intake has it."""

    ticket: str
    number: str
    revision: int
    facts: TicketFacts
    priority_because: PriorityReason | None
    classification: Classification | None
    """Who said what it is, as it was accepted; and what the trained model suggests."""
    corrections: tuple[Correction, ...]
    """What agents have corrected since."""
    contact: ContactShown | None
    follows: str | None
    closed: bool
    alerts: AlertsShown | None
    messages: tuple[MessageShown, ...]
    links: LinksShown
    deliveries: tuple[DeliveryShown, ...]

    @classmethod
    def of(cls, found: Conversation) -> TicketShown:
        """Return the view of a ticket with its conversation."""
        state = found.state
        alerts = None
        if state.alert_key is not None:
            alerts = AlertsShown(
                key=state.alert_key,
                open=not state.closed,
                firing=state.firing,
                members=tuple(
                    AlertMember(fingerprint=f, status=o.status, starts_at=o.starts_at)
                    for f, o in sorted(state.members.items())
                ),
            )
        return cls(
            ticket=found.document.id,
            number=state.facts.number,
            revision=found.document.seq,
            facts=state.facts,
            priority_because=state.priority_because,
            classification=state.classification,
            corrections=state.corrections,
            contact=ContactShown.of(found.contact) if found.contact else None,
            follows=state.follows,
            closed=state.closed,
            alerts=alerts,
            messages=tuple(
                MessageShown.of(message, receipt=found.receipts.get(message.id))
                for message in found.messages
            ),
            links=LinksShown.of(state.links),
            deliveries=tuple(DeliveryShown.of(delivery) for delivery in found.deliveries),
        )


class RequestShown(BaseModel):
    """What became of a request, for whoever handed it in."""

    ticket: str | None
    number: str | None
    state: Literal["accepted", "applied"]
    accepted_at: Instant | None
    door: str | None
    receipt: str | None
    same_message_id_as: str | None
    """The receipt of another mail that came with the same Message-ID."""

    @classmethod
    def of(cls, found: Found) -> RequestShown:
        """Return the view of a request."""
        receipt = found.receipt
        return cls(
            ticket=found.ticket,
            number=found.number,
            state="applied" if found.applied else "accepted",
            accepted_at=receipt.accepted_at if receipt else None,
            door=receipt.door if receipt else None,
            receipt=receipt.id if receipt else None,
            same_message_id_as=receipt.twin_of if receipt else None,
        )


class VerdictShown(BaseModel):
    """What somebody decided, and when."""

    action: Literal["accepted", "dismissed"]
    by: str
    at: Instant
    ticket: str | None
    reason: str

    @classmethod
    def of(cls, verdict: Verdict) -> VerdictShown:
        """Return the view of a verdict."""
        return cls(
            action=verdict.action,
            by=verdict.by,
            at=verdict.at,
            ticket=verdict.ticket,
            reason=verdict.reason,
        )


class ReviewShown(BaseModel):
    """What waits for people to look at, and why; or what became of it."""

    id: str
    at: Instant
    integration: str
    reason: str
    sender: str
    subject: str
    text: str
    ticket: str | None
    """The ticket that it may belong to."""
    verdict: VerdictShown | None

    @classmethod
    def of(cls, review: Review, *, text_characters_max: int = TEXT_MAX) -> ReviewShown:
        """Return the view of a review, with so much of its text."""
        author = review.mail.author
        return cls(
            id=review.id,
            at=review.at,
            integration=review.mail.integration,
            reason=review.mail.reason,
            sender=author.mail or author.name,
            subject=review.mail.words.subject,
            text=review.mail.words.text[:text_characters_max],
            ticket=review.mail.ticket,
            verdict=VerdictShown.of(review.verdict) if review.verdict else None,
        )
