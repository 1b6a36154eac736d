"""How good the predictions were: a reliability table and the Brier score."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.sla.domain.foresight.outcomes import MICRO, SCORE_BINS


@dataclass(frozen=True, slots=True)
class Band:
    """Predictions of one tenth: how many, what was said on average, and what came."""

    low: float
    high: float
    n: int
    said: float
    came: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """Scores of predictions. ``base_brier`` is that of always saying how often it came at all."""

    n: int
    brier: float
    base_brier: float
    came: float
    bands: tuple[Band, ...]

    @property
    def skill(self) -> float:
        """How much better than the base rate: 1 is perfect, 0 no better."""
        return 1 - self.brier / self.base_brier if self.base_brier > 0 else 0.0


def reliability(counts: Iterable[Mapping[str, int]]) -> Reliability | None:
    """Return the scores of what was counted: ``n``, ``y``, ``p``, ``s`` by band; None of none."""
    sums: dict[str, int] = {}
    for part in counts:
        for field, amount in part.items():
            sums[field] = sums.get(field, 0) + amount
    bands = []
    for place in range(SCORE_BINS):
        n = sums.get(f"n{place}", 0)
        if n > 0:
            bands.append(
                Band(
                    low=place / SCORE_BINS,
                    high=(place + 1) / SCORE_BINS,
                    n=n,
                    said=sums.get(f"p{place}", 0) / MICRO / n,
                    came=sums.get(f"y{place}", 0) / n,
                )
            )
    total = sum(band.n for band in bands)
    if not total:
        return None
    came = sum(band.came * band.n for band in bands) / total
    squares = sum(sums.get(f"s{place}", 0) for place in range(SCORE_BINS)) / MICRO
    return Reliability(
        n=total,
        brier=squares / total,
        base_brier=came * (1 - came),
        came=came,
        bands=tuple(bands),
    )


def reliability_of(pairs: Sequence[tuple[float, bool]]) -> Reliability | None:
    """Return the scores of pairs of a probability and what came."""
    counts: dict[str, int] = {}
    for probability, came in pairs:
        place = min(SCORE_BINS - 1, int(probability * SCORE_BINS))
        for field, amount in (
            (f"n{place}", 1),
            (f"y{place}", int(came)),
            (f"p{place}", round(probability * MICRO)),
            (f"s{place}", round((probability - came) ** 2 * MICRO)),
        ):
            counts[field] = counts.get(field, 0) + amount
    return reliability([counts])
