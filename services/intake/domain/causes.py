"""A ticket caused by another, as by a change that went wrong. Pure decisions on each one's side.

Two halves like every link (`services.intake.domain.links`), the cause's first. A cause may be
closed, and mostly is by the time at which its effects are seen.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.intake.domain.links import Linked
from shared.contracts.envelope import Body
from shared.contracts.links import (
    LINKED_MAX,
    CauseLinked,
    CauseUnlinked,
    EffectLinked,
    EffectUnlinked,
)
from shared.kernel import CommandRejected

CAUSES_MAX = 20
"""Who names more causes than that has none."""


def require_cause(cause: Linked | None, *, effect: str) -> None:
    """Refuse a ticket as the cause of another.

    Raises:
        CommandRejected: it is merged, was caused by the other itself, or has too many effects.
    """
    found = _there(cause)
    number = found.facts.number
    if found.links.merged_into is not None:
        raise CommandRejected("already-merged", f"{number} is merged into another", field="cause")
    if effect in found.links.causes:
        raise CommandRejected("circular", f"{number} was caused by it", field="cause")
    if effect not in found.links.effects and len(found.links.effects) >= LINKED_MAX:
        raise CommandRejected("too-many", f"{number} has {LINKED_MAX} effects", field="cause")


def require_effect(effect: Linked | None, *, cause: str) -> None:
    """Refuse a ticket as the effect of another.

    Raises:
        CommandRejected: it is merged, or has too many causes.
    """
    found = _there(effect)
    number = found.facts.number
    if found.links.merged_into is not None:
        raise CommandRejected("already-merged", f"{number} is merged into another")
    if cause not in found.links.causes and len(found.links.causes) >= CAUSES_MAX:
        raise CommandRejected("too-many", f"{number} has {CAUSES_MAX} causes", field="cause")


def decide_effect(cause: Linked | None, *, effect: str, link: str, by: str) -> Sequence[Body]:
    """Be the cause of another: the first half.

    Raises:
        CommandRejected: it cannot be.
    """
    if cause is not None and link in cause.links.done:
        return []
    require_cause(cause, effect=effect)
    found = _there(cause)
    if effect in found.links.effects:
        return []
    return [EffectLinked(facts=found.facts, effect=effect, link=link, by=by)]


def decide_cause(effect: Linked | None, *, cause: str, link: str, by: str) -> Sequence[Body]:
    """Have a cause: the second half.

    Raises:
        CommandRejected: it cannot have this one; the first half is to be undone for it.
    """
    if effect is not None and link in effect.links.done:
        return []
    require_effect(effect, cause=cause)
    found = _there(effect)
    if cause in found.links.causes:
        return []
    return [CauseLinked(facts=found.facts, cause=cause, link=link, by=by)]


def decide_no_effect(cause: Linked | None, *, effect: str, link: str, by: str) -> Sequence[Body]:
    """Not have caused the other."""
    if cause is None or link in cause.links.done or effect not in cause.links.effects:
        return []
    return [EffectUnlinked(facts=cause.facts, effect=effect, link=link, by=by)]


def decide_no_cause(effect: Linked | None, *, cause: str, link: str, by: str) -> Sequence[Body]:
    """Not have been caused by the other."""
    if effect is None or link in effect.links.done or cause not in effect.links.causes:
        return []
    return [CauseUnlinked(facts=effect.facts, cause=cause, link=link, by=by)]


def _there(state: Linked | None) -> Linked:
    if state is None:
        raise CommandRejected("not-found", "there is no such ticket", status=404)
    return state
