"""Settings that the doors of monitors share."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from services.intake.doors.shape import Setup

LabelName = Annotated[str, Field(min_length=1, max_length=80)]


class FactLabels(BaseModel):
    """Which labels (tags, details) of a monitor say a fact that Heliodesk looks at."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    service: LabelName = "service"
    region: LabelName = "region"
    configuration_item: LabelName = "configuration_item"
    severity: LabelName = "severity"
    predicted: LabelName = "predicted"
    """With the value ``true``: the alert tells what is about to happen."""


class MonitorSettings(BaseModel):
    """Settings that every door of monitors has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    labels: FactLabels = FactLabels()
    predicted: bool = False
    """All alerts of this integration tell what is about to happen."""


S = TypeVar("S", bound=BaseModel)


def settings_of(setup: Setup, model: type[S]) -> S:
    """Return the settings of an integration; the defaults where a dry run names none.

    Raises:
        ValidationError: the model has a setting without a default, and there is none.
    """
    found = setup.settings
    return found if isinstance(found, model) else model()
