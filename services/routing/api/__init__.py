"""Routing over HTTP: tickets, tasks, agents, desks."""

from __future__ import annotations

from services.routing.api.internal import internal_router
from services.routing.api.lifecycle import lifecycle_router
from services.routing.api.people import people_router
from services.routing.api.tasks import task_router
from services.routing.api.tickets import ticket_router

__all__ = ["internal_router", "lifecycle_router", "people_router", "task_router", "ticket_router"]
