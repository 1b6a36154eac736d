"""Section ``intake``: priority, classification, files, follow-ups, maintenance windows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from shared.calendar.zones import ZoneName
from shared.expressions import FieldType
from shared.organisation.words import (
    KindName,
    Language,
    LevelName,
    Model,
    Name,
    PriorityName,
    TargetSeconds,
    Title,
)
from shared.tags import Tags

REQUEST_FIELDS: Final[Mapping[str, FieldType]] = {
    "subject": "string",
    "text": "string",
    "channel": "string",
    "integration": "string",
    "language": "string",
    "service": "string",
    "configuration_item": "string",
    "category": "string",
    "kind": "string",
    "region": "string",
    "site": "string",
    "template": "string",
    "contact_level": "string",
    "vip": "bool",
    "tags": "strings",
}
"""What a rule on requests may look at, with the type of each; texts are in lower case."""

Points = Annotated[float, Field(ge=0, le=1_000)]


class PriorityDimension(Model):
    """One thing that weighs in a priority, and the points of each of its values."""

    field: Literal[
        "kind", "impact", "urgency", "contact_level", "criticality", "category", "channel"
    ]
    weight: Points = 1
    points: Annotated[dict[str, Points], Field(min_length=1, max_length=100)]
    otherwise: Points = 0
    """For a value that is not named, or not known."""


class PriorityThreshold(Model):
    """The priority from so many points on."""

    priority: PriorityName
    points: Points


DIMENSIONS_DEFAULT: Final = (
    PriorityDimension(
        field="kind",
        weight=1,
        points={
            "incident": 3,
            "complaint": 3,
            "change": 2,
            "service-request": 2,
            "inquiry": 1,
            "new-requirement": 1,
            "compliment": 0,
        },
        otherwise=1,
    ),
    PriorityDimension(
        field="impact", weight=3, points={"high": 3, "medium": 2, "low": 1}, otherwise=2
    ),
    PriorityDimension(
        field="urgency", weight=3, points={"high": 3, "medium": 2, "low": 1}, otherwise=2
    ),
    PriorityDimension(
        field="contact_level", weight=1, points={"vip": 3, "manager": 2, "staff": 1}, otherwise=1
    ),
    PriorityDimension(
        field="criticality",
        weight=2,
        points={"critical": 4, "high": 3, "medium": 2, "low": 1},
        otherwise=2,
    ),
)
THRESHOLDS_DEFAULT: Final = (
    PriorityThreshold(priority="P1", points=28),
    PriorityThreshold(priority="P2", points=24),
    PriorityThreshold(priority="P3", points=19),
    PriorityThreshold(priority="P4", points=14),
    PriorityThreshold(priority="P5", points=0),
)


class PriorityPolicy(Model):
    """How a priority is found: by the organisation's matrix, or by weighted dimensions."""

    method: Literal["matrix", "weighted"] = "matrix"
    dimensions: Annotated[tuple[PriorityDimension, ...], Field(min_length=1, max_length=20)] = (
        DIMENSIONS_DEFAULT
    )
    thresholds: Annotated[tuple[PriorityThreshold, ...], Field(min_length=1, max_length=5)] = (
        THRESHOLDS_DEFAULT
    )

    @model_validator(mode="after")
    def _thresholds_fall(self) -> Self:
        points = [threshold.points for threshold in self.thresholds]
        if points != sorted(points, reverse=True) or len(set(points)) != len(points):
            message = "thresholds: from the most points to the fewest, no two alike"
            raise ValueError(message)
        if points[-1] != 0:
            message = "thresholds: the last one has 0 points, so that every request gets a priority"
            raise ValueError(message)
        return self


class ClassificationRule(Model):
    """What a request is where a condition is met. The first rule that says a thing counts."""

    name: Name
    when: Annotated[str, Field(min_length=1, max_length=4_000)]
    """A CEL condition over the fields of `REQUEST_FIELDS`."""
    kind: KindName | None = None
    category: Name | None = None
    service: Name | None = None
    impact: LevelName | None = None
    urgency: LevelName | None = None
    tags: Tags = ()
    """Those of every rule whose condition is met are added, not only those of the first."""


CATEGORIES_DEFAULT: Final[tuple[Name, ...]] = (
    "software",
    "hardware",
    "network",
    "database",
    "business",
)


class ClassificationPolicy(Model):
    """How kind and category are found where nobody says them."""

    categories: Annotated[tuple[Name, ...], Field(max_length=500)] = CATEGORIES_DEFAULT
    rules: Annotated[tuple[ClassificationRule, ...], Field(max_length=500)] = ()
    apply_from: Annotated[float, Field(ge=0, le=1)] = 0.8
    """The probability from which the trained model's suggestion is applied; below it is shown."""


class FilePolicy(Model):
    """What requests may bring with them."""

    file_bytes_max: Annotated[int, Field(ge=1, le=100_000_000)] = 10_000_000
    request_bytes_max: Annotated[int, Field(ge=1, le=100_000_000)] = 25_000_000
    files_max: Annotated[int, Field(ge=0, le=100)] = 30


class FollowupRule(Model):
    """What a message to a closed ticket does, by the ticket's desk and age since closing."""

    desk: Name | None = None
    """None: any."""
    older_than: TargetSeconds | None = None
    action: Literal["reopen", "new", "refuse"]


class Maintenance(Model):
    """A window in which alerts are recorded and nobody is told. Local hours, also over a change."""

    name: Name
    title: Title
    starts: Annotated[datetime, Field(description="Local, without an offset.")]
    duration: TargetSeconds
    time_zone: ZoneName
    recurs: Annotated[str, Field(max_length=500)] | None = None
    """An RRULE of RFC 5545, such as FREQ=WEEKLY;BYDAY=SU; None: once."""
    integrations: Annotated[tuple[Name, ...], Field(max_length=500)] = ()
    services: Annotated[tuple[Name, ...], Field(max_length=500)] = ()
    items: Annotated[tuple[Name, ...], Field(max_length=5_000)] = ()
    regions: Annotated[tuple[Name, ...], Field(max_length=500)] = ()
    """An alert is within the window where it fits each list that is not empty."""
    change: Annotated[str, Field(max_length=80)] | None = None
    """The change that the window is for: its number."""

    @model_validator(mode="after")
    def _starts_is_local(self) -> Self:
        if self.starts.tzinfo is not None:
            message = "starts: a local time, without an offset; the time zone is beside it"
            raise ValueError(message)
        return self


class DuplicatePolicy(Model):
    """When two requests of one contact are proposed as one, and many of different ones as many."""

    window: TargetSeconds = 3_600
    similarity: Annotated[float, Field(gt=0, le=1)] = 0.4
    """How alike: 1 is the same words, 0 none. Rare words count more than common ones."""
    mass_requests: Annotated[int, Field(ge=2, le=1_000)] = 5
    """So many look-alike requests of different contacts are proposed as a mass incident."""
    mass_window: TargetSeconds = 1_800
    mass_similarity: Annotated[float, Field(gt=0, le=1)] = 0.22
    """Of each to what the others say; lower, for each says it in words of their own."""
    solve_children: bool = True
    """Solving the parent of a mass incident solves its children."""


class IntakeSection(Model):
    """What intake does with what comes in."""

    priority: PriorityPolicy = PriorityPolicy()
    classification: ClassificationPolicy = ClassificationPolicy()
    files: FilePolicy = FilePolicy()
    followups: Annotated[tuple[FollowupRule, ...], Field(max_length=100)] = ()
    """The first that fits counts; where none does, routing's own reopen window decides."""
    maintenance: Annotated[tuple[Maintenance, ...], Field(max_length=1_000)] = ()
    duplicates: DuplicatePolicy = DuplicatePolicy()
    mail_domain: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]{1,190}$")] | None = None
    """The domain of our own Message-IDs and plus-addresses; None: that of the first address."""
    auto_replies_per_day: Annotated[int, Field(ge=0, le=100)] = 5
    """What one sender is told by itself in a day at most: the end of every loop."""
    languages: Annotated[tuple[Language, ...], Field(max_length=100)] = ()
    """Languages that are looked for in texts; empty: those of the organisation."""

    def followup(
        self, *, desk: str | None, age_seconds: float
    ) -> Literal["reopen", "new", "refuse"] | None:
        """Return what a message to a closed ticket does; None where no rule fits.

        Args:
            desk: that had the ticket when it was closed.
            age_seconds: since it was closed.
        """
        for rule in self.followups:
            old_enough = rule.older_than is None or age_seconds >= rule.older_than
            if rule.desk in {None, desk} and old_enough:
                return rule.action
        return None
