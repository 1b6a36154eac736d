"""A version whose chains are too late: refused with the ticket, or forced; agreements listed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from services.control.domain.promises import PromisesBroken
from shared.testing.clock import ManualClock
from tests.support.control import ADMIN, World, renamed, sample_sections

MONDAY = datetime(2027, 3, 1, 12, tzinfo=UTC)
GOLD = {"name": "gold", "title": "Gold", "state": "draft", "parties": {"customer": "Us"}}


def backed(hours: int, **gold: Any) -> dict[str, Any]:
    """Return the sample; London has so long for a P2 that is promised in 8 office hours."""
    sections = sample_sections()
    hold: dict[str, Any] = {
        "name": "london-hold",
        "kind": "ola",
        "metric": "hold",
        "desk": "london",
    }
    hold |= {"targets": {"P2": hours * 3600}, "calendar": "london-office"}
    promise: dict[str, Any] = {
        "name": "office",
        "metric": "resolution",
        "targets": {"P2": 8 * 3600},
    }
    promise |= {"calendar": "london-office", "backed_by": ["london-hold"]}
    policies = [*sections["sla"]["policies"], promise, hold]
    agreements = {"agreements": [{**GOLD, **gold}]}
    return {**sections, "sla": {"policies": policies}, "agreements": agreements}


async def test_a_chain_that_is_too_late_is_refused_and_the_running_version_stays() -> None:
    """The refusal names the ticket; a chain that fits is applied; a reason applies the other."""
    world = World(clock=ManualClock(MONDAY))
    keeper = world.configuration
    await keeper.apply(backed(8), actor=ADMIN, note="", expected=None)
    with pytest.raises(PromisesBroken, match=r"a P2 ticket .* would be late by ") as caught:
        await keeper.apply(backed(9), actor=ADMIN, note="", expected=1)
    assert [late.policy for late in caught.value.late] == ["office"]
    current = await keeper.in_force("acme")
    assert current is not None
    assert (current.version, current.forced_because) == (1, "")
    forced = await keeper.apply(
        backed(9), actor=ADMIN, note="", expected=1, forced_because="Until May."
    )
    assert (forced.version.version, forced.version.forced_because) == (2, "Until May.")


async def test_the_api_tells_where_and_why() -> None:
    """Check and diff show it; apply answers 422 with the policy's place; agreements are listed."""
    world = World(clock=ManualClock(MONDAY))
    async with world.client() as client:
        await client.put("/v1/configuration", json={"sections": backed(8)})
        body = {"sections": backed(9, state="in-force")}
        checked = (await client.post("/v1/configuration/check", json=body)).json()
        (late,) = checked["service_levels"]["late_chains"]
        assert (checked["valid"], late["priority"], late["certain"]) == (True, "P2", True)
        compared = (await client.post("/v1/configuration/diff", json=body)).json()
        assert compared["service_levels"]["late_chains"] == [late]
        assert compared["skipped_states"] == [
            {"agreement": "gold", "before": "draft", "after": "in-force"}
        ]
        refused = await client.put("/v1/configuration", json=body, headers={"If-Match": '"1"'})
        assert refused.status_code == 422
        assert refused.json()["type"] == "urn:heliodesk:problem:chain-too-late"
        (error,) = refused.json()["errors"]
        policies = backed(9)["sla"]["policies"]
        place = next(number for number, one in enumerate(policies) if one.get("backed_by"))
        assert (error["file"], error["path"]) == ("sla", f"policies[{place}].backed_by")
        assert "forced_because" in refused.json()["detail"]
        (gold,) = (await client.get("/v1/configuration/agreements")).json()
        assert (gold["name"], gold["state"], gold["binds"]) == ("gold", "draft", False)
        assert [warning["what"] for warning in gold["warnings"]] == ["no-manager"]


async def test_without_a_version_there_are_no_agreements() -> None:
    """An empty list, and not an error; nor does a version without agreements have any."""
    world = World(clock=ManualClock(MONDAY))
    async with world.client() as client:
        assert (await client.get("/v1/configuration/agreements")).json() == []
        await client.put("/v1/configuration", json={"sections": renamed("One")})
        assert (await client.get("/v1/configuration/agreements")).json() == []
