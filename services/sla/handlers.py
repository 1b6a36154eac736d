"""The use cases: events in, ticks, and explanations out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from services.sla.domain.decide import News, decide
from services.sla.domain.escalating import Expectation, decide_expected
from services.sla.domain.evolve import TICKET_CLOCKS, evolve
from services.sla.domain.explain import TicketExplanation, explained
from services.sla.domain.history import MERGED
from services.sla.domain.horizon import Due
from services.sla.domain.model import REPLIED, WROTE, ClocksState, Rules
from services.sla.domain.ticks import decide_tick
from services.sla.ports import ConfigurationSource, Room
from shared.aggregate import Document, StreamParked
from shared.commit import Command, Committer
from shared.contracts.envelope import Body, Event
from shared.contracts.intake import (
    AlertsChanged,
    ConversationClosed,
    ConversationReopened,
    Direction,
    MessageAdded,
    MessageSaid,
    ReplyVerdict,
    RequestAccepted,
    RequestReclassified,
)
from shared.contracts.routing import Status, TicketClosed, TicketEvent, TicketPended
from shared.contracts.sla import MessageEntry, WorkEntry
from shared.kernel import CommandRejected, Infrastructure
from shared.organisation import Configuration

TIMER_FAILED = "timer-failed"
NOT_FOUND = 404
AUTOMATIC_AUTHORS = frozenset({"system"})
"""Their messages are no response: an automatic acknowledgement never counts."""

RequestEvent = (
    RequestAccepted
    | RequestReclassified
    | AlertsChanged
    | ConversationClosed
    | ConversationReopened
    | MessageAdded
)


class ClockHandlers:
    """What each consumed event means, with the configurations closed over."""

    def __init__(self, configurations: ConfigurationSource) -> None:
        self._configurations = configurations

    def rules(self, tenant: str) -> Rules:
        """Return the tenant's configurations by version."""
        return partial(self._configurations.at, tenant)

    def current(self, tenant: str) -> Configuration:
        """Return the tenant's configuration as it is now; raise Infrastructure without one."""
        return self._configurations.current(tenant)

    def newest(self, tenant: str) -> int:
        """Return the version in force; raise Infrastructure without one."""
        self._configurations.current(tenant)
        return self._configurations.version(tenant)

    def on_request(
        self, state: ClocksState | None, event: Event[RequestEvent], now: datetime
    ) -> Sequence[Body]:
        """Start the clocks, or take note of what the ticket is now; intake owns that."""
        body = event.body
        first = isinstance(body, RequestAccepted)
        message = _entry_of(body, event.time) if isinstance(body, MessageAdded) else None
        news = News(
            at=event.time,
            version=self._version(event),
            facts=body.facts,
            change="facts-changed",
            owner=True,
            first=first,
        )
        rules = self.rules(event.tenant)
        if message is not None:
            return decide(state, _spoken(news, message), rules)
        bodies = list(decide(state, news, rules))
        if not isinstance(body, RequestAccepted) or not body.said:
            return bodies
        # It was split off. What was said in it before counts as of when it was said.
        state = _after(state, event, bodies)
        for said in body.said:
            entry = _entry_of(said, said.at)
            if entry is not None:
                told = replace(_spoken(news, entry), at=entry.at, first=False)
                more = decide(state, told, rules)
                state = _after(state, event, more)
                bodies.extend(more)
        return bodies

    def on_ticket(
        self, change: str, state: ClocksState | None, event: Event[TicketEvent], now: datetime
    ) -> Sequence[Body]:
        """Follow the work: who has it, and whether it goes on, waits or is done."""
        body = event.body
        version = self._version(event)
        news = News(
            at=event.time,
            version=version,
            facts=body.facts,
            change=change,
            entry=_entry(state, event, change, version),
        )
        return decide(state, news, self.rules(event.tenant))

    def _version(self, event: Event[RequestEvent] | Event[TicketEvent]) -> int:
        """Return the version as of the event: the one with which its producer decided."""
        if event.configversion:
            return event.configversion
        return self.newest(event.tenant)

    def explain(
        self, document: Document[ClocksState], state: ClocksState, now: datetime
    ) -> TicketExplanation:
        """Return how each clock of a ticket came to stand as it does."""
        return explained(document.id, state, now, self.rules(document.tenant))


def _entry_of(said: MessageAdded | MessageSaid, at: datetime) -> MessageEntry | None:
    """Return what was said between the requester and the desk; None where nothing was.

    A message that only says that the solution is one asks for no answer.
    """
    if said.direction is Direction.OUTBOUND and said.author not in AUTOMATIC_AUTHORS:
        return MessageEntry(at=at, change=REPLIED)
    if said.direction is Direction.INBOUND and said.verdict is not ReplyVerdict.SATISFIED:
        return MessageEntry(at=at, change=WROTE)
    return None


def _spoken(news: News, message: MessageEntry) -> News:
    change = "responded" if message.change == REPLIED else message.change
    return replace(news, change=change, message=message)


def _after(
    state: ClocksState | None, cause: Event[RequestEvent], bodies: Sequence[Body]
) -> ClocksState | None:
    """Return the state after what a cause has led to so far."""
    for body in bodies:
        event: Event[Any] = replace(cause, type=body.type, body=body)  # type: ignore[arg-type]
        state = evolve(state, event)
    return state


def _entry(
    state: ClocksState | None, event: Event[TicketEvent], change: str, version: int
) -> WorkEntry:
    """Return how the work stands after an event of routing.

    A status that only a newer release knows changes nothing. An event that finds the ticket
    pending, or closed as part of another, does not say why: what was said before holds.
    """
    body = event.body
    status = body.status.value
    if body.status is Status.UNKNOWN:
        status = state.status if state and state.status else Status.QUEUED.value
    reason = supplier = None
    if isinstance(body, TicketPended):
        reason, supplier = body.reason.value, body.supplier
    elif isinstance(body, TicketClosed):
        reason = MERGED if body.reason == MERGED else None
    elif state is not None and status == state.status and status in _REASONED:
        reason, supplier = state.reason, state.supplier
    return WorkEntry(
        at=event.time,
        status=status,
        desk=body.desk,
        tier=body.tier,
        agent=body.agent,
        reason=reason,
        supplier=supplier,
        change=change,
        by=body.by,
        configversion=version,
    )


_REASONED = frozenset({Status.PENDING.value, Status.CLOSED.value})
"""Statuses for which a reason is given."""


@dataclass(frozen=True, slots=True)
class Ticked:
    """What became of a round. A ticket that is in none of the three is to be asked again."""

    armed: Mapping[str, datetime | None]
    """Tickets of which all was said, and when there is more to say."""
    failed: Mapping[str, str]
    """Those that could not be judged: ticket to reason."""
    waiting: frozenset[str] = frozenset()
    """Those that are parked, or there no more."""


async def tick(
    due: Sequence[Due], *, now: datetime, handlers: ClockHandlers, committer: Committer
) -> Ticked:
    """Say what is due of these tickets at an instant.

    Each is a command through the same commit as everything else: however many tickers run, the
    guard lets one of them say it. ``now`` is the instant for which the caller knows that nothing
    from before it is still in flight. A ticket that cannot be judged holds up no other.
    """
    commands = [
        Command(
            target=item.ticket,
            tenant=item.tenant,
            decide=partial(
                _tick,
                rules=handlers.rules(item.tenant),
                now=now,
                present=partial(handlers.current, item.tenant),
            ),
            at=now,
        )
        for item in due
    ]
    return await _ticked(commands, committer)


class Forewarned(Protocol):
    """A ticket of which a breach is expected, with how likely it is for each clock."""

    @property
    def ticket(self) -> str:
        """Its id."""
        ...

    @property
    def tenant(self) -> str:
        """Whose it is."""
        ...

    @property
    def at(self) -> datetime:
        """As of when that is expected."""
        ...

    @property
    def forecasts(self) -> Sequence[Expectation]:
        """What is expected of its clocks."""
        ...


async def tell_expected(
    expected: Sequence[Forewarned],
    *,
    handlers: ClockHandlers,
    committer: Committer,
    room: Room | None = None,
) -> Ticked:
    """Do the steps of escalation for breaches that are expected; what was done is not done again.

    ``room`` says which desks have room for what is raised; where it says nothing, all have.
    """
    tenants = {item.tenant for item in expected}
    full = {} if room is None else await _full(tenants, handlers, room)
    commands = [
        Command(
            target=item.ticket,
            tenant=item.tenant,
            decide=partial(
                _expect,
                item=item,
                rules=handlers.rules(item.tenant),
                present=partial(handlers.current, item.tenant),
                full=full.get(item.tenant, frozenset()),
            ),
            at=item.at,
        )
        for item in expected
    ]
    return await _ticked(commands, committer)


async def _full(
    tenants: Collection[str], handlers: ClockHandlers, room: Room
) -> dict[str, frozenset[str]]:
    """Return by tenant the desks above others of which nobody at work has room now."""
    found: dict[str, frozenset[str]] = {}
    for tenant in tenants:
        with suppress(Infrastructure):
            desks = handlers.current(tenant).desks.desks
            above = {desk.escalates_to for desk in desks if desk.escalates_to}
            free = await room.free(tenant, above) if above else {}
            found[tenant] = frozenset(name for name, count in free.items() if count == 0)
    return found


async def _ticked(commands: Sequence[Command], committer: Committer) -> Ticked:
    answers = await committer.execute_all(TICKET_CLOCKS, commands)
    armed: dict[str, datetime | None] = {}
    failed: dict[str, str] = {}
    waiting: set[str] = set()
    for ticket, answer in answers.items():
        if isinstance(answer, Document):
            armed[ticket] = answer.state.due_at if answer.state is not None else None
        elif isinstance(answer, StreamParked) or answer.status == NOT_FOUND:
            waiting.add(ticket)
        else:
            failed[ticket] = answer.reason
    return Ticked(armed=armed, failed=failed, waiting=frozenset(waiting))


def _tick(
    state: ClocksState | None,
    *,
    rules: Rules,
    now: datetime,
    present: Callable[[], Configuration],
) -> Sequence[Body]:
    try:
        return decide_tick(state, now, rules, present())
    except Exception as error:
        # One bulk holds the timers of many tickets and tenants: a defect, or a version that is
        # not known here yet, must stop this one only. It stays due and is tried again.
        raise CommandRejected(TIMER_FAILED, f"{type(error).__name__}: {error}") from error


def _expect(
    state: ClocksState | None,
    *,
    item: Forewarned,
    rules: Rules,
    present: Callable[[], Configuration],
    full: Collection[str],
) -> Sequence[Body]:
    try:
        return decide_expected(
            state, item.forecasts, item.at, rules, present(), room=lambda desk: desk not in full
        )
    except Exception as error:
        raise CommandRejected(TIMER_FAILED, f"{type(error).__name__}: {error}") from error
