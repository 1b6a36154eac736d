"""Which desk takes a ticket: by the topology of its scope, by who is open, and who could do it."""

from __future__ import annotations

from services.routing.domain.desks.able import soonest_desk
from services.routing.domain.desks.choosing import (
    AT_POINT,
    DISTRIBUTES,
    FALLBACK_SHAPE,
    SUGGESTED,
    DeskChoice,
    choose_desk,
    redirected,
    topology_of,
)
from services.routing.domain.desks.moving import escalation_target, successor
from services.routing.domain.desks.opening import (
    desk_named,
    first_opening,
    is_open,
    queue_named,
)

__all__ = [
    "AT_POINT",
    "DISTRIBUTES",
    "FALLBACK_SHAPE",
    "SUGGESTED",
    "DeskChoice",
    "choose_desk",
    "desk_named",
    "escalation_target",
    "first_opening",
    "is_open",
    "queue_named",
    "redirected",
    "soonest_desk",
    "successor",
    "topology_of",
]
