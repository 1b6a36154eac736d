"""Targets of desks and suppliers, computed backwards from the promise that they are to keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from shared.kernel import HeliodeskError
from shared.organisation import Configuration, Policy
from shared.organisation.policies import SlaSection
from shared.organisation.words import PRIORITIES, TARGET_SECONDS_MAX, PriorityName
from shared.service_levels.agreements import target_for
from shared.service_levels.chains import DAYS, Chains, Lines
from shared.service_levels.tickets import SearchTooLong
from shared.service_levels.ways import WaysTooMany

MINUTE: Final = 60
MINUTES_MAX: Final = TARGET_SECONDS_MAX // MINUTE


class NoTargets(HeliodeskError):
    """There are no targets to propose, and why."""


@dataclass(frozen=True)
class Proposal:
    """The targets of a chain, in business seconds."""

    policy: str
    targets: Mapping[str, Mapping[PriorityName, int]]
    """Policy of the chain to its targets."""
    impossible: tuple[PriorityName, ...] = ()
    """Not even a minute each keeps the promise for these."""


def propose_targets(
    configuration: Configuration,
    name: str,
    start: datetime,
    *,
    shares: Mapping[str, float] | None = None,
    days: int = DAYS,
) -> Proposal:
    """Return the largest targets, in whole minutes, whose chain keeps a policy's promise.

    The targets have the proportions of the shares. They are found by halving and are verified by
    the check that decides about configurations; where the promise follows desks whose hours differ
    from those of the targets, a still larger one may keep it too.

    Args:
        configuration: with resolved names.
        name: the policy.
        start: the first start instant that counts.
        shares: policy of the chain to its part; those that are not named have 1.
        days: how many days of start instants.

    Raises:
        NoTargets: there is no such policy, it has no chain, the shares do not fit, or the chain
            cannot be checked.
    """
    policy = next((p for p in configuration.sla.policies if p.name == name), None)
    if policy is None:
        known = ", ".join(p.name for p in configuration.sla.policies) or "none"
        raise NoTargets(f"there is no policy {name!r}; there are: {known}")
    if not policy.backed_by:
        raise NoTargets(f"policy {name} names nothing in backed_by: there is no chain")
    weights = _weights(policy, shares or {})
    search = _Search(configuration, policy, weights, start, days)
    try:
        found = {priority: search.largest(priority) for priority in search.priorities()}
    except (WaysTooMany, SearchTooLong) as error:
        message = f"the chain of policy {name} can take too many ways to be checked"
        raise NoTargets(message) from error
    targets: dict[str, dict[PriorityName, int]] = {link: {} for link in policy.backed_by}
    for priority, minutes in found.items():
        for link, count in zip(policy.backed_by, minutes or (), strict=False):
            targets[link][priority] = count * MINUTE
    impossible = tuple(priority for priority, minutes in found.items() if minutes is None)
    return Proposal(policy.name, targets, impossible)


def _weights(policy: Policy, shares: Mapping[str, float]) -> list[float]:
    unknown = [name for name in shares if name not in policy.backed_by]
    if unknown:
        chain = ", ".join(policy.backed_by)
        raise NoTargets(f"{unknown[0]!r} is not in the chain of {policy.name}, which is: {chain}")
    weights = [shares.get(name, 1.0) for name in policy.backed_by]
    if not all(0 < weight < float("inf") for weight in weights):
        raise NoTargets("a share is a number above 0")
    return [weight / sum(weights) for weight in weights]


class _Search:
    def __init__(
        self,
        configuration: Configuration,
        policy: Policy,
        weights: Sequence[float],
        start: datetime,
        days: int,
    ) -> None:
        self._configuration, self._policy, self._weights = configuration, policy, weights
        self._start, self._days = start, days
        self._lines = Lines(start)

    def priorities(self) -> list[PriorityName]:
        """Return the priorities for which anything is promised, by the policy or an agreement."""
        agreements = [a for a in self._configuration.agreements.agreements if a.kind == "sla"]
        return [
            priority
            for priority in PRIORITIES
            if any(
                target_for(self._policy, agreement, priority) is not None
                for agreement in (None, *agreements)
            )
        ]

    def largest(self, priority: PriorityName) -> tuple[int, ...] | None:
        """Return the most minutes of each link; None where not even one each is in time."""
        low = len(self._weights)
        if not self._keeps(priority, self._split(low)):
            return None
        high = 2 * low
        while high <= MINUTES_MAX and self._keeps(priority, self._split(high)):
            low, high = high, 2 * high
        high = min(high, MINUTES_MAX)
        while high - low > 1:
            middle = (low + high) // 2
            if self._keeps(priority, self._split(middle)):
                low = middle
            else:
                high = middle
        return self._split(low)

    def _split(self, minutes: int) -> tuple[int, ...]:
        return tuple(max(1, int(minutes * weight + 1e-9)) for weight in self._weights)

    def _keeps(self, priority: PriorityName, minutes: Sequence[int]) -> bool:
        wanted = dict(zip(self._policy.backed_by, minutes, strict=True))
        policies = tuple(
            policy.model_copy(update={"targets": {priority: wanted[policy.name] * MINUTE}})
            if policy.name in wanted
            else policy
            for policy in self._configuration.sla.policies
        )
        tried = replace(self._configuration, sla=SlaSection(policies=policies))
        chains = Chains(tried, self._start, self._days, self._lines)
        policy = next(p for p in policies if p.name == self._policy.name)
        return all(late.priority != priority for late in chains.check(policy))
