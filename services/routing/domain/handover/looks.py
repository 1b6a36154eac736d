"""What becomes of one ticket at the end of a shift: each look at it gives the events that follow.

A look never moves anything. Where a ticket has to move, `mandate` says where to and why, and the
move is decided again on the ticket in the transaction that writes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final, NamedTuple

from services.routing.domain.desks import DeskChoice, desk_named, is_open
from services.routing.domain.handover.brief import draft
from services.routing.domain.handover.items import GONE, ItemState, Stage
from services.routing.domain.handover.ruling import VISIT_STAYS, Ruling, is_grave, ruled
from services.routing.domain.handover.shifts import (
    candidates,
    reopens_at,
    somebody_opens_at,
    successor,
)
from services.routing.domain.moves import queued
from services.routing.domain.progress import counted
from services.routing.domain.tickets import OVER, TicketState
from services.routing.domain.versions import is_behind
from services.routing.domain.visits import VISIT
from shared.contracts.envelope import Body
from shared.contracts.facts import TicketFacts
from shared.contracts.handover import (
    HandoverAction,
    HandoverItemAdded,
    HandoverItemBriefed,
    HandoverItemKept,
    HandoverItemLeft,
    HandoverItemMoved,
    HandoverItemOffered,
)
from shared.contracts.routing import QueueReason, Status, TicketQueued
from shared.kernel import CommandRejected
from shared.organisation import Configuration
from shared.organisation.handover import HandoverPolicy

SYSTEM: Final = "system"
RETURNED: Final = "returned"
NOBODY_OPEN: Final = "nobody-open"
NO_NEXT: Final = "no-next"
"""No other desk may ever take it over; it waits for its own desk."""
DESK_OPEN: Final = "desk-open"
ANSWERED: Final = frozenset({"declined", "unanswered"})


@dataclass(frozen=True)
class Ending:
    """The end of a shift, as it is looked at."""

    handover: str
    giving: str
    closes_at: datetime
    configuration: Configuration
    policy: HandoverPolicy
    now: datetime

    @cached_property
    def is_past(self) -> bool:
        """Whether the shift has ended."""
        return self.now >= self.closes_at

    @cached_property
    def is_closed(self) -> bool:
        """Whether the shift has ended and the next one has not begun."""
        return self.is_past and not is_open(self.configuration, self.giving, self.now)


class Seen(NamedTuple):
    """A ticket as the store had it."""

    id: str
    seq: int
    state: TicketState
    facts: TicketFacts
    status: Status

    @classmethod
    def of(cls, ticket: str, seq: int, state: TicketState | None) -> Seen | None:
        """Return a ticket whose request has come; None before that."""
        if state is None or state.facts is None or state.status is None:
            return None
        return cls(ticket, seq, state, state.facts, state.status)

    def is_at(self, desk: str) -> bool:
        """Return whether it is open work of a desk; at tier 0 it is nobody's work yet."""
        return self.state.desk == desk and self.status not in OVER and not self.state.unattended


class Standing(NamedTuple):
    """What is to become of an item now; no action: it waits for an answer."""

    action: HandoverAction | None
    why: str


class Mandate(NamedTuple):
    """That a ticket has to move, where to, and why."""

    choice: DeskChoice
    why: str


def decide_look(item: ItemState | None, seen: Seen, ending: Ending) -> Sequence[Body]:
    """Return what a look at a ticket says about its item.

    A look that is older than what the item knows says nothing: the ticket moved meanwhile. Nor
    does one of a process that does not know yet by what the ticket was decided on.
    """
    if is_behind(ending.configuration, seen.state):
        return []
    present = seen.is_at(ending.giving)
    if item is None or item.stage in GONE:
        # Work of the next shift is none of the last one's.
        begun = ending.is_past and not ending.is_closed
        if begun or not present or (item is not None and seen.seq <= item.sequence):
            return []
        return _added(item, seen, ending)
    if not present:
        return [_left(item, seen, ending)]
    briefed = _briefed(item, seen, ending)
    return [*briefed, *_settled(item, seen, ending)]


def standing(item: ItemState, seen: Seen, ending: Ending) -> Standing:
    """Return what is to become of an item whose ticket is with the closing desk."""
    ruling = ruled(ending.policy, seen.facts, seen.status, seen.state)
    grave = is_grave(ending.policy, seen.facts, seen.status, seen.state)
    if item.stage is Stage.KEPT and not grave:
        word = item.kept_by not in {None, SYSTEM} and item.kept_by == seen.state.holder
        if word or item.kept_reason == RETURNED:
            return Standing(HandoverAction.KEEP, item.kept_reason or "")
    if ruling.action is HandoverAction.OFFER:
        return _answer(item, ruling, ending, grave=grave)
    if ruling.action is HandoverAction.KEEP:
        why = VISIT if ruling.rule == VISIT_STAYS else "policy"
        return _firm("keep", why, grave=grave)
    return Standing(HandoverAction.MOVE, "policy")


def mandate(item: ItemState, seen: Seen, ending: Ending) -> Mandate | None:
    """Return where a ticket has to go now; None where it stays, or where nobody is open."""
    if item.stage in GONE or not ending.is_closed or not seen.is_at(ending.giving):
        return None
    if is_behind(ending.configuration, seen.state):
        return None
    found = standing(item, seen, ending)
    if found.action is not HandoverAction.MOVE:
        return None
    choice = successor(
        ending.configuration, ending.policy, seen.state, ending.now, giving=ending.giving
    )
    if choice is None:
        return None
    gone = desk_named(ending.configuration, ending.giving) is None
    return Mandate(choice, "desk-removed" if gone else found.why)


def decide_move(
    state: TicketState | None, *, giving: str, choice: DeskChoice, handover: str, by: str = SYSTEM
) -> Sequence[Body]:
    """Put a ticket that is open work of the closing desk into the queue of the next one."""
    if state is None or state.facts is None or state.status in {None, *OVER}:
        return []
    if state.desk != giving or state.unattended:
        return []
    moved: TicketQueued = queued(
        state.facts,
        choice.desk,
        QueueReason.HANDOVER,
        choice.explanation,
        opens_at=choice.opens_at,
        released=state.holder,
        by=by,
    )
    return [counted(state, moved.model_copy(update={"handover": handover}))]


def decide_receipt(
    item: ItemState | None,
    *,
    to: str,
    sequence: int,
    why: str,
    by: str = SYSTEM,
    agent: str | None = None,
) -> Sequence[Body]:
    """Write the receipt of a move.

    Raises:
        CommandRejected: ``moved-already``; it says so of a move that another process made.
    """
    if item is None or item.stage in GONE:
        raise CommandRejected("moved-already", "the ticket has left the handover already")
    return [
        HandoverItemMoved(
            handover=item.handover,
            ticket=item.ticket,
            number=item.number,
            desk=item.desk,
            to=to,
            sequence=sequence,
            why=why,
            by=by,
            agent=agent,
        )
    ]


def _firm(action: str, why: str, *, grave: bool) -> Standing:
    """Return a standing; grave work is never kept."""
    if action == "keep" and grave:
        return Standing(HandoverAction.MOVE, "never-keep")
    return Standing(HandoverAction(action), why)


def _answer(item: ItemState, ruling: Ruling, ending: Ending, *, grave: bool) -> Standing:
    if item.stage is Stage.DECLINED:
        return _firm(ruling.declined, "declined", grave=grave)
    if item.stage is Stage.OFFERED:
        if item.answer_until is None or ending.now < item.answer_until:
            return Standing(None, "offered")
        return _firm(ruling.unanswered, "unanswered", grave=grave)
    if item.stage is Stage.KEPT and item.kept_reason in ANSWERED:
        return _firm("keep", str(item.kept_reason), grave=grave)
    if ending.is_closed and not ending.policy.stay_max:
        # There is no time for an answer.
        return _firm(ruling.unanswered, "unanswered", grave=grave)
    return Standing(HandoverAction.OFFER, "policy")


def _common(seen: Seen, ending: Ending) -> dict[str, str]:
    return {
        "handover": ending.handover,
        "ticket": seen.id,
        "number": seen.state.number,
        "desk": ending.giving,
    }


def _added(item: ItemState | None, seen: Seen, ending: Ending) -> list[Body]:
    ruling = ruled(ending.policy, seen.facts, seen.status, seen.state)
    known = item.brief if item else None
    added = HandoverItemAdded(
        **_common(seen, ending),
        action=ruling.action,
        rule=ruling.rule,
        round=item.round + 1 if item else 1,
        brief=draft(seen.facts, seen.status, seen.state, known),
    )
    # What another handover brought back came with a shift of its own, and not on purpose.
    by_hand = seen.state.handover is None
    sent_back = item is not None and item.stage is Stage.MOVED and by_hand
    if not sent_back or is_grave(ending.policy, seen.facts, seen.status, seen.state):
        fresh = ItemState(action=ruling.action, rule=ruling.rule, brief=added.brief)
        return [added, *_settled(fresh, seen, ending)]
    # Somebody gave it back on purpose: it waits here, and does not go round in circles.
    return [added, _kept(seen, ending, RETURNED)]


def _left(item: ItemState, seen: Seen, ending: Ending) -> HandoverItemLeft:
    over = seen.status in OVER
    return HandoverItemLeft(
        **_common(seen, ending),
        why=str(seen.status) if over else "moved",
        to=None if over else seen.state.desk,
        sequence=max(seen.seq, item.sequence),
    )


def _briefed(item: ItemState, seen: Seen, ending: Ending) -> list[Body]:
    ruling = ruled(ending.policy, seen.facts, seen.status, seen.state)
    brief = draft(seen.facts, seen.status, seen.state, item.brief)
    if (brief, ruling.action, ruling.rule) == (item.brief, item.action, item.rule):
        return []
    return [
        HandoverItemBriefed(
            **_common(seen, ending), action=ruling.action, rule=ruling.rule, brief=brief
        )
    ]


def _kept(seen: Seen, ending: Ending, reason: str) -> HandoverItemKept:
    if reason == NOBODY_OPEN:
        opens = somebody_opens_at(
            ending.configuration, ending.policy, seen.state, ending.now, giving=ending.giving
        )
    elif reason == DESK_OPEN:
        opens = None
    else:
        opens = reopens_at(ending.configuration, ending.giving, max(ending.now, ending.closes_at))
    return HandoverItemKept(**_common(seen, ending), reason=reason, opens_at=opens)


def _settled(item: ItemState, seen: Seen, ending: Ending) -> list[Body]:
    """Return the offer or the keeping of an item, where one is due."""
    found = standing(item, seen, ending)
    if ending.is_past and not ending.is_closed:
        return [] if item.stage is Stage.KEPT else [_kept(seen, ending, DESK_OPEN)]
    choice = successor(
        ending.configuration, ending.policy, seen.state, ending.now, giving=ending.giving
    )
    if found.action is HandoverAction.OFFER and choice is not None:
        return [_offered(seen, ending, choice.desk.name)]
    if not ending.is_closed:
        return []
    if found.action is HandoverAction.KEEP:
        return [] if item.stage is Stage.KEPT else [_kept(seen, ending, found.why)]
    if choice is None and found.action is not None:
        others = candidates(ending.configuration, ending.policy, seen.state, giving=ending.giving)
        reason = NOBODY_OPEN if others else NO_NEXT
        waits = item.stage is Stage.KEPT and item.kept_reason == reason
        return [] if waits else [_kept(seen, ending, reason)]
    return []


def _offered(seen: Seen, ending: Ending, to: str) -> HandoverItemOffered:
    ruling = ruled(ending.policy, seen.facts, seen.status, seen.state)
    answer = ending.now + timedelta(seconds=ruling.answer_within_seconds)
    last = max(ending.now, ending.closes_at) + timedelta(seconds=ending.policy.stay_max)
    return HandoverItemOffered(**_common(seen, ending), to=to, answer_until=min(answer, last))
