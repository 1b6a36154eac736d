"""What is said of a requester's contact: referral, tier 0, a person, a visit.

These come before the sentences that any event of their kind has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from services.console.domain.sayings import Said, Scope, Tone
from shared.contracts import routing
from shared.contracts.envelope import Body

SYSTEM: Final = "system"
VISIT: Final = "visit"
SELF_SERVICE: Final = "self-service"
AUTOMATION: Final = "automation"


def say_contact(scope: Scope, body: Body) -> Said | None:
    """Return what an event says of a requester's contact; None where it says nothing of it."""
    match body:
        case routing.TicketReferred():
            fields = {
                "by": scope.actor(body.by),
                "desk": scope.names.desk(body.to_desk),
                "was": scope.names.desk(body.from_desk),
            }
            return Said("say.referred", "swap", Tone.PLAIN, fields)
        case routing.TicketQueued():
            return _queued(scope, body)
        case routing.TicketResolved() if body.code in {SELF_SERVICE, AUTOMATION}:
            key = f"say.resolved.{body.code}"
            details = [("say.article", {"article": body.article})] if body.article else []
            return Said(key, "check", Tone.GOOD, {"by": scope.actor(body.by)}, details)
        case _:
            return None


def _queued(scope: Scope, body: routing.TicketQueued) -> Said | None:
    desk = scope.names.desk(body.desk)
    if body.queue is not None:
        desk = f"{scope.names.group(body.queue)} ({desk})"
    fields: dict[str, Any] = {"desk": desk, "by": scope.actor(body.by)}
    details: list[tuple[str, Mapping[str, Any]]] = []
    if body.tier == 0:
        details.append(("say.person_how", {}))
        if body.person_at is not None:
            details.append(("say.person_at", {"person_at": body.person_at, "desk": desk}))
        return Said("say.queued.tier_0", "user", Tone.QUIET, fields, details, body.explanation)
    if body.opens_at is not None:
        details.append(("say.opens_at", {**fields, "opens_at": body.opens_at}))
    if body.reason is routing.QueueReason.PERSON_ASKED:
        key = "say.queued.person-asked"
        if body.by == SYSTEM:
            key = "say.queued.person_waited"
        return Said(key, "user", Tone.PLAIN, fields, details, body.explanation)
    if body.note == VISIT:
        return Said("say.queued.visit", "swap", Tone.PLAIN, fields, details, body.explanation)
    return None
