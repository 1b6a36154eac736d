"""Which events concern intake, and what each decides: one line each."""

from __future__ import annotations

from services.intake.domain.ticket import TICKET, decide_closed, decide_followup, decide_reopened
from services.intake.handlers.closing import Standing
from shared.consumer import On
from shared.contracts.routing import FollowupRequested, TicketClosed, TicketReopened


def on_tickets(standing: Standing) -> tuple[On, ...]:
    """Return the rows of ``heliodesk.tickets``."""
    return (
        On(TicketClosed, TICKET, decide_closed),
        On(
            TicketReopened,
            TICKET,
            lambda state, event, now: decide_reopened(state, event, now, free=standing.free),
        ),
        On(FollowupRequested, TICKET, decide_followup),
    )
