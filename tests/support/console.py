"""The console in memory: its projection, the services that it asks, and stories of tickets."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
from fastapi import FastAPI

from services.console.adapters import HttpHandovers, HttpIntake
from services.console.consumers import Projector
from services.console.domain.levels import ReportFile
from services.console.domain.projection import NEVER, Kind, Part, Row
from services.console.domain.tickets import (
    OPEN,
    AgentNow,
    Change,
    Count,
    Counts,
    Order,
    QueueFilter,
    Tab,
    Ticket,
)
from services.console.handlers.commands import Commands
from services.console.handlers.coverage import CoverageViews
from services.console.handlers.feed import Feed
from services.console.handlers.relating import Relating
from services.console.handlers.views import Views
from services.console.handlers.waiting import Waiting
from services.console.pages import Console, install
from services.console.pages.frame import Options
from services.console.ports import (
    Article,
    Caller,
    Contact,
    Conversation,
    Intake,
    Mail,
    Message,
    Next,
    Noted,
    Owners,
    Saved,
    SignedIn,
    Standing,
    Submitted,
)
from services.console.ports.work import OpenTask, SideWork
from shared.auth import Authenticator
from shared.clock import Clock
from shared.configuration import Configurations
from shared.contracts.envelope import Body, Event, numbered
from shared.contracts.facts import Channel, Level, Priority, TicketFacts
from shared.contracts.facts import Kind as RequestKind
from shared.contracts.intake import Direction
from shared.contracts.internal import RiskView, VerdictAnswer, VerdictState
from shared.contracts.routing import Presence, Status
from shared.contracts.sla import ClockView
from shared.contracts.topics import topic_of
from shared.http import equip
from shared.kernel import CommandRejected, Infrastructure, stream_id
from shared.organisation import Configuration
from shared.streams import ParkedRecord, Record
from tests.support.console_services import FakeServices
from tests.support.console_signer import TENANT, Signer

NOON = datetime.fromisoformat("2026-03-02T12:00:00+00:00")
"""A Monday. London and, until 14:00, nobody in New York are open; Shanghai has closed."""


class MemoryProjection:
    """`Projection` in memory, with the guards of the real one."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.documents: dict[Kind, dict[str, dict[str, Any]]] = {kind: {} for kind in Kind}
        self.noted: list[Change] = []
        self.is_down = False

    def _check(self) -> None:
        if self.is_down:
            raise Infrastructure("store: it is down")

    async def add(self, rows: Sequence[Row], parts: Sequence[Part], notes: Sequence[Noted]) -> None:
        """Keep rows that are not there yet, replace older parts, then note the changes."""
        self._check()
        for row in rows:
            self.rows.setdefault(row.id, row)
        for part in parts:
            documents = self.documents[part.kind]
            found = documents.setdefault(part.id, {"id": part.id, "tenant": part.tenant})
            if found.get(part.name, {"seq": 0})["seq"] < part.seq:
                found[part.name] = {**part.fields, "seq": part.seq}
        for note in notes:
            number = len(self.noted) + 1
            self.noted.append(
                Change(number=number, tenant=note.tenant, tickets=note.tickets, agents=note.agents)
            )

    async def timeline(self, tenant: str, ticket: str, *, limit: int) -> list[Row]:
        """Return a ticket's rows."""
        self._check()
        found = [r for r in self.rows.values() if (r.tenant, r.stream) == (tenant, ticket)]
        return sorted(found, key=lambda r: (r.at, r.seq), reverse=True)[:limit]

    def _tickets(self, tenant: str) -> list[Ticket]:
        found = self.documents[Kind.TICKET].values()
        return [Ticket.model_validate(d) for d in found if d["tenant"] == tenant]

    async def ticket(self, tenant: str, ticket: str) -> Ticket | None:
        """Return a ticket's summary."""
        self._check()
        return next((t for t in self._tickets(tenant) if t.id == ticket), None)

    async def by_number(self, tenant: str, number: str) -> str | None:
        """Return the id of the ticket of a number."""
        self._check()
        found = (t.id for t in self._tickets(tenant) if t.facts and t.facts.number == number)
        return next(found, None)

    async def tickets(self, tenant: str, ids: Collection[str]) -> dict[str, Ticket]:
        """Return summaries by id."""
        self._check()
        return {t.id: t for t in self._tickets(tenant) if t.id in ids}

    async def of_contacts(
        self, tenant: str, contacts: Collection[str], *, limit: int
    ) -> list[Ticket]:
        """Return the tickets of contacts, the newest first."""
        self._check()
        found = [t for t in self._asked(tenant) if _facts(t).contact in contacts]
        return sorted(found, key=lambda t: -_facts(t).accepted_at.timestamp())[:limit]

    async def follow_ups(self, tenant: str, ticket: str, *, limit: int) -> list[Ticket]:
        """Return the tickets that follow up a closed one, the oldest first."""
        self._check()
        found = [t for t in self._asked(tenant) if t.opening.follows == ticket]
        return sorted(found, key=lambda t: _facts(t).accepted_at)[:limit]

    def _asked(self, tenant: str) -> list[Ticket]:
        """Return the tickets that intake has told of, by id."""
        return sorted((t for t in self._tickets(tenant) if t.intake.facts), key=lambda t: t.id)

    async def queue(self, tenant: str, chosen: QueueFilter) -> list[Ticket]:
        """Return the tickets of a selection, sorted."""
        self._check()
        statuses = chosen.statuses()
        found = [
            ticket
            for ticket in self._tickets(tenant)
            if ticket.routing.status in statuses
            and chosen.desk in (None, ticket.routing.desk)
            and chosen.agent in (None, ticket.routing.agent)
        ]
        return sorted(found, key=lambda t: _rank(t, chosen))[: chosen.limit]

    async def counts(self, tenant: str) -> Counts:
        """Return how many open and resolved tickets there are."""
        self._check()
        counted = (*OPEN, Status.RESOLVED, None)
        return Counts(
            rows=tuple(
                Count(
                    t.routing.status,
                    t.routing.desk,
                    t.routing.agent,
                    1,
                    unattended=(t.routing.status, t.routing.tier) == (Status.QUEUED, 0),
                )
                for t in self._tickets(tenant)
                if t.routing.status in counted
            )
        )

    async def agents(self, tenant: str) -> dict[str, AgentNow]:
        """Return presence and load of the agents that have been heard of."""
        self._check()
        load: dict[str, int] = {}
        for document in self.documents[Kind.HOLD].values():
            hold = document["hold"]
            if document["tenant"] == tenant and hold["weight"]:
                load[hold["agent"]] = load.get(hold["agent"], 0) + hold["weight"]
        found = {agent: AgentNow(agent=agent, load=weight) for agent, weight in load.items()}
        for document in self.documents[Kind.AGENT].values():
            if document["tenant"] == tenant:
                heard = document["presence"]
                found[heard["agent"]] = AgentNow(
                    agent=heard["agent"],
                    presence=Presence(heard["presence"]),
                    load=load.get(heard["agent"], 0),
                    since=heard["since"],
                )
        return found

    async def last_change(self) -> int:
        """Return the number of the newest change."""
        self._check()
        return len(self.noted)

    async def changes(self, *, after: int, limit: int) -> list[Change]:
        """Return changes behind a number."""
        self._check()
        return self.noted[after : after + limit]


def _facts(ticket: Ticket) -> TicketFacts:
    if ticket.intake.facts is None:
        raise AssertionError(ticket.id)
    return ticket.intake.facts


def _rank(ticket: Ticket, chosen: QueueFilter) -> tuple[Any, ...]:
    at = ticket.routing.at or NEVER
    accepted = ticket.routing.facts.accepted_at if ticket.routing.facts else NEVER
    if chosen.tab in (Tab.RESOLVED, Tab.CLOSED):
        return (-at.timestamp(), ticket.id)
    priority = ticket.routing.facts.priority.value if ticket.routing.facts else "unknown"
    match chosen.order:
        case Order.DUE:
            return (ticket.clocks.due_at, accepted, ticket.id)
        case Order.PRIORITY:
            return (priority, ticket.clocks.due_at, ticket.id)
        case Order.AGE:
            return (accepted, ticket.id)


class MemoryDeadLetters:
    """Where unreadable records go."""

    def __init__(self) -> None:
        self.kept: dict[str, ParkedRecord] = {}

    async def put(self, rows: Sequence[ParkedRecord]) -> None:
        """Insert rows; one that is there already stays as it is."""
        for row in rows:
            self.kept.setdefault(row.id, row)


class Stories:
    """Publishes events as the services would: each stream counts its own."""

    def __init__(self, *, tenant: str = TENANT) -> None:
        self._tenant = tenant
        self._sequences: dict[tuple[str, str], int] = {}
        self.events: list[Event[Any]] = []

    def say(
        self, stream: str, body: Body, *, at: datetime, cause: Event[Any] | None = None
    ) -> Event[Any]:
        """Publish one event of a stream."""
        source = topic_of(type(body)).source or ""
        sequence = self._sequences.get((source, stream), 0) + 1
        self._sequences[(source, stream)] = sequence
        event: Event[Any] = numbered(
            source=source,
            subject=stream,
            sequence=sequence,
            time=at,
            tenant=self._tenant,
            configversion=1,
            body=body,
            cause=cause,
        )
        self.events.append(event)
        return event


def record_of(event: Event[Any], offset: int = 0) -> Record:
    """Return an event as it is read from its topic."""
    encoded = event.encoded()
    return Record(
        topic=topic_of(type(event.body)).name,
        partition=0,
        offset=offset,
        key=event.key,
        value=encoded.body,
        headers=encoded.headers(),
    )


async def project(projector: Projector, events: Iterable[Event[Any]]) -> None:
    """Feed events to a projector, each as a batch of its own."""
    for offset, event in enumerate(events):
        await projector.process(topic_of(type(event.body)), [record_of(event, offset)])


def ticket_id(number: str, *, tenant: str = TENANT) -> str:
    """Return the id of a ticket."""
    return stream_id(tenant, "ticket", number)


def facts(number: str, **changed: Any) -> TicketFacts:
    """Return the facts of an ordinary incident by mail."""
    given: dict[str, Any] = {
        "number": number,
        "kind": RequestKind.INCIDENT,
        "channel": Channel.EMAIL,
        "priority": Priority.P3,
        "impact": Level.MEDIUM,
        "urgency": Level.MEDIUM,
        "contact": "contact-1",
        "accepted_at": NOON,
        "region": "emea",
        "site": "canary-wharf",
        "service": "network",
        **changed,
    }
    return TicketFacts(**given)


@dataclass
class FakeOwners:
    """`Owners` by hand. A service whose name is in ``down`` does not answer."""

    signer: Signer
    passwords: dict[str, str] = field(default_factory=dict)
    conversations: dict[str, Conversation] = field(default_factory=dict)
    files: dict[str, Saved] = field(default_factory=dict)
    subject_lines: dict[str, str] = field(default_factory=dict)
    at_risk: dict[str, RiskView] = field(default_factory=dict)
    clocks_now: dict[str, tuple[ClockView, ...]] = field(default_factory=dict)
    standings: dict[str, Standing] = field(default_factory=dict)
    articles: dict[str, Article] = field(default_factory=dict)
    received: tuple[Mail, ...] = ()
    down: set[str] = field(default_factory=set)
    following: Next = field(default_factory=lambda: Next(ticket=None))
    """What `next` gives."""
    refusal: CommandRejected | None = None
    revision_after: int = 0
    sent: list[tuple[Any, ...]] = field(default_factory=list)

    def _ask(self, service: str) -> None:
        if service in self.down:
            raise Infrastructure(f"{service}: it is down")

    async def sign_in(self, *, tenant: str, name: str, password: str) -> SignedIn:
        """Open a session at control."""
        self._ask("control")
        if tenant != TENANT or self.passwords.get(name) != password:
            raise CommandRejected("sign-in-failed", "name or password is wrong", status=401)
        return self.signer.token(name)

    async def renew(self, token: str) -> SignedIn:
        """Exchange a token."""
        self._ask("control")
        if self.refusal is not None:
            raise self.refusal
        return self.signer.token("h-clarke", seconds=7_200)

    async def conversation(self, caller: Caller, ticket: str) -> Conversation:
        """Read a ticket's texts."""
        self._ask("intake")
        if ticket not in self.conversations:
            raise CommandRejected("not-found", "there is no such ticket", status=404)
        return self.conversations[ticket]

    async def file(self, caller: Caller, file: str) -> Saved:
        """Read a file."""
        self._ask("intake")
        if file not in self.files:
            raise CommandRejected("not-found", "there is no such file", status=404)
        return self.files[file]

    async def subjects(self, tenant: str, messages: Collection[str]) -> Mapping[str, str]:
        """Read subject lines."""
        self._ask("intake")
        return {m: self.subject_lines[m] for m in messages if m in self.subject_lines}

    async def risks(self, tenant: str, tickets: Collection[str]) -> Mapping[str, RiskView]:
        """Read which tickets are at risk."""
        self._ask("sla")
        return {t: self.at_risk[t] for t in tickets if t in self.at_risk}

    async def clocks(
        self, tenant: str, tickets: Collection[str]
    ) -> Mapping[str, Sequence[ClockView]]:
        """Read clocks as of now."""
        self._ask("sla")
        return {t: self.clocks_now[t] for t in tickets if t in self.clocks_now}

    async def explain(self, caller: Caller, ticket: str, *, language: str) -> str:
        """Explain the clocks."""
        self._ask("sla")
        return f"explained in {language}: {ticket}"

    async def report(
        self, caller: Caller, month: str, wanted: ReportFile, *, language: str
    ) -> Saved:
        """Give a month's report."""
        self._ask("sla")
        text = f"{month} {wanted.ending} {wanted.table} {language}"
        return Saved(text.encode(), {"Content-Disposition": "attachment"})

    async def standing(self, caller: Caller, ticket: str) -> Standing:
        """Say where a ticket stands now."""
        self._ask("routing")
        if ticket not in self.standings:
            raise CommandRejected("not-found", "there is no such ticket", status=404)
        return self.standings[ticket]

    async def command(
        self, caller: Caller, ticket: str, verb: str, body: Mapping[str, Any], *, revision: int
    ) -> int:
        """Take a command."""
        self._ask("routing")
        self.sent.append((caller.name, ticket, verb, dict(body), revision))
        if self.refusal is not None:
            raise self.refusal
        return self.revision_after

    async def say(
        self, caller: Caller, ticket: str, *, text: str, visibility: str, key: str
    ) -> None:
        """Take a message."""
        self._ask("intake")
        self.sent.append((caller.name, ticket, "say", text, visibility))

    async def submit(self, caller: Caller, body: Mapping[str, Any], *, key: str) -> Submitted:
        """Take a request."""
        self._ask("intake")
        if self.refusal is not None:
            raise self.refusal
        self.sent.append((caller.name, "submit", dict(body), key))
        return Submitted(number="HD-9", ticket=ticket_id("HD-9"))

    async def search(self, caller: Caller, query: str, *, language: str) -> Sequence[Article]:
        """Search articles."""
        self._ask("knowledge")
        return [a for a in self.articles.values() if query.lower() in a.title.lower()]

    async def article(self, caller: Caller, article: str) -> Article:
        """Read an article."""
        self._ask("knowledge")
        if article not in self.articles:
            raise CommandRejected("not-found", "there is no such article", status=404)
        return self.articles[article]

    async def presence(self, caller: Caller, presence: str) -> None:
        """Take a presence."""
        self._ask("routing")
        self.sent.append((caller.name, "presence", presence))

    async def next(self, caller: Caller) -> Next:
        """Give what is next."""
        self._ask("routing")
        self.sent.append((caller.name, "next"))
        if self.refusal is not None:
            raise self.refusal
        return self.following

    async def mails(self) -> Sequence[Mail]:
        """List mails."""
        self._ask("mailbox")
        return self.received

    async def mail(self, mail: str) -> Mail:
        """Read a mail."""
        self._ask("mailbox")
        found = next((m for m in self.received if m.id == mail), None)
        if found is None:
            raise CommandRejected("not-found", "there is no such mail", status=404)
        return found


@dataclass
class FakeWork:
    """`Work` by hand."""

    side: SideWork = field(default_factory=SideWork)
    open: list[OpenTask] = field(default_factory=list)
    texts: dict[str, str] | None = field(default_factory=dict)
    """Of notes, by id; None: intake is down."""
    verdicts: dict[tuple[str, str], VerdictAnswer] = field(default_factory=dict)
    down: bool = False
    sent: list[tuple[Any, ...]] = field(default_factory=list)

    def _ask(self) -> None:
        if self.down:
            raise Infrastructure("routing: it is down")

    async def of_ticket(self, caller: Caller, ticket: str) -> SideWork:
        """Read what hangs on a ticket."""
        self._ask()
        return self.side

    async def open_tasks(
        self, caller: Caller, *, desk: str | None = None, agent: str | None = None
    ) -> list[OpenTask]:
        """List open tasks as routing does."""
        self._ask()
        return [t for t in self.open if desk in {None, t.desk} and agent in {None, t.agent}]

    async def notes(self, tenant: str, notes: Collection[str]) -> dict[str, str]:
        """Read notes."""
        if self.texts is None:
            raise Infrastructure("intake: it is down")
        return {note: self.texts[note] for note in notes if note in self.texts}

    async def add_task(self, caller: Caller, ticket: str, **asked: Any) -> None:
        """Take a task."""
        self._ask()
        asked.pop("key")
        self.sent.append((caller.name, ticket, "task", asked))

    async def task(
        self, caller: Caller, ticket: str, task: str, verb: str, *, outcome: str | None = None
    ) -> None:
        """Take a deed on a task."""
        self._ask()
        self.sent.append((caller.name, ticket, task, verb if outcome is None else (verb, outcome)))

    async def watch(
        self, caller: Caller, ticket: str, *, watcher: str, kind: str, watching: bool
    ) -> None:
        """Take a follower."""
        self._ask()
        self.sent.append((caller.name, ticket, watcher, kind, watching))

    async def verdict(self, tenant: str, token: str, *, apply: bool) -> VerdictAnswer:
        """Take an answer by link."""
        self._ask()
        self.sent.append((tenant, token, apply))
        found = self.verdicts.get((tenant, token))
        if found is None:
            return VerdictAnswer(state=VerdictState.INVALID)
        if apply and found.state is VerdictState.OPEN:
            return found.model_copy(update={"state": VerdictState.TAKEN})
        return found


@dataclass
class MemoryConsole:
    """A whole console in one process, on memory."""

    clock: Clock
    configuration: Configuration | None = None
    options: Options = field(default_factory=lambda: Options(tenant=TENANT, has_mailbox=True))
    owners: Owners | None = None
    intake: Intake | None = None
    """None: the services by hand, asked over HTTP without a socket."""

    def __post_init__(self) -> None:
        """Wire it as `create_app` does."""
        self.signer = Signer(self.clock)
        self.signer.account("h-clarke")
        self.fakes = FakeOwners(self.signer, passwords={"h-clarke": "right"})
        asked: Owners = self.owners or self.fakes
        self.work = FakeWork()
        self.services = FakeServices(self.signer)
        unconnected = httpx.AsyncClient(transport=httpx.ASGITransport(app=self.services.app()))
        at = self.services.addresses("http://services")
        intake = self.intake or HttpIntake(at, unconnected)
        self.projection = MemoryProjection()
        self.dead = MemoryDeadLetters()
        self.projector = Projector(
            projection=self.projection, dead_letters=self.dead, clock=self.clock
        )
        self.feed = Feed(self.projection)
        self.configurations = Configurations()
        if self.configuration is not None:
            self.configurations.install(TENANT, self.configuration)
        self.app = FastAPI()
        equip(self.app)
        install(
            self.app,
            Console(
                views=Views(
                    projection=self.projection,
                    owners=asked,
                    configurations=self.configurations,
                    clock=self.clock,
                ),
                coverage=CoverageViews(configurations=self.configurations, clock=self.clock),
                commands=Commands(owners=asked, projection=self.projection, clock=self.clock),
                owners=asked,
                intake=intake,
                work=self.work,
                handovers=HttpHandovers(at, unconnected),
                relating=Relating(projection=self.projection, owners=asked, intake=intake),
                waiting=Waiting(intake, self.clock),
                authenticator=Authenticator(self.signer.identities, self.clock),
                clock=self.clock,
                feed=self.feed,
                options=self.options,
            ),
        )

    def client(self, name: str | None = "h-clarke", **headers: str) -> httpx.AsyncClient:
        """Return a browser without scripts; signed in, unless the name is None."""
        cookies = {} if name is None else {"heliodesk": self.signer.token(name).token}
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.app),
            base_url="http://console",
            cookies=cookies,
            headers={"accept": "text/html", "accept-language": "en", **headers},
        )


def conversation(*messages: Message, name: str = "Ada Byron") -> Conversation:
    """Return a conversation."""
    return Conversation(messages=messages, contact=Contact(name=name, mail="ada@helio.example"))


def message(text: str, *, subject: str = "", at: datetime = NOON, id_: str = "m-1") -> Message:
    """Return a message of the contact."""
    return Message(
        id=id_,
        direction=Direction.INBOUND,
        at=at,
        subject=subject,
        text=text,
        author="contact-1",
        author_name="Ada Byron",
    )
