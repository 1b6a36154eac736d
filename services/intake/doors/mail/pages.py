"""HTML of mails: cleaned by an allow-list, and as text."""

from __future__ import annotations

import re
from html import unescape

import nh3

HTML_READ_MAX = 200_000
"""Characters of a page that are read: a bound on what a hostile one costs."""
DEPTH_MAX = 300
"""Pages of deeper nesting cost the square of it; nobody writes one."""
QUOTES_SHOWN_MAX = 5

_TAGS = {
    *("a", "abbr", "b", "big", "blockquote", "br", "center", "code", "dd", "del", "div", "dl"),
    *("dt", "em", "font", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "ins", "kbd"),
    *("li", "ol", "p", "pre", "q", "s", "samp", "small", "span", "strike", "strong", "sub"),
    *("sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "u", "ul"),
}
_ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"src", "alt", "width", "height"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
    "ol": {"start"},
}
_SCHEMES = {"http", "https", "mailto", "tel", "cid"}
_SILENT = {"script", "style", "head", "title", "template", "noscript"}
_BLOCKS = frozenset(
    {"p", "div", "tr", "li", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "dt", "dd"}
    | {"table", "ul", "ol", "center"}
)
_OPENED = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,15})")
_VOID = frozenset(
    {"br", "hr", "img", "meta", "link", "input", "area", "base", "col", "wbr", "p", "li", "td"}
    | {"tr", "th", "option", "dt", "dd", "tbody"}
)
"""Without an end, or with one that need not be written."""
_TOKEN = re.compile(r"<(/?)([a-z][a-z0-9]*)[^>]*>|([^<]+)")


def cleaned(html: str) -> str:
    """Return a page with only what is allowed: no scripts, no styles, nothing from elsewhere.

    Images are shown only where they came with the mail: one from elsewhere tells its owner who
    read it, and when. Empty where the page is too large or nested too deep to be read.
    """
    if not is_readable(html):
        return ""
    return _CLEANER.clean(html).strip()


def _kept(tag: str, attribute: str, value: str) -> str | None:
    if tag == "img" and attribute == "src" and not value.lower().startswith("cid:"):
        return None
    if tag == "a" and attribute == "href" and value.lower().startswith("cid:"):
        return None
    return value


_CLEANER = nh3.Cleaner(
    tags=_TAGS,
    clean_content_tags=_SILENT,
    attributes=_ATTRIBUTES,
    attribute_filter=_kept,
    url_schemes=_SCHEMES,
    link_rel="noopener noreferrer nofollow",
)
_BARE = nh3.Cleaner(
    tags={*_BLOCKS, "br", "hr"}, clean_content_tags=_SILENT, attributes={}, link_rel=None
)


def is_readable(html: str) -> bool:
    """Return whether a page is small and flat enough to be read."""
    if len(html) > HTML_READ_MAX:
        return False
    if html.count("<") <= DEPTH_MAX:
        return True
    depth = 0
    for match in _OPENED.finditer(html):
        closing, tag = match.groups()
        if tag.lower() in _VOID:
            continue
        depth = max(0, depth - 1) if closing else depth + 1
        if depth > DEPTH_MAX:
            return False
    return True


def html_text(html: str) -> str:
    """Return what a page says, without its mark-up, scripts and styles.

    Lines within a block quotation begin with ``>``, as they do in plain mails.
    """
    if not is_readable(html):
        # Whatever stands between tags: more than nothing.
        return unescape(re.sub(r"<[^<>]{0,2000}>", "\n", html[:HTML_READ_MAX]))
    page = _BARE.clean(html)
    lines = [""]
    quotes, preformatted = 0, False
    for closing, tag, text in _TOKEN.findall(page):
        if text:
            shown = unescape(text) if preformatted else _SPACES.sub(" ", unescape(text))
            first, *others = shown.split("\n")
            lines[-1] += first
            lines.extend("> " * quotes + line for line in others)
            continue
        if tag == "blockquote":
            quotes = max(0, quotes - 1) if closing else min(QUOTES_SHOWN_MAX, quotes + 1)
        preformatted = not closing if tag == "pre" else preformatted
        if tag == "br" or lines[-1].strip(" >"):
            lines.append("> " * quotes)
        else:
            lines[-1] = "> " * quotes
    return _BLANKS.sub(
        "\n\n", "\n".join(line.strip() if line.strip(" >") else "" for line in lines)
    )


_SPACES = re.compile(r"[ \t\r\n\f]+")
_BLANKS = re.compile(r"\n{3,}")
