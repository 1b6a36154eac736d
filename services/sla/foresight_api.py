"""The HTTP API of foresight: how good the predictions were."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict

from services.sla.domain.foresight.calibration import Reliability
from services.sla.domain.foresight.forecast import MODEL
from services.sla.domain.foresight.outcomes import MONTHS_MAX
from services.sla.domain.foresight.plot import reliability_svg
from services.sla.foresight import Foresight
from shared.auth import Action, Actor
from shared.http import allowed


class ReliabilityBand(BaseModel):
    """Predictions between two probabilities: how many, what was said, and what came."""

    model_config = ConfigDict(frozen=True)

    low: float
    high: float
    n: int
    said: float
    came: float


class CalibrationRow(BaseModel):
    """Scores of predictions of one metric, made at one share of the target."""

    model_config = ConfigDict(frozen=True)

    metric: str
    share: float
    n: int
    brier: float
    """Mean squared error of the probabilities; 0 is perfect."""
    base_brier: float
    """That of always saying how often the target was passed at all."""
    came: float
    skill: float
    bands: tuple[ReliabilityBand, ...]


class Calibration(BaseModel):
    """How good predictions were, for clocks that ended in the last ``months``."""

    model_config = ConfigDict(frozen=True)

    model: str
    months: int
    rows: tuple[CalibrationRow, ...]


def prediction_router(foresight: Foresight) -> APIRouter:
    """Return the routes below ``/v1/predictions``; read with the right to read."""
    router = APIRouter(prefix="/v1/predictions", tags=["predictions"])
    read: Any = allowed(Action.READ)

    @router.get("/calibration", response_model=Calibration)
    async def read_calibration(
        *,
        months: Annotated[int, Query(ge=1, le=MONTHS_MAX)] = 3,
        as_: Annotated[Literal["json", "svg"], Query(alias="format")] = "json",
        actor: Actor = read,
    ) -> Calibration | Response:
        """Say how often what was predicted came: a reliability table and the Brier score.

        Predictions are made when a clock begins, for each share of its target at which it may
        still run, and scored when it ends. ``format=svg`` draws the table.
        """
        found = await foresight.calibration(actor.tenant, months=months)
        if as_ == "svg":
            return Response(reliability_svg(found), media_type="image/svg+xml")
        rows = tuple(_row(name, scores) for name, scores in found.items())
        return Calibration(model=MODEL, months=months, rows=rows)

    return router


def _row(name: str, scores: Reliability) -> CalibrationRow:
    metric, _, percent = name.rpartition("|")
    return CalibrationRow(
        metric=metric,
        share=int(percent) / 100,
        n=scores.n,
        brier=scores.brier,
        base_brier=scores.base_brier,
        came=scores.came,
        skill=scores.skill,
        bands=tuple(
            ReliabilityBand(low=b.low, high=b.high, n=b.n, said=b.said, came=b.came)
            for b in scores.bands
        ),
    )
