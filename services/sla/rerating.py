"""The use case: show what a version would make of running clocks, and do what was shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from services.sla.domain.evolve import TICKET_CLOCKS
from services.sla.domain.model import ClocksState, Rating, Rules
from services.sla.domain.promises import PoliciesTooMany
from services.sla.domain.rerate import Rerated, decide_rerate, rerated
from services.sla.handlers import ClockHandlers
from services.sla.ports import ClockIndex, Wanted
from shared.aggregate import Document
from shared.clock import Clock
from shared.commit import Command, Committer
from shared.contracts.envelope import Body
from shared.kernel import CommandRejected, HeliodeskError

TOO_MANY_CLOCKS = "too-many-clocks"


class VersionUnknown(HeliodeskError):
    """A version was asked for that was never applied."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a version would make of a ticket's clocks; ``refused`` says why it cannot."""

    document: Document[ClocksState]
    found: Rerated | None
    refused: CommandRejected | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """By which version to rerate, who asks, and why."""

    tenant: str
    version: int
    by: str
    because: str


class Rerating:
    """Rerates tickets: first a look, then the deed, ticket by ticket."""

    def __init__(
        self, *, index: ClockIndex, handlers: ClockHandlers, committer: Committer, clock: Clock
    ) -> None:
        self._index = index
        self._handlers = handlers
        self._committer = committer
        self._clock = clock

    def version(self, tenant: str, asked: int | None) -> int:
        """Return the version that is meant; None: the one in force.

        Raises:
            VersionUnknown: there is none of that number.
            Infrastructure: none is applied yet, or it is not known here yet.
        """
        newest = self._handlers.newest(tenant)
        if asked is None:
            return newest
        if asked > newest:
            message = f"there is no version {asked}; the newest is {newest}"
            raise VersionUnknown(message)
        self._handlers.rules(tenant)(asked)
        return asked

    async def found(self, tenant: str, names: Sequence[str]) -> dict[str, Document[ClocksState]]:
        """Return the documents of tickets, by the id or number that was given."""
        documents = {name: await self._index.find(tenant, name) for name in dict.fromkeys(names)}
        return {name: one for name, one in documents.items() if one is not None and one.state}

    async def running(self, wanted: Wanted) -> Sequence[Document[ClocksState]]:
        """Return a page of documents with a clock that is open, the first due first."""
        return await self._index.listed(replace(wanted, running=True))

    def shown(
        self, tenant: str, documents: Sequence[Document[ClocksState]], version: int
    ) -> list[Shown]:
        """Return what a version would make of tickets now. Changes nothing."""
        rating = Rating(at=self._clock.now(), version=version)
        rules = self._handlers.rules(tenant)
        found = []
        for document in documents:
            if document.state is None:
                continue
            try:
                found.append(Shown(document, _asked(document.state, rating, rules)))
            except CommandRejected as refused:
                found.append(Shown(document, None, refused))
        return found

    async def rerate(
        self, asked: Asked, seen: Mapping[str, int]
    ) -> dict[str, Document[ClocksState] | CommandRejected]:
        """Rerate tickets by id, each at the revision that was looked at; return what became of each.

        Raises:
            Infrastructure: the store does not answer; some may be done. To ask again is right:
                those have another revision.
        """
        now = self._clock.now()
        rating = Rating(at=now, version=asked.version, by=asked.by, because=asked.because)
        rules = self._handlers.rules(asked.tenant)
        commands = [
            Command(
                target=ticket,
                tenant=asked.tenant,
                decide=partial(_decide, rating=rating, rules=rules),
                revision=revision,
                at=now,
            )
            for ticket, revision in seen.items()
        ]
        return await self._committer.execute_all(TICKET_CLOCKS, commands)


def _asked(state: ClocksState, rating: Rating, rules: Rules) -> Rerated:
    try:
        return rerated(state, rating, rules)
    except PoliciesTooMany as error:
        raise CommandRejected(TOO_MANY_CLOCKS, str(error)) from error


def _decide(state: ClocksState | None, *, rating: Rating, rules: Rules) -> Sequence[Body]:
    try:
        return decide_rerate(state, rating, rules)
    except PoliciesTooMany as error:
        raise CommandRejected(TOO_MANY_CLOCKS, str(error)) from error
