"""What each metric means where a policy says nothing else: one table of conditions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from services.sla.domain.history import TAKEN, Moment
from services.sla.domain.model import REPLIED
from shared.contracts.routing import PendReason
from shared.organisation.words import MetricName

Test = Callable[[Moment], bool]


def always(_moment: Moment) -> bool:
    """Hold at every entry."""
    return True


def never(_moment: Moment) -> bool:
    """Hold at none."""
    return False


def over(moment: Moment) -> bool:
    """Hold while the work is resolved or closed."""
    return moment.over


def answered(moment: Moment) -> bool:
    """Hold when the requester is answered: by a reply, or by the work being over."""
    return moment.event == REPLIED or moment.over


def replied(moment: Moment) -> bool:
    """Hold at a reply."""
    return moment.event == REPLIED


def asked(moment: Moment) -> bool:
    """Hold while a further message of the requester waits for an answer."""
    return moment.asked


def taken(moment: Moment) -> bool:
    """Hold when an agent has taken the work. An offer, an assignment or a queue is not enough."""
    return moment.over or (moment.entry is not None and moment.entry.status in TAKEN)


def waits(moment: Moment) -> bool:
    """Hold while it is pending for another reason than a supplier.

    A supplier's time is part of what was promised to the requester. Every other reason pauses,
    also one that only a newer release knows: a clock may be late, never early.
    """
    return moment.waits_for not in {None, PendReason.SUPPLIER.value}


def waits_for_customer(moment: Moment) -> bool:
    """Hold while it waits for the requester, and for nobody else."""
    return moment.waits_for == PendReason.CUSTOMER


@dataclass(frozen=True, slots=True)
class Defaults:
    """The conditions of a metric, and what follows the end of a cycle."""

    starts: Test = always
    pauses: Test = waits
    stops: Test = over
    resets: Test = never
    again: bool = False
    """Whether a next cycle starts as soon as ``starts`` holds again."""
    goes_on: bool = True
    """Whether it goes on when the work is reopened, unless the policy wants a new cycle."""
    subject: Literal["desk", "supplier"] | None = None
    """Of whom there is a clock each: it runs only while the work is theirs."""


METRICS: Final[Mapping[MetricName, Defaults]] = {
    "response": Defaults(stops=answered, goes_on=False),
    "next-response": Defaults(starts=asked, stops=answered, again=True, goes_on=False),
    "update": Defaults(resets=replied, again=True, goes_on=False),
    "resolution": Defaults(),
    "own": Defaults(stops=taken, goes_on=False),
    "wait": Defaults(pauses=waits_for_customer),
    "hold": Defaults(subject="desk"),
    "supplier": Defaults(pauses=never, subject="supplier"),
}
