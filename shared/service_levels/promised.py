"""What is promised, section by section: the targets of policies, and those of agreements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from shared.organisation import Configuration, Policy
from shared.organisation.words import PriorityName

Section = Literal["sla", "agreements"]


@dataclass(frozen=True, slots=True)
class Promised:
    """Targets, in seconds by priority, as a section names them for a policy."""

    section: Section
    where: str
    """The policy, behind the agreement where it is that one's."""
    policy: Policy
    targets: Mapping[PriorityName, int]


def promised(configuration: Configuration) -> Iterator[Promised]:
    """Yield the targets of every policy, then those that agreements give instead.

    An agreement that has expired promises nothing any more, and is left out.
    """
    policies = {policy.name: policy for policy in configuration.sla.policies}
    for policy in policies.values():
        yield Promised("sla", f"policy {policy.name}", policy, policy.targets)
    for agreement in configuration.agreements.agreements:
        if agreement.state == "expired":
            continue
        for name, targets in agreement.targets.items():
            where = f"{agreement.name}, policy {name}"
            yield Promised("agreements", where, policies[name], targets)
