"""Bounces of no standard: a server's own words about a mail that it could not deliver.

Servers of every age write such reports, without the parts of RFC 3464 or with empty ones. They are
known by who wrote them (a daemon, an empty return path) and by what they say; where neither a
daemon's name nor an empty return path helps, both subject and first lines have to say it.

The address is searched above the returned mail: first where the server names it by a header, then
in its sentences, then in the headers that it repeats, at last in the returned mail's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from email.parser import BytesHeaderParser
from email.policy import compat32

from services.intake.domain.text import normal_mail
from services.intake.doors.mail.headers import Headers
from services.intake.doors.mail.parts import Parts
from services.intake.doors.mail.reports import Reported, says_hard

TEXT_MAX = 20_000
"""Characters of a report that are looked at: the server's words stand above the returned mail."""
TOP_MAX = 2_000
"""Of a report's text: a daemon says within these what happened."""
OPENING_MAX = 300
"""Of a text whose author is no known daemon: a person says something else first."""
RETURNED_BYTES_MAX = 20_000
"""Of a returned mail: its headers."""
SUBJECT_MAX = 500
"""Characters of a subject or of a sender that are looked at."""

_LOCAL = r"[A-Za-z0-9.!#$%&*+/=?^_`{|}~-]{1,64}"
_ADDRESS = re.compile(rf"{_LOCAL}@[A-Za-z0-9-]{{1,63}}(?:\.[A-Za-z0-9-]{{1,63}}){{1,8}}")
_DAEMON = re.compile(
    r"mailer-daemon|postmaster|mail[-_.]?daemon|mdaemon|mail[-.]delivery[-.](?:sub)?system|bounces?|ndr"
)
_DAEMON_NAME = re.compile(
    r"mail (?:delivery|administrator)|mailer[- ]daemon|delivery (?:sub)?system|postmaster"
    r"|system administrator",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"undeliver|delivery (?:status notification|failed|failure|has failed|warning|problem)"
    r"|returned (?:mail|to sender)|mail delivery|failure (?:notice|delivery)|failed mail"
    r"|mail system error|mail (?:was )?not delivered|non[- ]deliver|delivery notification"
    r"|(?:could|can) ?not be delivered|not (?:yet )?been delivered|processing error"
    r"|message status - undeliver|mail failure|message delayed|delayed \d+|delayed mail"
    r"|user unknown|rejected mail|mail failed"
    r"|unzustellbar|nicht zugestellt|zustell(?:ung|fehler)|non remis|non distribu|non d[ée]livr"
    r"|no entregado|no se pudo entregar|mancato recapito|recapito|não entregue|niet bezorgd"
    r"|onbestelbaar|niedostarczon|nie dostarczon|не (?:было )?доставлен|недостав|doručen"
    r"|退信|无法投递|無法投遞|投递失败|投遞失敗|傳送失敗|未送达|配信不能|配信エラー|送信エラー|未着|반송|전송 ?실패",
    re.IGNORECASE,
)
_WORDS = re.compile(
    r"(?:could|can|was|were|has|have|is)(?: ?not|n['’]t)(?: yet)?(?: be| been)?"
    r"(?: \w{1,15})? (?:delivered|accepted)"
    r"|not delivered|un(?:able|successful) (?:in |to )?deliver|undeliverable|delivery failed"
    r"|deli?ve?ry (?:to|of|status|failure|attempt)[^\n]{0,60}(?:fail|abort|notification|postponed)"
    r"|failed recipient|intended recipient:|did not reach|non-?delivery|has been (?:returned|delayed)"
    r"|able to deliver|addresses had|address(?:es)? failed|not a valid user|nameserver query"
    r"|could not be sent|failure reasons|recipients? of your message|did not receive your|mail system|failed permanently"
    r"|failed addresses"
    r"|n['’]a pas (?:pu|[ée]t[ée])|konnte (?:leider )?nicht|nicht zugestellt|nicht übermittelt"
    r"|no (?:se )?(?:ha podido|pudo|puede) (?:ser )?entrega|non (?:è stato|può essere)|não (?:pôde|foi)"
    r"|не (?:может быть|было|удалось) (?:доставлен|достав)|nie (?:można|mogła|udało|została)"
    r"|kunde inte|kunne ikke|ei voitu|nelze doručit|niet (?:worden )?(?:bezorgd|afgeleverd)"
    r"|无法(?:送达|投递|发送)|無法(?:送達|投遞|傳送)|退回|投递失败"
    r"|配信でき|届けられ|送信でき|配達でき|전달되지|배달되지",
    re.IGNORECASE,
)
_DELAYED = re.compile(
    r"\b(?:delayed|postponed|has not yet been|still (?:being )?(?:trying|retried)|verzögert)\b"
    r"|will (?:keep|continue) (?:trying|to (?:try|attempt))|attempts will continue",
    re.IGNORECASE,
)
_RETURNED = re.compile(
    r"^[> \t]*-{2,80}.{0,40}(?:copy of|original|returned|unsent|undelivered|your) "
    r"(?:the |your )?(?:message|mail|header)s?"
    r"|^[> \t]*-{2,80}.{0,40}header.{0,40}message"
    r"|^(?:original (?:message|mail)|old message|message header|the first \d+ lines)\b.{0,60}"
    r"|^received: from ",
    re.IGNORECASE | re.MULTILINE,
)
_NAMED = re.compile(
    r"^[ \t]*(?:original|final)-recipient:([^\n]{1,300})", re.IGNORECASE | re.MULTILINE
)
_REPEATED = re.compile(
    r"^[>\s]*(?:from|to|cc|sent|reply-to|sender|return-path|von|an|de|à)\s{0,12}:", re.IGNORECASE
)
_ADVICE = re.compile(r"contact|reply to|please|report to|help|visit|e\.g\.", re.IGNORECASE)


def words_of_failure(
    headers: Headers, parts: Parts, *, text: str, returned: bool
) -> Reported | None:
    """Return what a bounce of no standard says; None where the mail seems to be none.

    Args:
        headers: of the mail.
        parts: of the mail.
        text: its plain text.
        returned: its return path is empty: a machine wrote it.
    """
    named = headers.addresses("x-failed-recipients")
    if not named and not _is_failure(headers, text, returned=returned):
        return None
    top = _above(text[:TEXT_MAX])
    hard = not _DELAYED.search(top) and says_hard(f"{headers.text('subject')}\n{top}")
    return Reported(failed=True, address=_address(named, headers, parts, top), hard=hard)


def is_daemon(headers: Headers) -> bool:
    """Return whether a mail names a mail server as who wrote it."""
    sender = headers.raw("from")[:SUBJECT_MAX]
    if "<>" in sender or _DAEMON_NAME.search(sender) is not None:
        return True
    local = (headers.addresses("from") or [""])[0].rpartition("@")[0]
    return _DAEMON.fullmatch(local) is not None


def _is_failure(headers: Headers, text: str, *, returned: bool) -> bool:
    subject = headers.text("subject")[:SUBJECT_MAX]
    titled = _SUBJECT.search(subject) is not None
    reported = headers.word("content-type").startswith("multipart/report")
    if returned or reported or is_daemon(headers):
        return titled or _WORDS.search(text[:TOP_MAX]) is not None
    answers = "in-reply-to" in headers or ":" in subject[:5]
    return titled and not answers and _WORDS.search(text[:OPENING_MAX]) is not None


def _above(text: str) -> str:
    """Return what stands above the returned mail."""
    end = _RETURNED.search(text)
    return text[: end.start()] if end and text[: end.start()].strip() else text


def _address(named: list[str], headers: Headers, parts: Parts, top: str) -> str | None:
    """Return the address that could not be reached, by the most certain of all signs."""
    own = {*headers.addresses("from", "to", "cc", "reply-to")}
    lines = top.split("\n")
    told = [n for line in lines if not _REPEATED.match(line) for n in _told(line)]
    repeated = [n for line in lines if _REPEATED.match(line) for n in _told(line)]
    tiers: tuple[Iterable[str], ...] = (
        named,
        (a for value in _NAMED.findall(top) for a in _addresses(value)),
        told,
        _told(headers.text("subject")),
        repeated,
        _returned_to(parts),
    )
    return next((a for tier in tiers for a in tier if a not in own), None)


def _told(line: str) -> Iterator[str]:
    """Return the addresses of a line that are not there to be asked for help."""
    if _ADVICE.search(line) is None:
        return (a for a in _addresses(line) if not _DAEMON.fullmatch(a.partition("@")[0]))
    return iter(())


def _addresses(text: str) -> Iterator[str]:
    for match in _ADDRESS.findall(text):
        # X.400 writes "dda:SMTP=ana@example.org".
        found = normal_mail(match.rpartition("SMTP=")[2]).strip(".")
        if ".." not in found:
            yield found


def _returned_to(parts: Parts) -> Iterator[str]:
    """Return to whom the returned mail was written."""
    for file in parts.files:
        if file.media_type in {"message/rfc822", "text/rfc822-headers"}:
            head = BytesHeaderParser(policy=compat32).parsebytes(file.content[:RETURNED_BYTES_MAX])
            yield from Headers(head).addresses("to")
            return
