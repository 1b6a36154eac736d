"""Limits: each integration by itself, and none behind another's storm."""

from __future__ import annotations

from collections.abc import Sequence

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


async def test_however_many_storms_there_are_a_quiet_lane_gets_in() -> None:
    """Twenty lanes hand in until they are refused; the one in which nothing waits is let in."""
    commit = GroupCommit(Groups().write, items_max=2, waiting_max=1_000)
    for lane in range(20):
        for _ in range(1_000):
            try:
                commit.submit("alert", lane=f"main/storm-{lane}")
            except Infrastructure:
                break
        else:
            pytest.fail("a storm is never refused")
    assert not commit.submit("form", lane="other/form").done()


async def test_a_large_item_takes_the_room_of_several() -> None:
    """What is bounded is what is in memory, not how many there are; what is written frees it."""
    commit = GroupCommit(Groups().write, items_max=1, waiting_max=100, weight=len)
    commit.submit("x" * 50, lane="a")
    commit.submit("x" * 40, lane="a")
    with pytest.raises(Infrastructure, match="2 items wait"):
        commit.submit("x", lane="a")
    await commit.flush()
    commit.submit("x", lane="a")


async def test_an_item_is_weighed_once() -> None:
    """What it took of the room is what it gives back, though it weighs something else by then."""
    item: list[str] = []
    weighed: list[int] = []

    def weight(one: list[str]) -> int:
        weighed.append(1 + len(one))
        return weighed[-1]

    async def write(items: Sequence[list[str]]) -> Sequence[list[str]]:
        return items

    commit = GroupCommit(write, items_max=1, waiting_max=10, weight=weight)
    done = commit.submit(item)
    item.extend("grown")
    await commit.flush()
    assert done.result() is item
    assert (weighed, commit._waiting) == ([1], 0)


async def test_a_write_with_too_few_results_answers_everybody() -> None:
    """Nobody waits for ever for a result that never comes."""

    async def short(items: Sequence[str]) -> list[str]:
        return list(items)[1:]

    commit: GroupCommit[str, str] = GroupCommit(short, items_max=5, waiting_max=10)
    waiting = [commit.submit("a"), commit.submit("b")]
    with pytest.raises(RuntimeError, match="2 items were written, 1 results came"):
        await commit.flush()
    for future in waiting:
        with pytest.raises(RuntimeError):
            await future
