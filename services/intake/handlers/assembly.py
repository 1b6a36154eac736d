"""Assembly: the use cases of intake on whatever stores they are given.

The application, the tests and the fault simulation put the same parts together here, each on
stores of its own. Nothing is decided, and nothing runs yet: who assembles runs the writers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from services.intake.domain.language import detect
from services.intake.domain.receipts import (
    Alerting,
    Amending,
    Beating,
    Calling,
    Hinting,
    Joining,
    Linking,
    Opening,
    Receipt,
    Reviewing,
    Splitting,
)
from services.intake.handlers.accepting import Accepting
from services.intake.handlers.alerting import Alerts, Beats, Hints
from services.intake.handlers.amending import Amendments
from services.intake.handlers.applying import Applied, Applying, Reviews
from services.intake.handlers.call_desk import CallDesk
from services.intake.handlers.call_routing import Alone, CallRouting, Directions
from services.intake.handlers.calling import Calls
from services.intake.handlers.classifying import Classifying, Models
from services.intake.handlers.closing import Standing
from services.intake.handlers.contacts import Contacts
from services.intake.handlers.conversing import Conversations
from services.intake.handlers.deciding import ProposalDesk, ReviewDesk, Verdicts
from services.intake.handlers.deeds import Deeds
from services.intake.handlers.following import Following
from services.intake.handlers.forming import Forming
from services.intake.handlers.groups import AlertGroups
from services.intake.handlers.importing import Importing
from services.intake.handlers.linking import Linker
from services.intake.handlers.meeting import Meeting
from services.intake.handlers.monitors import Monitors
from services.intake.handlers.numbers import Numbers
from services.intake.handlers.proposing import Proposing
from services.intake.handlers.proving import Proving
from services.intake.handlers.reading import Reading
from services.intake.handlers.reclassifying import Reclassifying
from services.intake.handlers.reporting import Reporting
from services.intake.handlers.requesting import Requests
from services.intake.handlers.silence import Silence
from services.intake.handlers.splits import Splits
from services.intake.handlers.splitting import Splitter
from services.intake.handlers.threading import Threads
from services.intake.handlers.waiting import Groups, weight_of_incoming, weight_of_receipt
from services.intake.handlers.watching import Hearing, Watching
from services.intake.handlers.writing import Writing
from services.intake.ports import (
    AlertStore,
    CallStore,
    ContactStore,
    ConversationStore,
    FileStore,
    IntakeStore,
    ModelStore,
)
from shared.clock import Clock
from shared.commit import Committer
from shared.configuration import Configurations
from shared.consumer import Observer
from shared.contracts.topics import ALERTMANAGER, ALERTS, Topic
from shared.log import Log
from shared.streams import ParkingStore
from shared.threads import ThreadSigner

ACCEPTING_FIRST_SECONDS_MAX = 0.5
"""What is applied later is applied in larger groups; longer would be seen by people."""


@dataclass(frozen=True, slots=True)
class Stores:
    """Everything that outlives the process, beside the documents of the streams."""

    rows: IntakeStore
    alerts: AlertStore
    calls: CallStore
    files: FileStore
    contacts: ContactStore
    conversations: ConversationStore
    models: ModelStore


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the use cases are put into."""

    committer: Committer
    parking: ParkingStore
    configurations: Configurations
    clock: Clock
    log: Log
    observer: Observer
    signer: ThreadSigner
    """Writes and reads the tokens of conversations."""
    directions: Directions = field(default_factory=Alone)
    """Routing, which says where calls go; without it the configuration alone does."""


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
        self._meet(stores, around)
        threads = Threads(
            store=rows,
            conversations=stores.conversations,
            streams=around.committer.store,
            meeting=self.meeting,
            numbers=numbers,
            signer=around.signer,
        )
        talks = Conversations(
            store=rows,
            conversations=stores.conversations,
            threads=threads,
            writing=self.writing,
            clock=clock,
        )
        self.deeds = Deeds(
            splits=Splits(
                store=rows,
                conversations=stores.conversations,
                threads=threads,
                writing=self.writing,
            ),
            writing=self.writing,
            committer=around.committer,
            configurations=around.configurations,
        )
        classifying = Classifying(meeting=self.meeting, models=self.models, detect=detect)
        requests = Requests(
            store=rows,
            conversations=stores.conversations,
            threads=threads,
            numbers=numbers,
            classifying=classifying,
            calls=stores.calls,
        )
        forming = Forming(requests=requests)
        self._watch(stores, around, numbers)
        self.applying = Applying(
            store=rows,
            meeting=self.meeting,
            appliers=[
                ((Opening, Joining), talks),
                ((Amending,), Amendments(store=rows, conversations=talks, clock=clock)),
                ((Linking, Splitting), self.deeds),
                (
                    (Alerting,),
                    Alerts(rows=stores.alerts, groups=self.groups, clock=clock),
                ),
                (
                    (Beating,),
                    Beats(
                        rows=stores.alerts,
                        silence=self.silence,
                        configurations=around.configurations,
                    ),
                ),
                ((Hinting,), Hints(self.groups)),
                (
                    (Calling,),
                    Calls(
                        calls=stores.calls,
                        rows=rows,
                        committer=around.committer,
                        forming=forming,
                        configurations=around.configurations,
                        clock=clock,
                    ),
                ),
                ((Reviewing,), Reviews(rows)),
            ],
            clock=clock,
            log=around.log,
        )
        self.silence.applying = self.applying
        self._decide(stores, around, threads, classifying, numbers)
        self.writer = groups.make(rows.keep, weight=weight_of_incoming)
        self.applier = groups.make(self.apply, weight=weight_of_receipt)
        self.accepting = Accepting(
            forming=forming,
            requests=requests,
            files=stores.files,
            writer=self.writer,
            applier=self.applier,
            configurations=around.configurations,
            clock=clock,
            full=full,
            repeated=self.hearing.repeated,
        )
        self.reading = Reading(
            store=rows,
            conversations=stores.conversations,
            meeting=self.meeting,
            writing=self.writing,
            applying=self.applying,
        )
        self.standing = Standing(
            store=rows,
            writing=self.writing,
            applying=self.applying,
            groups=self.groups,
            deeds=self.deeds,
            numbers=numbers,
            clock=clock,
        )
        self.call_desk = CallDesk(
            calls=stores.calls,
            rows=rows,
            people=self.meeting,
            configurations=around.configurations,
            clock=clock,
        )
        self.call_routing = CallRouting(
            directions=around.directions,
            desk=self.call_desk,
            calls=stores.calls,
            people=self.meeting,
            committer=around.committer,
            configurations=around.configurations,
            clock=clock,
        )
        self.reporting = self._report(ALERTS, "cloudevents", stores, around)
        self.recording = self._report(ALERTMANAGER, "recorder", stores, around)

    def _report(self, topic: Topic, door: str, stores: Stores, around: Surroundings) -> Reporting:
        """Wire a topic that outsiders write to."""
        return Reporting(
            topic=topic,
            door=door,
            accepting=self.accepting,
            applying=self.applying,
            store=stores.rows,
            parking=around.parking,
            configurations=around.configurations,
            clock=around.clock,
            observer=around.observer,
        )

    def _watch(self, stores: Stores, around: Surroundings, numbers: Numbers) -> None:
        """Wire what knows groups of alerts, and what watches over them."""
        clock, configurations = around.clock, around.configurations
        following = Following(
            store=stores.rows, alerts=stores.alerts, writing=self.writing, numbers=numbers
        )
        self.groups = AlertGroups(
            rows=stores.alerts,
            following=following,
            committer=around.committer,
            configurations=configurations,
            clock=clock,
        )
        self.silence = Silence(
            store=stores.rows, groups=self.groups, configurations=configurations, clock=clock
        )
        self.watching = Watching(
            rows=stores.alerts, groups=self.groups, silence=self.silence, clock=clock
        )
        self.hearing = Hearing(groups=self.groups, clock=clock)
        self.monitors = Monitors(
            rows=stores.alerts, groups=self.groups, configurations=configurations, clock=clock
        )

    def _decide(
        self,
        stores: Stores,
        around: Surroundings,
        threads: Threads,
        classifying: Classifying,
        numbers: Numbers,
    ) -> None:
        """Wire what agents decide on: what belongs together, and what waits for them."""
        rows, conversations, clock = stores.rows, stores.conversations, around.clock
        self.linker = Linker(deeds=self.deeds, store=rows, writing=self.writing, clock=clock)
        self.splitter = Splitter(linker=self.linker, store=rows, numbers=numbers)
        self.proposing = Proposing(
            conversations=conversations,
            committer=around.committer,
            configurations=around.configurations,
        )
        self.reviews = ReviewDesk(
            store=rows,
            conversations=conversations,
            writing=self.writing,
            applying=self.applying,
            threads=threads,
            classifying=classifying,
            numbers=numbers,
            configurations=around.configurations,
            clock=clock,
        )
        self.proposals = ProposalDesk(
            conversations=conversations, writing=self.writing, linker=self.linker, clock=clock
        )
        self.verdicts = Verdicts(
            conversations=conversations, reviews=self.reviews, proposals=self.proposals
        )

    def _meet(self, stores: Stores, around: Surroundings) -> None:
        """Wire what knows contacts, and what classifies."""
        self.meeting = Meeting(
            store=stores.rows, contacts=stores.contacts, committer=around.committer
        )
        self.contacts = Contacts(
            store=stores.rows,
            contacts=stores.contacts,
            committer=around.committer,
            clock=around.clock,
        )
        self.proving = Proving(
            contacts=self.contacts,
            store=stores.contacts,
            meeting=self.meeting,
            committer=around.committer,
            configurations=around.configurations,
            clock=around.clock,
            signer=around.signer,
        )
        self.importing = Importing(
            contacts=stores.contacts,
            meeting=self.meeting,
            committer=around.committer,
            configurations=around.configurations,
            clock=around.clock,
        )
        self.models = Models(store=stores.models, log=around.log)
        self.reclassifying = Reclassifying(
            committer=around.committer,
            configurations=around.configurations,
            models=stores.models,
        )

    async def apply(self, receipts: Sequence[Receipt]) -> Sequence[Applied]:
        """Apply a group of receipts; in a burst accepting goes first, for a moment."""
        await self.writer.lull(seconds_max=ACCEPTING_FIRST_SECONDS_MAX)
        return await self.applying.apply(receipts)
