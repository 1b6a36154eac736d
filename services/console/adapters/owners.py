"""The owners of what the console shows, over HTTP."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, TypeAdapter

from services.console.adapters.sending import (
    FILE_BYTES_MAX,
    Addresses,
    name,
    read,
    saved,
    send,
)
from services.console.domain.levels import ReportFile
from services.console.ports import (
    Article,
    Caller,
    Conversation,
    Mail,
    Next,
    Saved,
    SignedIn,
    Standing,
    Submitted,
)
from shared.clock import Clock
from shared.contracts.internal import (
    BATCH_MAX,
    CLOCKS_PATH,
    MESSAGES_PATH,
    RISKS_PATH,
    ClocksAnswer,
    MessagesAnswer,
    RisksAnswer,
    RiskView,
)
from shared.contracts.sla import ClockView

KEPT_MAX = 5_000
T = TypeVar("T")


class HttpOwners:
    """`Owners` over one HTTP client; ``service_token`` is for the internal reads."""

    def __init__(
        self,
        addresses: Addresses,
        client: httpx.AsyncClient,
        *,
        clock: Clock,
        service_token: str,
        subject_seconds_max: float = 30.0,
        risk_seconds_max: float = 20.0,
    ) -> None:
        self._at = addresses
        self._client = client
        self._token = service_token
        self._subjects = _Remembered[str](clock, seconds_max=subject_seconds_max)
        self._risks = _Remembered[_Known](clock, seconds_max=risk_seconds_max)

    async def sign_in(self, *, tenant: str, name: str, password: str) -> SignedIn:
        """Open a session at control."""
        body = {"tenant": tenant, "name": name, "password": password}
        answer = await self._send("control", "POST", f"{self._at.control}/v1/sessions", json=body)
        return read("control", TypeAdapter(SignedIn), answer)

    async def renew(self, token: str) -> SignedIn:
        """Exchange a token that is still valid for a new one."""
        url = f"{self._at.control}/v1/sessions/renew"
        answer = await self._send("control", "POST", url, token=token)
        return read("control", TypeAdapter(SignedIn), answer)

    async def conversation(self, caller: Caller, ticket: str) -> Conversation:
        """Read a ticket's texts from intake."""
        url = f"{self._at.intake}/v1/tickets/{name(ticket)}"
        answer = await self._send("intake", "GET", url, token=caller.token)
        return read("intake", TypeAdapter(Conversation), answer)

    async def file(self, caller: Caller, file: str) -> Saved:
        """Read a file of a message from intake; only headers that keep it harmless go on."""
        url = f"{self._at.intake}/v1/files/{name(file)}"
        answer = await self._send(
            "intake", "GET", url, token=caller.token, bytes_max=FILE_BYTES_MAX
        )
        return saved(answer)

    async def subjects(self, tenant: str, messages: Collection[str]) -> Mapping[str, str]:
        """Read subject lines by message id; they are remembered in memory for a short time."""
        known = {m: s for m in messages if (s := self._subjects.get(tenant, m)) is not None}
        missing = [message for message in dict.fromkeys(messages) if message not in known]
        for start in range(0, len(missing), BATCH_MAX):
            part = missing[start : start + BATCH_MAX]
            body = {"tenant": tenant, "ids": part}
            url = f"{self._at.intake}{MESSAGES_PATH}"
            answer = await self._send("intake", "POST", url, token=self._token, json=body)
            for message in read("intake", TypeAdapter(MessagesAnswer), answer).messages:
                known[message.id] = message.subject
                self._subjects.put(tenant, message.id, message.subject)
        return known

    async def risks(self, tenant: str, tickets: Collection[str]) -> Mapping[str, RiskView]:
        """Read which tickets are at risk; that is remembered in memory for a short time."""
        found: dict[str, RiskView] = {}
        missing = []
        for ticket in dict.fromkeys(tickets):
            known = self._risks.get(tenant, ticket)
            if known is None:
                missing.append(ticket)
            elif known.risk is not None:
                found[ticket] = known.risk
        for start in range(0, len(missing), BATCH_MAX):
            part = missing[start : start + BATCH_MAX]
            body = {"tenant": tenant, "ids": part}
            url = f"{self._at.sla}{RISKS_PATH}"
            answer = await self._send("sla", "POST", url, token=self._token, json=body)
            risks = {
                one.ticket: one for one in read("sla", TypeAdapter(RisksAnswer), answer).tickets
            }
            for ticket in part:
                self._risks.put(tenant, ticket, _Known(risks.get(ticket)))
            found |= risks
        return found

    async def clocks(
        self, tenant: str, tickets: Collection[str]
    ) -> Mapping[str, Sequence[ClockView]]:
        """Read the clocks of tickets, at most `BATCH_MAX`; they are never remembered."""
        body = {"tenant": tenant, "ids": list(tickets)}
        url = f"{self._at.sla}{CLOCKS_PATH}"
        answer = await self._send("sla", "POST", url, token=self._token, json=body)
        found = read("sla", TypeAdapter(ClocksAnswer), answer).tickets
        return {one.ticket: one.clocks for one in found}

    async def explain(self, caller: Caller, ticket: str, *, language: str) -> str:
        """Read from sla, in plain text, how each clock came to stand as it does."""
        url = f"{self._at.sla}/v1/clocks/{name(ticket)}/explain"
        params = {"lang": language}
        return (await self._send("sla", "GET", url, token=caller.token, params=params)).text

    async def report(
        self, caller: Caller, month: str, wanted: ReportFile, *, language: str
    ) -> Saved:
        """Read the report of a month of UTC from sla; the browser saves it and never shows it."""
        url = f"{self._at.sla}/v1/reports/{name(month)}"
        params = {"format": wanted.ending, "lang": language}
        params |= {"table": wanted.table} if wanted.table else {}
        answer = await self._send(
            "sla", "GET", url, token=caller.token, params=params, bytes_max=FILE_BYTES_MAX
        )
        parts = "-".join(part for part in ("sla", month, wanted.table) if part)
        attached = f'attachment; filename="{parts}.{wanted.ending}"'
        found = saved(answer)
        return Saved(found.content, {**found.headers, "content-disposition": attached})

    async def standing(self, caller: Caller, ticket: str) -> Standing:
        """Read from routing where a ticket stands now."""
        url = f"{self._at.routing}/v1/tickets/{name(ticket)}"
        answer = await self._send("routing", "GET", url, token=caller.token)
        return read("routing", TypeAdapter(Standing), answer)

    async def command(
        self, caller: Caller, ticket: str, verb: str, body: Mapping[str, Any], *, revision: int
    ) -> int:
        """Send a command to routing, guarded by the revision that the agent saw."""
        url = f"{self._at.routing}/v1/tickets/{name(ticket)}/{verb}"
        headers = {"If-Match": f'"{revision}"'}
        answer = await self._send(
            "routing", "POST", url, token=caller.token, json=dict(body), headers=headers
        )
        tag = answer.headers.get("etag", "").strip('"')
        return int(tag) if tag.isdigit() else 0

    async def say(
        self, caller: Caller, ticket: str, *, text: str, visibility: str, key: str
    ) -> None:
        """Add a reply or a note to a conversation in intake."""
        url = f"{self._at.intake}/v1/tickets/{name(ticket)}/messages"
        body = {"text": text, "visibility": visibility}
        headers = {"Idempotency-Key": key}
        await self._send("intake", "POST", url, token=caller.token, json=body, headers=headers)

    async def submit(self, caller: Caller, body: Mapping[str, Any], *, key: str) -> Submitted:
        """Hand a request in at intake."""
        url = f"{self._at.intake}/v1/requests"
        headers = {"Idempotency-Key": key}
        answer = await self._send(
            "intake", "POST", url, token=caller.token, json=dict(body), headers=headers
        )
        return read("intake", TypeAdapter(Submitted), answer)

    async def search(self, caller: Caller, query: str, *, language: str) -> Sequence[Article]:
        """Search articles."""
        url = f"{self._at.knowledge}/v1/search"
        params = {"q": query, "language": language} if language else {"q": query}
        answer = await self._send("knowledge", "GET", url, token=caller.token, params=params)
        return read("knowledge", TypeAdapter(_Found), answer).results

    async def article(self, caller: Caller, article: str) -> Article:
        """Read an article."""
        url = f"{self._at.knowledge}/v1/articles/{name(article)}"
        answer = await self._send("knowledge", "GET", url, token=caller.token)
        return read("knowledge", TypeAdapter(Article), answer)

    async def presence(self, caller: Caller, presence: str) -> None:
        """Say whether the caller takes work."""
        url = f"{self._at.routing}/v1/agents/{name(caller.name)}/presence"
        body = {"presence": presence}
        await self._send("routing", "PUT", url, token=caller.token, json=body)

    async def next(self, caller: Caller) -> Next:
        """Ask routing for the next best ticket, for the caller to begin with."""
        url = f"{self._at.routing}/v1/agents/{name(caller.name)}/next"
        answer = await self._send("routing", "POST", url, token=caller.token)
        if answer.status_code == httpx.codes.NO_CONTENT:
            wait = answer.headers.get("retry-after", "")
            return Next(ticket=None, wait_seconds=int(wait) if wait.isdecimal() else None)
        return Next(ticket=read("routing", TypeAdapter(_Taken), answer).id)

    async def mails(self) -> Sequence[Mail]:
        """List what the local mail sink received, newest first."""
        answer = await self._send("mailbox", "GET", f"{self._at.mailbox}/messages")
        return read("mailbox", TypeAdapter(tuple[Mail, ...]), answer)

    async def mail(self, mail: str) -> Mail:
        """Read one mail of the local mail sink."""
        url = f"{self._at.mailbox}/messages/{name(mail)}"
        return read("mailbox", TypeAdapter(Mail), await self._send("mailbox", "GET", url))

    async def _send(self, service: str, method: str, url: str, **given: Any) -> httpx.Response:
        return await send(self._client, service, method, url, **given)


class _Taken(BaseModel):
    """The ticket that an agent was given."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str


class _Found(BaseModel):
    """Answer of a search."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    results: tuple[Article, ...] = ()


@dataclass(frozen=True, slots=True)
class _Known:
    """Whether a ticket is at risk; None: it is not."""

    risk: RiskView | None


class _Remembered(Generic[T]):
    """What was read, for a short time: a live queue is drawn often. Bounded, in memory only."""

    def __init__(self, clock: Clock, *, seconds_max: float) -> None:
        self._clock = clock
        self._seconds_max = seconds_max
        self._kept: dict[tuple[str, str], tuple[float, T]] = {}

    def get(self, tenant: str, name: str) -> T | None:
        found = self._kept.get((tenant, name))
        if found is None or self._clock.monotonic() - found[0] > self._seconds_max:
            return None
        return found[1]

    def put(self, tenant: str, name: str, value: T) -> None:
        self._kept.pop((tenant, name), None)
        while len(self._kept) >= KEPT_MAX:
            self._kept.pop(next(iter(self._kept)))
        self._kept[(tenant, name)] = (self._clock.monotonic(), value)
