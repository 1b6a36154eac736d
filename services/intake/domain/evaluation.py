"""How good a model is, on tickets that it has not seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from services.intake.domain.learning import CLASSES_MAX, Guess
from shared.kernel import digest

HELD_OUT_PARTS = 5
"""One ticket of so many is held out."""
SAMPLES_MIN = 20
CLASS_SAMPLES_MIN = 3
"""A class that was met less often is left out: nothing can be learnt of it."""


class ClassReport(BaseModel):
    """How one class was told, of the tickets held out."""

    model_config = ConfigDict(frozen=True)

    name: str
    tickets: int
    """How many are of it."""
    recall: float | None
    """The part of them that was told; None where there is none."""
    precision: float | None
    """The part of those said to be of it that are; None where none was."""


class Evaluation(BaseModel):
    """How one question was answered, of the tickets held out."""

    model_config = ConfigDict(frozen=True)

    trained: int
    held_out: int
    accuracy: float | None
    """None where no ticket was held out."""
    apply_from: float
    applied: int
    """How many guesses reach the probability from which they are applied."""
    applied_right: int
    classes: tuple[ClassReport, ...]
    confusion: dict[str, dict[str, int]]
    """From what a ticket is to what it was said to be, to how often."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text and its class."""

    key: str
    text: str
    label: str


def learnable(samples: Iterable[Labelled]) -> list[Labelled]:
    """Return the samples of classes that were met often enough, at most so many classes.

    Returns:
        Nothing where there are fewer than two classes, or too few samples.
    """
    given = sorted(samples, key=lambda s: s.key)
    sizes = Counter(s.label for s in given)
    ordered = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))
    kept = {name for name, size in ordered[:CLASSES_MAX] if size >= CLASS_SAMPLES_MIN}
    found = [s for s in given if s.label in kept]
    return found if len(kept) > 1 and len(found) >= SAMPLES_MIN else []


def split(samples: Sequence[Labelled]) -> tuple[list[Labelled], list[Labelled]]:
    """Return what to train from and what to hold out: one of five of each class.

    It is decided by the tickets' ids alone, so that the same tickets are split alike again.
    """
    train: list[Labelled] = []
    held_out: list[Labelled] = []
    by_label: dict[str, list[Labelled]] = {}
    for sample in samples:
        by_label.setdefault(sample.label, []).append(sample)
    for label in sorted(by_label):
        ordered = sorted(by_label[label], key=lambda s: digest(s.key.encode()))
        count = len(ordered) // HELD_OUT_PARTS
        held_out += ordered[:count]
        train += ordered[count:]
    return train, held_out


def evaluated(
    held_out: Sequence[Labelled],
    guesses: Sequence[Guess | None],
    *,
    trained: int,
    apply_from: float,
) -> Evaluation:
    """Return how the guesses compare to what the tickets are.

    Args:
        held_out: the tickets.
        guesses: one for each, in order; None where nothing could be said.
        trained: how many tickets the model was trained from.
        apply_from: the probability from which a guess is applied.
    """
    confusion: dict[str, Counter[str]] = {}
    applied = applied_right = 0
    for sample, guess in zip(held_out, guesses, strict=True):
        said = guess.value if guess else "(nothing)"
        confusion.setdefault(sample.label, Counter())[said] += 1
        if guess is not None and guess.probability >= apply_from:
            applied += 1
            applied_right += said == sample.label
    right = sum(row[label] for label, row in confusion.items())
    names = sorted({*confusion, *(name for row in confusion.values() for name in row)})
    return Evaluation(
        trained=trained,
        held_out=len(held_out),
        accuracy=_share(right, len(held_out)),
        apply_from=apply_from,
        applied=applied,
        applied_right=applied_right,
        classes=tuple(_of_class(name, confusion) for name in names),
        confusion={label: dict(sorted(row.items())) for label, row in sorted(confusion.items())},
    )


def _of_class(name: str, confusion: dict[str, Counter[str]]) -> ClassReport:
    row = confusion.get(name, Counter())
    said = sum(other[name] for other in confusion.values())
    return ClassReport(
        name=name,
        tickets=row.total(),
        recall=_share(row[name], row.total()),
        precision=_share(row[name], said),
    )


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def report(title: str, evaluation: Evaluation | None) -> list[str]:
    """Return the lines of an evaluation, for people to read."""
    if evaluation is None:
        return [f"{title}: too few tickets"]
    certain = f"  certain ({evaluation.apply_from:.0%} or more) {evaluation.applied}"
    lines = [
        f"{title}: trained from {evaluation.trained} tickets, tried on {evaluation.held_out}",
        f"  right                {_percent(evaluation.accuracy)}",
        f"{certain}, of them right {evaluation.applied_right}",
        f"  {'class':<24} {'tickets':>8} {'recall':>8} {'precision':>10}",
    ]
    lines += [
        f"  {c.name:<24} {c.tickets:>8} {_percent(c.recall):>8} {_percent(c.precision):>10}"
        for c in evaluation.classes
    ]
    wrong = sorted(
        (-count, label, said)
        for label, row in evaluation.confusion.items()
        for said, count in row.items()
        if said != label
    )
    lines += [f"  {label} said to be {said}: {-count}" for count, label, said in wrong]
    return lines


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"
