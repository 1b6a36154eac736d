"""Calling: moments of telephone calls become calls, and a call that was lost a request."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from pydantic import ValidationError

from services.intake.domain.calls import (
    CALL,
    Call,
    call_stream,
    decide_moments,
    moment_of,
)
from services.intake.domain.contact import Person
from services.intake.domain.normal import Party, Request
from services.intake.domain.receipts import Calling, Receipt, message_id, receipt_id
from services.intake.doors import DOORS, Door
from services.intake.doors.phone.settings import PhoneSettings
from services.intake.handlers.callers import Caller
from services.intake.handlers.outcomes import Outcome
from services.intake.ports import CallDetail, CallStore, Incoming
from shared.aggregate import Document
from shared.clock import Clock
from shared.commit import Command, Committer
from shared.configuration import Configurations
from shared.contracts.calls import CallOutcome
from shared.contracts.facts import Channel
from shared.kernel import derived_id, digest
from shared.organisation import Configuration, Integration, UnknownName

CALLBACK = "callback"
"""The door of requests that calls themselves open, in their receipts."""
PHONE_DOOR = "cti"
"""Whose terms hold for the requests of calls, whatever exchange told of them."""
LOST = frozenset({CallOutcome.ABANDONED, CallOutcome.MISSED})


class Receipts(Protocol):
    """Keeps receipts. Every method may raise `Infrastructure`."""

    async def keep(self, incoming: Sequence[Incoming]) -> list[Receipt]:
        """Insert receipts durably; return, in order, what is stored under each one's id."""
        ...

    async def receipts(self, ids: Collection[str]) -> dict[str, Receipt]:
        """Return receipts by id."""
        ...


class Forms(Protocol):
    """Gives receipts their tasks. May raise `Infrastructure`."""

    async def form(
        self,
        receipt: Receipt,
        form: Request,
        *,
        door: Door,
        caller: Caller,
        configuration: Configuration,
    ) -> Receipt:
        """Return the receipt with its task and its ticket."""
        ...


class Calls:
    """Applies receipts that tell moments of calls."""

    def __init__(
        self,
        *,
        calls: CallStore,
        rows: Receipts,
        committer: Committer,
        forming: Forms,
        configurations: Configurations,
        clock: Clock,
    ) -> None:
        self._calls = calls
        self._rows = rows
        self._committer = committer
        self._forming = forming
        self._configurations = configurations
        self._clock = clock

    async def apply(
        self, receipts: Sequence[Receipt], met: Mapping[str, Person]
    ) -> dict[str, Outcome]:
        """Write details, then calls, then the requests that lost calls open."""
        groups: dict[str, list[Receipt]] = {}
        for receipt in receipts:
            groups.setdefault(_stream(receipt), []).append(receipt)
        details = {d.id: d for d in map(detail_of, receipts)}
        await self._calls.add_details(list(details.values()))
        commands = [_command(call, group, met) for call, group in groups.items()]
        results = await self._committer.execute_all(CALL, commands)
        done: dict[str, Outcome] = {}
        for call, group in groups.items():
            result = results.get(call)
            if isinstance(result, Document):
                if result.state is not None:
                    await self._call_back(call, result.state, group[0])
                outcome = Outcome()
            elif result is None:
                outcome = Outcome(waits="the call changed meanwhile, or waits for the broker")
            else:
                outcome = Outcome(waits=str(result))
            done.update({r.id: outcome for r in group})
        return done

    async def _call_back(self, call: str, state: Call, told: Receipt) -> None:
        """Open a request for a call that was lost, once, where its integration asks for that.

        An answer that is told after the end, out of order, does not take the request back.
        """
        if state.outbound or state.outcome not in LOST:
            return
        integration = self._integration(told.tenant, state.integration)
        if integration is None or not opens_missed(integration):
            return
        identifier = receipt_id(tenant=told.tenant, door=CALLBACK, key=call)
        if identifier in await self._rows.receipts([identifier]):
            return
        known = await self._calls.details(tenant=told.tenant, call=call)
        number = next((d.number for d in known if d.number.startswith("+")), None)
        if number is None:
            return
        now = self._clock.now()
        blank = Receipt(
            id=identifier,
            tenant=told.tenant,
            door=CALLBACK,
            by=integration.name,
            key=call,
            body=digest(call.encode()),
            message=message_id(identifier),
            accepted_at=now,
            configversion=self._configurations.version(told.tenant),
            pending_since=now,
        )
        receipt = await self._forming.form(
            blank,
            with_place(
                callback_request(call, state, number=number),
                state,
                self._configurations.current(told.tenant),
            ),
            door=DOORS[PHONE_DOOR],
            caller=Caller(tenant=told.tenant, name=integration.name, integration=integration),
            configuration=self._configurations.current(told.tenant),
        )
        await self._rows.keep([Incoming(receipt)])

    def _integration(self, tenant: str, name: str) -> Integration | None:
        try:
            return self._configurations.current(tenant).integration(name)
        except UnknownName:
            return None


def opens_missed(integration: Integration) -> bool:
    """Return whether a lost call opens a request."""
    try:
        return PhoneSettings.model_validate(integration.settings).missed_opens
    except ValidationError:
        return False


def callback_request(call: str, state: Call, *, number: str) -> Request:
    """Return the request to call somebody back.

    Args:
        call: its stream.
        state: it is over, and was lost.
        number: in E.164.
    """
    waited = state.times.wait_ms // 1_000
    place = f" in {state.place}" if state.place else ""
    return Request(
        contact=Party(phone=number),
        subject=f"Call back {number}",
        text=f"The call was {state.outcome}{place} after {waited} seconds of waiting.",
        channel=Channel.PHONE,
        fields={"call": call},
        choice=state.choice,
    )


def with_place(request: Request, state: Call, configuration: Configuration) -> Request:
    """Return a request with where its call was sent from, so that it goes the same way.

    What the organisation has no more is left out: it would refuse the request.
    """
    directed = state.directed
    if directed is None:
        return request
    organisation = configuration.organisation
    known = {
        "region": {region.name for region in organisation.regions},
        "site": {site.name for site in organisation.sites},
        "business": {business.name for business in organisation.businesses},
        # Without a catalogue every word is a service.
        "service": set(configuration.services_by_name) or {directed.service or ""},
    }
    found = {
        field: value
        for field, names in known.items()
        if (value := getattr(directed, field)) is not None and value in names
    }
    return request.model_copy(update=found)


def _calling(receipt: Receipt) -> Calling:
    if not isinstance(receipt.task, Calling):
        raise TypeError(f"{receipt.id} tells of no call")
    return receipt.task


def _stream(receipt: Receipt) -> str:
    progress = _calling(receipt).progress
    return call_stream(tenant=receipt.tenant, integration=receipt.by, call=progress.call)


def detail_of(receipt: Receipt) -> CallDetail:
    """Return what a moment says that no event may; the same words have the same id."""
    progress, call = _calling(receipt).progress, _stream(receipt)
    contact = progress.contact
    number = (contact.phone or contact.address.partition(":")[2]) if contact else ""
    said = (number, progress.dialled, progress.menu, progress.recording or "")
    return CallDetail(
        id=derived_id("call-detail", call, *said),
        tenant=receipt.tenant,
        call=call,
        integration=receipt.by,
        name=progress.call,
        at=progress.at,
        number=said[0],
        dialled=said[1],
        menu=said[2],
        recording=said[3],
    )


def _command(call: str, group: Sequence[Receipt], met: Mapping[str, Person]) -> Command:
    told = [_calling(r).progress for r in group]
    contact = next((met[r.id].id for r in group if r.id in met), None)
    return Command(
        target=call,
        tenant=group[0].tenant,
        decide=lambda state: decide_moments(
            state,
            integration=group[0].by,
            moments=[moment_of(progress) for progress in told],
            contact=contact,
            outbound=any(progress.outbound for progress in told),
        ),
        correlationid=group[0].trace,
    )
