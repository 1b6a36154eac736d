"""Tasks, watchers and answers by link, over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import httpx
from pydantic import TypeAdapter

from services.console.adapters.notes import keyed, write_note
from services.console.adapters.sending import Addresses, name, read, send
from services.console.ports import Caller
from services.console.ports.owners import Answer
from services.console.ports.work import Course, OpenTask, SideWork, Task, Watcher
from shared.contracts.internal import (
    BATCH_MAX,
    MESSAGES_PATH,
    VERDICTS_PATH,
    MessagesAnswer,
    VerdictAnswer,
)


class HttpWork:
    """`Work` over one HTTP client; ``service_token`` is for what has no signed-in caller."""

    def __init__(
        self, addresses: Addresses, client: httpx.AsyncClient, *, service_token: str
    ) -> None:
        self._at = addresses
        self._client = client
        self._token = service_token

    async def of_ticket(self, caller: Caller, ticket: str) -> SideWork:
        """Read a ticket's tasks, watchers and course."""
        course, tasks, watchers = await asyncio.gather(
            self._get(caller, ticket, ""),
            self._get(caller, ticket, "/tasks"),
            self._get(caller, ticket, "/watchers"),
        )
        return SideWork(
            course=read("routing", TypeAdapter(Course), course),
            tasks=read("routing", TypeAdapter(_Tasks), tasks).tasks,
            watchers=read("routing", TypeAdapter(_Watchers), watchers).watchers,
        )

    async def open_tasks(
        self, caller: Caller, *, desk: str | None = None, agent: str | None = None
    ) -> Sequence[OpenTask]:
        """Read the open tasks, of a desk and an agent where they are named."""
        params = {"desk": desk, "agent": agent}
        answer = await self._send(
            "routing",
            "GET",
            f"{self._at.routing}/v1/tasks",
            caller,
            params={name: value for name, value in params.items() if value is not None},
        )
        return read("routing", TypeAdapter(_OpenTasks), answer).tasks

    async def notes(self, tenant: str, notes: Collection[str]) -> Mapping[str, str]:
        """Read what notes say by their ids from intake."""
        wanted = list(dict.fromkeys(notes))
        found: dict[str, str] = {}
        for start in range(0, len(wanted), BATCH_MAX):
            body = {"tenant": tenant, "ids": wanted[start : start + BATCH_MAX]}
            url = f"{self._at.intake}{MESSAGES_PATH}"
            answer = await send(self._client, "intake", "POST", url, token=self._token, json=body)
            messages = read("intake", TypeAdapter(MessagesAnswer), answer).messages
            found |= {message.id: message.text for message in messages}
        return found

    async def add_task(
        self,
        caller: Caller,
        ticket: str,
        *,
        code: str,
        desk: str | None,
        agent: str | None,
        text: str,
        key: str,
    ) -> None:
        """Ask for a part of the work. Both steps have the key: a repetition is the same task."""
        body: dict[str, Any] = {"code": code, "desk": desk, "agent": agent}
        if text:
            body["note"] = await write_note(
                self._client, self._at, caller, ticket, text=text, key=key
            )
        url = f"{self._at.routing}/v1/tickets/{name(ticket)}/tasks"
        await self._send("routing", "POST", url, caller, json=body, headers=keyed(key))

    async def task(
        self, caller: Caller, ticket: str, task: str, verb: str, *, outcome: str | None = None
    ) -> None:
        """Start, finish or cancel a task; what came of it is said of one that is finished."""
        url = f"{self._at.routing}/v1/tickets/{name(ticket)}/tasks/{name(task)}/{name(verb)}"
        body = {} if outcome is None else {"outcome": outcome}
        await self._send("routing", "POST", url, caller, json=body)

    async def watch(
        self, caller: Caller, ticket: str, *, watcher: str, kind: str, watching: bool
    ) -> None:
        """Let somebody follow the ticket, or follow it no more."""
        path = "watchers" if watching else "watchers/remove"
        url = f"{self._at.routing}/v1/tickets/{name(ticket)}/{path}"
        await self._send("routing", "POST", url, caller, json={"watcher": watcher, "kind": kind})

    async def verdict(self, tenant: str, token: str, *, apply: bool) -> VerdictAnswer:
        """Say what a link says; with ``apply`` do it."""
        url = f"{self._at.routing}{VERDICTS_PATH}"
        body = {"tenant": tenant, "token": token, "apply": apply}
        answer = await send(self._client, "routing", "POST", url, token=self._token, json=body)
        return read("routing", TypeAdapter(VerdictAnswer), answer)

    async def _get(self, caller: Caller, ticket: str, path: str) -> httpx.Response:
        url = f"{self._at.routing}/v1/tickets/{name(ticket)}{path}"
        return await self._send("routing", "GET", url, caller)

    async def _send(
        self, service: str, method: str, url: str, caller: Caller, **given: Any
    ) -> httpx.Response:
        return await send(self._client, service, method, url, token=caller.token, **given)


class _Tasks(Answer):
    tasks: tuple[Task, ...] = ()


class _OpenTasks(Answer):
    tasks: tuple[OpenTask, ...] = ()


class _Watchers(Answer):
    watchers: tuple[Watcher, ...] = ()
