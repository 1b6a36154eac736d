"""What the real services find outside of their process in the simulation: questions to a store
that fails, intake over the network, a mail server, and what the broker says of its groups.

All of it survives the processes; each call passes a point, where they fail or die.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from services.intake.domain.receipts import Receipt
from services.intake.ports import Incoming
from services.knowledge.ports import Content, Entry, Found
from services.notify.domain.mail import header_text
from services.notify.ports import Answer, ChannelDown, Later, Rendered, Session, Taken
from services.routing.domain.tickets import TICKETS, TicketState
from services.routing.ports import TicketDocument
from services.sla.domain.evolve import TICKET_CLOCKS
from services.sla.domain.horizon import Due
from shared.contracts.internal import CodeView, ContactView, MessageView
from shared.contracts.notify import NoticeKind
from shared.contracts.topics import Topic
from shared.documents import Row, document_from
from shared.kernel import Infrastructure
from shared.organisation import Configuration
from shared.testing.memory import MemoryData, MemoryStreams
from tests.sim.process import Process
from tests.support.intake import MemoryIntake
from tests.support.routing import MemoryTickets

if TYPE_CHECKING:
    from tests.sim.world import World


class Pointed:
    """Makes every call of a fake pass the points of a process, before and after its effect."""

    def __init__(self, fake: Any, process: Process, name: str) -> None:
        self._fake = fake
        self._process = process
        self._name = name

    def __getattr__(self, method: str) -> Any:
        """Return a method with points around it."""
        call = getattr(self._fake, method)

        async def pointed(*args: Any, **kwargs: Any) -> Any:
            await self._process.point(f"{self._name}.{method}")
            answer = await call(*args, **kwargs)
            await self._process.point(f"{self._name}.{method}.answer")
            return answer

        return pointed


class CachedTickets(MemoryTickets):
    """Routing's questions to the memory store; decodes each version of a document once."""

    def __init__(self, data: MemoryData) -> None:
        super().__init__(MemoryStreams(data))
        self._data = data
        self._known: dict[str, tuple[Row, int, int, TicketDocument]] = {}

    def _all(self) -> list[tuple[TicketDocument, TicketState]]:
        found = []
        for identifier, row in self._data.collection(TICKETS.name).items():
            known = self._known.get(identifier)
            size = len(row["outbox"])
            if known is None or known[0] is not row or known[1:3] != (row["v"], size):
                known = (row, row["v"], size, document_from(TICKETS, row))
                self._known[identifier] = known
            document = known[3]
            if document.state is not None:
                found.append((document, document.state))
        return found

    def everything(self) -> list[tuple[TicketDocument, TicketState]]:
        """Return all tickets, parked ones too: what somebody sees who looks at a screen."""
        return self._all()


class QuickIntake(MemoryIntake):
    """Intake's rows; insertions may break off between two, and only what is asked for is read."""

    async def keep(self, incoming: Sequence[Incoming]) -> list[Receipt]:
        """Insert receipts one after the other; return what is stored under their ids."""
        return [
            receipt for item in incoming for receipt in await super(QuickIntake, self).keep([item])
        ]

    async def receipts_of_ticket(self, ticket: str) -> list[Receipt]:
        """Return the receipts that name a ticket."""
        await self._faults.point("intake.receipts")
        return self._found(lambda row: row["ticket"] == ticket)

    async def pending(self, *, before: datetime, limit: int) -> list[Receipt]:
        """Return receipts that are due."""
        await self._faults.point("intake.pending")
        due = self._found(
            lambda row: row["pending_since"] is not None and row["pending_since"] <= before
        )
        return due[:limit]

    def _found(self, fits: Callable[[Row], bool]) -> list[Receipt]:
        rows = self.data.collection("receipts").items()
        found = self._by_id("receipts", [i for i, row in rows if fits(row)], Receipt)
        return sorted(found, key=lambda r: (r.accepted_at, r.id))


class DueClocks:
    """The one question that sla's ticker has, on rows."""

    def __init__(self, data: MemoryData) -> None:
        self._data = data

    async def due(
        self, *, before: datetime, shards: Collection[int] | None, limit: int
    ) -> list[Due]:
        """Return tickets whose ``due_at`` is before an instant, the earliest first."""
        found = []
        for identifier, row in self._data.collection(TICKET_CLOCKS.name).items():
            state = row["state"]
            due_at = state["due_at"] if state else None
            mine = state and (shards is None or state["shard"] in shards)
            if due_at is not None and due_at < before and not row["parked"] and mine:
                found.append(Due(ticket=identifier, tenant=row["tenant"], due_at=due_at))
        return sorted(found, key=lambda due: (due.due_at, due.ticket))[:limit]


class GroupOffsets:
    """What the broker says of a topic and of a service's group: the truth."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._log = process.world.log

    async def end_offsets(self, topic: Topic) -> dict[int, int]:
        """Return, per partition, the offset after the last record."""
        await self._process.point("log.ends")
        return {n: len(p) for n, p in enumerate(self._log.partitions(topic.name))}

    async def committed(self, topic: Topic) -> dict[int, int]:
        """Return, per partition, the offset that the group has committed."""
        await self._process.point("log.committed")
        group = f"{self._process.service.name}.{topic.name}"
        return {
            partition: offset
            for (name, wanted, partition), offset in self._log.committed.items()
            if (name, wanted) == (group, topic.name)
        }

    def positions(self, _topic: Topic) -> dict[int, int]:
        """Return nothing: the ticker waits for no topic that it only follows."""
        return {}


class IntakeOverNetwork:
    """Intake's contacts and texts, read from one of its living processes."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def contacts(self, tenant: str, ids: Iterable[str]) -> dict[str, ContactView]:
        """Return contacts by id."""
        wanted = list(ids)
        views: list[ContactView] = await self._ask(
            lambda intake: intake.app.reading.contacts(wanted, tenant=tenant)
        )
        return {view.id: view for view in views}

    async def messages(self, tenant: str, ids: Iterable[str]) -> dict[str, MessageView]:
        """Return messages by id."""
        wanted = list(ids)
        views: list[MessageView] = await self._ask(
            lambda intake: intake.app.reading.messages(wanted, tenant=tenant)
        )
        return {view.id: view for view in views}

    async def codes(self, tenant: str, ids: Iterable[str]) -> dict[str, CodeView]:
        """Return codes by id."""
        wanted = list(ids)
        views: list[CodeView] = await self._ask(
            lambda intake: intake.app.proving.codes(wanted, tenant=tenant)
        )
        return {view.id: view for view in views}

    async def _ask(self, work: Callable[[Process], Any]) -> Any:
        await self._process.point("http.intake")
        answer = await self._process.world.call("intake", work)
        await self._process.point("http.intake.answer")
        return answer


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that the server took."""

    message_id: str
    recipient: str
    by: str
    at: float


@dataclass
class MailServer:
    """Everybody's mailbox."""

    mails: list[Mail] = field(default_factory=list)


class MailChannel:
    """The way from one process to the mail server; it breaks before and after a mail is taken."""

    def __init__(self, process: Process, server: MailServer) -> None:
        self._process = process
        self._server = server

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Open a connection."""
        await self._point("smtp.connect")
        yield self

    async def send(self, *, sender: str, recipient: str, content: bytes) -> Answer:
        """Hand a mail over."""
        await self._point("smtp.send")
        world = self._process.world
        if world.stormy and world.random.random() < 0.1:
            return Later("the mailbox is busy")
        head = content.partition(b"\r\n\r\n")[0].decode("ascii")
        found = [line for line in head.split("\r\n") if line.lower().startswith("message-id:")]
        name = found[0].partition(":")[2].strip()
        self._server.mails.append(Mail(name, recipient, self._process.name, world.time()))
        world.note(self._process.name, f"mailed {name}")
        await self._point("smtp.send.answer")
        return Taken()

    async def _point(self, name: str) -> None:
        try:
            await self._process.point(name)
        except Infrastructure as error:
            raise ChannelDown(str(error)) from error


class PlainWords:
    """Words without templates: what they say is no concern here."""

    def render(
        self,
        *,
        kind: NoticeKind,
        language: str,
        values: Any,
        configuration: Configuration,
    ) -> Rendered:
        """Return a notice in a few words."""
        text = header_text(f"{kind.value} {values['number']}", characters_max=200)
        return Rendered(subject=text, text=text, html=text, language=language)


class WordIndex:
    """Finds the articles that have a word of the query in their title or keywords."""

    def __init__(self) -> None:
        self._articles: dict[tuple[str, str], Content] = {}

    async def put(self, tenant: str, entries: Sequence[Entry]) -> None:
        """Take in, replace or take out articles."""
        for entry in entries:
            self._articles.pop((tenant, entry.article), None)
            if entry.content is not None:
                self._articles[tenant, entry.article] = entry.content

    def search(
        self,
        tenant: str,
        words: Sequence[str],
        *,
        limit: int,
        language: str | None = None,
        preferred: str | None = None,
        matches_min: int = 1,
    ) -> list[Found]:
        """Return the articles that have any of the words, by id."""
        return [
            Found(
                article=article,
                title=content.title,
                language=content.language,
                body=content.body,
                keywords=content.keywords,
                score=10.0,
            )
            for (owner, article), content in sorted(self._articles.items())
            if owner == tenant and set(words) & set(content.title.lower().split())
        ][:limit]


class LogToWorld:
    """A log that tells what a service would only have written down."""

    def __init__(self, world: World, who: str) -> None:
        self._world = world
        self._who = who

    def info(self, event: str, **fields: Any) -> None:
        """Ignore it."""

    def warning(self, event: str, **fields: Any) -> None:
        """Note it in the trace."""
        self._world.note(self._who, f"{event} {fields.get('ticker', '')}")

    def error(self, event: str, **fields: Any) -> None:
        """Report a defect."""
        self._world.fail(RuntimeError(f"{self._who}: {event} {fields}"))

    def exception(self, event: str, **fields: Any) -> None:
        """Report a defect, or an event that was poisoned on purpose."""
        self.error(event, **fields)
