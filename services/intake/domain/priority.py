"""Priority: by the organisation's matrix, or by weighted dimensions; explained either way.

The weighted method gives each dimension the points of its value times the dimension's weight,
adds them up, and takes the first threshold that the sum reaches. Dimensions are data: their list
may grow, and their order means nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from shared.contracts.facts import Channel, Kind, Level, Priority
from shared.contracts.intake import PriorityPoints, PriorityReason
from shared.organisation import Configuration
from shared.organisation.intake import PriorityDimension, PriorityPolicy
from shared.organisation.words import LevelName

MATRIX = "matrix"
WEIGHTED = "weighted"
AGENT = "agent"
SEVERITY = "severity"
RULE = "rule"
SAID = frozenset({AGENT, SEVERITY, RULE})
"""Methods that look at no fact of the ticket: a corrected fact changes nothing about them."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """What a priority may depend on. None: not known."""

    kind: Kind
    channel: Channel
    impact: Level
    urgency: Level
    contact_level: str | None = None
    criticality: str | None = None
    category: str | None = None

    def values(self) -> Mapping[str, str | None]:
        """Return the value of each dimension, by its name in the configuration."""
        return {
            "kind": self.kind.value,
            "impact": self.impact.value,
            "urgency": self.urgency.value,
            "contact_level": self.contact_level,
            "criticality": self.criticality,
            "category": self.category,
            "channel": self.channel.value,
        }


def prioritised(weighed: Weighed, configuration: Configuration) -> PriorityReason:
    """Return a request's priority, and why it has it, as the configuration's method says."""
    policy = configuration.intake.priority
    if policy.method == WEIGHTED:
        return by_weights(weighed, policy)
    return by_matrix(weighed, configuration)


def by_matrix(weighed: Weighed, configuration: Configuration) -> PriorityReason:
    """Return the priority that the organisation's table has for impact and urgency."""
    priority = configuration.priority_of(impact=_row(weighed.impact), urgency=_row(weighed.urgency))
    return PriorityReason(
        method=MATRIX,
        priority=Priority(priority),
        dimensions=(
            PriorityPoints(field="impact", value=weighed.impact.value),
            PriorityPoints(field="urgency", value=weighed.urgency.value),
        ),
    )


def _row(level: Level) -> LevelName:
    """Return a level of the table; a word of a newer release counts as the middle."""
    return cast("LevelName", (Level.MEDIUM if level is Level.UNKNOWN else level).value)


def by_weights(weighed: Weighed, policy: PriorityPolicy) -> PriorityReason:
    """Return the priority of the first threshold that the weighed points reach."""
    values = weighed.values()
    dimensions = tuple(_points(d, values.get(d.field)) for d in policy.dimensions)
    # The exact sum: with plain addition the order of the dimensions could decide at a threshold.
    total = round(math.fsum((d.weight or 0) * (d.points or 0) for d in dimensions), 6)
    # The last threshold has 0 points, and points are never negative: one is always reached.
    reached = next(t for t in policy.thresholds if total >= t.points)
    return PriorityReason(
        method=WEIGHTED,
        priority=Priority(reached.priority),
        dimensions=dimensions,
        points=total,
        threshold=reached.points,
    )


def _points(dimension: PriorityDimension, value: str | None) -> PriorityPoints:
    points = dimension.otherwise if value is None else dimension.points.get(value)
    return PriorityPoints(
        field=dimension.field,
        value=value,
        weight=dimension.weight,
        points=dimension.otherwise if points is None else points,
    )
