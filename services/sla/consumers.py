"""Which events concern the clocks, and what each one means."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from services.sla.domain.evolve import TICKET_CLOCKS
from services.sla.domain.model import ClocksState
from services.sla.domain.replay import Decide, Decisions
from services.sla.handlers import ClockHandlers
from shared.consumer import On
from shared.contracts import intake, lifecycle, offering, routing
from shared.contracts.envelope import Body, Event


def on_requests(handlers: ClockHandlers) -> list[On]:
    """Return the rows of ``heliodesk.requests``."""
    return [
        On(intake.RequestAccepted, TICKET_CLOCKS, handlers.on_request),
        On(intake.MessageAdded, TICKET_CLOCKS, handlers.on_request),
        On(intake.RequestReclassified, TICKET_CLOCKS, handlers.on_request),
        On(intake.AlertsChanged, TICKET_CLOCKS, handlers.on_request),
        On(intake.ConversationClosed, TICKET_CLOCKS, handlers.on_request),
        On(intake.ConversationReopened, TICKET_CLOCKS, handlers.on_request),
    ]


def on_tickets(handlers: ClockHandlers) -> list[On]:
    """Return the rows of ``heliodesk.tickets``, each with its word for the change."""
    on = handlers.on_ticket
    return [
        On(routing.TicketQueued, TICKET_CLOCKS, partial(on, "queued")),
        On(offering.TicketOffered, TICKET_CLOCKS, partial(on, "offered")),
        On(routing.TicketAssigned, TICKET_CLOCKS, partial(on, "assigned")),
        On(routing.TicketAccepted, TICKET_CLOCKS, partial(on, "accepted")),
        On(lifecycle.TicketStarted, TICKET_CLOCKS, partial(on, "started")),
        On(routing.TicketPended, TICKET_CLOCKS, partial(on, "paused")),
        On(routing.TicketResumed, TICKET_CLOCKS, partial(on, "resumed")),
        On(routing.TicketResolved, TICKET_CLOCKS, partial(on, "resolved")),
        On(routing.TicketReopened, TICKET_CLOCKS, partial(on, "reopened")),
        On(routing.TicketClosed, TICKET_CLOCKS, partial(on, "closed")),
        On(routing.TicketRegarded, TICKET_CLOCKS, partial(on, "regarded")),
    ]


def decisions(handlers: ClockHandlers, tenant: str) -> Decisions:
    """Return what an audit of a tenant's clocks decides by: the same rows."""
    rows = [*on_requests(handlers), *on_tickets(handlers)]
    return Decisions(
        on={row.body.type: _deciding(row) for row in rows}, rules=handlers.rules(tenant)
    )


def _deciding(row: On) -> Decide:
    def decide(state: ClocksState | None, event: Event[bytes]) -> Sequence[Body]:
        return row.decide(state, event.with_body(row.body), event.time)

    return decide
