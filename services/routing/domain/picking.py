"""What agents take themselves: the next best, or one of their own choice within a desk's limits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from services.routing.domain.agents import PICK_SECONDS, AgentState
from services.routing.domain.commands import decide_match, required
from services.routing.domain.fitting import Fit, Withheld
from services.routing.domain.matching import Waiting
from services.routing.domain.tickets import TicketState
from shared.contracts.envelope import Body
from shared.contracts.routing import Candidate, Explanation, Status, TicketAccepted
from shared.kernel import CommandRejected, rfc3339
from shared.organisation import Group, Picking

NEXT = "next"
"""What decided, where an agent asked for the next one."""


def restricted(terms: Picking) -> bool:
    """Return whether a desk's agents may not take whatever they like."""
    return terms.mode != "free" or terms.per_hour is not None


def choices(terms: Picking) -> int | None:
    """Return among how many of the first an agent may choose; None: among all."""
    return {"free": None, "next-best": 1}.get(terms.mode, terms.window)


def decide_next(
    state: TicketState | None, *, ticket: Waiting, agent: str, by: str, fit: Fit, to: Group | None
) -> Sequence[Body]:
    """Give an agent the ticket that is next for them; who asks for work begins with it.

    Raises:
        CommandRejected: it waits there no more.
    """
    because = ticket.because
    explanation = Explanation(
        topology=because.topology if because else "",
        shape=because.shape if because else "",
        rule=f"{agent} asked for the next one: it is the first that they may be given",
        candidates=(Candidate(name=agent, chosen=True, desk=fit.desk),),
        decided=NEXT,
        policy=fit.policy,
        language=fit.language,
    )
    (assigned,) = decide_match(
        state,
        agent=agent,
        desk=ticket.desk,
        weight=fit.weight,
        explanation=explanation,
        to=to,
    )
    _, facts, _ = required(state)
    accepted = TicketAccepted(
        facts=facts,
        status=Status.ACCEPTED,
        desk=assigned.desk,
        tier=assigned.tier,
        agent=agent,
        by=by,
    )
    return [assigned.model_copy(update={"by": by}), accepted]


def require_pick(
    terms: Picking, ticket: Waiting, first: Sequence[Waiting], fit: Fit, *, agent: str
) -> None:
    """Refuse what is not among the first that an agent may be given.

    Args:
        terms: of the ticket's desk.
        ticket: that the agent wants.
        first: what they may choose from, the most pressing first.
        fit: whether they may be given the ticket at all.
        agent: who.

    Raises:
        CommandRejected: ``cherry-picking``, naming what is next for the agent.
    """
    if choices(terms) is None or any(one.id == ticket.id for one in first):
        return
    number = ticket.facts.number
    why = f"{number} is not for {agent} ({fit.reason})" if fit.reason else f"{number} is not next"
    if not first:
        raise CommandRejected("cherry-picking", f"{why}; nothing waits for {agent}")
    following = first[0]
    others = ", ".join(one.facts.number for one in first[1:])
    named = f"{following.facts.number} ({following.facts.priority}) is next for {agent}"
    raise CommandRejected(
        "cherry-picking", f"{why}: {named}" + (f", or {others}" if others else "")
    )


def require_picks_left(
    terms: Picking, state: AgentState | None, now: datetime, *, agent: str
) -> None:
    """Refuse a choice beyond the number that a desk allows within an hour.

    Raises:
        CommandRejected: ``picks-used-up``, saying when the next one is possible.
    """
    if terms.per_hour is None or state is None:
        return
    hour = timedelta(seconds=PICK_SECONDS)
    lately = sorted(at for at in state.picks if at > now - hour)
    if len(lately) < terms.per_hour:
        return
    at = lately[-terms.per_hour] + hour
    raise CommandRejected(
        "picks-used-up",
        f"{agent} chose {len(lately)} of {terms.per_hour} within the hour: "
        f"the next choice is at {rfc3339(at)}; `next` gives the next best at once",
    )


def refusal(withheld: Withheld, *, agent: str) -> CommandRejected:
    """Return the refusal of work that the push would not give to an agent either."""
    texts = {
        "ramp": f"{agent} has been given enough for now",
        "reserved": f"the room of {agent} is kept for graver work",
        "full": f"{agent} holds as much as they can",
        "away": f"{agent} is away",
        "offline": f"{agent} is offline",
        "off-shift": f"{agent} is not at work now",
        "on-leave": f"{agent} is on leave",
    }
    text = texts.get(withheld.reason, f"{agent} is given nothing now: {withheld.reason}")
    when = f"; the next one at {rfc3339(withheld.until)}" if withheld.until else ""
    return CommandRejected(withheld.reason, text + when)
