"""What is due: warnings, breaches and steps of escalation, each once."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.sla.domain.count import (
    armed,
    breach_is_open,
    seen_at,
    step_at,
    warning_at,
    warnings_done,
)
from services.sla.domain.model import Clock, ClocksState, Rules
from services.sla.domain.promises import policy_of, steps_of
from shared.contracts.envelope import Body
from shared.contracts.sla import ClockBreached, ClockEscalated, ClockWarned
from shared.organisation import Desk, EscalationStep, Policy


def decide_tick(state: ClocksState | None, now: datetime, rules: Rules) -> list[Body]:
    """Return what is to be said of the clocks at an instant; none where nothing is due.

    All is strictly after its instant. A warning that is late by so much that the due time has
    passed too is left out: the breach says more. The event says as of when it was made; which
    due time passed, and which share, it carries.
    """
    if state is None or state.due_at is None or state.due_at >= now:
        return []
    round_ = _Round(state, now, rules)
    for index in range(len(state.clocks)):
        round_.clock(index)
    return round_.bodies


class _Round:
    """One round over a ticket's clocks; each event shows the clocks as they are after it."""

    def __init__(self, state: ClocksState, now: datetime, rules: Rules) -> None:
        self._state = state
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
            point = warning_at(view, policy)
            if point is None or view.due_at is None:
                return
            if view.warn_at is None or view.warn_at >= self._now:
                return
            done = warnings_done(view) + 1
            self._update(index, warned_at=self._now, warnings_done=done)
            warning = point.warning
            self.bodies.append(
                ClockWarned(
                    **self._common(index),
                    due_at=view.due_at,
                    agent=self._state.agent,
                    point=done,
                    share=warning.share if warning else None,
                    left_seconds=warning.left if warning else None,
                )
            )

    def _steps(self, index: int, policy: Policy) -> None:
        while True:
            clock = self._clocks[index]
            at = step_at(clock, policy, self._rules)
            if at is None or at >= self._now:
                return
            done = clock.view.steps_done
            self._update(index, steps_done=done + 1)
            step = steps_of(policy, clock.view.target_seconds)[done].step
            if step is not None:
                self.bodies.append(self._escalated(index, step, done + 1))

    def _escalated(self, index: int, step: EscalationStep, number: int) -> ClockEscalated:
        desk, above = self._desks()
        roles = {
            "assignee": self._state.agent,
            "desk": desk.name if desk else None,
            "next_desk": above.name if above else None,
        }
        told = (roles.get(who, who) for who in step.notify)
        return ClockEscalated(
            **self._common(index),
            step=number,
            tier=above.tier if step.raise_tier and above else None,
            tell=tuple(dict.fromkeys(name for name in told if name)),
            reason="breached" if self._clocks[index].view.breached_at else "at-risk",
            agent=self._state.agent,
            at_share=step.at_share,
        )

    def _desks(self) -> tuple[Desk | None, Desk | None]:
        """Return the desk that holds the work and the one that it escalates to."""
        state = self._state
        last = state.course[-1] if state.course else None
        if last is None and state.settlement is not None:
            last = state.settlement.entry
        if last is None:
            return None, None
        configuration = self._rules(last.configversion)
        desk = configuration.desk(last.desk)
        above = configuration.desk(desk.escalates_to) if desk.escalates_to else None
        return desk, above

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
        }
