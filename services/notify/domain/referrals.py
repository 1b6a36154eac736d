"""What a requester is told of the desk that is their contact, and of tier 0."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from services.notify.domain.notices import REQUEST, Notices
from services.notify.domain.planning import details_of, key, planned_once
from shared.contracts.envelope import Body, Event
from shared.contracts.facts import TicketFacts
from shared.contracts.notify import NoticeKind, NoticePlanned, RecipientKind
from shared.contracts.routing import TicketReferred
from shared.directions import PERSON_KEY
from shared.organisation import Configuration, SelfService

SELF_SERVICE: Final = "self_service"
"""Name of the detail that says that a ticket begins at tier 0."""
PERSON_HOURS: Final = "person_hours"
"""Name of the detail that says after how many whole hours a person comes by itself."""


def tell_referral(
    state: Notices | None, event: Event[TicketReferred], _now: datetime, *, reachable: bool
) -> Sequence[Body]:
    """Plan to tell the contact which desk is theirs from now on, once for each referral."""
    body = event.body
    if not reachable:
        return ()
    request = {REQUEST: state.request} if state is not None and state.request else {}
    planned = NoticePlanned(
        number=body.facts.number,
        notice=key(NoticeKind.REFERRAL.value, event.id),
        kind=NoticeKind.REFERRAL,
        recipient_kind=RecipientKind.CONTACT,
        recipient=body.facts.contact,
        language=body.facts.language,
        details={**details_of(body.facts), **request, "desk": body.to_desk},
    )
    return planned_once(state, planned)


def self_service_details(facts: TicketFacts, configuration: Configuration) -> dict[str, str]:
    """Return what an acknowledgement says of tier 0; nothing where an agent has the ticket."""
    topology = configuration.topology_for(
        region=facts.region,
        site=facts.site,
        service=facts.service,
        channel=facts.channel,
        business=facts.business,
    )
    if not isinstance(topology, SelfService) or facts.choice == PERSON_KEY:
        return {}
    details = {SELF_SERVICE: "yes"}
    if topology.wait is not None and topology.wait >= 3600:  # noqa: PLR2004 - an hour
        details[PERSON_HOURS] = str(topology.wait // 3600)
    return details


def with_self_service(
    planned: Sequence[Body], facts: TicketFacts, configuration: Configuration
) -> Sequence[Body]:
    """Return a planned acknowledgement that also says how to get a person."""
    said = self_service_details(facts, configuration)
    if not said:
        return planned
    return [
        body.model_copy(update={"details": {**body.details, **said}})
        if isinstance(body, NoticePlanned) and body.kind is NoticeKind.ACKNOWLEDGEMENT
        else body
        for body in planned
    ]
