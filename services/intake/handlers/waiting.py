"""Waiting: how much room what is handed in takes in memory, and how it is put into groups."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from services.intake.domain.receipts import Receipt, bulk
from services.intake.handlers.grouping import GroupCommit
from services.intake.ports import Incoming

CHARACTERS_A_WEIGHT = 16_384
"""With 5,000 weights that wait, some 80 MB of texts and originals are in memory at most."""

T = TypeVar("T")
R = TypeVar("R")


class Groups(Protocol):
    """How groups are committed: as they come together, or in tests at once."""

    def make(
        self,
        write: Callable[[Sequence[T]], Awaitable[Sequence[R]]],
        *,
        weight: Callable[[T], int],
    ) -> GroupCommit[T, R]:
        """Return a group commit around a write, whose items weigh so much."""
        ...


def weight_of_receipt(receipt: Receipt) -> int:
    """Return how much room a receipt takes while it waits."""
    return 1 + bulk(receipt) // CHARACTERS_A_WEIGHT


def weight_of_incoming(incoming: Incoming) -> int:
    """Return how much room a receipt takes while it waits with its original."""
    raw = incoming.original.raw if incoming.original else b""
    return 1 + (bulk(incoming.receipt) + len(raw)) // CHARACTERS_A_WEIGHT


@dataclass(frozen=True, slots=True)
class Grouped:
    """Groups as a process has them."""

    items_max: int
    waiting_max: int

    def make(
        self,
        write: Callable[[Sequence[T]], Awaitable[Sequence[R]]],
        *,
        weight: Callable[[T], int],
    ) -> GroupCommit[T, R]:
        """Return a group commit; who assembles runs it."""
        return GroupCommit(
            write, items_max=self.items_max, waiting_max=self.waiting_max, weight=weight
        )
