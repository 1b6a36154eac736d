"""What is wrong with queues, with who answers for a desk, and with suppliers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from shared.organisation.problems import Path, unknown_name

if TYPE_CHECKING:
    from shared.organisation.configuration import Configuration
    from shared.organisation.places import Queue

Fault = tuple[Path, str]
"""Where in the section, and why."""


def queue_faults(configuration: Configuration) -> Iterator[Fault]:
    """Yield what is wrong in the section ``desks`` beside what each desk says of itself."""
    agents = {agent.id for agent in configuration.all_agents()}
    desks = {desk.name for desk in configuration.desks.desks}
    for index, desk in enumerate(configuration.desks.desks):
        reason = unknown_name("agent", desk.duty_manager, agents)
        if reason is not None:
            yield ("desks", index, "duty_manager"), reason
    seen: set[str] = set()
    for index, queue in enumerate(configuration.desks.queues):
        at: Path = ("queues", index)
        if queue.name in seen:
            yield (*at, "name"), f"a second queue is named {queue.name!r}"
        elif queue.name in desks:
            yield (*at, "name"), f"a desk is named {queue.name!r}, and so its own queue is"
        seen.add(queue.name)
        reason = unknown_name("desk", queue.desk, desks)
        if reason is not None:
            yield (*at, "desk"), reason
        else:
            yield from _members(configuration, at, queue, agents)


def _members(
    configuration: Configuration, at: Path, queue: Queue, agents: set[str]
) -> Iterator[Fault]:
    of_desk = {agent.id for agent in configuration.agents_of(queue.desk)}
    wrong = False
    for number, member in enumerate(queue.members):
        reason = unknown_name("agent", member, agents)
        if reason is None and member not in of_desk:
            reason = f"{member!r} is no agent of {queue.desk!r}"
        if reason is not None:
            wrong = True
            yield (*at, "members", number), reason
    able = any(queue.has(a) and a.capacity > 0 for a in configuration.agents_of(queue.desk))
    if not able and not wrong:
        if queue.skill is None:
            reason = "an empty queue: none of its members has any capacity"
            yield (*at, "members"), reason
        else:
            skill = f"{queue.skill!r} at level {queue.level}"
            yield (*at, "skill"), f"an empty queue: no agent of {queue.desk!r} has {skill}"


def supplier_faults(configuration: Configuration) -> Iterator[Fault]:
    """Yield what is wrong in the section ``suppliers``."""
    calendars = {calendar.name for calendar in configuration.calendars.calendars}
    services = {service.name for service in configuration.catalogue.services}
    seen: set[str] = set()
    for index, supplier in enumerate(configuration.suppliers.suppliers):
        at: Path = ("suppliers", index)
        if supplier.name in seen:
            yield (*at, "name"), f"a second supplier is named {supplier.name!r}"
        seen.add(supplier.name)
        reason = unknown_name("calendar", supplier.calendar, calendars)
        if reason is not None:
            yield (*at, "calendar"), reason
        if services:
            for number, service in enumerate(supplier.services):
                reason = unknown_name("service", service, services)
                if reason is not None:
                    yield (*at, "services", number), reason
