"""The clocks on a ticket's page: the figures of sla, as of now, by the calendar that counts."""

from __future__ import annotations

from datetime import datetime, timedelta

import httpx
import pytest
from fastapi import FastAPI

from services.console.adapters import Addresses, HttpOwners
from services.sla.api import internal_router
from shared.auth import Actor
from shared.contracts.control import IdentityKind, Role
from shared.http import equip
from shared.organisation import Configuration
from shared.testing.clock import ManualClock
from tests.support.console import MemoryConsole, project
from tests.support.foresight import foresight_of
from tests.support.sla import TENANT, TICKET, Sla, Story, facts, organisation, utc

PLACES = """
regions: [{name: apac, title: APAC}]
sites: [{name: bund, title: Bund, region: apac, time_zone: Asia/Shanghai}]
"""


class Tokens:
    """An authenticator of sla that knows the console."""

    def actor(self, bearer: str) -> Actor | None:
        """Return who presents a token."""
        roles = frozenset({Role(bearer)})
        return Actor("i-console", "console", TENANT, IdentityKind.SERVICE, roles)


class Desk:
    """A console beside a real sla: it reads sla's events, and asks sla over HTTP."""

    def __init__(self, configuration: Configuration) -> None:
        self.sla = Sla(configuration=configuration, clock=ManualClock(utc(2, 1)))
        self.app = FastAPI()
        equip(self.app)
        self.app.state.authenticator = Tokens()
        router = internal_router(
            store=self.sla.streams,
            handlers=self.sla.handlers,
            foresight=foresight_of(self.sla),
            clock=self.sla.clock,
        )
        self.app.include_router(router)
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app=self.app))
        self.console = MemoryConsole(
            self.sla.clock,
            configuration=configuration,
            owners=HttpOwners(
                Addresses(*["http://service"] * 6),
                client,
                clock=self.sla.clock,
                service_token="service",
            ),
        )

    def apply(self, configuration: Configuration, version: int) -> None:
        """Apply a version everywhere."""
        for known in (self.sla.configurations, self.console.configurations):
            known.install(TENANT, configuration, version=version)

    async def begin(self, story: Story) -> None:
        """Accept a request, and put it to London at once."""
        at = story.facts.accepted_at
        events = [story.accepted(), story.queued(at, "london")]
        await self.sla.feed(*events)
        await project(self.console.projector, [*events, *await self.sla.emitted()])

    async def page(self, at: datetime) -> str:
        """Return the page of the ticket at an instant."""
        self.sla.clock.set(at)
        async with self.console.client() as client:
            answer = await client.get(f"/tickets/{TICKET}")
        assert answer.status_code == 200
        return answer.text


def hours(until: int, *, target: str = "20h") -> Configuration:
    """Return an organisation whose London works from nine to an hour."""
    return organisation(
        calendars=f"""
calendars:
  - name: london-day
    time_zone: Europe/London
    hours: {{mon-fri: [["09:00", "{until}:00"]]}}
  - {{name: shanghai-day, time_zone: Asia/Shanghai, hours: {{mon-fri: [["09:00", "18:00"]]}}}}
  - {{name: always, time_zone: UTC, hours: 24x7}}
""",
        sla=f"policies: [{{name: fix, metric: resolution, targets: {{P2: {target}}}, "
        "calendar: desk}]",
    )


async def test_a_running_clock_counts_by_the_hours_of_the_hand_over() -> None:
    """Hours that are longer since then change nothing in what the page shows as used."""
    desk = Desk(hours(17))
    await desk.begin(Story(facts=facts(accepted_at=utc(2, 8))))
    desk.apply(hours(19), version=2)
    page = await desk.page(utc(2, 18, 30))
    assert "8h of 20h used, 12h left" in page
    assert "calendar time: 10h 30m of 20h, 9h 30m left" in page


async def test_a_later_hand_over_counts_by_its_own_version() -> None:
    """The policy stays that of the acceptance; the desk's calendar is as of the hand-over."""
    desk = Desk(hours(17))
    story = Story(facts=facts(accepted_at=utc(2, 8)))
    await desk.begin(story)
    desk.apply(hours(19, target="1h"), version=2)
    story.version = 2
    again = story.queued(utc(2, 12), "shanghai"), story.queued(utc(2, 12, 1), "london")
    await desk.sla.feed(*again)
    await project(desk.console.projector, [*again, *await desk.sla.emitted()])
    desk.apply(hours(12), version=3)
    page = await desk.page(utc(2, 18, 30))
    assert "9h 59m of 20h used, 10h 1m left" in page


async def test_a_floating_calendar_counts_in_the_zone_of_the_clock() -> None:
    """Nine o'clock is that of the ticket's site in Shanghai, and not that of the desk."""
    desk = Desk(
        organisation(
            organisation=PLACES,
            calendars="""
calendars:
  - {name: london-day, time_zone: Europe/London, hours: {mon-fri: [["09:00", "18:00"]]}}
  - {name: shanghai-day, time_zone: Asia/Shanghai, hours: {mon-fri: [["09:00", "18:00"]]}}
  - {name: day, time_zone: floating, hours: {mon-fri: [["09:00", "18:00"]]}}
  - {name: always, time_zone: UTC, hours: 24x7}
""",
            sla="policies: [{name: fix, metric: resolution, targets: {P2: 8h}, calendar: day}]",
        )
    )
    await desk.begin(Story(facts=facts(accepted_at=utc(2, 1), site="bund")))
    assert "7h of 8h used, 1h left" in await desk.page(utc(2, 8))


@pytest.mark.parametrize("down", [True, False])
async def test_figures_that_are_not_of_now_are_not_shown_as_such(*, down: bool) -> None:
    """While sla does not answer, the page says up to when its figures are counted."""
    desk = Desk(hours(17))
    desk.sla.clock.set(utc(2, 9))  # The event is made an hour later than what it tells.
    await desk.begin(Story(facts=facts(accepted_at=utc(2, 8))))
    if down:
        desk.app.router.routes.clear()
    page = await desk.page(utc(2, 10))
    assert ("0s of 20h used, 20h left" in page) is down
    said = 'sla does not answer. Counted up to <time datetime="2026-07-02T08:00:00.000Z"'
    assert (said in page) is down
    assert ("2h of 20h used, 18h left" in page) is not down


@pytest.mark.parametrize(
    ("passed", "shown"),
    [
        (timedelta(seconds=0.4), "0s of 2h used, 2h left"),
        (timedelta(hours=2, milliseconds=-400), "1h 59m of 2h used, 1s left"),
        (timedelta(hours=2), "2h of 2h used, 0s left"),
        (timedelta(hours=3, seconds=7), "3h of 2h used, 1h over"),
    ],
)
async def test_a_target_is_shown_as_used_up_when_it_is(passed: timedelta, shown: str) -> None:
    """Not a moment earlier: 400 milliseconds before, a second is left."""
    desk = Desk(hours(17, target="2h"))
    await desk.begin(Story(facts=facts(accepted_at=utc(2, 8))))
    page = await desk.page(utc(2, 8) + passed)
    assert shown in page
    assert ('width="100.000%"' in page) is (passed >= timedelta(hours=2))
