"""A configuration of which some sections could not be read: the rest is checked all the same.

Whoever corrects a file wants to hear of all faults at once. What a check says is only true as long
as it has not looked at a section that is not there, so that looking ends the check.
"""

from __future__ import annotations

from collections.abc import Collection
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
