"""Texts of Teams: a message comes as words with some markup, and again as HTML."""

from __future__ import annotations

import html
import re

import nh3

from services.intake.domain.normal import HTML_MAX

TAGS = frozenset(
    {"a", "b", "blockquote", "br", "code", "div", "em", "h1", "h2", "h3", "i", "li", "ol", "p"}
    | {"pre", "s", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "u", "ul"}
)
"""What a cleaned text may have. Pictures are not among them: they are kept as files."""

BRACKETS_MAX = 3_000

_AT = re.compile(r"<at(?:\s[^<>]{0,200})?>([^<>]{0,300})</at>")
_BREAK = re.compile(r"</(?:p|div|li|tr|h[1-6])>|<br\s{0,9}/?>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-z][^<>]{0,2000}>", re.IGNORECASE)
_MARKUP = re.compile(r"<(?:p|div|br|span|ul|ol|b|i)\b[^<>]{0,300}>", re.IGNORECASE)


def without_first_mention(text: str) -> str:
    """Return words without the mention that they begin with."""
    found = _AT.match(text.lstrip())
    return text.lstrip()[found.end() :] if found else text


def plain_text(text: str, *, marked_up: bool) -> str:
    """Return words without markup; a mention becomes ``@name``.

    Args:
        text: as the activity has it.
        marked_up: the activity says that it is; otherwise only known tags show it.
    """
    text = _AT.sub(lambda found: f"@{found[1]}", text)
    if marked_up or _MARKUP.search(text):
        text = html.unescape(_TAG.sub("", _BREAK.sub("\n", text)))
    return text.replace("&nbsp;", " ").replace("\xa0", " ").strip()


def clean_html(written: str) -> str:
    """Return HTML with only what is allowed; nothing where that is too long to be kept.

    Nothing also where it has more tags than people write: what thousands of elements, each within
    the other, cost grows with their square. The words are kept in either case.
    """
    if written.count("<") > BRACKETS_MAX:
        return ""
    cleaned = nh3.clean(
        written,
        tags=set(TAGS),
        attributes={"a": {"href"}},
        url_schemes={"http", "https", "mailto"},
    )
    return cleaned if len(cleaned) <= HTML_MAX else ""
