"""Warnings that lie before the start: so much time left as the target never had."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from shared.organisation import Configuration, Policy
from shared.organisation.words import PriorityName, duration_text


def early_warnings(
    configuration: Configuration,
) -> Iterator[tuple[Literal["sla", "agreements"], str]]:
    """Yield the section and a sentence for each target that a warning point is not told for.

    The clock passes over such a point: it has less time left from its first moment. An agreement
    that has expired promises nothing any more, and is not looked at.
    """
    policies = {policy.name: policy for policy in configuration.sla.policies}
    for policy in policies.values():
        for text in _of(policy, policy.targets):
            yield "sla", f"policy {policy.name}, {text}"
    for agreement in configuration.agreements.agreements:
        if agreement.state == "expired":
            continue
        for name, targets in agreement.targets.items():
            for text in _of(policies[name], targets):
                yield "agreements", f"{agreement.name}, policy {name}, {text}"


def _of(policy: Policy, targets: Mapping[PriorityName, int]) -> Iterator[str]:
    for left in sorted({point.left for point in policy.warnings if point.left is not None}):
        for priority, target in targets.items():
            if left >= target:
                yield (
                    f"target {priority} {duration_text(target)}: the warning at "
                    f"{duration_text(left)} left is never told, it is not after the start"
                )
