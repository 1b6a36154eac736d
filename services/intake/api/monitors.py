"""What monitors have said, for agents to read: groups of alerts, windows, heartbeats."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel

from services.intake.domain.alert_groups import AlertGroup, Episode, Member
from services.intake.domain.alert_rows import Pulse
from services.intake.domain.maintenance import Span
from services.intake.handlers.monitors import Monitors
from shared.aggregate import Document
from shared.auth import Action, Actor
from shared.contracts.facts import Instant
from shared.contracts.intake import AlertStatus
from shared.http import Problem, allowed

GROUPS_MAX = 200
DAYS_MAX = 366


class AlertShown(BaseModel):
    """One alert of a group, as its monitor said last."""

    fingerprint: str
    status: AlertStatus
    fired_at: Instant | None
    acknowledged_at: Instant | None
    resolved_at: Instant | None
    seen_at: Instant
    severity: str | None
    configuration_item: str | None
    service: str | None
    episode: int
    muted_by: str | None
    muted_until: Instant | None

    @classmethod
    def of(cls, fingerprint: str, member: Member) -> AlertShown:
        """Return the view of an alert."""
        occurrence = member.occurrence
        status = occurrence.status if occurrence else AlertStatus.UNKNOWN
        return cls(
            fingerprint=fingerprint,
            status=AlertStatus.ACKNOWLEDGED if member.is_acknowledged else status,
            fired_at=member.fired,
            acknowledged_at=member.acknowledged,
            resolved_at=member.resolved,
            seen_at=member.seen_at,
            severity=member.severity,
            configuration_item=member.configuration_item,
            service=member.service,
            episode=member.episode,
            muted_by=member.muted,
            muted_until=member.muted_until,
        )


class EpisodeShown(BaseModel):
    """A time in which alerts of the group fire, and its ticket or why there is none."""

    number: int
    ticket: str | None
    began_at: Instant
    opened_at: Instant | None
    follows: str | None
    priority: str
    predicted: bool
    held_because: str | None
    rule: str
    reason: str
    parent: str | None
    left_out: int

    @classmethod
    def of(cls, episode: Episode) -> EpisodeShown:
        """Return the view of an episode."""
        return cls(
            number=episode.number,
            ticket=episode.ticket if episode.opened_at is not None else None,
            began_at=episode.began_at,
            opened_at=episode.opened_at,
            follows=episode.follows,
            priority=episode.priority,
            predicted=episode.predicted,
            held_because=episode.held,
            rule=episode.action,
            reason=episode.reason,
            parent=episode.parent,
            left_out=episode.left_out,
        )


class AlertGroupShown(BaseModel):
    """A group of alerts."""

    key: str
    revision: int
    integration: str
    firing: int
    occurrences: int
    """Distinct ones, however often they were delivered."""
    flapping: bool
    changed_at: Instant
    quiet_at: Instant | None
    due_at: Instant | None
    episodes: tuple[EpisodeShown, ...]
    alerts: tuple[AlertShown, ...]

    @classmethod
    def of(
        cls, document: Document[AlertGroup], state: AlertGroup, *, count: int
    ) -> AlertGroupShown:
        """Return the view of a group."""
        return cls(
            key=document.id,
            revision=document.seq,
            integration=state.integration,
            firing=state.firing,
            occurrences=count,
            flapping=state.flapping,
            changed_at=state.changed_at,
            quiet_at=state.quiet_at,
            due_at=state.due_at,
            episodes=tuple(EpisodeShown.of(e) for e in state.episodes),
            alerts=tuple(AlertShown.of(f, m) for f, m in sorted(state.members.items())),
        )


class WindowShown(BaseModel):
    """A maintenance window that is open, or will be."""

    name: str
    title: str
    starts_at: Instant
    ends_at: Instant
    time_zone: str
    change: str | None
    integrations: tuple[str, ...]
    services: tuple[str, ...]
    items: tuple[str, ...]
    regions: tuple[str, ...]

    @classmethod
    def of(cls, span: Span) -> WindowShown:
        """Return the view of a window."""
        window = span.window
        return cls(
            name=window.name,
            title=window.title,
            starts_at=span.starts_at,
            ends_at=span.ends_at,
            time_zone=window.time_zone,
            change=window.change,
            integrations=window.integrations,
            services=window.services,
            items=window.items,
            regions=window.regions,
        )


class HeartbeatShown(BaseModel):
    """A heartbeat: when it came last, and when it is missed."""

    integration: str
    name: str
    last_at: Instant
    every_seconds: int
    due_at: Instant
    overdue: bool

    @classmethod
    def of(cls, pulse: Pulse) -> HeartbeatShown:
        """Return the view of a heartbeat."""
        return cls(
            integration=pulse.integration,
            name=pulse.name,
            last_at=pulse.last_at,
            every_seconds=pulse.every_seconds,
            due_at=pulse.due_at,
            overdue=pulse.overdue,
        )


def monitor_router(monitors: Monitors) -> APIRouter:
    """Return the routes under ``/v1/alert-groups``, ``/v1/maintenance`` and ``/v1/heartbeats``."""
    router = APIRouter(tags=["monitors"])
    read: Any = allowed(Action.READ)

    @router.get("/v1/alert-groups")
    async def list_groups(
        firing: Annotated[bool | None, Query()] = None,
        limit: Annotated[int, Query(ge=1, le=GROUPS_MAX)] = 50,
        actor: Actor = read,
    ) -> list[AlertGroupShown]:
        """List groups of alerts, the last changed first; those that fire, or do not, or all."""
        found = await monitors.groups(tenant=actor.tenant, firing=firing, limit=limit)
        return _shown(found)

    @router.get("/v1/alert-groups/{key}")
    async def show_group(key: str, actor: Actor = read) -> AlertGroupShown:
        """Show a group of alerts with all that is known of each."""
        found = _shown([g for g in [await monitors.group(key, tenant=actor.tenant)] if g])
        if not found:
            raise Problem(404, "not-found", f"there is no alert group {key[:80]!r}")
        return found[0]

    @router.get("/v1/maintenance")
    async def list_windows(
        days: Annotated[int, Query(ge=0, le=DAYS_MAX)] = 30, actor: Actor = read
    ) -> list[WindowShown]:
        """List maintenance windows that are open, or begin within so many days."""
        return [WindowShown.of(s) for s in monitors.windows(tenant=actor.tenant, days=days)]

    @router.get("/v1/heartbeats")
    async def list_heartbeats(actor: Actor = read) -> list[HeartbeatShown]:
        """List heartbeats, by integration and name."""
        return [HeartbeatShown.of(p) for p in await monitors.heartbeats(tenant=actor.tenant)]

    return router


def _shown(found: Iterable[tuple[Document[AlertGroup], int]]) -> list[AlertGroupShown]:
    return [
        AlertGroupShown.of(document, document.state, count=count)
        for document, count in found
        if document.state is not None
    ]
