"""What intake's agents decide on, as intake's API shows it, and the commands that decide it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from services.console.ports.owners import Answer, Caller, Saved
from shared.contracts.facts import Code, Id, Instant

WAITING_SHOWN_MAX = 200
"""Intake lists so many reviews, and so many suggestions, at most."""
PEOPLE_SHOWN_MAX = 50
"""Intake finds so many contacts at most."""
GROUPS_SHOWN_MAX = 100
"""So many groups of alerts are asked for: a page for people, not an export."""


class Verdict(Answer):
    """What somebody decided, and when."""

    action: Literal["accepted", "dismissed"]
    by: Code
    at: Instant
    ticket: Id | None = None
    """The ticket that was chosen; None for a new one, or where it was dismissed."""
    reason: str = ""


class Review(Answer):
    """What came in and made no ticket, and why; or what became of it."""

    id: Id
    """Also the receipt's, under which the original is kept."""
    at: Instant
    integration: str = ""
    reason: Code
    sender: str = ""
    subject: str = ""
    text: str = ""
    ticket: Id | None = None
    """The ticket that it may belong to."""
    verdict: Verdict | None = None


class Placed(Answer):
    """The ticket in which something is now."""

    ticket: Id | None = None
    number: Code | None = None


class Suggestion(Answer):
    """Tickets that look as if they belonged together, the oldest first."""

    id: Id
    kind: Code
    """``duplicate`` or ``mass``."""
    tickets: tuple[Id, ...]
    similarity: float
    words: tuple[str, ...] = ()
    """Why: the words that they share, the weightiest first."""
    at: Instant
    verdict: Verdict | None = None


class Split(Answer):
    """The ticket that messages were split off into."""

    ticket: Id
    number: Code


class Person(Answer):
    """A contact, as lists show it."""

    id: Id
    name: str = ""
    mail: str | None = None
    phone: str | None = None
    employee: str | None = None
    language: str | None = None
    time_zone: str | None = None
    region: str | None = None
    site: str | None = None
    organisation: str | None = None
    business: str | None = None
    level: str | None = None
    vip: bool = False
    merged_into: Id | None = None


class People(Answer):
    """People who were found."""

    contacts: tuple[Person, ...] = ()


class Address(Answer):
    """An address, and why it is this contact's."""

    id: Id
    address: str
    """With its kind in front, such as ``mail:ana@example.org``."""
    verified: bool = False
    reason: Code = "met"
    by: Code = ""
    at: Instant
    was: Id | None = None
    """The contact that had it before."""


class Noted(Answer):
    """An address that somebody named without a proof: it links nothing."""

    address: str
    by: Code = ""
    at: Instant


class Link(Answer):
    """What was done to a contact's links."""

    action: Code
    other: str = ""
    by: Code = ""
    at: Instant
    reason: str = ""


class ContactDetail(Answer):
    """A contact with all that is known of it."""

    contact: Person
    addresses: tuple[Address, ...] = ()
    noted: tuple[Noted, ...] = ()
    absorbed: tuple[Id, ...] = ()
    links: tuple[Link, ...] = ()


class Alert(Answer):
    """One alert of a group, as its monitor said last."""

    fingerprint: str
    status: Code
    fired_at: Instant | None = None
    acknowledged_at: Instant | None = None
    resolved_at: Instant | None = None
    seen_at: Instant
    severity: str | None = None
    configuration_item: str | None = None
    service: str | None = None
    episode: int = 0
    muted_by: str | None = None
    muted_until: Instant | None = None


class Episode(Answer):
    """A time in which alerts of a group fire, and its ticket or why there is none."""

    number: int
    ticket: Id | None = None
    began_at: Instant
    opened_at: Instant | None = None
    follows: Id | None = None
    priority: str = ""
    predicted: bool = False
    held_because: Code | None = None
    rule: Code = ""
    reason: str = ""
    parent: str | None = None
    """The group under whose incident a storm's alerts collect."""
    left_out: int = 0


class AlertGroup(Answer):
    """A group of alerts."""

    key: Code
    integration: Code
    firing: int = 0
    occurrences: int = 0
    flapping: bool = False
    changed_at: Instant
    quiet_at: Instant | None = None
    due_at: Instant | None = None
    episodes: tuple[Episode, ...] = ()
    alerts: tuple[Alert, ...] = ()

    @property
    def current(self) -> Episode | None:
        """The newest episode."""
        return self.episodes[-1] if self.episodes else None

    @property
    def muted_by(self) -> tuple[str, ...]:
        """The maintenance windows that mute any of it."""
        return tuple(dict.fromkeys(a.muted_by for a in self.alerts if a.muted_by))


class Window(Answer):
    """A maintenance window that is open, or will be."""

    name: str
    title: str = ""
    starts_at: Instant
    ends_at: Instant
    time_zone: str = ""
    change: str | None = None
    integrations: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()


class Heartbeat(Answer):
    """A heartbeat: when it came last, and when it is missed."""

    integration: str
    name: str
    last_at: Instant
    every_seconds: int
    due_at: Instant
    overdue: bool = False


class Intake(Protocol):
    """Intake's API for agents.

    Every method may raise `Infrastructure` where intake does not answer, and `CommandRejected`
    with intake's own code, reason, field and status where it refuses.
    """

    async def reviews(self, caller: Caller) -> Sequence[Review]:
        """List what waits for people to look at, the newest first; texts may be cut."""
        ...

    async def review(self, caller: Caller, review: str) -> Review:
        """Read one, or what became of it."""
        ...

    async def original(self, caller: Caller, review: str) -> Saved:
        """Read what was handed in, byte for byte."""
        ...

    async def accept_review(self, caller: Caller, review: str, *, ticket: str | None) -> Placed:
        """Put it into a ticket by id or number; None makes a new one of it."""
        ...

    async def dismiss_review(self, caller: Caller, review: str, *, reason: str) -> None:
        """Say that nothing comes of it."""
        ...

    async def suggestions(self, caller: Caller) -> Sequence[Suggestion]:
        """List suggestions that nobody has decided on, the newest first."""
        ...

    async def suggestion(self, caller: Caller, suggestion: str) -> Suggestion:
        """Read one, or what became of it."""
        ...

    async def accept_suggestion(
        self, caller: Caller, suggestion: str, *, parent: str | None
    ) -> Suggestion:
        """Merge a duplicate, or put look-alikes under a parent: the oldest where None is said."""
        ...

    async def dismiss_suggestion(
        self, caller: Caller, suggestion: str, *, reason: str
    ) -> Suggestion:
        """Say that they do not belong together."""
        ...

    async def change_ticket(
        self,
        caller: Caller,
        ticket: str,
        verb: str,
        body: Mapping[str, Any],
        *,
        revision: int | None = None,
        key: str = "",
    ) -> None:
        """Send a command about a ticket's links, or a correction of what it is."""
        ...

    async def split(
        self,
        caller: Caller,
        ticket: str,
        *,
        messages: Sequence[str],
        subject: str,
        revision: int | None,
        key: str,
    ) -> Split:
        """Make a ticket of messages."""
        ...

    async def contacts(self, caller: Caller, query: str) -> Sequence[Person]:
        """Find people by name, pinyin, initials, address or number."""
        ...

    async def contact(self, caller: Caller, contact: str) -> ContactDetail:
        """Read a contact with its addresses."""
        ...

    async def link_address(
        self, caller: Caller, contact: str, *, kind: str, value: str, reason: str
    ) -> ContactDetail:
        """Put an address to a contact: the caller vouches for it."""
        ...

    async def unlink_address(
        self, caller: Caller, contact: str, address: str, *, reason: str
    ) -> ContactDetail:
        """Take a link back."""
        ...

    async def merge_contact(
        self, caller: Caller, contact: str, *, into: str, reason: str
    ) -> ContactDetail:
        """Say that a contact is the same person as another."""
        ...

    async def unmerge_contact(self, caller: Caller, contact: str, *, reason: str) -> ContactDetail:
        """Take a merge back."""
        ...

    async def alert_groups(self, caller: Caller, *, firing: bool | None) -> Sequence[AlertGroup]:
        """List groups of alerts, the last changed first."""
        ...

    async def alert_group(self, caller: Caller, key: str) -> AlertGroup:
        """Read a group of alerts."""
        ...

    async def windows(self, caller: Caller) -> Sequence[Window]:
        """List maintenance windows that are open or come soon."""
        ...

    async def heartbeats(self, caller: Caller) -> Sequence[Heartbeat]:
        """List heartbeats."""
        ...
