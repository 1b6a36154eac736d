"""A version that leaves promised time uncovered: refused, or forced with a reason that is kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from services.control.domain.promises import PromisesBroken
from shared.contracts.control import ConfigurationApplied
from shared.contracts.topics import CONFIGURATION
from shared.testing.clock import ManualClock
from tests.support.control import ADMIN, TENANT, World, renamed, sample_sections

SATURDAY_NOON = datetime(2026, 3, 7, 12, 0, 30, tzinfo=UTC)
REASON = "Weekend shifts begin in May."


def without_weekends() -> dict[str, Any]:
    """Return the sample, but nobody of London works on Saturday or Sunday."""
    sections = sample_sections()
    (london,) = (c for c in sections["calendars"]["calendars"] if c["name"] == "london-days")
    london["hours"] |= {"sat": [], "sun": []}
    return sections


def promising(sections: dict[str, Any], **scope: Any) -> dict[str, Any]:
    """Return sections with one promise around the clock."""
    promise = {"name": "day-and-night", "scope": {"services": ["network"], **scope}}
    return {**sections, "coverage": {"promises": [promise]}}


WEEKENDS = promising(without_weekends(), sites=["berlin"], channels=["walk-up"])
"""Berlin's walk-ups go to London alone."""


async def test_a_version_with_uncovered_promised_time_is_refused() -> None:
    """The refusal names the promise, the first gap in UTC and local time, and how many there are."""
    world = World(clock=ManualClock(SATURDAY_NOON))
    await world.configuration.apply(renamed("One"), actor=ADMIN, note="", expected=None)
    with pytest.raises(PromisesBroken) as caught:
        await world.configuration.apply(WEEKENDS, actor=ADMIN, note="", expected=1)
    (kept,) = caught.value.broken
    assert kept.promise.name == "day-and-night"
    # 400 days are 57 weeks and a day: 285 working days of 9 hours, and a gap before, between and
    # after them. 9,600 h - 285 * 9 h = 7,035 h.
    assert str(caught.value).startswith(
        "promise day-and-night has uncovered time: 286 gaps, 7,035 h in all, the first "
        "Sat 2026-03-07 12:00–Mon 2026-03-09 08:00 UTC (Europe/London Sat 12:00–Mon 08:00), "
        "for on-site, from berlin"
    )
    current = await world.configuration.in_force(TENANT)
    assert current is not None
    assert current.version == 1


async def test_a_reason_applies_it_all_the_same_and_stays_with_the_version() -> None:
    """The reason is in the event, in the state, and in the archive after the next version."""
    world = World(clock=ManualClock(SATURDAY_NOON))
    keeper = world.configuration
    applied = await keeper.apply(
        WEEKENDS, actor=ADMIN, note="n", expected=None, forced_because=REASON
    )
    assert applied.version.forced_because == REASON
    await keeper.apply(renamed("Two"), actor=ADMIN, note="", expected=1)
    assert (await keeper.version(TENANT, 1)).forced_because == REASON
    await world.deliver()
    told = [
        event.with_body(ConfigurationApplied).body.forced_because
        for event in world.events(CONFIGURATION.name)
        if event.type == ConfigurationApplied.type
    ]
    assert told == [REASON, ""]


async def test_a_reason_that_was_not_needed_is_not_kept() -> None:
    """What keeps its promises was not forced, whatever the caller sent."""
    world = World(clock=ManualClock(SATURDAY_NOON))
    applied = await world.configuration.apply(
        renamed("One"), actor=ADMIN, note="", expected=None, forced_because=REASON
    )
    assert applied.version.forced_because == ""


async def test_who_asks_again_for_what_is_in_force_is_not_refused() -> None:
    """A forced version asked for once more, without the reason, is simply in force."""
    world = World(clock=ManualClock(SATURDAY_NOON))
    keeper = world.configuration
    await keeper.apply(WEEKENDS, actor=ADMIN, note="", expected=None, forced_because=REASON)
    again = await keeper.apply(WEEKENDS, actor=ADMIN, note="", expected=1)
    assert (again.is_new, again.version.forced_because) == (False, REASON)


async def test_a_rollback_is_held_to_what_it_promised() -> None:
    """Going back to a forced version needs a reason of its own."""
    world = World(clock=ManualClock(SATURDAY_NOON))
    keeper = world.configuration
    await keeper.apply(WEEKENDS, actor=ADMIN, note="", expected=None, forced_because=REASON)
    await keeper.apply(renamed("Two"), actor=ADMIN, note="", expected=1)
    with pytest.raises(PromisesBroken):
        await keeper.roll_back(1, actor=ADMIN, note="", expected=2)
    back = await keeper.roll_back(1, actor=ADMIN, note="", expected=2, forced_because="As before.")
    assert (back.version.version, back.version.forced_because) == (3, "As before.")


async def test_what_has_passed_today_breaks_nothing() -> None:
    """An agent who was away until this morning does not stand against a version of the afternoon."""
    sections = sample_sections()
    roster = sections["rosters/london"]["agents"]
    for agent in roster:
        agent["leave"] = [{"first": "2026-03-06", "last": "2026-03-06", "reason": ""}]
    sections["coverage"]["promises"] = [
        {
            "name": "counter",
            "scope": {"sites": ["berlin"], "channels": ["walk-up"], "services": ["network"]},
            "hours": "london-days",
        }
    ]
    before = World(clock=ManualClock(datetime(2026, 3, 6, 7, tzinfo=UTC)))
    with pytest.raises(PromisesBroken):
        await before.configuration.apply(sections, actor=ADMIN, note="", expected=None)
    after = World(clock=ManualClock(datetime(2026, 3, 6, 17, tzinfo=UTC)))
    applied = await after.configuration.apply(sections, actor=ADMIN, note="", expected=None)
    assert applied.is_new


async def test_the_api_refuses_with_place_and_reason_and_takes_a_reason() -> None:
    """422 with each promise; with `forced_because` it is applied, and every answer shows why."""
    world = World(clock=ManualClock(SATURDAY_NOON))
    async with world.client() as client:
        body: dict[str, Any] = {"sections": WEEKENDS}
        refused = await client.put("/v1/configuration", json=body)
        assert refused.status_code == 422
        found = refused.json()
        assert found["type"] == "urn:heliodesk:problem:promises-uncovered"
        (error,) = found["errors"]
        assert (error["file"], error["path"]) == ("coverage", "promises[0]")
        assert "Sat 2026-03-07 12:00–Mon 2026-03-09 08:00 UTC" in error["reason"]
        assert "forced_because" in found["detail"]
        blank = await client.put("/v1/configuration", json=body | {"forced_because": " \n "})
        assert blank.status_code == 422
        long = await client.put("/v1/configuration", json=body | {"forced_because": "x" * 501})
        assert long.json()["errors"][0]["field"] == "forced_because"
        done = await client.put("/v1/configuration", json=body | {"forced_because": REASON})
        assert (done.status_code, done.json()["forced_because"]) == (200, REASON)
        assert (await client.get("/v1/configuration")).json()["forced_because"] == REASON
        listed = (await client.get("/v1/configuration/versions")).json()
        assert [version["forced_because"] for version in listed] == [REASON]


async def test_a_check_and_a_diff_say_which_promises_break() -> None:
    """Both answer 200 with the promise, the count, and the first gap in UTC and local time."""
    world = World(clock=ManualClock(SATURDAY_NOON))
    async with world.client() as client:
        for path in ("check", "diff"):
            answer = await client.post(f"/v1/configuration/{path}", json={"sections": WEEKENDS})
            assert answer.status_code == 200
            (broken,) = answer.json()["broken_promises"]
            assert (broken["promise"], broken["gaps"]) == ("day-and-night", 286)
            assert broken["first"]["start"] == "2026-03-07T12:00:00Z"
            assert broken["first"]["local"] == [
                {
                    "time_zone": "Europe/London",
                    "start": "2026-03-07T12:00:00Z",
                    "end": "2026-03-09T08:00:00Z",
                }
            ]
