"""What is due: warnings, breaches and steps of escalation, each once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.sla.domain.count import (
    armed,
    breach_is_open,
    seen_at,
    warning_at,
)
from services.sla.domain.escalating import Escalations, due_steps
from services.sla.domain.model import Clock, ClocksState, Rules
from services.sla.domain.promises import policy_of
from shared.contracts.envelope import Body
from shared.contracts.sla import ClockBreached, ClockEscalated, ClockWarned
from shared.organisation import Configuration, Policy


def decide_tick(
    state: ClocksState | None,
    now: datetime,
    rules: Rules,
    present: Configuration | None = None,
) -> list[Body]:
    """Return what is to be said of the clocks at an instant; none where nothing is due.

    ``present`` is the configuration as it is now, which says who is at work; None: that by which
    the work stands as it does.

    All is strictly after its instant. A warning that is late by so much that the due time has
    passed too is left out: the breach says more. The event says as of when it was made; which
    due time passed, and which share, it carries.
    """
    if state is None or state.due_at is None or state.due_at >= now:
        return []
    round_ = _Round(state, now, rules, present)
    for index in range(len(state.clocks)):
        round_.clock(index)
    return round_.bodies


class _Round:
    """One round over a ticket's clocks; each event shows the clocks as they are after it."""

    def __init__(
        self, state: ClocksState, now: datetime, rules: Rules, present: Configuration | None
    ) -> None:
        self._state = state
        self._present = present
        self._escalations: Escalations | None = None
        self._now = now
        self._rules = rules
        self._clocks = [
            clock.model_copy(update={"view": seen_at(clock, now, rules)}) for clock in state.clocks
        ]
        self.bodies: list[Body] = []

    def clock(self, index: int) -> None:
        """Say what is due of one clock: the warning or the breach, then the steps."""
        view = self._clocks[index].view
        if view.next_at is None or view.next_at >= self._now:
            return
        policy = policy_of(view, self._rules)
        if breach_is_open(view) and view.due_at is not None and view.due_at < self._now:
            self._update(index, breached_at=view.due_at)
            self.bodies.append(
                ClockBreached(**self._common(index), due_at=view.due_at, agent=self._state.agent)
            )
        else:
            self._warnings(index, policy)
        if view.ended_at is None:
            self._steps(index, policy)

    def _warnings(self, index: int, policy: Policy) -> None:
        """Say which warning points were passed, each once."""
        while True:
            view = self._clocks[index].view
            ahead = warning_at(view, policy)
            if ahead is None or view.due_at is None:
                return
            if view.warn_at is None or view.warn_at >= self._now:
                return
            number, point = ahead
            self._update(index, warned_at=self._now, warnings_done=number)
            warning = point.warning
            self.bodies.append(
                ClockWarned(
                    **self._common(index),
                    due_at=view.due_at,
                    agent=self._state.agent,
                    point=number,
                    share=warning.share if warning else None,
                    left_seconds=warning.left if warning else None,
                )
            )

    def _steps(self, index: int, policy: Policy) -> None:
        """Say which steps of escalation are done, each once."""
        for due in due_steps(self._clocks[index], policy, self._rules, self._now):
            self._update(index, steps_done=due.place + 1)
            if self._escalations is None:
                self._escalations = Escalations(self._state, self._now, self._present, self._rules)
            view = self._clocks[index].view
            facts = self._escalations.facts(
                due.point.step,
                due.point.number,
                agreement=view.agreement,
                breached=view.breached_at is not None,
                repetition=due.point.repetition,
            )
            self.bodies.append(ClockEscalated(**self._common(index), **facts))

    def _update(self, index: int, **facts: Any) -> None:
        clock = self._clocks[index]
        changed = Clock(view=clock.view.model_copy(update=facts), spans=clock.spans)
        self._clocks[index] = armed(changed, self._rules)

    def _common(self, index: int) -> dict[str, Any]:
        view = self._clocks[index].view
        return {
            "number": self._state.number,
            "clocks": tuple(clock.view for clock in self._clocks),
            "clock": view.clock,
            "metric": view.metric,
            "desk": self._state.desk,
            "as_of": self._now,
        }
