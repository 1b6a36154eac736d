"""Settings of the console, from ``CONSOLE_…`` and what all services share."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class ConsoleSettings(ServiceSettings):
    """Where the console listens, and where the services are that it asks."""

    model_config = SettingsConfigDict(
        env_prefix="CONSOLE_", frozen=True, extra="forbid", populate_by_name=True
    )

    port: int = 18080
    metrics_port: int = 19080
    control_url: str = "http://127.0.0.1:18100"
    intake_url: str = "http://127.0.0.1:18101"
    routing_url: str = "http://127.0.0.1:18103"
    sla_url: str = "http://127.0.0.1:18104"
    knowledge_url: str = "http://127.0.0.1:18106"
    mailbox_url: str = "http://127.0.0.1:18026"
    """The local mail sink. Empty where there is none: the page is then hidden."""
    https: bool = False
    """Whether people reach the console by https: the session cookie is then ``Secure``."""
    request_seconds_max: Annotated[float, Field(gt=0, le=60)] = 5.0
    """How long another service may take; then its part of the page says that it does not answer."""
    follow_seconds: Annotated[float, Field(gt=0, le=1)] = 0.4
    """How often the list of changes is read for open pages: other processes write to it too."""
    changes_kept: Annotated[int, Field(ge=1_000)] = 20_000
    """Older entries of the list of changes are deleted. A page that slept longer reloads whole."""
    subject_seconds_max: Annotated[float, Field(ge=0, le=300)] = 30.0
    """How long a subject line stays in memory. After an erasure it may still be shown so long."""
