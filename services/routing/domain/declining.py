"""Who was asked to take a ticket and did not: a part of its state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final

from pydantic import BaseModel, ConfigDict

from shared.contracts.routing import QueueReason, TicketQueued

DECLINED_MAX: Final = 50
"""So many are remembered of a ticket; beyond, who declined the longest ago is asked again."""

EXPIRED: Final = "expired"
REJECTED: Final = "rejected"
RECLAIMED: Final = "reclaimed"

WAYS: Final[Mapping[QueueReason, str]] = MappingProxyType(
    {
        QueueReason.OFFER_EXPIRED: EXPIRED,
        QueueReason.OFFER_REJECTED: REJECTED,
        QueueReason.RECLAIMED: RECLAIMED,
    }
)
"""Queued for one of these reasons, a ticket keeps its place, and who had it is left out."""


class Declined(BaseModel):
    """An agent who did not take a ticket, or did nothing about it."""

    model_config = ConfigDict(frozen=True)

    agent: str
    at: datetime
    how: str
    """``expired``, ``rejected`` or ``reclaimed``."""
    final: bool = False
    """Whether the agent is not to be asked again while others are there."""


def declined_after(
    declined: Sequence[Declined], body: TicketQueued, at: datetime
) -> tuple[Declined, ...]:
    """Return who has declined a ticket once it is queued; each agent once, the latest last.

    What comes into a queue for any other reason begins anew.
    """
    how = WAYS.get(body.reason)
    if how is None or body.released is None:
        return ()
    earlier = [d for d in declined if d.agent != body.released]
    was_final = any(d.final for d in declined if d.agent == body.released)
    final = body.final or was_final
    return (*earlier, Declined(agent=body.released, at=at, how=how, final=final))[-DECLINED_MAX:]


def anew(declined: Sequence[Declined], agent: str | None) -> tuple[Declined, ...]:
    """Return who is still left out as a round of asking begins anew with an agent."""
    return tuple(d for d in declined if d.final and d.agent != agent)
