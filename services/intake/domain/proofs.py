"""Codes that prove an address: asked for, entered, and used once.

What is decided here is a contact's own: how many codes are open, how old they are, and how often
they were tried. A wrong try is an event too, so that tries are counted whichever process is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from services.intake.domain.contact import AskedCode, Contact
from services.intake.domain.people import SentCode, address_id
from shared.contracts.contacts import ContactCodeAsked, ContactCodeTried
from shared.contracts.envelope import Body
from shared.kernel import CommandRejected

CODE_LIFETIME: Final = timedelta(minutes=15)
"""So long a mail may be on its way while somebody waits for it."""
CODES_OPEN_MAX: Final = 3
"""Of a contact at once: nobody's mailbox is filled by somebody who asks again and again."""


def decide_asked(
    state: Contact | None, sent: SentCode, *, language: str, now: datetime
) -> Sequence[Body]:
    """Tell that a code goes to an address; nothing where that was told.

    Raises:
        CommandRejected: there is no such contact, or it has too many open codes.
    """
    if state is None:
        raise CommandRejected("not-found", "there is no such contact", status=404)
    if any(code.id == sent.id for code in state.codes):
        return []
    if sum(code.expires_at > now for code in state.codes) >= CODES_OPEN_MAX:
        reason = f"{CODES_OPEN_MAX} codes wait to be entered; ask again when they are too old"
        raise CommandRejected("too-many", reason, status=429)
    address = address_id(tenant=sent.tenant, address=sent.address)
    return [
        ContactCodeAsked(
            code=sent.id,
            address=address,
            by=sent.by[:64],
            language=language,
            expires_at=sent.expires_at,
        )
    ]


def decide_right(
    state: Contact | None, sent: SentCode, *, by: str, now: datetime
) -> Sequence[Body]:
    """Use a code up; nothing where it was used, and its address is linked since.

    Raises:
        CommandRejected: it is too old, was tried too often, or was used and taken back since.
    """
    code = _open(state, sent, now)
    if code is not None:
        return [ContactCodeTried(code=sent.id, right=True, left=code.left - 1, by=by[:64])]
    address = address_id(tenant=sent.tenant, address=sent.address)
    if state is None or address not in state.links:
        raise refused()
    return []


def decide_wrong(
    state: Contact | None, sent: SentCode, *, by: str, now: datetime
) -> Sequence[Body]:
    """Count a wrong try; nothing where the code is void already."""
    code = _open(state, sent, now)
    if code is None:
        return []
    return [ContactCodeTried(code=sent.id, right=False, left=code.left - 1, by=by[:64])]


def refused() -> CommandRejected:
    """Return the one refusal of a code, whatever is wrong with it: nothing is learnt from it."""
    reason = "the code is wrong, too old, or was entered too often"
    return CommandRejected("wrong-code", reason, field="code", status=422)


def _open(state: Contact | None, sent: SentCode, now: datetime) -> AskedCode | None:
    codes = state.codes if state else ()
    return next((c for c in codes if c.id == sent.id and c.expires_at > now), None)
