"""Trained models of kinds and categories, and what they are trained from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.intake.domain.figures import Decided
from services.intake.domain.learning import Model


@dataclass(frozen=True, slots=True)
class Sample:
    """A closed ticket to learn from; None is what nobody said of it whom one learns from."""

    ticket: str
    subject: str
    text: str
    kind: str | None
    category: str | None


class ModelStore(Protocol):
    """Trained models, what they are trained from, and how often they were wrong.

    Every method may raise `Infrastructure`.
    """

    async def newest_models(self) -> dict[str, int]:
        """Return the newest version of each tenant that has a model."""
        ...

    async def last_version(self, tenant: str) -> int:
        """Return the newest version that a tenant ever had, also where it was dropped; 0 if none."""
        ...

    async def model(self, *, tenant: str, version: int) -> Model | None:
        """Return a model."""
        ...

    async def add_model(self, model: Model) -> bool:
        """Insert a model; False where the version is taken."""
        ...

    async def drop_model(self, *, tenant: str, version: int) -> bool:
        """Drop a model, so that the one before it counts again; False where there is none.

        Its version is not given again: a process that has it in memory would go on with it.
        """
        ...

    async def samples(self, *, tenant: str, limit: int) -> list[Sample]:
        """Return the newest closed tickets that people opened, with the first message of each."""
        ...

    async def decided(
        self, *, tenant: str, since: datetime, until: datetime
    ) -> dict[str, list[Decided]]:
        """Return the figures of ``kind`` and ``category``, of tickets accepted in a time."""
        ...
