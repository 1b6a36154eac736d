"""The revision of a ticket in ETag and If-Match."""

from __future__ import annotations

import re

from shared.http import Problem

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
