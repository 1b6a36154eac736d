"""The doors over HTTP: plain routes, for they are hot."""

from __future__ import annotations

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
    Asked,
    Denied,
    Door,
    HttpEntrance,
    Known,
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
from services.intake.handlers.monitors import Monitors
from services.intake.handlers.public_keys import PublicKeys
from shared.auth import Action, Actor
from shared.clock import Clock
from shared.configuration import Configurations
from shared.contracts.control import IdentityKind
from shared.http import Problem, authenticated_by, problem_of
from shared.kernel import CommandRejected, Infrastructure
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


def _uncounted(_door: str, _outcome: str) -> None:
    """Count nothing."""


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
        monitors: for callers that ask what is known of their alerts.
        limiter: counts what each integration hands in.
        log: is told why a signature was refused; the caller is not.
        came: counts a call of a door, by what became of it: read, ignored, greeted, refused,
            unauthenticated.
    """

    accepting: Accepting
    configurations: Configurations
    answers: Answers
    closed: Callable[[], str]
    clock: Clock
    public_keys: PublicKeys
    monitors: Monitors
    limiter: Limiter
    log: Log
    came: Callable[[str, str], None] = _uncounted

    async def enter(self, door: Door, entrance: HttpEntrance, request: Request) -> Response:
        """Take one call through a door; what is wrong is said in the caller's own words."""
        raw = await self._raw(entrance, request)
        if door.deny is None:
            return await self._through(door, request, raw)
        try:
            return await self._through(door, request, raw)
        except (Problem, CommandRejected, Infrastructure) as error:
            problem = problem_of(error)
            denied = response_of(door.deny(raw, Denied(problem.status, problem.detail)))
            if "Retry-After" in (problem.headers or {}):
                denied.headers["Retry-After"] = (problem.headers or {})["Retry-After"]
            return denied

    async def _through(self, door: Door, request: Request, raw: Raw) -> Response:
        require_open(self.closed)
        caller = await self._caller(door, request, raw)
        try:
            greeting = door.greet(raw, caller.setup) if door.greet else None
            if greeting is not None:
                self.came(door.name, "greeted")
                greeted = response_of(greeting)
                self._follow(door, raw, caller, greeted)
                return greeted
            await self._limit(caller)
            asked = door.ask(raw) if door.ask is not None else None
            if asked is not None:
                return response_of(asked.tell(await self._known_alert(asked, caller)))
            reads = door.parse(raw, caller.setup)
        except Refused as error:
            self.came(door.name, "refused")
            if door.refuse is not None:
                return response_of(door.refuse(raw, error))
            raise problem_of_refusal(error) from error
        except Unauthenticated as error:
            raise self._nobody(door, caller.tenant, caller.name, error) from error
        self.came(door.name, "read" if reads else "ignored")
        taken = await self._accept(door, reads, caller, raw)
        answer = _accepted(taken) if door.answer is None else response_of(door.answer(raw, taken))
        self._follow(door, raw, caller, answer)
        return answer

    async def _known_alert(self, asked: Asked, caller: Caller) -> Known | None:
        """Return what is known of an alert of the caller's own; people have none."""
        if caller.integration is None:
            return None
        return await self.monitors.known(
            asked, tenant=caller.tenant, integration=caller.integration
        )

    async def _accept(
        self, door: Door, reads: Sequence[Read[NormalForm]], caller: Caller, raw: Raw
    ) -> list[Taken]:
        """Accept the submissions of a call, and name the tickets that are known soon."""
        receipts = await self.accepting.submit_all(door, reads, caller, original=raw)
        if not door.answers_at_once:
            receipts = await self.accepting.all_applied(
                receipts, seconds_max=self.answers.wait_seconds_max
            )
        return [self.answers.taken(receipt) for receipt in receipts]

    def _follow(self, door: Door, raw: Raw, caller: Caller, answer: Response) -> None:
        """Have an address called once the answer is sent, where the door says one."""
        url = door.follow(raw, caller.setup) if door.follow else None
        if url is not None:
            answer.background = BackgroundTask(self.public_keys.visit, url)

    async def _raw(self, entrance: HttpEntrance, request: Request) -> Raw:
        scope = request.scope
        return Raw(
            body=await request.body(),
            headers={n.decode("latin-1"): v.decode("latin-1") for n, v in scope["headers"]},
            method=scope["method"],
            route=entrance.path,
            path={name: str(value) for name, value in request.path_params.items()},
            query=dict(request.query_params) if scope["query_string"] else {},
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
        if found is None or not found.enabled or found.door != door.configured_as:
            raise _unauthorized()
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
            raise self._nobody(door, tenant, found.name, error) from error
        return Caller(tenant=tenant, name=found.name, integration=found, setup=setup)

    def _nobody(self, door: Door, tenant: str, name: str, error: Unauthenticated) -> Problem:
        """Return the one answer to whoever cannot be recognised; the reason is for the log."""
        self.came(door.name, "unauthenticated")
        self.log.warning(
            "signature_refused", door=door.name, tenant=tenant, integration=name, error=str(error)
        )
        return _unauthorized()

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


def _unauthorized() -> Problem:
    # One answer for all of it: an outsider must not learn which integrations there are.
    return Problem(401, "unauthorized", "the signature is missing or wrong")


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
