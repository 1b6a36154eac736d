"""Predictions of breaches on months that were held back: base rate, survival, gradient boosting.

Trained on months 1 to k and scored on month k + 1, for the last three months. Asked at 0, 25, 50
and 75 % of the target, of the clocks that lasted so long. The base rate is that of the priority
and the share. Gradient boosting sees what the survival estimate sees, and with ``more`` the
channel too, which the product does not use.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from services.sla.domain.foresight.calibration import reliability_of
from services.sla.domain.foresight.outcomes import HALF_LIFE_MONTHS, SHARES
from services.sla.domain.foresight.plot import reliability_svg
from services.sla.domain.foresight.survival import Curve, Pool, bin_of, curve_of
from tests.benchmarks.foresight_world import CATEGORIES, CHANNELS, DESKS, TARGETS, Life, lives
from tests.benchmarks.measure import Circumstances, cores, load_average
from tests.benchmarks.report import Grid, Result

MONTHS = 12
PER_MONTH = 3_000
HELD_BACK = 3
Question = tuple[Life, float]
"""A clock, and the share of its target that it has used."""
Ask = Callable[[Sequence[Question]], list[float]]
"""The probabilities of passing the target."""


def run(*, home: Path, per_month: int = PER_MONTH, seed: int = 7) -> Result:
    """Train, ask, score; the reliability plot is written into ``home``."""
    load = load_average()
    world = lives(months=MONTHS, per_month=per_month, seed=seed)
    pairs: dict[str, list[tuple[float, bool]]] = {}
    seconds: dict[str, float] = dict.fromkeys(_models(), 0.0)
    for month in range(MONTHS - HELD_BACK, MONTHS):
        past = [life.as_of(month) for life in world if life.month < month]
        held = [life for life in world if life.month == month and life.ended]
        questions = [(life, s) for s in SHARES for life in held if life.seconds > s * life.target]
        came = [life.seconds > life.target for life, _ in questions]
        for name, train in _models().items():
            begun = time.process_time()
            answers = train(past, month)(questions)
            pairs.setdefault(name, []).extend(zip(answers, came, strict=True))
            seconds[name] += time.process_time() - begun
    return _result(pairs, seconds, home, load)


def _known(life: Life) -> bool:
    """Whether it is known if a clock passed its target."""
    return life.ended or life.seconds > life.target


def _models() -> dict[str, Callable[[Sequence[Life], int], Ask]]:
    models: dict[str, Callable[[Sequence[Life], int], Ask]] = {
        "base rate": _base,
        "survival": _survival,
    }
    try:
        import sklearn  # noqa: F401, PLC0415 - an extra of its own
    except ImportError:
        return models
    models["gradient boosting"] = _boosting(more=False)
    models["gradient boosting, more"] = _boosting(more=True)
    return models


def _base(past: Sequence[Life], _month: int) -> Ask:
    asked: Counter[tuple[str, float]] = Counter()
    broke: Counter[tuple[str, float]] = Counter()
    for life in past:
        for share in SHARES:
            if _known(life) and life.seconds > share * life.target:
                asked[life.traits.priority, share] += 1
                broke[life.traits.priority, share] += life.seconds > life.target

    def ask(questions: Sequence[Question]) -> list[float]:
        keys = [(life.traits.priority, share) for life, share in questions]
        return [(broke[key] + 1) / (asked[key] + 2) for key in keys]

    return ask


def _survival(past: Sequence[Life], month: int) -> Ask:
    """Train the product's estimate, with its pools and its decay."""
    ended: dict[str, dict[int, float]] = {}
    censored: dict[str, dict[int, float]] = {}
    for life in past:
        weight = 0.5 ** ((month - life.month) / HALF_LIFE_MONTHS)
        kind = ended if life.ended else censored
        for key in life.traits.chain():
            counts = kind.setdefault(key, {})
            place = bin_of(life.seconds)
            counts[place] = counts.get(place, 0.0) + weight
    curves: dict[str, Curve] = {}

    def answer(life: Life, share: float) -> float:
        chain = life.traits.chain()
        curve = curves.get(chain[-1])
        if curve is None:
            pools = [Pool(ended.get(key, {}), censored.get(key, {})) for key in chain]
            curve = curves[chain[-1]] = curve_of(pools)
        return curve.outlasts(life.target, used=share * life.target)

    return lambda questions: [answer(life, share) for life, share in questions]


def _boosting(*, more: bool) -> Callable[[Sequence[Life], int], Ask]:
    def train(past: Sequence[Life], month: int) -> Ask:
        import numpy as np  # noqa: PLC0415
        from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415

        rows, labels, weights = [], [], []
        for life in past:
            for share in SHARES:
                if _known(life) and life.seconds > share * life.target:
                    rows.append(_features(life, share, more=more))
                    labels.append(life.seconds > life.target)
                    weights.append(0.5 ** ((month - life.month) / HALF_LIFE_MONTHS))
        model: Any = HistGradientBoostingClassifier(
            categorical_features=[0, 1, 2, 3] if more else [0, 1, 2],
            early_stopping=True,
            random_state=0,
        )
        model.fit(np.array(rows), np.array(labels), sample_weight=weights)

        def ask(questions: Sequence[Question]) -> list[float]:
            asked = [_features(life, share, more=more) for life, share in questions]
            return [float(row[1]) for row in model.predict_proba(np.array(asked))]

        return ask

    return train


def _features(life: Life, share: float, *, more: bool) -> list[float]:
    traits = life.traits
    named = [
        list(CATEGORIES).index(traits.category),
        list(DESKS).index(traits.desk),
        list(TARGETS).index(traits.priority),
    ]
    if more:
        named.append(list(CHANNELS).index(life.channel))
    return [*map(float, named), float(traits.queue or 0), share]


def _log_loss(pairs: Sequence[tuple[float, bool]]) -> float:
    least = 1e-6
    return -sum(math.log(max(least, p if came else 1 - p)) for p, came in pairs) / len(pairs)


def _result(
    pairs: dict[str, list[tuple[float, bool]]], seconds: dict[str, float], home: Path, load: float
) -> Result:
    known = {
        name: scores for name, of in pairs.items() if (scores := reliability_of(of)) is not None
    }
    picture = home / "reliability.svg"
    picture.write_text(reliability_svg(known), encoding="utf-8")
    scored = Grid(
        title=f"foresight: {HELD_BACK} months held back, {known['survival'].n} predictions each",
        columns=("model", "Brier", "log loss", "skill", "CPU s"),
        rows=tuple(
            (
                name,
                f"{scores.brier:.4f}",
                f"{_log_loss(pairs[name]):.4f}",
                f"{scores.skill:.3f}",
                f"{seconds[name]:.1f}",
            )
            for name, scores in known.items()
        ),
    )
    table = Grid(
        title="reliability of the survival estimate",
        columns=("predictions", "n", "said", "came"),
        rows=tuple(
            (f"{b.low:.0%}-{b.high:.0%}", str(b.n), f"{b.said:.3f}", f"{b.came:.3f}")
            for b in known["survival"].bands
        ),
    )
    figures = {
        name: {"brier": scores.brier, "log_loss": _log_loss(pairs[name]), "n": scores.n}
        for name, scores in known.items()
    }
    around = Circumstances(
        cores=cores(), load_before=load, load_after=load_average(), floor_spread=1.0
    )
    notes = (f"reliability plot: {picture}",)
    return Result("foresight", around, (scored, table), figures, notes)
