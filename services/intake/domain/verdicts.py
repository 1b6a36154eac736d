"""Whether a whole message says that a resolution is one, or is none; anything else is a message.

The words are few on purpose. A reply that closes a ticket must say nothing beside it: every clause
of it is one of the words below or a courtesy, at least one says solved (or not), and none the
other. A question, a file, a long text or a word that is not here make it a message, which reopens
the ticket as ever. The cost of a miss is one look by an agent; that of a wrong hit a closed ticket.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from shared.contracts.intake import ReplyVerdict

TEXT_CHARACTERS_MAX: Final = 200
"""Longer texts say more than yes or no."""

SATISFIED: Final = frozenset(
    {
        *("solved", "resolved", "fixed", "confirmed", "all good", "all good now", "satisfied"),
        *("works", "it works", "works now", "it works now", "works again", "it works again"),
        *("working now", "it is working now", "its working now", "working again", "all working"),
        *("it is solved", "its solved", "it is fixed", "its fixed", "it is resolved"),
        *("problem solved", "issue resolved", "problem fixed", "issue fixed", "issue solved"),
        *("that worked", "that fixed it", "that solved it", "it worked", "this worked"),
        *("yes solved", "yes it works", "yes it works now", "i am satisfied"),
        *("已解决", "已经解决", "解决了", "已解决了", "已经解决了", "问题已解决", "问题解决了"),
        *("问题已经解决", "好了", "已经好了", "可以了", "现在可以了", "可以用了", "能用了"),
        *("正常了", "已正常", "恢复正常", "已恢复", "已恢复正常", "恢复了", "没问题了", "搞定了"),
        *("满意", "确认解决", "确认已解决"),
    }
)
DISSATISFIED: Final = frozenset(
    {
        *("not solved", "not resolved", "not fixed", "not yet", "unsolved", "still broken"),
        *("not working", "still not working", "does not work", "doesnt work", "it doesnt work"),
        *("it does not work", "still does not work", "still doesnt work", "it still doesnt work"),
        *("it still does not work", "did not work", "didnt work", "that did not work"),
        *("same problem", "same problem again", "the problem persists", "problem persists"),
        *("issue persists", "it is not solved", "it is not fixed", "not satisfied"),
        *("没解决", "没有解决", "未解决", "还没解决", "还没有解决", "仍未解决", "问题没解决"),
        *("问题没有解决", "问题还在", "问题依旧", "还是不行", "仍然不行", "不行", "还是不能用"),
        *("没好", "还没好", "还是没好", "不满意"),
    }
)
COURTESIES: Final = frozenset(
    {
        *("hi", "hello", "dear team", "hi team", "hello team", "thanks", "thank you", "cheers"),
        *("many thanks", "thanks a lot", "thank you very much", "thanks again", "great"),
        *("thank you so much", "perfect", "best", "best regards", "kind regards", "regards"),
        *("you can close it", "you can close the ticket", "please close", "please close it"),
        *("please close the ticket", "sorry", "unfortunately", "yes"),
        *("谢谢", "谢谢您", "谢谢你", "谢谢你们", "多谢", "感谢", "非常感谢", "您好", "你好"),
        *("辛苦了", "可以关闭", "请关闭", "请关闭工单", "抱歉", "是的"),
    }
)
_CLAUSES: Final = re.compile(r"[\n\r,.;:!，。；：！、~～]+")
_QUESTION: Final = re.compile(r"[?？]")
_SIGNATURE: Final = re.compile(r"^-- ?$", re.MULTILINE)
_UNSPOKEN: Final = re.compile(r"['’`\"“”()（）*_]")


def verdict_of(text: str, *, author: str = "", has_files: bool = False) -> ReplyVerdict | None:
    """Return what a message says of a resolution; None where it may say something else.

    Args:
        text: what its author wrote, without quotes.
        author: their name, as they may sign with it.
        has_files: something came with it, which has to be looked at.
    """
    own = _SIGNATURE.split(unicodedata.normalize("NFKC", text), maxsplit=1)[0].strip()
    if has_files or not own or len(own) > TEXT_CHARACTERS_MAX or _QUESTION.search(own):
        return None
    signed = _names(author)
    said: set[ReplyVerdict] = set()
    for clause in _clauses(own):
        if clause in SATISFIED:
            said.add(ReplyVerdict.SATISFIED)
        elif clause in DISSATISFIED:
            said.add(ReplyVerdict.DISSATISFIED)
        elif clause not in COURTESIES and clause not in signed:
            return None
    return said.pop() if len(said) == 1 else None


def _clauses(text: str) -> list[str]:
    """Return a text's clauses as they are looked up, courtesies at their ends cut off."""
    clauses = (_plain(clause) for clause in _CLAUSES.split(text))
    return [_bare(clause) for clause in clauses if clause]


def _plain(clause: str) -> str:
    return " ".join(_UNSPOKEN.sub("", clause).lower().split())


def _bare(clause: str) -> str:
    """Return a clause without the courtesy before or after it: 已解决谢谢, works now thanks."""
    if clause in SATISFIED | DISSATISFIED | COURTESIES:
        return clause
    for courtesy in sorted(COURTESIES, key=len, reverse=True):
        # Words of English are set apart by a blank, those of Chinese by nothing.
        gap = " " if courtesy.isascii() else ""
        if clause.endswith(gap + courtesy):
            return clause.removesuffix(gap + courtesy).strip()
        if clause.startswith(courtesy + gap):
            return clause.removeprefix(courtesy + gap).strip()
    return clause


def _names(author: str) -> frozenset[str]:
    """Return how an author may sign: the whole name, or a part of it."""
    name = _plain(unicodedata.normalize("NFKC", author))
    return frozenset({name, *name.split()} - {""})
