"""Settings of sla, from the environment: ``SLA_…``."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from services.sla.domain.model import SHARDS
from shared.settings import ServiceSettings


class SlaSettings(ServiceSettings):
    """What sla can be told."""

    model_config = SettingsConfigDict(
        env_prefix="SLA_", frozen=True, extra="forbid", populate_by_name=True
    )

    port: int = 18104
    metrics_port: int = 19104
    tick_seconds: Annotated[float, Field(gt=0)] = 0.5
    """How often due clocks are looked for: how late a breach may be told while all is well."""
    batch_max: Annotated[int, Field(ge=1, le=5_000)] = 100
    """Tickets of one bulk of writes, of which a round takes up to fifty."""
    slots: Annotated[int, Field(ge=1, le=SHARDS)] = 1
    """How many processes divide the 64 shards of the timers. 1: each polls all of them, which is
    right too, since overlap is harmless; it costs reads."""
    slot_index: Annotated[int, Field(ge=0, lt=SHARDS)] = 0
    """The number of this process among them, from 0."""
    at_risk: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """The probability of passing a target from which a ticket is shown as at risk."""
    foresight_seconds: Annotated[float, Field(gt=0)] = 5.0
    """How often foresight looks for clocks that changed."""
    routing_url: str = "http://127.0.0.1:18103"
    """Who says whether the desk above has room, before work is raised for an expected breach."""
    routing_seconds_max: Annotated[float, Field(gt=0, le=10)] = 2.0
    """How long a round waits for that answer; without one the hours of the desk decide."""
    takeover_seconds: Annotated[float, Field(gt=0)] = 10.0
    """Shards whose clocks are overdue for so long have lost their process: others take them."""
    report_grace_hours: Annotated[int, Field(ge=0, le=720)] = 72
    """So long after its end a month's report is closed: for late events and withdrawals. With
    another value reports of past months are other reports; ``as_of`` still gives the old ones."""

    @model_validator(mode="after")
    def _has_its_slot(self) -> Self:
        if self.slot_index >= self.slots:
            message = f"SLA_SLOT_INDEX counts from 0 to {self.slots - 1}, as SLA_SLOTS says"
            raise ValueError(message)
        return self
