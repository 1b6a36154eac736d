"""Who works with the desk: people who ask, agents; and the sun, which lets hours pass."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

from services.intake.domain.receipts import Receipt
from services.intake.doors import DOORS, Raw, Read
from services.intake.handlers.callers import Caller as IntakeCaller
from services.notify.domain.mail import thread_message_id
from services.routing.domain.tickets import TicketState
from services.routing.handlers.changing import Caller
from services.routing.ports import TicketDocument
from shared.contracts.intake import Direction
from shared.contracts.knowledge import ArticlePublished
from shared.contracts.routing import PendReason, Presence, Status
from shared.kernel import CommandRejected, Infrastructure
from shared.testing.clock import START
from tests.sim.desk_ports import CachedTickets
from tests.sim.desk_services import DOMAIN
from tests.sim.desk_stage import TENANT, Stage, versions
from tests.sim.process import Process
from tests.sim.world import World
from tests.support.intake import SIGNER
from tests.support.intake_input import mail, read_one

T = TypeVar("T")

WHERE: tuple[dict[str, str], ...] = (
    {},
    {"site": "canary-wharf", "channel": "web"},
    {"site": "toronto", "channel": "web"},
    {"service": "payroll"},
    {"region": "apac", "language": "zh"},
    {"region": "emea"},
)
KINDS = ("incident", "inquiry", "service-request")
LEVELS = ("low", "medium", "high")
OPEN = (
    Status.QUEUED,
    Status.OFFERED,
    Status.ASSIGNED,
    Status.ACCEPTED,
    Status.IN_PROGRESS,
    Status.PENDING,
)


class Clients:
    """All clients of one run."""

    def __init__(self, world: World, stage: Stage, *, requests: int) -> None:
        self._world = world
        self._stage = stage
        self._requests = requests
        self._tickets: CachedTickets | None = None

    def all(self) -> list[Coroutine[Any, Any, None]]:
        """Return those who come, ask and go."""
        people = [self._person(range(n, self._requests, 3)) for n in range(3)]
        return [*people, self._author()]

    async def _insist(
        self, service: str, work: Callable[[Process], Coroutine[Any, Any, T]], *, tries: int = 10**6
    ) -> T:
        """Ask until there is an answer."""
        for left in range(tries, 0, -1):
            try:
                return await self._world.call(service, work)
            except Infrastructure:
                if left == 1:
                    raise
                await self.pause(0.1, 0.6)
        raise AssertionError

    async def pause(self, shortest: float, longest: float) -> None:
        """Wait a while."""
        await asyncio.sleep(self._world.random.uniform(shortest, longest))

    def now(self) -> datetime:
        """Return the true time of day."""
        return START + timedelta(seconds=self._world.time() + self._world.ahead_seconds)

    # People.

    async def _person(self, numbers: range) -> None:
        random = self._world.random
        for number in numbers:
            await self.pause(0.2, 3.0)
            body = {
                "contact": {"mail": f"p{number % 7}@example.org"}
                if number % 5
                else {"id": f"E{number % 3}"},
                "subject": f"printer {number}",
                "kind": random.choice(KINDS),
                "impact": random.choice(LEVELS),
                "urgency": random.choice(LEVELS),
                **random.choice(WHERE),
            }
            receipt = await self.submit("requests", _json_request(number, body))
            if random.random() < 0.3:
                await self.submit("requests", _json_request(number, body))
            if random.random() < 0.1:
                await self._misuse(number, {**body, "subject": "something else"})
            if random.random() < 0.6:
                await self._talk(number, receipt)

    async def submit(self, door: str, read: Read[Any], name: str = "") -> Receipt:
        """Hand something in at a door until there is an answer."""

        async def work(process: Process) -> Receipt:
            caller = process.app.caller(name or f"{'mail' if door == 'smtp' else door}-demo")
            receipt: Receipt = await process.app.accepting.submit(DOORS[door], read, caller)
            if receipt.ticket is None:
                receipt = await process.app.accepting.applied(receipt, seconds_max=2.0)
            return receipt

        receipt = await self._insist("intake", work)
        self._stage.promised(receipt)
        return receipt

    async def _misuse(self, number: int, body: dict[str, Any]) -> None:
        try:
            await self.submit("requests", _json_request(number, body))
        except CommandRejected as error:
            if error.code == "idempotency-key-reused":
                return
        self._stage.broken.append(f"k{number}: another body was taken under the same key")

    async def _talk(self, number: int, receipt: Receipt) -> None:
        """Answer by mail, and be answered by an agent, now or much later."""
        random = self._world.random
        for turn in range(random.randrange(1, 4)):
            await self.pause(0.5, 9.0)
            if random.random() < 0.5:
                name = f"<m{number}.{turn}@example.org>"
                token = SIGNER.token(tenant=TENANT, number=receipt.number or "")
                thread = thread_message_id(receipt.ticket or "", DOMAIN, token=token)
                content = mail(message_id=name, references=thread, text=f"and {turn}?")
                read = read_one("smtp", Raw(body=content, sender="ana@example.org"))
                await self.submit("smtp", read)
                if random.random() < 0.3:
                    await self.submit("smtp", read)
            else:
                await self._note(receipt, f"n{number}.{turn}")

    async def _note(self, receipt: Receipt, key: str) -> None:
        async def work(process: Process) -> Receipt:
            noted: Receipt = await process.app.accepting.note(
                IntakeCaller(tenant=TENANT, name="h-clarke"),
                ticket=receipt.ticket or "",
                number=receipt.number or "",
                text="we look into it",
                direction=Direction.OUTBOUND,
                key=key,
            )
            return await process.app.accepting.applied(noted, seconds_max=2.0)  # type: ignore[no-any-return]

        self._stage.promised(await self._insist("intake", work))

    # Authors.

    async def _author(self) -> None:
        for number in range(3):
            await self.pause(0.2, 6.0)
            article = ArticlePublished(
                title=f"printer {number}",
                body="turn it off and on",
                language="en",
                keywords=(),
                author="h-clarke",
            )

            async def work(
                process: Process, article: ArticlePublished = article, key: str = f"a{number}"
            ) -> object:
                return await process.app.create(TENANT, article, key=key)

            await self._insist("knowledge", work)

    # Agents.

    async def agents(self) -> None:
        """Work for ever: at random in the storm, and then until nothing is open."""
        random = self._world.random
        back = False
        while True:
            await self.pause(0.05, 0.5)
            if self._tickets is None:
                self._tickets = CachedTickets(self._world.disks["routing"])
            seen = [(d, s) for d, s in self._tickets.everything() if not d.parked and s.facts]
            try:
                if self._world.stormy:
                    if random.random() < 0.05:
                        await self._presence(random.choice(list(Presence)[:3]))
                    if seen:
                        await self._act(*random.choice(seen))
                else:
                    if not back:
                        await self._presence(Presence.AVAILABLE, everybody=True)
                        back = True
                    await self._finish(seen)
            except (CommandRejected, Infrastructure) as error:
                self._world.note("agent", f"{type(error).__name__} {error}"[:80])

    async def _presence(self, presence: Presence, *, everybody: bool = False) -> None:
        names = [agent.id for agent in versions()[self._stage.version - 1].all_agents()]
        if not everybody:
            names = [self._world.random.choice(names)]
        for name in names:

            async def say(process: Process, name: str = name) -> object:
                return await process.app.presence(TENANT, agent=name, presence=presence)

            await self._insist("routing", say, tries=3)

    async def _finish(self, seen: list[tuple[TicketDocument, TicketState]]) -> None:
        """Resolve what agents have; what is queued the matcher has to give them first."""
        for document, state in seen:
            if state.status in OPEN and state.status is not Status.QUEUED:
                caller = Caller(tenant=TENANT, ticket=document.id, by=state.agent or "")

                async def resolve(process: Process, caller: Caller = caller) -> object:
                    return await process.app.resolve(caller, code="done", article=None)

                await self._insist("routing", resolve, tries=3)

    async def _act(self, document: TicketDocument, state: TicketState) -> None:
        random = self._world.random
        configuration = versions()[self._stage.version - 1]
        desk = random.choice(configuration.desks.desks).name
        agent = random.choice(configuration.agents_of(state.desk)).id
        caller = Caller(
            tenant=TENANT,
            ticket=document.id,
            by=state.agent or agent,
            revision=document.seq if random.random() < 0.3 else None,
        )
        until = self.now() + timedelta(minutes=random.uniform(2, 200))
        able: dict[Status, tuple[str, ...]] = {
            Status.QUEUED: ("accept", "accept", "transfer", "assign"),
            Status.OFFERED: ("accept", "accept", "reject", "nothing", "assign", "transfer"),
            Status.ASSIGNED: ("accept", "accept", "start", "assign", "transfer", "resolve"),
            Status.ACCEPTED: ("resolve", "start", "pend", "wait", "transfer", "assign"),
            Status.IN_PROGRESS: ("resolve", "resolve", "pend", "wait", "transfer", "assign"),
            Status.PENDING: ("resume", "pend", "resolve", "assign"),
            Status.RESOLVED: ("reopen", "close", "nothing", "nothing"),
            Status.CLOSED: ("nothing", "nothing", "nothing", "reopen"),
        }
        verb = random.choice(able[state.status or Status.CLOSED])
        work: dict[str, Callable[[Any], Any]] = {
            "accept": lambda app: app.accept(caller, agent=state.agent or agent),
            "start": lambda app: app.start(caller, agent=state.agent or agent),
            "reject": lambda app: app.reject(caller, agent=state.agent or agent, code="busy"),
            "assign": lambda app: app.assign(caller, agent=agent),
            "transfer": lambda app: app.transfer(caller, desk=desk),
            "pend": lambda app: app.pend(caller, reason=PendReason.CUSTOMER, until=None),
            "wait": lambda app: app.pend(caller, reason=PendReason.UNTIL, until=until),
            "resume": lambda app: app.resume(caller),
            "resolve": lambda app: app.resolve(caller, code="solved", article=None),
            "reopen": lambda app: app.reopen(caller, reason="again"),
            "close": lambda app: app.close(caller, reason="confirmed"),
        }
        if verb in work:
            self._world.note("agent", f"{verb} {document.id[:8]}")
            await self._insist("routing", lambda p: work[verb](p.app), tries=4)

    # The sun.

    async def sun(self) -> None:
        """Let the day pass in leaps, so that clocks run out and desks close."""
        world = self._world
        while True:
            await self.pause(0.8, 4.0)
            world.ahead_seconds += world.random.uniform(20, 2400) if world.stormy else 1800.0
            world.note("", f"it is {self.now():%d %H:%M}")


def _json_request(number: int, body: dict[str, Any]) -> Read[Any]:
    headers = {"content-type": "application/json", "idempotency-key": f"k{number}"}
    return read_one("requests", Raw(body=json.dumps(body).encode(), headers=headers))
