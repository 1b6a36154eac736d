"""What the routes read from a request: the revision, the cursor, the actor."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import datetime

from services.routing.ports import Place
from shared.auth import Actor
from shared.contracts.control import Role
from shared.http import Problem
from shared.kernel import instant, rfc3339

_ETAG = re.compile(r'(?:W/)?"(\d{1,12})"')


def etag(revision: int) -> str:
    """Return the entity tag of a revision."""
    return f'"{revision}"'


def revision_of(if_match: str | None) -> int | None:
    """Return the revision that a caller saw; None where any will do.

    Raises:
        Problem: 400, the header is no entity tag of ours.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        raise Problem(
            400,
            "invalid",
            'If-Match: give the ETag of the ticket, such as "3"',
            errors=[{"field": "If-Match", "reason": "not an entity tag of a ticket"}],
        )
    return int(found[1])


def cursor_of(place: Place | None) -> str | None:
    """Return the cursor for the next page."""
    if place is None:
        return None
    text = f"{rfc3339(place.accepted_at)}|{place.id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def place_of(cursor: str | None) -> Place | None:
    """Return the place of a cursor.

    Raises:
        Problem: 422, the cursor is not one that we gave.
    """
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        at, _, ticket = base64.urlsafe_b64decode(padded.encode()).decode().partition("|")
        return Place(accepted_at=instant(datetime.fromisoformat(at)), id=ticket)
    except (ValueError, binascii.Error) as error:
        raise Problem(
            422,
            "invalid",
            "after: not a cursor of this list",
            errors=[{"field": "after", "reason": "not a cursor of this list"}],
        ) from error


def acting(actor: Actor, agent: str | None) -> str:
    """Return who acts: the caller, or the agent whom an administrator names.

    Raises:
        Problem: 403, the caller may not act for another.
    """
    if agent is None or agent == actor.name:
        return actor.name
    if Role.ADMIN not in actor.roles:
        raise Problem(
            403,
            "forbidden",
            f"{actor.name} may not act for {agent}",
            errors=[{"field": "agent", "reason": "only an administrator acts for another"}],
        )
    return agent
