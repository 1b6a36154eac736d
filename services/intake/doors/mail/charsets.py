"""Bytes as text: by their declared charset where that is plausible, else by what they look like.

Declarations are often missing and sometimes wrong. A text is told by its characters: those that
are frequent in a language turn up in every text of it, and hardly ever where bytes are read in a
wrong charset. Every decision looks at a bounded sample, and no bytes are ever lost.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from services.intake.domain.scripts import FREQUENT

SAMPLE_BYTES = 4_096
"""From the first byte that is not ASCII on: what the guess is made from."""
BETTER = 0.35
BETTER_UTF_8 = 0.1
"""By so much another charset must be more plausible than the declared one, to be taken. That
bytes are valid UTF-8 is a sign by itself."""
BROKEN_SHARE = 2
"""Of so many characters more than one is whole, where bytes count as nearly UTF-8."""
TELLING_MIN = 8
"""Of fewer bytes beyond ASCII a declared charset that fits is believed."""
VALID_MIN = 3
"""So many valid characters of UTF-8 are no accident where others have one byte each."""
FITS_MIN = 0.3
"""How plausible a declared charset of several bytes a character is by fitting at all."""
PLAUSIBLE_MIN = 0.12
"""Below it a guess is none."""
RUN_MIN = 3
"""Letters of a script that is not Latin stand in runs; accented ones stand alone."""

_ANY = frozenset().union(*FREQUENT.values())


@dataclass(frozen=True, slots=True)
class _Guess:
    """A charset that is tried, and the letters that tell that it fits."""

    charset: str
    letters: str
    accented: bool = False
    """Its letters stand among ASCII ones; others stand in runs."""


_WIDE_SCRIPTS = frozenset({"hans", "hant", "kana", "hangul"})
_GUESSES = (
    _Guess("gb18030", "hans"),
    _Guess("big5hkscs", "hant"),
    _Guess("cp949", "hangul"),
    _Guess("euc_jis_2004", "kana"),
    _Guess("cp932", "kana"),
    _Guess("cp1251", "cyrillic"),
    _Guess("koi8_u", "cyrillic"),
    _Guess("cp1253", "greek"),
    _Guess("cp1255", "hebrew"),
    _Guess("cp1256", "arabic"),
    _Guess("cp874", "thai"),
    _Guess("cp1252", "western", accented=True),
    _Guess("cp1250", "central", accented=True),
    _Guess("cp1254", "turkish", accented=True),
)
_WIDER = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "big5": "big5hkscs",
    "koi8-r": "koi8_u",
    "iso2022_jp": "iso2022_jp_ext",
}
"""Mailers declare the narrow charset and use the wide one."""
_NO_CHARSETS = frozenset(
    {"base64", "bz2", "hex", "idna", "mbcs", "oem", "punycode", "quopri", "raw-unicode-escape"}
    | {"rot-13", "undefined", "unicode-escape", "uu", "zlib"}
)
"""Python's codecs that are none of texts, or not of mails; one of them is slow on purpose."""
_STATEFUL = frozenset({"hz", "iso2022_kr", "iso2022_jp_ext", "utf-7"})
"""Their bytes are all ASCII."""
_BEYOND = re.compile(rb"[\x80-\xff]")
_ESCAPES = re.compile(rb"\x1b(?:\$[@B]|\$\([A-Z@]|\([BJI])")
_JAPANESE = frozenset({"iso2022_jp_ext", "euc_jp", "cp932"})
_ONE_BYTE = frozenset({"cp1252", "cp1250", "cp1251", "cp1254", "koi8_u", "iso8859-15", "iso8859-2"})
_TWO_BYTES = frozenset({b"$@", b"$B", b"$(@", b"$(B"})
_PAIRS = re.compile(rb"[!-~]{2}")
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decoded(content: bytes, charset: str | None) -> str:
    """Return bytes as text: by their charset, else by what fits, else byte by byte."""
    declared = _known(charset)
    if declared == "utf-8" or (declared is None and not content.startswith(_UTF16)):
        text = _strict(content, "utf-8")
        if text is not None and "\x1b" not in text:
            return text.removeprefix("\ufeff")
    for mark, name in _MARKS:
        if content.startswith(mark) and (text := _strict(content, name)) is not None:
            return text
    if content.startswith(_UTF16):
        # A line feed that was added as one byte, or a cut: half a character is no other charset.
        return content.decode("utf-16", "replace").rstrip("\ufffd")
    if declared not in _STATEFUL and _ESCAPES.search(content, 0, SAMPLE_BYTES * 16):
        declared = "iso2022_jp_ext"
    return _best(content, declared)


def _best(content: bytes, declared: str | None) -> str:
    text = None if declared is None else _strict(content, declared)
    if text is None and declared in _JAPANESE:
        text = _japanese(content)
    if text is not None and (content.isascii() or _is_wide(declared)):
        return text
    sample = _sample(content)
    own = 0.0 if text is None else _plausible(sample, str(declared), text)
    whole = _strict(content, "utf-8")
    if whole is not None and (text is None or _is_utf8(whole, declared, own)):
        return whole
    if text is None and _is_nearly_utf8(content):
        return content.decode("utf-8", "replace")
    floor = PLAUSIBLE_MIN if text is None else own + BETTER
    if text is not None and own >= FITS_MIN and len(_BEYOND.findall(sample)) < TELLING_MIN:
        return text
    scores = {guess.charset: _score(sample, guess) for guess in _GUESSES if floor < 1}
    best = max(scores, key=scores.__getitem__, default="")
    if best and scores[best] >= floor:
        # The sample fits; a broken byte behind it does not make the rest unreadable.
        return content.decode(best, "replace")
    return _unlikely(content, declared) if text is None else text


def _japanese(content: bytes) -> str | None:
    """Return what was declared in one of the Japanese charsets, and is in another of them."""
    if content.isascii():
        return _vendors_japanese(content)
    scores = {g.charset: _score(_sample(content), g) for g in _GUESSES if g.letters == "kana"}
    best = max(scores, key=scores.__getitem__)
    return _strict(content, best) if scores[best] > 0 else None


def _vendors_japanese(content: bytes) -> str:
    """Return ISO-2022-JP with the characters that NEC and IBM added, as Windows writes it.

    No codec of Python's has them; Shift JIS of Windows does, and both count by the same rows.
    """
    found: list[str] = []
    end, mode = 0, b"(B"
    for match in (*_ESCAPES.finditer(content), None):
        piece = content[end : match.start() if match else len(content)]
        if mode in _TWO_BYTES:
            piece = _PAIRS.sub(lambda pair: _shifted(*pair[0]), piece)
        elif mode == b"(I":
            piece = bytes(byte | 0x80 if 0x21 <= byte < 0x60 else byte for byte in piece)  # noqa: PLR2004 - JIS X 0201
        found.append(piece.decode("cp932", "replace"))
        if match:
            end, mode = match.end(), match[0][1:]
    return "".join(found)


def _shifted(row: int, cell: int) -> bytes:
    """Return a character of JIS X 0208 as Shift JIS, by the rule of JIS X 0208 appendix 1."""
    lead = ((row - 0x21) >> 1) + (0x81 if row < 0x5F else 0xC1)  # noqa: PLR2004
    trail = cell + 0x7E if row % 2 == 0 else cell + 0x1F + (cell >= 0x60)  # noqa: PLR2004
    return bytes((lead, trail))


def _is_utf8(text: str, declared: str | None, own: float) -> bool:
    """Return whether bytes that are valid UTF-8 are that, in spite of their declaration.

    Letters of one byte each hardly ever make two valid characters; those of two bytes may.
    """
    if declared in _ONE_BYTE:
        beyond = sum(character > "\x7f" for character in text[:SAMPLE_BYTES])
        if beyond >= VALID_MIN:
            return True
    return _likely(text) >= own + BETTER_UTF_8


def _unlikely(content: bytes, declared: str | None) -> str:
    """Return bytes that look like nothing: as declared though broken, else as Western ones."""
    if declared is not None and declared not in {"utf-8", "cp1252"}:
        return content.decode(declared, "replace")
    return _strict(content, "cp1252") or content.decode("latin-1")


def _is_nearly_utf8(content: bytes) -> bool:
    """Return whether bytes are UTF-8 with a few broken ones, as where a text was cut."""
    found = content.decode("utf-8", "replace")[: SAMPLE_BYTES * 4]
    beyond = sum(character > "\x7f" for character in found)
    return beyond > found.count("\ufffd") * BROKEN_SHARE


def _plausible(sample: bytes, charset: str, text: str) -> float:
    """Return how plausible a declared charset is that can be read."""
    guess = next((guess for guess in _GUESSES if guess.charset == charset), None)
    if guess is None:
        return _likely(text)
    return max(_score(sample, guess), FITS_MIN if guess.letters in _WIDE_SCRIPTS else 0.0)


def _known(charset: str | None) -> str | None:
    """Return Python's name of a declared charset, the wider one; None where it says nothing."""
    if not charset or charset.lower() in {"unknown-8bit", "x-unknown", "default", "binary"}:
        return None
    try:
        name = codecs.lookup(charset.strip("\"' ")).name
    except (LookupError, ValueError):
        return None
    return None if name in _NO_CHARSETS else _WIDER.get(name, name)


def _is_wide(name: str | None) -> bool:
    return name is not None and (name in _STATEFUL or name.startswith(("utf-16", "utf-32")))


def _strict(content: bytes, name: str) -> str | None:
    try:
        return content.decode(name)
    except (UnicodeError, LookupError, ValueError):
        return None


def _sample(content: bytes) -> bytes:
    """Return where the bytes are not ASCII, from the start of a line on."""
    beyond = _BEYOND.search(content)
    first = beyond.start() if beyond else 0
    start = max(content.rfind(b"\n", 0, first) + 1, first - 64)
    return content[start : start + SAMPLE_BYTES]


def _likely(text: str) -> float:
    """Return which share of the characters beyond ASCII is frequent in any language."""
    beyond = [character for character in text[:SAMPLE_BYTES] if character > "\x7f"]
    return sum(c in _ANY for c in beyond) / len(beyond) if beyond else 1.0


def _score(sample: bytes, guess: _Guess) -> float:
    """Return how plausible a charset is, 0 to 1: frequent letters, standing as its letters do."""
    decoder = codecs.getincrementaldecoder(guess.charset)("strict")
    try:
        text = decoder.decode(sample)
    except UnicodeError:
        return 0.0
    letters = FREQUENT[guess.letters]
    found = beyond = in_runs = run = 0
    for character in f"{text}\n":
        if character > "\x7f":
            beyond += 1
            run += 1
            found += character in letters
        else:
            in_runs += run if run >= RUN_MIN else 0
            run = 0
    if not beyond:
        return 0.0
    stands = in_runs / beyond
    if guess.letters in _WIDE_SCRIPTS:
        return found / beyond  # A word of two characters is one.
    return found / beyond * ((1 - stands) if guess.accented else stands)
