"""A running product as the stories of the classic case use it: ask, sign in, switch, replay."""

from __future__ import annotations

import asyncio
import email.policy
import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from email.parser import BytesParser
from email.utils import parseaddr
from pathlib import Path
from typing import Any, Final

import httpx

from services.routing.domain.tickets import TICKETS as TICKET_STREAMS
from services.routing.domain.tickets import TicketState
from shared.contracts.envelope import Event, decode
from shared.contracts.routing import Status
from shared.contracts.topics import TICKETS
from shared.kernel import rfc3339
from tests.support.classic_case import EXCHANGE, HOTLINE, Case, User
from tests.support.product import RunningProduct

ROOT: Final = Path(__file__).resolve().parents[2]
SECONDS_MAX: Final = 40.0
"""For what takes a second on a machine that has nothing else to do."""
AT_ONCE: Final = 8
"""Callers beside each other."""
PAGE: Final = 200
ROWS: Final = 500
"""Contacts of one import."""

HELD: Final = frozenset({"offered", "assigned", "accepted", "in-progress", "pending"})
"""In these an agent has the ticket."""
OVER: Final = frozenset({"resolved", "closed"})

Json = dict[str, Any]


class Story:
    """One product, and what was asked of it since the story began."""

    def __init__(self, product: RunningProduct, client: httpx.AsyncClient, name: str) -> None:
        self.product = product
        self.tickets: list[str] = []
        self._client = client
        self._name = name
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._calls = 0
        self._token = ""

    async def apply(self, case: Case, *, note: str = "") -> Json:
        """Put a version in force while everything runs; return once routing goes by it."""
        control, path = self.product.url("control"), "/v1/configuration"
        current = (await self._get("control", path))["version"]
        answer = await self._client.put(
            control + path,
            json={"sections": case.sections(), "note": note or case.label},
            headers={**self.product.headers, "If-Match": f'"{current}"'},
        )
        assert answer.is_success, answer.text
        applied: Json = answer.json()

        async def known() -> bool:
            desks = (await self._get("routing", "/v1/desks"))["desks"]
            titles = [desk["title"] for desk in desks if desk["name"] == "duty"]
            return titles == [f"On duty ({case.label})"]

        await self.until(known, what=f"routing goes by {case.label}")
        return applied

    async def foretold(self, case: Case) -> Json:
        """Return which open tickets applying a version would move now."""
        body = {"sections": case.sections(), "examples": 50}
        return await self.command("routing", "/v1/routing/dry-run", body)

    def config_diff(self, folder: Path) -> Json:
        """Return what `heliodesk config diff` says of a directory."""
        result = subprocess.run(
            [sys.executable, "-P", "-m", "heliodesk.cli", "config", "diff", str(folder), "--json"],
            env={
                **os.environ,
                "HELIODESK_HOME": str(self.product.stack.state_dir),
                "PYTHONPATH": str(ROOT),
            },
            capture_output=True,
            text=True,
            timeout=SECONDS_MAX,
            check=False,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        found: Json = json.loads(result.stdout)
        return found

    async def meet(self, people: Sequence[User]) -> None:
        """Import people as contacts, once intake knows the places where they are."""
        for first in range(0, len(people), ROWS):
            rows = [user.row() for user in people[first : first + ROWS]]

            async def imported(rows: list[dict[str, str]] = rows) -> bool:
                answer = await self._client.put(
                    f"{self.product.url('intake')}/v1/contacts",
                    json={"contacts": rows},
                    headers=self.product.headers,
                )
                assert answer.status_code in {200, 422}, answer.text
                return answer.status_code == httpx.codes.OK

            await self.until(imported, what="contacts are imported")

    async def ask(self, user: User | None = None, **fields: Any) -> str:
        """Hand a request in as JSON, from a user's site; return its ticket, which is routed.

        Without a user it comes from somebody whom nobody knows, and from no place.
        """
        body: Json = {"subject": f"{self._name} {len(self.tickets) + 1}", "channel": "email"}
        if user is None:
            body["contact"] = {"mail": "stranger@elsewhere.example"}
        else:
            body |= {"contact": {"mail": user.mail}, "site": user.city.name}
        return await self._submitted("/v1/requests", body | fields)

    async def walk_up(self, user: User, **fields: Any) -> str:
        """Record what a user says in person at their site; return its ticket, which is routed."""
        body: Json = {
            "subject": f"{self._name} in person",
            "contact": {"mail": user.mail},
            "site": user.city.name,
        }
        return await self._submitted("/v1/walk-ups", body | fields)

    async def _submitted(self, path: str, body: Json) -> str:
        async with self._at_once:
            answer = await self._client.post(
                self.product.url("intake") + path, json=body, headers=self.product.headers
            )
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        ticket: str = answer.json()["ticket"]
        self.tickets.append(ticket)
        await self.until(lambda: self._is_routed(ticket), what=f"{ticket} is routed")
        return ticket

    async def _is_routed(self, ticket: str) -> bool:
        url = f"{self.product.url('routing')}/v1/tickets/{ticket}"
        async with self._at_once:
            answer = await self._client.get(url, headers=self.product.headers)
        return answer.status_code == httpx.codes.OK

    async def call(self, user: User, *, digits: str = "") -> tuple[str, Json]:
        """Let the exchange tell of a call to the one number, and ask where it goes.

        Returns the exchange's name of the call, and the answer.
        """
        token = await self._exchange_token()
        self._calls += 1
        name = f"{self._name}-{self._calls}"
        moment = {"call": name, "from": user.phone, "to": HOTLINE}
        now = self.product.clock.now()
        moments = [{**moment, "moment": "offered", "at": rfc3339(now)}]
        if digits:
            pressed = {"moment": "menu", "at": rfc3339(now), "digits": digits}
            moments.append({**moment, **pressed})
        asked = {"number": user.phone, "dialled": HOTLINE, "digits": digits, "call": name}
        for path, body in (("/v1/phone/moments", moments), ("/v1/calls/route", asked)):
            answer = await self._client.post(
                self.product.url("intake") + path,
                json=body,
                headers={"Authorization": f"Bearer {token}"},
            )
            assert answer.is_success, answer.text
        return name, answer.json()

    async def recorded(self, user: User, call: str, **fields: Any) -> str:
        """Record what a caller says; return the ticket, which is routed."""
        body: Json = {
            "subject": f"{self._name} by telephone",
            "contact": {"phone": user.phone},
            "channel": "phone",
            "fields": {"call": call},
        }
        return await self._submitted("/v1/walk-ups", body | fields)

    async def _exchange_token(self) -> str:
        if self._token:
            return self._token
        wanted = {"kind": "integration", "name": EXCHANGE, "roles": ["integration"]}
        identity = (await self.command("control", "/v1/identities", wanted))["id"]
        path = f"/v1/identities/{identity}/tokens"
        token: str = (await self.command("control", path, {"label": "the exchange"}))["token"]

        async def known() -> bool:
            answer = await self._client.get(
                f"{self.product.url('intake')}/v1/calls/menu",
                headers={"Authorization": f"Bearer {token}"},
            )
            return answer.status_code == httpx.codes.OK

        await self.until(known, what="intake knows the exchange's token")
        self._token = token
        return token

    async def sign_in(self, *agents: str) -> None:
        """Let agents take work."""
        await self._presence(agents, "available")

    async def sign_out(self, *agents: str) -> None:
        """Let agents take no more work; what they have they keep."""
        await self._presence(agents, "offline")

    async def _presence(self, agents: Iterable[str], presence: str) -> None:
        for agent in agents:
            answer = await self._client.put(
                f"{self.product.url('routing')}/v1/agents/{agent}/presence",
                json={"presence": presence},
                headers=self.product.headers,
            )
            assert answer.is_success, answer.text

    async def command(self, service: str, path: str, body: Json | None = None) -> Json:
        """Return the answer of a POST that succeeds."""
        answer = await self.attempt(service, path, body)
        assert answer.is_success, f"{path}: {answer.text}"
        found: Json = answer.json()
        return found

    async def attempt(self, service: str, path: str, body: Json | None = None) -> httpx.Response:
        """Return the answer of a POST, whatever it is."""
        async with self._at_once:
            return await self._client.post(
                self.product.url(service) + path, json=body or {}, headers=self.product.headers
            )

    async def act(self, ticket: str, deed: str, **body: Any) -> Json:
        """Do something to a ticket that is allowed; return it afterwards."""
        return await self.command("routing", f"/v1/tickets/{ticket}/{deed}", body)

    async def refused(self, ticket: str, deed: str, **body: Any) -> tuple[int, str]:
        """Do something to a ticket that is refused; return the status and the word for why."""
        answer = await self.attempt("routing", f"/v1/tickets/{ticket}/{deed}", body)
        assert answer.is_client_error, answer.text
        return answer.status_code, str(answer.json()["type"]).rsplit(":", 1)[-1]

    async def explain(self, ticket: str) -> Json:
        """Return why a ticket is where it is."""
        return await self._get("routing", f"/v1/tickets/{ticket}/explain")

    async def show(self, ticket: str) -> Json:
        """Return where a ticket stands."""
        return await self._get("routing", f"/v1/tickets/{ticket}")

    async def place(self, ticket: str) -> tuple[str, str | None, str]:
        """Return desk and queue of a ticket, and the word for what decided it."""
        found = await self.explain(ticket)
        return found["desk"], found["queue"], found["queued"]["decided"]

    async def held_by(self, ticket: str) -> str:
        """Return who has a ticket, as soon as somebody has it."""

        async def held() -> bool:
            return (await self.explain(ticket))["agent"] is not None

        await self.until(held, what=f"somebody has {ticket}")
        agent: str = (await self.explain(ticket))["agent"]
        return agent

    async def all_tickets(self) -> dict[str, Json]:
        """Return every ticket of the story by id, as routing has it now."""
        found: dict[str, Json] = {}
        after: dict[str, Any] = {}
        wanted = set(self.tickets)
        while True:
            page = await self._get("routing", "/v1/tickets", limit=PAGE, **after)
            found |= {row["id"]: row for row in page["tickets"] if row["id"] in wanted}
            if page["next"] is None:
                return found
            after = {"after": page["next"]}

    async def agents(self) -> dict[str, Json]:
        """Return every agent by id, with what they hold."""
        return {row["id"]: row for row in (await self._get("routing", "/v1/agents"))["agents"]}

    def mails_to(self, address: str) -> list[str]:
        """Return subject and text of every mail that an address was sent."""
        found = []
        for path in (self.product.stack.state_dir / "data" / "mail").rglob("*"):
            if path.is_file() and path.parent.name in {"new", "cur"}:
                mail = BytesParser(policy=email.policy.default).parsebytes(path.read_bytes())
                if parseaddr(str(mail["To"]))[1] == address:
                    body = mail.get_body(("plain",))
                    found.append(f"{mail['Subject']}\n{body.get_content() if body else ''}")
        return found

    async def until(self, ready: Callable[[], Awaitable[bool]], *, what: str) -> None:
        """Wait for a condition; fail with ``what`` when it does not come in time."""
        await self.product.until(ready, seconds=SECONDS_MAX, what=what)

    async def history(self) -> dict[str, list[Event[Any]]]:
        """Return the events of the story's tickets by ticket, read anew from the topic."""
        wanted = set(self.tickets)
        found: dict[str, dict[int, Event[Any]]] = defaultdict(dict)
        async for headers, value in self.product.log(TICKETS.name):
            event = decode([(name, text.encode()) for name, text in headers.items()], value)
            body = TICKETS.body(event.type)
            if event.subject in wanted and body is not None and TICKET_STREAMS.owns(event.type):
                # A record may have been sent twice, never with two contents.
                read = event.with_body(body)
                assert found[event.subject].setdefault(event.sequence, read) == read
        return {t: [rows[n] for n in sorted(rows)] for t, rows in found.items()}

    async def over(self) -> None:
        """End what the story left open, and sign everybody out: the next one begins afresh."""
        await self.sign_out(
            *(n for n, row in (await self.agents()).items() if row["presence"] != "offline")
        )
        open_ones = [
            t for t, row in (await self.all_tickets()).items() if row["status"] not in OVER
        ]
        await asyncio.gather(*(self.act(t, "resolve", resolver="automation") for t in open_ones))

    async def _get(self, service: str, path: str, **params: Any) -> Json:
        async with self._at_once:
            answer = await self._client.get(
                self.product.url(service) + path, params=params, headers=self.product.headers
            )
        answer.raise_for_status()
        found: Json = answer.json()
        return found


@asynccontextmanager
async def telling(product: RunningProduct, name: str) -> AsyncIterator[Story]:
    """Give a story of its own on a product that others have used before."""
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        story = Story(product, client, name)
        yield story
        await story.over()


def folds(history: Mapping[str, Sequence[Event[Any]]]) -> dict[str, list[TicketState]]:
    """Return, by ticket, the state after each of its events; a sequence never has a gap."""
    found: dict[str, list[TicketState]] = {}
    for ticket, events in history.items():
        assert [event.sequence for event in events] == list(range(1, len(events) + 1)), ticket
        state: TicketState | None = None
        found[ticket] = []
        for event in events:
            state = TICKET_STREAMS.evolve(state, event)
            assert state is not None
            found[ticket].append(state)
    return found


def require_one_place(state: TicketState) -> None:
    """Fail unless a ticket is in exactly one place: one queue, one agent's hands, or over."""
    waits = state.since is not None
    held = state.holder is not None
    ended = state.status in {Status.RESOLVED, Status.CLOSED}
    assert (waits, held, ended).count(True) == 1, state
    assert state.desk
