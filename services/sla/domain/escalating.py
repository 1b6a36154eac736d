"""Steps of escalation: what each does, by its point or because a breach is expected."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from services.sla.domain.count import armed, reached_at, seen_at, steps_ahead
from services.sla.domain.model import Clock, ClocksState, Rules, ms_of
from services.sla.domain.promises import (
    EXPECTED_LATE,
    StepPoint,
    point_ms,
    policy_of,
    steps_of,
)
from services.sla.domain.telling import Scene, told_of
from shared.contracts.envelope import Body
from shared.contracts.sla import ClockEscalated, ClockState, ExpectedStep
from shared.organisation import Configuration, Desk, EscalationStep, Policy, UnknownName

NOBODY_ABOVE: Final = "nobody-above"
CLOSED: Final = "closed"
FULL: Final = "full"
"""Why a step for an expected breach does not raise: nobody at work there has room for more."""

HasRoom = Callable[[str], bool]
"""Whether somebody at work at a desk has room for more work."""


def has_room(_desk: str) -> bool:
    """Take it that there is room: where nobody knows, the hours of the desk alone decide."""
    return True


class Expectation(Protocol):
    """How likely a clock is to miss its target."""

    @property
    def clock(self) -> str:
        """The clock's name within its ticket."""
        ...

    @property
    def probability(self) -> float:
        """From 0 to 1."""
        ...


class Escalations:
    """What the steps of a ticket's clocks do at an instant.

    Args:
        state: the ticket's clocks.
        now: the instant.
        present: the configuration as it is now, which says who is at work and what stands above.
        rules: the configurations by version, for a desk that the present one has no more.
        room: whether a desk has room, which steps for an expected breach ask.
    """

    def __init__(
        self,
        state: ClocksState,
        now: datetime,
        present: Configuration | None,
        rules: Rules,
        room: HasRoom = has_room,
    ) -> None:
        self._state = state
        self._room = room
        self._now = now
        last = state.course[-1] if state.course else None
        if last is None and state.settlement is not None:
            last = state.settlement.entry
        known = rules(last.configversion if last is not None else state.configversion)
        self._configuration = present or known
        self._desk: Desk | None = None
        self._above: Desk | None = None
        if last is None:
            return
        try:
            self._desk = self._configuration.desk(last.desk)
        except UnknownName:
            self._configuration = known
            self._desk = known.desk(last.desk)
        name = self._desk.escalates_to
        self._above = self._configuration.desk(name) if name else None

    def facts(
        self,
        step: EscalationStep,
        number: int,
        *,
        agreement: str | None,
        breached: bool,
        repetition: int = 0,
        probability: float | None = None,
    ) -> dict[str, Any]:
        """Return what the event of a step says, but for the clock.

        A step that only proposes is told to who is on duty where it names nobody: people decide.
        """
        above, held = self._above, None
        if step.raise_tier:
            held = self._not_raised(step)
        raised = step.raise_tier and held is None
        named = step.notify or (("on_duty",) if step.propose else ())
        told = told_of(
            named,
            Scene(
                configuration=self._configuration,
                at=self._now,
                desk=self._desk,
                above=above,
                agent=self._state.agent,
                agreement=agreement,
            ),
        )
        return {
            "step": number,
            "tier": above.tier if above and raised and not step.propose else None,
            "tell": tuple(one.name for one in told),
            "told": told,
            "reason": "breached" if breached else "at-risk",
            "agent": self._state.agent,
            "at_share": step.at_share,
            "cause": step.cause,
            "repetition": repetition,
            "probability": probability,
            "to_desk": above.name if above and raised else None,
            "proposed": raised and step.propose,
            "not_raised": held,
        }

    def _not_raised(self, step: EscalationStep) -> str | None:
        """Return why a step that raises does not; None where it does."""
        above = self._above
        if above is None:
            return NOBODY_ABOVE
        if step.cause != EXPECTED_LATE:
            return None
        if not self._configuration.desk_calendar(above.name).is_open(self._now):
            return CLOSED
        return None if self._room(above.name) else FULL


@dataclass(frozen=True, slots=True)
class DueStep:
    """A step whose point has passed, and its place among the points of the clock's policy."""

    place: int
    point: StepPoint


def due_steps(clock: Clock, policy: Policy, rules: Rules, now: datetime) -> list[DueStep]:
    """Return the steps that are due strictly before an instant, in order.

    Of the repetitions of one step only the last is: the earlier ones say nothing that it does not.
    """
    points = steps_of(policy, clock.view.target_seconds)
    found: dict[int, DueStep] = {}
    for place, at in steps_ahead(clock, policy, rules):
        if at >= now:
            break
        point = points[place]
        found.pop(point.number, None)
        found[point.number] = DueStep(place, point)
    return list(found.values())


def decide_expected(
    state: ClocksState | None,
    expectations: Sequence[Expectation],
    now: datetime,
    rules: Rules,
    present: Configuration | None = None,
    *,
    room: HasRoom = has_room,
) -> list[Body]:
    """Return the steps that follow from how likely the clocks are to be late.

    A step is done once for each clock, when the probability is above its level, and again as its
    repetitions say while the probability stays there. Not for a clock that has ended, waits, or is
    broken already: nothing is to be expected of it. A step with a point waits for that too.
    """
    if state is None:
        return []
    found = {one.clock: one.probability for one in expectations}
    clocks = [
        clock.model_copy(update={"view": seen_at(clock, now, rules)}) for clock in state.clocks
    ]
    bodies: list[Body] = []
    escalations: Escalations | None = None
    for index, clock in enumerate(clocks):
        probability = found.get(clock.view.clock)
        if probability is None or not _may_be_late(clock):
            continue
        for number, step in _expecting(clock, rules):
            if step.above is None or probability <= step.above:
                continue
            times = _times(clocks[index], number, step, now, rules)
            if times is None:
                continue
            clocks[index] = armed(_noted(clocks[index], number, times + 1), rules)
            escalations = escalations or Escalations(state, now, present, rules, room)
            view = clocks[index].view
            facts = escalations.facts(
                step,
                number,
                agreement=view.agreement,
                breached=False,
                repetition=times,
                probability=probability,
            )
            bodies.append(
                ClockEscalated(
                    number=state.number,
                    clocks=tuple(one.view for one in clocks),
                    clock=view.clock,
                    metric=view.metric,
                    desk=state.desk,
                    as_of=now,
                    **facts,
                )
            )
    return bodies


def expected_levels(clock: Clock, rules: Rules) -> frozenset[float]:
    """Return the probabilities above which a step for an expected breach is still to be done."""
    if not _may_be_late(clock):
        return frozenset()
    done = {one.step: one.times for one in clock.view.expected}
    return frozenset(
        step.above
        for number, step in _expecting(clock, rules)
        if step.above is not None and done.get(number, 0) < _times_max(step)
    )


def _may_be_late(clock: Clock) -> bool:
    view = clock.view
    return view.state is ClockState.RUNNING and view.breached_at is None


def _expecting(clock: Clock, rules: Rules) -> list[tuple[int, EscalationStep]]:
    steps = policy_of(clock.view, rules).escalations
    return [(n, step) for n, step in enumerate(steps, start=1) if step.cause == EXPECTED_LATE]


def _times_max(step: EscalationStep) -> int:
    return 1 + (step.repeat.times_max if step.repeat else 0)


def _times(
    clock: Clock, number: int, step: EscalationStep, now: datetime, rules: Rules
) -> int | None:
    """Return how often a step was done where it is to be done now; None where it is not."""
    view = clock.view
    done = next((one for one in view.expected if one.step == number), None)
    if done is not None:
        used_ms = ms_of(view.used_seconds) - ms_of(done.used_seconds)
        every = step.repeat.every if step.repeat else 0
        again = done.times < _times_max(step) and used_ms >= every * 1_000
        return done.times if again else None
    if step.at_share is None and step.after is None and step.left is None:
        return 0
    target_ms = ms_of(view.target_seconds)
    wanted = point_ms(target_ms, share=step.at_share, after=step.after, left=step.left)
    at = reached_at(clock, wanted, rules)
    return 0 if at is not None and at < now else None


def _noted(clock: Clock, number: int, times: int) -> Clock:
    """Return a clock of which a step was done so often."""
    view = clock.view
    others = tuple(one for one in view.expected if one.step != number)
    done = ExpectedStep(step=number, times=times, used_seconds=view.used_seconds)
    changed = view.model_copy(update={"expected": (*others, done)})
    return Clock(view=changed, spans=clock.spans)
