"""English words of a requester's contact: referral, tier 0, a person, a visit."""

from __future__ import annotations

from typing import Final

CONTACT_WORDS: Final[dict[str, str]] = {
    "say.referred": "{by} referred the contact from {was} to {desk}, which is their contact for this ticket from now on.",
    "say.queued.tier_0": "Left to its requester and to automation (tier 0), with {desk} behind.",
    "say.person_how": "For a person: answer with the one word PERSON, choose a person in the telephone menu, or send it on here.",
    "say.person_at": "Otherwise it goes to a person at {desk} at {person_at}.",
    "say.queued.person-asked": "{by} asked for a person: it waits at {desk}.",
    "say.queued.person_waited": "Nobody solved it in the time of self-service: it waits for a person at {desk}.",
    "say.queued.visit": "{by} asked for a visit: {desk} goes there.",
    "say.resolved.self-service": "The requester completed it without an agent.",
    "say.resolved.automation": "Automation completed it without an agent ({by}).",
    "resolution.self-service": "completed by the requester",
    "resolution.automation": "completed by automation",
    "notice.referral": "who the contact is now",
    "fact.contact_desk": "Contact desk",
    "act.person": "Send to a person",
    "act.done.person": "It waits for a person now.",
    "refusal.at-tier-0": "It is left to its requester: send it to a person first.",
}
