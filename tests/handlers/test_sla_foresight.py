from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

import httpx
import pytest
from fastapi import FastAPI

from services.sla.api import clock_router, internal_router
from services.sla.domain.escalating import expected_levels
from services.sla.domain.model import Clock, Rules
from services.sla.foresight import Expected, Foresight
from services.sla.foresight_api import prediction_router
from services.sla.handlers import tell_expected
from shared.contracts.internal import RISKS_PATH
from shared.contracts.sla import ClockEscalated
from shared.http import equip
from tests.handlers.test_sla_api import Tokens
from tests.support.foresight import MemoryForesight, foresight_of
from tests.support.sla import Sla, Story, facts, organisation, utc

HOUR = timedelta(hours=1)


class World:
    """Sla with foresight, run after each event."""

    def __init__(self) -> None:
        self.sla = Sla()
        self.store = MemoryForesight(self.sla.data)
        self.told: list[Expected] = []
        self.foresight = foresight_of(self.sla, self.store)
        self.number = 0

    async def run(self, foresight: Foresight | None = None) -> None:
        """Let foresight see all there is."""
        while await (foresight or self.foresight).run_once():
            pass

    async def lived(self, start: datetime, hours: float, *, desk: str = "global") -> str:
        """Feed a ticket that was resolved after so many hours at a desk that never closes."""
        self.number += 1
        ticket = f"past-{self.number}"
        story = Story(ticket=ticket, facts=facts(f"HD-{self.number}", accepted_at=start), desk=desk)
        await self.sla.feed(story.accepted(start), story.queued(start, desk))
        await self.run()
        await self.sla.feed(story.resolved(start + hours * HOUR))
        await self.run()
        return ticket

    async def open(self, ticket: str, at: datetime, desk: str = "global") -> Story:
        """Feed a ticket that begins."""
        story = Story(ticket=ticket, facts=facts(ticket.upper(), accepted_at=at), desk=desk)
        await self.sla.feed(story.accepted(at), story.queued(at, desk))
        await self.run()
        return story


@pytest.fixture
async def world() -> World:
    """Forty tickets of an always open desk: half lasted 2 hours, half 20; the target is 8."""
    world = World()
    start = utc(2, 14)
    for number in range(40):
        await world.lived(start, 2 if number % 2 else 20)
        start += 21 * HOUR
    return world


@pytest.fixture
async def http(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A client of both APIs."""
    app = FastAPI()
    equip(app)
    app.state.authenticator = Tokens()
    sla = world.sla
    app.include_router(
        clock_router(
            index=sla.index, handlers=sla.handlers, foresight=world.foresight, clock=sla.clock
        )
    )
    app.include_router(prediction_router(world.foresight))
    app.include_router(
        internal_router(
            store=sla.streams,
            handlers=sla.handlers,
            foresight=world.foresight,
            clock=sla.clock,
        )
    )
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url="http://sla",
        headers={"Authorization": "Bearer main"},
    ) as client:
        yield client


def fix_of(item: dict[str, object]) -> dict[str, object]:
    """Return the prediction of the resolution clock."""
    predictions = item["predictions"]
    assert isinstance(predictions, list)
    return next(p for p in predictions if p["clock"].startswith("fix:"))


async def test_a_prediction_follows_the_history(world: World, http: httpx.AsyncClient) -> None:
    """Half of those before passed the target; after three hours nearly all that are left do."""
    begun = world.sla.clock.now() + HOUR
    await world.open("new", begun)
    first = fix_of((await http.get("/v1/clocks/new")).json())
    assert 0.4 < float(str(first["probability"])) < 0.6
    assert first["level"] in {"category", "queue"}
    world.sla.clock.set(begun + 3 * HOUR)
    body = (await http.get("/v1/clocks/new")).json()
    later = fix_of(body)
    assert float(str(later["probability"])) > 0.8
    assert (body["at_risk"], later["at_risk"], later["used_share"]) == (True, True, 0.375)
    expected = datetime.fromisoformat(str(later["expected_at"]))
    assert begun + 12 * HOUR < expected < begun + 30 * HOUR
    because = later["because"]
    assert isinstance(because, dict)
    assert "lasted 3 h 0 min" in because["en"]
    assert "已用时 3 小时 0 分" in because["zh"]
    for lang, head in (("en", "Outlook: "), ("zh", "预测")):
        text = (await http.get("/v1/clocks/new/explain", params={"lang": lang})).text
        assert f"\n\n{head}" in text
        assert text.rstrip().endswith(because[lang])


async def test_with_little_history_nothing_is_said() -> None:
    """Nine ended tickets are no ground for a probability."""
    world = World()
    start = utc(2, 14)
    for _ in range(9):
        await world.lived(start, 2)
        start += 3 * HOUR
    await world.open("new", start)
    document = await world.sla.document("new")
    assert (await world.foresight.forecasts([document]))["new"] == ()


async def test_a_paused_clock_has_no_instant(world: World, http: httpx.AsyncClient) -> None:
    """Nobody knows when it goes on: business time left, and no date."""
    begun = world.sla.clock.now() + HOUR
    story = await world.open("new", begun)
    await world.sla.feed(story.pended(begun + HOUR))
    await world.run()
    found = fix_of((await http.get("/v1/clocks/new")).json())
    assert found["expected_at"] is None
    assert float(str(found["expected_seconds"])) > 0
    because = found["because"]
    assert isinstance(because, dict)
    assert "paused" in because["en"]


async def test_a_breached_clock_is_certain_and_no_longer_at_risk(
    world: World, http: httpx.AsyncClient
) -> None:
    """What has happened is no risk."""
    begun = world.sla.clock.now() + HOUR
    await world.open("new", begun)
    await world.sla.tick(begun + 9 * HOUR)
    await world.run()
    body = (await http.get("/v1/clocks/new")).json()
    found = fix_of(body)
    assert (found["probability"], found["at_risk"], body["at_risk"]) == (1.0, False, False)
    assert (await http.get("/v1/clocks", params={"at_risk": "true"})).json()["items"] == []


async def test_the_list_of_tickets_at_risk(world: World, http: httpx.AsyncClient) -> None:
    """A ticket comes into it when its time has come, without a visit, and leaves when it is done."""
    begun = world.sla.clock.now() + HOUR
    story = await world.open("new", begun)
    await world.sla.feed(story.message(begun + timedelta(minutes=5)))
    await world.run()
    list_ = {"at_risk": "true"}
    visits = world.store.applied
    world.sla.clock.set(begun + 3 * HOUR)
    items = (await http.get("/v1/clocks", params=list_)).json()["items"]
    assert [item["ticket"] for item in items] == ["new"]
    assert world.store.applied == visits
    assert (await http.get("/v1/clocks", params=list_ | {"desk": "london"})).json()["items"] == []
    stranger = {"Authorization": "Bearer other"}
    answer = await http.get("/v1/clocks", params=list_, headers=stranger)
    assert answer.json()["items"] == []
    await world.sla.feed(story.resolved(begun + 3 * HOUR))
    await world.run()
    assert (await http.get("/v1/clocks", params=list_)).json()["items"] == []
    refused = await http.get("/v1/clocks", params=list_ | {"breached": "true"})
    assert refused.status_code == 422
    assert "at_risk" in refused.text


async def test_services_read_the_risks_of_many_tickets_at_once(
    world: World, http: httpx.AsyncClient
) -> None:
    """Only of those at risk, each with its likeliest clock; another tenant's are left out."""
    begun = world.sla.clock.now() + HOUR
    story = await world.open("new", begun)
    ask = {"tenant": "main", "ids": ["new", "past-1", "nothing"]}
    service = {"Authorization": "Bearer main service"}
    await world.sla.feed(story.message(begun + timedelta(minutes=5)))
    await world.run()
    world.sla.clock.set(begun + 3 * HOUR)
    (risk,) = (await http.post(RISKS_PATH, json=ask, headers=service)).json()["tickets"]
    assert (risk["ticket"], risk["clock"]) == ("new", "fix:resolution:1")
    assert risk["probability"] > 0.8
    assert set(risk["because"]) == {"en", "zh"}
    other = await http.post(RISKS_PATH, json=ask | {"tenant": "other"}, headers=service)
    assert other.json()["tickets"] == []
    assert (await http.post(RISKS_PATH, json=ask)).status_code == 403


async def test_what_is_kept_is_the_same_counted_at_once_or_step_by_step(world: World) -> None:
    """A second reader, a reader from the beginning and a reopened ticket count each clock once."""
    again = MemoryForesight(world.sla.data)
    await world.run(foresight_of(world.sla, again))
    ended = {
        key: {m: c for m, c in months.items() if m != "open"}
        for key, months in world.store.counts.items()
        if key[1] == "pool|resolution"
    }
    for key, months in ended.items():
        fresh = {m: c for m, c in again.counts[key].items() if m != "open"}
        assert fresh == months
        assert sum(n for c in months.values() for n in c.values()) == 40
    before = world.store.applied
    await world.run(foresight_of(world.sla, world.store))
    assert world.store.applied == before


async def test_a_reopened_ticket_is_taken_out_of_the_ended_ones(world: World) -> None:
    """Its clock goes on, so it is censored until it ends again."""
    kept = world.store.counts["main", "pool|resolution"]
    start = world.sla.clock.now() + HOUR
    story = await world.open("new", start)
    await world.sla.feed(story.resolved(start + 2 * HOUR))
    await world.run()
    ended = sum(n for m, c in kept.items() if m != "open" for n in c.values())
    assert ended == 41
    await world.sla.feed(story.reopened(start + 3 * HOUR))
    await world.run()
    assert sum(n for m, c in kept.items() if m != "open" for n in c.values()) == 40
    assert sum(kept["open"].values()) == 1


async def test_predictions_are_scored_when_the_clock_ends(
    world: World, http: httpx.AsyncClient
) -> None:
    """Those made with what was known when it began: in JSON and as a picture."""
    assert "resolution|0" in await world.foresight.calibration("main", months=24)
    start = world.sla.clock.now() + HOUR
    for number in range(6):
        await world.lived(start, 2 if number % 2 else 20)
        start += 21 * HOUR
    rows = (await http.get("/v1/predictions/calibration", params={"months": 24})).json()["rows"]
    found = {(row["metric"], row["share"]): row for row in rows}
    first, half = found["resolution", 0.0], found["resolution", 0.5]
    assert 0 < half["n"] < first["n"] <= 16
    assert half["came"] == 1.0
    assert half["brier"] < 0.1
    picture = await http.get("/v1/predictions/calibration", params={"format": "svg"})
    assert picture.headers["content-type"].startswith("image/svg+xml")
    assert picture.text.startswith("<svg")
    bad = await http.get("/v1/predictions/calibration", params={"months": 0})
    assert bad.status_code == 422


async def test_who_waits_for_a_level_is_told_when_it_is_reached(world: World) -> None:
    """Not before; and then with the probability that was reached."""

    async def tell(expected: Sequence[Expected]) -> None:
        world.told.extend(expected)

    world.foresight = foresight_of(
        world.sla,
        world.store,
        levels=lambda clock, _rules: (0.8,) if clock.view.policy == "fix" else (),
        tell=tell,
    )
    begun = world.sla.clock.now() + HOUR
    await world.open("new", begun)
    assert world.told == []
    at = world.store.kept["new"].next_at
    assert at is not None
    assert begun < at < begun + 8 * HOUR
    world.sla.clock.set(at - timedelta(minutes=5))
    await world.run()
    assert world.told == []
    world.sla.clock.set(at + timedelta(seconds=1))
    await world.run()
    assert [item.ticket for item in world.told] == ["new"]
    assert world.told[0].forecasts[0].probability >= 0.8


async def test_a_step_for_an_expected_breach_is_done_when_the_probability_is_reached() -> None:
    """Foresight and steps as they are wired: once, with the probability, and before the due time."""
    step = "{cause: expected-late, above: 0.8, notify: [desk]}"
    policy = (
        "policies:\n"
        "  - {name: fix, metric: resolution, targets: {P2: 8h}, warnings: [],\n"
        f"     escalations: [{step}]}}\n"
    )
    world = World()
    world.sla = Sla(configuration=organisation(sla=policy))
    world.store = MemoryForesight(world.sla.data)

    async def tell(expected: Sequence[Expected]) -> None:
        await tell_expected(expected, handlers=world.sla.handlers, committer=world.sla.committer)

    world.foresight = foresight_of(world.sla, world.store, levels=expected_levels, tell=tell)
    start = utc(2, 14)
    for number in range(40):
        await world.lived(start, 2 if number % 2 else 20)
        start += 21 * HOUR
    begun = world.sla.clock.now() + HOUR
    await world.open("new", begun)
    at = world.store.kept["new"].next_at
    assert at is not None
    for seconds in (1, 2, 1_000):
        world.sla.clock.set(at + timedelta(seconds=seconds))
        await world.run()
    emitted = await world.sla.emitted("new")
    told = [event.body for event in emitted if isinstance(event.body, ClockEscalated)]
    assert [(one.cause, one.reason) for one in told] == [("expected-late", "at-risk")]
    assert told[0].probability is not None
    assert told[0].probability > 0.8
    assert at < begun + 8 * HOUR


async def test_one_ticket_that_cannot_be_judged_holds_up_no_other() -> None:
    """It is told of once and left alone until it changes; the others are counted."""
    world = World()
    failures: list[str] = []

    def levels(clock: Clock, _rules: Rules) -> tuple[float, ...]:
        if clock.view.started_at == utc(2, 15):
            message = "a defect"
            raise ValueError(message)
        return ()

    world.foresight = foresight_of(
        world.sla, world.store, levels=levels, failed=lambda ticket, _: failures.append(ticket)
    )
    story = Story(ticket="bad", facts=facts("BAD", accepted_at=utc(2, 15)), desk="global")
    await world.sla.feed(story.accepted(utc(2, 15)), story.queued(utc(2, 15)))
    await world.open("good", utc(2, 16))
    await world.run()
    assert failures == ["bad"]
    assert world.store.kept["good"].open
    assert not world.store.kept["bad"].open
    assert sum(world.store.counts["main", "pool|resolution"]["open"].values()) == 1
    await world.sla.feed(story.resolved(utc(2, 17)))
    await world.run()
    assert "2026-07" in world.store.counts["main", "pool|resolution"]
