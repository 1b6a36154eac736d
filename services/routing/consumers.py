"""Which events concern routing, and what each one decides."""

from __future__ import annotations

from typing import Any

from services.routing.domain.requests import (
    decide_alerts,
    decide_escalation,
    decide_message,
    decide_request,
)
from services.routing.domain.tickets import TICKETS
from shared.configuration import Configurations
from shared.consumer import On
from shared.contracts.envelope import Event
from shared.contracts.intake import AlertsChanged, MessageAdded, RequestAccepted
from shared.contracts.sla import ClockEscalated
from shared.organisation import Configuration


def on_requests(configurations: Configurations) -> list[On]:
    """Return the rows of ``heliodesk.requests``."""

    def newest(event: Event[Any]) -> Configuration:
        return configurations.current(event.tenant)

    return [
        On(RequestAccepted, TICKETS, lambda s, e, now: decide_request(s, e.body, now, newest(e))),
        On(MessageAdded, TICKETS, lambda s, e, now: decide_message(s, e.body, now, newest(e))),
        On(AlertsChanged, TICKETS, lambda s, e, now: decide_alerts(s, e.body, now, newest(e))),
    ]


def on_clocks(configurations: Configurations) -> list[On]:
    """Return the rows of ``heliodesk.clocks``."""

    def newest(event: Event[Any]) -> Configuration:
        return configurations.current(event.tenant)

    return [
        On(ClockEscalated, TICKETS, lambda s, e, now: decide_escalation(s, e.body, now, newest(e))),
    ]
