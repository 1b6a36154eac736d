"""Limits: each integration by itself, and none behind another's storm."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import pytest

from services.intake.handlers.grouping import GroupCommit
from shared.kernel import Infrastructure


class Groups:
    """What was written, group by group."""

    def __init__(self) -> None:
        self.written: list[list[str]] = []

    async def write(self, items: Sequence[str]) -> list[str]:
        """Write a group."""
        self.written.append(list(items))
        return list(items)


async def test_a_form_does_not_stand_behind_a_storm() -> None:
    """Of a hundred alerts and two forms, the forms are in the first group of eight."""
    groups = Groups()
    commit = GroupCommit(groups.write, items_max=8, waiting_max=1_000)
    for number in range(100):
        commit.submit(f"alert {number}", lane="main/storm")
    commit.submit("form 1", lane="main/form")
    commit.submit("form 2", lane="other/form")
    await commit.flush()
    assert groups.written == [
        ["alert 0", "form 1", "form 2", *(f"alert {number}" for number in range(1, 6))]
    ]


async def test_one_lane_keeps_its_order() -> None:
    """Items of one lane are written in the order in which they came."""
    groups = Groups()
    commit = GroupCommit(groups.write, items_max=2, waiting_max=10)
    for lane, item in (("a", "a1"), ("a", "a2"), ("b", "b1"), ("a", "a3"), ("b", "b2")):
        commit.submit(item, lane=lane)
    for _ in range(3):
        await commit.flush()
    assert groups.written == [["a1", "b1"], ["a2", "b2"], ["a3"]]


async def test_a_storm_leaves_room_for_others() -> None:
    """A lane that fills four fifths of the room is refused; another one still gets in."""
    commit = GroupCommit(Groups().write, items_max=2, waiting_max=10)
    for number in range(8):
        commit.submit(str(number), lane="storm")
    with pytest.raises(Infrastructure, match="8 items wait"):
        commit.submit("9", lane="storm")
    assert not commit.submit("form", lane="form").done()


async def test_however_many_storm_there_is_room_for_a_form() -> None:
    """Ten lanes take what they get; one that has nothing waiting still gets in."""
    commit = GroupCommit(Groups().write, items_max=2, waiting_max=1_000)
    for storm in range(10):
        with suppress(Infrastructure):
            for number in range(1_000):
                commit.submit(str(number), lane=f"storm {storm}")
    assert not commit.submit("form", lane="form").done()
