"""Settings of routing, from the environment: ``ROUTING_…``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class RoutingSettings(ServiceSettings):
    """What routing can be told."""

    model_config = SettingsConfigDict(
        env_prefix="ROUTING_", frozen=True, extra="forbid", populate_by_name=True
    )

    port: int = 18103
    metrics_port: int = 19103
    presence_default: Literal["available", "offline"] = "available"
    """What an agent is who has not said so. With ``available`` a desk works from the first
    minute: its agents are given work while it is open. Choose ``offline`` where agents sign in."""
    close_after_seconds: Annotated[float, Field(gt=0)] = 3 * 24 * 3600.0
    """After so long without an objection a resolved ticket is closed: a weekend lies within."""
    match_seconds: Annotated[float, Field(gt=0)] = 1.0
    """The matcher is woken by each change here; this is for the changes of other processes."""
    match_window_tickets_max: Annotated[int, Field(ge=1, le=10_000)] = 100
    """Tickets of one desk that a round looks at: bounds its memory, not who is served."""
    sweep_seconds: Annotated[float, Field(gt=0)] = 5.0
    """How long work may lie at a desk that has closed before it is moved."""
    timer_seconds: Annotated[float, Field(gt=0)] = 1.0
    """How late a pending ticket may be resumed."""
    offer_seconds: Annotated[float, Field(gt=0)] = 1.0
    """How much longer than promised an offer may stand, of which nobody can make use any more."""
    reclaim_seconds: Annotated[float, Field(gt=0)] = 15.0
    """How late work may be taken back from who is absent or silent."""
    tidy_seconds: Annotated[float, Field(gt=0)] = 1.0
    """How long a hold may outlive its ticket's leaving; meanwhile that room is not used."""
    configuration_bytes_max: Annotated[int, Field(ge=1024, le=64 * 1024 * 1024)] = 16 * 1024 * 1024
    """Body of a dry run: it holds every section at once. Control has a limit of the same name."""
    handover_seconds: Annotated[float, Field(gt=0)] = 5.0
    """How late the end of a shift may be noticed, and a step of a handover be done."""
    intake_url: str = "http://127.0.0.1:18101"
    """Whose messages the briefs of a handover quote."""
    sla_url: str = "http://127.0.0.1:18104"
    """Whose due times the briefs of a handover tell."""
    audit_seconds: Annotated[float, Field(gt=0)] = 60.0
    """How often everything is looked at, in case an earlier look missed something."""
