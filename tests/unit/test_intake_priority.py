from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.domain.priority import Weighed, by_weights, prioritised
from shared.contracts.facts import Channel, Kind, Level, Priority
from shared.organisation import (
    Configuration,
    IntakeSection,
    PriorityDimension,
    PriorityPolicy,
    PriorityThreshold,
)
from tests.support.intake import sample_configuration

KINDS = [k for k in Kind if k is not Kind.UNKNOWN]
LEVELS = [Level.LOW, Level.MEDIUM, Level.HIGH]


def weighed(**fields: Any) -> Weighed:
    """Return an incident of high impact and urgency, changed."""
    given_: dict[str, Any] = {
        "kind": Kind.INCIDENT,
        "channel": Channel.WEB,
        "impact": Level.HIGH,
        "urgency": Level.HIGH,
        **fields,
    }
    return Weighed(**given_)


def by_default(**fields: Any) -> Any:
    """Return what the shipped weights say."""
    return by_weights(weighed(**fields), PriorityPolicy(method="weighted"))


@pytest.mark.parametrize(
    ("fields", "points", "priority"),
    [
        # 1*3 + 3*3 + 3*3 + 1*3 + 2*4 = 32
        ({"contact_level": "vip", "criticality": "critical"}, 32, Priority.P1),
        # 3 + 9 + 9 + 1 + 2*2 = 26
        ({"contact_level": "staff", "criticality": "medium"}, 26, Priority.P2),
        # Nothing is known of contact and service: 3 + 9 + 9 + 1 + 4 = 26
        ({}, 26, Priority.P2),
        # 1 + 3 + 3 + 1 + 2 = 10
        (
            {
                "kind": Kind.INQUIRY,
                "impact": Level.LOW,
                "urgency": Level.LOW,
                "contact_level": "staff",
                "criticality": "low",
            },
            10,
            Priority.P5,
        ),
        # 3 + 6 + 6 + 2 + 4 = 21
        (
            {
                "impact": Level.MEDIUM,
                "urgency": Level.MEDIUM,
                "contact_level": "manager",
                "criticality": "medium",
            },
            21,
            Priority.P3,
        ),
    ],
)
def test_the_shipped_weights_count_as_by_hand(
    fields: dict[str, Any], points: float, priority: Priority
) -> None:
    """Each dimension's points times its weight, and the first threshold that the sum reaches."""
    found = by_default(**fields)
    assert (found.points, found.priority) == (points, priority)


def test_a_weighted_priority_explains_itself() -> None:
    """Each dimension says its value, its weight and its points; the threshold is named."""
    found = by_default(contact_level="manager", criticality="high")
    assert found.method == "weighted"
    assert [(d.field, d.value, d.weight, d.points) for d in found.dimensions] == [
        ("kind", "incident", 1, 3),
        ("impact", "high", 3, 3),
        ("urgency", "high", 3, 3),
        ("contact_level", "manager", 1, 2),
        ("criticality", "high", 2, 3),
    ]
    assert (found.points, found.threshold, found.priority) == (29, 28, Priority.P1)


def test_the_matrix_explains_itself() -> None:
    """Impact and urgency, by the organisation's own table."""
    found = prioritised(weighed(urgency=Level.MEDIUM), sample_configuration())
    assert (found.method, found.priority, found.points) == ("matrix", Priority.P2, None)
    assert [(d.field, d.value) for d in found.dimensions] == [
        ("impact", "high"),
        ("urgency", "medium"),
    ]


def test_a_level_of_a_newer_release_counts_as_the_middle() -> None:
    """What this release does not know makes no error."""
    found = prioritised(weighed(impact=Level.UNKNOWN, urgency=Level.UNKNOWN), Configuration())
    assert (
        found.priority
        == prioritised(weighed(impact=Level.MEDIUM, urgency=Level.MEDIUM), Configuration()).priority
    )


def test_the_configuration_says_which_method_counts() -> None:
    """The same request is P1 by the matrix and P2 by the weights."""
    configuration = sample_configuration()
    assert prioritised(weighed(), configuration).priority is Priority.P1
    weighing = Configuration(
        organisation=configuration.organisation,
        intake=IntakeSection(priority=PriorityPolicy(method="weighted")),
    )
    assert prioritised(weighed(), weighing).priority is Priority.P2


def policy(*, points: float, thresholds: tuple[float, float]) -> PriorityPolicy:
    """Return a policy of one dimension whose high value has so many points."""
    high, middle = thresholds
    return PriorityPolicy(
        method="weighted",
        dimensions=(PriorityDimension(field="impact", points={"high": points}),),
        thresholds=(
            PriorityThreshold(priority="P1", points=high),
            PriorityThreshold(priority="P3", points=middle),
            PriorityThreshold(priority="P5", points=0),
        ),
    )


@pytest.mark.parametrize(
    ("points", "priority"),
    [(10, "P1"), (9.999, "P3"), (5, "P3"), (4.999, "P5"), (0, "P5")],
)
def test_a_threshold_is_reached_by_exactly_its_points(points: float, priority: str) -> None:
    """From so many points on: equal is enough, a thousandth less is not."""
    found = by_weights(weighed(), policy(points=points, thresholds=(10, 5)))
    assert found.priority == priority


def test_the_list_of_dimensions_may_grow() -> None:
    """Category and channel weigh where the organisation says so."""
    policy_ = PriorityPolicy(
        method="weighted",
        dimensions=(
            PriorityDimension(field="category", weight=2, points={"database": 5}, otherwise=1),
            PriorityDimension(field="channel", points={"phone": 4}),
        ),
        thresholds=(
            PriorityThreshold(priority="P2", points=14),
            PriorityThreshold(priority="P4", points=0),
        ),
    )
    told = by_weights(weighed(category="database", channel=Channel.PHONE), policy_)
    assert (told.points, told.priority) == (14, Priority.P2)
    other = by_weights(weighed(category=None, channel=Channel.WEB), policy_)
    assert (other.points, other.priority) == (2, Priority.P4)


requests = st.builds(
    Weighed,
    kind=st.sampled_from(KINDS),
    channel=st.sampled_from([Channel.WEB, Channel.PHONE]),
    impact=st.sampled_from(LEVELS),
    urgency=st.sampled_from(LEVELS),
    contact_level=st.sampled_from([None, "staff", "manager", "vip", "other"]),
    criticality=st.sampled_from([None, "low", "medium", "high", "critical"]),
    category=st.sampled_from([None, "network"]),
)
fractions = st.floats(0, 10).map(lambda f: round(f, 3))


@st.composite
def policies(draw: st.DrawFn) -> PriorityPolicy:
    """Return a policy with any weights and points."""
    dimensions = [
        PriorityDimension(
            field=field,
            weight=draw(fractions),
            points={value: draw(fractions) for value in values},
            otherwise=draw(fractions),
        )
        for field, values in (
            ("kind", ["incident", "change"]),
            ("impact", ["high", "medium", "low"]),
            ("urgency", ["high", "medium", "low"]),
            ("contact_level", ["vip", "staff"]),
            ("criticality", ["critical", "low"]),
        )
    ]
    return PriorityPolicy(method="weighted", dimensions=tuple(dimensions))


@given(requests, policies(), st.randoms(use_true_random=False))
def test_the_order_of_dimensions_means_nothing(
    request: Weighed, given_: PriorityPolicy, chance: Any
) -> None:
    """However they are listed, points and priority are the same, also right at a threshold."""
    shuffled = list(given_.dimensions)
    chance.shuffle(shuffled)
    other = given_.model_copy(update={"dimensions": tuple(shuffled)})
    one, two = by_weights(request, given_), by_weights(request, other)
    assert (one.points, one.threshold, one.priority) == (two.points, two.threshold, two.priority)


@given(requests, policies(), st.integers(0, 4), fractions)
def test_more_points_never_make_it_less_pressing(
    request: Weighed, given_: PriorityPolicy, index: int, more: float
) -> None:
    """Raising all points of any one dimension leaves the priority or raises it."""
    dimension = given_.dimensions[index]
    raised = dimension.model_copy(
        update={
            "points": {value: p + more for value, p in dimension.points.items()},
            "otherwise": dimension.otherwise + more,
        }
    )
    dimensions = tuple(raised if d is dimension else d for d in given_.dimensions)
    before = by_weights(request, given_)
    after = by_weights(request, given_.model_copy(update={"dimensions": dimensions}))
    assert after.priority <= before.priority  # "P1" sorts before "P5"


@given(requests, policies())
def test_the_explanation_adds_up(request: Weighed, given_: PriorityPolicy) -> None:
    """The points that are said are the sum of what the dimensions say."""
    found = by_weights(request, given_)
    assert found.points is not None
    assert found.threshold is not None
    total = math.fsum((d.weight or 0) * (d.points or 0) for d in found.dimensions)
    assert abs(found.points - total) < 1e-6
    assert found.points >= found.threshold
