"""The requester says whether the solution is one, and an agent begins to work in earnest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from services.routing.domain.commands import decide_accept, required, wrong
from services.routing.domain.levels import Deed, level_of, require_level
from services.routing.domain.moves import reopen
from services.routing.domain.tickets import TicketState
from shared.contracts.envelope import Body
from shared.contracts.facts import TicketFacts
from shared.contracts.lifecycle import TicketConfirmed, TicketStarted
from shared.contracts.routing import Said, Status, TicketClosed
from shared.kernel import CommandRejected
from shared.organisation import Configuration, Desk

CONFIRMED: Final = "confirmed"
DISSATISFIED: Final = "dissatisfied"


def decide_start(
    state: TicketState | None,
    *,
    agent: str,
    weight: int,
    by: str,
    configuration: Configuration,
    to: Desk | None = None,
    beyond: str | None = None,
) -> Sequence[Body]:
    """Be at work on a ticket; what is not accepted yet is accepted with it.

    Starting again changes nothing. ``to`` and ``beyond`` are those of `decide_accept`.

    Raises:
        CommandRejected: ``already-assigned``; ``level``; the ticket is pending or over.
    """
    known, facts, status = required(state)
    if status is Status.IN_PROGRESS and known.holder == agent:
        return []
    taken_over = to if to is not None and status is Status.OFFERED else None
    level = level_of(configuration, agent, taken_over.name if taken_over else known.desk)
    require_level(level, Deed.START, configuration.lifecycle)
    accepted = decide_accept(state, agent=agent, weight=weight, by=by, to=to, beyond=beyond)
    started = TicketStarted(
        facts=facts,
        status=Status.IN_PROGRESS,
        desk=taken_over.name if taken_over else known.desk,
        tier=taken_over.tier if taken_over else known.tier,
        agent=agent,
        by=by,
    )
    return [*accepted, started]


def confirmed(
    state: TicketState, facts: TicketFacts, *, said: Said, by: str
) -> tuple[TicketConfirmed, TicketClosed]:
    """Return how a ticket ends whose requester is satisfied."""
    common: dict[str, Any] = {
        "facts": facts,
        "desk": state.desk,
        "tier": state.tier,
        "agent": state.agent,
        "by": by,
    }
    return (
        TicketConfirmed(**common, status=Status.RESOLVED, said=said, resolution=state.resolution),
        TicketClosed(**common, status=Status.CLOSED, reason=CONFIRMED),
    )


def decide_confirm(
    state: TicketState | None,
    *,
    satisfied: bool,
    said: Said,
    by: str,
    now: datetime,
    configuration: Configuration,
    resolution: int | None = None,
) -> Sequence[Body]:
    """Take what the requester says of a resolution; saying the same again changes nothing.

    ``resolution`` is the sequence of the one that they speak of; None: the newest.

    Raises:
        CommandRejected: ``earlier-resolution``; the ticket is not resolved.
    """
    known, facts, status = required(state)
    if resolution is not None and resolution != known.resolution:
        reason = f"{known.number} was resolved again since: that answer was to an earlier solution"
        raise CommandRejected("earlier-resolution", reason)
    if status is Status.RESOLVED:
        if satisfied:
            return confirmed(known, facts, said=said, by=by)
        return reopen(known, facts, now, configuration, reason=DISSATISFIED, by=by, said=said)
    if satisfied and status is Status.CLOSED:
        return []
    if not satisfied and resolution is not None and status is not Status.CLOSED:
        # It is of this very solution, and the ticket is open again.
        return []
    raise wrong(known, CONFIRMED if satisfied else "reopened")
