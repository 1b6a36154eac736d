"""The clocks after an agent's correction."""

from __future__ import annotations

from shared.contracts.facts import Priority
from shared.contracts.intake import FactChange, RequestReclassified
from tests.support.sla import Sla, Story, utc


async def test_a_corrected_priority_has_another_target_from_the_same_start() -> None:
    """P3 becomes P1 after ten minutes: half an hour to answer, counted from the acceptance."""
    sla, story = Sla(), Story()
    story.facts = story.facts.model_copy(update={"priority": Priority.P3})
    await sla.feed(story.accepted(), story.queued(utc(2, 14, 5)))
    before = (await sla.clock_of("answer")).view
    story.facts = story.facts.model_copy(update={"priority": Priority.P1})
    body = RequestReclassified(
        facts=story.facts,
        changes=(FactChange(field="priority", was="P3", now="P1"),),
        by="ann",
    )
    await sla.feed(story._request(utc(2, 14, 10), body))
    after = (await sla.clock_of("answer")).view
    assert (before.target_seconds, after.target_seconds) == (4 * 3600, 1800)
    assert (after.started_at, after.due_at) == (before.started_at, utc(2, 14, 30))
