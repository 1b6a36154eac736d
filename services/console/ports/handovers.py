"""What the console asks of routing about shift handovers, in routing's own words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.console.ports.owners import Answer, Caller
from shared.contracts.facts import Code, Id, Instant
from shared.contracts.handover import HandoverBrief, HandoverCounts, HandoverSide, MatterState
from shared.contracts.sla import ClockView

OPEN_SHOWN_MAX = 200
"""Open handovers on the list; routing gives no more at once."""
EARLIER_SHOWN_MAX = 50
"""Handovers on one page of what was before."""


class Signature(Answer):
    """Who signed for a side, and when."""

    by: Code
    at: Instant


class Alarm(Answer):
    """What was not as it should be, and who was told."""

    reason: Code
    side: HandoverSide | None = None
    tell: tuple[Code, ...] = ()
    tickets: int = 0
    opens_at: Instant | None = None
    at: Instant


class Handover(Answer):
    """One end of a shift of one desk."""

    id: Id
    desk: Code
    to: Code
    """The desk that takes over; the same where it is the desk's own next shift."""
    policy: Code
    stage: Code
    """open, shift-over, completed, withdrawn."""
    agents: tuple[Code, ...] = ()
    """Whose shift ends while the desk stays open; none: it is the desk's that ends."""
    started_at: Instant | None = None
    opened_at: Instant | None = None
    closes_at: Instant | None = None
    to_opens_at: Instant | None = None
    overlap_seconds: float = 0
    rescheduled: Code | None = None
    withdrawn: Code | None = None
    signatures: Mapping[str, Signature] = {}
    """Side to who signed for it."""
    alarms: tuple[Alarm, ...] = ()
    completed_at: Instant | None = None
    revision: int = 0

    @property
    def is_over(self) -> bool:
        """Whether nobody is asked for anything any more."""
        return self.stage in {"completed", "withdrawn"}


class Quote(Answer):
    """A message in the words in which it was written."""

    id: Id
    direction: Code
    author: str = ""
    at: Instant
    language: Code = ""
    text: str = ""
    whole: bool = True
    """Whether the text is all of it."""


class Item(Answer):
    """One ticket of a handover, with its brief as codes and in the reader's language."""

    ticket: Id
    number: Code
    stage: Code
    """drafted, offered, accepted, declined, kept, moved, left."""
    late: bool = False
    """Whether it came after the giving side had signed."""
    told: str = ""
    """What became of it, in the reader's language, behind the ticket's number."""
    lines: tuple[str, ...] = ()
    brief: HandoverBrief | None = None
    clocks: tuple[ClockView, ...] = ()
    quotes: tuple[Quote, ...] = ()
    offered_to: Code | None = None
    answer_until: Instant | None = None
    kept_by: Code | None = None
    revision: int = 0

    @property
    def standing(self) -> str:
        """What became of it, without the number."""
        return self.told.removeprefix(self.number).strip() or self.stage


class Note(Answer):
    """How a matter stands, as somebody said it last."""

    state: MatterState
    text: str = ""
    by: Code
    at: Instant


class Matter(Answer):
    """What is handed over and is no ticket."""

    name: Code
    title: str
    required: bool = False
    noted: Note | None = None


class Answering(Answer):
    """Who answers for a side."""

    on_duty: Code | None = None
    duty_manager: Code | None = None


class Whole(Handover):
    """A handover with all that its page shows."""

    items: tuple[Item, ...] = ()
    """The gravest first."""
    matters: tuple[Matter, ...] = ()
    sign_by: Mapping[str, Instant] = {}
    """Side to until when it has to sign."""
    may_sign: tuple[str, ...] = ()
    """The sides for which the caller may sign."""
    answering: Mapping[str, Answering] = {}
    """Side to who signs for it."""
    takes_part: bool = False
    """Whether the caller belongs to a side."""
    missing: tuple[Code, ...] = ()
    """Services that did not answer routing: what they know is left out."""


class Report(Answer):
    """The report of a shift, for both desks."""

    handover: Handover
    counts: HandoverCounts = HandoverCounts()
    breaches: int = 0
    items: tuple[Item, ...] = ()
    matters: tuple[Matter, ...] = ()
    missing: tuple[Code, ...] = ()


class Listed(Answer):
    """One page of handovers, the latest end first."""

    handovers: tuple[Handover, ...] = ()
    next: str | None = None
    """Cursor of the next page; None on the last."""


@dataclass(frozen=True, slots=True)
class Reading:
    """In which language and time zone routing tells."""

    language: str
    zone: str
    """An IANA name."""


class Handovers(Protocol):
    """Routing, for shift handovers.

    Every method may raise `Infrastructure` and `CommandRejected`, as those of `Owners`.
    """

    async def listed(
        self, caller: Caller, *, desk: str | None, open_only: bool, after: str | None
    ) -> Listed:
        """List handovers; ``desk`` is on either side, ``after`` a cursor."""
        ...

    async def whole(self, caller: Caller, handover: str, reading: Reading) -> Whole:
        """Read one with its briefs."""
        ...

    async def report(self, caller: Caller, handover: str, reading: Reading) -> Report:
        """Read the report of its shift."""
        ...

    async def quotes(self, caller: Caller, handover: str, ticket: str) -> Sequence[Quote]:
        """Read the last messages of one of its tickets."""
        ...

    async def keep(self, caller: Caller, handover: str, ticket: str, *, reason: str) -> None:
        """Keep a ticket that one holds."""
        ...

    async def accept(self, caller: Caller, handover: str, ticket: str, *, take: bool) -> None:
        """Take over a ticket that is offered: into the desk's queue, or oneself."""
        ...

    async def decline(
        self, caller: Caller, handover: str, ticket: str, *, reason: str, note: str, key: str
    ) -> None:
        """Refuse a ticket that is offered; a text becomes a note in intake first."""
        ...

    async def brief(
        self, caller: Caller, handover: str, ticket: str, *, step: str, note: str, key: str
    ) -> None:
        """Say what is to be done next; a text becomes a note in intake first. Empty: as it was."""
        ...

    async def matter(
        self, caller: Caller, handover: str, matter: str, *, state: str, text: str, revision: int
    ) -> None:
        """Say how a matter stands."""
        ...

    async def sign(self, caller: Caller, handover: str, *, side: str, revision: int) -> None:
        """Sign for a side."""
        ...
