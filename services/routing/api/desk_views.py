"""What routing answers with about desks."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from services.routing.handlers.reading import DeskNow
from shared.contracts.facts import Instant
from shared.contracts.routing import Status


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class OpeningView(_Answer):
    """A stretch of time in which a desk is open."""

    opens_at: Instant
    closes_at: Instant


class DeskView(_Answer):
    """A desk as things stand, and the ways to it; what is not configured is null."""

    name: str
    title: str
    region: str | None
    tier: int
    time_zone: str
    languages: tuple[str, ...]
    escalates_to: str | None
    email: str | None
    phone: str | None
    address: str | None
    url: str | None
    on_duty: str | None
    """The person on duty now; None: nobody in particular."""
    duty_manager: str | None
    """The agent who answers for it: its own, else the one of section ``lifecycle``."""
    hours: tuple[OpeningView, ...]
    """When it is open, from today's midnight in its time zone on, for seven days."""
    open: bool
    opens_at: Instant | None
    """While it is closed: when it opens."""
    closes_at: Instant | None
    """While it is open: when it closes; None where it never does."""
    queued: int
    """Those that wait for an agent."""
    unattended: int
    """Those at tier 0: with their requesters and automation; they wait for no agent."""
    offered: int
    assigned: int
    accepted: int
    in_progress: int
    pending: int

    @classmethod
    def of(cls, now: DeskNow) -> DeskView:
        """Return the view of a desk."""
        counts = now.counts.by_status
        return cls(
            name=now.desk.name,
            title=now.desk.title,
            region=now.desk.region,
            tier=now.desk.tier,
            time_zone=now.time_zone,
            languages=now.desk.languages,
            escalates_to=now.desk.escalates_to,
            email=now.desk.email,
            phone=now.desk.phone,
            address=now.desk.address,
            url=now.desk.url,
            on_duty=now.on_duty,
            duty_manager=now.duty_manager,
            hours=tuple(OpeningView(opens_at=w.opens, closes_at=w.closes) for w in now.hours),
            open=now.is_open,
            opens_at=now.opens_at,
            closes_at=now.closes_at,
            queued=counts.get(Status.QUEUED, 0),
            unattended=now.counts.unattended,
            offered=counts.get(Status.OFFERED, 0),
            assigned=counts.get(Status.ASSIGNED, 0),
            accepted=counts.get(Status.ACCEPTED, 0),
            in_progress=counts.get(Status.IN_PROGRESS, 0),
            pending=counts.get(Status.PENDING, 0),
        )


class DesksView(_Answer):
    """The configured desks."""

    desks: tuple[DeskView, ...]
