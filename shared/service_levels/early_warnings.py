"""Points that lie before the start: so much time left as the target never had."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from shared.organisation import Configuration, Policy
from shared.organisation.words import PriorityName, duration_text
from shared.service_levels.promised import Section, promised


def early_warnings(configuration: Configuration) -> Iterator[tuple[Section, str]]:
    """Yield the section and a sentence for each target, and each point that it never comes to.

    The clock has less time left from its first moment: a warning there is passed over, and a step
    of the escalation is done at the start.
    """
    for one in promised(configuration):
        for text in _of(one.policy, one.targets):
            yield one.section, f"{one.where}, {text}"


def _of(policy: Policy, targets: Mapping[PriorityName, int]) -> Iterator[str]:
    told = {p.left for p in policy.warnings if p.left is not None}
    # A step for an expected breach is done at no point: its point is the earliest for it.
    steps = [step for step in policy.escalations if step.cause != "expected-late"]
    done = {step.left for step in steps if step.left is not None}
    points = [(left, "warning", "is never told") for left in told]
    points += [(left, "step", "is done at the start") for left in done]
    for left, what, becomes in sorted(points):
        for priority, target in targets.items():
            if left >= target:
                yield (
                    f"target {priority} {duration_text(target)}: the {what} at "
                    f"{duration_text(left)} left {becomes}, it is not after the start"
                )
