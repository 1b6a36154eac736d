"""A second desk takes over when the first one closes: on the running system, and undone again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from heliodesk.api import Api
from heliodesk.demo.follow import Follower
from heliodesk.demo.handover import Handover, handover
from heliodesk.demo.story import Story
from heliodesk.errors import CliError
from shared.clock import Clock
from shared.organisation import Configuration

MOVED_SECONDS_MAX: Final = 60.0
NOTE: Final = "demonstration: "
PATH: Final = "/v1/configuration"
BECAUSE: Final = "a demonstration closes a desk for some seconds"
"""Promised time may be uncovered meanwhile; kept with the version only where it is."""
OPEN_STATUSES: Final = frozenset({"queued", "offered", "assigned", "accepted", "in-progress"})


@dataclass(frozen=True, slots=True)
class TakeoverResult:
    """What came of it; ``problem`` is None where the second desk took over."""

    closing: str | None = None
    taking: str | None = None
    number: str | None = None
    agent: str | None = None
    version: int | None = None
    """The version in which the first desk was closed."""
    version_after: int | None = None
    """The version that undid it."""
    problem: str | None = None


class Takeover:
    """Closes the desk that has a ticket, by configuration, and watches the ticket move."""

    def __init__(
        self,
        control: Api,
        *,
        clock: Clock,
        follower: Follower,
        say: Callable[[str], None],
        pause_seconds: float,
    ) -> None:
        self._pause_seconds = pause_seconds
        self._control = control
        self._clock = clock
        self._follower = follower
        self._say = say

    async def run(self, names: Sequence[str]) -> TakeoverResult:
        """Hand one of these stories' tickets over, whichever follows the sun.

        Raises:
            CliError: control does not answer.
        """
        await asyncio.to_thread(self._undo_leftover)
        current = await asyncio.to_thread(self._control.get, PATH)
        version = current["version"]
        whole = await asyncio.to_thread(self._control.get, f"{PATH}/versions/{version}")
        configuration = Configuration.from_sections(whole["sections"])
        for name in names:
            story = self._follower.stories[name]
            if story.desk is None or story.status not in OPEN_STATUSES:
                continue
            plan = handover(configuration, closing=story.desk, now=self._clock.now())
            if plan is not None:
                receipts = configuration.handover.policy_for(story.desk) is not None
                return await self._move(name, plan, version, receipts=receipts)
        return TakeoverResult(problem="takeover: no open ticket is at a desk that follows the sun")

    async def _move(
        self, name: str, plan: Handover, version: int, *, receipts: bool
    ) -> TakeoverResult:
        story = self._follower.stories[name]
        opened = "is open" if plan.taking_was_open else "opens for the moment, too"
        self._say(
            f"Now {plan.closing} closes, by a version of the configuration that is taken back "
            f"afterwards. {plan.taking}, the next desk of {plan.topology}, {opened}. "
            f"All open work of {plan.closing} that follows the sun moves there."
        )
        note = f"{NOTE}{plan.closing} closes, {plan.taking} takes over"
        applied = await asyncio.to_thread(self._apply, plan.sections, note, version)
        try:
            moved = await self._follower.until(
                lambda stories: _has_moved(stories[name], plan.taking), seconds=MOVED_SECONDS_MAX
            )
            # As it is now: with the usual hours the ticket may go on to a third agent.
            agent = self._follower.stories[name].agent
            if moved and receipts:
                self._say(
                    "Each move has its receipt in the handover of the shift: "
                    f"heliodesk handover list --desk {plan.closing}"
                )
            await self._clock.sleep(2 * self._pause_seconds)
        finally:
            # Also when somebody presses Ctrl-C here: the desk must not stay closed.
            after = await asyncio.shield(asyncio.to_thread(self._roll_back, version, applied))
        self._say(_undone(plan, after))
        return TakeoverResult(
            closing=plan.closing,
            taking=plan.taking,
            number=story.number,
            agent=agent,
            version=applied,
            version_after=after,
            problem=_problem(plan, story, moved=moved, undone=after is not None),
        )

    def _apply(self, sections: dict[str, Any], note: str, seen: int) -> int:
        body = {"sections": sections, "note": note, "forced_because": BECAUSE}
        headers = {"If-Match": f'"{seen}"'}
        return int(self._control.call("PUT", PATH, body, headers=headers)["version"])

    def _roll_back(self, to: int, ours: int) -> int | None:
        """Put the earlier content in force again; None where somebody else's version is."""
        # Whatever was in force before is to be so again, also if it was forced itself.
        note = f"{NOTE}back to version {to}"
        body = {"version": to, "note": note, "forced_because": BECAUSE}
        headers = {"If-Match": f'"{ours}"'}
        try:
            answer = self._control.call("POST", f"{PATH}/rollback", body, headers=headers)
        except CliError:
            return None
        return int(answer["version"])

    def _undo_leftover(self) -> None:
        """Undo what a demonstration that was killed has left in force."""
        current = self._control.get(PATH)
        note = str(current["note"])
        if note.startswith(NOTE) and "takes over" in note:
            self._say("An earlier demonstration was cut off: its closed desk is opened again.")
            self._roll_back(current["version"] - 1, current["version"])


def _has_moved(story: Story, desk: str) -> bool:
    held = {"offered", "assigned", "accepted", "in-progress"}
    return story.desk == desk and story.status in held


def _undone(plan: Handover, version: int | None) -> str:
    if version is None:
        return "Somebody has changed the configuration meanwhile; see `heliodesk config history`."
    text = f"Version {version} has the usual hours again."
    if plan.taking_was_open:
        return text
    return f"{text} By them {plan.taking} is closed, so the work goes back to {plan.closing}."


def _problem(plan: Handover, story: Story, *, moved: bool, undone: bool) -> str | None:
    if not moved:
        return f"takeover: {plan.taking} did not take {story.number} over from {plan.closing}"
    return None if undone else "takeover: the configuration could not be rolled back"
