"""Targets in the wrong order: a more urgent priority that has longer than a less urgent one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Literal

from shared.organisation import Configuration
from shared.organisation.words import PRIORITIES, PriorityName, duration_text


def target_order(
    configuration: Configuration,
) -> Iterator[tuple[Literal["sla", "agreements"], str]]:
    """Yield the section and a sentence for each two priorities in turn that are in wrong order.

    An agreement is looked at with the policy's own targets for priorities that it leaves out; what
    the policy alone has is told there. One that has expired promises nothing any more.
    """
    policies = {policy.name: policy for policy in configuration.sla.policies}
    for policy in policies.values():
        for _, text in _wrong(policy.targets):
            yield "sla", f"policy {policy.name}: {text}"
    for agreement in configuration.agreements.agreements:
        if agreement.state == "expired":
            continue
        for name, targets in agreement.targets.items():
            for pair, text in _wrong(policies[name].targets | targets):
                if pair & targets.keys():
                    yield "agreements", f"{agreement.name}, policy {name}: {text}"


def _wrong(targets: Mapping[PriorityName, int]) -> Iterator[tuple[set[PriorityName], str]]:
    for urgent, less in pairwise(p for p in PRIORITIES if p in targets):
        if targets[urgent] > targets[less]:
            longer, shorter = duration_text(targets[urgent]), duration_text(targets[less])
            yield (
                {urgent, less},
                f"{urgent} is more urgent than {less} and has longer: {longer} against {shorter}",
            )
