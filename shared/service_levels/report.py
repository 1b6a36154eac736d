"""Everything that is to be said of the service levels of a configuration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from shared.organisation import Configuration
from shared.service_levels.agreements import AgreementWarning, agreement_warnings
from shared.service_levels.chains import check_chains
from shared.service_levels.dead_words import dead_words
from shared.service_levels.early_warnings import early_warnings
from shared.service_levels.late_words import LateChain, UnbackedPolicy
from shared.service_levels.policy_check import PolicyHole, PolicyOverlap, View, check_policies
from shared.service_levels.short_calendars import short_calendars
from shared.service_levels.target_order import target_order


class ServiceLevels(View):
    """What stands against a configuration's service levels, and what is to be looked at."""

    late_chains: tuple[LateChain, ...] = ()
    """Promises that their chains do not keep. With a certain one it is not applied unforced."""
    overlaps: tuple[PolicyOverlap, ...] = ()
    holes: tuple[PolicyHole, ...] = ()
    unbacked: tuple[UnbackedPolicy, ...] = ()
    agreements: tuple[AgreementWarning, ...] = ()
    dead_words: tuple[str, ...] = ()
    """Words in conditions that no ticket can have, in sentences with their section."""
    early_warnings: tuple[str, ...] = ()
    """Warning points that a target is too short for, in sentences with their section."""
    short_calendars: tuple[str, ...] = ()
    """Calendars that end, or open too little for a target, in sentences with their section."""
    target_order: tuple[str, ...] = ()
    """More urgent priorities that have longer than less urgent ones, likewise."""
    given_up: tuple[str, ...] = ()
    """What could not be looked at wholly, in sentences."""

    @property
    def refused(self) -> tuple[LateChain, ...]:
        """What stands against applying the configuration."""
        return tuple(chain for chain in self.late_chains if chain.certain)

    @property
    def accidents(self) -> bool:
        """Whether tickets fall under policies by accident, or under none."""
        return bool(self.overlaps or self.holes)

    def warnings(self) -> Iterator[str]:
        """Yield what may be applied but should be looked at, in sentences with their section."""
        for chain in self.late_chains:
            if not chain.certain:
                yield f"sla: {chain.words()}"
        yield from (f"sla: {overlap.words()}" for overlap in self.overlaps)
        yield from (f"sla: {hole.words()}" for hole in self.holes)
        yield from (f"sla: {policy.words()}" for policy in self.unbacked)
        for agreement in self.agreements:
            yield f"agreements: {agreement.words()}"
        yield from self.dead_words
        yield from self.early_warnings
        yield from self.short_calendars
        yield from self.target_order
        for text in self.given_up:
            yield f"sla: {text}"


def service_levels(configuration: Configuration, now: datetime) -> ServiceLevels:
    """Return what the checks find, of tickets opened from the present minute on."""
    chains = check_chains(configuration, now.replace(second=0, microsecond=0))
    policies = check_policies(configuration, now)
    return ServiceLevels(
        late_chains=chains.late,
        overlaps=policies.overlaps,
        holes=policies.holes,
        unbacked=chains.unbacked,
        agreements=agreement_warnings(configuration, now),
        dead_words=_said(dead_words(configuration)),
        early_warnings=_said(early_warnings(configuration)),
        short_calendars=_said(short_calendars(configuration, now)),
        target_order=_said(target_order(configuration)),
        given_up=(*chains.given_up, *policies.given_up),
    )


def _said(found: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(f"{section}: {text}" for section, text in found)
