"""Follows the events of the demonstration's tickets, and the mailbox, as things happen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

import httpx
from aiokafka import AIOKafkaConsumer

from heliodesk.api import Api
from heliodesk.demo.story import Step, Story, found_in_mailbox, told
from heliodesk.errors import CliError
from heliodesk.event_words import words_of
from heliodesk.events import Seen, poll
from shared.contracts.topics import CLOCKS, NOTICES, REQUESTS, TICKETS

TOPICS: Final = (REQUESTS.name, TICKETS.name, CLOCKS.name, NOTICES.name)
MAILBOX_LIMIT: Final = 200
MAILBOX_SECONDS: Final = 0.5
HTTP_SECONDS_MAX: Final = 5.0

Told = Callable[[Story, Seen, str], None]
"""Called after each event of a story: the story, the event, and what it says."""


class Follower:
    """Keeps the stories up to date. One task; used with `run` and `until`."""

    def __init__(
        self,
        stories: Mapping[str, Story],
        *,
        tag: str,
        intake: Api,
        mailbox: str | None,
        on_event: Told,
    ) -> None:
        """``tag`` is in the subject of everything that the demonstration handed in."""
        self.stories = dict(stories)
        self._tag = tag
        self._intake = intake
        self._mailbox = mailbox
        self._on_event = on_event
        self._early: dict[str, list[Seen]] = {}
        self._strangers: set[str] = set()
        self._changed = asyncio.Event()

    def update(self, name: str, change: Callable[[Story], Story]) -> None:
        """Change a story by something that is no event."""
        self.stories[name] = change(self.stories[name])
        self._changed.set()

    def bind(self, name: str, ticket: str) -> None:
        """Say which ticket a story is about; what was seen of it already is told."""
        if self.stories[name].ticket == ticket:
            return
        self.stories[name] = replace(self.stories[name], ticket=ticket)
        for seen in self._early.pop(ticket, ()):
            self._tell(name, seen)

    async def run(self, consumer: AIOKafkaConsumer) -> None:
        """Follow until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._events(consumer))
            if self._mailbox is not None:
                group.create_task(self._mails(self._mailbox))

    async def until(self, ready: Callable[[Mapping[str, Story]], bool], *, seconds: float) -> bool:
        """Wait until the stories are so; False where they are not in time."""
        try:
            async with asyncio.timeout(seconds):
                while not ready(self.stories):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    async def _events(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            for seen in await poll(consumer):
                await self._take(seen)

    async def _take(self, seen: Seen) -> None:
        ticket = seen.attributes.get("subject", "")
        if ticket in self._strangers:
            return
        name = self._name_of(ticket)
        if name is None and seen.type == "request.accepted":
            await self._recognise(ticket)
            name = self._name_of(ticket)
            if name is None:
                self._strangers.add(ticket)
                self._early.pop(ticket, None)
                return
        if name is None:
            # Topics race each other: what comes before the request is kept until it comes.
            self._early.setdefault(ticket, []).append(seen)
        else:
            self._tell(name, seen)

    def _name_of(self, ticket: str) -> str | None:
        return next((n for n, story in self.stories.items() if story.ticket == ticket), None)

    async def _recognise(self, ticket: str) -> None:
        """Find out whether a new ticket is one of ours, by what was said in it."""
        try:
            found = await asyncio.to_thread(self._intake.find, f"/v1/tickets/{ticket}")
        except CliError:
            return
        subjects = [message["subject"] for message in (found or {}).get("messages", ())]
        if not any(self._tag in subject for subject in subjects):
            return
        for name, story in self.stories.items():
            if story.ticket is None and any(story.subject in subject for subject in subjects):
                self.bind(name, ticket)
                return

    def _tell(self, name: str, seen: Seen) -> None:
        body: Mapping[str, Any] = seen.body if isinstance(seen.body, dict) else {}
        self.stories[name] = told(self.stories[name], seen.type, body)
        self._on_event(self.stories[name], seen, words_of(seen.type, body))
        self._changed.set()

    async def _mails(self, url: str) -> None:
        async with httpx.AsyncClient(timeout=HTTP_SECONDS_MAX, trust_env=False) as client:
            while True:
                waiting = [
                    name
                    for name, story in self.stories.items()
                    if Step.MAIL not in story.steps and story.sent_ids
                ]
                messages = await _messages(client, url) if waiting else []
                for name in waiting:
                    self.update(name, partial(found_in_mailbox, messages=messages))
                await asyncio.sleep(MAILBOX_SECONDS)


async def _messages(client: httpx.AsyncClient, url: str) -> list[dict[str, Any]]:
    """Return the newest mails of the sink; none while it does not answer."""
    try:
        response = await client.get(f"{url}/messages", params={"limit": MAILBOX_LIMIT})
        response.raise_for_status()
        found: list[dict[str, Any]] = response.json()
    except (httpx.HTTPError, ValueError):
        return []
    return found
