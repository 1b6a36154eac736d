"""Whether a person wrote a mail: what machines sent becomes no ticket, and is never answered.

Sources: RFC 3834 (Auto-Submitted), RFC 6522, 3464, 8098 and 5965 (reports), RFC 2919 and 2369 (lists),
[MS-OXCMAIL] 2.1.3.2.20 (X-Auto-Response-Suppress), and the headers of common responders.

Our own mail that comes back is told by its signature, which is not the door's to check: see
`services.intake.handlers.mailing`.

``X-Auto-Response-Suppress`` says what the sender does not want to be told, not that a machine
wrote: Exchange puts it on mails of people too. So it is only ever a second sign, and so are
subjects, but for the few that only programs write: a person may well write about an automatic reply.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from services.intake.domain.mail_rules import base_address
from services.intake.domain.normal import Automatic
from services.intake.doors.mail.failures import words_of_failure
from services.intake.doors.mail.headers import Headers
from services.intake.doors.mail.parts import Parts
from services.intake.doors.mail.reports import delivery_report, disposition

_RESPONDERS = (
    "x-autoreply",
    "x-autorespond",
    "x-autoresponse",
    "x-autoreply-from",
    "x-mail-autoreply",
    "x-auto-reply",
    "x-vacation",
    "x-fc-machinegenerated",
    "x-ms-exchange-inbox-rules-loop",
)
_ANSWERING = frozenset({"auto_reply", "auto-reply"})
_NO = frozenset({"", "no", "false", "0", "none"})
_AWAY = re.compile(
    r"^(?:re: |aw: |\[[^\]]{0,40}\] ?)?\[?(?:out of (?:the )?office|ooo:|automatic(?:ally)? (?:generated )?repl"
    r"|auto(?:mated|matic)?[- ]?(?:reply|response)|auto: |away from (?:my|the) (?:desk|office|mail)"
    r"|vacation (?:reply|response|message)|on (?:vacation|holiday|leave|annual leave)"
    r"|abwesen(?:d|heit)|(?:ich bin )?(?:im urlaub|nicht im (?:büro|haus))|automatische (?:antwort|e-?mail)"
    r"|auto-?antwort|réponse (?:automatique|d['’]absence)|absen[ct]e? (?:du|de|from)|en congés?"
    r"|message d['’]absence|respuesta autom[áa]tica|fuera de (?:la )?oficina|ausente|risposta automatica"
    r"|fuori (?:sede|ufficio)|assente|resposta autom[áa]tica|fora do escritório|ausência"
    r"|automatisch(?:e)? antwoord|afwezig|niet aanwezig|automatiskt svar|autosvar|autom(?:atisk|aattinen) (?:svar|vastaus)"
    r"|frånvaro|poissa|ikke til stede|odpowied[źz] automatyczna|automatyczna odpowied[źz]|poza biurem"
    r"|automatick[áa] odpov[ěe]|mimo kancelář|automatikus válasz|házon kívül|răspuns automat"
    r"|otomatik yanıt|ofis dışında|αυτόματη απάντηση|автоматический ответ|автоответ|автоматична відповідь"
    r"|自动(?:回复|答复)|自動(?:回覆|答覆|応答|返信)|外出|不在|자동 ?(?:회신|응답|답장)|부재중)",
    re.IGNORECASE,
)
_AWAY_FOR_SURE = re.compile(
    r"^(?:out of office autoreply: |auto: .{1,120} is out of the office"
    r"|\[?(?:automatyczna odpowied[źz]|auto-?reply|automatic reply)\])",
    re.IGNORECASE,
)
"""What Exchange 2003 and Notes write, neither of which adds a header."""
_ANSWERS_UNWANTED = frozenset({"all", "autoreply", "oof"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of a mail's author.

    ``silent`` is for a person's mail that must get no automatic answer.
    """

    automatic: Automatic | None = None
    silent: bool = False


def verdict_on(
    headers: Headers,
    parts: Parts,
    *,
    text: str,
    returned: bool,
    ours: Collection[str],
    lists: Collection[str],
) -> Verdict:
    """Return whether a machine wrote a mail.

    Args:
        headers: of the mail.
        parts: of the mail.
        text: its plain text.
        returned: its return path is empty.
        ours: addresses of the desk, as they are compared, without plus-parts.
        lists: addresses and List-Ids of mailing lists that requests come by.
    """
    found = (
        _reported(headers, parts, text, returned=returned)
        or _answered(headers, returned=returned)
        or _looped(headers, ours)
        or _bulk(headers, ours, lists)
    )
    if found is None and (returned or "mailer-daemon@" in headers.word("from")):
        found = Automatic(reason="null-return-path")
    if found is None and headers.word("content-type").startswith("multipart/report"):
        found = Automatic(reason="report")
    return Verdict(automatic=found, silent=found is not None or _wants_silence(headers))


def _reported(headers: Headers, parts: Parts, text: str, *, returned: bool) -> Automatic | None:
    report = delivery_report(parts)
    read = disposition(parts, text=text) if report is None else None
    if read is not None and not read.failed:
        return Automatic(reason="read-receipt")
    report = report or read
    if report is None or report.silent or (report.failed and report.address is None):
        told = words_of_failure(headers, parts, text=text, returned=returned)
        report = told or report
    if report is None:
        return None
    if not report.failed:
        return Automatic(reason="delivery-report")
    return Automatic(reason="bounce", bounced=report.address, hard=report.hard)


def _answered(headers: Headers, *, returned: bool) -> Automatic | None:
    """Return whether a responder wrote it, or a program that says so."""
    submitted = headers.raw("auto-submitted").partition(";")[0].strip().lower()
    by_responder = any(name in headers and headers.word(name) not in _NO for name in _RESPONDERS)
    by_responder = by_responder or not _ANSWERING.isdisjoint(
        headers.word(name) for name in ("precedence", "x-precedence", "preference")
    )
    by_responder = by_responder or headers.word("x-autogenerated") == "reply"
    by_responder = by_responder or "autoresponder" in headers.word("x-post-messageclass")
    says_so = bool(submitted) and submitted != "no"
    subject = headers.text("subject")
    away = _AWAY.match(subject) is not None
    # Who answers our mail keeps its subject: only a responder puts words of its own in front.
    answers = "in-reply-to" in headers and not subject.lower().startswith(("re:", "aw:"))
    signed = says_so or by_responder or returned or answers or _wants_silence(headers)
    if (away and signed) or _AWAY_FOR_SURE.match(subject):
        return Automatic(reason="out-of-office")
    if says_so:
        return Automatic(reason="auto-submitted")
    return Automatic(reason="auto-reply") if by_responder else None


def _looped(headers: Headers, ours: Collection[str]) -> Automatic | None:
    """Return whether it has been here: a responder notes whom it answered in ``X-Loop``."""
    seen = {base_address(address) for address in headers.addresses("x-loop")}
    return Automatic(reason="loop") if not seen.isdisjoint(ours) else None


def _bulk(headers: Headers, ours: Collection[str], lists: Collection[str]) -> Automatic | None:
    """Return whether it was sent to many.

    What a person writes through a list is a request where it is also written to us, or where the
    list is one that requests come by.
    """
    precedence = headers.word("precedence")
    by_list = "list-id" in headers or "list-post" in headers or precedence == "list"
    one_click = "one-click" in headers.word("list-unsubscribe-post")
    if not by_list or one_click:
        return Automatic(reason="bulk") if one_click or precedence in {"bulk", "junk"} else None
    named = {list_id(headers), *headers.addresses("list-post", "to", "cc")} - {None}
    written_to = {base_address(a) for a in headers.addresses("to", "cc")}
    wanted = not written_to.isdisjoint(ours) or not named.isdisjoint(lists)
    return None if wanted else Automatic(reason="list")


def list_id(headers: Headers) -> str | None:
    """Return the name of the list that a mail came by (RFC 2919), without its description."""
    text = headers.text("list-id")
    name = text.rpartition("<")[2].partition(">")[0].strip().lower()
    return name[:300] or None


def _wants_silence(headers: Headers) -> bool:
    """Return whether the sender asks for no automatic answers, or a list would get them."""
    unwanted = {word.strip() for word in headers.word("x-auto-response-suppress").split(",")}
    lists = "list-id" in headers or headers.word("precedence") in {"list", "bulk", "junk"}
    return lists or not unwanted.isdisjoint(_ANSWERS_UNWANTED)
