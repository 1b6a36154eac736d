"""What the report of a month says.

Each clock counts once, in the month in which its outcome lies: the end of a clock that met its
target, the due time that passed of one that did not. Breaches that were withdrawn and clocks that
were cancelled do not count.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from services.sla.domain.months import Because, Status
from services.sla.domain.scorecard import Measured, SolutionChange
from shared.contracts.facts import Code, Instant


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Count(_Part):
    """How many clocks met their targets and how many did not."""

    met: int
    missed: int
    share: Annotated[float, Field(ge=0, le=1)] | None
    """The share that met it, cut to six digits; None where there is no clock."""


class Line(Count):
    """The count of one customer, desk or priority; None is those without one."""

    name: Code | None


class Promise(Count):
    """The count of one promise to one customer."""

    customer: Code | None
    agreement: Code | None
    """None: the policy's own target."""
    kind: Code
    policy: Code
    metric: Code


class Cell(Count):
    """The finest count: whatever else is counted is a sum of these."""

    customer: Code | None
    agreement: Code | None
    kind: Code
    policy: Code
    metric: Code
    priority: Code
    desk: Code | None


class Day(_Part):
    """The count of one day of the report's time zone."""

    day: str
    met: int
    missed: int


class Cause(_Part):
    """Business time that a desk, or a supplier it waited for, used of clocks that were missed."""

    desk: Code | None
    supplier: Code | None
    seconds: float
    share: float | None
    """Of the time of all such clocks, cut to six digits; None where they used none."""
    clocks: int
    """In how many clocks it used any."""
    most: int
    """In how many of them nobody used more."""


class Held(_Part):
    """Pauses of clocks that were missed, by their reason."""

    reason: Code
    supplier: Code | None
    seconds: float
    """Calendar time."""
    pauses: int
    clocks: int


class Used(_Part):
    """Business time that a desk used of one clock; with a supplier, while it waited for them."""

    desk: Code | None
    supplier: Code | None = None
    seconds: float


class Pause(_Part):
    """A pause of one clock."""

    reason: Code
    desk: Code | None = None
    supplier: Code | None = None
    started_at: Instant
    ended_at: Instant | None = None
    seconds: float


class Breach(_Part):
    """A clock that missed its target, with its cause by the ledger."""

    ticket: Code
    number: Code
    clock: Code
    policy: Code
    metric: Code
    kind: Code
    agreement: Code | None
    customer: Code | None
    desk: Code | None
    """Who held the work when the due time passed."""
    subject: Code | None = None
    priority: Code
    target_seconds: float
    used_seconds: float
    """Up to its end, or as far as it was counted when the report was closed."""
    started_at: Instant
    due_at: Instant
    """The due time that passed."""
    ended_at: Instant | None
    """None: it was not over when the report was closed."""
    spent: tuple[Used, ...]
    pauses: tuple[Pause, ...]
    configversion: int


class Correction(_Part):
    """A clock of an earlier month that was told of, or changed, after that month was closed."""

    ticket: Code
    number: Code
    clock: Code
    customer: Code | None
    agreement: Code | None
    desk: Code | None
    was: Code | None
    """None: it was not told yet when its month was closed."""
    was_at: Instant | None
    now: Code | None
    """None: it has no outcome any more: withdrawn, cancelled, or reopened and going on."""
    now_at: Instant | None


class Filters(_Part):
    """What was asked for; None asks for all."""

    customer: str | None = None
    desk: str | None = None
    agreement: str | None = None
    priority: str | None = None


class Report(_Part):
    """The report of one month."""

    month: str
    time_zone: str
    starts_at: Instant
    ends_at: Instant
    closes_at: Instant
    """From then on the report never changes."""
    as_of: Instant
    """Nothing that was told later is in it."""
    status: Status
    because: Because | None
    """Why it is provisional; None where it is closed."""
    filters: Filters
    total: Count
    customers: tuple[Line, ...]
    promises: tuple[Promise, ...]
    desks: tuple[Line, ...]
    priorities: tuple[Line, ...]
    days: tuple[Day, ...]
    causes: tuple[Cause, ...]
    pauses: tuple[Held, ...]
    cells: tuple[Cell, ...]
    breaches: tuple[Breach, ...]
    scorecard: tuple[Measured, ...] = ()
    """What agreements promise beside their clocks, in the order of their file."""
    corrections: tuple[Correction, ...]
    resolution_changes: tuple[SolutionChange, ...] = ()
