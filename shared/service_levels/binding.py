"""When an agreement binds, and for which tickets."""

from __future__ import annotations

import datetime as dt
from typing import Final

from shared.calendar.days import EPOCH, from_ms, reached_ms
from shared.calendar.zones import zone
from shared.organisation.agreements import BINDING, Agreement
from shared.service_levels.questions import Asks, Both, InScope, Question

FAR: Final = dt.datetime(9999, 12, 31, tzinfo=dt.UTC)


def begins_at(agreement: Agreement) -> dt.datetime:
    """Return the first instant of an agreement's validity, in UTC."""
    if agreement.valid_from is None:
        return EPOCH
    return _midnight(agreement, agreement.valid_from)


def ends_at(agreement: Agreement) -> dt.datetime:
    """Return the first instant after an agreement's validity, in UTC."""
    if agreement.valid_until is None or agreement.valid_until.year >= FAR.year:
        return FAR
    return _midnight(agreement, agreement.valid_until + dt.timedelta(days=1))


def _midnight(agreement: Agreement, day: dt.date) -> dt.datetime:
    return from_ms(reached_ms(dt.datetime.combine(day, dt.time()), zone(agreement.time_zone)))


def binds_at(agreement: Agreement, at: dt.datetime) -> bool:
    """Whether an agreement binds at an instant."""
    return agreement.state in BINDING and begins_at(agreement) <= at < ends_at(agreement)


def takes(agreement: Agreement) -> Question:
    """Return the question whether an agreement is for a ticket."""
    return Both(InScope(agreement.scope), Asks(agreement.condition))
