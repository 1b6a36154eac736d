"""Tickets that hang together: their numbers and subjects, and what is suggested about them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from services.console.domain.tickets import Ticket
from services.console.handlers.asking import Refusal, ask
from services.console.ports import Caller, Conversation, Intake, Owners, Projection, Suggestion

FOLLOW_UPS_MAX: Final = 20
OF_CONTACT_MAX: Final = 50
SHORT_ID: Final = 8


@dataclass(frozen=True, slots=True)
class Related:
    """A ticket as others name it; without a summary where the console has not heard of it yet."""

    id: str
    ticket: Ticket | None = None
    subject: str = ""

    @property
    def number(self) -> str:
        """The number for people."""
        return self.ticket.number if self.ticket else self.id[:SHORT_ID]


MERGES = frozenset({"duplicate", "reference"})
"""Kinds of suggestions of which one ticket goes on and the other is merged into it."""


@dataclass(frozen=True, slots=True)
class Suggested:
    """A suggestion with its tickets, the oldest first."""

    suggestion: Suggestion
    tickets: Sequence[Related]

    @property
    def is_merge(self) -> bool:
        """Whether it proposes to merge; else to put tickets under a parent."""
        return self.suggestion.kind in MERGES


@dataclass(frozen=True, slots=True)
class Relations:
    """What a ticket hangs together with."""

    merged_into: Related | None = None
    split_from: Related | None = None
    parent: Related | None = None
    follows: Related | None = None
    absorbed: Sequence[Related] = ()
    split_off: Sequence[Related] = ()
    children: Sequence[Related] = ()
    causes: Sequence[Related] = ()
    effects: Sequence[Related] = ()
    follow_ups: Sequence[Related] = ()
    suggestions: Sequence[Suggested] = ()
    names: Mapping[str, Related] = field(default_factory=dict)
    """All of them by id."""

    @property
    def any(self) -> bool:
        """Whether there is anything to list."""
        singles = (self.merged_into, self.split_from, self.parent, self.follows)
        lists = (self.absorbed, self.split_off, self.children, self.follow_ups)
        return any(singles) or any((*lists, self.causes, self.effects))


class Relating:
    """Finds out how tickets hang together. The projection may raise `Infrastructure`."""

    def __init__(self, *, projection: Projection, owners: Owners, intake: Intake) -> None:
        self._projection = projection
        self._owners = owners
        self._intake = intake

    async def named(self, caller: Caller, ids: Iterable[str | None]) -> dict[str, Related]:
        """Return tickets as others name them, by id; a subject is empty where intake is down."""
        wanted = list(dict.fromkeys(i for i in ids if i))
        if not wanted:
            return {}
        found = await self._projection.tickets(caller.tenant, wanted)
        shown = await self._shown(caller, list(found.values()))
        return {i: shown.get(i) or Related(i) for i in wanted}

    async def of_contacts(self, caller: Caller, contacts: Sequence[str]) -> list[Related]:
        """Return the tickets of a contact and of those that are merged into it, newest first."""
        found = await self._projection.of_contacts(caller.tenant, contacts, limit=OF_CONTACT_MAX)
        return list((await self._shown(caller, found)).values())

    async def suggestions(self, caller: Caller) -> list[Suggested] | Refusal:
        """Return what waits, with its tickets."""
        found = await ask(self._intake.suggestions(caller))
        if isinstance(found, Refusal):
            return found
        return await self.suggested(caller, found)

    async def suggested(self, caller: Caller, found: Sequence[Suggestion]) -> list[Suggested]:
        """Return suggestions with their tickets."""
        names = await self.named(caller, (t for s in found for t in s.tickets))
        return [Suggested(s, [names[t] for t in s.tickets]) for s in found]

    async def of_ticket(
        self, caller: Caller, ticket: Ticket, conversation: Conversation | None
    ) -> Relations:
        """Return what a ticket hangs together with; without intake only what is known here."""
        told = conversation or Conversation()
        waiting, followers = await asyncio.gather(
            ask(self._intake.suggestions(caller)),
            self._projection.follow_ups(caller.tenant, ticket.id, limit=FOLLOW_UPS_MAX),
        )
        about: list[Suggestion] = []
        if not isinstance(waiting, Refusal):
            about = [s for s in waiting if ticket.id in s.tickets]
        links = told.links
        follows = told.follows or ticket.opening.follows
        split_off = dict.fromkeys(m.moved_to for m in told.messages if m.moved_to)
        names = await self.named(
            caller,
            [
                *(links.merged_into, links.split_from, links.parent, follows),
                *(*links.absorbed, *split_off, *links.children, *links.causes, *links.effects),
                *(t for s in about for t in s.tickets),
            ],
        )
        return Relations(
            merged_into=names.get(links.merged_into or ""),
            split_from=names.get(links.split_from or ""),
            parent=names.get(links.parent or ""),
            follows=names.get(follows or ""),
            absorbed=[names[t] for t in links.absorbed],
            split_off=[names[t] for t in split_off],
            children=[names[t] for t in links.children],
            causes=[names[t] for t in links.causes],
            effects=[names[t] for t in links.effects],
            follow_ups=list((await self._shown(caller, followers)).values()),
            suggestions=[Suggested(s, [names[t] for t in s.tickets]) for s in about],
            names=names,
        )

    async def _shown(self, caller: Caller, tickets: Sequence[Ticket]) -> dict[str, Related]:
        messages = [t.opening.message for t in tickets if t.opening.message]
        subjects: Mapping[str, str] = {}
        if messages:
            found = await ask(self._owners.subjects(caller.tenant, messages))
            subjects = {} if isinstance(found, Refusal) else found
        return {t.id: Related(t.id, t, subjects.get(t.opening.message or "", "")) for t in tickets}
