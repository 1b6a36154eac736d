"""Monitors alone in the simulation; and that it bites: what is broken in them is seen."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from services.intake.domain import alert_decisions, alert_settling
from services.intake.handlers.groups import AlertGroups
from tests.sim.desk import Desk
from tests.sim.loop import run
from tests.sim.process import Rates
from tests.sim.world import World

FEW = Rates(crash=0.001, fail=0.005, stall=0.01)


def problems() -> list[str]:
    """Return what is wrong after a short run in which nobody but monitors asks for anything."""
    return run(World(Desk(requests=0, defect_rate=0.0), seed=1, steps=5_000, rates=FEW).run())


def test_monitors_alone_keep_every_promise() -> None:
    """So that what is seen below is what was broken."""
    assert not problems()


def test_an_incident_within_the_window_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is muted."""
    monkeypatch.setattr(alert_settling, "_mute", lambda _draft: None)
    assert any("within the window" in problem for problem in problems())


def test_a_storm_that_counts_less_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where what collects is told of the first of a batch alone."""
    collect = AlertGroups._collect

    async def first(self: AlertGroups, children: Sequence[object], waits: object) -> object:
        return await collect(self, children[:1], waits)  # type: ignore[arg-type]

    monkeypatch.setattr(AlertGroups, "_collect", first)
    assert any(problem.startswith("storm") for problem in problems())


def test_two_open_incidents_of_one_key_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where what begins to fire never belongs to the incident that there is."""
    monkeypatch.setattr(alert_decisions, "joinable", lambda _state, _context: False)
    assert any("open incidents at once" in problem for problem in problems())
