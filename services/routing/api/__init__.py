"""Routing over HTTP: tickets, agents, desks."""

from __future__ import annotations

from services.routing.api.handovers import handover_router
from services.routing.api.people import people_router
from services.routing.api.tickets import ticket_router

__all__ = ["handover_router", "people_router", "ticket_router"]
