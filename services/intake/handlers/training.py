"""Training: closed tickets become a model of kinds and categories, and a report of how good it is.

Needs the extra ``training`` (scikit-learn); using a trained model needs nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from pydantic import BaseModel, ConfigDict

from services.intake.domain.evaluation import (
    Evaluation,
    Labelled,
    evaluated,
    learnable,
    split,
)
from services.intake.domain.learning import BUCKETS, Head, Learned, Model, counts, packed, weighed
from services.intake.ports import ModelStore, Sample
from shared.contracts.facts import Instant
from shared.kernel import HeliodeskError

SAMPLES_MAX = 20_000
ITERATIONS_MAX = 1_000
STRENGTH = 10.0
"""The inverse of the regularisation: short texts have few words, and each has to count."""


class TrainingImpossible(HeliodeskError):
    """There is too little to learn from, or the extra ``training`` is not installed."""


class Trained(BaseModel):
    """What came of a training."""

    model_config = ConfigDict(frozen=True)

    version: int
    samples: int
    kind: Evaluation | None
    """None where there was too little to learn from."""
    category: Evaluation | None


async def train(
    store: ModelStore, *, tenant: str, at: Instant, apply_from: float, seed: int = 0
) -> Trained:
    """Train a model from a tenant's closed tickets, store it and say how good it is.

    The same tickets give the same model. It is evaluated on tickets that were held out, and then
    trained again from all of them.

    Args:
        store: of models and tickets.
        tenant: whose.
        at: the instant to note.
        apply_from: the probability from which the organisation applies a suggestion.
        seed: of the solver.

    Raises:
        TrainingImpossible: see there.
        Infrastructure: the store does not answer; nothing was stored.
    """
    samples = await store.samples(tenant=tenant, limit=SAMPLES_MAX)
    kinds = learnable(_labelled(s, s.kind) for s in samples if s.kind)
    categories = learnable(_labelled(s, s.category) for s in samples if s.category)
    if not kinds and not categories:
        message = (
            f"{len(samples)} closed tickets are too little: two kinds or two categories with "
            "three tickets each, and twenty in all, are needed"
        )
        raise TrainingImpossible(message)
    texts = {s.key: s.text for s in (*kinds, *categories)}
    while True:
        version = await store.last_version(tenant) + 1
        fit = _Fit(rarity=_rarity(list(texts.values())), seed=seed)
        model = fit.model(kinds, categories, tenant=tenant, version=version, at=at)
        trained = Trained(
            version=version,
            samples=len(texts),
            kind=_evaluation(kinds, at=at, apply_from=apply_from, seed=seed),
            category=_evaluation(categories, at=at, apply_from=apply_from, seed=seed),
        )
        if await store.add_model(model):
            return trained


class _Fit:
    """Fits heads on vectors of one rarity."""

    def __init__(self, *, rarity: Sequence[float], seed: int) -> None:
        self._rarity = rarity
        self._seed = seed

    def model(
        self,
        kinds: Sequence[Labelled],
        categories: Sequence[Labelled],
        *,
        tenant: str,
        version: int,
        at: Instant,
    ) -> Model:
        """Return the model of kinds and categories."""
        scale, text = packed(self._rarity)
        return Model(
            version=version,
            tenant=tenant,
            trained_at=at,
            samples=len({s.key for s in (*kinds, *categories)}),
            rarity_scale=scale,
            rarity=text,
            kind=self._head(kinds) if kinds else None,
            category=self._head(categories) if categories else None,
        )

    def _head(self, samples: Sequence[Labelled]) -> Head:
        try:
            linear: Any = import_module("sklearn.linear_model")
            sparse: Any = import_module("scipy.sparse")
        except ImportError as error:
            message = "training needs scikit-learn: pip install 'heliodesk[training]'"
            raise TrainingImpossible(message) from error
        data: list[float] = []
        columns: list[int] = []
        starts = [0]
        for sample in samples:
            vector = weighed(counts(sample.text), self._rarity)
            columns += vector.keys()
            data += vector.values()
            starts.append(len(columns))
        matrix = sparse.csr_matrix((data, columns, starts), shape=(len(samples), BUCKETS))
        machine = linear.LogisticRegression(
            C=STRENGTH, max_iter=ITERATIONS_MAX, random_state=self._seed
        )
        machine.fit(matrix, [s.label for s in samples])
        rows, intercepts = machine.coef_.tolist(), machine.intercept_.tolist()
        if len(rows) == 1:
            # Of two classes the library keeps only the second one's; the first one's are zero.
            rows, intercepts = [[0.0] * BUCKETS, *rows], [0.0, *intercepts]
        kept = [packed(row) for row in rows]
        return Head(
            classes=tuple(str(name) for name in machine.classes_),
            intercepts=tuple(intercepts),
            scales=tuple(scale for scale, _ in kept),
            weights=tuple(text for _, text in kept),
        )


def _evaluation(
    samples: Sequence[Labelled], *, at: Instant, apply_from: float, seed: int
) -> Evaluation | None:
    """Return how a model does that has not seen a part of the samples."""
    if not samples:
        return None
    known, held_out = split(samples)
    fit = _Fit(rarity=_rarity([s.text for s in known]), seed=seed)
    model = fit.model(known, (), tenant="evaluation", version=1, at=at)
    learned = Learned(model)
    suggestions = [learned.suggest(subject="", text=s.text) for s in held_out]
    return evaluated(
        held_out,
        [s.kind if s else None for s in suggestions],
        trained=len(known),
        apply_from=apply_from,
    )


def _rarity(texts: Sequence[str]) -> list[float]:
    """Return how rare each bucket is: the smoothed inverse document frequency; 0 if not met."""
    met: Counter[int] = Counter()
    for text in texts:
        met.update(counts(text).keys())
    return [
        math.log((1 + len(texts)) / (1 + met[b])) + 1 if met[b] else 0.0 for b in range(BUCKETS)
    ]


def _labelled(sample: Sample, label: str) -> Labelled:
    return Labelled(key=sample.ticket, text=f"{sample.subject}\n{sample.text}", label=label)
