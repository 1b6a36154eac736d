"""Deliveries of one alert key, taken together: what they bring, and what of it is news."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.intake.domain.alerts import Members, merged, newer_than, newest
from services.intake.domain.receipts import Alerting, Receipt


@dataclass(slots=True)
class Group:
    """The receipts of one alert key in a batch, with their occurrences taken together."""

    key: str
    receipts: list[Receipt]
    alerts: dict[str, Members]
    """By receipt."""

    @property
    def total(self) -> Members:
        """The newest occurrence of each alert, whichever receipt brought it."""
        return together(self.alerts)

    def fresh(self, known: Members) -> dict[str, Members]:
        """Return what each receipt brings that is newer than what is remembered.

        For a follow-up what is remembered counts again, unless it is over by now.
        """
        fresh: dict[str, Members] = {}
        for receipt in self.receipts:
            alerts = self.alerts[receipt.id]
            new = newer_than(known, alerts)
            if isinstance(receipt.task, Alerting) and receipt.task.follows is not None:
                same = {f: o for f, o in alerts.items() if known.get(f) == o}
                new = {**new, **same}
            fresh[receipt.id] = new
        return fresh


def groups_of(receipts: Sequence[Receipt]) -> dict[str, Group]:
    """Return the receipts of a batch by alert key; those that bring no alerts are left out."""
    groups: dict[str, Group] = {}
    for receipt in receipts:
        if not isinstance(receipt.task, Alerting):
            continue
        key = receipt.task.alert_key
        group = groups.setdefault(key, Group(key=key, receipts=[], alerts={}))
        group.receipts.append(receipt)
        group.alerts[receipt.id] = newest(receipt.task.group.alerts)
    return groups


def together(parts: Mapping[str, Members]) -> Members:
    """Return the newest occurrence of each alert, whichever receipt brought it."""
    total: Members = {}
    for alerts in parts.values():
        total = merged(total, alerts)
    return total
