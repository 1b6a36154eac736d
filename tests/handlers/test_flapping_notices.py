"""What people are told of an alert that flaps: intake, routing and notify one after the other."""

from __future__ import annotations

from shared.contracts.facts import Id
from shared.contracts.internal import ContactView
from shared.contracts.topics import REQUESTS
from shared.contracts.topics import TICKETS as TICKET_EVENTS
from tests.support.alerting import INTEGRATION, AlertDesk, configured
from tests.support.notify import Notify
from tests.support.routing import Routing


class Chain:
    """Three services on one clock, each on a store of its own; nothing is lost between them."""

    def __init__(self, alerts: AlertDesk) -> None:
        self.alerts = alerts
        self.routing = Routing(clock=alerts.clock)
        self.notify = Notify(clock=alerts.clock)
        self._passed = {REQUESTS.name: 0, TICKET_EVENTS.name: 0}

    async def cycle(self, minute: int) -> None:
        """Fire and end within two minutes; what is said goes through after each."""
        for said in ("firing", "resolved"):
            await self.alerts.deliver(("a", minute, said))
            await self._pass_on()
            await self.alerts.wait(1)
            await self._pass_on()

    async def _pass_on(self) -> None:
        requests = (await self.alerts.sent(REQUESTS))[self._passed[REQUESTS.name] :]
        self._passed[REQUESTS.name] += len(requests)
        for contact in {event.body.facts.contact for event in requests}:
            # An integration has no address of its own: it is not answered.
            view = ContactView(id=contact, name=INTEGRATION)
            self.notify.directory.people[contact] = view
        await self.routing.deliver(*requests)
        await self.routing.match()
        tickets = (await self.routing.sent(TICKET_EVENTS.name))[self._passed[TICKET_EVENTS.name] :]
        self._passed[TICKET_EVENTS.name] += len(tickets)
        await self.notify.receive(*requests, *tickets)

    async def told(self, ticket: Id) -> list[str]:
        """Return the kinds of the notices of a ticket."""
        return sorted(n.kind.value for n in (await self.notify.notices(ticket)).values())


async def test_thirty_cycles_in_an_hour_are_one_ticket_and_three_notices() -> None:
    """Each time that it is assigned somebody is told; the other 27 turns tell nobody anything."""
    chain = Chain(AlertDesk())
    for minute in range(0, 60, 2):
        await chain.cycle(minute)
    (ticket,) = chain.alerts.tickets()
    assert await chain.told(ticket.id) == ["assignment"] * 3


async def test_without_hold_down_each_cycle_would_be_told() -> None:
    """The same hour where the policy has no flapping: one ticket still, and thirty notices."""
    chain = Chain(AlertDesk(configured({"flapping": None})))
    for minute in range(0, 60, 2):
        await chain.cycle(minute)
    (ticket,) = chain.alerts.tickets()
    assert await chain.told(ticket.id) == ["assignment"] * 30
