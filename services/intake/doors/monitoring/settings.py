"""Settings that the doors of monitors share."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.intake.doors.shape import (
    Fault,
    Fault4xx,
    Raw,
    Refused,
    Setup,
    bearer_token,
    faults_of,
)

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

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    labels: FactLabels = FactLabels()
    """Fact to the label that says it: service, region, configuration_item, severity, predicted."""
    predicted: bool = False
    """All alerts of this integration tell what is about to happen."""


S = TypeVar("S", bound=BaseModel)


def settings_of(setup: Setup, model: type[S]) -> S:
    """Return the settings of an integration; the defaults where a dry run names none.

    Raises:
        Refused: 422, the model has a setting without a default, and there is none.
    """
    if isinstance(setup.settings, model):
        return setup.settings
    try:
        return model()
    except ValidationError as error:
        faults = [Fault(f"settings.{f.field}", f.reason) for f in faults_of(error)]
        raise Refused(Fault4xx.INVALID, faults) from error


def bearer_or_query(raw: Raw) -> str | None:
    """Return the token of ``Authorization``, or of the query's ``token``.

    Some monitors cannot send a header. A token in an address is written to logs on its way, so
    the header goes first.
    """
    return bearer_token(raw) or raw.query.get("token") or None
