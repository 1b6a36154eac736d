"""The different cases of a chain: what is promised, by whom, and who works by which calendars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Literal

from shared.organisation import SITE_CALENDAR, Configuration, Policy
from shared.organisation.agreements import BINDING, Agreement
from shared.organisation.words import PRIORITIES, PriorityName
from shared.service_levels.agreements import target_for
from shared.service_levels.binding import begins_at, ends_at, takes
from shared.service_levels.questions import Asks, Facts, OneOf, Question, Value
from shared.service_levels.tickets import Found, Tickets
from shared.service_levels.ways import Way, ways

Span = tuple[datetime, datetime]
"""From an instant to before another."""


@dataclass(frozen=True)
class Case:
    """What counts for some tickets: the targets, in seconds, and who works by which calendars."""

    priority: PriorityName
    target: int
    links: tuple[int, ...]
    """Which policies of the chain apply, by their place in ``backed_by``."""
    targets: tuple[int, ...]
    way: Way
    site: str | None
    """Whose calendar counts; None where no site's does."""
    certain: bool
    agreements: tuple[str, ...]


@dataclass(frozen=True)
class _Chain:
    """A policy, those that it is backed by, one way of theirs, and the agreements that bind."""

    policy: Policy
    links: tuple[Policy, ...]
    way: Way
    agreements: tuple[Agreement, ...]

    @property
    def asks_site(self) -> bool:
        return any(p.calendar == SITE_CALENDAR for p in (self.policy, *self.links))

    def case(self, found: Found) -> Case | None:
        """Return what counts for a kind of ticket; None where there is no promise or no chain."""
        facts, count = found.facts, 1 + len(self.links)
        priority = next(name for name in PRIORITIES if name == facts["priority"])
        applying = found.answers[1:count]
        taking = found.answers[count : count + len(self.agreements)]
        bound = [a for a, taken in zip(self.agreements, taking, strict=True) if taken]
        used: list[str] = []

        def target(policy: Policy) -> int | None:
            counting = next(
                (a for a in bound if a.kind == policy.kind and policy.name in a.targets), None
            )
            if counting is not None:
                used.append(counting.name)
            return target_for(policy, counting, priority)

        promised = target(self.policy)
        numbers = [number for number, applies in enumerate(applying) if applies is not False]
        targets = [target(self.links[number]) for number in numbers]
        known = tuple(each for each in targets if each is not None)
        if promised is None or not numbers or len(known) < len(targets):
            return None
        site = facts.get("site") if self.asks_site else None
        return Case(
            priority=priority,
            target=promised,
            links=tuple(numbers),
            targets=known,
            way=self.way,
            site=site if isinstance(site, str) else None,
            certain=None not in (*found.answers[:count], *taking),
            agreements=tuple(dict.fromkeys(used)),
        )


class Cases:
    """The cases of a configuration's chains."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._tickets = Tickets(configuration)

    def of(
        self, policy: Policy, links: Sequence[Policy], during: Span
    ) -> Iterator[tuple[Case, Facts, Span]]:
        """Yield the cases of a policy's tickets, each with a ticket and when it may be opened.

        Raises:
            WaysTooMany: the chain can take too many ways.
            SearchTooLong: there are too many kinds of ticket.
        """
        for span, agreements in self._spans([policy, *links], during):
            seen: set[Case] = set()
            for way in ways(self._configuration, policy, links):
                for case, facts in self._found(_Chain(policy, tuple(links), way, agreements)):
                    if case not in seen:
                        seen.add(case)
                        yield case, facts, span

    def _spans(
        self, policies: Sequence[Policy], during: Span
    ) -> Iterator[tuple[Span, tuple[Agreement, ...]]]:
        """Yield the stretches in which the same agreements bind."""
        first, last = during
        names = {(policy.kind, policy.name) for policy in policies}
        concerned = [
            a
            for a in self._configuration.agreements.agreements
            if a.state in BINDING and any((a.kind, name) in names for name in a.targets)
        ]
        bounds = {at for a in concerned for at in (begins_at(a), ends_at(a)) if first < at < last}
        for begins, ends in pairwise([first, *sorted(bounds), last]):
            binding = (a for a in concerned if begins_at(a) <= begins < ends_at(a))
            yield (begins, ends), tuple(binding)

    def _found(self, chain: _Chain) -> Iterator[tuple[Case, Facts]]:
        holders = [self._holder(party.desk) for party in chain.way.parties]
        questions: list[Question] = [
            Asks(chain.policy.condition, holders[0]),
            *(Asks(link.condition, desk) for link, desk in zip(chain.links, holders, strict=True)),
            *(takes(agreement) for agreement in chain.agreements),
            OneOf("priority", PRIORITIES),
            _Known("priority"),
            *([_Known("site")] if chain.asks_site else []),
        ]
        for found in self._tickets.search(questions, stop=lambda answers: answers[0] is False):
            case = chain.case(found)
            if case is not None:
                yield case, {**found.facts, **holders[0]}

    def _holder(self, desk: str | None) -> dict[str, Value]:
        if desk is None:
            return {}
        return {"desk": desk, "tier": self._configuration.desk(desk).tier}


class _Known:
    """A question that has an answer once a field is known; it tells all values apart."""

    def __init__(self, name: str) -> None:
        self.fields = (name,)
        self.exact = (name,)
        self.named: dict[str, tuple[str, ...]] = {}

    def __call__(self, facts: Facts) -> Literal[True] | None:
        return True if self.fields[0] in facts else None
