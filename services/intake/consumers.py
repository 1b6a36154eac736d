"""Which events concern intake, and what each decides: one line each."""

from __future__ import annotations

from services.intake.domain.ticket import TICKET, decide_closed, decide_followup, decide_reopened
from shared.consumer import On
from shared.contracts.routing import FollowupRequested, TicketClosed, TicketReopened


def on_tickets() -> tuple[On, ...]:
    """Return the rows of ``heliodesk.tickets``."""
    return (
        On(TicketClosed, TICKET, decide_closed),
        On(TicketReopened, TICKET, decide_reopened),
        On(FollowupRequested, TICKET, decide_followup),
    )
