"""Clocks and notices: one breach at most and never early, one distinct notice id each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from services.notify.domain.mail import notice_message_id
from services.notify.domain.planning import TOO_MANY
from services.notify.handlers import NO_ADDRESS
from services.sla.domain.evolve import TICKET_CLOCKS
from shared.contracts import notify, sla
from shared.contracts.envelope import Event
from shared.contracts.sla import ClockState
from tests.sim.desk_services import DOMAIN
from tests.sim.desk_stage import GONE
from tests.sim.desk_told import Told

Planned = dict[str, Event[notify.NoticePlanned]]


def check_clocks(told: Told, ticket: str) -> Iterator[str]:
    """What is said of a ticket's clocks is said once, and the state says the same."""
    net: Counter[str] = Counter()
    seen: set[tuple[str, object]] = set()
    for event in told.clocks.get(ticket, []):
        body = event.body
        match body:
            case sla.ClockBreached():
                net[body.clock] += 1
                if event.time <= body.due_at:
                    yield f"{ticket} {body.clock}: breached early"
            case sla.ClockBreachWithdrawn():
                net[body.clock] -= 1
            case sla.ClockWarned() | sla.ClockEscalated():
                if isinstance(body, sla.ClockWarned):
                    number = f"{body.point}"
                else:
                    number = f"{body.step} again {body.repetition}"
                what = (body.clock, f"{body.type} {number}")
                if what in seen:
                    yield f"{ticket} {what}: said again"
                seen.add(what)
            case _:
                continue
        if net[body.clock] not in {0, 1}:
            yield f"{ticket} {body.clock}: {net[body.clock]} breaches"
    row = told.rows("sla", TICKET_CLOCKS.name).get(ticket)
    for clock in row["state"]["clocks"] if row else []:
        yield from _check_end(ticket, sla.ClockView.model_validate(clock["view"]), net)


def _check_end(ticket: str, view: sla.ClockView, net: Counter[str]) -> Iterator[str]:
    breached = view.breached_at is not None
    if breached != (net[view.clock] == 1):
        yield f"{ticket} {view.clock}: {net[view.clock]} breaches, the state has {breached}"
    if view.state in {ClockState.RUNNING, ClockState.PAUSED}:
        yield f"{ticket} {view.clock}: is {view.state} in the end"
    if {ClockState.MET: True, ClockState.MISSED: False}.get(view.state) is breached:
        yield f"{ticket} {view.clock}: {view.state}, breached {breached}"


def check_notices(told: Told, ticket: str) -> Iterator[str]:
    """One plan for each notice and one outcome; who can be reached is told once of the ticket."""
    planned: Planned = {}
    settled: Counter[str] = Counter()
    boxes = {mail.message_id for mail in told.stage.mail.mails}
    for event in told.notices.get(ticket, []):
        body = event.body
        if isinstance(body, notify.NoticePlanned):
            if body.notice in planned:
                yield f"{ticket} {body.notice}: planned twice"
            planned[body.notice] = event
        elif isinstance(body, notify.NoticeSent):
            settled[body.notice] += 1
            wanted = notice_message_id(planned[body.notice].id, DOMAIN)
            if body.message_id != wanted or wanted not in boxes:
                yield f"{ticket} {body.notice}: sent as {body.message_id}, nobody has {wanted}"
        elif isinstance(body, notify.NoticeFailed):
            settled[body.notice] += 1
            if not _may_fail(planned[body.notice].body, body.reason):
                yield f"{ticket} {body.notice}: failed, {body.reason}"
    if dict(settled) != dict.fromkeys(planned, 1):
        yield f"{ticket}: planned {sorted(planned)}, settled {dict(settled)}"
    yield from _check_acknowledgement(told, ticket, planned)


def _may_fail(planned: notify.NoticePlanned, reason: str) -> bool:
    """Return whether there is nobody to send it to, which an agent cannot know who answers."""
    answer = planned.kind is notify.NoticeKind.REPLY and reason == NO_ADDRESS
    return answer or planned.recipient == GONE or reason == TOO_MANY


def _check_acknowledgement(told: Told, ticket: str, planned: Planned) -> Iterator[str]:
    contact = told.requests[ticket][0].body.facts.contact
    person = told.rows("intake", "people").get(contact)
    found = [e for e in planned.values() if e.body.kind is notify.NoticeKind.ACKNOWLEDGEMENT]
    wanted = 1 if person is not None and person["mail"] is not None else 0
    if len(found) != wanted:
        yield f"{ticket}: {len(found)} acknowledgements, expected {wanted}"


def check_mail(told: Told) -> Iterator[str]:
    """Every mail is that of a planned notice: no notice has two ids."""
    planned = {
        notice_message_id(event.id, DOMAIN)
        for events in told.notices.values()
        for event in events
        if isinstance(event.body, notify.NoticePlanned)
    }
    names = {mail.message_id for mail in told.stage.mail.mails}
    yield from (f"mail {name} is of no notice" for name in sorted(names - planned))
