"""What becomes of the open tasks of a ticket that ends.

People who resolve a ticket are asked about them first. Where nobody can be asked, as the parent
is solved, the alerts have cleared or the ticket is merged, they are cancelled, with the reason.
"""

from __future__ import annotations

from typing import Final

from services.routing.domain.tickets import TicketState
from shared.contracts.facts import TicketFacts
from shared.contracts.lifecycle import TaskCancelled
from shared.contracts.routing import Status

RESOLVED: Final = "resolved"
"""The reason of cancelling a task whose ticket was solved without it."""
PARENT_RESOLVED: Final = "parent-resolved"


def cancelled_tasks(
    state: TicketState | None, facts: TicketFacts, *, by: str, reason: str
) -> list[TaskCancelled]:
    """Return the events by which all open tasks of a ticket are cancelled, in their order."""
    if state is None:
        return []
    return [
        TaskCancelled(
            facts=facts,
            status=state.status or Status.QUEUED,
            desk=state.desk,
            tier=state.tier,
            agent=state.agent,
            by=by,
            task=task.id,
            reason=reason,
            code=task.code,
            task_desk=task.desk,
            task_agent=task.agent,
        )
        for task in state.tasks
        if task.is_open
    ]
