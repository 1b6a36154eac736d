"""What a ticket is told of its alerts. It follows its group: level, not edge.

From the group's state and the ticket's follows what the ticket is still to be told, however often
it is asked and whatever was lost in between. What fires within a maintenance window is not told,
and neither is each turn of a group that flaps; an end is, where its beginning was.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from services.intake.domain.alert_groups import AlertGroup, Episode
from services.intake.domain.alerts import (
    Members,
    Occurrence,
    as_members,
    firing,
    merged,
    newer_than,
)
from services.intake.domain.ticket import Ticket, decide_accepted
from shared.contracts.envelope import Body
from shared.contracts.facts import Priority, TicketFacts
from shared.contracts.intake import ALERT_MEMBERS_MAX, AlertsChanged, AlertStatus, PriorityReason


@dataclass(frozen=True, slots=True)
class Told:
    """What there is to be told of one episode of a group."""

    members: Members
    silent: Collection[str]
    """Fingerprints of what fires and is not told of now."""
    flapping: bool
    left_out: int
    priority: Priority
    because: PriorityReason | None = None


def told_of(group: AlertGroup, episode: Episode) -> Told:
    """Return what the ticket of an episode is to know."""
    members: dict[str, Occurrence] = {}
    silent: set[str] = set()
    for fingerprint, member in group.members.items():
        if member.episode != episode.number or (occurrence := member.occurrence) is None:
            continue
        members[fingerprint] = occurrence
        if member.fires and member.muted is not None:
            silent.add(fingerprint)
    return Told(
        members=members,
        silent=silent,
        flapping=group.flapping,
        left_out=episode.left_out,
        priority=episode.priority,
        because=episode.priority_because,
    )


def decide_opened(
    state: Ticket | None,
    group: AlertGroup,
    episode: Episode,
    *,
    facts: TicketFacts,
    alert_key: str,
) -> list[Body]:
    """Accept an episode's ticket, with the alerts that fire and are told of.

    Args:
        state: of the ticket; nothing is decided where there is one.
        group: that it follows.
        episode: that it is for.
        facts: with its number.
        alert_key: names the group.
    """
    told = told_of(group, episode)
    alerts = {f: o for f, o in told.members.items() if o.fires and f not in told.silent}
    first = dict(sorted(alerts.items())[:ALERT_MEMBERS_MAX])
    return decide_accepted(
        state,
        facts=facts.model_copy(update={"priority": episode.priority}),
        message=episode.message,
        follows=episode.follows,
        alert_key=alert_key,
        alerts=first,
        left_out=told.left_out,
        predicted=episode.predicted,
        priority_because=episode.priority_because,
    )


def decide_told(state: Ticket | None, told: Told) -> list[Body]:
    """Tell a ticket what it does not know of its alerts yet; nothing where it knows all.

    A closed ticket is told of what fires alone: routing then says what becomes of it.
    """
    if state is None:
        return []
    changes = _changes(state, told)
    if state.closed and not any(o.fires for o in changes.values()):
        return []
    members, bodies, facts = state.members, list[Body](), state.facts
    priority = _raised(state, told)
    if priority is not None:
        facts = facts.model_copy(update={"priority": min(facts.priority, priority)})
    count = state.firing
    for part in _parts(changes):
        after = merged(members, part)
        count = _count(after, told, state)
        fresh = sum(o.fires and not _fires(members, f) for f, o in part.items())
        bodies.append(
            AlertsChanged(
                facts=facts,
                changes=as_members(part),
                firing=count,
                fresh=fresh,
                expired=sum(o.status is AlertStatus.EXPIRED for o in after.values()),
                priority=priority,
                priority_because=told.because if priority is not None else None,
            )
        )
        members, priority = after, None
    due = _count(members, told, state)
    if not bodies and (due != state.firing or priority is not None):
        expired = sum(o.status is AlertStatus.EXPIRED for o in members.values())
        bodies.append(
            AlertsChanged(
                facts=facts,
                changes=(),
                firing=due,
                expired=expired,
                priority=priority,
                priority_because=told.because if priority is not None else None,
            )
        )
    return bodies


def _changes(state: Ticket, told: Told) -> dict[str, Occurrence]:
    """Return what the ticket does not know and is to know now."""
    news = newer_than(state.members, told.members)
    quiet = state.firing == 0
    wanted: dict[str, Occurrence] = {}
    for fingerprint, occurrence in news.items():
        known = fingerprint in state.members
        if not occurrence.fires:
            # What was never told to begin needs no end.
            if known and not told.flapping:
                wanted[fingerprint] = occurrence
        elif fingerprint not in told.silent and (not told.flapping or not known or quiet):
            wanted[fingerprint] = occurrence
    return wanted


def _count(members: Members, told: Told, state: Ticket) -> int:
    """Return how many alerts fire as far as the ticket is told; while flapping never none."""
    count = firing(members) + told.left_out
    return max(count, state.firing) if told.flapping else count


def _fires(members: Members, fingerprint: str) -> bool:
    known = members.get(fingerprint)
    return known is not None and known.fires


def _raised(state: Ticket, told: Told) -> Priority | None:
    """Return the priority that the alerts ask for, where it is more pressing than before."""
    known = state.monitored
    return told.priority if known is None or told.priority < known else None


def _parts(changes: Members) -> Iterator[dict[str, Occurrence]]:
    names = sorted(changes)
    for start in range(0, len(names), ALERT_MEMBERS_MAX):
        yield {name: changes[name] for name in names[start : start + ALERT_MEMBERS_MAX]}
