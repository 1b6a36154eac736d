"""The desk that is the contact of a ticket's requester, once they were referred to it."""

from __future__ import annotations

from datetime import datetime

from services.routing.domain.desks import DeskChoice, desk_named, first_opening, redirected
from shared.contracts.routing import Explanation
from shared.organisation import Configuration


def contact_choice(
    configuration: Configuration,
    contact_desk: str | None,
    because: Explanation | None,
    now: datetime,
    *,
    why: str,
) -> DeskChoice | None:
    """Return the choice of the desk that is the contact, open or not; None where there is none.

    A desk that is configured no more is nobody's contact.
    """
    desk = desk_named(configuration, contact_desk) if contact_desk is not None else None
    if desk is None:
        return None
    rule = f"{why}: {desk.name} is the contact"
    return DeskChoice(
        desk,
        redirected(because, rule, desk.name),
        opens_at=first_opening(configuration, [desk.name], now),
    )
