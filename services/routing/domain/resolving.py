"""A ticket is resolved: by whom, by what kind of hands, and when silence will close it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from services.routing.domain.codes import require_code
from services.routing.domain.commands import SYSTEM, required, wrong
from services.routing.domain.levels import Deed, level_of, require_level
from services.routing.domain.settling import RESOLVED, cancelled_tasks
from services.routing.domain.silence import silence_of
from services.routing.domain.tickets import TicketState
from shared.contracts.envelope import Body
from shared.contracts.facts import TicketFacts
from shared.contracts.routing import PendReason, Resolver, Status, TicketResolved
from shared.kernel import CommandRejected
from shared.organisation import Configuration, UnknownName
from shared.organisation.words import StaffingName

AUTOMATIC: Final = frozenset({"monitoring", "automation"})
CONTACT: Final = "contact"
BEGUN: Final = frozenset({Status.ACCEPTED, Status.IN_PROGRESS, Status.PENDING})
DESK_TIER: Final = 1
SENIOR_TIER: Final = 2
EXPERT_TIER: Final = 3
TASKS_NAMED_MAX: Final = 5
"""Open tasks that a refusal names; the rest is counted."""
NOBODYS: Final = frozenset({Resolver.AUTOMATION, Resolver.REQUESTER})
"""Hands that solve without an agent."""


def resolver_of(
    state: TicketState | None, *, by: str, tier: int, level: StaffingName | None
) -> tuple[Resolver | None, int | None]:
    """Return the kind of hands that solved a ticket, and their tier, where nobody says.

    A supplier for whom the work waited has solved it. What monitoring clears while an agent was
    at it is the agent's. What was solved with its parent says neither: who solved the parent
    did. Tiers: 1 the desk, 2 seniors, people on site and suppliers, 3 experts.
    """
    begun = state is not None and state.status in BEGUN
    if begun and state is not None and state.pend_reason is PendReason.SUPPLIER:
        return Resolver.SUPPLIER, max(SENIOR_TIER, tier)
    if by in AUTOMATIC and not begun:
        return Resolver.AUTOMATION, 0
    if by == CONTACT:
        return Resolver.REQUESTER, 0
    if by == SYSTEM:
        return None, None
    # Whoever solves it as a person is no part of self-service, though nobody had sent it on.
    tier = max(DESK_TIER, tier)
    if tier >= EXPERT_TIER or (tier == SENIOR_TIER and level == "expert"):
        return Resolver.EXPERT, tier
    return (Resolver.SENIOR if tier == SENIOR_TIER else Resolver.DESK), tier


def resolution(
    configuration: Configuration,
    now: datetime,
    *,
    state: TicketState | None,
    facts: TicketFacts,
    desk: str,
    tier: int,
    agent: str | None,
    by: str,
    code: str,
    article: str | None = None,
    resolver: Resolver | None = None,
    resolver_tier: int | None = None,
) -> TicketResolved:
    """Return the event of a resolution; what is not said is derived."""
    level = level_of(configuration, agent or by, desk)
    kind, at_tier = resolver_of(state, by=by, tier=tier, level=level)
    at_tier = at_tier if resolver_tier is None else resolver_tier
    highest = max(tier, state.tier_max if state else 0)
    silence = silence_of(configuration, facts, desk=desk, now=now)
    return TicketResolved(
        facts=facts,
        status=Status.RESOLVED,
        desk=desk,
        tier=tier,
        agent=agent,
        by=by,
        code=code,
        article=article,
        resolver=resolver or kind,
        resolver_tier=at_tier,
        first_line=at_tier is not None and at_tier <= 1 and highest <= 1,
        close_at=silence.close_at,
        keeps_open=silence.keeps_open,
        remind_at=silence.remind_at,
    )


def decide_resolve(
    state: TicketState | None,
    *,
    code: str | None,
    article: str | None,
    by: str,
    now: datetime,
    configuration: Configuration,
    resolver: Resolver | None = None,
    resolver_tier: int | None = None,
    cancel_tasks: bool = False,
) -> Sequence[Body]:
    """Say that service is restored, or the request fulfilled; saying so again changes nothing.

    ``code`` None: the organisation's usual one.

    Raises:
        CommandRejected: the ticket is closed; ``tasks-open``, naming them; ``level`` or
            ``article-missing``, where the agent's level may not solve it so; 422
            ``unknown-code``; 422 ``agent-missing``, where nobody is named who solved it.
    """
    known, facts, status = required(state)
    if status is Status.CLOSED:
        raise wrong(known, "resolved")
    if status is Status.RESOLVED:
        return []
    codes = configuration.lifecycle.resolutions
    code = code or codes[0]
    level = level_of(configuration, by, known.desk)
    require_level(level, Deed.RESOLVE, configuration.lifecycle, code=code, article=article)
    require_code(code, codes, field="code")
    if not cancel_tasks:
        require_tasks_done(known)
    agent = _solver(known, by=by, resolver=resolver, configuration=configuration)
    resolved = resolution(
        configuration,
        now,
        state=known,
        facts=facts,
        desk=known.desk,
        tier=known.tier,
        agent=agent,
        by=by,
        code=code,
        article=article,
        resolver=resolver,
        resolver_tier=resolver_tier,
    )
    return [*cancelled_tasks(known, facts, by=by, reason=RESOLVED), resolved]


def held_by(state: TicketState) -> str | None:
    """Return the agent who is at a ticket; who was only asked to take it is not."""
    return state.holder if state.status is not Status.OFFERED else None


def _solver(
    state: TicketState, *, by: str, resolver: Resolver | None, configuration: Configuration
) -> str | None:
    """Return the agent who solved it: who has it, or else who says so; None of automation.

    Raises:
        CommandRejected: 422 ``agent-missing``.
    """
    holder = held_by(state)
    if holder is not None:
        return holder
    try:
        return configuration.agent(by).id
    except UnknownName as error:
        if resolver in NOBODYS:
            return None
        reason = (
            f"nobody has {state.number}, and {by} is no agent: name the agent who solved it, or"
            " say in resolver that automation or the requester did"
        )
        raise CommandRejected("agent-missing", reason, field="agent", status=422) from error


def require_tasks_done(state: TicketState) -> None:
    """Refuse to solve what others are still asked to do a part of.

    Raises:
        CommandRejected: ``tasks-open``, naming them.
    """
    tasks = [task.id for task in state.tasks if task.is_open]
    if not tasks:
        return
    named = ", ".join(tasks[:TASKS_NAMED_MAX])
    more = len(tasks) - TASKS_NAMED_MAX
    named += f" and {more} more" if more > 0 else ""
    reason = f"{state.number} has open tasks: {named}; finish them, or say tasks: cancel"
    raise CommandRejected("tasks-open", reason, field="tasks")
