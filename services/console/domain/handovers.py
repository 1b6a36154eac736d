"""What a person may do in a shift handover as it stands. Routing decides; this spares clicks."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Final

from shared.contracts.handover import MatterState, NextStep

KEEP_REASONS: Final = ("nearly-done", "contact-waits", "needs-the-site", "other")
"""Codes that the page offers; the first is the usual one."""
STEPS: Final = tuple(step for step in NextStep if step is not NextStep.UNKNOWN)
MATTER_STATES: Final = tuple(state for state in MatterState if state is not MatterState.UNKNOWN)

ANSWERABLE: Final = frozenset({"offered", "declined"})
GONE: Final = frozenset({"moved", "left"})


class Deed(StrEnum):
    """What is said about one ticket of a handover, named as routing's HTTP does."""

    ACCEPT = "accept"
    DECLINE = "decline"
    KEEP = "keep"
    BRIEF = "brief"


def deeds(
    stage: str,
    *,
    offered_to: str | None,
    holder: str | None,
    kept_by: str | None,
    me: str,
    desks: Collection[str],
    takes_part: bool,
) -> tuple[Deed, ...]:
    """Return what to offer to a person for one ticket, the likeliest first.

    Args:
        stage: of the item.
        offered_to: the desk that is asked.
        holder: the agent who has the ticket, by its brief.
        kept_by: who keeps it already.
        me: the person.
        desks: that the person serves.
        takes_part: whether the person is of either side.
    """
    found: list[Deed] = []
    if offered_to in desks and stage in ANSWERABLE:
        # After somebody's refusal another may still take it.
        found += [Deed.ACCEPT, Deed.DECLINE] if stage == "offered" else [Deed.ACCEPT]
    if holder == me and stage not in GONE and kept_by != me:
        found.append(Deed.KEEP)
    if takes_part:
        found.append(Deed.BRIEF)
    return tuple(found)
