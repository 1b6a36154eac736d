"""What the console says, by language: keys to sentences, codes to words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from services.console.domain.handover_words_en import HANDOVER_ENGLISH
from services.console.domain.handover_words_zh import HANDOVER_CHINESE
from services.console.domain.levels_words_en import LEVELS_ENGLISH
from services.console.domain.levels_words_zh import LEVELS_CHINESE
from services.console.domain.life_words_en import LIFE_ENGLISH
from services.console.domain.life_words_zh import LIFE_CHINESE
from services.console.domain.task_words_en import TASK_ENGLISH
from services.console.domain.task_words_zh import TASK_CHINESE
from services.console.domain.words_en import ENGLISH
from services.console.domain.words_zh import CHINESE


class Language(StrEnum):
    """The languages of the pages."""

    EN = "en"
    ZH = "zh"

    @property
    def own_name(self) -> str:
        """What its speakers call it."""
        return "English" if self is Language.EN else "中文"


CATALOGUES: Mapping[Language, Mapping[str, str]] = {
    Language.EN: {**ENGLISH, **LIFE_ENGLISH, **HANDOVER_ENGLISH, **TASK_ENGLISH, **LEVELS_ENGLISH},
    Language.ZH: {**CHINESE, **LIFE_CHINESE, **HANDOVER_CHINESE, **TASK_CHINESE, **LEVELS_CHINESE},
}


@dataclass(frozen=True, slots=True)
class Words:
    """One language's catalogue."""

    language: Language

    def has(self, key: str) -> bool:
        """Return whether the catalogue has a key."""
        return key in CATALOGUES[self.language]

    def raw(self, key: str) -> str:
        """Return a sentence with its placeholders; the key itself where there is none."""
        return CATALOGUES[self.language].get(key, key)

    def counted(self, key: str, fields: Mapping[str, Any]) -> str:
        """Return the key of a sentence's singular where ``count`` is one and there is such."""
        one = f"{key}.one"
        return one if fields.get("count") == 1 and self.has(one) else key

    def __call__(self, key: str, /, **fields: Any) -> str:
        """Return a sentence, filled in."""
        return self.raw(self.counted(key, fields)).format(**fields) if fields else self.raw(key)

    def code(self, group: str, code: str) -> str:
        """Return the word for a code; a code that is not known here reads as it is written."""
        text = str.__str__(code)
        return CATALOGUES[self.language].get(f"{group}.{text}", text.replace("-", " "))


def chosen(*, cookie: str | None, accept: str | None) -> Language:
    """Return the language to answer in: the one chosen by hand, or the browser's preference.

    ``accept`` is an ``Accept-Language`` header (RFC 9110, 12.5.4); what cannot be read in it is
    passed over.
    """
    known = {language.value: language for language in Language}
    if cookie in known:
        return known[cookie]
    ranked: list[tuple[float, int, Language]] = []
    for place, item in enumerate((accept or "").split(",")[:20]):
        tag, _, parameter = item.strip().partition(";")
        language = known.get(tag.split("-")[0].strip().lower())
        if language is not None:
            ranked.append((-_quality(parameter), place, language))
    ranked = [entry for entry in ranked if entry[0] < 0]
    return min(ranked)[2] if ranked else Language.EN


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
