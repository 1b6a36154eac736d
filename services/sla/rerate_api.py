"""The HTTP API by which running clocks are rerated: a difference first, then the deed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from services.sla.api import next_place, place_of
from services.sla.domain.count import breach_is_open
from services.sla.domain.rerate import Difference
from services.sla.ports import Wanted
from services.sla.rerating import Asked, Rerating, Shown, VersionUnknown
from shared.aggregate import Document
from shared.auth import Action, Actor
from shared.contracts.facts import Instant
from shared.contracts.sla import ClockView
from shared.http import Problem, allowed
from shared.kernel import CommandRejected

TICKETS_MAX = 200
"""Tickets of one call: each has its history folded twice."""
Name = Annotated[str, Field(min_length=1, max_length=120)]
Version = Annotated[int, Field(ge=1)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DiffRequest(_Model):
    """Which tickets to look at, and by which version."""

    version: Version | None = None
    """None: the one in force."""
    tickets: Annotated[tuple[Name, ...], Field(max_length=TICKETS_MAX)] = ()
    """By number or id; none: all with a running clock, page by page."""
    desk: Annotated[str | None, Field(max_length=80)] = None
    """Only what this desk holds, where no tickets are named."""
    after: Annotated[str | None, Field(max_length=120)] = None
    limit: Annotated[int, Field(ge=1, le=TICKETS_MAX)] = 100


class RerateRequest(_Model):
    """Which tickets to rerate, each with the revision that the difference showed, and why."""

    version: Version
    because: Annotated[str, Field(min_length=1, max_length=400, pattern=r"\S")]
    tickets: Annotated[dict[Name, Annotated[int, Field(ge=1)]], Field(min_length=1)]
    """Number or id to revision; at most 200."""


class Standing(_Model):
    """How a clock stands, as far as a version decides it."""

    state: str
    configversion: int
    target_seconds: float
    used_seconds: float
    due_at: Instant | None
    calendar_due_at: Instant | None
    breached_at: Instant | None
    calendar: str
    agreement: str | None


class ClockDifference(_Model):
    """A running clock before and after; ``before`` is null where the version brings it."""

    clock: str
    policy: str
    metric: str
    subject: str | None
    changed: bool
    breach_withdrawn: bool
    """A breach that was told is none by the version."""
    newly_late: bool
    """By the version its due time has passed, and no breach was told: that will be soon."""
    before: Standing | None
    after: Standing


class TicketDifference(_Model):
    """What the version would make of a ticket's running clocks, or why it makes nothing of them."""

    ticket: str
    number: str
    desk: str | None
    revision: int
    from_version: int | None
    changed: bool
    problem: str | None = None
    detail: str | None = None
    clocks: tuple[ClockDifference, ...] = ()


class DiffPage(_Model):
    """A page of differences. ``next`` is given to ``after`` for the following one; null at the end."""

    version: int
    items: tuple[TicketDifference, ...]
    missing: tuple[str, ...] = ()
    """Names of which no clocks are known."""
    next: str | None


class TicketRerated(_Model):
    """What became of a ticket: rerated, or the problem and its detail."""

    ticket: str
    done: bool
    revision: int | None = None
    problem: str | None = None
    detail: str | None = None


class RerateAnswer(_Model):
    """What became of each ticket, in the order of the call."""

    version: int
    items: tuple[TicketRerated, ...]


def rerate_router(rerating: Rerating) -> APIRouter:
    """Return the routes below ``/v1/clocks/rerate``. They need the right to configure."""
    router = APIRouter(prefix="/v1/clocks/rerate", tags=["clocks"])
    configure: Any = allowed(Action.CONFIGURE)

    @router.post("/diff")
    async def diff(body: DiffRequest, actor: Actor = configure) -> DiffPage:
        """Show what a version would make of running clocks, ticket by ticket. Changes nothing."""
        version = _version(rerating, actor, body.version)
        if body.tickets:
            found = await rerating.found(actor.tenant, body.tickets)
            shown = rerating.shown(actor.tenant, list(_once(found).values()), version)
            missing = tuple(name for name in body.tickets if name not in found)
            following = None
        else:
            wanted = Wanted(
                tenant=actor.tenant, desk=body.desk, after=place_of(body.after), limit=body.limit
            )
            documents = await rerating.running(wanted)
            shown = rerating.shown(actor.tenant, documents, version)
            missing, following = (), next_place(documents, body.limit)
        items = tuple(_difference(one) for one in shown)
        return DiffPage(version=version, items=items, missing=missing, next=following)

    @router.post("")
    async def rerate(body: RerateRequest, actor: Actor = configure) -> RerateAnswer:
        """Let running clocks count by a version from now on, whole; ended ones stay as they are.

        A ticket that has changed since its difference was shown is left as it is
        (``revision-stale``): look again.
        """
        if len(body.tickets) > TICKETS_MAX:
            text = f"tickets: at most {TICKETS_MAX} in one call"
            raise Problem(422, "invalid", text, errors=[{"field": "tickets", "reason": text}])
        version = _version(rerating, actor, body.version)
        found = await rerating.found(actor.tenant, list(body.tickets))
        revisions = {found[name].id: seen for name, seen in body.tickets.items() if name in found}
        asked = Asked(
            tenant=actor.tenant, version=version, by=actor.name, because=body.because.strip()
        )
        answers = await rerating.rerate(asked, revisions)
        items = []
        for name in body.tickets:
            if name not in found:
                text = f"no clocks are known of ticket {name}"
                items.append(
                    TicketRerated(ticket=name, done=False, problem="not-found", detail=text)
                )
                continue
            items.append(_became(name, answers.get(found[name].id)))
        return RerateAnswer(version=version, items=tuple(items))

    return router


def _version(rerating: Rerating, actor: Actor, asked: int | None) -> int:
    try:
        return rerating.version(actor.tenant, asked)
    except VersionUnknown as error:
        text = f"version: {error}"
        errors = [{"field": "version", "reason": text}]
        raise Problem(422, "invalid", text, errors=errors) from error


def _once(found: dict[str, Document[Any]]) -> dict[str, Document[Any]]:
    """Return documents once each, whichever names they were given by."""
    return {document.id: document for document in found.values()}


def _difference(shown: Shown) -> TicketDifference:
    document, found, refused = shown.document, shown.found, shown.refused
    withdrawn = {view.clock for view in found.withdrawn} if found else set()
    now = found.rating.at if found else None
    clocks = tuple(_clock(one, withdrawn, now) for one in found.differences) if found else ()
    return TicketDifference(
        ticket=document.id,
        number=document.state.number if document.state else document.id,
        desk=document.state.desk if document.state else None,
        revision=document.seq,
        from_version=found.from_version if found else None,
        changed=any(one.changed for one in clocks),
        problem=refused.code if refused else None,
        detail=refused.reason if refused else None,
        clocks=clocks,
    )


def _clock(one: Difference, withdrawn: set[str], now: datetime | None) -> ClockDifference:
    view = one.after
    due_at = view.due_at
    late = due_at is not None and now is not None and due_at < now and breach_is_open(view)
    return ClockDifference(
        clock=view.clock,
        policy=view.policy,
        metric=view.metric.value,
        subject=view.subject,
        changed=one.changed,
        breach_withdrawn=view.clock in withdrawn,
        newly_late=late,
        before=None if one.before is None else _standing(one.before),
        after=_standing(view),
    )


def _standing(view: ClockView) -> Standing:
    return Standing(
        state=view.state.value,
        configversion=view.configversion,
        target_seconds=view.target_seconds,
        used_seconds=view.used_seconds,
        due_at=view.due_at,
        calendar_due_at=view.calendar_due_at,
        breached_at=view.breached_at,
        calendar=view.calendar,
        agreement=view.agreement,
    )


def _became(name: str, answer: Document[Any] | CommandRejected | None) -> TicketRerated:
    if isinstance(answer, Document):
        return TicketRerated(ticket=name, done=True, revision=answer.seq)
    if answer is None:
        text = "it could not be written just now: ask again"
        return TicketRerated(ticket=name, done=False, problem="busy", detail=text)
    return TicketRerated(ticket=name, done=False, problem=answer.code, detail=answer.reason)
