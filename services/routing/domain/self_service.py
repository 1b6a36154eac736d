"""Tier 0: what its requester and automation do without an agent, and how it comes to a person.

A ticket at tier 0 is queued at the desk behind, where everybody sees it, and no agent is given it.
It goes to that desk when somebody asks for a person, or when the topology's wait is over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, Literal

from services.routing.domain.commands import required
from services.routing.domain.desks import choose_desk, topology_of
from services.routing.domain.moves import queued_by
from services.routing.domain.progress import counted
from services.routing.domain.resolving import require_tasks_done, resolution
from services.routing.domain.tickets import OVER, TicketState
from services.routing.domain.versions import is_behind
from shared.contracts.envelope import Body
from shared.contracts.facts import TicketFacts
from shared.contracts.routing import QueueReason, Resolver, Status, TicketClosed, TicketQueued
from shared.directions import PERSON_KEY
from shared.kernel import CommandRejected
from shared.organisation import Configuration, SelfService

TIER: Final = 0
SYSTEM: Final = "system"
CONTACT: Final = "contact"
AUTOMATION: Final = "automation"
SELF_SERVICE: Final = "self-service"
PERSON: Final = "person"
"""What a message asks for, where its writer asks for a person."""
CONFIRMED: Final = "confirmed"

Who = Literal["contact", "automation"]


def at_tier_0(
    configuration: Configuration, facts: TicketFacts, first: TicketQueued, now: datetime
) -> TicketQueued:
    """Return how a new ticket waits: at tier 0 in the scope of self-service, else as it was."""
    topology = self_service_of(configuration, facts)
    if topology is None:
        return first
    return first.model_copy(update={"tier": TIER, "person_at": person_from(topology, now)})


def self_service_of(configuration: Configuration, facts: TicketFacts) -> SelfService | None:
    """Return the topology in which a new ticket begins at tier 0; None where it does not.

    Who has chosen a person in the telephone's menu is not left to themselves.
    """
    topology = topology_of(configuration, facts)
    if isinstance(topology, SelfService) and facts.choice != PERSON_KEY:
        return topology
    return None


def person_from(topology: SelfService, since: datetime) -> datetime | None:
    """Return when what is at tier 0 since an instant goes to a person by itself; None: never."""
    return None if topology.wait is None else since + timedelta(seconds=topology.wait)


def to_person(
    facts: TicketFacts, now: datetime, configuration: Configuration, *, by: str
) -> TicketQueued:
    """Return the move from tier 0 to the desk behind, as it stands now."""
    choice = choose_desk(configuration, facts, now)
    why = (
        "nobody solved it in the time of self-service" if by == SYSTEM else "a person was asked for"
    )
    rule = f"{why}; {choice.explanation.rule}"[:300]
    explanation = choice.explanation.model_copy(update={"rule": rule})
    return queued_by(
        replace(choice, explanation=explanation), facts, QueueReason.PERSON_ASKED, by=by
    )


def decide_person(
    state: TicketState | None, *, by: str, now: datetime, configuration: Configuration
) -> Sequence[Body]:
    """Send a ticket of tier 0 to a person; one that is with a desk already stays there.

    Raises:
        CommandRejected: the ticket is over.
    """
    known, facts, status = required(state)
    if status in OVER:
        raise CommandRejected("wrong-status", f"{known.number} is {status}: reopen it, or ask anew")
    if not known.unattended:
        return []
    return [counted(known, to_person(facts, now, configuration, by=by))]


def decide_waited(
    state: TicketState | None, *, now: datetime, configuration: Configuration
) -> Sequence[Body]:
    """Send a ticket to a person whose time at tier 0 is over."""
    if state is None or state.facts is None or not state.unattended:
        return []
    if state.person_at is None or state.person_at > now or is_behind(configuration, state):
        return []
    return [counted(state, to_person(state.facts, now, configuration, by=SYSTEM))]


def decide_complete(
    state: TicketState | None,
    *,
    who: Who,
    article: str | None,
    by: str,
    now: datetime,
    configuration: Configuration,
) -> Sequence[Body]:
    """Say that it is done without a desk: by the requester, or by automation.

    What the requester did is confirmed by that, and closed at once. What automation did may turn
    out not to help: it is resolved, and the requester may object. Saying so again changes nothing.

    Args:
        state: of the ticket.
        who: did it.
        article: that was followed, where one was.
        by: who says so.
        now: the instant.
        configuration: in force.

    Raises:
        CommandRejected: ``tasks-open``, naming them; an agent has the ticket, or it is closed for another reason.
    """
    known, facts, status = required(state)
    if status is Status.CLOSED or (status is Status.RESOLVED and who == AUTOMATION):
        return []
    if known.holder is not None:
        raise CommandRejected(
            "already-assigned", f"{known.number} is {known.holder}'s: let them resolve it"
        )
    actor = CONTACT if who == CONTACT else by
    bodies: list[Body] = []
    if status is not Status.RESOLVED:
        require_tasks_done(known)
        bodies.append(
            resolution(
                configuration,
                now,
                state=known,
                facts=facts,
                desk=known.desk,
                tier=known.tier,
                agent=known.agent,
                by=actor,
                code=SELF_SERVICE if who == CONTACT else AUTOMATION,
                article=article,
                resolver=Resolver.REQUESTER if who == CONTACT else Resolver.AUTOMATION,
                resolver_tier=TIER,
            )
        )
    if who == CONTACT:
        bodies.append(
            TicketClosed(
                facts=facts,
                status=Status.CLOSED,
                desk=known.desk,
                tier=known.tier,
                agent=known.agent,
                by=actor,
                reason=CONFIRMED,
            )
        )
    return bodies
