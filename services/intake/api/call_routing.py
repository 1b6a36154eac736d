"""Where calls go: for exchanges that ask, and agents who put a caller through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from services.intake.domain.call_menus import Action as MenuAction
from services.intake.domain.call_menus import CallMenu, MenuChoice
from services.intake.domain.call_routing import BY_ROUTING, CallRoute
from services.intake.handlers.call_routing import Asking, CallRouting, Told
from shared.auth import Action, Actor
from shared.contracts.control import IdentityKind
from shared.contracts.directions import CallDirection, CallWay
from shared.contracts.facts import Instant
from shared.contracts.routing import Status
from shared.http import allowed
from shared.organisation.words import Language, Name

Dialled = Annotated[str, Query(max_length=100, description="The number that was dialled.")]
Number = Annotated[str, Query(max_length=100, description="The caller's; empty if withheld.")]


class RouteBody(BaseModel):
    """A call that asks where it goes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: Annotated[str, Field(max_length=100)] = ""
    """The caller's; empty or ``anonymous`` where it is withheld."""
    dialled: Annotated[str, Field(max_length=100)] = ""
    digits: Annotated[str, Field(max_length=40, pattern=r"^[0-9A-Da-d*#, ]*$")] = ""
    """What was pressed in the menu."""
    language: Language | None = None
    """As the caller chose it."""
    call: Annotated[str, Field(min_length=1, max_length=300)] | None = None
    """The exchange's own name of the call: the request that comes of it goes the same way."""


class TransferBody(BaseModel):
    """Where a call in progress is put through."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    desk: Name | None = None
    """None: where the topology says, without the desk that has the call."""


class RouteShown(CallDirection):
    """Where a call goes now, who is there, and what waits."""

    calls_waiting: int
    """On the line for the desk, and not answered."""
    expected_wait_seconds: int | None
    """The median of the calls that the desk answered in the last hour; None: too few."""
    decided_by: str
    """``routing``; or ``configuration``, where routing did not answer in time."""
    provisional: bool
    """Topologies and opening hours alone decided: who is there is not known."""

    @classmethod
    def of(cls, route: CallRoute) -> RouteShown:
        """Return the view of a route."""
        return cls(
            **dict(route.direction),
            calls_waiting=route.calls_waiting,
            expected_wait_seconds=route.expected_wait_seconds,
            decided_by=route.decided_by,
            provisional=route.decided_by != BY_ROUTING,
        )


class ChoiceShown(BaseModel):
    """One entry of a menu."""

    key: str
    titles: Mapping[str, str]
    """How it is announced, by language."""
    action: MenuAction
    way: CallWay | None
    """Where the call goes then; None where the telephone itself answers."""

    @classmethod
    def of(cls, choice: MenuChoice) -> ChoiceShown:
        """Return the view of an entry."""
        return cls(key=choice.key, titles=choice.titles, action=choice.action, way=_way(choice.way))


class MenuShown(BaseModel):
    """What a caller can choose."""

    topology: str
    shape: str
    entries: tuple[ChoiceShown, ...]
    """None where a call needs no choice."""
    default: CallWay
    """Where the call goes where nothing or nonsense is pressed."""

    @classmethod
    def of(cls, menu: CallMenu) -> MenuShown:
        """Return the view of a menu."""
        return cls(
            topology=menu.topology,
            shape=menu.shape,
            entries=tuple(ChoiceShown.of(choice) for choice in menu.entries),
            default=CallWay.model_validate(menu.default.model_dump()),
        )


class ToldTicket(BaseModel):
    """A ticket as a telephone tells of it."""

    number: str
    status: Status | None
    """None where routing does not answer: it was received."""
    desk: str | None
    opens_at: Instant | None
    says: Mapping[str, str]
    """The same as a sentence, by language."""

    @classmethod
    def of(cls, told: Told) -> ToldTicket:
        """Return the view of a ticket."""
        standing = told.standing
        return cls(
            number=told.number,
            status=standing.status if standing else None,
            desk=standing.desk if standing else None,
            opens_at=standing.opens_at if standing else None,
            says=told.says,
        )


class ToldTickets(BaseModel):
    """The caller's open tickets, the newest first."""

    tickets: tuple[ToldTicket, ...]


def call_routing_router(routing: CallRouting) -> APIRouter:
    """Return the routes under ``/v1/calls`` that say where to."""
    router = APIRouter(tags=["calls"])
    submit: Any = allowed(Action.SUBMIT)
    work: Any = allowed(Action.WORK)

    @router.post("/v1/calls/route")
    async def route(body: RouteBody, actor: Actor = submit) -> RouteShown:
        """Say where a call goes now.

        An exchange asks with the token of its integration, whose settings say what the dialled
        number and the menu path mean.
        """
        asking = Asking(tenant=actor.tenant, integration=_exchange(actor), **dict(body))
        return RouteShown.of(await routing.route(asking))

    @router.get("/v1/calls/menu")
    async def menu(dialled: Dialled = "", number: Number = "", actor: Actor = submit) -> MenuShown:
        """Say what a caller can choose, to be announced in English, Chinese, or a language more."""
        asking = Asking(
            tenant=actor.tenant, integration=_exchange(actor), number=number, dialled=dialled
        )
        return MenuShown.of(await routing.menu(asking))

    @router.get("/v1/calls/tickets")
    async def tickets(number: Number, actor: Actor = submit) -> ToldTickets:
        """Say how the caller's open tickets stand: for the menu of self-service.

        A shown number can be forged: numbers and states are told, and nothing else.
        """
        written = f"+{number[1:]}" if number.startswith(" ") else number
        asking = Asking(tenant=actor.tenant, integration=_exchange(actor), number=written)
        found = await routing.tickets(asking)
        return ToldTickets(tickets=tuple(ToldTicket.of(told) for told in found))

    @router.post("/v1/calls/{call}/transfer")
    async def transfer(
        call: str, body: TransferBody | None = None, actor: Actor = work
    ) -> RouteShown:
        """Say to which other open desk a call in progress is put through.

        409 where nobody else is open; the reason says when somebody opens.
        """
        desk = body.desk if body is not None else None
        found = await routing.transfer(call, tenant=actor.tenant, by=actor.name, desk=desk)
        return RouteShown.of(found)

    return router


def _exchange(actor: Actor) -> str | None:
    return actor.name if actor.kind is IdentityKind.INTEGRATION else None


def _way(direction: CallDirection | None) -> CallWay | None:
    return CallWay.model_validate(direction.model_dump()) if direction is not None else None
