"""The name of a mail that has no Message-ID: the same by whatever path it comes.

Of what its servers add on the way, each copy has something else; so only what its sender wrote
is looked at.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

HEAD_BYTES_MAX = 1_000_000
WRITTEN = frozenset(
    {
        b"bcc",
        b"cc",
        b"date",
        b"from",
        b"in-reply-to",
        b"message-id",
        b"mime-version",
        b"references",
        b"reply-to",
        b"resent-date",
        b"resent-from",
        b"sender",
        b"subject",
        b"to",
    }
)
"""Headers that a sender writes (RFC 5322, 3.6). A Message-ID without brackets is none, but a name."""


def name_of(body: bytes) -> str:
    """Return the name of a mail, by what its sender wrote of it.

    Where nobody said when it was written, its first server's trace does: a program may send the
    same words every day.
    """
    head, gap, text = _parted(body)
    written: list[bytes] = []
    first_trace = b""
    for name, value in _headers(head):
        if name in WRITTEN or name.startswith(b"content-"):
            written.append(name + b":" + value)
        elif name == b"received":
            first_trace = value
    names = {line.partition(b":")[0] for line in written}
    if b"date" not in names:
        written.append(first_trace)
    if not names & {b"from", b"date"}:
        written, text = [], head + gap + text
    found = hashlib.sha256()
    for part in (*written, b"", text):
        found.update(len(part).to_bytes(8, "big") + part)
    return f"sha256:{found.hexdigest()}"


def _parted(body: bytes) -> tuple[bytes, bytes, bytes]:
    """Return head, gap and text; a mail without a gap is all head."""
    ends = [
        (found, gap)
        for gap in (b"\r\n\r\n", b"\n\n")
        if (found := body.find(gap, 0, HEAD_BYTES_MAX)) >= 0
    ]
    if not ends:
        return body[:HEAD_BYTES_MAX], b"", body[HEAD_BYTES_MAX:]
    end, gap = min(ends)
    return body[:end], gap, body[end + len(gap) :]


def _headers(head: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the headers of a mail, unfolded and with their spaces made single."""
    name, value = b"", []
    for line in (*head.splitlines(), b":"):
        if line[:1] in {b" ", b"\t"}:
            value.append(line)
            continue
        if name:
            yield name, b" ".join(b" ".join(value).split())
        name, _, rest = line.partition(b":")
        name, value = name.strip().lower(), [rest]
