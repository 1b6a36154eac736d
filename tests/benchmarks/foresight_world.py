"""A made-up year of clocks: heavy tails, a rush before the target, queues, drift, censoring.

Nothing in it is taken from the product's model: how long a clock lasts is log-normal with a rare
long tail; its scale depends on category, desk, priority, queue, channel (which the product does
not look at) and the month.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from typing import Final

from services.sla.domain.foresight.outcomes import Traits

HOUR: Final = 3_600.0
DAY: Final = 8 * HOUR
DAYS: Final = 21
TARGETS: Final = {"P1": 4 * HOUR, "P2": 8 * HOUR, "P3": 24 * HOUR, "P4": 40 * HOUR}
CATEGORIES: Final = {
    "network": 0.9,
    "server": 1.1,
    "mail": 0.5,
    "printer": 0.4,
    "erp": 1.9,
    "access": 0.3,
    "telephony": 0.8,
    "": 1.0,
}
DESKS: Final = {"london": 1.0, "shanghai": 0.75, "austin": 1.3, "global": 1.8}
CHANNELS: Final = {"email": 1.15, "phone": 0.7, "web": 1.0, "chat": 0.85}


@dataclass(frozen=True, slots=True)
class Life:
    """One clock: what was known when it began, how long it lasted, and whether it ended."""

    month: int
    day: int
    """Business day of the month, from 0, on which it began."""
    traits: Traits
    channel: str
    target: float
    seconds: float
    ended: bool

    def as_of(self, month: int) -> Life:
        """Return what was known of it when a month began: a clock that still ran is censored."""
        known = ((month - self.month) * DAYS - self.day) * DAY
        return self if self.seconds <= known else replace(self, seconds=known, ended=False)


def lives(*, months: int, per_month: int, seed: int) -> list[Life]:
    """Return the clocks of some months, each with the month in which it began."""
    chance = random.Random(seed)  # noqa: S311 - a made-up world
    found = []
    for month in range(months):
        load = 1 + 0.3 * math.sin(month / 2)
        found += [_life(chance, month, load) for _ in range(per_month)]
    return found


def _life(chance: random.Random, month: int, load: float) -> Life:
    priority = chance.choices(list(TARGETS), weights=(1, 4, 10, 5))[0]
    category = chance.choices(list(CATEGORIES), weights=(8, 5, 9, 6, 4, 10, 3, 5))[0]
    desk = chance.choices(list(DESKS), weights=(10, 6, 4, 2))[0]
    channel = chance.choices(list(CHANNELS), weights=(8, 3, 6, 2))[0]
    queue = int(chance.gammavariate(2.0, 9.0 * load))
    target = TARGETS[priority]
    scale = CATEGORIES[category] * DESKS[desk] * CHANNELS[channel] * (1 + queue / 30)
    # A new tool made printers quicker from the sixth month on, and erp slowly gets worse.
    if category == "printer" and month >= 6:
        scale *= 0.6
    if category == "erp":
        scale *= 1 + 0.03 * month
    seconds = 0.3 * target * scale * math.exp(chance.gauss(0, 0.9))
    if chance.random() < 0.04:
        seconds *= chance.paretovariate(1.1) * 3
    if target < seconds < 1.3 * target and chance.random() < 0.5:
        seconds = target * chance.uniform(0.9, 1.0)
    ended = True
    if chance.random() < 0.05:
        seconds, ended = seconds * chance.random(), False
    traits = Traits("resolution", priority, desk, category, queue)
    return Life(month, chance.randrange(DAYS), traits, channel, target, min(seconds, 5e6), ended)
