"""Call routing: where a call goes, its menu, transfers, and what a telephone says of tickets."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

from services.intake.domain.call_menus import CallMenu, menu_of, told_state
from services.intake.domain.call_routing import (
    BY_CONFIGURATION,
    BY_ROUTING,
    CallRoute,
    Line,
    by_configuration,
    expected_wait,
    waiting_at,
)
from services.intake.domain.calls import CALL, call_stream, choice_of, decide_directed
from services.intake.domain.contact import Person
from services.intake.domain.telephone import caller_party
from services.intake.handlers.call_desk import Acquaintances, CallDesk, FoundCall
from services.intake.handlers.exchanges import is_exchange, line_dialled, phone_settings_of
from services.intake.ports import CallDetail, CallStore
from shared.clock import Clock
from shared.commit import Command, Committer
from shared.configuration import Configurations
from shared.contracts.calls import CallDirected
from shared.contracts.directions import CallDirection, CallQuestion, TicketStanding
from shared.directions import stand_of
from shared.kernel import CommandRejected, Infrastructure, derived_id, rfc3339
from shared.organisation import Configuration, UnknownName

OPEN_CALLS_MAX = 500
RECENT_CALLS_MAX = 500
RECENT = timedelta(hours=1)
"""The calls from which a wait is expected."""
TICKETS_MAX = 9
"""Of which a telephone tells; nobody listens to more."""


class Directions(Protocol):
    """Routing's answers. Every method may raise `Infrastructure`, within a short deadline."""

    async def direct(self, question: CallQuestion) -> CallDirection | None:
        """Return where a call goes; None where every way leads to an excluded desk."""
        ...

    async def standings(self, tenant: str, ids: Collection[str]) -> Sequence[TicketStanding]:
        """Return where tickets stand."""
        ...


class Alone:
    """`Directions` of nobody: the configuration alone decides."""

    async def direct(self, question: CallQuestion) -> CallDirection | None:
        """Answer nothing."""
        raise Infrastructure("there is no routing to ask")

    async def standings(self, tenant: str, ids: Collection[str]) -> Sequence[TicketStanding]:
        """Answer nothing."""
        raise Infrastructure("there is no routing to ask")


@dataclass(frozen=True, slots=True)
class Asking:
    """A call that asks where it goes."""

    tenant: str
    integration: str | None = None
    """The exchange that asks; None where a person does."""
    number: str = ""
    """Of the caller; empty where it is withheld."""
    dialled: str = ""
    digits: str = ""
    """The menu path, as it was pressed."""
    language: str | None = None
    """As the caller chose it."""
    call: str | None = None
    """The exchange's own name of the call: then the answer is kept with it."""


@dataclass(frozen=True, slots=True)
class Told:
    """A ticket as a telephone tells of it; no standing where routing does not answer."""

    number: str
    standing: TicketStanding | None

    @property
    def says(self) -> Mapping[str, str]:
        """The state in a sentence, by language."""
        standing = self.standing
        if standing is None:
            return told_state(None, 0)
        return told_state(standing.status, standing.tier)


class CallRouting:
    """Answers exchanges and agents. Every method may raise `Infrastructure`, for the store."""

    def __init__(
        self,
        *,
        directions: Directions,
        desk: CallDesk,
        calls: CallStore,
        people: Acquaintances,
        committer: Committer,
        configurations: Configurations,
        clock: Clock,
    ) -> None:
        self._directions = directions
        self._desk = desk
        self._calls = calls
        self._people = people
        self._committer = committer
        self._configurations = configurations
        self._clock = clock

    async def route(self, asking: Asking) -> CallRoute:
        """Return where a call goes now.

        What is dialled and pressed says more than where the contact is at home.

        Raises:
            CommandRejected: ``not-configured``: no topology takes calls, and there is no fallback.
        """
        question = await self._question(asking)
        route = await self._directed(question)
        if route is None:
            raise CommandRejected("nobody-else", "no topology names a desk for it", status=409)
        configuration = self._configurations.current(asking.tenant)
        exchange = asking.integration is not None and is_exchange(configuration, asking.integration)
        if asking.call is not None and asking.integration is not None and exchange:
            await self._noted(asking, asking.integration, asking.call)
            body = directed_body(question, route, integration=asking.integration)
            stream = call_stream(
                tenant=asking.tenant, integration=asking.integration, call=asking.call
            )
            await self._keep(asking.tenant, stream, body)
        return route

    async def menu(self, asking: Asking) -> CallMenu:
        """Return what a caller can choose before the call is sent anywhere.

        Raises:
            CommandRejected: ``not-configured``.
        """
        question = await self._question(replace(asking, digits="", call=None))
        configuration = self._configurations.current(asking.tenant)
        try:
            return menu_of(configuration, question, at=self._clock.now())
        except UnknownName as error:
            raise CommandRejected("not-configured", str(error), status=409) from error

    async def transfer(self, name: str, *, tenant: str, by: str, desk: str | None) -> CallRoute:
        """Return where a call in progress is transferred: to another desk that is open.

        Args:
            name: the call's id, or what its exchange calls it.
            tenant: of the agent.
            by: the agent.
            desk: where to; None: what the topology says without the desk that has the call.

        Raises:
            CommandRejected: ``not-found``; ``call-over``; ``unknown-desk``; ``desk-closed`` and
                ``nobody-open``, which say when somebody opens; ``nobody-else``.
        """
        found = await self._desk.call(name, tenant=tenant)
        if found is None:
            raise CommandRejected("not-found", f"there is no call {name[:80]!r}", status=404)
        if not found.call.open:
            raise CommandRejected("call-over", "the call is over: nobody can be put through")
        known = found.call.directed
        at = known.desk if known is not None else None
        configuration = self._configurations.current(tenant)
        if desk is not None and all(d.name != desk for d in configuration.desks.desks):
            raise CommandRejected(
                "unknown-desk", f"there is no desk {desk[:80]!r}", field="desk", status=422
            )
        question = await self._again(found, tenant=tenant, at=at)
        if desk is None:
            route = await self._directed(question)
        else:
            route = self._named(configuration, question, desk)
        if route is None:
            raise CommandRejected("nobody-else", "there is no other desk for this call")
        if not route.direction.open:
            opens = route.direction.opens_at
            when = f"opens {rfc3339(opens)}" if opens is not None else "opens at no known time"
            code = "desk-closed" if desk is not None else "nobody-open"
            raise CommandRejected(code, f"nobody else is open: {route.direction.desk} {when}")
        body = directed_body(question, route, integration=found.call.integration)
        body = body.model_copy(update={"transfer": True, "from_desk": at, "by": by})
        await self._keep(tenant, found.id, body)
        return route

    async def tickets(self, asking: Asking) -> list[Told]:
        """Return the open tickets of whoever has the caller's number, the newest first.

        A shown number can be forged: no text, no name and no contact is told.

        Raises:
            CommandRejected: ``forbidden``: an integration asks that is no telephone exchange.
        """
        configuration = self._configurations.current(asking.tenant)
        if asking.integration is not None and not is_exchange(configuration, asking.integration):
            raise CommandRejected(
                "forbidden", f"{asking.integration} is no telephone exchange", status=403
            )
        person = await self._caller(asking)
        if person is None:
            return []
        found = await self._calls.open_tickets(
            tenant=asking.tenant, contact=person.id, limit=TICKETS_MAX
        )
        try:
            known = await self._directions.standings(asking.tenant, [i for i, _ in found])
        except Infrastructure:
            known = ()
        standings = {standing.id: standing for standing in known}
        return [Told(ticket.facts.number, standings.get(i)) for i, ticket in found]

    async def _directed(self, question: CallQuestion) -> CallRoute | None:
        """Ask routing; where it does not answer in time, the configuration alone."""
        decided_by = BY_ROUTING
        try:
            found = await self._directions.direct(question)
        except Infrastructure:
            decided_by = BY_CONFIGURATION
            configuration = self._configurations.current(question.tenant)
            try:
                found = by_configuration(configuration, question, at=self._clock.now())
            except UnknownName as error:
                raise CommandRejected("not-configured", str(error), status=409) from error
        if found is None:
            return None
        return await self._with_waits(question.tenant, CallRoute(found, decided_by))

    async def _with_waits(self, tenant: str, route: CallRoute) -> CallRoute:
        now, desk = self._clock.now(), route.direction.desk
        recent = await self._calls.calls_between(
            tenant=tenant, start=now - RECENT, end=now, limit=RECENT_CALLS_MAX
        )
        lines = await self._calls.open_calls(
            tenant=tenant, since=now - RECENT, limit=OPEN_CALLS_MAX
        )
        waiting = waiting_at(desk, (call for _, call in lines))
        free = None if waiting else route.direction.agents_free
        return replace(
            route,
            calls_waiting=waiting,
            expected_wait_seconds=expected_wait(desk, recent, free=free),
        )

    def _named(
        self, configuration: Configuration, question: CallQuestion, desk: str
    ) -> CallRoute | None:
        """Return the way to a desk that an agent names; None where it is the one that has it."""
        if desk in question.excluded:
            return None
        found = by_configuration(configuration, question, at=self._clock.now())
        opened, opens_at = stand_of(configuration, desk, self._clock.now())
        direction = CallDirection(
            desk=desk,
            open=opened,
            opens_at=opens_at,
            topology=found.topology if found is not None else "",
            shape=found.shape if found is not None else "",
            reason="an agent named it",
        )
        return CallRoute(direction, BY_CONFIGURATION)

    async def _question(self, asking: Asking) -> CallQuestion:
        settings = phone_settings_of(
            self._configurations.current(asking.tenant), asking.integration
        )
        person = await self._caller(asking)
        line = Line(
            region=person.region if person else None,
            site=person.site if person else None,
            language=person.language if person else None,
            business=person.business if person else None,
        )
        line = line_dialled(settings, asking.dialled).over(line)
        pressed = asking.digits
        chosen = next((s.choices[pressed] for s in settings if pressed in s.choices), None)
        line = (chosen.line() if chosen else Line()).over(line)
        line = Line(language=asking.language, choice=choice_of(pressed)).over(line)
        return CallQuestion(
            tenant=asking.tenant,
            language=line.language,
            region=line.region,
            site=line.site,
            service=line.service,
            business=line.business,
            choice=line.choice,
        )

    async def _caller(self, asking: Asking) -> Person | None:
        settings = phone_settings_of(
            self._configurations.current(asking.tenant), asking.integration
        )
        country = next((s.country for s in settings if s.country), None)
        party = caller_party(asking.number, country=country)
        return await self._people.known(party, tenant=asking.tenant) if party is not None else None

    async def _again(self, found: FoundCall, *, tenant: str, at: str | None) -> CallQuestion:
        """Return what is asked for a call in progress, with its present desk excluded."""
        known = found.call.directed
        excluded = (at,) if at is not None else ()
        if known is not None:
            return CallQuestion(
                tenant=tenant,
                language=known.language,
                region=known.region,
                site=known.site,
                service=known.service,
                business=known.business,
                choice=known.choice,
                excluded=excluded,
            )
        details = found.details
        asking = Asking(
            tenant=tenant,
            integration=found.call.integration,
            number=next((d.number for d in details if d.number), ""),
            dialled=next((d.dialled for d in details if d.dialled), ""),
            digits=found.call.digits,
        )
        return await self._question(asking)

    async def _noted(self, asking: Asking, integration: str, call: str) -> None:
        """Keep what only intake may know, so that the call is found by its exchange's name."""
        stream = call_stream(tenant=asking.tenant, integration=integration, call=call)
        settings = phone_settings_of(self._configurations.current(asking.tenant), integration)
        country = next((s.country for s in settings if s.country), None)
        party = caller_party(asking.number, country=country)
        number = (party.phone or party.address.partition(":")[2]) if party is not None else ""
        said = (number, asking.dialled[:40], "", "")
        detail = CallDetail(
            id=derived_id("call-detail", stream, *said),
            tenant=asking.tenant,
            call=stream,
            integration=integration,
            name=call,
            at=self._clock.now(),
            number=number,
            dialled=said[1],
        )
        await self._calls.add_details([detail])

    async def _keep(self, tenant: str, stream: str, body: CallDirected) -> None:
        command = Command(
            target=stream, tenant=tenant, decide=lambda state: decide_directed(state, body)
        )
        await self._committer.execute(CALL, command)


def directed_body(question: CallQuestion, route: CallRoute, *, integration: str) -> CallDirected:
    """Return the event of where a call goes."""
    direction = route.direction
    return CallDirected(
        integration=integration,
        desk=direction.desk,
        queue=direction.queue,
        topology=direction.topology,
        choice=question.choice,
        open=direction.open,
        opens_at=direction.opens_at,
        decided_by=route.decided_by,
        service=question.service,
        region=question.region,
        site=question.site,
        business=question.business,
        language=question.language,
    )
