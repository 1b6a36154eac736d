"""Reports of mail servers: what could not be delivered, to whom, and whether it ever will.

Sources: RFC 3464 (delivery status), RFC 3463 (status codes), RFC 8098 (dispositions); for bounces
of no standard: Exim's ``X-Failed-Recipients``, and the words that qmail, Postfix, Exchange and
others write.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.message import Message

from services.intake.domain.normal import ADDRESS_MAX
from services.intake.domain.text import normal_mail
from services.intake.doors.mail.headers import Headers, Mail
from services.intake.doors.mail.parts import Parts

TEXT_MAX = 20_000
"""Characters of a report that are looked at: the server's words stand above the returned mail."""

_STATUS = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_REPLY = re.compile(r"\b(4[0-9]{2}|5[0-9]{2})[ -]")
_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}"
)
_UNKNOWN = re.compile(
    r"(?:user|recipient|mailbox|address|account|alias)[^.\n]{0,40}"
    r"(?:unknown|not found|does(?: not|n.t) exist|not exist|disabled|deactivated|unavailable|invalid)"
    r"|(?:unknown|no such|invalid|non-?existent) (?:local )?(?:user|recipient|mailbox|address|account|host)"
    r"|no mailbox here|host (?:or domain name )?not found|name service error|unrouteable address"
    r"|wurde nicht gefunden|existiert nicht|用户不存在|不存在|存在しません",
    re.IGNORECASE,
)
_BOUNCE_SUBJECT = re.compile(
    r"undeliver|delivery (?:status notification|failed|failure|has failed)|returned (?:mail|to sender)"
    r"|mail delivery|failure notice|mail system error|unzustellbar|nicht zugestellt|non remis"
    r"|退信|无法投递|投递失败|傳送失敗|配信不能|反送|message could not be delivered",
    re.IGNORECASE,
)
_DELAYED = re.compile(
    r"\b(?:delayed|still (?:being )?(?:trying|retried)|verzögert|will (?:keep|continue) trying)\b",
    re.IGNORECASE,
)
_GOOD = frozenset({"delivered", "relayed", "expanded"})
_DAEMONS = frozenset({"mailer-daemon", "postmaster", "mail-daemon", "mdaemon"})
WRONG_FOR_GOOD = frozenset({(1, 1), (1, 2), (1, 3), (1, 6), (1, 10), (2, 1)})
"""Subjects and details of RFC 3463 that speak of the address: no mailbox, no system, moved."""


@dataclass(frozen=True, slots=True)
class Reported:
    """What a report says.

    ``address`` is the first that could not be reached; None where all were, or none is named.
    """

    failed: bool
    address: str | None = None
    hard: bool = False


def delivery_report(parts: Parts) -> Reported | None:
    """Return what a delivery report of RFC 3464 says; None where the mail has none."""
    blocks = [
        Headers(block)
        for part in parts.reports
        if part.get_content_type() == "message/delivery-status"
        for block in _blocks(part)
    ]
    if not blocks:
        return None
    recipients = [block for block in blocks if "action" in block or "final-recipient" in block]
    for hard in (True, False):
        for block in recipients:
            if block.word("action") in _GOOD:
                continue
            if _is_hard(block) is hard:
                return Reported(failed=True, address=_recipient(block), hard=hard)
    return Reported(failed=False)


def is_read_receipt(parts: Parts) -> bool:
    """Return whether a mail says what a person did with one of ours (RFC 8098)."""
    return any(p.get_content_type() == "message/disposition-notification" for p in parts.reports)


def words_of_failure(headers: Headers, text: str, *, returned: bool) -> Reported | None:
    """Return what a bounce of no standard says; None where the mail seems to be none.

    Args:
        headers: of the mail.
        text: its plain text.
        returned: its return path is empty: a machine wrote it.
    """
    named = headers.addresses("x-failed-recipients")
    local = (headers.addresses("from") or [""])[0].partition("@")[0]
    by_machine = returned or local in _DAEMONS
    if not named and not (by_machine and _BOUNCE_SUBJECT.search(headers.text("subject"))):
        return None
    top = text[:TEXT_MAX]
    own = {*headers.addresses("from", "to", "cc")}
    address = next((a for a in (*named, *_addresses(top)) if a not in own), None)
    if _DELAYED.search(top):
        return Reported(failed=True, address=address)
    return Reported(failed=True, address=address, hard=_says_hard(top))


def _addresses(text: str) -> Iterator[str]:
    return (normal_mail(match) for match in _ADDRESS.findall(text))


def _blocks(part: Mail) -> Sequence[Mail]:
    payload = part.get_payload()
    return [p for p in payload if isinstance(p, Message)] if isinstance(payload, list) else []


def _recipient(block: Headers) -> str | None:
    """Return the address that a block is about: what we wrote to, before what became of it."""
    for name in ("original-recipient", "final-recipient"):
        _, semicolon, address = block.text(name).partition(";")
        found = normal_mail(address.strip("<> ") if semicolon else "")
        if "@" in found and len(found) <= ADDRESS_MAX:
            return found
    return None


def _is_hard(block: Headers) -> bool:
    """Return whether an address is wrong for good: not where a mailbox is full or a mail refused."""
    if block.word("action") == "delayed":
        return False
    status = _STATUS.search(block.raw("status"))
    if status is None:
        return _says_hard(block.text("diagnostic-code"))
    if status[1] != "5":
        return False
    if (int(status[2]), int(status[3])) in WRONG_FOR_GOOD:
        return True
    # Servers that know no better say 5.0.0, and the reason in words.
    return _says_hard(block.text("diagnostic-code"), coded=False)


def _says_hard(text: str, *, coded: bool = True) -> bool:
    """Return whether a server's words say that an address is wrong for good."""
    codes = [(int(m[2]), int(m[3])) for m in _STATUS.finditer(text) if m[1] == "5"]
    if any(code in WRONG_FOR_GOOD for code in codes):
        return True
    if codes and coded and all(code != (0, 0) for code in codes):
        return False
    reply = _REPLY.search(text)
    return (reply is None or reply[1].startswith("5")) and _UNKNOWN.search(text) is not None
