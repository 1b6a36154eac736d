"""What a policy says of a ticket: the first rule whose condition is met."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from services.routing.domain.tickets import TicketState
from services.routing.domain.visits import VISIT
from shared.contracts.facts import TicketFacts
from shared.contracts.handover import HandoverAction
from shared.contracts.routing import Status
from shared.expressions import compile_condition
from shared.organisation.handover import HANDOVER_FIELDS, HandoverPolicy, HandoverRule

PENDING_STAYS: Final = "pending-stays"
WORK_MOVES: Final = "work-moves"
VISIT_STAYS: Final = "visit-stays"
"""Names of what holds where no rule does."""


class Ruling(NamedTuple):
    """What is to become of a ticket, and by which rule."""

    action: HandoverAction
    rule: str
    answer_within_seconds: int = 0
    unanswered: Literal["move", "keep"] = "move"
    declined: Literal["move", "keep"] = "keep"


def ruled(policy: HandoverPolicy, facts: TicketFacts, status: Status, state: TicketState) -> Ruling:
    """Return what the policy says of a ticket.

    A visit stays with those who go there, whatever a rule says: no open desk far away can go.
    """
    if state.shape == VISIT:
        return Ruling(HandoverAction.KEEP, VISIT_STAYS)
    if policy.rules:
        values = _values(facts, status, state)
        for rule in policy.rules:
            if compile_condition(rule.when, HANDOVER_FIELDS)(values):
                return _of(rule)
    if status is Status.PENDING:
        return Ruling(HandoverAction.KEEP, PENDING_STAYS)
    return Ruling(HandoverAction.MOVE, WORK_MOVES)


def is_grave(
    policy: HandoverPolicy, facts: TicketFacts, status: Status, state: TicketState
) -> bool:
    """Return whether a ticket may not be kept: grave work that others can go on with.

    What is pending waits for somebody, and a visit for those who go there.
    """
    can_go_on = status is not Status.PENDING and state.shape != VISIT
    return facts.priority in policy.never_keep and can_go_on


def _of(rule: HandoverRule) -> Ruling:
    return Ruling(
        HandoverAction(rule.action),
        rule.name,
        rule.answer_within or 0,
        rule.unanswered,
        rule.declined,
    )


def _values(facts: TicketFacts, status: Status, state: TicketState) -> dict[str, object]:
    own: dict[str, object] = {
        "desk": state.desk,
        "tier": state.tier,
        "reopened": state.reopened,
        "status": str(status),
        "pend_reason": None if state.pend_reason is None else str(state.pend_reason),
    }
    return own | {
        name: getattr(facts, name)
        for name in HANDOVER_FIELDS
        if name not in own and hasattr(facts, name)
    }
