"""Reports of mail servers: what could not be delivered, to whom, and whether it ever will.

Sources: RFC 3464 (delivery status), RFC 3463 (status codes), RFC 8098 (dispositions), and for
reasons in words what Postfix, Exim, sendmail, qmail, Exchange, Domino and others write.
"""

from __future__ import annotations

import base64
import quopri
import re
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import compat32

from services.intake.domain.normal import ADDRESS_MAX
from services.intake.domain.text import normal_mail
from services.intake.doors.mail.headers import Headers, Mail
from services.intake.doors.mail.parts import DELIVERY_STATUS, Parts

WORDS_MAX = 4_000
"""Characters of a server's words that are looked at."""
GROUPS_MAX = 200
"""Recipients of one report."""
WRAPPED_BYTES_MAX = 100_000
"""Of a report that is encoded for transport, which the standard forbids and some do."""

_STATUS = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_REPLY = re.compile(r"\b(4[0-9]{2}|5[0-9]{2})[ -]")
_UNKNOWN = re.compile(
    r"(?:user|recipient|mailbox|mail box|address|account|alias|domain|rcpt)\b[^\n]{0,60}?"
    r"(?:unknown|not found|does(?: not|n.t) exist|not exist|disabled|deactivated|unavailable"
    r"|invalid|not listed|not recognized|not known|no longer)"
    r"|(?:unknown|no such|invalid|non-?existent|bad) (?:local[- ])?"
    r"(?:user|recipient|mailbox|address|account|host|domain|person|username|name)"
    r"|not an? (?:known|valid|local|active) (?:user|address|mailbox|recipient)"
    r"|no (?:mail ?box|mail box)\b|no one at this|no account|not our customer|deactivated mailbox"
    r"|bad_recipient|badrcptto|recip(?:ient)?notfound"
    r"|host (?:or domain name )?(?:not found|unknown)|name service error|unrouteable address"
    r"|name or service not known|domain must exist|nxdomain|not listed in"
    r"|wurde nicht gefunden|existiert nicht|unbekannte[rn]? (?:benutzer|empfänger|adresse)"
    r"|n['’]existe pas|adresse inconnue|utilisateur inconnu|no existe|non esiste|utente sconosciuto"
    r"|não existe|bestaat niet|nie istnieje|не существует|не найден|finns inte|findes ikke"
    r"|用户不存在|不存在|存在しません|リストにありません|宛先不明|존재하지",
    re.IGNORECASE,
)
_PASSING = re.compile(
    r"quota|(?:mailbox|inbox|folder|account)(?: is| was)? (?:full|over)|full mailbox|size exceed"
    r"|too (?:large|big)|exceed[^\n]{0,30}(?:size|limit|quota|storage)|enough (?:storage|space)"
    r"|postfach (?:ist )?voll|boîte pleine|空间已满|容量",
    re.IGNORECASE,
)
"""What a server says of a mailbox that is there, whichever code it gives."""
_BASE64_NOISE = re.compile(rb"[^A-Za-z0-9+/]")
_GOOD = frozenset({"delivered", "relayed", "expanded"})
WRONG_FOR_GOOD = frozenset({(1, 1), (1, 2), (1, 3), (1, 6), (1, 10), (2, 1)})
"""Subjects and details of RFC 3463 that speak of the address: no mailbox, no system, moved."""

UNSPECIFIC = frozenset({(0, 0), (7, 1)})
"""What servers say that know no better: the words tell more."""


@dataclass(frozen=True, slots=True)
class Reported:
    """What a report says.

    ``address`` is the first that could not be reached; None where all were, or none is named.
    ``silent`` is a report that tells of no recipient.
    """

    failed: bool
    address: str | None = None
    hard: bool = False
    silent: bool = False


def delivery_report(parts: Parts) -> Reported | None:
    """Return what a delivery report of RFC 3464 says; None where the mail has none.

    One that tells of no recipient says nothing failed: the server's words may know more.
    """
    blocks = [
        Headers(block)
        for part in parts.reports
        if part.get_content_type() in DELIVERY_STATUS
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
    return Reported(failed=False, silent=not recipients)


def disposition(parts: Parts, *, text: str) -> Reported | None:
    """Return what a mail says that became of one of ours (RFC 8098); None where it says nothing.

    That somebody has read it is no failure. Servers that put it away say *deleted* and why, in
    words: that is one, though not of the address.
    """
    for part in parts.reports:
        if part.get_content_type() != "message/disposition-notification":
            continue
        told = Headers(part)
        for block in (told, *map(Headers, _blocks(part))):
            if "disposition" in block:
                told = block
        deleted = told.word("disposition").endswith("deleted")
        failed = deleted and (_PASSING.search(text[:WORDS_MAX]) is not None or "rejected" in text)
        return Reported(failed=failed, address=_recipient(told) if failed else None)
    return None


def _blocks(part: Mail) -> Sequence[Mail]:
    """Return the groups of fields of a report; those of one that is encoded are decoded first."""
    if not part.is_multipart():
        taken = part.get_payload(decode=True)
        return _groups(taken) if isinstance(taken, bytes) else []
    payload = part.get_payload()
    found = [p for p in payload if isinstance(p, Message)] if isinstance(payload, list) else []
    encoding = str(part.get("Content-Transfer-Encoding", "")).strip().lower()
    if encoding not in {"base64", "quoted-printable"}:
        return found
    wrapped = b"\n\n".join(p.as_bytes() for p in found)[:WRAPPED_BYTES_MAX].strip()
    if encoding == "quoted-printable":
        return _groups(quopri.decodestring(wrapped))
    kept = _BASE64_NOISE.sub(b"", wrapped)
    return _groups(base64.b64decode(kept + b"=" * (-len(kept) % 4)))


def _groups(content: bytes) -> Sequence[Mail]:
    """Return groups of fields that empty lines divide."""
    groups = re.split(rb"\r?\n[ \t]*\r?\n", content[:WRAPPED_BYTES_MAX].strip())
    return [BytesHeaderParser(policy=compat32).parsebytes(g.lstrip()) for g in groups[:GROUPS_MAX]]


def _recipient(block: Headers) -> str | None:
    """Return the address that a block is about: what we wrote to, before what became of it."""
    for name in ("original-recipient", "final-recipient"):
        found = normal_mail(block.text(name).rpartition(";")[2].strip("<> "))
        if "@" in found and " " not in found and len(found) <= ADDRESS_MAX:
            return found
    return None


def _is_hard(block: Headers) -> bool:
    """Return whether an address is wrong for good: not where a mailbox is full or a mail refused."""
    if block.word("action") == "delayed":
        return False
    status = _STATUS.search(block.raw("status"))
    words = block.text("diagnostic-code")
    if status is None:
        return says_hard(words)
    if status[1] != "5" or _PASSING.search(words[:WORDS_MAX]):
        return False
    if (int(status[2]), int(status[3])) in WRONG_FOR_GOOD:
        return True
    # Servers that know no better say 5.0.0, and the reason in words.
    return says_hard(words, coded=False)


def says_hard(text: str, *, coded: bool = True) -> bool:
    """Return whether a server's words say that an address is wrong for good.

    Args:
        text: the words.
        coded: a status code among them that speaks of something else is believed.
    """
    words = text[:WORDS_MAX]
    if _PASSING.search(words):
        return False
    codes = [(int(m[2]), int(m[3])) for m in _STATUS.finditer(words) if m[1] == "5"]
    if any(code in WRONG_FOR_GOOD for code in codes):
        return True
    if codes and coded and UNSPECIFIC.isdisjoint(codes):
        return False
    reply = _REPLY.search(words)
    return (reply is None or reply[1].startswith("5")) and _UNKNOWN.search(words) is not None
