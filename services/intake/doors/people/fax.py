"""Fax comes as mail: every fax gateway can send what it receives to a mailbox of a mail door.

There is no door of its own. A gateway's mail has one sender for all faxes, so that the number
in its subject is who really asks; the mail doors ask here for it.

Sources: HylaFAX ``faxrcvd`` ("Facsimile received from …"), FreePBX ``fax2mail.php`` ("New fax
from: …"), eFax ("eFax message from "…" - 1 page(s), Caller-ID: …").
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from services.intake.domain.telephone import e164

_CALLER_ID = re.compile(r"\bcaller[- ]?id:?\s*(?P<number>\+?[0-9][0-9 ()./-]{4,30})", re.IGNORECASE)
_SUBJECTS = (
    re.compile(r"^(?:facsimile|fax) received from:?\s+(?P<number>.{3,60})$", re.IGNORECASE),
    re.compile(r"^new fax(?: message| received)? from:?\s+(?P<number>.{3,60})$", re.IGNORECASE),
    re.compile(
        r"^(?:corporate )?e?fax message from:?\s+\"?(?P<number>[^\"]{3,60})\"?(?:\s+-.*)?$",
        re.IGNORECASE,
    ),
)
_DIGITS = re.compile(r"\+?[0-9][0-9 ()./-]{4,30}")
_GATEWAY = re.compile(r"fax", re.IGNORECASE)
MAILERS = ("x-mailer", "user-agent", "from")
"""Headers in which a gateway says its name."""


def fax_sender(
    subject: str, sender: str, headers: Mapping[str, str], *, country: str | None = None
) -> str | None:
    """Return the number in E.164 from which a fax was sent; None where the mail is no fax.

    A mail is a fax where its sender or one of its headers names a fax gateway *and* its subject
    is written as gateways write it. A person who writes of a fax is still that person.

    Args:
        subject: of the mail, decoded.
        sender: the address that it is from.
        headers: of the mail, names in lower case.
        country: of a number without its country's code, ISO 3166-1 alpha-2.
    """
    names = (sender.partition("@")[0], sender.rpartition("@")[2], *_named(headers))
    if not any(_GATEWAY.search(name) for name in names):
        return None
    number = _written(" ".join(subject.split()))
    return e164(number, country=country) if number else None


def _named(headers: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(headers[name] for name in MAILERS if name in headers)


def _written(subject: str) -> str | None:
    """Return the number in a gateway's subject, as it is written there.

    The caller's id that the exchange saw counts more than what the sending machine calls itself.
    """
    matches = [found for pattern in _SUBJECTS if (found := pattern.match(subject))]
    if not matches:
        return None
    shown = _CALLER_ID.search(subject)
    written = shown["number"] if shown else matches[0]["number"]
    digits = _DIGITS.search(written)
    return digits.group().strip() if digits else None
