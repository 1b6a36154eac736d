"""Routing over HTTP: tickets, tasks, agents, desks."""

from __future__ import annotations

from services.routing.api.contacting import contact_router
from services.routing.api.dry_run import DRY_RUN_PATH, dry_run_router
from services.routing.api.handovers import handover_router
from services.routing.api.internal import internal_router
from services.routing.api.lifecycle import lifecycle_router
from services.routing.api.people import people_router
from services.routing.api.tasks import task_router
from services.routing.api.tickets import ticket_router

__all__ = [
    "DRY_RUN_PATH",
    "contact_router",
    "dry_run_router",
    "handover_router",
    "internal_router",
    "lifecycle_router",
    "people_router",
    "task_router",
    "ticket_router",
]
