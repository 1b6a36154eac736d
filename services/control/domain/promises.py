"""Whether a configuration keeps what it promises: who is there, and by when work is done."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from shared.coverage import Kept, analyse, kept_words
from shared.kernel import HeliodeskError
from shared.organisation import Configuration
from shared.service_levels import LateChain, ServiceLevels, service_levels


@dataclass(frozen=True, slots=True)
class Promised:
    """What a configuration promises and may not keep."""

    broken: tuple[Kept, ...] = ()
    """Promised time that is not covered."""
    levels: ServiceLevels = field(default_factory=ServiceLevels)

    @property
    def is_kept(self) -> bool:
        """Whether nothing stands against applying it."""
        return not self.broken and not self.levels.refused


class PromisesBroken(HeliodeskError):
    """A configuration does not keep what it promises, and nobody gave a reason for that."""

    def __init__(self, promised: Promised) -> None:
        self.broken = promised.broken
        self.late: tuple[LateChain, ...] = promised.levels.refused
        reasons = [*map(kept_words, self.broken), *(chain.words() for chain in self.late)]
        super().__init__("; ".join(reasons))


def promises_of(configuration: Configuration, now: datetime) -> Promised:
    """Return what a configuration promises and may not keep in the time that is looked ahead.

    From the present minute on: what has passed today cannot be mended any more.
    """
    broken: tuple[Kept, ...] = ()
    if configuration.coverage.promises:
        start = now.replace(second=0, microsecond=0)
        broken = analyse(configuration, start, promised_only=True).broken
    return Promised(broken, service_levels(configuration, now))
