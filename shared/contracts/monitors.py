"""Events of intake on groups of alerts: what monitors say, and what becomes of it.

Stream: one per group, named by its alert key. A ticket follows its group; the group goes on when
the ticket is closed, and remembers what fired before.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.envelope import Body
from shared.contracts.facts import Code, Id, Instant, Priority, TicketFacts, Word
from shared.contracts.intake import ALERT_MEMBERS_MAX, AlertStatus, PriorityReason

GROUP_MEMBERS_MAX = 2_000
"""Alerts of one group that are known by name."""

Fingerprints = Annotated[tuple[Code, ...], Field(max_length=GROUP_MEMBERS_MAX)]


class ObservedAlert(BaseModel):
    """What a monitor said of one alert, where that was news."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    fingerprint: Code
    status: AlertStatus
    """firing, acknowledged or resolved."""
    starts_at: Instant
    """When it began to fire; where the monitor tells only when it spoke, that instant."""
    severity: Code | None = None
    configuration_item: Code | None = None
    service: Code | None = None


class OpeningAction(Word):
    """What the organisation's rules say of alerts before an incident opens."""

    OPEN = "open"
    RECORD = "record"
    RAISE = "raise"
    UNKNOWN = "unknown"


class HeldReason(Word):
    """Why alerts fire and no incident is open for them."""

    RULE = "rule"
    MAINTENANCE = "maintenance"
    STORM = "storm"
    UNKNOWN = "unknown"


class GroupEvent(Body):
    """Base of a group's events. The last one of a decision says when to look at it again."""

    due_at: Instant | None = None
    """When a window ends, an alert expires, flapping may be over; None: when something comes."""


class EpisodeBegan(GroupEvent):
    """Alerts of a group begin to fire, and belong to no incident that there was before."""

    type: ClassVar[str] = "heliodesk.alert_group.episode_began.v1"

    integration: Code
    episode: Annotated[int, Field(ge=1)]
    ticket: Id
    """The ticket that the episode has, should it open one."""
    facts: TicketFacts
    """What the ticket would be; its number is empty until there is one."""
    message: Id
    """The first message that the ticket would have."""
    words: Id
    """Names the words of that message, kept in intake."""
    follows: Id | None = None
    """The ticket of the episode before, where it had one."""
    action: OpeningAction = OpeningAction.OPEN
    reason: Annotated[str, Field(max_length=200)] = ""
    """Why the rules say so."""
    predicted: bool = False
    """It is about to happen, and has not happened yet."""
    scope: Code = ""
    """Names alerts of one integration and one shape; ``storm`` where the group collects such."""
    priority_because: PriorityReason | None = None
    """Why the ticket would have its priority."""


class AlertsObserved(GroupEvent):
    """A monitor said something new of alerts; also while nobody is to be told."""

    type: ClassVar[str] = "heliodesk.alert_group.alerts_observed.v1"

    integration: Code
    changes: Annotated[tuple[ObservedAlert, ...], Field(max_length=ALERT_MEMBERS_MAX)] = ()
    episode: Annotated[int, Field(ge=0)] = 0
    """The one that alerts which begin to fire belong to."""
    truncated: Annotated[int, Field(ge=0)] = 0
    """Alerts that the monitor left out: nothing is known of them."""
    unnamed: Annotated[int, Field(ge=0)] = 0
    """Alerts that fire beyond the bound of those that are known by name."""
    priority: Priority | None = None
    """The most pressing one that the episode has asked for."""
    priority_because: PriorityReason | None = None
    """Why, where it is more pressing than before."""
    action: OpeningAction | None = None
    """None where the rules were not asked again."""
    reason: Annotated[str, Field(max_length=200)] = ""
    predicted: bool | None = None


class AlertsMoved(GroupEvent):
    """Alerts that fire belong to another episode now: the incident they had is closed."""

    type: ClassVar[str] = "heliodesk.alert_group.alerts_moved.v1"

    fingerprints: Fingerprints
    episode: Annotated[int, Field(ge=1)]


class AlertsHeard(GroupEvent):
    """A monitor still tells of alerts. Without any, the group was only looked at."""

    type: ClassVar[str] = "heliodesk.alert_group.alerts_heard.v1"

    fingerprints: Fingerprints = ()
    at: Instant


class AlertsExpired(GroupEvent):
    """Nobody has told of alerts for too long: whether they fire is not known any more."""

    type: ClassVar[str] = "heliodesk.alert_group.alerts_expired.v1"

    fingerprints: Fingerprints


class GroupMuted(GroupEvent):
    """Alerts fire within a maintenance window, or are silenced at their monitor."""

    type: ClassVar[str] = "heliodesk.alert_group.muted.v1"

    window: Code
    """Its name; ``monitor`` where the monitor silences them."""
    fingerprints: Fingerprints
    until: Instant | None = None
    change: Code | None = None
    """The change that the window is for."""


class GroupUnmuted(GroupEvent):
    """Alerts still fire, and the window that muted them is over."""

    type: ClassVar[str] = "heliodesk.alert_group.unmuted.v1"

    window: Code
    fingerprints: Fingerprints


class IncidentOpened(GroupEvent):
    """The episode has an incident: its ticket follows the group from now on."""

    type: ClassVar[str] = "heliodesk.alert_group.incident_opened.v1"

    episode: Annotated[int, Field(ge=1)]
    ticket: Id


class IncidentHeld(GroupEvent):
    """The episode has no incident of its own, and why."""

    type: ClassVar[str] = "heliodesk.alert_group.incident_held.v1"

    episode: Annotated[int, Field(ge=1)]
    reason: HeldReason
    parent: Code | None = None
    """The group that collects a storm."""


class FlappingStarted(GroupEvent):
    """The group begins and ends too often: its ticket is left alone until that is over."""

    type: ClassVar[str] = "heliodesk.alert_group.flapping_started.v1"

    changes: Annotated[int, Field(ge=2)]
    within_seconds: Annotated[int, Field(gt=0)]


class FlappingEnded(GroupEvent):
    """The group has not changed for long enough."""

    type: ClassVar[str] = "heliodesk.alert_group.flapping_ended.v1"


__all__ = [
    "GROUP_MEMBERS_MAX",
    "AlertStatus",
    "AlertsExpired",
    "AlertsHeard",
    "AlertsMoved",
    "AlertsObserved",
    "EpisodeBegan",
    "FlappingEnded",
    "FlappingStarted",
    "GroupEvent",
    "GroupMuted",
    "GroupUnmuted",
    "HeldReason",
    "IncidentHeld",
    "IncidentOpened",
    "ObservedAlert",
    "OpeningAction",
]
