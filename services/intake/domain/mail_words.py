"""The words by which mail programs quote, forward and sign, in the languages that they come in."""

from __future__ import annotations

import re
from typing import Final


def _any(*texts: str) -> str:
    return "|".join(texts)


INVISIBLE: Final = " \t\u00a0\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\ufeff*"
"""What programs put around lines: spaces, marks of the direction of writing, a bold line's stars."""
COLONS: Final = frozenset(":：")
MARKS_END: Final = frozenset("-:：*#=_")
"""With what the lines end that stand between a mail and an earlier one, but for those in words."""
ENDS: Final = (":", "：", "wrote", "wrote ----", "wrote ---", "napsal(a)", ">")
"""How an attribution ends."""

FORWARD = re.compile(
    rf"^\s*(?:\[[^\]]{{0,40}}\]\s*)?(?:{_any('fwd?', 'fw', 'wg', 'tr', 'rv', 'enc', 'i', 'vs', 'doorst', 'pd', 'vb', 'wtr', 'ilt', 'továbbítás')})"
    r"\s*[:：]|^\s*(?:转发|轉寄|転送|전달|пересл)\s*[:：]",
    re.IGNORECASE,
)
FORWARDED = re.compile(
    r"^[*\s]{0,5}(?:-{2,80}[\s>]*)?(?:"
    + _any(
        r"(?:begin )?forwarded (?:message|by\b.{0,80})",
        r"(?:anfang der )?weitergeleitete[n]? (?:nachricht|mail|e-mail)",
        r"(?:début du )?(?:message|courriel) (?:transféré|réexpédié)",
        r"(?:inicio del )?mensaje reenviado",
        r"(?:inizio(?: del)? )?messaggio inoltrato",
        r"(?:início da )?mensagem (?:encaminhada|reencaminhada)",
        r"(?:begin )?doorgestuurd bericht",
        r"(?:vidarebefordrat|videresendt) (?:meddelande|brev|meddelelse|melding)",
        r"(?:początek )?przekazan(?:a|ej) wiadomoś(?:ć|ci)",
        r"(?:přeposlaná|preposlaná) (?:zpráva|správa)",
        r"(?:пересылаемое|перенаправленное|пересланное) сообщение",
        r"(?:开始)?转发的?(?:邮件|消息)(?:信息)?",
        r"(?:開始)?轉寄的?(?:郵件|訊息)",
        r"転送(?:された)?(?:メッセージ|メール)",
        r"전달된 (?:메시지|메일)",
    )
    + r")\s*(?:-{2,80}|[:：])[*\s]*$",
    re.IGNORECASE,
)
"""Above what the mail passes on: that is what it is about, whatever its subject says."""
SEPARATOR = re.compile(
    r"^[>*\s]{0,5}-{2,80}(?:\s|&nbsp;){0,5}(?:"
    + _any(
        "original message(?: by .{1,60})?",
        "reply message",
        r"on\b.{5,200}\bwrote",
        "urspr(?:ü|ue)ngliche (?:nachricht|mail)(?: von .{1,60})?",
        "original-?nachricht",
        "message d.origine",
        "message original",
        "mensaje original",
        "messaggio originale",
        "mensagem original",
        "missatge original",
        "oorspronkelijk bericht",
        "oprindelig (?:meddelelse|besked)",
        "opprinnelig melding",
        "ursprungligt meddelande",
        "alkuperäinen viesti",
        "oryginalna wiadomość",
        "(?:wiadomość|originální|původní) (?:oryginalna|zpráva|e-mail)",
        "pôvodná správa",
        "eredeti üzenet",
        "mesaj(?:ul)? (?:original|inițial)",
        "orijinal (?:mesaj|ileti)",
        "исходное сообщение",
        "оригінальне повідомлення",
        "αρχικό μήνυμα",
        "原始邮件",
        "原始郵件",
        "原邮件",
        "回复的原邮件",
        "元のメッセージ",
        "原始信件",
        "원본 ?(?:메시지|메일)",
    )
    + r")(?:\s|&nbsp;){0,5}-{2,80}[*\s]*$"
    r"|^[\W_]{0,12}(?:please )?(?:(?:type|write|enter) )?(?:your )?reply above this line[\W_]{0,12}$"
    r"|^[\W_]{0,12}bitte (?:ihre )?antwort oberhalb dieser (?:linie|zeile).{0,30}$",
    re.IGNORECASE,
)
GROUPWISE = re.compile(r"^>>> .{3,200}\d.{0,60}>>>$")
RULE = re.compile(r"^[> \t]*[_*—-]{5,}\s*$")


def _header(*names: str) -> re.Pattern[str]:
    return re.compile(rf"^[>*\s]*(?:{_any(*names)})\s{{0,3}}\*?\s?[:：]\s?\*?", re.IGNORECASE)


FROM = _header(
    *(
        "from",
        "von",
        "de",
        "da",
        "van",
        "från",
        "fra",
        "od",
        "от",
        "від",
        "发件人",
        "寄件者",
        "寄件人",
    ),
    *(
        "差出人",
        "送信者",
        "보낸 ?사람",
        "gönderen",
        "kimden",
        "lähettäjä",
        "feladó",
        "από",
        "de la",
    ),
)
SENT = _header(
    *("sent", "gesendet", "envoyé", "enviado(?: el)?", "enviada(?: em)?", "inviato", "verzonden"),
    *("skickat", "sendt", "wysłano", "odesláno", "odoslané", "отправлено", "надіслано"),
    *("发送时间", "发送日期", "寄件日期", "傳送時間", "送信日時", "보낸 ?날짜", "보낸 ?시간"),
    *("gönderme tarihi", "lähetetty", "elküldve", "trimis"),
)
DATE = _header(
    *(
        "date",
        "datum",
        "fecha",
        "data",
        "дата",
        "日期",
        "时间",
        "日時",
        "날짜",
        "tarih",
        "päivämäärä",
    ),
    *("dátum", "dato", "ημερομηνία"),
)
"""Unlike `SENT` a word that people write, too."""
TO = _header(
    *("to", "an", "à", "para", "a", "aan", "till", "til", "do", "komu", "кому", "收件人", "收件者"),
    *("宛先", "받는 ?사람", "alıcı", "kime", "vastaanottaja", "címzett", "προς", "către"),
)
SUBJECT = _header(
    *("subject", "betreff", "objet", "asunto", "oggetto", "assunto", "onderwerp", "ämne", "emne"),
    *(
        "temat",
        "předmět",
        "predmet",
        "тема",
        "主题",
        "主旨",
        "件名",
        "제목",
        "konu",
        "aihe",
        "tárgy",
    ),
    *("θέμα", "subiect", "assumpte"),
)
HEADERS: Final = (SENT, DATE, TO, SUBJECT)
ATTRIBUTION_START = re.compile(
    r"(?:on|am|le|el|il|em|op|den|dne|dňa|w dniu|dnia|at|în|в|\d+|в\w*|在|于|na|pe|p[åa])\b"
    r"|.{0,120}?[<@]|[^\x00-\x7f]|.{1,80}\b(?:wrote on|schrieb am)\b",
    re.IGNORECASE,
)
ATTRIBUTION_END = re.compile(
    r"(?:"
    + _any(
        r"\bwrote(?: on\b.{4,80})?",
        r"\bwrites",
        r"\bschrieb(?:en)?\b.{0,120}",
        r"\bgeschrieben",
        r"\ba écrit",
        r"\bescribi[óo]",
        r"\bva escriure",
        r"\bha scritto",
        r"\bescreveu",
        r"\bschreef\b.{0,120}",
        r"\bgeschreven",
        r"\bskrev\b.{0,120}",
        r"\bpisze",
        r"\bnapisał(?:\(a\)|a)?",
        r"\bnap[ií]sal(?:\(a\)|a)?",
        r"\b(?:на)?писал(?:\(а\)|а)?",
        r"\bпишет",
        r"\bпише",
        r"\bнаписа",
        r"\bkirjoitti",
        r"\bírta(?: \(.{4,80}\))?",
        r"\bşunu yazdı",
        r"\byazdı",
        r"\ba scris",
        r"\bđã viết",
        r"\bmenulis",
        r"\bέγραψε",
        "写道",
        "寫道",
        r"(?:님이|>) ?작성",
        "さんは書きました",
        r"> ?のメール",
        r"\d{4}年\d{1,2}月\d{1,2}日.{0,90}[>)]",
    )
    + r")\s*(?:[:：]|-{2,5}|$)\s*$"
    r"|^(?:quoting|zitat von)\b.{3,120}[:：]$",
    re.IGNORECASE,
)
DATED = re.compile(r"\d|@")
BRACKETED = re.compile(r"<[^<>@\s]{0,3}[^<>@\s]{1,64}@[^<>@\s]{1,200}>")
YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")
TIME = re.compile(r"(?<!\d)\d{1,2}[:.時]\d\d(?!\d)")
SENT_FROM = re.compile(
    r"^[(<]{0,2}(?:"
    + _any(
        r"sent (?:from|via|with|by) (?:my|a|outlook|yahoo|mail|mobile|proton|samsung|windows|airmail"
        r"|galaxy|gmail|iphone|ipad|android)\b(?:.{0,25}\.|.{0,60}[^.\s])?",
        r"get outlook for .{0,120}",
        r"from my (?:iphone|ipad|android|mobile|phone|blackberry)\b.{0,20}",
        r"von meinem .{2,40} gesendet",
        r"gesendet (?:von|mit) (?:meinem|mein|outlook|der|gmx|web|iphone|samsung)\b.{0,60}",
        r"diese nachricht wurde von .{2,60} gesendet\.?",
        r"(?:holen sie sich )?outlook für (?:ios|android).{0,20}",
        r"envoyé (?:de(?:puis)?|à partir de) (?:mon|ma|l|outlook|yahoo)\b.{0,60}",
        r"(?:obtenir|télécharger) outlook pour .{0,40}",
        r"enviado desde (?:mi|outlook|mail|yahoo)\b.{0,60}",
        r"obtener outlook para .{0,40}",
        r"enviado d[oe] meu .{0,60}",
        r"inviato (?:da|dal) .{0,60}",
        r"(?:verstuurd|verzonden) (?:vanaf|met|via|vanuit) .{0,60}",
        r"sendt fra (?:min|mit|outlook|mail)\b.{0,60}",
        r"hent outlook (?:til|for) .{0,40}",
        r"skickat från .{0,60}",
        r"lähetetty .{2,40}(?:sta|stä|ni)\b.{0,20}",
        r"wysłan[oey] z (?:mojego|iphone|telefonu|aplikacji|poczty|systemu).{0,60}",
        r"odesláno z .{0,60}",
        r"odoslané z .{0,60}",
        r"отправлено (?:с|из) .{0,60}",
        r"надіслано з .{0,60}",
        r"发[自送](?:自)?我的.{0,40}",
        r"从我的.{0,20}发送.{0,20}",
        r"從我的.{0,20}(?:傳送|寄出).{0,20}",
        r".{0,20}から送信",
        r"(?:나의|내) .{0,30}에서 보냄",
    )
    + r")[)>]{0,2}$",
    re.IGNORECASE,
)
THANKING: Final = (
    r"(?:all the )?best|cheers|(?:many |with )?thanks(?: a lot| in advance| again)?"
    r"|thank you(?: very much| in advance)?"
)
THANKS = re.compile(rf"^(?:{THANKING})\s*[,.!]?$", re.IGNORECASE)
CLOSING = re.compile(
    r"^(?:"
    + _any(
        r"(?:(?:with )?(?:best|kind(?:est)?|warm(?:est)?|many) )?(?:regards|wishes)",
        r"b?rgds",
        THANKING,
        r"yours (?:sincerely|faithfully|truly)",
        r"sincerely(?: yours)?",
        r"(?:mit )?(?:freundlich|best|viel|lieb|herzlich|schön)(?:en?|em)"
        r" gr(?:ü|ue|u)(?:ß|ss)e?n?(?: (?:aus|von) .{2,30})?",
        r"gru(?:ß|ss)|gr(?:ü|ue)(?:ß|ss)e",
        r"mfg|lg|vg",
        r"hochachtungsvoll",
        r"(?:bien )?(?:à vous )?cordialement(?: vôtre)?",
        r"(?:meilleures|sincères) salutations",
        r"bien à (?:vous|toi)",
        r"(?:un )?(?:cordial(?:es)? )?saludos?(?: cordiales)?",
        r"atentamente|cordialmente",
        r"(?:cordiali |distinti )?saluti",
        r"atenciosamente|(?:com os melhores )?cumprimentos",
        r"(?:met )?(?:vriendelijke|hartelijke) groet(?:en)?|groet(?:en|jes)?",
        r"(?:med )?(?:v[äe]nlige?a?|bästa|bedste|de bedste)? ?(?:h[äi]ls(?:e)?n(?:ing(?:ar)?)?|hilsner)",
        r"mvh|vh",
        r"(?:ystävällisin )?terveisin",
        r"z powa[żz]aniem|pozdrawiam|s pozdravem|s úctou|üdvözlettel|cu stimă|saygılarımla",
        r"с уважением|з повагою|με εκτίμηση",
        r"此致|敬礼|敬禮|祝好|顺颂商祺|順頌商祺",
        r"敬具|以上",
    )
    + r")\s*[,.!，。！]?$",
    re.IGNORECASE,
)
FOOTER = re.compile(r"^(?:_{30,}|[—―]{15,})\s*$")
"""The rule that mailing lists put above their own words."""
