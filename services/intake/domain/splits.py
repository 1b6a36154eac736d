"""Splits: what goes with messages that become a ticket of their own, and comes back. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from services.intake.domain.links import Linked, require_target
from services.intake.domain.messages import Message
from services.intake.domain.ticket import verdict_in
from shared.contracts.envelope import Body
from shared.contracts.intake import SAID_MAX, Direction, MessageSaid
from shared.contracts.links import RequestSplit, RequestUnsplit
from shared.kernel import CommandRejected


def first_asked(rows: Sequence[Message]) -> int:
    """Return the place of the message with which a new ticket begins.

    That is the requester's first one: what the desk said before it answers something else. Where
    the requester has said none of them it is the first of all.
    """
    inbound = (n for n, row in enumerate(rows) if row.direction is Direction.INBOUND)
    return next(inbound, 0)


def said_in(rows: Sequence[Message], *, contact: str) -> list[MessageSaid]:
    """Return what was said in messages that become a ticket, behind the one that it begins with.

    Where the requester has said none of them, that is all of them. Notes are said to nobody. Of
    more than `SAID_MAX` the first reply counts, and the newest.

    Args:
        rows: the messages, the oldest first.
        contact: of the new ticket.
    """
    place = first_asked(rows)
    asked = rows[place].direction is Direction.INBOUND
    found = [row for row in rows[place + asked :] if row.direction is not Direction.INTERNAL]
    if len(found) > SAID_MAX:
        newest = found[1 - SAID_MAX :]
        replies = (row for row in found if row.direction is Direction.OUTBOUND)
        first = next(replies, found[0])
        found = newest if first in newest else [first, *newest]
    return [
        MessageSaid(
            at=row.at,
            direction=row.direction,
            author=row.author,
            verdict=verdict_in(row, contact=contact),
        )
        for row in found
    ]


def decide_split(
    source: Linked | None, *, into: str, messages: Sequence[str], link: str, by: str
) -> Sequence[Body]:
    """Note that messages became a ticket of their own."""
    if source is None or link in source.links.done:
        return []
    ids = tuple(messages)
    return [RequestSplit(facts=source.facts, into=into, messages=ids, link=link, by=by)]


def require_unsplit(new: Linked | None, source: Linked | None) -> None:
    """Refuse to give messages back to a ticket from which they were not split off.

    Raises:
        CommandRejected: with the reason.
    """
    if new is None or new.links.split_from is None:
        raise CommandRejected("not-split", "the ticket was not split off from another one")
    if new.links.merged_into is None:
        require_target(source)
    elif new.links.merged_into != new.links.split_from:
        raise CommandRejected("already-merged", "the ticket is merged into a third one")


def decide_unsplit(source: Linked | None, *, into: str, link: str, by: str) -> Sequence[Body]:
    """Have the messages again that had become a ticket of their own."""
    split = source.links.split.get(into) if source is not None else None
    if source is None or split is None:
        return []
    return [RequestUnsplit(facts=source.facts, into=into, split=split, link=link, by=by)]


def names_of(rows: Iterable[Message], chosen: Collection[str]) -> list[tuple[str, str]]:
    """Return by what later messages name those chosen of a conversation, each as kind and name.

    A chat has no other name than its own: it goes with its newest message.
    """
    newest = {row.chat: row.id for row in sorted(rows, key=lambda row: row.n)}
    names = [("message", row.message_id) for row in rows if row.id in chosen and row.message_id]
    return [*names, *(("chat", chat) for chat, last in newest.items() if chat and last in chosen)]


def given_back(
    rows: Iterable[Message], *, new: str, source: str
) -> list[tuple[list[Message], str | None]]:
    """Return how messages that were split off are marked once they are their ticket's again.

    First their copies, since they are found by the rows that are marked after them. What was
    split off once more from the new ticket is in a third one, and stays there.

    Args:
        rows: of both tickets.
        new: the ticket into which they were split off.
        source: the one from which they were.

    Returns:
        Rows, and to which ticket they have moved; None where they have not.
    """
    found = list(rows)
    copies = {row.copied_from: row for row in found if row.ticket == new and row.copied_from}
    marked: dict[str | None, list[Message]] = {source: [], None: []}
    for row in found:
        if row.ticket != source or row.moved_to != new:
            continue
        copy = copies.get(row.id)
        further = copy.moved_to if copy is not None else None
        if further is not None and further != source:
            marked.setdefault(further, []).append(row)
            continue
        marked[None].append(row)
        if copy is not None:
            marked[source].append(copy)
    return [(those, to) for to, those in marked.items() if those]
