"""Which events concern routing, and what each one decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from services.routing.domain.requests import (
    decide_alerts,
    decide_escalation,
    decide_merged,
    decide_message,
    decide_parent_solved,
    decide_reclassified,
    decide_request,
    decide_unmerged,
)
from services.routing.domain.tickets import TICKETS
from shared.configuration import Configurations
from shared.consumer import On
from shared.contracts.envelope import Body, Event
from shared.contracts.intake import (
    AlertsChanged,
    MessageAdded,
    RequestAccepted,
    RequestReclassified,
)
from shared.contracts.links import ParentSolved, RequestMerged, RequestUnmerged
from shared.contracts.sla import ClockEscalated
from shared.organisation import Configuration

ContactDesk = Callable[[str, str | None], str | None]
"""Tenant and the ticket that a new one follows up to the desk that is the contact, if one is."""


def no_contact_desk(_tenant: str, _follows: str | None) -> None:
    """Know of no ticket that another one follows up."""


def on_requests(
    configurations: Configurations,
    contact_desk: ContactDesk = no_contact_desk,
    *,
    closed: Callable[[Sequence[Body]], None] = lambda _bodies: None,
) -> list[On]:
    """Return the rows of ``heliodesk.requests``.

    ``closed`` hears what messages and merges decide, to count the tickets that they close.
    """

    def newest(event: Event[Any]) -> Configuration:
        return configurations.current(event.tenant)

    def on_request_accepted(state: Any, event: Any, now: Any) -> Any:
        known = contact_desk(event.tenant, event.body.follows)
        return decide_request(state, event.body, now, newest(event), contact_desk=known)

    def heard(bodies: Sequence[Body]) -> Sequence[Body]:
        closed(bodies)
        return bodies

    return [
        On(RequestAccepted, TICKETS, on_request_accepted),
        On(
            MessageAdded,
            TICKETS,
            lambda s, e, now: heard(decide_message(s, e.body, now, newest(e))),
        ),
        On(
            RequestReclassified,
            TICKETS,
            lambda s, e, now: decide_reclassified(s, e.body, now, newest(e)),
        ),
        On(
            RequestMerged,
            TICKETS,
            lambda s, e, now: heard(decide_merged(s, e.body, now, newest(e))),
        ),
        On(RequestUnmerged, TICKETS, lambda s, e, now: decide_unmerged(s, e.body, now, newest(e))),
        On(
            ParentSolved,
            TICKETS,
            lambda s, e, now: decide_parent_solved(s, e.body, now, newest(e)),
        ),
        On(AlertsChanged, TICKETS, lambda s, e, now: decide_alerts(s, e.body, now, newest(e))),
    ]


def on_clocks(configurations: Configurations) -> list[On]:
    """Return the rows of ``heliodesk.clocks``."""

    def newest(event: Event[Any]) -> Configuration:
        return configurations.current(event.tenant)

    return [
        On(ClockEscalated, TICKETS, lambda s, e, now: decide_escalation(s, e.body, now, newest(e))),
    ]
