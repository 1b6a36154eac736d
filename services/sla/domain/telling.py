"""Who is told by a step of escalation: who has the role, or who is at work instead.

A person who is off shift or on leave is told nothing. In this order: the deputies that section
``lifecycle`` names for them, the person on duty of the desk, the desk while it is open, the duty
manager. Who answers for a desk whoever works is told last of all, at work or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from shared.calendar.days import to_ms
from shared.contracts.sla import Told
from shared.organisation import Agent, Configuration, Desk, UnknownName
from shared.organisation.duty import on_duty
from shared.organisation.leave import leave_windows

AGENT: Final = "agent"
ASSIGNEE: Final = "assignee"
DESK: Final = "desk"
NEXT_DESK: Final = "next_desk"
ON_DUTY: Final = "on_duty"
DUTY_MANAGER: Final = "duty_manager"
MANAGER: Final = "manager"

OFF_SHIFT: Final = "off-shift"
ON_LEAVE: Final = "on-leave"
UNKNOWN: Final = "unknown"
UNASSIGNED: Final = "unassigned"
NOBODY_ON_DUTY: Final = "nobody-on-duty"
NO_AGREEMENT: Final = "no-agreement"


@dataclass(frozen=True, slots=True)
class Scene:
    """Where and when a step is done."""

    configuration: Configuration
    """As it is now: who is at work is asked of the present."""
    at: datetime
    desk: Desk | None = None
    """That holds the work; None before one is known."""
    above: Desk | None = None
    """To which it escalates."""
    agent: str | None = None
    agreement: str | None = None


def told_of(names: Iterable[str], scene: Scene) -> tuple[Told, ...]:
    """Return who is told where a step names these roles and agents; each once."""
    found: dict[str, Told] = {}
    for name in names:
        told = _told(name, scene)
        if told is not None:
            found.setdefault(told.name, told)
    return tuple(found.values())


def _told(name: str, scene: Scene) -> Told | None:
    if name in {DESK, NEXT_DESK}:
        desk = scene.desk if name == DESK else scene.above
        return Told(name=desk.name, role=name) if desk else None
    if name == DUTY_MANAGER:
        return _answerable(scene, name)
    role, person, missing = _holder(name, scene)
    if person is None:
        return _instead(scene, role, None, missing)
    # Who is on duty is at work, whatever their hours are.
    return Told(name=person, role=role) if role == ON_DUTY else _person(scene, role, person)


def _holder(name: str, scene: Scene) -> tuple[str, str | None, str]:
    """Return a role, the person who has it, and what it means where nobody has."""
    match name:
        case "assignee":
            return ASSIGNEE, scene.agent, UNASSIGNED
        case "on_duty":
            return ON_DUTY, _on_duty(scene), NOBODY_ON_DUTY
        case "manager":
            return MANAGER, _manager(scene), NO_AGREEMENT
        case _:
            return AGENT, name, UNKNOWN


def _person(scene: Scene, role: str, name: str) -> Told | None:
    """Return a person, or who is at work in their place."""
    why = absence(scene.configuration, name, scene.at)
    if why is None:
        return Told(name=name, role=role)
    deputy = _deputy(scene, name)
    if deputy is not None:
        return Told(name=deputy, role=role, instead_of=name, why=why)
    return _instead(scene, role, name, why) or Told(name=name, role=role)


def _instead(scene: Scene, role: str, name: str | None, why: str) -> Told | None:
    """Return who is told in place of somebody; None where there is nobody at all."""
    for other in _others(scene, managers=role == MANAGER):
        if other != name:
            return Told(name=other, role=role, instead_of=name, why=why)
    return None


def _others(scene: Scene, *, managers: bool) -> Iterator[str]:
    """Yield who is told instead, in order. What a manager is told is no matter for the desk."""
    desk = scene.desk
    if not managers:
        person = _on_duty(scene)
        if person is not None:
            yield person
        if desk is not None and scene.configuration.desk_calendar(desk.name).is_open(scene.at):
            yield desk.name
    manager = _answerable(scene, DUTY_MANAGER)
    if manager is not None:
        yield manager.name
    if desk is not None:
        yield desk.name


def _answerable(scene: Scene, role: str) -> Told | None:
    """Return the duty manager, or a deputy of theirs; None where nobody is named."""
    desk = scene.desk
    lifecycle = scene.configuration.lifecycle
    own = (lifecycle.duty_managers.get(desk.name) or desk.duty_manager) if desk else None
    name = own or lifecycle.duty_manager
    if name is None:
        return None
    why = absence(scene.configuration, name, scene.at)
    deputy = _deputy(scene, name) if why is not None else None
    if deputy is None:
        return Told(name=name, role=role)
    return Told(name=deputy, role=role, instead_of=name, why=why)


def _on_duty(scene: Scene) -> str | None:
    if scene.desk is None:
        return None
    person = on_duty(scene.configuration, scene.desk.name, scene.at)
    return person.id if person is not None else None


def _deputy(scene: Scene, name: str) -> str | None:
    """Return the first of somebody's deputies who is at work."""
    deputies = scene.configuration.lifecycle.deputies.get(name, ())
    here = (d for d in deputies if absence(scene.configuration, d, scene.at) is None)
    return next(here, None)


def _manager(scene: Scene) -> str | None:
    """Return who is accountable for the agreement by which the clock counts."""
    agreements = scene.configuration.agreements.agreements
    return next((a.manager for a in agreements if a.name == scene.agreement), None)


def absence(configuration: Configuration, name: str, at: datetime) -> str | None:
    """Return why an agent is not at work: off-shift, on-leave, unknown; None where they are.

    Agents work in their hours, any of them; those without while one of their desks is open.
    """
    try:
        agent = configuration.agent(name)
    except UnknownName:
        return UNKNOWN
    ms = to_ms(at)
    try:
        if any(begins <= ms < ends for begins, ends in leave_windows(configuration, agent)):
            return ON_LEAVE
        return None if _in_hours(configuration, agent, at) else OFF_SHIFT
    except UnknownName:
        return UNKNOWN


def _in_hours(configuration: Configuration, agent: Agent, at: datetime) -> bool:
    if agent.hours:
        return any(configuration.calendar(name).is_open(at) for name in agent.hours)
    return not agent.desks or any(configuration.desk_calendar(d).is_open(at) for d in agent.desks)
