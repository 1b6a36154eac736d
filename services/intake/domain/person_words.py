"""The words by which somebody asks for a person: a message says one of them alone in its first line.

They are agreed, and told in the acknowledgement; nothing is guessed from a sentence. docs/telephone.md
and the mails name the first of each language.
"""

from __future__ import annotations

import unicodedata
from typing import Final

PERSON: Final = "person"
"""What such a message asks for, as its event says it."""
WORDS: Final = frozenset(
    {
        "person",
        "a person",
        "person please",
        "human",
        "agent",
        "call me",
        "人工",
        "人工服务",
        "转人工",
        "人工客服",
    }
)
LINE_CHARACTERS_MAX: Final = 40
"""A longer line says something else, whatever is in it."""


def asks_for_person(text: str) -> bool:
    """Return whether a message asks for a person: its first line is one of the agreed words."""
    line = next((line for line in text.splitlines() if line.strip()), "").strip()
    if len(line) > LINE_CHARACTERS_MAX:
        return False
    letters = "".join(
        " " if unicodedata.category(character)[0] in "PSZC" else character
        for character in unicodedata.normalize("NFKC", line)
    )
    return " ".join(letters.split()).casefold() in WORDS
