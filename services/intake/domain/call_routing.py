"""What is known of a call, where it goes, and how long people wait there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median_low

from services.intake.domain.calls import Call
from services.intake.domain.telephone import e164
from shared.contracts.calls import CallOutcome
from shared.contracts.directions import CallDirection, CallQuestion
from shared.directions import answer_of, asked_by, direct
from shared.organisation import Configuration

BY_ROUTING = "routing"
BY_CONFIGURATION = "configuration"
WAITS_CALLS_MIN = 3
"""Answered calls from which a wait can be expected; fewer are an accident."""


@dataclass(frozen=True, slots=True)
class Line:
    """What a number that can be dialled, or a choice in its menu, says of a call."""

    region: str | None = None
    site: str | None = None
    service: str | None = None
    language: str | None = None
    business: str | None = None
    choice: str | None = None
    """What was chosen in the menu of a central number: its key."""

    def over(self, other: Line) -> Line:
        """Return this line's words, and the other's where this one says nothing."""
        placed = self.region is not None or self.site is not None
        place = self if placed else other
        return Line(
            region=place.region,
            site=place.site,
            service=self.service or other.service,
            language=self.language or other.language,
            business=self.business or other.business,
            choice=self.choice or other.choice,
        )


@dataclass(frozen=True, slots=True)
class CallRoute:
    """Where a call goes, who said so, and what waits there."""

    direction: CallDirection
    decided_by: str
    """``routing``, or ``configuration`` where routing did not answer in time."""
    calls_waiting: int = 0
    """On the line for this desk and not answered."""
    expected_wait_seconds: int | None = None
    """None where that is not known."""


def lines_of(
    lines: Sequence[tuple[str, Line]], *, dialled: str, country: str | None
) -> Line | None:
    """Return the line of a dialled number; None where it is not among them."""
    wanted = e164(dialled, country=country) or dialled
    for number, line in lines:
        if (e164(number, country=country) or number) == wanted:
            return line
    return None


def by_configuration(
    configuration: Configuration, question: CallQuestion, *, at: datetime
) -> CallDirection | None:
    """Return where a call goes by topologies and opening hours alone: without knowing who is there.

    Raises:
        UnknownName: the configuration has no topology that takes calls, and no fallback.
    """
    found = direct(configuration, asked_by(question), at, excluded=question.excluded)
    return None if found is None else answer_of(found)


def waiting_at(desk: str, open_calls: Iterable[Call]) -> int:
    """Return how many of the open calls wait for a desk and have nobody yet."""
    return sum(
        1
        for call in open_calls
        if call.directed is not None
        and call.directed.desk == desk
        and call.agent is None
        and not call.outbound
    )


def expected_wait(desk: str, calls: Iterable[Call], *, free: int | None) -> int | None:
    """Return how long a caller may expect to wait, in whole seconds.

    It is the median wait of the calls that the desk has answered lately; none, where somebody is
    free. None: too few were answered to say.
    """
    if free:
        return 0
    waits = [
        call.times.wait_ms
        for call in calls
        if call.outcome is CallOutcome.ANSWERED
        and call.directed is not None
        and call.directed.desk == desk
    ]
    return median_low(waits) // 1_000 if len(waits) >= WAITS_CALLS_MIN else None
