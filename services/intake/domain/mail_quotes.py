"""What is new in a mail: earlier messages and the signature are split off, line by line.

Every line is looked at a bounded number of times, and only its first characters: the cost grows
with the length of the text and with nothing else.

The rules are those that mail programs write by: RFC 3676 for ``-- `` and ``>``, the attribution
lines ("On …, Ana wrote:") and the header blocks ("From: … Sent: …") of the common programs, in the
languages that they come in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

LINE_MAX = 300
"""Characters of a line that are looked at."""
TRIES_MAX = 300
"""Lines that may begin a quotation, of which nobody's mail has so many."""
ATTRIBUTION_LINES_MAX = 3
"""Programs break a long attribution."""
HEADER_NAME_MAX = 25
HEADER_LINES_MAX = 8
"""A header block has its subject within so many lines."""
SIGNATURE_LINES_MAX = 8
"""After a closing formula; what is longer is no signature."""
SIGNATURE_LINE_MAX = 70
RULED_LINES_MAX = 25
"""After ``-- ``."""


@dataclass(frozen=True, slots=True)
class Split:
    """A text in two: what is new, and whether anything was split off."""

    new: str
    whole: bool
    """Nothing was split off: ``new`` is all of it."""


def split_reply(text: str, *, forwarded: bool = False) -> Split:
    """Return what is new in a text.

    Args:
        text: of a mail, with line feeds.
        forwarded: the mail passes another one on: what it quotes is what it is about.

    Where everything is quoted, everything is new: nobody writes a mail that says nothing.
    """
    lines = text.split("\n")
    kept = lines if forwarded else _without_quotes(lines)
    kept = _without_signature(kept)
    new = "\n".join(kept).strip()
    if not new or new == text.strip():
        return Split(new=text, whole=True)
    return Split(new=new, whole=False)


def is_forward(subject: str) -> bool:
    """Return whether a subject says that the mail passes another one on."""
    return _FORWARD.match(subject[:LINE_MAX]) is not None


def _without_quotes(lines: Sequence[str]) -> list[str]:
    """Return lines without quoted ones, their attributions, and all behind a header block.

    Answers between quoted lines stay.
    """
    kept: list[str] = []
    at = tries = 0
    colons = {n for n, line in enumerate(lines) if line[-3:].rstrip().endswith(tuple(_COLONS))}
    while at < len(lines):
        line = lines[at][:LINE_MAX].strip()
        if line.startswith(">"):
            at += 1
            continue
        taken = 0
        if line and tries < TRIES_MAX:
            if line[0] == "-" and _SEPARATOR.match(line):
                return _before(kept, lines)
            near = not colons.isdisjoint(range(at, at + ATTRIBUTION_LINES_MAX))
            headed = not _COLONS.isdisjoint(line[:HEADER_NAME_MAX])
            tries += near or headed
            if headed and _begins_headers(lines, at):
                return _before(kept, lines)
            taken = _attribution(lines, at) if near else 0
        if not taken:
            kept.append(lines[at])
            at += 1
            continue
        at += taken
        while at < len(lines) and not lines[at].strip():
            at += 1
        if at >= len(lines) or not lines[at].lstrip().startswith(">"):
            return _before(kept, lines)
    return kept


def _before(kept: list[str], lines: Sequence[str]) -> list[str]:
    """Return the lines above a quotation that goes on to the end; all where there are none."""
    if not any(line.strip() for line in kept):
        return list(lines)
    return _without_rule(kept)


def _without_rule(lines: list[str]) -> list[str]:
    """Return lines without the rule that stands above a header block."""
    end = len(lines)
    while end and (not lines[end - 1].strip() or _RULE.match(lines[end - 1][:LINE_MAX])):
        end -= 1
    return lines[:end]


def _attribution(lines: Sequence[str], at: int) -> int:
    """Return how many lines from here on say who wrote what follows; 0 where they do not."""
    first = lines[at][:LINE_MAX].lstrip("> \t")
    if not first or not _ATTRIBUTION_START.match(first):
        return 0
    joined = ""
    for count in range(1, ATTRIBUTION_LINES_MAX + 1):
        if at + count > len(lines):
            return 0
        line = lines[at + count - 1][:LINE_MAX].strip("> \t")
        joined = f"{joined} {line}".strip()
        if not line:
            return 0
        if _ATTRIBUTION_END.search(joined[-120:]) and _DATED.search(joined):
            return count
    return 0


def _begins_headers(lines: Sequence[str], at: int) -> bool:
    """Return whether a block of headers begins here, as Outlook puts it above what it quotes.

    A sender alone is none, nor are sender and date: people write such lines of a move or a trip.
    """
    if not _FROM.match(lines[at][:LINE_MAX]):
        return False
    block = [line[:LINE_MAX] for line in lines[at + 1 : at + HEADER_LINES_MAX]]
    dated = any(_SENT.match(line) for line in block)
    return dated and any(_SUBJECT.match(line) for line in block)


def _without_signature(lines: list[str]) -> list[str]:
    """Return lines without the signature at their end."""
    filled = [n for n, line in enumerate(lines) if line.strip()]
    if not filled:
        return lines
    for n in filled[-RULED_LINES_MAX:]:
        if lines[n].rstrip() == "--" and n != filled[0]:
            return lines[:n]
    last = lines[filled[-1]][:LINE_MAX].strip()
    if _SENT_FROM.match(last) and len(filled) > 1:
        return lines[: filled[-1]]
    for position, n in enumerate(filled[-SIGNATURE_LINES_MAX:]):
        if n == filled[0] or not _CLOSING.match(lines[n][:LINE_MAX].strip()):
            continue
        behind = [lines[m].strip() for m in filled[-SIGNATURE_LINES_MAX:][position + 1 :]]
        if all(len(line) <= SIGNATURE_LINE_MAX and line[-1] not in ".?!。？！" for line in behind):
            return lines[:n]
    for n in filled[1:][-RULED_LINES_MAX:]:
        if _FOOTER.match(lines[n][:LINE_MAX]) and len(lines) - n <= RULED_LINES_MAX:
            return lines[:n]
    return lines


def _any(*texts: str) -> str:
    return "|".join(texts)


_COLONS = frozenset(":：")
_FORWARD = re.compile(
    rf"^\s*(?:\[[^\]]{{0,40}}\]\s*)?(?:{_any('fwd?', 'fw', 'wg', 'tr', 'rv', 'enc', 'i', 'vs', 'doorst')})"
    r"\s*[:：]|^\s*(?:转发|轉寄|転送|전달)\s*[:：]",
    re.IGNORECASE,
)
_SEPARATOR = re.compile(
    r"^[> \t]*-{2,}\s*(?:"
    + _any(
        "original message",
        "urspr(?:ü|ue)ngliche (?:nachricht|mail)",
        "original-?nachricht",
        "message d.origine",
        "message original",
        "mensaje original",
        "messaggio originale",
        "mensagem original",
        "oorspronkelijk bericht",
        "oprindelig meddelelse",
        "ursprungligt meddelande",
        "oryginalna wiadomość",
        "původní zpráva",
        "исходное сообщение",
        "原始邮件",
        "原始郵件",
        "原邮件",
        "元のメッセージ",
        "原始信件",
        "원본 메시지",
        "reply above this line",
    )
    + r")\s*-{2,}\s*$",
    re.IGNORECASE,
)
_RULE = re.compile(r"^[> \t]*[_*-]{5,}\s*$")
_NAMED = r"^[>*\s]*(?:{})\s{{0,3}}\*?\s?[:：]\s?\*?"


def _header(*names: str) -> re.Pattern[str]:
    return re.compile(_NAMED.format(_any(*names)), re.IGNORECASE)


_FROM = _header(
    *("from", "von", "de", "da", "van", "från", "fra", "od", "от", "发件人", "寄件者", "寄件人"),
    *("差出人", "送信者", "보낸 ?사람", "gönderen", "lähettäjä", "feladó", "από"),
)
_SENT = _header(
    *("sent", "date", "gesendet", "datum", "envoyé", "enviado(?: el)?", "fecha", "inviato", "data"),
    *("verzonden", "skickat", "sendt", "wysłano", "odesláno", "отправлено", "дата", "发送时间"),
    *("发送日期", "日期", "时间", "寄件日期", "傳送時間", "送信日時", "日時", "보낸 ?날짜", "날짜"),
    *("tarih", "lähetetty", "elküldve", "dato", "ημερομηνία"),
)
_SUBJECT = _header(
    *("subject", "betreff", "objet", "asunto", "oggetto", "assunto", "onderwerp", "ämne", "emne"),
    *("temat", "předmět", "тема", "主题", "主旨", "件名", "제목", "konu", "aihe", "tárgy", "θέμα"),
)
_ATTRIBUTION_START = re.compile(
    r"(?:on|am|le|el|il|em|op|den|dne|w dniu|dnia|at|в|\d|в\w*|在|于|na|pe|p[åa]|tarihinde)\b"
    r"|.{0,120}?[<@]|[^\x00-\x7f]",
    re.IGNORECASE,
)
_ATTRIBUTION_END = re.compile(
    r"(?:"
    + _any(
        r"\bwrote",
        r"\bwrites",
        r"\bschrieb(?:en)?\b[^:]{0,100}",
        r"\ba écrit",
        r"\bescribi[óo]",
        r"\bha scritto",
        r"\bescreveu",
        r"\bschreef\b[^:]{0,100}",
        r"\bskrev\b[^:]{0,100}",
        r"\bnapisał(?:\(a\)|a)?",
        r"\bnapsal(?:\(a\)|a)?",
        r"\b(?:на)?писал(?:\(а\)|а)?",
        r"\bпишет",
        r"\bkirjoitti",
        r"\bírta",
        r"\bşunu yazdı",
        r"\bέγραψε",
        "写道",
        "寫道",
        "님이 작성",
        "さんは書きました",
        r"\d{4}年\d{1,2}月\d{1,2}日.{0,90}[>)]",
    )
    + r")\s*[:：]\s*$",
    re.IGNORECASE,
)
_DATED = re.compile(r"\d|@")
_SENT_FROM = re.compile(
    r"^(?:"
    + _any(
        r"sent from (?:my|outlook|yahoo|mail|proton|samsung)\b.{0,60}",
        r"get outlook for .{0,60}",
        r"von meinem .{2,40} gesendet",
        r"gesendet (?:von|mit) (?:meinem|mein|outlook|der|gmx|web)\b.{0,60}",
        r"diese nachricht wurde von meinem .{0,60}",
        r"envoyé (?:de(?:puis)?|à partir de) (?:mon|ma|l|outlook)\b.{0,60}",
        r"enviado desde (?:mi|outlook)\b.{0,60}",
        r"enviado do meu .{0,60}",
        r"inviato (?:da|dal) .{0,60}",
        r"verstuurd vanaf mijn .{0,60}",
        r"отправлено с .{0,60}",
        r"发自我的.{0,40}",
        r"從我的.{0,20}(?:傳送|寄出).{0,20}",
        r".{0,20}から送信",
        r"나의 .{0,30}에서 보냄",
    )
    + r")$",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"^(?:"
    + _any(
        r"(?:(?:with )?(?:best|kind(?:est)?|warm(?:est)?|many) )?(?:regards|wishes)",
        r"yours (?:sincerely|faithfully|truly)",
        r"sincerely(?: yours)?",
        r"(?:mit )?(?:freundlichen|besten|vielen|lieben|herzlichen|freundliche|beste|viele|liebe)"
        r" gr(?:ü|ue)(?:ß|ss)en?(?: (?:aus|von) .{2,30})?",
        r"mfg|lg|vg",
        r"hochachtungsvoll",
        r"(?:bien )?cordialement(?: vôtre)?",
        r"(?:meilleures|sincères) salutations",
        r"bien à (?:vous|toi)",
        r"(?:un )?(?:cordial(?:es)? )?saludos?(?: cordiales)?",
        r"atentamente",
        r"(?:cordiali|distinti) saluti",
        r"atenciosamente",
        r"met vriendelijke groet(?:en)?",
        r"med v[äe]nlig(?:e)? h[äi]ls(?:e)?n(?:ing(?:ar)?)?",
        r"z poważaniem|pozdrawiam|s pozdravem",
        r"с уважением",
        r"此致|敬礼|敬禮|祝好|顺颂商祺|順頌商祺",
        r"敬具|以上",
    )
    + r")\s*[,.!，。！]?$",
    re.IGNORECASE,
)
_FOOTER = re.compile(r"^_{40,}\s*$")
"""The rule that mailing lists put above their own words."""
