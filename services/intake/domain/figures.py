"""How often a source of kinds and categories was wrong: the KPI of ITIL 4."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from shared.contracts.facts import Code, Id, Instant

DEFAULT = "default"
MODEL = "model:"
COUNTED = ("kind", "category")
"""The fields whose corrections are counted, each apart."""


class Correction(BaseModel):
    """One fact of a ticket that an agent corrected."""

    model_config = ConfigDict(frozen=True)

    field: Code
    was: Code | None = None
    now: Code | None = None
    was_by: Code | None = None
    by: Id
    at: Instant


class Decided(BaseModel):
    """How often a source decided on a field, and how often that was corrected."""

    model_config = ConfigDict(frozen=True)

    source: str
    decided: int
    wrong: int

    @property
    def share(self) -> float:
        """The part that was wrong, from 0 to 1."""
        return self.wrong / self.decided if self.decided else 0.0


def decided_by(
    field: str, first: Mapping[str, int], corrected: Iterable[Sequence[Correction]]
) -> list[Decided]:
    """Return how each source did, those that were wrong most often first.

    Wrong is what is not what the field was in the end: who said it is right where somebody
    corrected it and somebody else put it back.

    Args:
        field: ``kind`` or ``category``.
        first: source to how many tickets it decided on as they were accepted.
        corrected: the corrections of each ticket that has some, in their order.
    """
    decided = Counter(first)
    wrong: Counter[str] = Counter()
    for corrections in corrected:
        mine = [c for c in corrections if c.field == field]
        for correction in mine:
            decided[f"agent:{correction.by}"] += 1
            if correction.was_by is not None and correction.was != mine[-1].now:
                wrong[correction.was_by] += 1
    found = [Decided(source=s, decided=n, wrong=wrong[s]) for s, n in decided.items()]
    return sorted(found, key=lambda d: (-d.wrong, -d.decided, d.source))


def teaches(source: str | None) -> bool:
    """Return whether what a source said of a ticket is to be learned from.

    A model must not learn from what models guessed, nor from what counts where nobody says
    anything.
    """
    return source is not None and source != DEFAULT and not source.startswith(MODEL)
