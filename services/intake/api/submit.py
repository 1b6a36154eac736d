"""The doors over HTTP: plain routes, for they are hot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.intake.domain.receipts import Receipt
from services.intake.doors import DOORS, Door, HttpEntrance, Raw, Refused
from services.intake.handlers.accepting import Accepting, Caller
from shared.auth import Action, Actor
from shared.configuration import Configurations
from shared.contracts.control import IdentityKind
from shared.http import Problem, authenticated
from shared.organisation import UnknownName


@dataclass(frozen=True, slots=True)
class Answers:
    """How an acceptance is answered.

    Args:
        link: pattern of the link, with ``{ticket}`` and ``{number}``.
        wait_seconds_max: for alerts, whose ticket is known only once they are applied.
    """

    link: str
    wait_seconds_max: float

    def of(self, receipt: Receipt) -> Response:
        """Return 202: the receipt is durable. Alerts may have no ticket: no news, or not yet."""
        location = f"/v1/requests/{receipt.ticket or receipt.id}"
        link = (
            self.link.format(ticket=receipt.ticket, number=receipt.number)
            if receipt.ticket
            else location
        )
        content = {
            "ticket": receipt.ticket,
            "number": receipt.number,
            "link": link,
            "receipt": receipt.id,
        }
        return JSONResponse(content, status_code=202, headers={"Location": location})


def door_routes(
    *,
    accepting: Accepting,
    configurations: Configurations,
    answers: Answers,
    closed: Callable[[], str],
) -> list[Route]:
    """Return one route for each door that has an HTTP entrance.

    Args:
        accepting: the use case.
        configurations: where integrations are found.
        answers: how an acceptance is answered.
        closed: says why nobody can be recognised yet; empty once everybody can.
    """

    def route(door: Door, entrance: HttpEntrance) -> Route:
        async def submit(request: Request) -> Response:
            caller = _caller(door, request, configurations, closed)
            raw = Raw(body=await request.body(), headers=dict(request.headers))
            try:
                read = door.parse(raw)
            except Refused as error:
                raise problem_of_refusal(error) from error
            receipt = await accepting.submit(door, read, caller)
            if receipt.ticket is None:
                receipt = await accepting.applied(receipt, seconds_max=answers.wait_seconds_max)
            return answers.of(receipt)

        return Route(entrance.path, submit, methods=["POST"], name=door.name)

    return [route(door, door.http) for door in DOORS.values() if door.http is not None]


def problem_of_refusal(error: Refused) -> Problem:
    """Return the answer to what a door could not read: each field, each reason."""
    return Problem(
        error.kind.value,
        error.kind.name.lower().replace("_", "-"),
        str(error),
        errors=[{"field": fault.field, "reason": fault.reason} for fault in error.faults],
    )


def require_open(closed: Callable[[], str]) -> None:
    """Refuse while the callers that there are have not been read: a 401 would be a wrong one.

    Raises:
        Problem: 503.
    """
    reason = closed()
    if reason:
        raise Problem(503, "unavailable", reason, headers={"Retry-After": "2"})


def _caller(
    door: Door, request: Request, configurations: Configurations, closed: Callable[[], str]
) -> Caller:
    """Return who calls, where this door is theirs.

    Raises:
        Problem: 401, 403 or 503.
    """
    require_open(closed)
    actor = authenticated(request, Action.SUBMIT)
    if actor.kind is not IdentityKind.INTEGRATION:
        if not door.people:
            reason = f"the door {door.name} is for integrations"
            raise Problem(403, "forbidden", reason)
        return Caller(tenant=actor.tenant, name=actor.name)
    return _integration(door, actor, configurations)


def _integration(door: Door, actor: Actor, configurations: Configurations) -> Caller:
    try:
        found = configurations.current(actor.tenant).integration(actor.name)
    except UnknownName as error:
        reason = f"the configuration has no integration {actor.name!r}"
        raise Problem(403, "forbidden", reason) from error
    if not found.enabled:
        raise Problem(403, "forbidden", f"the integration {found.name} is switched off")
    if found.door != door.integrations:
        reason = f"the integration {found.name} is for the door {found.door}"
        raise Problem(403, "forbidden", reason)
    return Caller(tenant=actor.tenant, name=found.name, integration=found)
