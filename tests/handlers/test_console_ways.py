"""Buttons of a ticket's page that bring its requester to somebody: referral and visits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.console.domain.ways import Ways, ways_of
from shared.contracts import intake, routing
from shared.contracts.facts import Channel
from shared.contracts.routing import Explanation
from shared.organisation import Configuration, parse_sections
from shared.testing.clock import ManualClock
from tests.support.console import NOON, MemoryConsole, Stories, facts, project, ticket_id

SEVEN = Path(__file__).parents[2] / "deploy" / "examples" / "seven"
TICKET = ticket_id("HD-1")
BECAUSE = Explanation(topology="t", shape="hybrid", rule="the only one")


@pytest.fixture(scope="module")
def seven() -> Configuration:
    """Give the example with all seven shapes."""
    files = {
        str(path.relative_to(SEVEN)): path.read_text(encoding="utf-8")
        for path in sorted(SEVEN.rglob("*.yaml"))
    }
    return parse_sections(files)


async def shown(seven: Configuration, *, desk: str = "operations", **changed: Any) -> MemoryConsole:
    """Return a console with one queued ticket."""
    console = MemoryConsole(ManualClock(NOON), configuration=seven)
    console.signer.account("m-lopez")
    stories, known = Stories(), facts("HD-1", **changed)
    stories.say(TICKET, intake.RequestAccepted(facts=known, message="m-1"), at=NOON)
    queued = routing.TicketQueued(
        facts=known, status="queued", desk=desk, reason="new", explanation=BECAUSE
    )
    stories.say(TICKET, queued, at=NOON)
    await project(console.projector, stories.events)
    return console


async def test_a_hybrid_topology_offers_to_refer(seven: Configuration) -> None:
    """To the desk of its tables, or to one that is named; never to the centre itself."""
    console = await shown(seven, channel=Channel.CHAT)
    async with console.client() as client:
        page = (await client.get(f"/tickets/{TICKET}")).text
        form = {"revision": "1", "desk": ""}
        done = await client.post(f"/tickets/{TICKET}/do/refer", data=form)
        await client.post(f"/tickets/{TICKET}/do/refer", data={**form, "desk": "london"})
    form_of_refer = page[page.index('id="do-refer"') :]
    form_of_refer = form_of_refer[: form_of_refer.index("</form>")]
    assert 'value="london">London Service Desk (by the topology)' in form_of_refer
    assert form_of_refer.count('value="london"') == 1
    assert 'value="operations"' not in form_of_refer
    assert 'id="do-visit"' not in page
    assert "the contact from now on" in done.text
    assert [sent[2:] for sent in console.fakes.sent] == [
        ("refer", {}, 1),
        ("refer", {"desk": "london"}, 1),
    ]


async def test_where_no_table_says_a_desk_one_is_chosen(seven: Configuration) -> None:
    """The form cannot be sent without; the desk that is the contact already is not offered."""
    console = await shown(seven, channel=Channel.CHAT, region=None, site=None)
    async with console.client() as client:
        page = (await client.get(f"/tickets/{TICKET}")).text
    assert '<select name="desk" required><option value="">Choose a desk</option>' in page
    known = facts("HD-1", channel=Channel.CHAT)
    assert ways_of(seven, known).refer_to == "london"
    there = ways_of(seven, known, referred="london")
    assert (there.refer_to, set(there.refer)) == (None, {"new-york", "shanghai"})


async def test_a_site_that_is_visited_offers_a_visit(seven: Configuration) -> None:
    """The button says which desk goes there; Chinese says it in Chinese."""
    console = await shown(seven, desk="london", site="hudson-yards", region="americas")
    async with console.client(**{"accept-language": "zh"}) as client:
        page = (await client.get(f"/tickets/{TICKET}")).text
        await client.post(f"/tickets/{TICKET}/do/visit", data={"revision": "1"})
    assert "派人到现场" in page
    assert 'id="do-refer"' not in page
    assert [sent[2:] for sent in console.fakes.sent] == [("visit", {}, 1)]


async def test_what_is_at_tier_0_waits_for_no_agent(seven: Configuration) -> None:
    """The desks page has a figure of its own for it, and the queue says so of the ticket."""
    console = MemoryConsole(ManualClock(NOON), configuration=seven)
    stories, known = Stories(), facts("HD-1", channel=Channel.WEB)
    stories.say(TICKET, intake.RequestAccepted(facts=known, message="m-1"), at=NOON)
    stand: dict[str, Any] = {"facts": known, "status": "queued", "desk": "london", "tier": 0}
    queued = routing.TicketQueued(**stand, reason="new", explanation=BECAUSE)
    stories.say(TICKET, queued, at=NOON)
    await project(console.projector, stories.events)
    async with console.client() as client:
        desks = (await client.get("/desks")).text
        queue = (await client.get("/")).text
    assert "1 at tier 0" in desks
    assert "<b>1</b>" not in desks
    assert '<span class="tag">Tier 0</span>' in queue


async def test_where_it_waits_already_nobody_is_sent_again(seven: Configuration) -> None:
    """The desk whose people go there has it in its queue."""
    console = await shown(seven, desk="new-york", site="hudson-yards", region="americas")
    async with console.client() as client:
        assert 'id="do-visit"' not in (await client.get(f"/tickets/{TICKET}")).text


def test_other_topologies_and_no_configuration_offer_neither(seven: Configuration) -> None:
    """Nor does a site that nobody visits, or a ticket of which nothing is known."""
    assert ways_of(seven, facts("HD-1", service="payroll", channel=Channel.WEB)) == Ways()
    assert ways_of(seven, facts("HD-1", site=None)) == Ways()
    assert ways_of(None, facts("HD-1")) == Ways()
    assert ways_of(seven, None) == Ways()
