"""Tickets that are open follow the organisation as a version of it is switched live."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from services.routing.domain.reorganising import Switch, decide_reorganised, judge
from services.routing.domain.tickets import TICKETS
from services.routing.handlers.writing import TicketWriter
from services.routing.ports import TicketDocument, Tickets
from shared.clock import Clock
from shared.commit import Command, Committer
from shared.configuration import Configurations
from shared.contracts.envelope import Body
from shared.kernel import CommandRejected, Infrastructure
from shared.organisation import Configuration, ConfigurationInvalid

PAGE_TICKETS: Final = 200
"""Tickets of one query and of one bulk write; between two pages everybody else has a turn."""
SETTLE_SECONDS: Final = 30.0
"""After so long everything is looked at once more: what was being decided under the older version
as the new one came is written by then. It saves time only: the rolling look finds the rest."""


class Reorganiser:
    """Moves what a new version wants elsewhere: once for each ticket and version.

    When a version comes into force all open tickets are looked at, page by page; again a little
    later; and then one page each round, on and on. So nothing depends on having been there when
    the version came: after a crash, or where another process was late to learn of it, a later
    look finds what is left. Each move is decided on the ticket's state and guarded by its ``v``,
    and its choice is stamped with the version: any number of processes may do this at once.
    """

    def __init__(
        self,
        *,
        tickets: Tickets,
        committer: Committer,
        writer: TicketWriter,
        configurations: Configurations,
        clock: Clock,
    ) -> None:
        self._tickets = tickets
        self._committer = committer
        self._writer = writer
        self._configurations = configurations
        self._clock = clock
        self._done: dict[str, int] = {}
        self._again: dict[str, datetime] = {}
        self._places: dict[str, str] = {}

    async def round(self) -> int:
        """Move what has to move now; return how many tickets did, here or elsewhere meanwhile.

        Raises:
            Infrastructure: the store does not answer; the next round begins again.
        """
        moved = 0
        for tenant in self._configurations.tenants:
            moved += await self._tenant(tenant)
        return moved

    async def _tenant(self, tenant: str) -> int:
        moved = 0
        while (version := self._configurations.version(tenant)) != self._done.get(tenant):
            moved += await self._everything(tenant, version)
            if self._configurations.version(tenant) == version:
                self._done[tenant] = version
                self._again[tenant] = self._clock.now() + timedelta(seconds=SETTLE_SECONDS)
        again = self._again.get(tenant)
        if again is not None and again <= self._clock.now():
            moved += await self._everything(tenant, version)
            self._again.pop(tenant, None)
        found, self._places[tenant] = await self._page(
            tenant, version, self._places.get(tenant, "")
        )
        return moved + found

    async def _everything(self, tenant: str, version: int) -> int:
        moved, after = 0, ""
        while True:
            found, after = await self._page(tenant, version, after)
            moved += found
            if not after or self._configurations.version(tenant) != version:
                return moved
            await asyncio.sleep(0)

    async def _page(self, tenant: str, version: int, after: str) -> tuple[int, str]:
        """Move what has to move of one page; return how many, and where the next one begins."""
        page = await self._tickets.open_by_id(tenant, after=after, limit=PAGE_TICKETS)
        if self._configurations.version(tenant) != version:
            return 0, ""
        switch = switch_to(self._configurations, tenant, self._configurations.at(tenant, version))
        now = self._clock.now()
        moving = [
            document
            for document in page
            if document.state is not None and judge(document.state, switch, now).to is not None
        ]

        def decide(state: Any) -> Sequence[Body]:
            if self._configurations.version(tenant) != version:
                # A newer one came in between, and moves the ticket once and not twice.
                return []
            return decide_reorganised(state, switch, now)

        moved = await self._move(tenant, moving, decide)
        return moved, page[-1].id if len(page) == PAGE_TICKETS else ""

    async def _move(
        self,
        tenant: str,
        documents: Sequence[TicketDocument],
        decide: Callable[[Any], Sequence[Body]],
    ) -> int:
        """Move tickets: those that wait in bulk, those in hand each together with its hold."""
        held = [d for d in documents if d.state is not None and d.state.holder is not None]
        names = {document.id for document in held}
        waiting = {d.id: d.seq for d in documents if d.id not in names}
        moved = 0
        if waiting:
            commands = [Command(target=d, tenant=tenant, decide=decide) for d in waiting]
            results = await self._committer.execute_all(TICKETS, commands)
            moved = sum(
                not isinstance(after, CommandRejected) and after.seq > waiting[ticket]
                for ticket, after in results.items()
            )
        for document in held:
            try:
                after = await self._writer.change(tenant=tenant, ticket=document.id, decide=decide)
            except CommandRejected:
                continue
            moved += after.seq > document.seq
        return moved


def switch_to(configurations: Configurations, tenant: str, then: Configuration) -> Switch:
    """Return the switch to a version, in force or not, from all that came before it."""

    def before(version: int) -> Configuration | None:
        try:
            return configurations.at(tenant, version)
        except (Infrastructure, ConfigurationInvalid):
            # Not read here, or a release ago something else was right: nobody can tell any more.
            return None

    since = configurations.applied_at(tenant, then.version)
    return Switch(then=then, before=before, since=since)
