"""What is new in a mail: earlier messages and the signature are split off, line by line.

Every line is looked at a bounded number of times, and only its first characters: the cost grows
with the length of the text and with nothing else.

The rules are those that mail programs write by: RFC 3676 for ``-- `` and ``>``, the attribution
lines ("On …, Ana wrote:") and the header blocks ("From: … Sent: …") of the common programs, in the
languages that they come in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.intake.domain import mail_words as words

LINE_MAX = 300
"""Characters of a line that are looked at."""
TRIES_MAX = 300
"""Lines that may begin a quotation, of which nobody's mail has so many."""
ATTRIBUTION_LINES_MAX = 3
"""Programs break a long attribution."""
BROKEN_LINE_MIN = 65
"""Characters of a quoted line whose end was put on a line of its own."""
HEADER_NAME_MAX = 25
HEADER_LINES_MAX = 8
"""A header block has its subject within so many lines."""
END_MAX = 160
"""Characters at the end of an attribution in which the verb stands."""
SIGNATURE_LINES_MAX = 8
"""After a closing formula; what is longer is no signature."""
SIGNATURE_LINE_MAX = 70
THANKS_LINES_MAX = 4
"""A signature below words of thanks is a name; thanks alone are what somebody wanted to say."""
RULED_LINES_MAX = 25
"""After ``-- ``."""


@dataclass(frozen=True, slots=True)
class Split:
    """A text in two: what is new, and whether anything was split off."""

    new: str
    whole: bool
    """Nothing was split off: ``new`` is all of it."""


def split_reply(text: str, *, forwarded: bool = False) -> Split:
    """Return what is new in a text.

    Args:
        text: of a mail, with line feeds.
        forwarded: the mail passes another one on: what it quotes is what it is about.

    Where everything is quoted, everything is new: nobody writes a mail that says nothing.
    """
    lines = text.split("\n")
    kept, passed_on = _parted(lines) if forwarded else _without_quotes(lines)
    new = "\n".join((*_without_signature(kept), *passed_on)).strip()
    if not new or new == text.strip():
        return Split(new=text, whole=True)
    return Split(new=new, whole=False)


def is_forward(subject: str) -> bool:
    """Return whether a subject says that the mail passes another one on."""
    return words.FORWARD.match(subject[:LINE_MAX]) is not None


def _parted(lines: list[str]) -> tuple[list[str], list[str]]:
    """Return what is said to a mail that is passed on, and that mail with all above it quoted."""
    tries = 0
    for at, full in enumerate(lines):
        line = full[:LINE_MAX].strip()
        headed = not words.COLONS.isdisjoint(line[:HEADER_NAME_MAX])
        tries += headed
        if tries > TRIES_MAX:
            break
        if _is_forward_mark(line) or _ends_here(lines, at, line, headed=headed):
            return lines[:at], lines[at:]
    return lines, []


def _without_quotes(lines: Sequence[str]) -> tuple[list[str], Sequence[str]]:
    """Return lines without quoted ones, their attributions, and all behind a header block.

    Answers between quoted lines stay, and so does a mail that is passed on: it is returned apart.
    """
    kept: list[str] = []
    at = tries = 0
    ends = {n for n, x in enumerate(lines) if x[-9:].rstrip(words.INVISIBLE).endswith(words.ENDS)}
    while at < len(lines):
        line = lines[at][:LINE_MAX].strip()
        begun = line.endswith(">>>") and words.GROUPWISE.match(line)
        rest = at and lines[at - 1].startswith(">") and _is_rest(lines, at)
        if rest or (line.startswith(">") and not begun):
            at += 1
            continue
        taken = 0
        if line and tries < TRIES_MAX:
            if _is_forward_mark(line):
                return kept, lines[at:]
            near = not ends.isdisjoint(range(at, at + ATTRIBUTION_LINES_MAX))
            headed = not words.COLONS.isdisjoint(line[:HEADER_NAME_MAX])
            tries += near or headed
            if _ends_here(lines, at, line, headed=headed):
                return _before(kept, lines), ()
            taken = _attribution(lines, at) if near else 0
        if not taken:
            kept.append(lines[at])
            at += 1
            continue
        at += taken
        while at < len(lines) and not lines[at].strip():
            at += 1
        if at >= len(lines) or not lines[at].lstrip().startswith(">"):
            return _before(kept, lines), ()
    return kept, ()


def _is_rest(lines: Sequence[str], at: int) -> bool:
    """Return whether a line is the rest of a quoted one that was broken."""
    if at == len(lines) - 1 or not lines[at].strip():
        return False
    return len(lines[at - 1]) >= BROKEN_LINE_MIN and lines[at + 1].startswith(">")


def _is_forward_mark(line: str) -> bool:
    return line[-1:] in words.MARKS_END and words.FORWARDED.match(line) is not None


def _ends_here(lines: Sequence[str], at: int, line: str, *, headed: bool) -> bool:
    """Return whether all from here on is an earlier mail."""
    telling = line[-1:] in words.MARKS_END or "above" in line or "oberhalb" in line
    if (telling and words.SEPARATOR.match(line)) or words.GROUPWISE.match(line):
        return True
    return headed and _begins_headers(lines, at)


def _before(kept: list[str], lines: Sequence[str]) -> list[str]:
    """Return the lines above a quotation that goes on to the end; all where there are none."""
    if not any(line.strip() for line in kept):
        return list(lines)
    return _without_rule(kept)


def _without_rule(lines: list[str]) -> list[str]:
    """Return lines without the rule that stands above a header block."""
    end = len(lines)
    while end and (not lines[end - 1].strip() or words.RULE.match(lines[end - 1][:LINE_MAX])):
        end -= 1
    return lines[:end]


def _attribution(lines: Sequence[str], at: int) -> int:
    """Return how many lines from here on say who wrote what follows; 0 where they do not.

    With a verb of writing and a date or an address; or, in whatever language, with a date, a time
    and an address in brackets, as programs put them. Above quoted lines less is enough.
    """
    count = _attributed(lines, at)
    first = lines[at][:LINE_MAX]
    if count > 1 and not (words.YEAR.search(first) or words.TIME.search(first)):
        # The line before an attribution is no part of it.
        later = any(_attributed(lines, at + n) == count - n for n in range(1, count))
        return 0 if later else count
    return count


def _attributed(lines: Sequence[str], at: int) -> int:
    first = lines[at][:LINE_MAX].lstrip(words.INVISIBLE + ">")
    likely = words.ATTRIBUTION_START.match(first) is not None
    joined = ""
    for count in range(1, ATTRIBUTION_LINES_MAX + 1):
        if at + count > len(lines):
            return 0
        line = lines[at + count - 1][:LINE_MAX].lstrip(words.INVISIBLE + ">")
        line = line.rstrip(words.INVISIBLE)
        if not line:
            return 0
        joined = f"{joined} {line}".strip()
        if joined.endswith(words.ENDS) and _is_attribution(
            joined, likely=likely, quoted=_is_quoted(lines, at + count)
        ):
            return count
    return 0


def _is_attribution(text: str, *, likely: bool, quoted: bool) -> bool:
    wrote = words.ATTRIBUTION_END.search(text[-END_MAX:]) is not None
    by_program = words.BRACKETED.search(text) is not None
    dated = words.YEAR.search(text) is not None
    if words.COLONS.isdisjoint(text[-1]):
        return quoted and ((wrote and likely) or (by_program and dated))
    if likely and wrote and words.DATED.search(text):
        return True
    whole = by_program and dated and words.TIME.search(text) is not None
    return whole or (quoted and (wrote or by_program))


def _is_quoted(lines: Sequence[str], at: int) -> bool:
    """Return whether the next line that says something is a quoted one."""
    following = (line for line in lines[at : at + ATTRIBUTION_LINES_MAX] if line.strip())
    return next(following, "").lstrip().startswith(">")


def _begins_headers(lines: Sequence[str], at: int) -> bool:
    """Return whether a block of headers begins here, as Outlook puts it above what it quotes.

    A sender alone is none, nor are sender and date: people write such lines of a move or a trip.
    """
    first = lines[at][:LINE_MAX]
    block = [line[:LINE_MAX] for line in lines[at + 1 : at + HEADER_LINES_MAX]]
    if not words.FROM.match(first):
        # Some begin with another header, and then all of them stand together.
        if not any(header.match(first) for header in words.HEADERS):
            return False
        block = block[: next((n for n, line in enumerate(block) if not line.strip()), None)]
        if not any(words.FROM.match(line) for line in block):
            return False
        block.append(first)
    sent, dated, to, named = (any(header.match(x) for x in block) for header in words.HEADERS)
    return (sent and to) or (named and (sent or dated or to))


def _without_signature(lines: list[str], *, telephone: bool = True) -> list[str]:
    """Return lines without the signature at their end, and without what a telephone adds to it."""
    filled = [n for n, line in enumerate(lines) if line.strip()]
    if not filled:
        return lines
    for n in filled[-RULED_LINES_MAX:]:
        if lines[n].rstrip() == "--" and n != filled[0]:
            return lines[:n]
    last = lines[filled[-1]][:LINE_MAX].strip()
    if telephone and words.SENT_FROM.match(last) and len(filled) > 1:
        return _without_signature(lines[: filled[-1]], telephone=False)
    closed = _closing(lines, filled)
    if closed is not None:
        return lines[:closed]
    for n in filled[1:][-RULED_LINES_MAX:]:
        if words.FOOTER.match(lines[n][:LINE_MAX]) and len(lines) - n <= RULED_LINES_MAX:
            return lines[:n]
    return lines


def _closing(lines: Sequence[str], filled: Sequence[int]) -> int | None:
    """Return the line of a closing formula that a signature alone follows; None without one."""
    last = filled[-SIGNATURE_LINES_MAX:]
    for position, n in enumerate(last):
        line = lines[n][:LINE_MAX].strip()
        if n == filled[0] or not words.CLOSING.match(line):
            continue
        behind = [lines[m].strip() for m in last[position + 1 :]]
        if words.THANKS.match(line) and not 0 < len(behind) <= THANKS_LINES_MAX:
            continue
        if all(len(x) <= SIGNATURE_LINE_MAX and x[-1] not in ".?!。？！" for x in behind):
            return n
    return None
