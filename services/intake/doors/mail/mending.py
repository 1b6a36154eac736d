"""Headers that were broken on their way: lines without their indent, a space before a colon.

The parser takes the first line that is no header for the beginning of the text, and all headers
behind it with that. Programs that fold by hand, and archives, leave such lines.
"""

from __future__ import annotations

import re

HEAD_BYTES_MAX = 1_000_000
"""Of a mail: its headers end within so many bytes."""
MENDED_BYTES_MAX = 200_000
"""Headers beyond it are nobody's: they are not read a second time."""
BROKEN_RUN_MAX = 5
"""Lines in a row without an indent; of more the text has begun."""

HEAD_END = re.compile(rb"\r?\n\r?\n")
_HEADER = re.compile(rb"[!-9;-~]{1,200}:")
_SPACED = re.compile(rb"([!-9;-~]{1,200})[ \t]{1,20}:")
_KNOWN = re.compile(
    rb"(?:from|to|cc|bcc|subject|date|message-id|in-reply-to|references|reply-to|sender|received"
    rb"|return-path|delivered-to|mime-version|content-[a-z-]{2,30}|x-[!-9;-~]{1,60}|list-[a-z]{2,20}"
    rb"|precedence|importance|auto-submitted|user-agent|thread-[a-z]{2,20}|dkim-signature"
    rb"|authentication-results|arc-[a-z-]{2,40}|organi[sz]ation|status)[ \t]{0,20}:",
    re.IGNORECASE,
)


def mended(body: bytes) -> bytes:
    """Return a mail whose broken header lines belong to the header before them.

    Only lines that a header of a common name follows at once, or that continue a parameter, are
    headers' for sure; otherwise the mail stays as it is.
    """
    end = HEAD_END.search(body, 0, MENDED_BYTES_MAX)
    if end is None:
        return body
    lines = body[: end.start()].split(b"\n")
    kept: list[bytes] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        if line[:1] in b" \t" or _HEADER.match(line):
            kept.append(line)
        elif spaced := _SPACED.match(line):
            kept.append(spaced[1] + line[spaced.end() - 1 :])
        elif at == 0 and line.startswith(b"From "):
            kept.append(line)
        elif at == 0 and line.startswith(b">From "):
            pass
        elif kept and not line.startswith(b"--") and _goes_on(lines, at):
            kept.append(b" " + line)
        else:
            kept.extend(lines[at:])
            break
        at += 1
    return b"\n".join(kept) + body[end.start() :]


def _goes_on(lines: list[bytes], at: int) -> bool:
    """Return whether the headers go on behind a broken line."""
    if at and lines[at - 1].rstrip().endswith(b";"):
        return True
    following = lines[at + 1 : at + 1 + BROKEN_RUN_MAX]
    return any(_KNOWN.match(line) for line in following)
