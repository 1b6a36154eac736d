"""What the console offers to say about one ticket of a handover."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from services.console.domain.handovers import (
    KEEP_REASONS,
    MATTER_STATES,
    STEPS,
    Deed,
    deeds,
)
from services.console.domain.words import CATALOGUES
from services.routing.domain.handover.items import Stage
from services.routing.domain.handover.vocabulary import word
from shared.organisation import DECLINE_REASONS


@pytest.mark.parametrize(
    ("stage", "desks", "holder", "kept_by", "expected"),
    [
        ("offered", {"a"}, None, None, (Deed.ACCEPT, Deed.DECLINE, Deed.BRIEF)),
        ("declined", {"a"}, None, None, (Deed.ACCEPT, Deed.BRIEF)),
        ("offered", {"b"}, None, None, (Deed.BRIEF,)),
        ("drafted", {"b"}, "me", None, (Deed.KEEP, Deed.BRIEF)),
        ("kept", {"b"}, "me", "system", (Deed.KEEP, Deed.BRIEF)),
        ("kept", {"b"}, "me", "me", (Deed.BRIEF,)),
        ("moved", {"b"}, "me", None, (Deed.BRIEF,)),
        ("drafted", {"b"}, "other", None, (Deed.BRIEF,)),
    ],
)
def test_what_is_offered_follows_the_stage_and_the_person(
    stage: str,
    desks: Collection[str],
    holder: str | None,
    kept_by: str | None,
    expected: tuple[Deed, ...],
) -> None:
    """The desk that is asked answers; who has it keeps it; both sides put briefs right."""
    found = deeds(
        stage,
        offered_to="a",
        holder=holder,
        kept_by=kept_by,
        me="me",
        desks=desks,
        takes_part=True,
    )
    assert found == expected


def test_who_is_of_neither_side_is_offered_nothing() -> None:
    """They read."""
    for stage in Stage:
        assert not deeds(
            stage,
            offered_to="a",
            holder="x",
            kept_by=None,
            me="me",
            desks=(),
            takes_part=False,
        )


def test_all_codes_that_the_page_offers_have_words() -> None:
    """In both languages, and in the sentences that routing tells of them later."""
    for catalogue in CATALOGUES.values():
        for step in STEPS:
            assert f"handover.step.{step.value}" in catalogue
        for state in MATTER_STATES:
            assert f"handover.state.{state.value}" in catalogue
        for reason in (*KEEP_REASONS, *DECLINE_REASONS):
            assert f"handover.reason.{reason}" in catalogue
    for reason in (*KEEP_REASONS, *DECLINE_REASONS):
        assert word(reason, "zh", group="reason") != reason
