"""Settings of intake, from the environment: ``INTAKE_…`` and what all services share."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class IntakeSettings(ServiceSettings):
    """Every limit has its unit in its name and its reason beside it."""

    model_config = SettingsConfigDict(
        env_prefix="INTAKE_", frozen=True, extra="forbid", populate_by_name=True
    )

    port: int = 18101
    routing_url: str = "http://127.0.0.1:18103"
    routing_seconds_max: Annotated[float, Field(gt=0, le=10)] = 0.5
    """How long a call that asks where it goes waits for routing: the caller hears nothing yet."""
    smtp_host: str = "127.0.0.1"
    """Put an MTA of your own before it where mail comes from the world."""
    smtp_port: int = 18102
    """0 opens no listener."""
    smtp_name: str = "heliodesk.local"
    """How the listener greets; RFC 5321 asks for its domain name."""
    smtp_tls_certificate: str | None = None
    """Path of a file with the certificate's chain, PEM: with it and its key STARTTLS is offered."""
    smtp_tls_key: str | None = None
    mail_bytes_max: Annotated[int, Field(ge=10_000, le=15_000_000)] = 10_000_000
    """Of a mail; larger ones are refused with 552 as soon as the client says their size."""
    body_bytes_max: Annotated[int, Field(ge=10_000)] = 16_000_000
    """A file of ten megabytes as base64 fits; what an integration may bring is limited further."""
    link: str = "/v1/requests/{ticket}"
    """What the answer links to, with ``{ticket}`` and ``{number}``."""
    outbox_backlog_max: Annotated[int, Field(ge=1)] = 20_000
    """Tickets with unsent events; with the broker down this is what is accepted before 503."""
    waiting_max: Annotated[int, Field(ge=1)] = 5_000
    """Submissions in memory that wait to be written: above it 503, not growth without end.

    One of more than 16,384 characters counts as several.
    """
    group_items_max: Annotated[int, Field(ge=1, le=1_000)] = 200
    """Receipts of one insert; larger groups gain nothing and make the first one wait."""
    numbers_block: Annotated[int, Field(ge=1, le=10_000)] = 50
    """Ticket numbers reserved at once; what a process dies with is a gap."""
    apply_wait_seconds: Annotated[float, Field(gt=0)] = 2.0
    """How long an answer waits for alerts or a message to be applied, so as to name the ticket."""
    sweep_seconds: Annotated[float, Field(gt=0)] = 2.0
    pending_age_seconds: Annotated[float, Field(gt=0)] = 5.0
    """A receipt that waits longer than this is somebody's that crashed: it is applied again."""
