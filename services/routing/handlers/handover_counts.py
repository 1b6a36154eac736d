"""How many tickets went which way in a shift and at its end."""

from __future__ import annotations

from collections.abc import Sequence

from services.routing.domain.handover.items import ItemState, Stage
from services.routing.handover_ports import HandoverDocument, Handovers
from shared.contracts.handover import HandoverCounts


async def counted(
    handovers: Handovers, document: HandoverDocument, items: Sequence[ItemState]
) -> HandoverCounts:
    """Return the numbers of a shift report.

    Raises:
        Infrastructure: the store does not answer.
    """
    state = document.state
    if state is None or state.started_at is None or state.closes_at is None:
        return HandoverCounts()
    shift = (document.tenant, state.desk, state.started_at, state.closes_at)
    stages = [item.stage for item in items]
    moved, kept, left = (stages.count(s) for s in (Stage.MOVED, Stage.KEPT, Stage.LEFT))
    return HandoverCounts(
        came=await handovers.came(*shift),
        taken_over=await handovers.taken_over(*shift),
        resolved=await handovers.resolved(*shift),
        moved=moved,
        kept=kept,
        left=left,
        waiting=len(stages) - moved - kept - left,
    )
