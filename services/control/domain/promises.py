"""Whether a configuration keeps what it promises about who is there."""

from __future__ import annotations

from datetime import datetime

from shared.coverage import Kept, analyse, kept_words
from shared.kernel import HeliodeskError
from shared.organisation import Configuration


class PromisesBroken(HeliodeskError):
    """A configuration leaves promised time uncovered, and nobody gave a reason for that."""

    def __init__(self, broken: tuple[Kept, ...]) -> None:
        self.broken = broken
        super().__init__("; ".join(kept_words(kept) for kept in broken))


def broken_promises(configuration: Configuration, now: datetime) -> tuple[Kept, ...]:
    """Return the promises that a configuration does not keep in the time that is looked ahead.

    From the present minute on: what has passed today cannot be mended any more.
    """
    if not configuration.coverage.promises:
        return ()
    start = now.replace(second=0, microsecond=0)
    return analyse(configuration, start, promised_only=True).broken
