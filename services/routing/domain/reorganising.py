"""What a new version of the configuration means for a ticket that is open: it moves or it stays.

One pure function says both what a dry run foretells and what the switch then does. What people
decided is theirs: work that is in hand stays with its agent, and a ticket that was transferred or
escalated stays where it was put. Only what a version takes away ends that: a desk that is gone,
an agent who is gone or serves the desk no more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from services.routing.domain.desks import (
    DeskChoice,
    choose_desk,
    desk_named,
    is_open,
    queue_named,
    redirected,
    topology_of,
)
from services.routing.domain.moves import queued_by
from services.routing.domain.progress import counted
from services.routing.domain.self_service import at_tier_0
from services.routing.domain.tickets import OVER, TicketState
from services.routing.domain.versions import is_behind
from shared.contracts.envelope import Body
from shared.contracts.facts import TicketFacts
from shared.contracts.routing import QueueReason, Status
from shared.organisation import Configuration, SelfService, UnknownName

CHOICE_CHANGED: Final = "choice-changed"
DESK_REMOVED: Final = "desk-removed"
AGENT_REMOVED: Final = "agent-removed"
AGENT_NOT_SERVING: Final = "agent-not-serving"

SAME_CHOICE: Final = "same-choice"
"""The new version would choose the same desk, or the one that has the ticket."""
PUT_BY_PEOPLE: Final = "put-by-people"
"""Somebody transferred or escalated it, or nobody knows which version chose its desk."""
IN_HAND: Final = "in-hand"
"""An agent has it, who stays and serves the desk still."""
NOT_CONCERNED: Final = "not-concerned"
"""It is over, or a version that is as new has chosen already."""


@dataclass(frozen=True, slots=True)
class Switch:
    """The change from older versions to one that comes into force."""

    then: Configuration
    before: Callable[[int], Configuration | None]
    """From the number of an older version to its content; None where it is not known."""
    since: datetime | None
    """When ``then`` came into force: both versions are asked about that moment, so that every
    process and every later look finds the same tickets changed. None: they are asked about now."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a ticket moves, and why, or why not."""

    reason: str
    to: DeskChoice | None = None
    """Where it is queued now; None where it stays."""
    later: bool = False
    """What is pending moves only as the work goes on: it waits for somebody else until then."""
    was: str = ""
    """What decided under the older version, where the choice changed."""


def judge(state: TicketState, switch: Switch, now: datetime) -> Verdict:
    """Say whether a version moves a ticket.

    Raises:
        UnknownName: the configuration refers to what it does not have, which control excludes.
    """
    facts, then = state.facts, switch.then
    if facts is None or state.status is None or state.status in OVER or is_behind(then, state):
        return Verdict(NOT_CONCERNED)
    reason = _taken_away(state, then)
    if state.status is Status.PENDING:
        return Verdict(reason, later=True) if reason else Verdict(IN_HAND)
    if state.holder is not None and reason is None:
        return Verdict(IN_HAND)
    if reason == DESK_REMOVED:
        return Verdict(reason, choose_desk(then, facts, now, reopened=state.reopened))
    changed = _changed(state, facts, switch, now)
    if reason is not None:
        return Verdict(reason, changed.to or _back(state, facts, then, now, reason))
    return changed


def _taken_away(state: TicketState, then: Configuration) -> str | None:
    """Return what a ticket loses under a version: its desk, or its agent; None for neither."""
    if desk_named(then, state.desk) is None:
        return DESK_REMOVED
    if state.holder is None:
        return None
    try:
        agent = then.agent(state.holder)
    except UnknownName:
        return AGENT_REMOVED
    return None if state.desk in agent.desks else AGENT_NOT_SERVING


def _changed(state: TicketState, facts: TicketFacts, switch: Switch, now: datetime) -> Verdict:
    """Say whether a newer version chooses another desk than the one that chose before."""
    then = switch.then
    if state.chosen_by >= then.version and not state.escalated:
        return Verdict(NOT_CONCERNED)
    by_choice = state.chosen_by and not state.escalated
    before = switch.before(state.chosen_by) if by_choice else None
    if before is None:
        return Verdict(PUT_BY_PEOPLE)
    # A ticket may come after the switch, at a process that has not heard of it yet.
    moment = now if switch.since is None else max(switch.since, state.since or switch.since)
    again = state.reopened
    was = choose_desk(before, facts, moment, reopened=again)
    to = choose_desk(then, facts, now, reopened=again)
    same = _place(was) == _place(choose_desk(then, facts, moment, reopened=again))
    # At tier 0 without self-service nobody would ever be given it: it goes on, if only there.
    left_alone = state.unattended and not isinstance(topology_of(then, facts), SelfService)
    if not left_alone and (same or _place(to) == (state.desk, state.queue)):
        return Verdict(SAME_CHOICE)
    return Verdict(CHOICE_CHANGED, to, was=was.explanation.rule)


def _place(choice: DeskChoice) -> tuple[str, str | None]:
    return choice.desk.name, choice.queue


def _back(
    state: TicketState, facts: TicketFacts, then: Configuration, now: datetime, reason: str
) -> DeskChoice:
    """Return where work goes that its agent cannot keep: its own desk, while that is open."""
    if not is_open(then, state.desk, now):
        return choose_desk(then, facts, now, reopened=state.reopened)
    what = "has left" if reason == AGENT_REMOVED else f"serves {state.desk} no more"
    rule = f"{state.holder} {what}: back to {state.desk}, which had it"
    queue = queue_named(then, state.queue, desk=state.desk)
    because = redirected(state.queued_because, rule, queue or state.desk)
    return DeskChoice(then.desk(state.desk), because, queue=queue, unrouted=state.unrouted)


def decide_reorganised(state: TicketState | None, switch: Switch, now: datetime) -> Sequence[Body]:
    """Queue a ticket where a new version wants it; nothing where it stays.

    Deciding again changes nothing: the choice is stamped with the version, and the holder is gone.
    """
    if state is None or state.facts is None:
        return []
    verdict = judge(state, switch, now)
    if verdict.to is None:
        return []
    said = verdict.to.explanation
    number = switch.then.version
    replaced = state.chosen_by if 0 < state.chosen_by < number else None
    instead = f" instead of {replaced}" if replaced else ""
    rule = f"by version {number}{instead} ({verdict.reason}): {said.rule}"
    explanation = said.model_copy(update={"rule": rule[:300], "replaces": replaced})
    choice = replace(verdict.to, explanation=explanation)
    queued = queued_by(choice, state.facts, QueueReason.REORGANISED, released=state.holder)
    moved = counted(state, queued)
    # What is with its requester stays so, at whatever desk, as long as there is self-service.
    return [at_tier_0(switch.then, state.facts, moved, now) if state.unattended else moved]
