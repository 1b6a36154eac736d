"""What agents say about one item: keep, accept, decline, brief."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.routing.domain.handover.items import GONE, ItemState, Stage
from services.routing.domain.handover.ruling import is_grave
from services.routing.domain.tickets import TicketState
from shared.contracts.envelope import Body
from shared.contracts.handover import (
    HandoverItemAccepted,
    HandoverItemBriefed,
    HandoverItemDeclined,
    HandoverItemKept,
    NextStep,
)
from shared.kernel import CommandRejected
from shared.organisation import Agent
from shared.organisation.handover import HandoverPolicy


def required(item: ItemState | None) -> ItemState:
    """Return an item whose ticket is still with the closing desk.

    Raises:
        CommandRejected: ``not-found``; ``moved-already``, naming where it is.
    """
    if item is None or item.brief is None:
        raise CommandRejected("not-found", "the handover has no such ticket", status=404)
    if item.stage is Stage.MOVED:
        to = item.receipts[-1].to if item.receipts else ""
        raise CommandRejected("moved-already", f"{item.number} has moved to {to} already")
    if item.stage in GONE:
        raise CommandRejected("left", f"{item.number} is in the handover no more: {item.left_why}")
    return item


def decide_keep(
    item: ItemState | None,
    ticket: TicketState | None,
    *,
    policy: HandoverPolicy,
    agent: str,
    reason: str,
    opens_at: datetime | None,
) -> Sequence[Body]:
    """Keep a ticket: it stays with the agent who holds it. Saying so again changes nothing.

    Raises:
        CommandRejected: ``not-yours``, ``may-not-be-kept``, or as `required`.
    """
    known = required(item)
    if ticket is None or ticket.facts is None or ticket.status is None:
        raise CommandRejected("not-found", "there is no such ticket", status=404)
    if ticket.holder != agent:
        has = ticket.holder or "nobody"
        raise CommandRejected("not-yours", f"{has} has {known.number}: who has it keeps it")
    if is_grave(policy, ticket.facts, ticket.status, ticket):
        reason_given = f"{ticket.facts.priority} is never kept by a closed desk ({policy.name})"
        raise CommandRejected("may-not-be-kept", reason_given)
    if known.stage is Stage.KEPT and (known.kept_by, known.kept_reason) == (agent, reason):
        return []
    return [
        HandoverItemKept(
            handover=known.handover,
            ticket=known.ticket,
            number=known.number,
            desk=known.desk,
            reason=reason,
            by=agent,
            opens_at=opens_at,
        )
    ]


def offered(
    item: ItemState | None, *, agent: Agent, leaving: Sequence[str] = ()
) -> tuple[ItemState, str]:
    """Return an item that waits for an agent's answer, and the desk to which it was offered.

    ``leaving`` are the agents whose own shift ends: what is offered is for the others.

    Raises:
        CommandRejected: ``not-offered``, ``not-of-desk``, ``not-of-shift``, or as `required`.
    """
    known = required(item)
    if known.offered_to is None or known.stage not in {Stage.OFFERED, Stage.DECLINED}:
        raise CommandRejected("not-offered", f"{known.number} is not offered to anybody")
    if known.offered_to not in agent.desks:
        reason = f"{known.number} is offered to {known.offered_to}, which {agent.id} does not serve"
        raise CommandRejected("not-of-desk", reason, status=403)
    if agent.id in leaving:
        reason = f"{known.number} is offered to those who stay: the shift of {agent.id} ends too"
        raise CommandRejected("not-of-shift", reason, status=403)
    return known, known.offered_to


def decide_accept(
    item: ItemState | None, *, agent: Agent, leaving: Sequence[str] = ()
) -> Sequence[Body]:
    """Take what was offered, also after somebody else had declined it.

    Raises:
        CommandRejected: as `offered`.
    """
    known, to = offered(item, agent=agent, leaving=leaving)
    return [
        HandoverItemAccepted(
            handover=known.handover,
            ticket=known.ticket,
            number=known.number,
            desk=known.desk,
            to=to,
            by=agent.id,
        )
    ]


def decide_decline(
    item: ItemState | None,
    *,
    agent: Agent,
    reason: str,
    note: str | None,
    leaving: Sequence[str] = (),
) -> Sequence[Body]:
    """Refuse what was offered.

    Raises:
        CommandRejected: ``answered`` where somebody has declined it already, or as `offered`.
    """
    known, to = offered(item, agent=agent, leaving=leaving)
    if known.stage is Stage.DECLINED:
        if (known.answered_by, known.declined_reason) == (agent.id, reason):
            return []
        raise CommandRejected("answered", f"{known.answered_by} has declined {known.number}")
    return [
        HandoverItemDeclined(
            handover=known.handover,
            ticket=known.ticket,
            number=known.number,
            desk=known.desk,
            to=to,
            by=agent.id,
            reason=reason,
            note=note,
        )
    ]


def decide_brief(
    item: ItemState | None, *, step: NextStep | None, note: str | None, by: str
) -> Sequence[Body]:
    """Put a brief right: what is to be done next, and a note; None leaves either as it is.

    A brief may be put right after the move too: the next desk still reads it.

    Raises:
        CommandRejected: ``not-found``.
    """
    if item is None or item.brief is None:
        raise CommandRejected("not-found", "the handover has no such ticket", status=404)
    changes: dict[str, object] = {}
    if step is not None and (step, by) != (item.brief.next, item.brief.next_by):
        changes |= {"next": step, "next_by": by}
    if note is not None and note != item.brief.note:
        changes |= {"note": note}
    if not changes:
        return []
    return [
        HandoverItemBriefed(
            handover=item.handover,
            ticket=item.ticket,
            number=item.number,
            desk=item.desk,
            action=item.action,
            rule=item.rule,
            brief=item.brief.model_copy(update=changes),
            by=by,
        )
    ]
