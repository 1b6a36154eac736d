"""Offers: an agent is asked first, answers or not, and what follows from it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from services.routing.domain.agents import AgentState, decide_presence
from services.routing.domain.codes import require_code
from services.routing.domain.commands import SYSTEM, decide_match, required
from services.routing.domain.declining import EXPIRED
from services.routing.domain.desks import (
    DeskChoice,
    choose_desk,
    desk_named,
    first_opening,
    queue_named,
    redirected,
)
from services.routing.domain.moves import queued_by
from services.routing.domain.progress import counted
from services.routing.domain.tickets import TicketState
from services.routing.domain.versions import is_behind
from shared.contracts.envelope import Body
from shared.contracts.offering import OfferAnswer, OfferAnswered, TicketOffered
from shared.contracts.routing import (
    Explanation,
    Presence,
    QueueReason,
    Status,
    TicketAccepted,
    TicketAssigned,
    TicketQueued,
    TicketResolved,
)
from shared.kernel import CommandRejected, instant, rfc3339
from shared.organisation import Configuration, Group, Offers

OFFERS_MISSED = "offers-missed"
"""The reason of the presence of an agent who let too many offers run out."""


def terms_of(configuration: Configuration, desk: str) -> Offers | None:
    """Return how the agents of a desk are asked; None where they are not."""
    said = configuration.routing.desks.get(desk)
    return said.offers if said else None


def decide_push(
    state: TicketState | None,
    *,
    agent: str,
    desk: str,
    weight: int,
    explanation: Explanation,
    now: datetime,
    terms: Offers | None,
    to: Group | None = None,
    again: bool = False,
) -> Sequence[Body]:
    """Give a ticket that waits at a desk to an agent, or ask the agent, as the desk has it.

    Args:
        state: the ticket's.
        agent: who was chosen.
        desk: where it waits.
        weight: of a capacity.
        explanation: why the agent.
        now: the instant.
        terms: how the agents of the taking desk are asked; None: they are not.
        to: the desk or queue that takes it over; None: its own.
        again: whether all who are free had declined it.

    Raises:
        CommandRejected: it waits there no more.
    """
    given = decide_match(
        state, agent=agent, desk=desk, weight=weight, explanation=explanation, to=to
    )
    if terms is None:
        return given
    known, facts, _ = required(state)
    taken = given[-1]
    if facts.channel in terms.auto_accept and isinstance(taken, TicketAssigned):
        accepted = TicketAccepted(
            facts=facts,
            status=Status.ACCEPTED,
            desk=taken.desk,
            tier=taken.tier,
            agent=agent,
            by=SYSTEM,
        )
        return [*given, accepted]
    return [
        TicketOffered(
            facts=facts,
            status=Status.OFFERED,
            desk=known.desk,
            tier=known.tier,
            agent=agent,
            by=SYSTEM,
            weight=weight,
            explanation=explanation,
            answer_by=instant(now) + timedelta(seconds=terms.timeout),
            for_desk=to.desk.name if to is not None else None,
            for_queue=to.queue.name if to is not None and to.queue is not None else None,
            again=again,
        )
    ]


def require_open_offer(
    state: TicketState | None, agent: str, now: datetime, *, fresh: bool
) -> None:
    """Refuse an answer to an offer that has run out.

    After it ran out the ticket waits, or was offered to another. The agent may still take it from
    the queue by saying that they know: by the revision of the ticket as it stands.

    Args:
        state: the ticket's.
        agent: who answers.
        now: the instant.
        fresh: whether the agent has seen the ticket as it stands.

    Raises:
        CommandRejected: ``offer-expired``.
    """
    if state is None:
        return
    if state.status is Status.OFFERED and state.agent == agent:
        if state.answer_by is not None and now >= state.answer_by:
            raise _late(state, agent, state.answer_by)
        return
    missed = next((d for d in state.declined if d.agent == agent and d.how == EXPIRED), None)
    if missed is not None and not (fresh and state.status is Status.QUEUED):
        raise _late(state, agent, missed.at)


def _late(state: TicketState, agent: str, at: datetime) -> CommandRejected:
    where = {
        Status.QUEUED: f"it waits at {state.desk} again",
        Status.OFFERED: "it goes back to the queue"
        if state.agent == agent
        else f"it is {state.agent}'s (offered)",
    }.get(state.status or Status.UNKNOWN, f"it is {state.status}")
    return CommandRejected(
        "offer-expired",
        f"the offer of {state.number} to {agent} expired at {rfc3339(at)}; {where}",
    )


def decide_expired(
    state: TicketState | None, *, now: datetime, configuration: Configuration
) -> Sequence[Body]:
    """Put a ticket back whose offer has run out; nothing before that instant, or after an answer."""
    if state is None or state.status is not Status.OFFERED or state.answer_by is None:
        return []
    if now < state.answer_by or is_behind(configuration, state):
        return []
    why = f"{state.agent} did not answer in time"
    return [back_in_queue(state, QueueReason.OFFER_EXPIRED, why, now, configuration)]


def decide_reject(
    state: TicketState | None,
    *,
    agent: str,
    code: str,
    by: str,
    now: datetime,
    configuration: Configuration,
) -> Sequence[Body]:
    """Give an offer back with a reason of the desk's list; saying so again changes nothing.

    Raises:
        CommandRejected: ``not-offered`` to this agent, ``offer-expired``, or ``unknown-code``.
    """
    known, _, status = required(state)
    require_open_offer(state, agent, now, fresh=False)
    if status is not Status.OFFERED or known.agent != agent:
        how = f"offered to {known.agent}" if status is Status.OFFERED else status
        raise CommandRejected("not-offered", f"{known.number} is not offered to {agent}: {how}")
    terms = terms_of(configuration, known.for_desk or known.desk)
    reason = terms.reason(code) if terms else None
    if terms is not None:
        require_code(code, [one.code for one in terms.reject_reasons], field="reason")
    why = f"{agent} gave it back: {code}"
    event = back_in_queue(known, QueueReason.OFFER_REJECTED, why, now, configuration, by=by)
    final = reason is not None and not reason.reassignable
    return [event.model_copy(update={"code": code, "final": final})]


def back_in_queue(
    state: TicketState,
    reason: QueueReason,
    why: str,
    now: datetime,
    configuration: Configuration,
    *,
    by: str = SYSTEM,
) -> TicketQueued:
    """Return the event that puts a ticket back into the queue that it came from.

    Where its desk is configured no more, its topology names another.
    """
    _, facts, _ = required(state)
    desk = desk_named(configuration, state.desk)
    if desk is None:
        choice = choose_desk(
            configuration, facts, now, reopened=state is not None and state.reopened
        )
    else:
        queue = queue_named(configuration, state.queue, desk=desk.name)
        rule = f"{why}: back to the queue of {queue or desk.name}"
        choice = DeskChoice(
            desk,
            redirected(state.queued_because, rule, queue or desk.name),
            opens_at=first_opening(configuration, [desk.name], now),
            queue=queue,
            unrouted=state.unrouted,
        )
    return counted(state, queued_by(choice, facts, reason, released=state.holder, by=by))


class Answered(NamedTuple):
    """What became of an offer, and what the agent is from then on."""

    agent: str
    answer: OfferAnswer
    code: str | None = None
    presence: Presence | None = None
    missed_max: int | None = None
    """After so many that ran out the agent is ``then``; None: whatever their number."""
    then: Presence = Presence.AWAY


def answer_of(
    before: TicketState | None, bodies: Collection[Body], configuration: Configuration
) -> Answered | None:
    """Return the answer that a change of a ticket is to an offer; None where it is none.

    What somebody else does to an offered ticket (a transfer, alerts that clear) withdraws the
    offer; it is nobody's answer.
    """
    if before is None or before.status is not Status.OFFERED or before.agent is None:
        return None
    agent = before.agent
    terms = terms_of(configuration, before.for_desk or before.desk)
    for body in bodies:
        found = _answer(body, agent, terms)
        if found is not None:
            return found
    return None


def _answer(body: Body, agent: str, terms: Offers | None) -> Answered | None:
    match body:
        case TicketAccepted() if body.agent == agent:
            return Answered(agent, OfferAnswer.ACCEPTED)
        case TicketResolved() if body.by == agent:
            return Answered(agent, OfferAnswer.ACCEPTED)
        case TicketQueued(reason=QueueReason.OFFER_EXPIRED):
            then = Presence(terms.then) if terms else Presence.AWAY
            missed_max = terms.missed_max if terms else None
            return Answered(agent, OfferAnswer.EXPIRED, missed_max=missed_max, then=then)
        case TicketQueued(reason=QueueReason.OFFER_REJECTED):
            reason = terms.reason(body.code or "") if terms else None
            presence = Presence(reason.presence) if reason and reason.presence else None
            return Answered(agent, OfferAnswer.REJECTED, code=body.code, presence=presence)
        case _:
            return None


def decide_answer(state: AgentState | None, answered: Answered, *, ticket: str) -> Sequence[Body]:
    """Note an answer in the agent's stream, and what the agent is from then on."""
    bodies: list[Body] = [
        OfferAnswered(
            agent=answered.agent, ticket=ticket, answer=answered.answer, code=answered.code
        )
    ]
    presence, reason = answered.presence, answered.code
    missed = (state.missed if state else 0) + 1
    late = answered.answer is OfferAnswer.EXPIRED and answered.missed_max is not None
    if late and missed >= (answered.missed_max or 0) and _is_there(state):
        presence, reason = answered.then, OFFERS_MISSED
    if presence is not None:
        bodies += decide_presence(
            state, agent=answered.agent, presence=presence, by=SYSTEM, reason=reason
        )
    return bodies


def _is_there(state: AgentState | None) -> bool:
    """Return whether the agent has not said to be away already."""
    return state is None or state.presence in {None, Presence.AVAILABLE}
