"""What every applier of receipts has in common: batches in, what became of each out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.intake.domain.contact import Person
from services.intake.domain.receipts import Receipt


@dataclass(frozen=True, slots=True)
class Outcome:
    """The ticket that a receipt's content is in; none where it is in none.

    ``waits`` says why it cannot be applied yet: the sweeper comes back to it.
    """

    ticket: str | None = None
    number: str | None = None
    waits: str = ""


class Applier(Protocol):
    """Applies receipts of some kinds of tasks.

    Applying again changes nothing. What cannot be done now waits; what raises `Infrastructure`
    may have been done for some.
    """

    async def apply(
        self, receipts: Sequence[Receipt], met: Mapping[str, Person]
    ) -> Mapping[str, Outcome]:
        """Apply receipts; return, by receipt id, what became of each.

        Args:
            receipts: of this applier's tasks.
            met: by receipt id, the person of each receipt that has a contact.
        """
        ...
