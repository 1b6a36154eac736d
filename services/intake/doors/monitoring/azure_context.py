"""What Azure's kinds of alerts say in their ``alertContext``, each in its own way.

Metrics and log queries have conditions, an activity log, a service's or a resource's health has
properties, Prometheus has labels and annotations, a budget has amounts. What people have to read
is found by its name; what is not known by name is left out, for some of it are whole search
results, claims of tokens, or HTML.
Source: Microsoft, "Sample alert payloads".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from services.intake.doors.monitoring.texts import shown

CONDITIONS_MAX = 20
DIMENSIONS_MAX = 20
VALUE_MAX = 500

_FACTS = (
    # Of an activity log, and of what is made from one.
    "operationName",
    "caller",
    "level",
    "status",
    # Of log queries, version 1.
    "SearchQuery",
    "ResultCount",
    "Operator",
    "Threshold",
    # Of Prometheus.
    "expression",
    "expressionValue",
    "for",
    # Of smart detectors.
    "DetectionSummary",
    "DetectedValue",
    "NormalValue",
)
_PROPERTIES = (
    "title",
    "details",
    "incidentType",
    "stage",
    "service",
    "region",
    "trackingId",
    "impactStartTime",
    "impactMitigationTime",
    "currentHealthStatus",
    "previousHealthStatus",
    "type",
    "cause",
    "description",
    "compromisedEntity",
    "BudgetName",
    "ThresholdType",
    "BudgetThreshold",
    "NotificationThresholdAmount",
    "SpentAmount",
    "ForecastedTotalForPeriod",
    "Unit",
    "Scope",
)
_CONDITION = ("metricName", "searchQuery", "timeAggregation", "operator", "threshold")
_LINKS = ("LinkToSearchResults", "LinkToFilteredSearchResultsUI", "linkToSearchResultsUI")
"""For people; those that end in API answer with JSON."""


@dataclass(frozen=True, slots=True)
class ContextTold:
    """What a context says."""

    name: str = ""
    """Of a budget, whose alert has no rule."""
    scope: str = ""
    """Of a budget, whose alert has no targets."""
    title: str = ""
    lines: tuple[str, ...] = ()
    labels: Mapping[str, Any] = field(default_factory=dict)
    links: tuple[str, ...] = ()
    predicted: bool = False
    """A budget that is forecast to be spent is not spent yet."""


def told_of(context: Any) -> ContextTold:
    """Return what a context says, whichever kind of alert it belongs to."""
    found = _object(context)
    properties = _object(found.get("AlertData")) or _object(found.get("properties"))
    annotations = _object(found.get("annotations"))
    parts = [_object(p) for p in _list(_object(found.get("condition")).get("allOf"))]
    lines = [
        *_facts(annotations, tuple(map(str, annotations))[:CONDITIONS_MAX]),
        *_facts(found, _FACTS),
        *_facts(properties, _PROPERTIES),
        *map(_condition, parts),
    ]
    dimensions = dict(pair for part in (found, *parts) for pair in _dimensions(part))
    return ContextTold(
        name=shown(properties.get("BudgetName")),
        scope=shown(properties.get("Scope")),
        title=shown(properties.get("title") or annotations.get("summary")),
        lines=("", *lines) if lines else (),
        labels={**dimensions, **_object(found.get("labels"))},
        links=tuple(
            str(part[name]) for part in (found, *parts) for name in _LINKS if part.get(name)
        ),
        predicted=properties.get("ThresholdType") == "Forecasted",
    )


def _facts(found: Mapping[str, Any], names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        said = shown(found.get(name))[:VALUE_MAX]
        if said:
            yield f"{name}: {said}"


def _condition(part: Mapping[str, Any]) -> str:
    """Return a condition as it is read: the measure, its bound, its value, and of what."""
    measure = " ".join(s for n in _CONDITION if (s := shown(part.get(n))[:VALUE_MAX]))
    value = shown(part.get("metricValue"))
    of = ", ".join(f"{name}={shown(value)}" for name, value in _dimensions(part))
    return measure + (f", measured {value}" if value else "") + (f" ({of})" if of else "")


def _dimensions(part: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    found = part.get("dimensions") or part.get("Dimensions")
    for dimension in map(_object, _list(found)[:DIMENSIONS_MAX]):
        name = shown(dimension.get("name"))
        if name:
            yield name, dimension.get("value")


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value[:CONDITIONS_MAX] if isinstance(value, list) else []
