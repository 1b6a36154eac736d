"""Texts of Slack: links and mentions in angle brackets, or only in blocks.

Sources: docs.slack.dev, "Formatting text for app surfaces", "Rich text block", "Blocks".
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterator
from typing import Any

_LINK = re.compile(r"<([^<>|]{1,3000})(?:\|([^<>]{0,3000}))?>")
BLOCK_PIECES_MAX = 5_000
"""Pieces of blocks that are looked at; a message of people has a few dozen."""
_LINES = frozenset({"rich_text_section", "rich_text_preformatted", "rich_text_quote", "section"})


def plain_text(written: str, own: Collection[str]) -> str:
    """Return words as people read them.

    Args:
        written: in Slack's markup.
        own: ids of the app's own users, whose mentions are left out.
    """

    def plain(found: re.Match[str]) -> str:
        target, label = found[1], found[2] or ""
        if target.startswith("@"):
            return "" if target[1:] in own else f"@{label.lstrip('@') or target[1:]}"
        if target.startswith("#"):
            return f"#{label or target[1:]}"
        if target.startswith("!"):
            return label or f"@{target[1:].partition('^')[0]}"
        return f"{label} ({target})" if label and label not in target else target

    return html.unescape(_LINK.sub(plain, written)).strip()


def text_of_blocks(blocks: Any) -> str:
    """Return the words of blocks in Slack's markup, for a message that says nothing beside them.

    Blocks of any shape are taken: what is not known of them is passed over.
    """
    return "".join(_pieces(blocks)).strip()


def _pieces(blocks: Any) -> Iterator[str]:
    waiting, seen = [blocks], 0
    while waiting and seen < BLOCK_PIECES_MAX:
        seen += 1
        match waiting.pop():
            case str() as text:
                yield text
            case list() as several:
                waiting += reversed(several)
            case {"type": "user", "user_id": str() as user}:
                yield f"<@{user}>"
            case {"type": "emoji", "name": str() as name}:
                yield f":{name}:"
            case {"type": "link", "url": str() as url, **more}:
                label = more.get("text")
                yield f"<{url}|{label}>" if isinstance(label, str) else f"<{url}>"
            case dict() as block:
                kind = block.get("type")
                if isinstance(kind, str) and kind in _LINES:
                    waiting.append("\n")
                waiting += [v for k in ("elements", "fields", "text") if (v := block.get(k))]
            case _:
                continue
