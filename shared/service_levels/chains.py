"""Whether the promises of a configuration can be kept by those that they are backed by.

A policy with ``backed_by`` names policies of desks and suppliers. Each counts by a calendar of its
own, one after the other, from the moment at which the ticket is opened. Where they may end after
the promise is due, somebody has promised what nobody has promised to do in time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from shared.calendar import CompiledCalendar
from shared.calendar.days import from_ms, to_ms
from shared.organisation import Configuration, Policy
from shared.service_levels.cases import Case, Cases, Span
from shared.service_levels.chain import Step, Worst, due_time, worst_start
from shared.service_levels.chain_limits import unchecked
from shared.service_levels.late_words import LateChain, LateStep, UnbackedPolicy
from shared.service_levels.lines import NEVER, Line, LineTooShort
from shared.service_levels.policy_check import ticket_of
from shared.service_levels.questions import Facts
from shared.service_levels.tickets import SearchTooLong
from shared.service_levels.ways import WaysTooMany, calendar_of

DAYS: Final = 400
"""Start instants that are looked at: a year, and the days around its end."""
REACH_DAYS: Final = (600, 1_500, 6_000, 21_900)
"""How far calendars are laid out, longer where a chain needs it; after sixty years it never ends."""


@dataclass(frozen=True)
class ChainCheck:
    """What the check of chains found."""

    late: tuple[LateChain, ...] = ()
    """The worst of each policy and priority. Those that are ``certain`` are refused."""
    unbacked: tuple[UnbackedPolicy, ...] = ()
    given_up: tuple[str, ...] = ()
    """What could not be looked at, in sentences."""

    @property
    def refused(self) -> tuple[LateChain, ...]:
        """What stands against applying the configuration."""
        return tuple(chain for chain in self.late if chain.certain)


class Lines:
    """Calendars as lines, laid out once for all chains and longer where one needs it."""

    def __init__(self, start: datetime) -> None:
        self.start = start
        self._lines: dict[tuple[int, int], Line] = {}
        self._kept: list[CompiledCalendar] = []

    def of(self, calendar: CompiledCalendar, reach: int) -> Line:
        """Return the line of a calendar; ``reach`` is an index of `REACH_DAYS`."""
        key = (id(calendar), reach)
        if key not in self._lines:
            self._kept.append(calendar)
            until = self.start + timedelta(days=REACH_DAYS[reach])
            windows = calendar.windows(self.start, until)
            self._lines[key] = Line(
                [(to_ms(opens), to_ms(closes)) for opens, closes in windows],
                whole=reach == len(REACH_DAYS) - 1,
            )
        return self._lines[key]


@dataclass
class Chains:
    """The chains of one configuration, asked about start instants from one moment on."""

    configuration: Configuration
    start: datetime
    days: int = DAYS
    lines: Lines | None = None
    """Laid out from the same moment, where others have them already."""
    _worst: dict[tuple[object, ...], Worst | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._lines = self.lines or Lines(self.start)
        self.policies = {policy.name: policy for policy in self.configuration.sla.policies}
        self._cases = Cases(self.configuration)

    def calendars(
        self, policy: Policy, case: Case
    ) -> list[tuple[CompiledCalendar, CompiledCalendar]] | None:
        """Return of each step the calendar that it counts by, and that of the promise meanwhile."""
        links = [self.policies[name] for name in policy.backed_by]
        found = []
        for number in case.links:
            party = case.way.parties[number]
            where = (party, case.way, case.site)
            own = calendar_of(self.configuration, links[number], *where)
            promised = calendar_of(self.configuration, policy, *where)
            if own is None or promised is None:
                return None
            found.append((own, promised))
        return found

    def worst(self, policy: Policy, case: Case, span: Span) -> tuple[Worst, list[Step]] | None:
        """Return the worst start of a case, and the steps of its chain; None: it is in time."""
        calendars = self.calendars(policy, case)
        if calendars is None:
            return None
        first, last = to_ms(span[0]), to_ms(span[1]) - 1
        for reach in range(len(REACH_DAYS)):
            if self.days >= REACH_DAYS[reach]:
                continue
            steps = [
                Step(self._lines.of(own, reach), 1_000 * target, self._lines.of(by, reach))
                for (own, by), target in zip(calendars, case.targets, strict=True)
            ]
            key = (
                tuple((id(s.line), s.target, id(s.by)) for s in steps),
                case.target,
                first,
                last,
            )
            try:
                if key not in self._worst:
                    self._worst[key] = worst_start(steps, 1_000 * case.target, first, last)
            except LineTooShort:
                continue
            found = self._worst[key]
            return None if found is None else (found, steps)
        return None

    def check(self, policy: Policy) -> list[LateChain]:
        """Return the worst chain of each priority of a policy that can be late.

        Raises:
            WaysTooMany, SearchTooLong: as `Cases.of`.
        """
        worst: dict[tuple[bool, str], tuple[Worst, list[Step], Case, Facts]] = {}
        links = [self.policies[name] for name in policy.backed_by]
        during = (self.start, self.start + timedelta(days=self.days))
        for case, facts, span in self._cases.of(policy, links, during):
            found = self.worst(policy, case, span)
            if found is None:
                continue
            key = (case.certain, case.priority)
            if key not in worst or found[0].late > worst[key][0].late:
                worst[key] = (*found, case, facts)
        certain = {priority for is_certain, priority in worst if is_certain}
        return [
            self._told(policy, *worst[key])
            for key in sorted(worst, key=lambda key: (key[1], not key[0]))
            if key[0] or key[1] not in certain
        ]

    def _told(
        self, policy: Policy, worst: Worst, steps: Sequence[Step], case: Case, facts: Facts
    ) -> LateChain:
        calendars = self.calendars(policy, case) or []
        at, told = worst.start, list[LateStep]()
        for step, number, (own, _) in zip(steps, case.links, calendars, strict=True):
            ends = step.line.add(at, step.target)
            party = case.way.parties[number]
            link = self.policies[policy.backed_by[number]]
            told.append(
                LateStep(
                    policy=link.name,
                    kind=link.kind,
                    desk=party.desk,
                    supplier=party.supplier,
                    calendar=own.name,
                    target_seconds=step.target // 1_000,
                    starts_at=from_ms(at) if at < NEVER else None,
                    ends_at=from_ms(ends) if ends < NEVER else None,
                )
            )
            at = ends
        number = next(n for n, p in enumerate(self.configuration.sla.policies) if p is policy)
        return LateChain(
            policy=policy.name,
            number=number,
            priority=case.priority,
            ticket=ticket_of(facts),
            certain=case.certain,
            agreements=case.agreements,
            time_zone=calendars[0][1].time_zone,
            target_seconds=case.target,
            opened_at=from_ms(worst.start),
            due_at=from_ms(due_time(steps, 1_000 * case.target, worst.start)),
            ends_at=from_ms(at) if at < NEVER else None,
            late_seconds=worst.late / 1_000 if worst.late < NEVER else None,
            steps=tuple(told),
        )


def _due(steps: Sequence[Step], case: Case, start: int) -> datetime:
    """Return when a promise is due that a chain never ends for."""
    at, left = start, 1_000 * case.target
    for step in steps:
        ends = step.line.add(at, step.target)
        passed = step.by.used(ends) - step.by.used(at)
        if passed >= left:
            break
        at, left = ends, left - passed
    return from_ms(step.by.add(at, left))


def check_chains(configuration: Configuration, start: datetime, days: int = DAYS) -> ChainCheck:
    """Return which promises their chains may not keep, of tickets opened in the days to come.

    Args:
        configuration: with resolved names.
        start: the first start instant that counts.
        days: how many days of start instants.
    """
    chains = Chains(configuration, start, days)
    late: list[LateChain] = []
    given_up: list[str] = []
    for policy in configuration.sla.policies:
        if not policy.backed_by:
            continue
        try:
            late += chains.check(policy)
        except WaysTooMany:
            given_up.append(
                f"policy {policy.name}: its chain can take too many ways to be checked; "
                "let the policies in backed_by name their desk or supplier"
            )
        except SearchTooLong:
            given_up.append(f"policy {policy.name}: too many kinds of ticket to check its chain")
    given_up += unchecked(configuration, start)
    return ChainCheck(tuple(late), unbacked(configuration), tuple(given_up))


def unbacked(configuration: Configuration) -> tuple[UnbackedPolicy, ...]:
    """Return promises to customers that stand on nothing, where desks promise something to others.

    Also those that are backed, but not for all of their priorities.
    """
    policies = {policy.name: policy for policy in configuration.sla.policies}
    metrics = {p.metric for p in policies.values() if p.kind == "ola"}
    found: list[UnbackedPolicy] = []
    for policy in configuration.sla.policies:
        if not policy.backed_by:
            around = bool(metrics & {policy.metric, "hold"})
            if policy.kind == "sla" and policy.metric == "resolution" and around:
                found.append(UnbackedPolicy(policy=policy.name))
            continue
        links = [policies[name] for name in policy.backed_by]
        for link in links:
            missing = tuple(p for p in policy.targets if p not in link.targets)
            if missing:
                found.append(UnbackedPolicy(policy=policy.name, link=link.name, priorities=missing))
    return tuple(found)
