"""Assembly: the use cases of intake on whatever stores they are given.

The application, the tests and the fault simulation put the same parts together here, each on
stores of its own. Nothing is decided, and nothing runs yet: who assembles runs the writers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from services.intake.domain.receipts import Alerting, Joining, Opening, Receipt, Reviewing
from services.intake.handlers.accepting import Accepting
from services.intake.handlers.alerting import Alerts
from services.intake.handlers.applying import Applied, Applying, Reviews
from services.intake.handlers.closing import Standing
from services.intake.handlers.conversing import Conversations
from services.intake.handlers.forming import Forming
from services.intake.handlers.grouping import GroupCommit
from services.intake.handlers.meeting import Meeting
from services.intake.handlers.numbers import Numbers
from services.intake.handlers.reading import Reading
from services.intake.handlers.reporting import Reporting
from services.intake.handlers.threading import Threads
from services.intake.handlers.writing import Writing
from services.intake.ports import FileStore, IntakeStore
from shared.clock import Clock
from shared.commit import Committer
from shared.configuration import Configurations
from shared.consumer import Observer
from shared.log import Log
from shared.streams import ParkingStore

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Stores:
    """Everything that outlives the process, beside the documents of the streams."""

    rows: IntakeStore
    files: FileStore


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the use cases are put into."""

    committer: Committer
    parking: ParkingStore
    configurations: Configurations
    clock: Clock
    log: Log
    observer: Observer


class Groups(Protocol):
    """How groups are committed: as they come together, or in tests at once."""

    def make(self, write: Callable[[Sequence[T]], Awaitable[Sequence[R]]]) -> GroupCommit[T, R]:
        """Return a group commit around a write."""
        ...


@dataclass(frozen=True, slots=True)
class Grouped:
    """Groups as a process has them."""

    items_max: int
    waiting_max: int

    def make(self, write: Callable[[Sequence[T]], Awaitable[Sequence[R]]]) -> GroupCommit[T, R]:
        """Return a group commit; who assembles runs it."""
        return GroupCommit(write, items_max=self.items_max, waiting_max=self.waiting_max)


class UseCases:
    """The use cases, wired to each other."""

    def __init__(
        self,
        stores: Stores,
        around: Surroundings,
        groups: Groups,
        *,
        numbers_block: int,
        full: Callable[[], str],
    ) -> None:
        """Wire everything.

        Args:
            stores: what outlives the process.
            around: clock, log, committer and the like.
            groups: makes the two group commits of the way in.
            numbers_block: ticket numbers reserved at once.
            full: says why no more is taken now; empty where more is.
        """
        rows, clock = stores.rows, around.clock
        self.writing = Writing(committer=around.committer, clock=clock)
        numbers = Numbers(rows, block=numbers_block)
        self.applying = Applying(
            store=rows,
            meeting=Meeting(store=rows, committer=around.committer),
            appliers=[
                ((Opening, Joining), Conversations(store=rows, writing=self.writing)),
                (
                    (Alerting,),
                    Alerts(
                        store=rows,
                        writing=self.writing,
                        committer=around.committer,
                        numbers=numbers,
                    ),
                ),
                ((Reviewing,), Reviews(rows)),
            ],
            clock=clock,
            log=around.log,
        )
        self.writer = groups.make(rows.keep)
        self.applier = groups.make(self.apply)
        self.accepting = Accepting(
            forming=Forming(
                threads=Threads(store=rows, streams=around.committer.store), numbers=numbers
            ),
            files=stores.files,
            writer=self.writer,
            applier=self.applier,
            configurations=around.configurations,
            clock=clock,
            full=full,
        )
        self.reading = Reading(store=rows, writing=self.writing, applying=self.applying)
        self.standing = Standing(
            store=rows,
            writing=self.writing,
            applying=self.applying,
            numbers=numbers,
            clock=clock,
        )
        self.reporting = Reporting(
            accepting=self.accepting,
            applying=self.applying,
            store=rows,
            parking=around.parking,
            configurations=around.configurations,
            clock=clock,
            observer=around.observer,
        )

    async def apply(self, receipts: Sequence[Receipt]) -> Sequence[Applied]:
        """Apply a group of receipts."""
        return await self.applying.apply(receipts)
