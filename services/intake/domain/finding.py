"""What people are found by: names, addresses, pinyin and initials, as keys with a common start.

Keys and questions are folded alike: compatibility forms, case and accents do not count. Every
word of a question must be the start of some key.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import product
from typing import Final

import phonenumbers
from pypinyin import Style, lazy_pinyin

from services.intake.domain.contact import KEYS_MAX, Person

KEY_CHARACTERS_MAX: Final = 64
WORDS_MAX: Final = 8
FOLDS_MAX: Final = 4
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]+")
_WORD = re.compile(r"\w+")
_LETTERS: Final = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"}
)
"""Letters that Unicode does not take apart into a letter and an accent."""

SURNAMES: Final = {
    "单": "shan", "單": "shan", "曾": "zeng", "仇": "qiu", "解": "xie", "任": "ren",
    "区": "ou", "區": "ou", "查": "zha", "盖": "ge", "蓋": "ge", "乐": "yue", "樂": "yue",
    "朴": "piao", "翟": "zhai", "覃": "qin", "缪": "miao", "繆": "miao", "冼": "xian",
    "尉迟": "yu chi", "尉遲": "yu chi", "万俟": "mo qi", "萬俟": "mo qi", "长孙": "zhang sun",
    "長孫": "zhang sun", "纪": "ji", "紀": "ji", "华": "hua", "華": "hua", "员": "yun",
    "員": "yun", "秘": "bi", "折": "she", "逄": "pang", "宓": "mi", "种": "chong", "黑": "he",
}  # fmt: skip
"""Characters that are read otherwise as a surname; the dictionary's own reading counts as well."""


def folded(text: str) -> str:
    """Return a text without case, accents and compatibility forms."""
    for _ in range(FOLDS_MAX):
        after = _folded_once(text)
        if after == text:
            break
        # What was put together again may come apart otherwise: a key and a question must agree.
        text = after
    return text


def _folded_once(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    plain = "".join(c for c in apart if not unicodedata.combining(c) or c in "\u3099\u309a")
    # Hangul and the voiced kana are taken apart above, and belong together.
    return unicodedata.normalize("NFKC", plain).strip()


def search_keys(person: Person, addresses: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the keys of a person, the most telling first, each once.

    Args:
        person: name, mail, telephone and employee number count.
        addresses: all their addresses, with their kinds in front.
    """
    keys = dict.fromkeys(
        key[:KEY_CHARACTERS_MAX]
        for key in (
            *_of_name(person.name),
            *_of_mail(person.mail),
            *_of_phone(person.phone),
            *((folded(person.employee),) if person.employee else ()),
            *_of_addresses(addresses),
        )
        if key
    )
    return tuple(keys)[:KEYS_MAX]


def question_words(question: str) -> tuple[tuple[str, ...], ...]:
    """Return the words of a question; of each word any one form must start some key.

    A word in Chinese characters is looked for by its sound too: 张 finds 張.
    """
    # What cannot be seen cannot be looked for: the store takes no pattern with a NUL.
    plain = "".join(c if c.isprintable() else " " for c in folded(question))
    digits = re.sub(r"[\s()./-]", "", plain)
    if re.fullmatch(r"\+?\d{3,}", digits):
        return ((digits[:KEY_CHARACTERS_MAX],),)
    words: list[str] = []
    for word in re.split(r"[\s,;]+", plain):
        words.extend([word] if "@" in word else _WORD.findall(word))
    return tuple(_forms(word[:KEY_CHARACTERS_MAX]) for word in words[:WORDS_MAX])


def _forms(word: str) -> tuple[str, ...]:
    if not _HAN.fullmatch(word):
        return (word,)
    return (word, "".join(lazy_pinyin(word, style=Style.NORMAL))[:KEY_CHARACTERS_MAX])


def _of_name(name: str) -> Iterator[str]:
    plain = folded(name)
    if not plain:
        return
    yield plain
    words = _WORD.findall(plain)
    yield from words
    if _HAN.search(plain):
        for run in _HAN.findall(plain):
            yield from _of_han(run)
        return
    # "Grace Brewster Hopper" is found by gbh, by gh, and, family name first, by hg.
    if len(words) > 1:
        yield "".join(word[0] for word in words)
        yield words[0][0] + words[-1][0]
        yield words[-1][0] + words[0][0]
        yield words[-1] + words[0]
        yield "".join(words)


def _of_han(run: str) -> Iterator[str]:
    """Yield the characters from each place on, and the pinyin, full and by initials."""
    yield from (run[i:] for i in range(1, min(len(run), 4)))
    for syllables in _readings(run):
        yield "".join(syllables)
        yield "".join(s[0] for s in syllables)
        yield from syllables
        given_first = (*syllables[1:], syllables[0])
        yield "".join(given_first)
        yield "".join(syllables[1:])


def _readings(run: str) -> list[tuple[str, ...]]:
    """Return how a name may be read: as the dictionary says, and as its surname is read."""
    usual = tuple(lazy_pinyin(run, style=Style.NORMAL, errors="default"))
    readings = [usual]
    for length in (2, 1):
        surname = SURNAMES.get(run[:length]) if len(run) > length else None
        if surname is not None and len(usual) == len(run):
            readings.append((*surname.split(), *usual[length:]))
    # People write the ü of 吕 as v, as u, or as yu.
    with_umlaut = [r for r in readings if any("v" in s for s in r)]
    for reading, letter in product(with_umlaut, ("u", "yu")):
        readings.append(tuple(s.replace("v", letter) for s in reading))
    return [tuple(s for s in r if s) for r in dict.fromkeys(readings)]


def _of_mail(mail: str | None) -> Iterator[str]:
    if mail:
        plain = folded(mail)
        yield plain
        local = plain.partition("@")[0]
        yield from _WORD.findall(local.replace("_", " "))


def _of_phone(phone: str | None) -> Iterator[str]:
    """Yield a number as it is dialled from abroad, and at home with its leading zero."""
    if not phone:
        return
    yield phone
    yield phone.removeprefix("+")
    try:
        number = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return
    national = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    yield re.sub(r"\D", "", national)
    yield phonenumbers.national_significant_number(number)


def _of_addresses(addresses: Iterable[str]) -> Iterator[str]:
    for address in addresses:
        kind, _, value = address.partition(":")
        match kind:
            case "mail":
                yield from _of_mail(value)
            case "phone":
                yield from _of_phone(value)
            case _:
                yield folded(value)
