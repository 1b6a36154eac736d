"""How often a source of kinds and categories was wrong: the KPI of ITIL 4."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from pydantic import BaseModel, ConfigDict

from shared.contracts.facts import Code, Id, Instant

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
    field: str, first: Mapping[str, int], corrections: Iterable[Correction]
) -> list[Decided]:
    """Return how each source did, those that were wrong most often first.

    Args:
        field: ``kind`` or ``category``.
        first: source to how many tickets it decided on as they were accepted.
        corrections: all of the same tickets. Who corrects decides, too, and may be wrong.
    """
    decided = Counter(first)
    wrong: Counter[str] = Counter()
    for correction in corrections:
        if correction.field != field:
            continue
        decided[f"agent:{correction.by}"] += 1
        if correction.was_by is not None:
            wrong[correction.was_by] += 1
    found = [Decided(source=s, decided=n, wrong=wrong[s]) for s, n in decided.items()]
    return sorted(found, key=lambda d: (-d.wrong, -d.decided, d.source))
