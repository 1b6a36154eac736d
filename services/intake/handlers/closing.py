"""What routing says of tickets: closed, reopened, to be followed up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from services.intake.domain.alerts import Members
from services.intake.domain.classify import Classified
from services.intake.domain.normal import Alert, AlertGroup
from services.intake.domain.receipts import (
    Alerting,
    Opening,
    Receipt,
    Task,
    Words,
    message_id,
    receipt_id,
    ticket_id,
)
from services.intake.domain.ticket import Ticket
from services.intake.handlers.applying import Applying
from services.intake.handlers.numbers import Numbers
from services.intake.handlers.writing import Writing
from services.intake.ports import Incoming, IntakeStore
from shared.aggregate import Document
from shared.clock import Clock
from shared.contracts.envelope import EnvelopeInvalid, Event, decode
from shared.contracts.facts import TicketFacts
from shared.contracts.intake import AlertStatus
from shared.contracts.routing import FollowupRequested, TicketClosed, TicketReopened
from shared.kernel import digest
from shared.streams import Record

DOOR = "followup"


class Standing:
    """Prepares what the decisions on routing's events cannot look up, then lets them decide.

    ``free`` names the tickets that may take their alert key back when they are reopened.
    """

    def __init__(
        self,
        *,
        store: IntakeStore,
        writing: Writing,
        applying: Applying,
        numbers: Numbers,
        clock: Clock,
    ) -> None:
        self.free: set[str] = set()
        self._store = store
        self._writing = writing
        self._applying = applying
        self._numbers = numbers
        self._clock = clock

    async def process(
        self, records: Sequence[Record], *, decide: Callable[[Sequence[Record]], Awaitable[None]]
    ) -> None:
        """Process a batch of routing's events.

        Args:
            records: as they were read.
            decide: prepares and commits the decisions; here it is the consumer's ``process``.

        Raises:
            Infrastructure: nothing may be acknowledged; try the same batch again.
        """
        await decide(records)
        closed, _, _ = _sorted(records)
        # What came in between the first look and the closing has to be remembered as well.
        await self._remember(closed)

    async def prepare(self, records: Sequence[Record]) -> None:
        """Do what has to be done before events are decided on; the consumer's ``first``.

        Raises:
            Infrastructure: try again.
        """
        closed, reopened, followups = _sorted(records)
        await self._remember(closed)
        await self._find_free(reopened)
        await self._follow_up(followups)

    async def _remember(self, tickets: set[str]) -> None:
        """Remember the alerts of tickets that are closed: their late echoes open nothing."""
        if not tickets:
            return
        alerts: dict[str, Members] = {}
        for document in (await self._writing.load(tickets)).values():
            state = document.state
            if state is not None and state.alert_key is not None:
                alerts[state.alert_key] = state.members
        if alerts:
            await self._store.remember(alerts)

    async def _find_free(self, tickets: set[str]) -> None:
        self.free = set()
        if not tickets:
            return
        keys: dict[str, str] = {}
        for document in (await self._writing.load(tickets)).values():
            if document.state is not None and document.state.alert_key is not None:
                keys.setdefault(document.state.alert_key, document.id)
        opened = await self._store.open_alerts(keys) if keys else {}
        self.free = {t for key, t in keys.items() if opened.get(key, t) == t}

    async def _follow_up(self, events: Sequence[Event[FollowupRequested]]) -> None:
        """Make the receipt of each follow-up, under an id derived from the event."""
        wanted = {receipt_id(tenant=e.tenant, door=DOOR, key=e.id): e for e in events}
        if not wanted:
            return
        known = await self._store.receipts(wanted)
        new = {i: e for i, e in wanted.items() if i not in known}
        documents = await self._writing.load({e.subject for e in new.values()})
        incoming = []
        for identifier, event in new.items():
            receipt = await self._receipt(identifier, event, documents)
            if receipt is not None:
                incoming.append(Incoming(receipt))
        stored = [*known.values(), *(await self._store.keep(incoming) if incoming else ())]
        await self._applying.apply(stored)

    async def _receipt(
        self,
        identifier: str,
        event: Event[FollowupRequested],
        documents: Mapping[str, Document[Ticket]],
    ) -> Receipt | None:
        document = documents.get(event.subject)
        state = document.state if document else None
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
        if event.body.message is None and state is not None and state.alert_key is not None:
            task = await self._alerts(event, state, state.alert_key)
            return None if task is None else blank.model_copy(update={"task": task})
        found = await self._store.messages([event.body.message or ""])
        words = Words(subject=f"Follow-up of {event.body.facts.number}")
        for message in found.values():
            words = Words(
                subject=message.subject or words.subject,
                text=message.text,
                message_id=message.message_id,
            )
        task = Opening(
            contact=event.body.facts.contact,
            words=words,
            classified=_as_before(event.body.facts),
            follows=event.subject,
        )
        ticket = ticket_id(tenant=event.tenant, receipt=identifier)
        number = await self._numbers.take(event.tenant)
        return blank.model_copy(update={"ticket": ticket, "number": number, "task": task})

    async def _alerts(
        self, event: Event[FollowupRequested], state: Ticket, alert_key: str
    ) -> Task | None:
        """Return the alerts that fire on a closed ticket; None where none does any more."""
        firing = [
            Alert(fingerprint=f, status=o.status, starts_at=o.starts_at)
            for f, o in state.members.items()
            if o.status is AlertStatus.FIRING
        ]
        if not firing:
            return None
        first = (await self._store.messages([state.message])).get(state.message)
        return Alerting(
            group=AlertGroup(
                key=alert_key,
                alerts=tuple(firing),
                subject=first.subject if first else f"Follow-up of {state.facts.number}",
                text=first.text if first else "",
            ),
            alert_key=alert_key,
            classified=_as_before(event.body.facts),
            follows=event.subject,
        )


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
        language=facts.language,
        language_default=facts.language,
        vip=facts.vip,
        integration=facts.integration,
    )


def _sorted(
    records: Sequence[Record],
) -> tuple[set[str], set[str], list[Event[FollowupRequested]]]:
    """Return tickets closed, tickets reopened, and follow-ups; the rest is the consumer's."""
    closed: set[str] = set()
    reopened: set[str] = set()
    followups: list[Event[FollowupRequested]] = []
    for record in records:
        event = _readable(record)
        if event is None:
            continue
        match event.type:
            case TicketClosed.type:
                closed.add(event.subject)
            case TicketReopened.type:
                reopened.add(event.subject)
            case FollowupRequested.type:
                try:
                    followups.append(event.with_body(FollowupRequested))
                except ValidationError:
                    continue  # The consumer parks it.
            case _:
                continue
    return closed, reopened, followups


def _readable(record: Record) -> Event[Any] | None:
    try:
        return decode(record.headers, record.value)
    except EnvelopeInvalid:
        return None
