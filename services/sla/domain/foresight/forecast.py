"""The forecast of one open clock, and its reason in coded fields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.sla.domain.count import reached_at, used_until
from services.sla.domain.foresight.outcomes import LEVELS, Traits
from services.sla.domain.foresight.survival import Curve
from services.sla.domain.hours import calendar_of
from services.sla.domain.model import OPEN_STATES, Clock, Rules, ms_of
from shared.calendar import CalendarError

MODEL: Final = "survival-1"
EVENTS_MIN: Final = 30
"""With fewer ended clocks of a metric nothing is said: it would be a guess."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is expected of an open clock as of an instant."""

    clock: str
    probability: float
    """Of passing the target; 1 once it is used up."""
    expected_seconds: float
    """Business time that is left on average."""
    median_seconds: float
    """Business time within which half of them end."""
    expected_at: datetime | None
    """Where the average leads by the calendar that counts; None while the clock is paused."""
    median_at: datetime | None
    used_seconds: float
    target_seconds: float
    traits: Traits
    level: str
    """How fine the finest pool is that has clocks of its own; one of `LEVELS`."""
    n: int
    """How many clocks of that pool have ended, older ones counting for less."""
    closed_until: datetime | None
    """When the calendar opens again, where it is closed."""

    @property
    def used_share(self) -> float:
        """The share of the target that is used."""
        return self.used_seconds / self.target_seconds if self.target_seconds else 1.0


def forecast(
    clock: Clock, traits: Traits, curve: Curve, *, widest: float, now: datetime, rules: Rules
) -> Forecast | None:
    """Return what is expected of a clock; None where it has ended, or too little is known.

    Args:
        clock: as it stands.
        traits: what it is pooled by.
        curve: the estimate of its pools.
        widest: how many clocks of its metric have ended.
        now: until when used time is counted.
        rules: the configurations by version.
    """
    view = clock.view
    if view.state not in OPEN_STATES or widest < EVENTS_MIN:
        return None
    used = used_seconds(clock, now, rules)
    expected, median = curve.rest(used)

    def at(rest: float) -> datetime | None:
        found = reached_at(clock, ms_of(used + rest), rules)
        return None if found is None else max(found, now)

    broken = view.breached_at is not None
    return Forecast(
        clock=view.clock,
        probability=1.0 if broken else curve.outlasts(view.target_seconds, used=used),
        expected_seconds=expected,
        median_seconds=median,
        expected_at=at(expected),
        median_at=at(median),
        used_seconds=used,
        target_seconds=view.target_seconds,
        traits=traits,
        level=LEVELS[curve.level],
        n=round(curve.n),
        closed_until=_closed_until(clock, now, rules),
    )


def used_seconds(clock: Clock, now: datetime, rules: Rules) -> float:
    """Return the business seconds that a clock has used."""
    if not clock.spans or clock.spans[-1].ended_at is not None:
        return clock.view.used_seconds
    return used_until(clock.spans, now, rules) / 1_000


def crosses_at(clock: Clock, curve: Curve, probability: float, rules: Rules) -> datetime | None:
    """Return when the probability reaches a level above 0, if nothing happens until then.

    It only grows with the time used, so this is known beforehand. None while the clock is paused
    below it. The due time at the latest.
    """
    if clock.view.state not in OPEN_STATES:
        return None
    used = curve.crosses(clock.view.target_seconds, probability)
    return reached_at(clock, ms_of(used), rules)


def _closed_until(clock: Clock, now: datetime, rules: Rules) -> datetime | None:
    if not clock.spans or clock.spans[-1].ended_at is not None:
        return None
    ask: Callable[[datetime], datetime] = calendar_of(clock.spans[-1], rules).next_open
    try:
        opens = ask(now)
    except CalendarError:
        return None
    return opens if opens > now else None
