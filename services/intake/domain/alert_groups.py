"""A group of alerts: what its monitor said of each, its episodes, and what mutes it.

Of each alert three instants are kept: when it last began to fire, was last acknowledged, and was
last resolved. Each only moves forward, so whatever the order and number of deliveries, the same
is known in the end. An **episode** is a time in which alerts of the group fire; it has one ticket
at most, under an id derived from the group and the episode's number. So one incident for a key
is what the group's document says, and its guard keeps it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, assert_never

from pydantic import BaseModel, ConfigDict

from services.intake.domain.alerts import Occurrence
from services.intake.domain.flapping import FLIPS_KEPT
from services.intake.domain.maintenance import BY_MONITOR
from shared.aggregate import Aggregate
from shared.contracts.envelope import Event
from shared.contracts.facts import Code, Id, Instant, Priority, TicketFacts
from shared.contracts.intake import AlertStatus, PriorityReason
from shared.contracts.monitors import (
    GROUP_MEMBERS_MAX,
    AlertsExpired,
    AlertsHeard,
    AlertsMoved,
    AlertsObserved,
    EpisodeBegan,
    FlappingEnded,
    FlappingStarted,
    GroupEvent,
    GroupMuted,
    GroupUnmuted,
    HeldReason,
    IncidentHeld,
    IncidentOpened,
    ObservedAlert,
    OpeningAction,
)
from shared.contracts.topics import ALERT_GROUPS
from shared.kernel import stream_id

EPISODES_KEPT = 8


class Member(BaseModel):
    """What is known of one alert."""

    model_config = ConfigDict(frozen=True)

    fired: Instant | None = None
    acknowledged: Instant | None = None
    resolved: Instant | None = None
    expired: bool = False
    episode: int = 0
    seen_at: Instant
    severity: Code | None = None
    configuration_item: Code | None = None
    service: Code | None = None
    muted: Code | None = None
    muted_until: Instant | None = None

    @property
    def fires(self) -> bool:
        """Whether it fires, as far as is known."""
        if self.fired is None or self.expired:
            return False
        return self.resolved is None or self.resolved < self.fired

    @property
    def is_acknowledged(self) -> bool:
        """Whether somebody has taken note of it since it began to fire."""
        known = self.acknowledged is not None and self.fired is not None
        return known and self.fires and self.acknowledged >= self.fired  # type: ignore[operator]

    @property
    def occurrence(self) -> Occurrence | None:
        """Its newest state, as tickets know it; None where it has never fired."""
        if self.fired is None:
            return None
        if self.resolved is not None and self.resolved >= self.fired:
            return Occurrence(starts_at=self.resolved, status=AlertStatus.RESOLVED)
        status = AlertStatus.EXPIRED if self.expired else AlertStatus.FIRING
        return Occurrence(starts_at=self.fired, status=status)


class Episode(BaseModel):
    """A time in which alerts of the group fire, and the ticket that it has or would have."""

    model_config = ConfigDict(frozen=True)

    number: int
    ticket: Id
    facts: TicketFacts
    message: Id
    words: Id
    began_at: Instant
    opened_at: Instant | None = None
    follows: Id | None = None
    action: OpeningAction = OpeningAction.OPEN
    reason: str = ""
    priority: Priority
    priority_because: PriorityReason | None = None
    predicted: bool = False
    scope: str = ""
    held: HeldReason | None = None
    parent: Code | None = None
    truncated: int = 0
    unnamed: int = 0

    @property
    def left_out(self) -> int:
        """Alerts that may fire and are not known by name."""
        return self.truncated + self.unnamed


class AlertGroup(BaseModel):
    """State of a group's stream.

    Invariants: the last episode is the current one; ``flips`` are the newest instants at which
    the group began to fire or was quiet, in order; ``quiet_at`` is None while it fires.
    """

    model_config = ConfigDict(frozen=True)

    integration: Code
    members: dict[str, Member] = {}
    episodes: tuple[Episode, ...] = ()
    firing: int = 0
    quiet_at: Instant | None = None
    news_at: Instant | None = None
    """When an alert last began to fire."""
    changed_at: Instant
    flips: tuple[Instant, ...] = ()
    flapping: bool = False
    due_at: Instant | None = None

    @property
    def current(self) -> Episode | None:
        """The newest episode."""
        return self.episodes[-1] if self.episodes else None

    def firing_of(self, episode: int) -> list[str]:
        """Return the fingerprints of an episode's alerts that fire."""
        return [f for f, m in self.members.items() if m.fires and m.episode == episode]

    def episode_of(self, ticket: str) -> Episode | None:
        """Return the episode that a ticket is for."""
        return next((e for e in self.episodes if e.ticket == ticket), None)


def ticket_of(*, tenant: str, group: str, episode: int) -> str:
    """Return the id of the ticket of an episode."""
    return stream_id(tenant, "ticket", group, str(episode))


def advanced(member: Member | None, told: ObservedAlert, *, at: datetime) -> Member | None:
    """Return what is known of an alert after what was told of it; None where it is no news.

    What can never matter any more is no news either: a start before its end, an end before a
    later start.
    """
    known = member or Member(seen_at=at)
    start = told.starts_at
    fired, acknowledged, resolved = known.fired, known.acknowledged, known.resolved
    match told.status:
        case AlertStatus.FIRING:
            again = known.expired and fired == start
            if not again and (_reached(fired, start) or _reached(resolved, start)):
                return None
            severity = told.severity or known.severity
            changes: dict[str, Any] = {"fired": start, "expired": False, "severity": severity}
            if known.muted == BY_MONITOR:
                # It is told of, so its monitor does not silence it any more.
                changes |= {"muted": None, "muted_until": None}
        case AlertStatus.ACKNOWLEDGED:
            passed = fired is not None and fired > start
            if passed or _reached(acknowledged, start) or _reached(resolved, start):
                return None
            changes = {"acknowledged": start}
        case AlertStatus.RESOLVED:
            if (fired is not None and fired > start) or _reached(resolved, start):
                return None
            changes = {"resolved": start, "muted": None, "muted_until": None}
        case _:
            return None
    changes["seen_at"] = max(at, known.seen_at)
    changes["configuration_item"] = told.configuration_item or known.configuration_item
    changes["service"] = told.service or known.service
    return known.model_copy(update=changes)


def _reached(known: datetime | None, start: datetime) -> bool:
    return known is not None and known >= start


def bounded(members: Mapping[str, Member]) -> tuple[dict[str, Member], int]:
    """Return the alerts that are kept by name, and how many that fire found no room.

    What is over goes first, what was heard of longest ago before the rest; of what fires the
    newest goes.
    """
    if len(members) <= GROUP_MEMBERS_MAX:
        return dict(members), 0
    by_worth = sorted(members.items(), key=_worth)
    dropped = by_worth[GROUP_MEMBERS_MAX:]
    return dict(by_worth[:GROUP_MEMBERS_MAX]), sum(m.fires for _, m in dropped)


def _worth(item: tuple[str, Member]) -> tuple[bool, float, str]:
    fingerprint, member = item
    if member.fires and member.fired is not None:
        return False, member.fired.timestamp(), fingerprint
    return True, -member.seen_at.timestamp(), fingerprint


def evolve_group(state: AlertGroup | None, event: Event[Any]) -> AlertGroup:
    """Fold one event of the group's own stream."""
    return applied(state, event.body, at=event.time)


def applied(state: AlertGroup | None, body: GroupEvent, *, at: datetime) -> AlertGroup:
    """Return the state after an event of an instant.

    Raises:
        ValueError: the event cannot be a stream's first, or is none of a group's.
    """
    if state is None:
        if not isinstance(body, EpisodeBegan | AlertsObserved):
            message = f"{body.type} before anything was known of the group"
            raise ValueError(message)
        state = AlertGroup(integration=body.integration, changed_at=at, quiet_at=at)
    return _counted(state, _folded(state, body, at).model_copy(update={"due_at": body.due_at}), at)


def _counted(before: AlertGroup, after: AlertGroup, at: datetime) -> AlertGroup:
    """Return a state with what is counted over all its alerts."""
    current = after.current
    left_out = current.left_out if current else 0
    firing = sum(m.fires for m in after.members.values()) + left_out
    changes: dict[str, Any] = {"firing": firing, "changed_at": at}
    if (firing > 0) != (before.firing > 0):
        changes["flips"] = (*after.flips, at)[-FLIPS_KEPT:]
        changes["quiet_at"] = None if firing else at
    return after.model_copy(update=changes)


def _folded(state: AlertGroup, body: GroupEvent, at: datetime) -> AlertGroup:
    match body:
        case EpisodeBegan():
            return state.model_copy(update={"episodes": _with_episode(state, body, at)})
        case AlertsObserved():
            return _observed(state, body, at)
        case IncidentOpened():
            return _episode(state, body.episode, opened_at=at, held=None)
        case IncidentHeld():
            return _episode(state, body.episode, held=body.reason, parent=body.parent)
        case FlappingStarted() | FlappingEnded():
            begins = isinstance(body, FlappingStarted)
            # The changes that made it flap are settled when that is over: only new ones count.
            flips = state.flips if begins else ()
            return state.model_copy(update={"flapping": begins, "flips": flips})
        case AlertsMoved() | AlertsHeard() | AlertsExpired() | GroupMuted() | GroupUnmuted():
            members = _changed(state.members, body.fingerprints, _told(body))
            return state.model_copy(update={"members": members})
        case _:
            message = f"{body.type} is not folded into a group"
            raise ValueError(message)


def _told(
    body: AlertsMoved | AlertsHeard | AlertsExpired | GroupMuted | GroupUnmuted,
) -> dict[str, Any]:
    """Return what such an event changes in each alert that it names."""
    match body:
        case AlertsMoved():
            return {"episode": body.episode}
        case AlertsHeard():
            return {"seen_at": body.at, "expired": False}
        case AlertsExpired():
            return {"expired": True, "muted": None, "muted_until": None}
        case GroupMuted():
            return {"muted": body.window, "muted_until": body.until}
        case GroupUnmuted():
            return {"muted": None, "muted_until": None}
    assert_never(body)


def _changed(
    members: Mapping[str, Member], fingerprints: Iterable[str], update: Mapping[str, Any]
) -> dict[str, Member]:
    after = dict(members)
    for fingerprint in fingerprints:
        if fingerprint in after:
            after[fingerprint] = after[fingerprint].model_copy(update=update)
    return after


def _with_episode(state: AlertGroup, body: EpisodeBegan, at: datetime) -> tuple[Episode, ...]:
    """Return the episodes with a new one; old ones go where nothing of them fires any more."""
    episode = Episode(
        number=body.episode,
        ticket=body.ticket,
        facts=body.facts,
        message=body.message,
        words=body.words,
        began_at=at,
        follows=body.follows,
        action=body.action,
        reason=body.reason,
        priority=body.facts.priority,
        priority_because=body.priority_because,
        predicted=body.predicted,
        scope=body.scope,
    )
    fires = {m.episode for m in state.members.values() if m.fires}
    kept = [e for e in state.episodes if e.number in fires or e is state.current]
    return (*kept[1 - EPISODES_KEPT :], episode)


def _observed(state: AlertGroup, body: AlertsObserved, at: datetime) -> AlertGroup:
    members, fired = observed(state.members, body.changes, episode=body.episode, at=at)
    after = state.model_copy(update={"members": members, "news_at": at if fired else state.news_at})
    if state.current is None:
        return after
    changes: dict[str, Any] = {"truncated": body.truncated, "unnamed": body.unnamed}
    if body.priority is not None:
        changes["priority"] = body.priority
    if body.priority_because is not None:
        changes["priority_because"] = body.priority_because
    if body.action is not None:
        changes |= {"action": body.action, "reason": body.reason}
    if body.predicted is not None:
        changes["predicted"] = body.predicted
    return _episode(after, state.current.number, **changes)


def observed(
    members: Mapping[str, Member], changes: Iterable[ObservedAlert], *, episode: int, at: datetime
) -> tuple[dict[str, Member], Collection[str]]:
    """Return the alerts after what was told of them, and those that begin to fire by it."""
    after = dict(members)
    fired: set[str] = set()
    for told in changes:
        before = after.get(told.fingerprint)
        member = advanced(before, told, at=at)
        if member is None:
            continue
        if member.fires and not (before is not None and before.fires):
            member = member.model_copy(update={"episode": episode})
            fired.add(told.fingerprint)
        after[told.fingerprint] = member
    kept, _ = bounded(after)
    return kept, {f for f in fired if f in kept and kept[f].fires}


def _episode(state: AlertGroup, number: int, **changes: Any) -> AlertGroup:
    episodes = tuple(
        e.model_copy(update=changes) if e.number == number else e for e in state.episodes
    )
    return state.model_copy(update={"episodes": episodes})


ALERT_GROUP = Aggregate(
    name="alert_groups", topic=ALERT_GROUPS, state=AlertGroup, evolve=evolve_group
)
