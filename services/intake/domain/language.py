"""In which language a text is: by its script where that tells, else by a model of letter groups.

Pure: the same text has the same language. The model is part of the library and is read on first
use, which takes half a second: `prepare` reads it before anybody waits.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from functools import cache
from typing import TYPE_CHECKING

from services.intake.domain.scripts import SIMPLIFIED, TRADITIONAL

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

TEXT_MAX = 600
"""Characters that are looked at; more tell nothing more."""
LETTERS_MIN = 20
WORDS_MIN = 4
"""Of a text in letters. Shorter ones are names, codes and greetings of any language."""
CHARACTERS_MIN = 4
"""Of a text in Chinese characters, kana or hangul."""
SHARE_MIN = 0.2
"""So much of a text is in a script that counts; the rest may be product names and addresses."""
CANDIDATES_SHARE_MIN = 0.2
"""Below it the text is most likely in a language that is not looked for."""
SCRIPT_CONFIDENCE = 0.99
UNSURE_SCRIPT_CONFIDENCE = 0.6
TRADITIONAL_COUNTRIES = frozenset({"TW", "HK", "MO"})

_NOISE = re.compile(r"https?://\S{1,500}|\S{1,100}@\S{1,100}|[A-Za-z]{0,20}\d[\w.\-:/\\]{0,100}")
_KANA = re.compile(r"[\u3041-\u3096\u30a1-\u30fa\u30fc]")
_HANGUL = re.compile(r"[\uac00-\ud7a3]")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_WORD = re.compile(r"[^\W\d_]{2,}")


@cache
def _model() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415 - read when needed

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def prepare() -> None:
    """Read the model, so that the first text does not wait for it."""
    _model()


def detect(text: str, candidates: Collection[str]) -> tuple[str, float] | None:
    """Return the language of a text and how sure that is, 0 to 1; None where it cannot be told.

    Args:
        text: what is new in a message.
        candidates: BCP 47 tags of the languages that are looked for, such as ``zh-Hans``.
    """
    looked_at = _NOISE.sub(" ", text[:TEXT_MAX])
    east = _eastern(looked_at)
    if east is not None:
        primary, tag, confidence = east
        alike = [c for c in candidates if _script_of(c) == tag]
        found = tag if tag in alike else next(iter(alike), _of_primary(primary, candidates))
        return None if found is None else (found, confidence)
    words = _WORD.findall(looked_at)
    if len(words) < WORDS_MIN or sum(map(len, words)) < LETTERS_MIN:
        return None
    return _by_letters(" ".join(words), candidates)


def _eastern(text: str) -> tuple[str, str, float] | None:
    """Return primary language, tag and confidence of a text in an East Asian script."""
    kana, hangul, han = (len(p.findall(text)) for p in (_KANA, _HANGUL, _HAN))
    letters = sum(map(len, _WORD.findall(text))) or 1
    if kana + hangul + han < max(CHARACTERS_MIN, SHARE_MIN * letters):
        return None
    if hangul > kana and hangul * 3 > han:
        return "ko", "ko", SCRIPT_CONFIDENCE
    if kana * 10 > han:
        return "ja", "ja", SCRIPT_CONFIDENCE
    simplified = sum(character in SIMPLIFIED for character in text)
    traditional = sum(character in TRADITIONAL for character in text)
    sure = SCRIPT_CONFIDENCE if simplified != traditional else UNSURE_SCRIPT_CONFIDENCE
    return "zh", "zh-Hant" if traditional > simplified else "zh-Hans", sure


def _script_of(tag: str) -> str:
    """Return a tag without its country, and Chinese with its script.

    A country says which one where the tag does not: Unicode's likely subtags, supplemental data.
    """
    primary, *parts = tag.split("-")
    if primary != "zh":
        return primary
    named = next((p for p in parts if p in {"Hans", "Hant"}), None)
    traditional = not TRADITIONAL_COUNTRIES.isdisjoint(parts)
    return f"zh-{named or ('Hant' if traditional else 'Hans')}"


def _by_letters(text: str, candidates: Collection[str]) -> tuple[str, float] | None:
    wanted = {tag.partition("-")[0].lower() for tag in candidates}
    ranked = [(name, share) for name, share in _model().rank(text) if name in wanted]
    total = sum(share for _, share in ranked)
    if not ranked or total < CANDIDATES_SHARE_MIN:
        return None
    best, share = ranked[0]
    found = _of_primary(best, candidates)
    return None if found is None else (found, round(share / total, 3))


def _of_primary(primary: str, candidates: Iterable[str]) -> str | None:
    """Return the first candidate of a language, in whatever script or country."""
    return next((tag for tag in candidates if tag.partition("-")[0].lower() == primary), None)
