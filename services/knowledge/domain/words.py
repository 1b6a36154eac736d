"""From texts to the words by which they are found, in any script.

Letters and digits make words. Chinese, Japanese and Korean have few spaces or none, so a run of
their characters is cut into overlapping pairs: 打印机 is 打印 and 印机. What is indexed also has
the single characters, so that a query of one character finds something.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

WORD_CHARACTERS_MAX: Final = 60
"""Longer ones are noise: base64, hashes of hashes."""
EXCERPT_CHARACTERS: Final = 160

_PAIRED: Final = (
    "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
_RUNS: Final = re.compile(
    rf"(?P<paired>[{_PAIRED}]+)|(?:(?![{_PAIRED}])[^\W_])+(?:['’](?:(?![{_PAIRED}])[^\W_])+)*"
)

STOP_WORDS: Final = frozenset(
    [
        "a",
        "about",
        "after",
        "all",
        "also",
        "am",
        "an",
        "and",
        "any",
        "are",
        "as",
        "at",
        "be",
        "because",
        "been",
        "before",
        "being",
        "but",
        "by",
        "can",
        "cannot",
        "cant",
        "could",
        "did",
        "didnt",
        "do",
        "does",
        "doesnt",
        "doing",
        "dont",
        "for",
        "from",
        "get",
        "had",
        "has",
        "have",
        "hello",
        "help",
        "her",
        "hi",
        "him",
        "his",
        "how",
        "i",
        "if",
        "im",
        "in",
        "into",
        "is",
        "isnt",
        "it",
        "its",
        "just",
        "me",
        "my",
        "no",
        "not",
        "now",
        "of",
        "on",
        "or",
        "our",
        "out",
        "over",
        "please",
        "so",
        "some",
        "still",
        "than",
        "thank",
        "thanks",
        "that",
        "the",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "this",
        "to",
        "up",
        "us",
        "was",
        "we",
        "were",
        "what",
        "when",
        "where",
        "which",
        "while",
        "who",
        "why",
        "will",
        "with",
        "wont",
        "would",
        "you",
        "your",
    ]
)
"""English words that say nothing about what a ticket is about."""

STOP_CHARACTERS: Final = frozenset("的了吗呢啊吧请我你您们")
"""Chinese characters whose pairs say nothing about what a ticket is about."""


def words_of_text(text: str) -> Iterator[str]:
    """Yield every word under which a text is to be found, in order."""
    for run, paired in _runs(text):
        if paired:
            yield from run
            yield from _pairs(run)
        else:
            yield run


def words_of_query(text: str) -> list[str]:
    """Return the words to look for, each once; those that say nothing only if there are no others."""
    words: list[str] = []
    for run, paired in _runs(text):
        words.extend((_pairs(run) if len(run) > 1 else [run]) if paired else [run])
    distinct = list(dict.fromkeys(words))
    telling = [word for word in distinct if not _says_nothing(word)]
    return telling or distinct


def excerpt(text: str, query: str) -> str:
    """Return the part of a text around the first word of a query, as one line."""
    line = " ".join(text.split())
    if len(line) <= EXCERPT_CHARACTERS:
        return line
    folded = line.casefold()
    places = [folded.find(word) for word in words_of_query(query)]
    first = min((place for place in places if place >= 0), default=0)
    # Case folding may lengthen a text; then the place is a little late, which does no harm.
    start = max(0, min(first - EXCERPT_CHARACTERS // 4, len(line) - EXCERPT_CHARACTERS))
    shown = line[start : start + EXCERPT_CHARACTERS].strip()
    before = "…" if start else ""
    after = "…" if start + EXCERPT_CHARACTERS < len(line) else ""
    return f"{before}{shown}{after}"


def _runs(text: str) -> Iterator[tuple[str, bool]]:
    """Yield runs of characters that belong together, and whether they are to be paired."""
    for match in _RUNS.finditer(unicodedata.normalize("NFKC", text).casefold()):
        if match.group("paired"):
            yield match.group(), True
        else:
            word = match.group().replace("'", "").replace("’", "")
            if len(word) <= WORD_CHARACTERS_MAX:
                yield word, False


def _pairs(run: str) -> list[str]:
    return [run[at : at + 2] for at in range(len(run) - 1)]


def _says_nothing(word: str) -> bool:
    return word in STOP_WORDS or not STOP_CHARACTERS.isdisjoint(word)
