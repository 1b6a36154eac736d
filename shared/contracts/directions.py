"""Where a call goes, where tickets stand, and who has room: what services ask of routing."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.facts import Code, Id, Instant
from shared.contracts.routing import Status

DIRECTIONS_PATH = "/internal/v1/calls/directions"
STANDINGS_PATH = "/internal/v1/standings"
"""By POST of `shared.contracts.internal.IdsRequest`."""
ROOM_PATH = "/internal/v1/room"
EXCLUDED_MAX = 20
DESKS_MAX = 200


class CallQuestion(BaseModel):
    """A call that asks where it goes. No number and no name: routing needs neither."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tenant: Code
    language: Code | None = None
    region: Code | None = None
    site: Code | None = None
    service: Code | None = None
    business: Code | None = None
    choice: Code | None = None
    """The key that was chosen in the menu."""
    excluded: Annotated[tuple[Code, ...], Field(max_length=EXCLUDED_MAX)] = ()
    """Desks that it must not go to: of a transfer the one that it comes from."""


class CallWay(BaseModel):
    """A desk, or a queue of one, as it stands now."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    desk: Code
    queue: Code | None = None
    """None: the desk's own."""
    open: bool
    opens_at: Instant | None = None
    """When it opens next; None where it is open, or never opens."""
    agents_present: Annotated[int, Field(ge=0)] | None = None
    """Who takes work there now; None where that is not known."""


class CallDirection(CallWay):
    """Where a call goes, why, and who is there."""

    topology: Code
    shape: Code
    reason: Annotated[str, Field(max_length=300)]
    menu: Code | None = None
    """``choices`` or ``self-service``: the menu that the caller should hear first."""
    agents_free: Annotated[int, Field(ge=0)] | None = None
    """Who of those present has room for more."""
    tickets_waiting: Annotated[int, Field(ge=0)] | None = None
    """In the desk's queues."""
    others: tuple[CallWay, ...] = ()
    """Where else it could go, the open ones first."""


class DirectionsAnswer(BaseModel):
    """Answer of `DIRECTIONS_PATH`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    direction: CallDirection | None
    """None: every way leads to an excluded desk."""


class TicketStanding(BaseModel):
    """Where a ticket stands, in codes."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Id
    number: Code
    status: Status
    tier: int
    desk: Code
    contact_desk: Code | None = None
    opens_at: Instant | None = None


class StandingsAnswer(BaseModel):
    """Answer of `STANDINGS_PATH`; tickets that are not known are left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    standings: tuple[TicketStanding, ...]


class RoomQuestion(BaseModel):
    """Which of some desks could take more work now. Body of a POST to `ROOM_PATH`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tenant: Code
    desks: Annotated[tuple[Code, ...], Field(min_length=1, max_length=DESKS_MAX)]


class DeskRoom(BaseModel):
    """Who is at work at a desk now."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    desk: Code
    present: Annotated[int, Field(ge=0)]
    """Who takes work there: on shift, and available."""
    free: Annotated[int, Field(ge=0)]
    """Who of those present has room for more."""


class RoomAnswer(BaseModel):
    """Answer of `ROOM_PATH`; desks that are not known are left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    desks: tuple[DeskRoom, ...]
