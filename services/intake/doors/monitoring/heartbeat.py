"""Door ``heartbeat``: a monitor, a job or a script says that it lives, by any call with its token.

The body does not matter. The name is the path's, or the query's ``name``, or the integration's;
one integration may so watch many jobs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from services.intake.domain.normal import Heartbeat
from services.intake.domain.text import clean_line
from services.intake.doors.monitoring.groups import delivery
from services.intake.doors.monitoring.settings import bearer_or_query, settings_of
from services.intake.doors.shape import (
    Door,
    Fault,
    Fault4xx,
    HttpEntrance,
    Raw,
    Read,
    Refused,
    Setup,
    Token,
)
from shared.contracts.facts import Channel

NAME_MAX = 300


class Settings(BaseModel):
    """Settings of an integration of this door."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    every_seconds: Annotated[int, Field(ge=10, le=604_800)] = 300
    """How often it is told. An incident opens where it is not."""


def parse(raw: Raw, setup: Setup) -> Sequence[Read[Heartbeat]]:
    """Read a heartbeat.

    Raises:
        Refused: 422, the name is too long or missing.
    """
    said = raw.path.get("name") or raw.query.get("name") or setup.name or "heartbeat"
    name = clean_line(said)
    if not 0 < len(name) <= NAME_MAX:
        raise Refused(Fault4xx.INVALID, [Fault("name", f"1 to {NAME_MAX} characters")])
    form = Heartbeat(
        name=name,
        at=raw.received_at,
        every_seconds=settings_of(setup, Settings).every_seconds,
    )
    return [delivery(form, key=None, raw=raw)]


DOOR = Door(
    name="heartbeat",
    title="Heartbeats of monitors and jobs",
    parse=parse,
    channel=Channel.MONITORING,
    credentials=Token(find=bearer_or_query),
    settings=Settings,
    entrances=(
        # A GET without a name is the list of heartbeats, for agents.
        HttpEntrance(path="/v1/heartbeats", media_types=(), methods=("POST", "PUT")),
        HttpEntrance(path="/v1/heartbeats/{name}", media_types=(), methods=("GET", "POST", "PUT")),
    ),
    answers_at_once=True,
)
