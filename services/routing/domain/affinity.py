"""Affinity: who knows a ticket already is given it first."""

from __future__ import annotations

from collections.abc import Callable, Collection

from services.routing.domain.matching import AFFINITY, AFFINITY_WAIT, Waiting
from services.routing.domain.pools import Member, Pool, Seat
from shared.contracts.routing import Presence
from shared.organisation.routing_rules import Course

MemberOf = Callable[[str | None], Member | None]


class AffinityOf:
    """Who knows a ticket already, and whether it waits for that agent."""

    __slots__ = ("_age", "_names", "_wait")

    def __init__(self, course: Course, ticket: Waiting, age_seconds: float) -> None:
        affinity = course.rule.affinity
        self._age = age_seconds
        self._wait = affinity.wait if affinity else 0
        known = {"solver": ticket.solver, "last-agent": ticket.last_agent}
        # Who was asked and did not take it is not waited for.
        declined = {one.agent for one in ticket.declined}
        names = [known[word] for word in affinity.to] if affinity else []
        self._names = [name for name in names if name not in declined]

    def decide(
        self, member_of: MemberOf, pool: Pool, refused: Collection[int] | None
    ) -> tuple[str | None, Seat | None]:
        """Return what decides and the agent's seat; None where affinity has nothing to say."""
        for name in self._names:
            member = member_of(name)
            seat = pool.seats.get(member.number) if member else None
            if seat is None or member is None:
                continue
            if seat.reason is None and refused is not None and member.number not in refused:
                return AFFINITY, seat
            # Whoever is away for a moment comes back; who has gone home does not.
            signed_in = member.absent in {None, str(Presence.AWAY)}
            if signed_in and self._age < self._wait:
                return AFFINITY_WAIT, None
            return None, None
        return None, None
