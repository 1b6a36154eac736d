"""What a ticket that is split off says of what was said in it before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from services.intake.domain.messages import Message
from services.intake.domain.splits import first_asked, said_in
from shared.contracts.facts import Channel
from shared.contracts.intake import SAID_MAX, Direction, ReplyVerdict

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
IN, OUT, NOTE = Direction.INBOUND, Direction.OUTBOUND, Direction.INTERNAL


def rows(*directions: Direction, text: str = "It is dark.") -> list[Message]:
    """Return messages, one a minute; what comes in is Ana's."""
    return [
        Message(
            id=f"m-{n}",
            tenant="main",
            ticket="t-1",
            n=n,
            direction=direction,
            channel=Channel.EMAIL,
            text=text,
            author="ana" if direction is IN else "bob",
            at=START + timedelta(minutes=n),
        )
        for n, direction in enumerate(directions)
    ]


def minutes(*directions: Direction) -> list[int]:
    """Return in which minutes what counts was said."""
    said = said_in(rows(*directions), contact="ana")
    return [(one.at - START) // timedelta(minutes=1) for one in said]


def test_the_ticket_begins_with_the_requesters_first_message() -> None:
    """What comes before it is not said in the ticket, and neither is that message itself."""
    assert first_asked(rows(OUT, NOTE, IN, OUT, IN)) == 2
    assert minutes(OUT, NOTE, IN, OUT, IN) == [3, 4]


def test_without_the_requester_it_begins_with_the_first_and_that_counts() -> None:
    """The desk's word is said to the requester all the same; a note to nobody."""
    assert first_asked(rows(OUT, NOTE, OUT)) == 0
    assert minutes(OUT, NOTE, OUT) == [0, 2]
    assert minutes(NOTE) == []


def test_of_very_many_the_first_reply_and_the_newest_count() -> None:
    """The first reply is among them once."""
    many = (IN, IN, IN, OUT, *(IN, OUT) * SAID_MAX)
    last = len(many) - 1
    assert minutes(*many) == [3, *range(last - SAID_MAX + 2, last + 1)]
    only = (IN, *(IN,) * SAID_MAX, OUT)
    assert minutes(*only) == list(range(3, SAID_MAX + 2))
    assert len(minutes(IN, *(IN, OUT) * (SAID_MAX // 2))) == SAID_MAX


def test_only_the_contacts_word_is_a_verdict() -> None:
    """As in the ticket in which it was said."""
    found = rows(IN, IN, OUT, text="Solved, thanks!")
    assert [one.verdict for one in said_in(found, contact="ana")] == [ReplyVerdict.SATISFIED, None]
    assert [one.verdict for one in said_in(found, contact="eve")] == [None, None]
