"""A configuration of which some sections could not be read: the rest is checked all the same.

Whoever corrects a file wants to hear of all faults at once. What a check says is only true as long
as it has not looked at a section that is not there, so that looking ends the check.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import Any

from shared.kernel import HeliodeskError
from shared.organisation.configuration import ROSTER_PREFIX, Configuration


class SectionUnreadable(HeliodeskError):
    """A check asked for a section that is wrong in itself."""


class Partial(Configuration):
    """A configuration without its unreadable sections: to ask for one raises `SectionUnreadable`."""

    _unreadable: frozenset[str] = frozenset()

    def without(self, sections: Collection[str]) -> Partial:
        """Leave sections out; one roster that cannot be read leaves out all."""
        names = {"rosters" if s.startswith(ROSTER_PREFIX) else s for s in sections}
        object.__setattr__(self, "_unreadable", frozenset(names))
        return self

    def __getattribute__(self, name: str) -> Any:
        """Return an attribute, unless it is a section that is left out."""
        if name in object.__getattribute__(self, "_unreadable"):
            raise SectionUnreadable(name)
        return object.__getattribute__(self, name)


class Names:
    """What there is to refer to; found as it is asked for, since a section may be unreadable."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration

    @cached_property
    def calendars(self) -> frozenset[str]:
        """Return the names of all calendars."""
        return frozenset(item.name for item in self._configuration.calendars.calendars)

    @cached_property
    def regions(self) -> frozenset[str]:
        """Return the names of all regions."""
        return frozenset(item.name for item in self._configuration.organisation.regions)

    @cached_property
    def sites(self) -> frozenset[str]:
        """Return the names of all sites."""
        return frozenset(item.name for item in self._configuration.organisation.sites)

    @cached_property
    def businesses(self) -> frozenset[str]:
        """The parts of the company and its customers."""
        return frozenset(item.name for item in self._configuration.organisation.businesses)

    @cached_property
    def desks(self) -> frozenset[str]:
        """Return the names of all desks."""
        return frozenset(item.name for item in self._configuration.desks.desks)

    @cached_property
    def agents(self) -> frozenset[str]:
        """Return the names of all agents (their ids)."""
        return frozenset(agent.id for agent in self._configuration.all_agents())
