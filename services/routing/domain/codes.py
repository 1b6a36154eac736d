"""The codes by which people say why and how: each is one of a list of the organisation."""

from __future__ import annotations

from collections.abc import Collection

from shared.kernel import CommandRejected

UNKNOWN_CODE = "unknown-code"


def require_code(code: str, allowed: Collection[str], *, field: str) -> None:
    """Refuse a code that the organisation does not have.

    What the product itself says (an alert cleared, silence, a merge) has codes of its own and is
    not asked here.

    Raises:
        CommandRejected: 422 ``unknown-code``, naming the field and all that are allowed.
    """
    if code not in allowed:
        reason = f"{code!r} is no code here; one of: {', '.join(allowed)}"
        raise CommandRejected(UNKNOWN_CODE, reason, field=field, status=422)
