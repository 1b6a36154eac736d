"""What routing answers with, and what it is told."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.routing.domain.matching import Decision
from services.routing.handlers.reading import AgentNow, DeskNow
from services.routing.ports import TicketDocument
from shared.contracts.facts import Channel, Instant, Kind, Priority
from shared.contracts.routing import Explanation, PendReason, Presence, Resolver, Status
from shared.kernel import CommandRejected

AgentName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9._@+-]{0,78}[a-z0-9])?$")]
"""An account's name: it is kept in events, so that nothing else may stand there."""
DeskName = Annotated[str, Field(min_length=1, max_length=80)]
Word = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$")]
"""A code, not a text: texts about a ticket are messages, and those are intake's."""

# Literals, not the enumerations of events: those read an unknown word as ``unknown``.
StatusWord = Literal[
    "queued", "offered", "assigned", "accepted", "in-progress", "pending", "resolved", "closed"
]
ResolverWord = Literal["desk", "senior", "on-site", "supplier", "expert", "automation", "requester"]
PriorityWord = Literal["P1", "P2", "P3", "P4", "P5"]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class TicketView(_Answer):
    """Where a ticket stands."""

    id: str
    number: str
    status: Status
    desk: str
    queue: str | None
    """One of the queues of the desk; null: the desk's own."""
    unrouted: bool
    """No topology took it: an alarm, and the fallback desk's."""
    tier: int
    agent: str | None
    """Who holds it; once it is resolved, who held it last."""
    priority: Priority
    kind: Kind
    channel: Channel
    service: str | None
    category: str | None
    region: str | None
    site: str | None
    business: str | None
    language: str
    vip: bool
    contact: str
    accepted_at: Instant
    queued_since: Instant | None
    opens_at: Instant | None
    """When somebody opens, where nobody was open as the ticket was queued."""
    contact_desk: str | None
    """The desk that is the requester's contact, once they were referred to one."""
    person_at: Instant | None
    """At tier 0: when it goes to a person by itself."""
    answer_by: Instant | None
    """While it is offered: from when on the offer is void."""
    pend_reason: PendReason | None
    pend_until: Instant | None
    supplier: str | None
    """Which supplier it waits for, where that was said."""
    resolved_at: Instant | None
    close_at: Instant | None
    """When silence closes it, where the section ``lifecycle`` says so."""
    resolver: Resolver | None
    """What kind of hands solved it last."""
    resolver_tier: int | None
    moves: int
    """How often it changed its desk."""
    returns: int
    """How often a higher tier gave it back to a lower one."""
    tasks_open: int
    watchers: int
    firing: int
    parked: bool
    """Whether an event of it waits for an operator; commands are refused meanwhile."""
    revision: int
    """The number in the ETag, for If-Match."""

    @classmethod
    def of(cls, document: TicketDocument) -> TicketView:
        """Return the view of a ticket.

        Raises:
            CommandRejected: its request has not come yet.
        """
        state = document.state
        if state is None or state.facts is None or state.status is None:
            raise CommandRejected("not-found", "there is no such ticket", status=404)
        facts = state.facts
        return cls(
            id=document.id,
            number=state.number,
            status=state.status,
            desk=state.desk,
            queue=state.queue,
            unrouted=state.unrouted,
            tier=state.tier,
            agent=state.agent,
            priority=facts.priority,
            kind=facts.kind,
            channel=facts.channel,
            service=facts.service,
            category=facts.category,
            region=facts.region,
            site=facts.site,
            business=facts.business,
            language=facts.language,
            vip=facts.vip,
            contact=facts.contact,
            accepted_at=facts.accepted_at,
            queued_since=state.since,
            opens_at=state.opens_at,
            contact_desk=state.contact_desk,
            person_at=state.person_at,
            answer_by=state.answer_by,
            pend_reason=state.pend_reason,
            pend_until=state.until,
            supplier=state.supplier,
            resolved_at=state.resolved_at,
            close_at=state.close_at,
            resolver=state.resolver,
            resolver_tier=state.resolver_tier,
            moves=state.moves,
            returns=state.returns,
            tasks_open=sum(task.is_open for task in state.tasks),
            watchers=len(state.watchers),
            firing=state.firing,
            parked=document.parked > 0,
            revision=document.seq,
        )


class TicketPage(_Answer):
    """One page of tickets, the newest first."""

    tickets: tuple[TicketView, ...]
    next: str | None
    """Give it as ``after`` for the next page; None on the last."""


class ChangeView(_Answer):
    """Something that will be otherwise from an instant on, without anybody doing anything."""

    at: Instant
    what: str
    """skill, language, any-language, desk, affinity, declined, opens or ramp."""
    name: str
    """Of the skill, language, desk or agent."""


class WaitingView(_Answer):
    """How the choice of an agent stands now, for a ticket that waits."""

    explanation: Explanation
    """What would be decided now, tickets before it aside."""
    agent: str | None
    weight: int
    changes: tuple[ChangeView, ...]
    """What will change by itself, the soonest first; empty where there is an agent."""

    @classmethod
    def of(cls, decision: Decision) -> WaitingView:
        """Return the view of a decision."""
        return cls(
            explanation=decision.explanation(),
            agent=decision.agent,
            weight=decision.weight,
            changes=tuple(
                ChangeView(at=change.at, what=change.what, name=change.name)
                for change in decision.changes
            ),
        )


class ExplainView(_Answer):
    """Why a ticket is where it is."""

    id: str
    number: str
    status: Status
    desk: str
    queue: str | None
    unrouted: bool
    agent: str | None
    opens_at: Instant | None
    contact_desk: str | None = None
    """The desk that is the requester's contact, once they were referred to one."""
    person_at: Instant | None = None
    """At tier 0: when it goes to a person by itself."""
    queued: Explanation | None
    """Why it came to the desk."""
    assigned: Explanation | None
    """Why it came to the agent; None while it waits."""
    waiting: WaitingView | None = None
    """How the choice stands now; None where the ticket does not wait."""


class HoldView(_Answer):
    """One hold of an agent."""

    ticket: str
    weight: int


class AgentView(_Answer):
    """An agent as things stand."""

    id: str
    name: str
    desks: tuple[str, ...]
    languages: tuple[str, ...]
    presence: Presence
    capacity: int
    load: int
    holds: tuple[HoldView, ...]
    taken_at: Instant | None
    """When the agent was last given a ticket."""

    @classmethod
    def of(cls, now: AgentNow) -> AgentView:
        """Return the view of an agent."""
        return cls(
            id=now.agent.id,
            name=now.agent.name,
            desks=now.agent.desks,
            languages=now.agent.languages,
            presence=now.presence,
            capacity=now.agent.capacity,
            load=sum(now.holds.values()),
            holds=tuple(HoldView(ticket=t, weight=w) for t, w in sorted(now.holds.items())),
            taken_at=now.taken_at,
        )


class AgentsView(_Answer):
    """The configured agents."""

    agents: tuple[AgentView, ...]


class DeskView(_Answer):
    """A desk as things stand."""

    name: str
    title: str
    region: str | None
    tier: int
    time_zone: str
    languages: tuple[str, ...]
    escalates_to: str | None
    open: bool
    opens_at: Instant | None
    """While it is closed: when it opens."""
    closes_at: Instant | None
    """While it is open: when it closes; None where it never does."""
    on_duty: str | None
    """The person on duty now; None: nobody in particular."""
    duty_manager: str | None
    """Who answers for the desk, whoever is on duty."""
    queued: int
    offered: int
    assigned: int
    accepted: int
    in_progress: int
    pending: int

    @classmethod
    def of(cls, now: DeskNow) -> DeskView:
        """Return the view of a desk."""
        return cls(
            name=now.desk.name,
            title=now.desk.title,
            region=now.desk.region,
            tier=now.desk.tier,
            time_zone=now.time_zone,
            languages=now.desk.languages,
            escalates_to=now.desk.escalates_to,
            open=now.is_open,
            opens_at=now.opens_at,
            closes_at=now.closes_at,
            on_duty=now.on_duty,
            duty_manager=now.desk.duty_manager,
            queued=now.counts.get(Status.QUEUED, 0),
            offered=now.counts.get(Status.OFFERED, 0),
            assigned=now.counts.get(Status.ASSIGNED, 0),
            accepted=now.counts.get(Status.ACCEPTED, 0),
            in_progress=now.counts.get(Status.IN_PROGRESS, 0),
            pending=now.counts.get(Status.PENDING, 0),
        )


class DesksView(_Answer):
    """The configured desks."""

    desks: tuple[DeskView, ...]


class Act(BaseModel):
    """Who acts: the caller, or for an administrator any agent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    agent: AgentName | None = None


class Assign(BaseModel):
    """To whom the ticket goes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    agent: AgentName


class Reject(Act):
    """Why the agent does not take what is offered: a code of the desk's list."""

    reason: Word


class Transfer(Act):
    """To which desk the ticket goes, and into which of its queues."""

    desk: DeskName
    queue: DeskName | None = None
    """None: the desk's own."""


class Pend(Act):
    """What the work waits for; ``until`` is needed for the reason ``until``."""

    reason: Literal["customer", "supplier", "change", "until"] = "customer"
    until: Instant | None = None
    supplier: DeskName | None = None
    """Which one, for the reason ``supplier``."""


class Resolve(Act):
    """How the ticket was resolved, by which article, and by whom where that is not plain."""

    code: Word = "solved"
    article: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")] | None = None
    resolver: ResolverWord | None = None
    """None: by the tier, the agent's level and what the work waited for."""
    resolver_tier: Annotated[int, Field(ge=0, le=9)] | None = None
    tasks: Literal["cancel"] | None = None
    """What becomes of open tasks; without it they keep the ticket open."""


class Reopen(Act):
    """Why the resolution did not hold."""

    reason: Word = "agent"


class Close(Act):
    """Why the ticket is over; ``confirmed``: the requester told the agent."""

    reason: Word = "confirmed"


class SetPresence(BaseModel):
    """Whether the agent takes work."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    presence: Literal["available", "away", "offline"]
