"""Settings of notify, from ``NOTIFY_…`` and the ``HELIODESK_…`` that all services share."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from services.notify.ports import Tls
from shared.settings import ServiceSettings

LOOPBACK_NAME = "localhost"


class NotifySettings(ServiceSettings):
    """Where mail is handed in, under whose name, and how patiently."""

    model_config = SettingsConfigDict(
        env_prefix="NOTIFY_", frozen=True, extra="forbid", populate_by_name=True
    )

    port: int = 18105
    metrics_port: int = 19105
    intake_url: str = "http://127.0.0.1:18101"

    smtp_host: str = "127.0.0.1"
    smtp_port: Annotated[int, Field(ge=1, le=65_535)] = 18025
    smtp_tls: Tls = Tls.NONE
    smtp_ca_file: str | None = None
    """Certificates that are trusted instead of the system's."""
    smtp_username: str | None = None
    smtp_password: str | None = None
    """May be a reference: ``env:NAME`` or ``file:PATH``."""
    smtp_seconds_max: Annotated[float, Field(gt=0, le=300)] = 30.0
    """For connecting, and for each mail as a whole: a stalled server must not hold the others."""

    console_url: str = ""
    """Where requesters reach the console, for the links in the mail of a resolution; empty: none.
    Behind a proxy the paths ``/answer/``, ``/static/`` and ``/language`` have to be open to them."""

    domain: Annotated[str, Field(pattern=r"^[a-z0-9.-]{1,40}$")] = "heliodesk.localhost"
    """Right side of every Message-ID. Changing it while notices wait gives those a second id."""
    sender: str = "help@heliodesk.localhost"
    """Where the configuration names no sender."""

    batch_notices_max: Annotated[int, Field(ge=1, le=200)] = 50
    """Claimed and sent on one connection; also the ids of one request to intake."""
    unrecorded_notices_max: Annotated[int, Field(ge=1, le=200)] = 1
    """Sent, and not yet recorded: what a crash repeats at most, each under its own id."""
    lease_seconds: Annotated[float, Field(ge=60)] = 600.0
    """A claim of a process that never comes back is taken over after this."""
    retry_seconds_min: Annotated[float, Field(gt=0)] = 30.0
    retry_seconds_max: Annotated[float, Field(gt=0)] = 4 * 3600.0
    retry_days_max: Annotated[float, Field(gt=0)] = 4.0
    """RFC 5321 4.5.4.1 says at least four to five days for a mail server."""
    poll_seconds: Annotated[float, Field(gt=0)] = 1.0
    """Planned notices wake the sender; this finds those of other processes, and due retries."""

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if self.smtp_username and self.smtp_tls is Tls.NONE and not _is_loopback(self.smtp_host):
            message = "smtp_username: a password goes over starttls or implicit only"
            raise ValueError(message)
        if bool(self.smtp_username) != bool(self.smtp_password):
            message = "smtp_username: needs smtp_password, and the reverse"
            raise ValueError(message)
        if self.lease_seconds < 2 * self.smtp_seconds_max:
            message = "lease_seconds: at least twice smtp_seconds_max, or claims end while sending"
            raise ValueError(message)
        if self.retry_seconds_max < self.retry_seconds_min:
            message = "retry_seconds_max: less than retry_seconds_min"
            raise ValueError(message)
        return self


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == LOOPBACK_NAME
