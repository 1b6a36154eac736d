"""What notify consumes: one row per event, and what each one decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.notify.domain import (
    alarms,
    clocks,
    ending,
    offers,
    planning,
    referrals,
    watching,
)
from services.notify.domain.handovers import tell_alarm
from services.notify.domain.notices import NOTICES
from services.notify.handlers import Reach
from shared.configuration import Configurations
from shared.consumer import On
from shared.contracts.contacts import ContactCodeAsked
from shared.contracts.envelope import Event
from shared.contracts.handover import HandoverAlarmed
from shared.contracts.intake import FollowupRefused, MessageAdded, RequestAccepted
from shared.contracts.lifecycle import (
    TaskCancelled,
    TicketEscalated,
    TicketReminded,
    WatcherAdded,
    WatcherRemoved,
)
from shared.contracts.offering import TicketOffered
from shared.contracts.routing import (
    FollowupRequested,
    TicketAssigned,
    TicketClosed,
    TicketQueued,
    TicketReferred,
    TicketRegarded,
    TicketReopened,
    TicketResolved,
)
from shared.contracts.sla import ClockBreached, ClockEscalated, ClockWarned
from shared.organisation import Configuration

Configured = Callable[[Event[Any]], Configuration]


def configured(configurations: Configurations) -> Configured:
    """Return how an event finds its configuration: that of its own version, or a newer one."""

    def find(event: Event[Any]) -> Configuration:
        newest = max(event.configversion, configurations.version(event.tenant))
        return configurations.at(event.tenant, newest) if newest else Configuration()

    return find


def on_requests(reach: Reach, find: Configured) -> list[On]:
    """Return the rows of ``heliodesk.requests``."""

    def on_request_accepted(state: Any, event: Any, now: Any) -> Any:
        reachable = reach.reachable(event.tenant, event.body.facts.contact)
        planned = planning.acknowledge(state, event, now, reachable=reachable)
        return referrals.with_self_service(planned, event.body.facts, find(event))

    def on_followup_refused(state: Any, event: Any, now: Any) -> Any:
        reachable = reach.reachable(event.tenant, event.body.author)
        return planning.refuse_followup(state, event, now, reachable=reachable)

    def on_message(state: Any, event: Any, now: Any) -> Any:
        told = watching.tell_of_message(state, event, now, find(event))
        return [*planning.reply(state, event, now), *told]

    return [
        On(RequestAccepted, NOTICES, on_request_accepted),
        On(FollowupRefused, NOTICES, on_followup_refused),
        On(MessageAdded, NOTICES, on_message),
    ]


def on_tickets(reach: Reach, find: Configured) -> list[On]:
    """Return the rows of ``heliodesk.tickets``."""

    def on_ticket_resolved(state: Any, event: Any, now: Any) -> Any:
        reachable = reach.reachable(event.tenant, event.body.facts.contact)
        contact = planning.tell_resolution(state, event, now, reachable=reachable)
        followers = watching.tell_of_resolution(state, event, find(event), beside=len(contact))
        return [*contact, *followers]

    def on_ticket_queued(state: Any, event: Any, now: Any) -> Any:
        alarm = alarms.tell_unrouted(state, event, now, find(event))
        taken_back = offers.tell_reclaim(state, event, now, find(event), beside=len(alarm))
        return [*alarm, *taken_back]

    def on_followup_requested(state: Any, event: Any, now: Any) -> Any:
        reachable = reach.reachable(event.tenant, event.body.facts.contact)
        return planning.refuse_followup(state, event, now, reachable=reachable)

    def on_ticket_referred(state: Any, event: Any, now: Any) -> Any:
        reachable = reach.reachable(event.tenant, event.body.facts.contact)
        return referrals.tell_referral(state, event, now, reachable=reachable)

    def on_ticket_reminded(state: Any, event: Any, now: Any) -> Any:
        reachable = reach.reachable(event.tenant, event.body.facts.contact)
        return ending.remind(state, event, now, reachable=reachable)

    return [
        On(TicketReminded, NOTICES, on_ticket_reminded),
        On(TicketReopened, NOTICES, ending.drop_reminders),
        On(TicketClosed, NOTICES, ending.drop_reminders),
        On(
            TaskCancelled,
            NOTICES,
            lambda s, e, now: ending.tell_task_cancelled(s, e, now, find(e)),
        ),
        On(FollowupRequested, NOTICES, on_followup_requested),
        On(TicketReferred, NOTICES, on_ticket_referred),
        On(
            TicketAssigned,
            NOTICES,
            lambda s, e, now: planning.tell_assignment(s, e, now, find(e)),
        ),
        On(TicketOffered, NOTICES, lambda s, e, now: offers.tell_offer(s, e, now, find(e))),
        On(TicketQueued, NOTICES, on_ticket_queued),
        On(TicketRegarded, NOTICES, lambda s, e, now: planning.tell_news(s, e, now, find(e))),
        On(TicketResolved, NOTICES, on_ticket_resolved),
        On(
            TicketEscalated,
            NOTICES,
            lambda s, e, now: watching.call_for_help(s, e, now, find(e)),
        ),
        On(WatcherAdded, NOTICES, watching.note_watcher),
        On(WatcherRemoved, NOTICES, watching.note_watcher),
    ]


def on_shifts(find: Configured) -> list[On]:
    """Return the rows of ``heliodesk.shifts``."""
    return [
        On(HandoverAlarmed, NOTICES, lambda s, e, now: tell_alarm(s, e, now, find(e))),
    ]


def on_contacts() -> list[On]:
    """Return the rows of ``heliodesk.contacts``."""
    return [On(ContactCodeAsked, NOTICES, planning.send_code)]


def on_clocks(find: Configured) -> list[On]:
    """Return the rows of ``heliodesk.clocks``."""
    return [
        On(ClockWarned, NOTICES, lambda s, e, now: clocks.warn(s, e, now, find(e))),
        On(ClockBreached, NOTICES, lambda s, e, now: clocks.tell_breach(s, e, now, find(e))),
        On(ClockEscalated, NOTICES, lambda s, e, now: clocks.escalate(s, e, now, find(e))),
    ]
