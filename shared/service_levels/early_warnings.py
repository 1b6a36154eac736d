"""Warnings that lie before the start: so much time left as the target never had."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from shared.organisation import Configuration, Policy
from shared.organisation.words import PriorityName, duration_text
from shared.service_levels.promised import Section, promised


def early_warnings(configuration: Configuration) -> Iterator[tuple[Section, str]]:
    """Yield the section and a sentence for each target that a warning point is not told for.

    The clock passes over such a point: it has less time left from its first moment.
    """
    for one in promised(configuration):
        for text in _of(one.policy, one.targets):
            yield one.section, f"{one.where}, {text}"


def _of(policy: Policy, targets: Mapping[PriorityName, int]) -> Iterator[str]:
    for left in sorted({point.left for point in policy.warnings if point.left is not None}):
        for priority, target in targets.items():
            if left >= target:
                yield (
                    f"target {priority} {duration_text(target)}: the warning at "
                    f"{duration_text(left)} left is never told, it is not after the start"
                )
