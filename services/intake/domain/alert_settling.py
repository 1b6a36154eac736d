"""What follows from the state of a group, whatever led to it: muting, flapping, an incident.

A decision is drafted: each event is folded in as it is said, so that the next one builds on it.
Nothing is asked but the state and what is handed in.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.intake.domain import flapping
from services.intake.domain.alert_groups import AlertGroup, Episode, Member, applied, ticket_of
from services.intake.domain.maintenance import BY_MONITOR, About, Span, covering
from shared.contracts.facts import TicketFacts
from shared.contracts.intake import PriorityReason
from shared.contracts.monitors import (
    AlertsMoved,
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
from shared.kernel import derived_id
from shared.organisation.intake import Maintenance
from shared.organisation.integrations import AlertPolicy


@dataclass(frozen=True, slots=True)
class Context:
    """What a decision may look at beside the group."""

    tenant: str
    group: str
    """The alert key."""
    integration: str
    now: datetime
    policy: AlertPolicy
    windows: Sequence[Maintenance] = ()
    closed: Collection[str] = ()
    """Tickets of the group that take nothing any more."""
    parent: str | None = None
    """The group that collects the storm in which this one opens."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What a delivery says of a group."""

    alerts: Sequence[ObservedAlert]
    facts: TicketFacts
    """What its ticket would be, without a number."""
    message: str
    """The first message that its ticket would have; also the name of the delivery's words."""
    truncated: int = 0
    action: OpeningAction = OpeningAction.OPEN
    reason: str = ""
    predicted: bool = False
    scope: str = ""
    """Names what may be one storm; empty where it may not be part of one."""
    because: PriorityReason | None = None
    """Why the facts have their priority."""


class Draft:
    """The state as it becomes, and the events that make it so."""

    def __init__(self, state: AlertGroup | None, context: Context) -> None:
        self.state = state
        self.context = context
        self.bodies: list[GroupEvent] = []

    def say(self, body: GroupEvent) -> None:
        """Add an event."""
        self.bodies.append(body)
        self.state = applied(self.state, body, at=self.context.now)

    def done(self) -> list[GroupEvent]:
        """Return the events; the last one says when to look again."""
        if not self.bodies or self.state is None:
            return []
        due_at = due(self.state, self.context.policy)
        return [*self.bodies[:-1], self.bodies[-1].model_copy(update={"due_at": due_at})]


def due(state: AlertGroup, policy: AlertPolicy) -> datetime | None:
    """Return when the group has to be looked at again without anything coming."""
    firing = [m for m in state.members.values() if m.fires]
    found = [m.muted_until for m in firing if m.muted_until is not None]
    if policy.expire is not None and firing:
        found.append(min(m.seen_at for m in firing) + timedelta(seconds=policy.expire))
    if state.flapping and policy.flapping is not None and state.flips:
        found.append(flapping.ends_at(state.flips, policy=policy.flapping))
    return min(found, default=None)


def joinable(state: AlertGroup | None, context: Context) -> bool:
    """Return whether what begins to fire belongs to the current episode."""
    current = state.current if state else None
    if state is None or current is None or current.ticket in context.closed:
        return False
    policy = context.policy
    if state.flapping:
        return True
    if policy.window is not None and state.news_at is not None:
        return context.now - state.news_at <= timedelta(seconds=policy.window)
    quiet = state.quiet_at is not None and not state.firing_of(current.number)
    if not quiet or state.quiet_at is None:
        return True
    return context.now - state.quiet_at <= timedelta(seconds=policy.reopen)


def begin(
    draft: Draft,
    facts: TicketFacts,
    *,
    words: str,
    message: str | None = None,
    seen: Observation | None = None,
) -> None:
    """Begin an episode; one that takes over what fires has a message derived from its ticket."""
    context, state = draft.context, draft.state
    before = state.current if state else None
    number = before.number + 1 if before else 1
    ticket = ticket_of(tenant=context.tenant, group=context.group, episode=number)
    draft.say(
        EpisodeBegan(
            integration=context.integration,
            episode=number,
            ticket=ticket,
            facts=facts.model_copy(update={"number": "", "accepted_at": context.now}),
            message=message or derived_id("message", ticket),
            words=words,
            follows=_followed(before),
            action=seen.action if seen else OpeningAction.OPEN,
            reason=seen.reason if seen else "",
            predicted=seen.predicted if seen else False,
            scope=seen.scope if seen else before.scope if before else "",
            priority_because=seen.because if seen else _kept_reason(before, facts),
        )
    )


def _kept_reason(before: Episode | None, facts: TicketFacts) -> PriorityReason | None:
    """Return why what is taken over has its priority; None where somebody gave it another one."""
    reason = before.priority_because if before else None
    return reason if reason is not None and reason.priority is facts.priority else None


def _followed(before: Episode | None) -> str | None:
    """Return the ticket that the next episode's ticket follows."""
    if before is None:
        return None
    return before.ticket if before.opened_at is not None else before.follows


def move(draft: Draft, fingerprints: Sequence[str]) -> None:
    """Give alerts that fire to the current episode."""
    if draft.state is not None and draft.state.current is not None:
        episode = draft.state.current.number
        draft.say(AlertsMoved(fingerprints=tuple(sorted(fingerprints)), episode=episode))


def rehouse(draft: Draft, fingerprints: Sequence[str]) -> None:
    """Move alerts that fire for people again, where their own ticket takes nothing any more."""
    state = draft.state
    if state is None:
        return
    current = state.current
    alone = {e.number for e in state.episodes if _tells_nobody(e, state, draft.context)}
    homeless = [f for f in fingerprints if state.members[f].episode in alone]
    if not homeless or current is None:
        return
    if current.ticket in draft.context.closed:
        facts = current.facts.model_copy(update={"priority": current.priority})
        begin(draft, facts, words=current.words)
    move(draft, homeless)


def _tells_nobody(episode: Episode, state: AlertGroup, context: Context) -> bool:
    """Return whether an episode has a closed ticket, or is past and never had one."""
    past = episode is not state.current and episode.opened_at is None and episode.parent is None
    return past or episode.ticket in context.closed


def pass_time(draft: Draft) -> None:
    """End flapping that is over, before something new makes it go on."""
    state, policy = draft.state, draft.context.policy.flapping
    if state is None or not state.flapping:
        return
    if policy is None or flapping.ends_at(state.flips, policy=policy) <= draft.context.now:
        draft.say(FlappingEnded())


def settle(draft: Draft) -> None:
    """Bring about what follows from the state: muting, flapping, an incident."""
    _mute(draft)
    _flap(draft)
    _open(draft)


def _about(state: AlertGroup, member: Member) -> About:
    episode = next((e for e in state.episodes if e.number == member.episode), state.current)
    facts = episode.facts if episode else None
    return About(
        integration=state.integration,
        service=member.service or (facts.service if facts else None),
        configuration_item=member.configuration_item
        or (facts.configuration_item if facts else None),
        region=facts.region if facts else None,
    )


def _mute(draft: Draft) -> None:
    """Mute what fires within a window, and unmute what does so no more."""
    state, context = draft.state, draft.context
    if state is None:
        return
    if not context.windows and not any(m.muted for m in state.members.values()):
        return
    muted: dict[Span, list[str]] = {}
    unmuted: dict[str, list[str]] = {}
    for fingerprint, member in sorted(state.members.items()):
        if not member.fires or member.muted == BY_MONITOR:
            continue
        span = covering(context.windows, _about(state, member), at=context.now)
        if span is None and member.muted is not None:
            unmuted.setdefault(member.muted, []).append(fingerprint)
        elif span is not None and not _is_within(member, span):
            muted.setdefault(span, []).append(fingerprint)
    for span, found in muted.items():
        draft.say(
            GroupMuted(
                window=span.window.name,
                until=span.ends_at,
                change=span.window.change,
                fingerprints=tuple(found),
            )
        )
    for window, found in unmuted.items():
        draft.say(GroupUnmuted(window=window, fingerprints=tuple(found)))
        rehouse(draft, found)


def _is_within(member: Member, span: Span) -> bool:
    return (member.muted, member.muted_until) == (span.window.name, span.ends_at)


def _flap(draft: Draft) -> None:
    state, policy = draft.state, draft.context.policy.flapping
    if state is None or policy is None or state.flapping:
        return
    if flapping.begins(state.flips, now=draft.context.now, policy=policy):
        changes = flapping.score(state.flips, now=draft.context.now, policy=policy)
        draft.say(FlappingStarted(changes=changes, within_seconds=policy.within))


def _open(draft: Draft) -> None:
    """Open the current episode's incident where somebody is to be told, or say why there is none."""
    state = draft.state
    current = state.current if state else None
    if state is None or current is None or current.opened_at is not None or current.parent:
        return
    firing = state.firing_of(current.number)
    if not firing:
        return
    if current.action is OpeningAction.RECORD:
        _hold(draft, current, HeldReason.RULE)
    elif all(state.members[f].muted is not None for f in firing):
        _hold(draft, current, HeldReason.MAINTENANCE)
    elif draft.context.parent is not None:
        _hold(draft, current, HeldReason.STORM, parent=draft.context.parent)
    else:
        draft.say(IncidentOpened(episode=current.number, ticket=current.ticket))


def _hold(draft: Draft, episode: Episode, reason: HeldReason, *, parent: str | None = None) -> None:
    if episode.held is not reason:
        draft.say(IncidentHeld(episode=episode.number, reason=reason, parent=parent))
