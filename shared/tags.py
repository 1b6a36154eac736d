"""Tags: short words that people and doors put on a ticket, for rules and for finding it again.

A tag is in lower case and has no white space. Tags of a ticket are a set: each once, sorted.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field

TAGS_MAX: Final = 20
TAG_LENGTH_MAX: Final = 50


def normal_tag(value: object) -> object:
    """Return a tag without white space around it and in lower case; leave what is no text.

    Raises:
        ValueError: it is no word of 1 to `TAG_LENGTH_MAX` characters.
    """
    if not isinstance(value, str):
        return value
    found = value.strip().lower()
    if not 1 <= len(found) <= TAG_LENGTH_MAX:
        message = f"a tag has 1 to {TAG_LENGTH_MAX} characters"
        raise ValueError(message)
    if not found.isprintable() or "," in found or " " in found:
        message = "a tag is one word: no white space, no comma"
        raise ValueError(message)
    return found


def split_words(value: object) -> object:
    """Return the words of a line that has spaces or commas between them; leave what is no text."""
    return value.replace(",", " ").split() if isinstance(value, str) else value


def tag_set(tags: Iterable[str]) -> tuple[str, ...]:
    """Return tags as a ticket holds them: each once, sorted."""
    return tuple(sorted(set(tags)))


def joined_tags(*said: Iterable[str]) -> tuple[str, ...]:
    """Return the tags of several, the first ones where they are too many together."""
    every = dict.fromkeys(tag for tags in said for tag in tags)
    return tag_set(list(every)[:TAGS_MAX])


Tag = Annotated[
    str,
    BeforeValidator(normal_tag),
    Field(
        min_length=1,
        max_length=TAG_LENGTH_MAX,
        description="One word; it is kept in lower case.",
    ),
]
Tags = Annotated[tuple[Tag, ...], Field(max_length=TAGS_MAX), AfterValidator(tag_set)]
"""What somebody says; a fault names the field and the place in it, such as ``tags.3``."""
