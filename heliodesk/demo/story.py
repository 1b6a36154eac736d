"""What became of one submission: the fold of the events of its ticket. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final


class Step(StrEnum):
    """What has to happen to a submission."""

    SENT = "sent"
    TICKET = "ticket"
    QUEUED = "queued"
    ASSIGNED = "assigned"
    CLOCKS = "clocks"
    MAIL = "mail"
    RESOLVED = "resolved"


USUAL_STEPS: Final = (
    Step.SENT,
    Step.TICKET,
    Step.QUEUED,
    Step.ASSIGNED,
    Step.CLOCKS,
    Step.MAIL,
)


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock of the ticket, as its last event has it."""

    metric: str
    state: str
    due_at: str | None


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that lies in the mailbox."""

    id: str
    subject: str
    to: str


@dataclass(frozen=True, slots=True)
class Story:
    """One submission and what is known of its ticket.

    Invariant: ``steps`` only grows.
    """

    door: str
    """Which door it went through, in words."""
    subject: str
    wanted: tuple[Step, ...] = USUAL_STEPS
    steps: frozenset[Step] = frozenset()
    ticket: str | None = None
    number: str | None = None
    priority: str | None = None
    status: str | None = None
    desk: str | None = None
    agent: str | None = None
    clocks: tuple[Clock, ...] = ()
    mails: tuple[Mail, ...] = ()
    sent_ids: frozenset[str] = frozenset()
    """Message-IDs of the notices that were sent; the mailbox must have one of them."""
    error: str | None = None
    desks: tuple[str, ...] = field(default=())
    """Every desk that it waited at, in order."""

    @property
    def missing(self) -> tuple[Step, ...]:
        """Return what has still to happen."""
        return tuple(step for step in self.wanted if step not in self.steps)

    def done(self, *steps: Step) -> Story:
        """Return the story with steps that have happened."""
        return replace(self, steps=self.steps | set(steps))

    def due(self, metric: str) -> str | None:
        """Return when a clock that runs is due."""
        running = (c for c in self.clocks if c.metric == metric and c.state == "running")
        return next((c.due_at for c in running if c.due_at), None)


def told(story: Story, event_type: str, body: Mapping[str, Any]) -> Story:
    """Return the story after an event of its ticket.

    Args:
        story: of that ticket.
        event_type: without prefix and version, such as ``ticket.queued``.
        body: the event's JSON object.
    """
    facts = body.get("facts")
    if isinstance(facts, Mapping):
        story = replace(story, number=facts["number"], priority=facts["priority"])
    match event_type:
        case "request.accepted":
            story = story.done(Step.TICKET)
        case "ticket.queued":
            story = replace(story, desks=(*story.desks, str(body["desk"]))).done(Step.QUEUED)
        case "ticket.assigned":
            story = story.done(Step.ASSIGNED)
        case "ticket.resolved":
            story = story.done(Step.RESOLVED)
        case "clocks.started" | "clocks.changed":
            story = _timed(story, body)
        case "notice.sent":
            sent = str(body["message_id"]).strip("<>")
            story = replace(story, sent_ids=story.sent_ids | {sent})
        case _:
            pass
    return _standing(story, body) if event_type.startswith("ticket.") else story


def _timed(story: Story, body: Mapping[str, Any]) -> Story:
    clocks = tuple(
        Clock(metric=c["metric"], state=c["state"], due_at=c.get("due_at")) for c in body["clocks"]
    )
    after = replace(story, clocks=clocks)
    return after.done(Step.CLOCKS) if any(c.due_at for c in clocks) else after


def _standing(story: Story, body: Mapping[str, Any]) -> Story:
    if "status" not in body:
        return story
    return replace(story, status=body["status"], desk=body["desk"], agent=body.get("agent"))


def found_in_mailbox(story: Story, messages: list[dict[str, Any]]) -> Story:
    """Return the story with those of its notices that lie in the mailbox."""
    mails = tuple(
        # A long subject is folded in its header: here it is one line again.
        Mail(
            id=m["id"],
            subject=" ".join(m["subject"].split()),
            to=", ".join(m["recipients"] or m["to"]),
        )
        for m in messages
        if str(m["message_id"]).strip("<>") in story.sent_ids
    )
    if not mails:
        return story
    return replace(story, mails=mails).done(Step.MAIL)
