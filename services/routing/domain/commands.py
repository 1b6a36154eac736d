"""What agents and timers do to a ticket, and when they may not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from services.routing.domain.desks import AT_POINT, first_opening, redirected
from services.routing.domain.moves import queued
from services.routing.domain.moves import reopen as reopened
from services.routing.domain.progress import counted
from services.routing.domain.tickets import HELD, MERGED, OVER, TicketState
from shared.contracts.envelope import Body
from shared.contracts.facts import TicketFacts
from shared.contracts.routing import (
    Explanation,
    PendReason,
    QueueReason,
    Status,
    TicketAccepted,
    TicketAssigned,
    TicketClosed,
    TicketPended,
    TicketQueued,
    TicketResumed,
)
from shared.kernel import CommandRejected
from shared.organisation import Configuration, Desk, Group

SYSTEM = "system"
SILENCE: Final = "silence"
OURS: Final = frozenset({SILENCE, MERGED})
"""Reasons of closing that nobody but the service may say: they are counted, and acted on."""


def required(state: TicketState | None) -> tuple[TicketState, TicketFacts, Status]:
    """Return a ticket that can be worked on: one whose request has come.

    Raises:
        CommandRejected: ``not-found``.
    """
    if state is None or state.status is None or state.facts is None:
        raise CommandRejected("not-found", "there is no such ticket", status=404)
    return state, state.facts, state.status


def require_free(state: TicketState | None, agent: str) -> None:
    """Refuse where another agent has the ticket.

    Raises:
        CommandRejected: ``already-assigned``, naming who has it.
    """
    holder = state.holder if state else None
    if state is not None and holder not in (None, agent):
        raise CommandRejected("already-assigned", f"{state.number} is {holder}'s ({state.status})")


def decide_match(
    state: TicketState | None,
    *,
    agent: str,
    desk: str,
    weight: int,
    explanation: Explanation,
    to: Group | None = None,
) -> Sequence[TicketAssigned]:
    """Give a ticket that still waits at a desk to an agent; ``to`` is who takes it over.

    Raises:
        CommandRejected: it waits there no more.
    """
    known, facts, status = required(state)
    if status is not Status.QUEUED or known.desk != desk:
        raise CommandRejected("not-queued", f"{known.number} does not wait at {desk} any more")
    assigned = _assigned(known, facts, agent, weight, explanation, by=SYSTEM)
    if to is not None:
        # From a wider ring: the work is that desk's from now on, and its hours count.
        queue = to.queue.name if to.queue is not None else None
        taken = {"desk": to.desk.name, "queue": queue}
        tier = {"tier": to.desk.tier} if to.desk.name != desk else {}
        assigned = assigned.model_copy(update={**taken, **tier})
    return [assigned]


def decide_accept(
    state: TicketState | None,
    *,
    agent: str,
    weight: int,
    by: str,
    to: Desk | None = None,
    beyond: str | None = None,
) -> Sequence[Body]:
    """Begin to work: on what was assigned or offered to the agent, or what they take from a queue.

    Accepting again changes nothing. ``to`` is the desk that takes over what was offered for
    another; ``beyond`` names the limit of the push that somebody overrode.

    Raises:
        CommandRejected: ``already-assigned``, or the ticket is pending or over.
    """
    known, facts, status = required(state)
    require_free(known, agent)
    accepted = TicketAccepted(
        facts=facts,
        status=Status.ACCEPTED,
        desk=known.desk,
        tier=known.tier,
        agent=agent,
        by=by,
    )
    match status:
        case Status.QUEUED:
            rule = f"{agent} took it from the queue of {known.desk}"
            because = _overridden(redirected(known.queued_because, rule, agent), by, beyond)
            return [_assigned(known, facts, agent, weight, because, by=by), accepted]
        case Status.OFFERED if to is not None:
            return [accepted.model_copy(update={"desk": to.name, "tier": to.tier})]
        case Status.ASSIGNED | Status.OFFERED:
            return [accepted]
        case Status.ACCEPTED | Status.IN_PROGRESS:
            return []
        case _:
            raise wrong(known, "accepted")


def decide_assign(
    state: TicketState | None, *, agent: str, weight: int, by: str, beyond: str | None = None
) -> Sequence[Body]:
    """Give a ticket to an agent, whoever has it now; nothing changes where it is that agent's.

    ``beyond`` names the limit of the push that somebody overrode.

    Raises:
        CommandRejected: the ticket is over.
    """
    known, facts, status = required(state)
    if status in OVER:
        raise wrong(known, "assigned")
    if known.holder == agent:
        if status is not Status.OFFERED:
            return []
        # It is asked for no longer; what it takes of the capacity stays as it was held.
        weight = known.weight
    because = redirected(known.queued_because, f"{by} assigned it to {agent}", agent)
    because = _overridden(because, by, beyond)
    return [_assigned(known, facts, agent, weight, because, by=by)]


def decide_transfer(
    state: TicketState | None,
    *,
    desk: Desk,
    by: str,
    now: datetime,
    configuration: Configuration,
    queue: str | None = None,
) -> Sequence[Body]:
    """Put a ticket into a queue of a desk; nothing changes where it waits there already.

    What waits at a central contact point is not transferred but distributed.

    To a desk of a lower tier it is given back, which is counted.

    Raises:
        CommandRejected: the ticket is over.
    """
    known, facts, status = required(state)
    if status in OVER:
        raise wrong(known, "transferred")
    waits = status is Status.QUEUED and not known.unattended
    if waits and (known.desk, known.queue) == (desk.name, queue):
        return []
    group = queue or desk.name
    at_point = known.queued_because is not None and known.queued_because.decided in AT_POINT
    verb = "distributed" if at_point else "transferred"
    because = redirected(known.queued_because, f"{by} {verb} it to {group}", group)
    reason = QueueReason.RETURNED if desk.tier < known.tier else QueueReason.TRANSFER
    moved = queued(
        facts,
        desk,
        QueueReason.DISTRIBUTED if at_point else reason,
        because,
        opens_at=first_opening(configuration, [desk.name], now),
        released=known.holder,
        by=by,
        queue=queue,
    )
    return [counted(known, moved)]


def decide_pend(
    state: TicketState | None,
    *,
    reason: PendReason,
    until: datetime | None,
    by: str,
    now: datetime,
    supplier: str | None = None,
) -> Sequence[Body]:
    """Let work wait; what is pending already may wait for something else.

    Raises:
        CommandRejected: nobody has the ticket, or ``until`` is missing or past.
    """
    known, facts, status = required(state)
    if status not in HELD:
        raise wrong(known, "pended")
    if until is None and reason is PendReason.UNTIL:
        raise CommandRejected(
            "until-missing", "the reason until needs an instant", field="until", status=422
        )
    if until is not None and until <= now:
        raise CommandRejected("until-past", "until has passed already", field="until", status=422)
    waits_for = (known.pend_reason, known.until, known.supplier, status)
    if waits_for == (reason, until, supplier, Status.PENDING):
        return []
    return [
        TicketPended(
            facts=facts,
            status=Status.PENDING,
            desk=known.desk,
            tier=known.tier,
            agent=known.agent,
            by=by,
            reason=reason,
            until=until,
            supplier=supplier,
        )
    ]


def resumed(state: TicketState) -> Status:
    """Return where a pending ticket goes back to: where it was, as far as that is known."""
    return state.paused_from or (Status.ACCEPTED if state.holder else Status.QUEUED)


def gone_on(state: TicketState, facts: TicketFacts, *, by: str) -> Sequence[Body]:
    """Return how a pending ticket goes on: where it was, or in the queue where nobody has it."""
    status = resumed(state)
    again = TicketResumed(
        facts=facts,
        status=status,
        desk=state.desk,
        tier=state.tier,
        agent=state.agent,
        by=by,
    )
    if status is not Status.QUEUED:
        return [again]
    rule = f"{state.desk} had taken it over while it waited"
    waits = TicketQueued(
        facts=facts,
        status=status,
        desk=state.desk,
        tier=state.tier,
        by=by,
        reason=QueueReason.RESUMED,
        explanation=redirected(state.queued_because, rule, state.desk),
    )
    return [again, counted(state, waits)]


def decide_resume(state: TicketState | None, *, by: str) -> Sequence[Body]:
    """Go on with what waited, from where it was.

    Raises:
        CommandRejected: the ticket is not pending.
    """
    known, facts, status = required(state)
    if status is not Status.PENDING:
        raise wrong(known, "resumed")
    return gone_on(known, facts, by=by)


def decide_reopen(
    state: TicketState | None,
    *,
    reason: str,
    by: str,
    now: datetime,
    configuration: Configuration,
) -> Sequence[Body]:
    """Take a resolution back; what is closed gets a follow-up instead.

    Raises:
        CommandRejected: the ticket is not resolved.
    """
    known, facts, status = required(state)
    if status is not Status.RESOLVED:
        raise wrong(known, "reopened")
    return reopened(known, facts, now, configuration, reason=reason, by=by)


def decide_close(state: TicketState | None, *, reason: str, by: str) -> Sequence[Body]:
    """End a resolved ticket; closing again changes nothing.

    Raises:
        CommandRejected: the ticket is not resolved.
    """
    known, facts, status = required(state)
    if status is Status.CLOSED:
        return []
    if status is not Status.RESOLVED:
        raise wrong(known, "closed")
    if reason in OURS and by != SYSTEM:
        text = f"{reason} is said by the service itself"
        raise CommandRejected("reason-reserved", text, field="reason", status=422)
    return [
        TicketClosed(
            facts=facts,
            status=Status.CLOSED,
            desk=known.desk,
            tier=known.tier,
            agent=known.agent,
            by=by,
            reason=reason,
        )
    ]


def _assigned(
    state: TicketState,
    facts: TicketFacts,
    agent: str,
    weight: int,
    explanation: Explanation,
    *,
    by: str,
) -> TicketAssigned:
    if state.unattended:
        raise CommandRejected(
            "at-tier-0", f"{state.number} is left to its requester: send it to a person first"
        )
    return TicketAssigned(
        facts=facts,
        status=Status.ASSIGNED,
        desk=state.desk,
        tier=state.tier,
        agent=agent,
        by=by,
        weight=weight,
        explanation=explanation,
        queue=state.queue,
    )


def _overridden(because: Explanation, by: str, beyond: str | None) -> Explanation:
    """Return an explanation that says which limit of the push somebody overrode."""
    if beyond is None:
        return because
    rule = f"{because.rule}, which {by} may though it is beyond the {beyond}"
    return because.model_copy(update={"rule": rule[:300], "decided": f"beyond-{beyond}"})


def wrong(state: TicketState, wanted: str) -> CommandRejected:
    """Return the refusal of what the ticket's status does not allow."""
    return CommandRejected(
        "wrong-status", f"{state.number} is {state.status}: it cannot be {wanted} now"
    )
