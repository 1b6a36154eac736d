"""What becomes of a group of alerts: a delivery, a timer, a hint or routing's word is decided on.

Each decision first brings about what time has brought, then what is new, and then what follows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta

from services.intake.domain.alert_groups import AlertGroup, Member, advanced, bounded, observed
from services.intake.domain.alert_settling import (
    Context,
    Draft,
    Observation,
    begin,
    joinable,
    move,
    pass_time,
    rehouse,
    settle,
)
from services.intake.domain.maintenance import BY_MONITOR
from shared.contracts.facts import Priority, TicketFacts
from shared.contracts.intake import ALERT_MEMBERS_MAX, AlertStatus
from shared.contracts.monitors import (
    AlertsExpired,
    AlertsHeard,
    AlertsObserved,
    GroupEvent,
    GroupMuted,
    ObservedAlert,
)


def decide_observed(
    state: AlertGroup | None, seen: Observation, context: Context
) -> list[GroupEvent]:
    """Take in a delivery; nothing where it is no news."""
    members = state.members if state else {}
    news = [a for a in seen.alerts if advanced(members.get(a.fingerprint), a, at=context.now)]
    current = state.current if state else None
    if not news and (current is None or current.truncated == seen.truncated):
        return []
    draft = Draft(state, context)
    pass_time(draft)
    _, fired = observed(members, news, episode=0, at=context.now)
    again = _again(state, news, context)
    if (fired or again) and not joinable(draft.state, context):
        begin(draft, seen.facts, message=seen.message, words=seen.message, seen=seen)
    for part in _slices(news) or [[]]:
        draft.say(_observed(draft, part, seen))
    if again:
        move(draft, again)
    settle(draft)
    return draft.done()


def decide_tick(state: AlertGroup | None, context: Context) -> list[GroupEvent]:
    """Bring about what time has brought; nothing where it is not due yet."""
    if state is None or state.due_at is None or state.due_at > context.now:
        return []
    draft = Draft(state, context)
    stale = [f for f, m in state.members.items() if _is_stale(m, context)]
    if stale:
        draft.say(AlertsExpired(fingerprints=tuple(sorted(stale))))
    pass_time(draft)
    settle(draft)
    if not draft.bodies:
        draft.say(AlertsHeard(at=context.now))
    return draft.done()


def decide_heard(
    state: AlertGroup | None, fingerprints: Collection[str], context: Context
) -> list[GroupEvent]:
    """Take note that alerts are still told of, now and then: expiry needs it no finer."""
    expire = context.policy.expire
    if state is None or expire is None:
        return []
    fresh_since = context.now - timedelta(seconds=expire / 4)
    heard = [
        f
        for f in sorted(fingerprints)
        if (m := state.members.get(f)) and (m.fires or m.expired) and m.seen_at < fresh_since
    ]
    if not heard:
        return []
    draft = Draft(state, context)
    pass_time(draft)
    back = [f for f in heard if state.members[f].expired]
    draft.say(AlertsHeard(fingerprints=tuple(heard), at=context.now))
    rehouse(draft, back)
    settle(draft)
    return draft.done()


def decide_hinted(
    state: AlertGroup | None,
    resolved: Iterable[ObservedAlert],
    silenced: Collection[str],
    context: Context,
) -> list[GroupEvent]:
    """Take a hint: it may resolve or mute what is known to fire, and never opens anything."""
    if state is None:
        return []
    known = [
        a
        for a in resolved
        if a.status is AlertStatus.RESOLVED
        and (m := state.members.get(a.fingerprint)) is not None
        and m.fires
        and advanced(m, a, at=context.now) is not None
    ]
    over = {a.fingerprint for a in known}
    mute = [
        f
        for f in sorted(silenced)
        if (m := state.members.get(f)) and m.fires and m.muted is None and f not in over
    ]
    if not known and not mute:
        return []
    draft = Draft(state, context)
    pass_time(draft)
    for part in _slices(known):
        draft.say(
            AlertsObserved(integration=state.integration, changes=tuple(part), **_left(state))
        )
    if mute:
        draft.say(GroupMuted(window=BY_MONITOR, fingerprints=tuple(mute)))
    settle(draft)
    return draft.done()


def decide_followed_up(
    state: AlertGroup | None, ticket: str, facts: TicketFacts, context: Context
) -> list[GroupEvent]:
    """Move what still fires of a closed ticket to another one: routing asks for it."""
    episode = state.episode_of(ticket) if state else None
    if state is None or episode is None:
        return []
    firing = state.firing_of(episode.number)
    if not firing:
        return []
    draft = Draft(state, context)
    if state.current is episode or not joinable(state, context):
        begin(draft, facts, words=episode.words)
    move(draft, firing)
    settle(draft)
    return draft.done()


def _again(state: AlertGroup | None, news: Sequence[ObservedAlert], context: Context) -> list[str]:
    """Return alerts that begin anew while their closed ticket knows them as firing.

    Their monitor has not told of the end between; a new start says that there was one.
    """
    if state is None:
        return []
    closed = {e.number for e in state.episodes if e.ticket in context.closed}
    begun = {a.fingerprint for a in news if a.status is AlertStatus.FIRING}
    return sorted(
        f
        for f in begun
        if (m := state.members.get(f)) is not None and m.fires and m.episode in closed
    )


def _slices(alerts: Sequence[ObservedAlert]) -> list[Sequence[ObservedAlert]]:
    return [alerts[n : n + ALERT_MEMBERS_MAX] for n in range(0, len(alerts), ALERT_MEMBERS_MAX)]


def _left(state: AlertGroup) -> dict[str, int]:
    current = state.current
    return {
        "episode": current.number if current else 0,
        "truncated": current.truncated if current else 0,
        "unnamed": current.unnamed if current else 0,
    }


def _observed(draft: Draft, part: Sequence[ObservedAlert], seen: Observation) -> AlertsObserved:
    """Return the event of a part of a delivery."""
    state, context = draft.state, draft.context
    current = state.current if state else None
    members = dict(state.members) if state else {}
    for told in part:
        member = advanced(members.get(told.fingerprint), told, at=context.now)
        if member is not None:
            members[told.fingerprint] = member
    _, unnamed = bounded(members)
    # What was beyond the bound is not known by name when it ends.
    ended = sum(
        a.status is AlertStatus.RESOLVED and not (state and a.fingerprint in state.members)
        for a in part
    )
    fires = any(a.status is AlertStatus.FIRING for a in part)
    asked = fires and current is not None
    graver = asked and current is not None and seen.facts.priority < current.priority
    return AlertsObserved(
        integration=context.integration,
        changes=tuple(part),
        episode=current.number if current else 0,
        truncated=seen.truncated if current else 0,
        unnamed=max(0, unnamed + current.unnamed - ended) if current else 0,
        priority=_graver(current.priority, seen.facts.priority) if asked and current else None,
        priority_because=seen.because if graver else None,
        action=seen.action if asked else None,
        reason=seen.reason if asked else "",
        predicted=(current.predicted and seen.predicted) if asked and current else None,
    )


def _graver(left: Priority, right: Priority) -> Priority:
    """Return the more pressing of two priorities: P1 sorts before P2."""
    return min(left, right)


def _is_stale(member: Member, context: Context) -> bool:
    expire = context.policy.expire
    if expire is None or not member.fires:
        return False
    return member.seen_at + timedelta(seconds=expire) <= context.now
