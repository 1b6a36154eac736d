"""The clocks of a ticket: one pure function of its history and the configurations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.sla.domain.cycles import Folded, kept
from services.sla.domain.fold import Fold, fold_of
from services.sla.domain.history import History
from services.sla.domain.judging import Basis
from services.sla.domain.model import Clock, Rules


def clocks_of(
    history: History,
    rules: Rules,
    *,
    at: datetime,
    known: Sequence[Clock] = (),
    told: datetime | None = None,
) -> tuple[Clock, ...]:
    """Return the clocks of a ticket as its history has them at an instant.

    Args:
        history: the whole of it, or from where it is settled.
        rules: the configurations by version.
        at: until when used time is counted; not before the newest entry.
        known: the clocks as they were before. What was told of them (warnings, breaches, steps)
            stays, and closed lines of their ledgers are not counted again. None: all is counted.
        told: the instant of the news; what was told to have broken before it stays broken.

    Raises:
        PoliciesTooMany: more clocks apply than a document may hold.
        Infrastructure: a version is not known here.
    """
    return tuple(one.clock for one in folded(history, rules, at=at, known=known, told=told))


def folded(
    history: History,
    rules: Rules,
    *,
    at: datetime,
    known: Sequence[Clock] = (),
    told: datetime | None = None,
) -> tuple[Folded, ...]:
    """Return the clocks as `clocks_of` does, each with its course."""
    found = whole_fold(history, rules, at=at, known=known, told=told).all()
    return kept(list(found), history.now.number)


def whole_fold(
    history: History,
    rules: Rules,
    *,
    at: datetime,
    known: Sequence[Clock],
    told: datetime | None = None,
) -> Fold:
    """Return the fold of a history, which has also the cycles that its document has let go."""
    by_name = {clock.view.clock: clock for clock in known}
    return fold_of(history, Basis(rules, at, by_name, told))
