"""Commands of agents: passed on to the owner, and their outcome said in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from services.console.domain.actions import Verb
from services.console.ports import Caller, Next, Owners, Projection, Standing
from shared.clock import Clock
from shared.kernel import CommandRejected, Infrastructure

CATCH_UP_SECONDS_MAX = 2.0
"""How long an answer waits for the projection: the page then shows what was just done."""
CATCH_UP_POLL_SECONDS = 0.05

STALE = frozenset({409, 412, 428})


class Result(StrEnum):
    """What became of a command."""

    DONE = "done"
    STALE = "stale"
    REFUSED = "refused"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a command; ``now`` says who has the ticket, where that matters."""

    result: Result
    code: str = ""
    reason: str = ""
    service: str = ""
    now: Standing | None = None


class Commands:
    """Sends commands with the caller's own token."""

    def __init__(self, *, owners: Owners, projection: Projection, clock: Clock) -> None:
        self._owners = owners
        self._projection = projection
        self._clock = clock

    async def act(
        self, caller: Caller, ticket: str, verb: Verb, body: Mapping[str, Any], *, revision: int
    ) -> Outcome:
        """Send a command about where a ticket stands."""
        try:
            after = await self._owners.command(caller, ticket, verb.value, body, revision=revision)
        except CommandRejected as error:
            result = Result.STALE if error.status == 412 else Result.REFUSED  # noqa: PLR2004
            now = await self._standing(caller, ticket) if error.status in STALE else None
            return Outcome(result, error.code, error.reason, "routing", now)
        except Infrastructure as error:
            return Outcome(Result.DOWN, reason=str(error), service="routing")
        await self._catch_up(caller, ticket, after)
        return Outcome(Result.DONE)

    async def next(self, caller: Caller) -> tuple[Outcome, Next | None]:
        """Ask for the next best ticket for the caller, and begin with it."""
        try:
            found = await self._owners.next(caller)
        except CommandRejected as error:
            return Outcome(Result.REFUSED, error.code, error.reason, "routing"), None
        except Infrastructure as error:
            return Outcome(Result.DOWN, reason=str(error), service="routing"), None
        return Outcome(Result.DONE), found

    async def say(
        self, caller: Caller, ticket: str, *, text: str, visibility: str, key: str
    ) -> Outcome:
        """Add a reply or a note."""
        try:
            await self._owners.say(caller, ticket, text=text, visibility=visibility, key=key)
        except CommandRejected as error:
            return Outcome(Result.REFUSED, error.code, error.reason, "intake")
        except Infrastructure as error:
            return Outcome(Result.DOWN, reason=str(error), service="intake")
        return Outcome(Result.DONE)

    async def _standing(self, caller: Caller, ticket: str) -> Standing | None:
        try:
            return await self._owners.standing(caller, ticket)
        except (CommandRejected, Infrastructure):
            return None

    async def _catch_up(self, caller: Caller, ticket: str, revision: int) -> None:
        """Wait until the projection shows a revision; give up after a while, quietly."""
        deadline = self._clock.monotonic() + CATCH_UP_SECONDS_MAX
        while revision and self._clock.monotonic() < deadline:
            found = await self._projection.ticket(caller.tenant, ticket)
            if found is not None and found.revision.seq >= revision:
                return
            await self._clock.sleep(CATCH_UP_POLL_SECONDS)
