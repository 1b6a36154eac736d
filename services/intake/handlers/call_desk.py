"""The call desk: what agents and exchanges ask of calls, before and after they are answered."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from services.intake.domain.call_figures import CallFigures, call_figures
from services.intake.domain.calls import Call
from services.intake.domain.contact import Person
from services.intake.domain.normal import Party
from services.intake.domain.receipts import Receipt, receipt_id
from services.intake.domain.telephone import caller_party
from services.intake.domain.ticket import Ticket
from services.intake.handlers.calling import CALLBACK
from services.intake.ports import CallDetail, CallStore
from shared.clock import Clock
from shared.configuration import Configurations
from shared.kernel import CommandRejected

TICKETS_MAX = 20
OPEN_CALLS_MAX = 500
OPEN_CALLS_AGE_MAX = timedelta(days=1)
"""Of an older call the end was never told: it would stand before those that are on the line."""
FIGURES_CALLS_MAX = 50_000
"""Calls of one answer: a larger span is asked for in parts."""
FIGURES_SPAN_MAX = timedelta(days=366)


class Acquaintances(Protocol):
    """Knows people by what they are reached by."""

    async def known(self, party: Party, *, tenant: str) -> Person | None:
        """Return who a party is, where that is known."""
        ...


class Known(Protocol):
    """Rows that a call is shown with. Every method may raise `Infrastructure`."""

    async def receipts(self, ids: Collection[str]) -> dict[str, Receipt]:
        """Return receipts by id."""
        ...

    async def people(self, ids: Collection[str]) -> dict[str, Person]:
        """Return people by contact id."""
        ...


@dataclass(frozen=True, slots=True)
class FoundCall:
    """A call with what only intake knows of it, and the request that it opened."""

    id: str
    call: Call
    details: Sequence[CallDetail]
    callback: Receipt | None


@dataclass(frozen=True, slots=True)
class CallerCard:
    """What an agent sees before they answer. The contact is None where nobody is known."""

    number: str
    """As it is written by rule; empty where it is withheld."""
    contact: Person | None
    tickets: Sequence[tuple[str, Ticket]]


class CallDesk:
    """Answers questions about calls. Every method may raise `Infrastructure`."""

    def __init__(
        self,
        *,
        calls: CallStore,
        rows: Known,
        people: Acquaintances,
        configurations: Configurations,
        clock: Clock,
    ) -> None:
        self._calls = calls
        self._rows = rows
        self._people = people
        self._configurations = configurations
        self._clock = clock

    async def call(self, name: str, *, tenant: str) -> FoundCall | None:
        """Return a call by its id, or by what its exchange calls it."""
        identifier = name
        found = await self._calls.call(name, tenant=tenant)
        if found is None:
            identifier = await self._calls.named(tenant=tenant, name=name) or ""
            found = await self._calls.call(identifier, tenant=tenant) if identifier else None
        if found is None:
            return None
        opened = receipt_id(tenant=tenant, door=CALLBACK, key=identifier)
        return FoundCall(
            id=identifier,
            call=found,
            details=await self._calls.details(tenant=tenant, call=identifier),
            callback=(await self._rows.receipts([opened])).get(opened),
        )

    async def open_calls(self, *, tenant: str) -> list[tuple[str, Call]]:
        """Return calls that are not over, the oldest first."""
        since = self._clock.now() - OPEN_CALLS_AGE_MAX
        return await self._calls.open_calls(tenant=tenant, since=since, limit=OPEN_CALLS_MAX)

    async def figures(self, *, tenant: str, start: datetime, end: datetime) -> CallFigures:
        """Return the figures of calls offered in ``[start, end)``.

        Raises:
            CommandRejected: the span is empty, too long, or has too many calls.
        """
        if not start < end:
            _refuse("to", "the end is not after the start")
        if end - start > FIGURES_SPAN_MAX:
            _refuse("to", f"more than {FIGURES_SPAN_MAX.days} days")
        found = await self._calls.calls_between(
            tenant=tenant, start=start, end=end, limit=FIGURES_CALLS_MAX + 1
        )
        if len(found) > FIGURES_CALLS_MAX:
            _refuse("to", f"more than {FIGURES_CALLS_MAX} calls: ask for a shorter span")
        return call_figures(found)

    async def card_of_call(self, name: str, *, tenant: str) -> CallerCard | None:
        """Return the card of whoever is on a call; None where there is no such call."""
        found = await self.call(name, tenant=tenant)
        if found is None:
            return None
        number = next((d.number for d in found.details if d.number), "")
        person = None
        if found.call.contact is not None:
            person = (await self._rows.people([found.call.contact])).get(found.call.contact)
        if person is not None and person.merged_into is not None:
            merged = await self._rows.people([person.merged_into])
            person = merged.get(person.merged_into) or person
        return await self._card(number, person, tenant=tenant)

    async def card_of_number(self, number: str, *, country: str | None, tenant: str) -> CallerCard:
        """Return the card of whoever has a number.

        Args:
            number: as the exchange shows it, or an extension.
            country: of a number without its country's code, ISO 3166-1 alpha-2.
            tenant: of the agent.
        """
        party = caller_party(number, country=country)
        if party is None:
            return CallerCard(number="", contact=None, tickets=())
        person = await self._people.known(party, tenant=tenant)
        shown = party.phone or party.address.partition(":")[2]
        return await self._card(shown, person, tenant=tenant)

    async def _card(self, number: str, person: Person | None, *, tenant: str) -> CallerCard:
        if person is None or person.tenant != tenant:
            return CallerCard(number=number, contact=None, tickets=())
        tickets = await self._calls.open_tickets(
            tenant=tenant, contact=person.id, limit=TICKETS_MAX
        )
        return CallerCard(number=number, contact=person, tickets=tickets)


def _refuse(field: str, reason: str) -> None:
    raise CommandRejected("invalid", reason, field=field, status=422)
