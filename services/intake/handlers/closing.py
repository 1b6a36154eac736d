"""What routing says of tickets: closed, reopened, to be followed up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from services.intake.domain.alert_decisions import decide_followed_up
from services.intake.domain.alert_groups import AlertGroup
from services.intake.domain.alert_settling import Context
from services.intake.domain.classify import Classified
from services.intake.domain.contact import Person
from services.intake.domain.messages import Message
from services.intake.domain.normal import Party
from services.intake.domain.receipts import (
    Opening,
    Receipt,
    Reviewing,
    Task,
    Words,
    message_id,
    receipt_id,
    ticket_id,
)
from services.intake.domain.threads import Evidence
from services.intake.domain.ticket import Ticket
from services.intake.handlers.applying import Applying
from services.intake.handlers.conversing import FOLLOWUP_REFUSED
from services.intake.handlers.deeds import Deeds
from services.intake.handlers.groups import AlertGroups, Turn
from services.intake.handlers.numbers import Numbers
from services.intake.handlers.writing import Writing
from services.intake.ports import Incoming, IntakeStore
from shared.aggregate import Document
from shared.clock import Clock
from shared.contracts.envelope import EnvelopeInvalid, Event, decode
from shared.contracts.facts import TicketFacts
from shared.contracts.monitors import GroupEvent
from shared.contracts.routing import FollowupRequested, TicketResolved
from shared.kernel import digest
from shared.streams import Record

DOOR = "followup"


class Standing:
    """Does what routing's events ask for beside the ticket itself.

    Whether a ticket takes alerts is read from the ticket when alerts come: it is told in order.
    """

    def __init__(
        self,
        *,
        store: IntakeStore,
        writing: Writing,
        applying: Applying,
        groups: AlertGroups,
        deeds: Deeds,
        numbers: Numbers,
        clock: Clock,
    ) -> None:
        self._store = store
        self._writing = writing
        self._applying = applying
        self._groups = groups
        self._deeds = deeds
        self._numbers = numbers
        self._clock = clock

    async def prepare(self, records: Sequence[Record]) -> None:
        """Do what has to be done before events are decided on; the consumer's ``first``.

        Raises:
            Infrastructure: try again.
        """
        await self._deeds.solve_children(_resolved(records))
        events = _followups(records)
        documents = await self._writing.load({e.subject for e in events})
        of_alerts = [e for e in events if _alert_key(e, documents) is not None]
        if of_alerts:
            await self._groups.take([_turn(e, documents) for e in of_alerts])
        await self._follow_up([e for e in events if e not in of_alerts])

    async def _follow_up(self, events: Sequence[Event[FollowupRequested]]) -> None:
        """Make the receipt of each follow-up, under an id derived from the event."""
        wanted = {receipt_id(tenant=e.tenant, door=DOOR, key=e.id): e for e in events}
        if not wanted:
            return
        known = await self._store.receipts(wanted)
        incoming = [
            Incoming(await self._receipt(identifier, event))
            for identifier, event in wanted.items()
            if identifier not in known
        ]
        stored = [*known.values(), *(await self._store.keep(incoming) if incoming else ())]
        await self._applying.apply(stored)

    async def _receipt(self, identifier: str, event: Event[FollowupRequested]) -> Receipt:
        blank = Receipt(
            id=identifier,
            tenant=event.tenant,
            door=DOOR,
            by="routing",
            key=event.id,
            body=digest(event.id.encode()),
            message=message_id(identifier),
            accepted_at=self._clock.now(),
            configversion=event.configversion,
            pending_since=self._clock.now(),
        )
        found = await self._store.messages([event.body.message or ""])
        words = Words(subject=f"Follow-up of {event.body.facts.number}")
        silent = False
        for message in found.values():
            words = Words(
                subject=message.subject or words.subject,
                text=message.text,
                quoted=message.quoted,
                html=message.html,
                files=message.files,
                message_id=message.message_id,
            )
            silent = message.silent
        if event.body.refused:
            people = await self._store.people([row.author for row in found.values()])
            task: Task = _refused(event, words, people.values(), found.values())
            return blank.model_copy(update={"task": task})
        task = Opening(
            contact=event.body.facts.contact,
            words=words,
            classified=_as_before(event.body.facts),
            follows=event.subject,
            evidence=Evidence.FOLLOWUP,
            silent=silent,
        )
        ticket = ticket_id(tenant=event.tenant, receipt=identifier)
        number = await self._numbers.take(event.tenant)
        return blank.model_copy(update={"ticket": ticket, "number": number, "task": task})


def _alert_key(
    event: Event[FollowupRequested], documents: Mapping[str, Document[Ticket]]
) -> str | None:
    """Return the group whose alerts ask for a follow-up; None where a person does."""
    document = documents.get(event.subject)
    if event.body.message is not None or document is None or document.state is None:
        return None
    return document.state.alert_key


def _turn(event: Event[FollowupRequested], documents: Mapping[str, Document[Ticket]]) -> Turn:
    """Return the turn of a group whose incident is closed while it fires."""
    facts = event.body.facts

    def decide(state: AlertGroup | None, context: Context) -> Sequence[GroupEvent]:
        return decide_followed_up(state, event.subject, facts, context)

    return Turn(
        group=_alert_key(event, documents) or "",
        tenant=event.tenant,
        integration=facts.integration or "",
        at=event.time,
        decide=decide,
        trace=event.correlationid,
    )


def _refused(
    event: Event[FollowupRequested],
    words: Words,
    people: Iterable[Person],
    rows: Iterable[Message],
) -> Reviewing:
    """Return what a closed ticket's desk takes no more, for an agent to look at."""
    person = next(iter(people), None)
    row = next(iter(rows), None)
    kind, _, address = (person.address if person else f"id:{event.body.facts.contact}").partition(
        ":"
    )
    return Reviewing(
        author=Party.model_validate({kind: address, "name": person.name if person else ""}),
        words=words,
        reason=FOLLOWUP_REFUSED,
        integration=event.body.facts.integration or "",
        channel=row.channel if row is not None else event.body.facts.channel,
        ticket=event.subject,
        silent=row.silent if row is not None else False,
    )


def _resolved(records: Sequence[Record]) -> dict[str, tuple[str, str]]:
    """Return, by ticket, the newest resolution's event and code."""
    found: dict[str, tuple[str, str]] = {}
    for record in records:
        event = _readable(record)
        if event is None or event.type != TicketResolved.type:
            continue
        try:
            found[event.subject] = (event.id, event.with_body(TicketResolved).body.code)
        except ValidationError:
            continue  # Another service's consumer parks it; nothing follows from it here.
    return found


def _as_before(facts: TicketFacts) -> Classified:
    """Return a follow-up's facts: those of the ticket that it follows."""
    return Classified(
        kind=facts.kind,
        channel=facts.channel,
        priority=facts.priority,
        impact=facts.impact,
        urgency=facts.urgency,
        service=facts.service,
        category=facts.category,
        region=facts.region,
        site=facts.site,
        business=facts.business,
        choice=facts.choice,
        language=facts.language,
        language_default=facts.language,
        vip=facts.vip,
        integration=facts.integration,
        tags=facts.tags,
    )


def _followups(records: Sequence[Record]) -> list[Event[FollowupRequested]]:
    """Return the follow-ups that are asked for; the rest is the consumer's."""
    found: list[Event[FollowupRequested]] = []
    for record in records:
        event = _readable(record)
        if event is None or event.type != FollowupRequested.type:
            continue
        try:
            found.append(event.with_body(FollowupRequested))
        except ValidationError:
            continue  # The consumer parks it.
    return found


def _readable(record: Record) -> Event[Any] | None:
    try:
        return decode(record.headers, record.value)
    except EnvelopeInvalid:
        return None
