"""Notify in memory: claims, contacts and texts, a channel that keeps what it was given."""

from __future__ import annotations

import email
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from services.notify.adapters.words import JinjaWords
from services.notify.consumers import (
    configured,
    on_clocks,
    on_contacts,
    on_requests,
    on_shifts,
    on_tickets,
)
from services.notify.domain.answers import AnswerLinks
from services.notify.domain.notices import NOTICES, Notice
from services.notify.handlers import Letters, NoticeDesk, Reach
from services.notify.ports import Answer, ChannelDown, Claim, Due, Session, Taken
from services.notify.ticker import Sender, SendingLimits
from shared.commit import Committer
from shared.configuration import Configurations
from shared.consumer import Consumer
from shared.contracts.envelope import Body, Event, numbered
from shared.contracts.internal import CodeView, ContactView, MessageView
from shared.contracts.topics import CLOCKS, CONTACTS, REQUESTS, SHIFTS, TICKETS, topic_of
from shared.kernel import Infrastructure
from shared.log import silent
from shared.organisation import Configuration, parse_sections
from shared.outbox import Relay
from shared.streams import Outgoing
from shared.testing.clock import ManualClock
from shared.testing.memory import MemoryData, MemoryLog, MemoryPublisher, MemoryStreams
from shared.threads import ThreadSigner
from shared.verdicts import VerdictSigner

SAMPLE = Path(__file__).parents[2] / "deploy" / "sample"
TENANT = "main"


def sample() -> Configuration:
    """Return the sample organisation."""
    files = {
        str(path.relative_to(SAMPLE)): path.read_text(encoding="utf-8")
        for path in sorted(SAMPLE.rglob("*.yaml"))
    }
    return parse_sections(files)


class Killed(BaseException):
    """The process ends here and now: no handler of errors sees it coming."""


class MemoryClaims:
    """`Claims` in memory, over the documents of a memory store."""

    def __init__(self, data: MemoryData) -> None:
        self._data = data
        self.rows: dict[str, Claim] = {}

    async def due(self, *, now: datetime, limit: int) -> list[Due]:
        """Return tickets with due notices that nobody is sending, the longest due first."""
        claimed = {claim.ticket for claim in self.rows.values()}
        documents = [
            row
            for row in self._data.collection(NOTICES.name).values()
            if row["_id"] not in claimed
            and not row["parked"]
            and row["state"]
            and row["state"]["due_at"] is not None
            and row["state"]["due_at"] <= now
        ]
        documents.sort(key=lambda row: row["state"]["due_at"])
        return [
            Due(
                ticket=row["_id"],
                tenant=row["tenant"],
                notices=tuple(
                    notice["id"]
                    for notice in row["state"]["notices"]
                    if notice["due_at"] is not None and notice["due_at"] <= now
                ),
            )
            for row in documents[:limit]
        ]

    async def take(self, claims: Sequence[Claim]) -> frozenset[str]:
        """Insert claims; return the ids of the notices that were free."""
        free = [claim for claim in claims if claim.notice not in self.rows]
        self.rows.update((claim.notice, claim) for claim in free)
        return frozenset(claim.notice for claim in free)

    async def release(self, notices: Collection[str], *, start: str) -> None:
        """Give up claims of this start."""
        self._keep(lambda c: c.notice not in notices or c.start != start)

    async def release_start(self, start: str) -> None:
        """Give up all claims of this start."""
        self._keep(lambda c: c.start != start)

    async def release_earlier(self, slot: str, *, start: str) -> None:
        """Give up the claims of a slot's earlier starts."""
        self._keep(lambda c: c.slot != slot or c.start == start)

    async def expire(self, now: datetime) -> None:
        """Give up claims whose lease is over."""
        self._keep(lambda c: c.until > now)

    def _keep(self, wanted: Callable[[Claim], bool]) -> None:
        self.rows = {notice: c for notice, c in self.rows.items() if wanted(c)}


@dataclass
class MemoryDirectory:
    """`Directory` in memory."""

    people: dict[str, ContactView] = field(default_factory=dict)
    texts: dict[str, MessageView] = field(default_factory=dict)
    sent_codes: dict[str, CodeView] = field(default_factory=dict)
    down: bool = False

    async def contacts(self, tenant: str, ids: Iterable[str]) -> dict[str, ContactView]:
        """Return contacts by id."""
        self._answer()
        return {i: self.people[i] for i in ids if i in self.people}

    async def messages(self, tenant: str, ids: Iterable[str]) -> dict[str, MessageView]:
        """Return messages by id."""
        self._answer()
        return {i: self.texts[i] for i in ids if i in self.texts}

    async def codes(self, tenant: str, ids: Iterable[str]) -> dict[str, CodeView]:
        """Return codes by id."""
        self._answer()
        return {i: self.sent_codes[i] for i in ids if i in self.sent_codes}

    def _answer(self) -> None:
        if self.down:
            message = "intake does not answer"
            raise Infrastructure(message)


@dataclass
class MemoryChannel:
    """`Channel` in memory. ``answers`` are given in turn, `Taken` when there are none.

    An answer that is an exception is raised after the mail was taken: nobody knows.
    """

    mails: list[bytes] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    answers: list[Answer | BaseException] = field(default_factory=list)
    down: bool = False
    sessions: int = 0

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Open a connection."""
        if self.down:
            message = "smtp: cannot be used: ConnectionRefusedError"
            raise ChannelDown(message)
        self.sessions += 1
        yield self

    async def send(self, *, sender: str, recipient: str, content: bytes) -> Answer:
        """Take a mail, or do with it what the next answer says."""
        answer = self.answers.pop(0) if self.answers else Taken()
        if isinstance(answer, BaseException | Taken):
            self.mails.append(content)
            self.recipients.append(recipient)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    @property
    def parsed(self) -> list[EmailMessage]:
        """The mails, as a mail program reads them."""
        return [email.message_from_bytes(mail, policy=default) for mail in self.mails]


class Notify:
    """One process of notify on memory; another one may share ``data``, ``claims`` and ``log``."""

    def __init__(
        self,
        *,
        clock: ManualClock | None = None,
        streams: MemoryStreams | None = None,
        claims: MemoryClaims | None = None,
        log: MemoryLog | None = None,
        directory: MemoryDirectory | None = None,
        channel: MemoryChannel | None = None,
        configuration: Configuration | None = None,
        slot: str | None = "0",
        limits: SendingLimits | None = None,
        thread_key: str = "",
        console_url: str = "",
    ) -> None:
        self.clock = clock or ManualClock()
        self.streams = streams or MemoryStreams()
        self.claims = claims or MemoryClaims(self.streams.data)
        self.log = log or MemoryLog()
        self.directory = directory or MemoryDirectory()
        self.channel = channel or MemoryChannel()
        self.configurations = Configurations()
        self.configurations.install(TENANT, configuration or sample())
        self.relay = Relay(
            publisher=MemoryPublisher(self.log),
            store=self.streams,
            aggregates=[NOTICES],
            clock=self.clock,
        )
        self.committer = Committer(
            store=self.streams,
            parking=self.streams,
            relay=self.relay,
            clock=self.clock,
            configversion=self.configurations.version,
        )
        self.sender = Sender(
            committer=self.committer,
            claims=self.claims,
            letters=Letters(
                signer=ThreadSigner(thread_key),
                answers=AnswerLinks(VerdictSigner(thread_key), console_url),
                directory=self.directory,
                words=JinjaWords(log=silent()),
                configurations=self.configurations,
                clock=self.clock,
                domain="desk.example",
                sender="help@desk.example",
            ),
            channel=self.channel,
            clock=self.clock,
            log=silent(),
            slot=slot,
            limits=limits or SendingLimits(),
        )
        self.desk = NoticeDesk(committer=self.committer, clock=self.clock, wake=lambda: None)
        self.reach = Reach(self.directory)
        find = configured(self.configurations)
        self.consumers = {
            topic.name: Consumer(
                topic=topic,
                on=rows,
                committer=self.committer,
                configured=self.configurations,
                clock=self.clock,
                owner="notify",
                first=None if topic in {CLOCKS, CONTACTS, SHIFTS} else self.reach.learn,
            )
            for topic, rows in (
                (REQUESTS, on_requests(self.reach, find)),
                (TICKETS, on_tickets(self.reach, find)),
                (CLOCKS, on_clocks(find)),
                (CONTACTS, on_contacts()),
                (SHIFTS, on_shifts(find)),
            )
        }
        self._sequences: dict[tuple[str, str], int] = {}

    def event(self, ticket: str, body: Body, *, tenant: str = TENANT) -> Event[Body]:
        """Return the next event of a ticket's stream in the topic of a body."""
        source = topic_of(type(body)).source or ""
        sequence = self._sequences.get((source, ticket), 0) + 1
        self._sequences[(source, ticket)] = sequence
        return numbered(
            source=source,
            subject=ticket,
            sequence=sequence,
            time=self.clock.now(),
            tenant=tenant,
            configversion=self.configurations.version(tenant),
            body=body,
        )

    async def receive(self, *events: Event[Body]) -> None:
        """Process events as one batch of each topic."""
        by_topic: dict[str, list[Event[Body]]] = {}
        for event in events:
            by_topic.setdefault(topic_of(type(event.body)).name, []).append(event)
        for name, found in by_topic.items():
            incoming = MemoryLog()
            records = []
            for event in found:
                wire = event.encoded()
                records.append(
                    incoming.append(
                        Outgoing(topic=name, key=event.key, value=wire.body, headers=wire.headers())
                    )
                )
            await self.consumers[name].process(records)
        await self.relay.drain()

    async def notices(self, ticket: str) -> dict[str, Notice]:
        """Return a ticket's notices by key."""
        return {n.key: n for n in await self.desk.notices(ticket, tenant=TENANT)}
