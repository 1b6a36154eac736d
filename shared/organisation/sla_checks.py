"""What is wrong with policies and agreements across sections."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from shared.organisation.policies import CALENDAR_SOURCES, NOTIFY_ROLES, Policy
from shared.organisation.problems import Path, unknown_name
from shared.organisation.topology_checks import scope_faults, scope_names

if TYPE_CHECKING:
    from shared.organisation.configuration import Configuration

BACKING = {"sla": ("ola", "uc"), "ola": ("ola", "uc"), "uc": ()}
"""Kind of a policy to the kinds that it may stand on."""


def policy_faults(configuration: Configuration) -> Iterator[tuple[Path, str]]:
    """Yield path and reason of each name in a policy that stands for nothing."""
    calendars = {calendar.name for calendar in configuration.calendars.calendars}
    people = {agent.id for agent in configuration.all_agents()} | set(NOTIFY_ROLES)
    desks = {desk.name for desk in configuration.desks.desks}
    suppliers = {supplier.name for supplier in configuration.suppliers.suppliers}
    policies: dict[str, Policy] = {}
    for index, policy in enumerate(configuration.sla.policies):
        if policy.name in policies:
            yield ("policies", index, "name"), f"a second policy is named {policy.name!r}"
        policies[policy.name] = policy
    for index, policy in enumerate(configuration.sla.policies):
        at: Path = ("policies", index)
        if policy.calendar not in CALENDAR_SOURCES:
            yield from _refer((*at, "calendar"), "calendar", policy.calendar, calendars)
        if policy.otherwise is not None:
            yield from _refer((*at, "otherwise"), "calendar", policy.otherwise, calendars)
        yield from _refer((*at, "desk"), "desk", policy.desk, desks)
        yield from _refer((*at, "supplier"), "supplier", policy.supplier, suppliers)
        for number, step in enumerate(policy.escalations):
            for place, told in enumerate(step.notify):
                path = (*at, "escalations", number, "notify", place)
                yield from _refer(path, "agent", told, people)
        for number, name in enumerate(policy.overlaps):
            yield from _refer((*at, "overlaps", number), "policy", name, policies)
        yield from _backing_faults(at, policy, policies)
    yield from _circles(configuration.sla.policies, policies)


def agreement_faults(configuration: Configuration) -> Iterator[tuple[Path, str]]:
    """Yield path and reason of each name in an agreement that stands for nothing."""
    known = scope_names(configuration)
    policies = {policy.name: policy for policy in configuration.sla.policies}
    agents = {agent.id for agent in configuration.all_agents()}
    desks = {desk.name for desk in configuration.desks.desks}
    suppliers = {supplier.name for supplier in configuration.suppliers.suppliers}
    calendars = {calendar.name for calendar in configuration.calendars.calendars}
    seen: set[str] = set()
    for index, agreement in enumerate(configuration.agreements.agreements):
        at: Path = ("agreements", index)
        if agreement.name in seen:
            yield (*at, "name"), f"a second agreement is named {agreement.name!r}"
        seen.add(agreement.name)
        yield from _refer((*at, "manager"), "agent", agreement.manager, agents)
        yield from _refer((*at, "calendar"), "calendar", agreement.calendar, calendars)
        parties = agreement.parties
        inside, outside = parties.internal_supplier, parties.external_supplier
        yield from _refer((*at, "parties", "internal_supplier"), "desk", inside, desks)
        yield from _refer((*at, "parties", "external_supplier"), "supplier", outside, suppliers)
        yield from scope_faults((*at, "scope"), agreement.scope, known)
        for name in agreement.targets:
            path = (*at, "targets", name)
            yield from _refer(path, "policy", name, policies)
            if name in policies and policies[name].kind != agreement.kind:
                yield path, f"{name!r} is a policy of kind {policies[name].kind}"


def _backing_faults(
    at: Path, policy: Policy, policies: dict[str, Policy]
) -> Iterator[tuple[Path, str]]:
    for number, name in enumerate(policy.backed_by):
        path = (*at, "backed_by", number)
        yield from _refer(path, "policy", name, policies)
        if name in policies and policies[name].kind not in BACKING[policy.kind]:
            kinds = " or ".join(BACKING[policy.kind]) or "none"
            yield path, f"{name!r} is of kind {policies[name].kind}; it can stand on {kinds}"


def _circles(
    ordered: tuple[Policy, ...], policies: dict[str, Policy]
) -> Iterator[tuple[Path, str]]:
    """Yield each policy that stands on itself, through whatever others."""
    for index, policy in enumerate(ordered):
        ahead, seen = list(policy.backed_by), set[str]()
        while ahead:
            name = ahead.pop()
            if name == policy.name:
                reason = f"{name!r} stands on itself"
                yield ("policies", index, "backed_by"), reason
                break
            if name not in seen and name in policies:
                seen.add(name)
                ahead += policies[name].backed_by


def _refer(
    path: Path, kind: str, name: str | None, known: Collection[str]
) -> Iterator[tuple[Path, str]]:
    reason = unknown_name(kind, name, known)
    if reason is not None:
        yield path, reason
