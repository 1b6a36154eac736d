"""The doors over HTTP: plain routes, for they are hot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.intake.domain.normal import NormalForm
from services.intake.domain.receipts import Receipt
from services.intake.doors import (
    DOORS,
    Answer,
    Door,
    HttpEntrance,
    Raw,
    Read,
    Refused,
    Setup,
    Signature,
    Taken,
    Token,
    Unauthenticated,
)
from services.intake.handlers.accepting import Accepting
from services.intake.handlers.callers import Caller, SetupInvalid, setup_of
from services.intake.handlers.limiting import Limiter
from services.intake.handlers.public_keys import PublicKeys
from shared.auth import Action, Actor
from shared.clock import Clock
from shared.configuration import Configurations
from shared.contracts.control import IdentityKind
from shared.http import Problem, authenticated_by
from shared.log import Log
from shared.organisation import Integration, UnknownName


@dataclass(frozen=True, slots=True)
class Answers:
    """How an acceptance is answered.

    Args:
        link: pattern of the link, with ``{ticket}`` and ``{number}``.
        wait_seconds_max: for alerts, whose ticket is known only once they are applied.
    """

    link: str
    wait_seconds_max: float

    def taken(self, receipt: Receipt) -> Taken:
        """Return where a submission is. Alerts may have no ticket: no news, or not yet."""
        location = f"/v1/requests/{receipt.ticket or receipt.id}"
        link = (
            self.link.format(ticket=receipt.ticket, number=receipt.number)
            if receipt.ticket
            else location
        )
        return Taken(
            receipt=receipt.id,
            ticket=receipt.ticket,
            number=receipt.number,
            link=link,
            location=location,
        )


@dataclass(frozen=True, slots=True)
class Entering:
    """What the routes of the doors work with.

    Args:
        accepting: the use case.
        configurations: where integrations are found.
        answers: how an acceptance is answered.
        closed: says why nobody can be recognised yet; empty once everybody can.
        clock: for the age of what is signed.
        public_keys: of vendors that sign with such.
        limiter: counts what each integration hands in.
        log: is told why a signature was refused; the caller is not.
    """

    accepting: Accepting
    configurations: Configurations
    answers: Answers
    closed: Callable[[], str]
    clock: Clock
    public_keys: PublicKeys
    limiter: Limiter
    log: Log

    async def enter(self, door: Door, entrance: HttpEntrance, request: Request) -> Response:
        """Take one call through a door."""
        require_open(self.closed)
        raw = await self._raw(entrance, request)
        caller = await self._caller(door, request, raw)
        if door.greet is not None:
            greeting = door.greet(raw, caller.setup)
            if greeting is not None:
                greeted = response_of(greeting)
                self._follow(door, raw, caller, greeted)
                return greeted
        await self._limit(caller)
        try:
            reads = door.parse(raw, caller.setup)
        except Refused as error:
            if door.refuse is not None:
                return response_of(door.refuse(raw, error))
            raise problem_of_refusal(error) from error
        taken = await self._accept(door, reads, caller, raw)
        answer = _accepted(taken) if door.answer is None else response_of(door.answer(raw, taken))
        self._follow(door, raw, caller, answer)
        return answer

    async def _accept(
        self, door: Door, reads: Sequence[Read[NormalForm]], caller: Caller, raw: Raw
    ) -> list[Taken]:
        """Accept submissions beside each other, so that they are written together.

        Where one is refused the call is, and the others are accepted all the same: the caller's
        next try finds them by their keys.
        """

        async def accept(read: Read[NormalForm]) -> Taken:
            receipt = await self.accepting.submit(door, read, caller, original=raw)
            if receipt.ticket is None and not door.answers_at_once:
                receipt = await self.accepting.applied(
                    receipt, seconds_max=self.answers.wait_seconds_max
                )
            return self.answers.taken(receipt)

        done = await asyncio.gather(*map(accept, reads), return_exceptions=True)
        taken = []
        for one in done:
            if isinstance(one, BaseException):
                raise one
            taken.append(one)
        return taken

    def _follow(self, door: Door, raw: Raw, caller: Caller, answer: Response) -> None:
        """Have an address called once the answer is sent, where the door says one."""
        url = door.follow(raw, caller.setup) if door.follow else None
        if url is not None:
            answer.background = BackgroundTask(self.public_keys.visit, url)

    async def _raw(self, entrance: HttpEntrance, request: Request) -> Raw:
        return Raw(
            body=await request.body(),
            headers=dict(request.headers),
            method=request.method,
            route=entrance.path,
            path={name: str(value) for name, value in request.path_params.items()},
            query=dict(request.query_params),
            url=str(request.url),
            received_at=self.clock.now(),
        )

    async def _caller(self, door: Door, request: Request, raw: Raw) -> Caller:
        """Return who calls, where this door is theirs.

        Raises:
            Problem: 401, 403, 404 or 503.
        """
        match door.credentials:
            case Signature():
                return await self._signed(door, door.credentials, raw)
            case Token():
                actor = authenticated_by(request, door.credentials.find(raw), Action.SUBMIT)
                return self._known(door, actor)

    async def _signed(self, door: Door, signature: Signature, raw: Raw) -> Caller:
        tenant, name = raw.path.get("tenant", ""), raw.path.get("integration", "")
        found = self._find(tenant, name)
        # One answer for all of it: an outsider must not learn which integrations there are.
        nobody = Problem(401, "unauthorized", "the signature is missing or wrong")
        if found is None or not found.enabled or found.door != door.configured_as:
            raise nobody
        try:
            own = setup_of(found, door)
        except SetupInvalid as error:
            # The vendor asks again; what is wrong is for the log, not for whoever calls.
            self.log.warning("integration_misconfigured", tenant=tenant, error=str(error))
            reason = "this door cannot be used now"
            raise Problem(503, "misconfigured", reason, headers={"Retry-After": "60"}) from error
        try:
            setup = await self.public_keys.complete(signature, raw, own)
            signature.verify(raw, setup, self.clock.now())
        except Unauthenticated as error:
            self.log.warning(
                "signature_refused",
                door=door.name,
                tenant=tenant,
                integration=found.name,
                error=str(error),
            )
            raise nobody from error
        return Caller(tenant=tenant, name=found.name, integration=found, setup=setup)

    def _known(self, door: Door, actor: Actor) -> Caller:
        if actor.kind is not IdentityKind.INTEGRATION:
            if not door.people:
                raise Problem(403, "forbidden", f"the door {door.name} is for integrations")
            return Caller(tenant=actor.tenant, name=actor.name)
        found = self._find(actor.tenant, actor.name)
        if found is None:
            reason = f"the configuration has no integration {actor.name!r}"
            raise Problem(403, "forbidden", reason)
        if not found.enabled:
            raise Problem(403, "forbidden", f"the integration {found.name} is switched off")
        if found.door != door.configured_as:
            reason = f"the integration {found.name} is for the door {found.door}"
            raise Problem(403, "forbidden", reason)
        return Caller(
            tenant=actor.tenant, name=found.name, integration=found, setup=_setup(found, door)
        )

    def _find(self, tenant: str, name: str) -> Integration | None:
        if tenant not in self.configurations.tenants:
            return None
        try:
            return self.configurations.current(tenant).integration(name)
        except UnknownName:
            return None

    async def _limit(self, caller: Caller) -> None:
        """Count a call against its integration's limit.

        Raises:
            Problem: 429.
        """
        if caller.integration is None or caller.integration.limits.per_minute is None:
            return
        wait = await self.limiter.take(
            tenant=caller.tenant,
            integration=caller.name,
            per_minute=caller.integration.limits.per_minute,
        )
        if wait:
            limit = caller.integration.limits.per_minute
            reason = f"the integration {caller.name} may hand in {limit} a minute"
            raise Problem(429, "too-many", reason, headers={"Retry-After": str(wait)})


def door_routes(entering: Entering) -> list[Route]:
    """Return the routes of all doors that have HTTP entrances."""

    def route(door: Door, entrance: HttpEntrance) -> Route:
        async def enter(request: Request) -> Response:
            return await entering.enter(door, entrance, request)

        return Route(entrance.path, enter, methods=list(entrance.methods), name=door.name)

    return [route(d, entrance) for d in DOORS.values() for entrance in d.entrances]


def response_of(answer: Answer) -> Response:
    """Return an answer in the caller's own protocol."""
    headers = dict(answer.headers)
    if isinstance(answer.content, str):
        return Response(
            answer.content, answer.status, headers=headers, media_type=answer.media_type
        )
    if answer.content is None:
        return Response(status_code=answer.status, headers=headers)
    return JSONResponse(answer.content, answer.status, headers=headers)


def _accepted(taken: Sequence[Taken]) -> Response:
    """Return 202: everything is durable. One submission is one object, several are a list."""
    shown = [
        {"ticket": t.ticket, "number": t.number, "link": t.link, "receipt": t.receipt}
        for t in taken
    ]
    if len(taken) == 1:
        headers = {"Location": taken[0].location}
        return JSONResponse(shown[0], status_code=202, headers=headers)
    return JSONResponse({"accepted": shown}, status_code=202)


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


def _setup(integration: Integration, door: Door) -> Setup:
    try:
        return setup_of(integration, door)
    except SetupInvalid as error:
        raise Problem(503, "misconfigured", str(error), headers={"Retry-After": "60"}) from error
