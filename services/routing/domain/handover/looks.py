"""What becomes of one ticket at the end of a shift: each look at it gives the events that follow.

A look never moves anything. Where a ticket has to move, `mandate` says where to and why, and the
move is decided again on the ticket in the transaction that writes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final, NamedTuple

from services.routing.domain.desks import DeskChoice, desk_named
from services.routing.domain.handover.brief import draft
from services.routing.domain.handover.endings import Ending, Seen
from services.routing.domain.handover.items import GONE, ItemState, Stage
from services.routing.domain.handover.ruling import VISIT_STAYS, Ruling, is_grave, ruled
from services.routing.domain.moves import queued
from services.routing.domain.progress import counted
from services.routing.domain.tickets import OVER, TicketState
from services.routing.domain.versions import is_behind
from services.routing.domain.visits import VISIT
from shared.contracts.envelope import Body
from shared.contracts.handover import (
    HandoverAction,
    HandoverItemAdded,
    HandoverItemBriefed,
    HandoverItemKept,
    HandoverItemLeft,
    HandoverItemMoved,
    HandoverItemOffered,
)
from shared.contracts.routing import QueueReason, Status, TicketPended, TicketQueued
from shared.kernel import CommandRejected

SYSTEM: Final = "system"
RETURNED: Final = "returned"
NOBODY_OPEN: Final = "nobody-open"
NO_NEXT: Final = "no-next"
"""No other desk may ever take it over; it waits for its own desk."""
ANSWERED: Final = frozenset({"declined", "unanswered"})


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
    present = ending.concerns(seen)
    if item is None or item.stage in GONE:
        # Work of the next shift is none of the last one's.
        begun = ending.is_past and not ending.is_left(seen)
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
        return _answer(item, ruling, ending, grave=grave, left=ending.is_left(seen))
    if ruling.action is HandoverAction.KEEP:
        why = VISIT if ruling.rule == VISIT_STAYS else "policy"
        return _firm("keep", why, grave=grave)
    return Standing(HandoverAction.MOVE, "policy")


def mandate(item: ItemState, seen: Seen, ending: Ending) -> Mandate | None:
    """Return where a ticket has to go now; None where it stays, or where nobody is open."""
    if item.stage in GONE or not ending.concerns(seen) or not ending.is_left(seen):
        return None
    if is_behind(ending.configuration, seen.state):
        return None
    found = standing(item, seen, ending)
    if found.action is not HandoverAction.MOVE:
        return None
    choice = ending.successor(seen.state)
    if choice is None:
        return None
    gone = desk_named(ending.configuration, ending.giving) is None
    return Mandate(choice, "desk-removed" if gone else found.why)


def decide_move(
    state: TicketState | None,
    *,
    giving: str,
    choice: DeskChoice,
    handover: str,
    by: str = SYSTEM,
    agent: str | None = None,
) -> Sequence[Body]:
    """Put a ticket that is open work of the closing desk into the queue of the next one.

    What is pending stays so there, for the same reason and until the same instant: its clocks
    stay as they are. ``agent`` has it then; None: nobody, until it goes on.
    """
    if state is None or state.facts is None or state.status in {None, *OVER}:
        return []
    if state.desk != giving or state.unattended:
        return []
    if state.status is Status.PENDING and state.pend_reason is not None:
        pended = TicketPended(
            facts=state.facts,
            status=Status.PENDING,
            desk=choice.desk.name,
            tier=choice.desk.tier,
            agent=agent,
            by=by,
            reason=state.pend_reason,
            until=state.until,
            supplier=state.supplier,
            handover=handover,
            released=state.holder,
        )
        return [pended]
    moved: TicketQueued = queued(
        state.facts,
        choice.desk,
        QueueReason.HANDOVER,
        choice.explanation,
        opens_at=choice.opens_at,
        released=state.holder,
        by=by,
        queue=choice.queue,
        unrouted=choice.unrouted,
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


def _answer(
    item: ItemState, ruling: Ruling, ending: Ending, *, grave: bool, left: bool
) -> Standing:
    if item.stage is Stage.DECLINED:
        return _firm(ruling.declined, "declined", grave=grave)
    if item.stage is Stage.OFFERED:
        if item.answer_until is None or ending.now < item.answer_until:
            return Standing(None, "offered")
        return _firm(ruling.unanswered, "unanswered", grave=grave)
    if item.stage is Stage.KEPT and item.kept_reason in ANSWERED:
        return _firm("keep", str(item.kept_reason), grave=grave)
    if left and not ending.policy.stay_max:
        # There is no time for an answer, beside one that was given before nobody was open.
        answered = item.answered_by is not None
        action = ruling.declined if answered else ruling.unanswered
        return _firm(action, "declined" if answered else "unanswered", grave=grave)
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
        opens = ending.somebody_at(seen.state)
    elif reason == ending.word_back:
        opens = None
    else:
        opens = ending.back_at(seen.state)
    return HandoverItemKept(**_common(seen, ending), reason=reason, opens_at=opens)


def _settled(item: ItemState, seen: Seen, ending: Ending) -> list[Body]:
    """Return the offer or the keeping of an item, where one is due."""
    found = standing(item, seen, ending)
    left = ending.is_left(seen)
    if ending.is_past and not left:
        return [] if item.stage is Stage.KEPT else [_kept(seen, ending, ending.word_back)]
    choice = ending.successor(seen.state)
    if found.action is HandoverAction.OFFER and choice is not None:
        return [_offered(seen, ending, choice.desk.name)]
    if not left:
        return []
    if found.action is HandoverAction.KEEP:
        waited = item.kept_reason in {NOBODY_OPEN, NO_NEXT}
        stays = item.stage is Stage.KEPT and not waited
        return [] if stays else [_kept(seen, ending, found.why)]
    if choice is None and found.action is not None:
        reason = NOBODY_OPEN if ending.has_successors(seen.state) else NO_NEXT
        waits = item.stage is Stage.KEPT and item.kept_reason == reason
        return [] if waits else [_kept(seen, ending, reason)]
    return []


def _offered(seen: Seen, ending: Ending, to: str) -> HandoverItemOffered:
    ruling = ruled(ending.policy, seen.facts, seen.status, seen.state)
    answer = ending.now + timedelta(seconds=ruling.answer_within_seconds)
    last = max(ending.now, ending.closes_at) + timedelta(seconds=ending.policy.stay_max)
    return HandoverItemOffered(**_common(seen, ending), to=to, answer_until=min(answer, last))
