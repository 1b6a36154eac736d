"""Whom a ticket is not offered to, because they were asked already; and when that ends."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from services.routing.domain.matching import Waiting
from services.routing.domain.pools import Member, Pool
from shared.organisation import RoutingSection

AGAIN_SECONDS: Final = 300
"""Where the ticket's desk says nothing of offers: a reclaimed ticket waits so long for others."""

MemberOf = Callable[[str | None], Member | None]


class Asked(NamedTuple):
    """Who is left out as ``declined``."""

    numbers: frozenset[int] = frozenset()
    free: int = 0
    """How many of them could be given the ticket otherwise."""
    again: bool = False
    """Whether all who are free had declined, and have waited long enough to be asked anew."""
    until: datetime | None = None
    """When they are asked anew, where nobody else is free."""


NOBODY: Final = Asked()


def asked(
    ticket: Waiting,
    pool: Pool,
    refused: Collection[int] | None,
    now: datetime,
    *,
    member_of: MemberOf,
    again_seconds: int,
) -> Asked:
    """Return whom of a pool a ticket is not offered to.

    Who declined is left out while anybody else is free. Where all who are free have declined, the
    ticket rests for a while after the last of them, and the round begins anew: without those who
    may not have it again, as long as anybody else could ever be given it. So nothing starves.

    Args:
        ticket: that waits.
        pool: who could ever be given it.
        refused: numbers of free agents whom reserves keep from it; None means all.
        now: the instant.
        member_of: name to agent.
        again_seconds: how long the ticket rests.
    """
    numbers: set[int] = set()
    final: set[int] = set()
    for declined in ticket.declined:
        member = member_of(declined.agent)
        if member is None or member.number not in pool.seats:
            continue
        numbers.add(member.number)
        if declined.final:
            final.add(member.number)
    if refused is None or not numbers:
        return Asked(frozenset(numbers))
    free = _free(pool, numbers, refused)
    if pool.free - len(refused) > free:
        return Asked(frozenset(numbers), free)
    until = max(d.at for d in ticket.declined) + timedelta(seconds=again_seconds)
    if now < until:
        return Asked(frozenset(numbers), free, until=until if free else None)
    kept = final if len(final) < len(pool.seats) else set()
    return Asked(frozenset(kept), _free(pool, kept, refused), again=True)


def _free(pool: Pool, numbers: Collection[int], refused: Collection[int]) -> int:
    return sum(1 for n in numbers if pool.seats[n].reason is None and n not in refused)


def again_seconds(terms: RoutingSection, desk: str) -> int:
    """Return how long a ticket of a desk rests once all who are free have declined it."""
    said = terms.desks.get(desk)
    return said.offers.again_after if said and said.offers else AGAIN_SECONDS
