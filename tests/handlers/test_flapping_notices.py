"""What people are told of an alert that flaps: intake, routing and notify one after the other."""

from __future__ import annotations

import random

import pytest

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
        self._minute = 0.0

    async def cycle(self, *, fires: float, quiet: float) -> None:
        """Fire and end for so many minutes each; what is said goes through after each."""
        for said, minutes in (("firing", fires), ("resolved", quiet)):
            await self.alerts.deliver(("a", self._minute, said))
            await self._pass_on()
            await self._wait(minutes)

    async def _wait(self, minutes: float) -> None:
        """Let time pass, a minute at most at once, as the tickers look."""
        self._minute += minutes
        while minutes > 0:
            await self.alerts.wait(min(1.0, minutes))
            await self._pass_on()
            minutes -= 1

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


SECOND = 1 / 60
BURSTS = [(0.3, 0.2)] * 7 + [(0.3, 15.2)]
"""Eight cycles in four minutes, and a pause of a quarter of an hour."""
RANDOM = random.Random(7)  # noqa: S311 - the same irregular hour each time


@pytest.mark.parametrize(
    "cycles",
    [
        pytest.param([(1, 1)] * 30, id="even"),
        pytest.param([(2, SECOND / 60)] * 30, id="nearly-always-firing"),
        pytest.param([(SECOND, 2 - SECOND)] * 30, id="nearly-always-quiet"),
        pytest.param([(5 * SECOND, 5 * SECOND)] * 30, id="within-five-minutes"),
        pytest.param((BURSTS * 4)[:30], id="bursts-with-pauses"),
        pytest.param([(0.5, 15.2), (0.5, 15.2), (0.5, 15.2)] + [(0.2, 0.2)] * 27, id="slow-first"),
        pytest.param([(0.1, 55)] + [(0.05, 0.05)] * 29, id="one-before-a-long-pause"),
        pytest.param([(0.1, 0.1)] * 15 + [(0.1, 50)] + [(0.1, 0.1)] * 14, id="pause-amid"),
        pytest.param(
            [(RANDOM.uniform(0, 2), RANDOM.uniform(0, 2)) for _ in range(30)], id="irregular"
        ),
    ],
)
async def test_thirty_cycles_in_an_hour_are_one_ticket_and_three_notices(
    cycles: list[tuple[float, float]],
) -> None:
    """Each time that it is assigned somebody is told; the other turns tell nobody anything.

    Whatever the spacing: the score counts anew after each quiet time, which is as long as the
    time that it looks back on.
    """
    chain = Chain(AlertDesk())
    for fires, quiet in cycles:
        await chain.cycle(fires=fires, quiet=quiet)
    (ticket,) = chain.alerts.tickets()
    assert await chain.told(ticket.id) == ["assignment"] * 3


async def test_without_hold_down_each_cycle_would_be_told() -> None:
    """The same hour where the policy has no flapping: one ticket still, and thirty notices."""
    chain = Chain(AlertDesk(configured({"flapping": None})))
    for _ in range(30):
        await chain.cycle(fires=1, quiet=1)
    (ticket,) = chain.alerts.tickets()
    assert await chain.told(ticket.id) == ["assignment"] * 30
