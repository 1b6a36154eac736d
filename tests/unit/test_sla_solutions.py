"""The fold of a ticket's resolutions: which version stands, and since when it was told."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from services.sla.domain.outcomes import GapError
from services.sla.domain.solutions import Solved, Solving, solved
from shared.contracts.envelope import Event
from tests.support.sla import Story, facts, utc


def folded(*events: Event[Any], written_at: datetime | None = None) -> list[Solved]:
    """Return what each event adds; its record was written when it was made, or later."""
    evidence, found = Solving(), []
    for event in events:
        found.append(solved(evidence, event, written_at or event.time))
        evidence = found[-1].evidence
    return found


def test_a_resolution_has_a_version_for_each_thing_that_is_said_of_it() -> None:
    """Resolved; then reopened, which replaces that; what comes later changes it no more."""
    story = Story()
    _, first, again, *rest = folded(
        story.queued(utc(2, 14)),
        story.resolved(utc(2, 15)),
        story.reopened(utc(2, 16)),
        story.reopened(utc(2, 17)),
        story.closed(utc(2, 18), "merged"),
    )
    (version,) = first.versions
    assert (version.sequence, version.told_at, version.solution.reopened_at) == (
        2,
        utc(2, 15),
        None,
    )
    (version,) = again.versions
    assert (version.sequence, version.solution.resolution) == (3, 2)
    assert version.solution.reopened_at == utc(2, 16)
    (gone,) = again.replaced
    assert (gone.clock, gone.sequence, gone.at) == ("2", 2, utc(2, 16))
    assert [(one.versions, one.replaced) for one in rest] == [((), ())] * 2


def test_it_knows_where_the_ticket_began() -> None:
    """Version, desk and tier are those of the first event; the desk of the resolution is its own."""
    story = Story(facts=facts(business="alpha"), version=3)
    queued = story.queued(utc(2, 14))
    story.version, story.tier = 4, 2
    *_, last = folded(queued, story.queued(utc(2, 15), "global"), story.resolved(utc(2, 16)))
    (version,) = last.versions
    one = version.solution
    assert (one.version, one.first_desk, one.first_tier) == (3, "london", 1)
    assert (one.desk, one.customer, one.resolved_at) == ("global", "alpha", utc(2, 16))


def test_a_resolution_after_one_that_stands_replaces_it() -> None:
    """A ticket has one resolution that stands."""
    story = Story()
    *_, last = folded(story.resolved(utc(2, 15)), story.resolved(utc(2, 16)))
    assert [one.sequence for one in last.replaced] == [1]
    assert [one.solution.resolution for one in last.versions] == [2]


def test_what_was_told_is_never_told_before_what_came_first() -> None:
    """Clocks of brokers' callers differ: the order of a ticket's events counts."""
    story = Story()
    late = utc(9, 0)
    evidence = solved(Solving(), story.queued(utc(2, 14)), late).evidence
    found = solved(evidence, story.resolved(utc(2, 15)), utc(2, 15))
    assert [one.told_at for one in found.versions] == [late]
    assert found.versions[0].solution.resolved_at == utc(2, 15)


def test_an_event_that_was_taken_in_changes_nothing_and_a_gap_is_an_error() -> None:
    """Redelivery is harmless; what is missing is said."""
    story = Story()
    queued, resolved = story.queued(utc(2, 14)), story.resolved(utc(2, 15))
    evidence = folded(queued, resolved)[-1].evidence
    assert solved(evidence, queued, queued.time + timedelta(days=9)) == Solved(evidence)
    with pytest.raises(GapError, match="event 1 is missing"):
        solved(Solving(), resolved, resolved.time)
