"""Targets in the wrong order: a more urgent priority that has longer than a less urgent one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

from shared.organisation import Configuration
from shared.organisation.words import PRIORITIES, PriorityName, duration_text
from shared.service_levels.promised import Section, promised


def target_order(configuration: Configuration) -> Iterator[tuple[Section, str]]:
    """Yield the section and a sentence for each two priorities in turn that are in wrong order.

    An agreement is looked at with the policy's own targets for priorities that it leaves out; what
    the policy alone has is told there.
    """
    for one in promised(configuration):
        for pair, text in _wrong({**one.policy.targets, **one.targets}):
            if pair & one.targets.keys():
                yield one.section, f"{one.where}: {text}"


def _wrong(targets: Mapping[PriorityName, int]) -> Iterator[tuple[set[PriorityName], str]]:
    for urgent, less in pairwise(p for p in PRIORITIES if p in targets):
        if targets[urgent] > targets[less]:
            longer, shorter = duration_text(targets[urgent]), duration_text(targets[less])
            yield (
                {urgent, less},
                f"{urgent} is more urgent than {less} and has longer: {longer} against {shorter}",
            )
