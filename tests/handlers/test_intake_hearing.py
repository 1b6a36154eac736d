"""What monitors tell of once more, while it is noted that they did."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from shared.kernel import Infrastructure
from tests.support.alerting import AlertDesk, alert, configured, delivery

A = alert("a", 0, "firing")


class Meanwhile:
    """Does something once, at the next point of I/O."""

    def __init__(self) -> None:
        self.does: Callable[[], None] | None = None

    async def point(self, name: str) -> None:
        """Do it."""
        does, self.does = self.does, None
        if does is not None:
            does()


async def test_what_comes_again_while_it_is_noted_is_noted_the_next_time() -> None:
    """Another alert of the same group, told of while the first is being written."""
    meanwhile = Meanwhile()
    desk = AlertDesk(configured({"expire": 4 * 3600}), faults=meanwhile)
    other = alert("b", 0, "firing")
    both = desk.formed(delivery(A, other), key="both")
    await desk.hand_in([both])
    one, two = desk.formed(delivery(A), key="one"), desk.formed(delivery(other), key="two")
    for _ in range(5):
        await desk.wait(120, watch=False)
        desk.hearing.repeated(one)
        meanwhile.does = partial(desk.hearing.repeated, two)
        assert await desk.hearing.note()
        assert not await desk.hearing.note()
        await desk.watch()
    assert "alerts_expired" not in await desk.kinds()


async def test_what_cannot_be_noted_is_noted_the_next_time() -> None:
    """The store did not answer: it is remembered, with what came again since then."""

    def unreachable() -> None:
        raise Infrastructure("no answer")

    meanwhile = Meanwhile()
    desk = AlertDesk(configured({"expire": 4 * 3600}), faults=meanwhile)
    told = desk.formed(delivery(A), key="once")
    await desk.hand_in([told])
    for _ in range(5):
        await desk.wait(120, watch=False)
        desk.hearing.repeated(told)
        meanwhile.does = unreachable
        with pytest.raises(Infrastructure):
            await desk.hearing.note()
        assert not await desk.hearing.note()
        await desk.watch()
    assert "alerts_expired" not in await desk.kinds()
