"""What an agent says of a ticket to intake: what it belongs with, what it is."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.console.domain.words import Words
from services.console.handlers.asking import Refusal, ask
from services.console.pages.faults import Fault, fault_of, told
from services.console.pages.forms import fields_of, values_of
from services.console.pages.frame import Frame
from services.console.pages.suggestions import Choice, decision
from services.console.pages.ticket_page import TicketPages
from services.console.ports import Caller
from services.console.ports.intake import Split
from shared.auth import Action
from shared.contracts.links import LINKED_MAX
from shared.http import Problem
from shared.tags import TAGS_MAX, normal_tag, split_words

INVALID: Final = 422
FIELDS_MAX: Final = LINKED_MAX + 20
"""A split may tick so many messages as one deed takes, beside the form's own fields."""
CORRECTED: Final = ("kind", "category")
TAGS_SENT: Final = ("tags_add", "tags_remove")


def link_router(frame: Frame) -> APIRouter:
    """Return the routes of a ticket's links and of its classification."""
    router = APIRouter(include_in_schema=False, prefix="/tickets/{ticket}")
    pages = TicketPages(frame)
    _merging(router, pages)
    _splitting(router, pages)
    _parents(router, pages)
    _causes(router, pages)
    _judging(router, pages)
    _tagging(router, pages)
    return router


@dataclass(frozen=True, slots=True)
class _Form:
    """One form as it was sent: whose, about which ticket, with what in it."""

    pages: TicketPages
    request: Request
    caller: Caller
    ticket: str
    name: str
    fields: Mapping[str, str]

    @classmethod
    async def of(cls, pages: TicketPages, request: Request, ticket: str, name: str) -> _Form:
        """Read a form.

        Raises:
            Problem: 403, the caller may not do this.
        """
        caller = pages.frame.caller(request, Action.WORK)
        fields = await fields_of(request, fields_max=FIELDS_MAX)
        return cls(pages, request, caller, ticket, name, fields)

    @property
    def words(self) -> Words:
        """The viewer's catalogue."""
        return self.pages.frame.words(self.request)

    @property
    def revision(self) -> int | None:
        """The ticket's revision that the page showed; None where the form names none."""
        text = self.fields.get("revision", "")
        return int(text) if text.isdecimal() and len(text) < 13 else None  # noqa: PLR2004

    @property
    def key(self) -> str:
        """What makes a double click one deed."""
        return self.fields.get("key") or self.pages.frame.console.clock.unique()

    def change(
        self, verb: str, body: Mapping[str, Any], *, ticket: str | None = None
    ) -> Awaitable[None]:
        """Send a command about this ticket, or about another, whose revision nobody saw."""
        return self.pages.frame.console.intake.change_ticket(
            self.caller,
            ticket or self.ticket,
            verb,
            body,
            revision=None if ticket else self.revision,
            key=self.key,
        )

    async def missing(self, key: str, field: str) -> Response:
        """Say beside a field what it lacks."""
        return await self.show(self.words(key), status=INVALID, field=field)

    async def refused(self, refusal: Refusal, *fields: str) -> Response:
        """Say why nothing was changed."""
        return await self.pages.show(
            self.request,
            self.caller,
            self.ticket,
            said=told(refusal, self.words),
            status=refusal.status,
            fault=fault_of(refusal, self.words, form=self.name, fields=fields),
            given=self.fields,
        )

    async def show(
        self, said: str, *, status: int = 200, field: str = "", other: str | None = None
    ) -> Response:
        """Show the ticket with what became of the command."""
        return await self.pages.show(
            self.request,
            self.caller,
            self.ticket,
            said=said,
            said_ticket=other,
            status=status,
            fault=Fault(self.name, said, field) if field else None,
            given=self.fields if field else None,
        )

    async def sent(self, command: Awaitable[None], done: str, *fields: str) -> Response:
        """Send a command and show what became of it."""
        answer = await ask(command)
        if isinstance(answer, Refusal):
            return await self.refused(answer, *fields)
        return await self.show(self.words(done))


def _merging(router: APIRouter, pages: TicketPages) -> None:
    @router.post("/merge")
    async def merge(request: Request, ticket: str) -> Response:
        """Merge it into another."""
        form = await _Form.of(pages, request, ticket, "merge")
        into = form.fields.get("into", "")
        if not into:
            return await form.missing("link.ticket_missing", "into")
        return await form.sent(form.change("merge", {"into": into}), "link.done.merge", "into")

    @router.post("/unmerge")
    async def unmerge(request: Request, ticket: str) -> Response:
        """Undo a merge: of this ticket, or of one that was merged into it."""
        form = await _Form.of(pages, request, ticket, "unmerge")
        source = form.fields.get("source") or None
        return await form.sent(form.change("unmerge", {}, ticket=source), "link.done.unmerge")


def _splitting(router: APIRouter, pages: TicketPages) -> None:
    @router.post("/split")
    async def split(request: Request, ticket: str) -> Response:
        """Make a ticket of the messages that are ticked."""
        form = await _Form.of(pages, request, ticket, "split")
        messages = await values_of(request, "messages", fields_max=FIELDS_MAX)
        if not messages:
            return await form.missing("link.messages_missing", "messages")
        if not form.fields.get("subject"):
            return await form.missing("link.subject_missing", "subject")
        done: Split | Refusal = await ask(
            pages.frame.console.intake.split(
                form.caller,
                ticket,
                messages=messages,
                subject=form.fields["subject"],
                revision=form.revision,
                key=form.key,
            )
        )
        if isinstance(done, Refusal):
            return await form.refused(done, "messages", "subject")
        return await form.show(form.words("link.done.split", number=done.number), other=done.ticket)

    @router.post("/unsplit")
    async def unsplit(request: Request, ticket: str) -> Response:
        """Undo a split: of this ticket, or of one that was split off from it."""
        form = await _Form.of(pages, request, ticket, "unsplit")
        source = form.fields.get("source") or None
        return await form.sent(form.change("unsplit", {}, ticket=source), "link.done.unsplit")


def _parents(router: APIRouter, pages: TicketPages) -> None:
    @router.post("/children")
    async def link(request: Request, ticket: str) -> Response:
        """Put another ticket under this one."""
        form = await _Form.of(pages, request, ticket, "children")
        child = form.fields.get("child", "")
        if not child:
            return await form.missing("link.ticket_missing", "children")
        command = form.change("children", {"children": [child]})
        return await form.sent(command, "link.done.child", "children")

    @router.post("/unlink")
    async def unlink(request: Request, ticket: str) -> Response:
        """Take a child from under its parent; one of the two is this ticket."""
        form = await _Form.of(pages, request, ticket, "unlink")
        parent = form.fields.get("parent") or None
        child = form.fields.get("child") or ticket
        command = form.change("children/remove", {"children": [child]}, ticket=parent)
        return await form.sent(command, "link.done.unlink")


def _causes(router: APIRouter, pages: TicketPages) -> None:
    @router.post("/causes")
    async def cause(request: Request, ticket: str) -> Response:
        """Name the ticket that caused this one."""
        form = await _Form.of(pages, request, ticket, "causes")
        named = form.fields.get("cause", "")
        if not named:
            return await form.missing("link.ticket_missing", "cause")
        return await form.sent(form.change("causes", {"cause": named}), "link.done.cause", "cause")

    @router.post("/uncause")
    async def uncause(request: Request, ticket: str) -> Response:
        """Take it back."""
        form = await _Form.of(pages, request, ticket, "uncause")
        command = form.change("causes/remove", {"cause": form.fields.get("cause", "")})
        return await form.sent(command, "link.done.uncause")


def _judging(router: APIRouter, pages: TicketPages) -> None:
    @router.post("/classification")
    async def correct(request: Request, ticket: str) -> Response:
        """Correct what it is; what stays as it was is not said."""
        form = await _Form.of(pages, request, ticket, "classification")
        fields = form.fields
        said = {
            name: fields[name]
            for name in CORRECTED
            if fields.get(name) and fields[name] != fields.get(f"{name}_was")
        }
        if not said:
            return await form.missing("class.unchanged", "kind")
        body = {**said, "reason": fields.get("reason", "")}
        command = form.change("classification", body)
        return await form.sent(command, "class.done", *CORRECTED, "reason")

    @router.post("/suggestions/{suggestion}/{choice}")
    async def decide(request: Request, ticket: str, suggestion: str, choice: Choice) -> Response:
        """Decide on a suggestion from the page of one of its tickets."""
        form = await _Form.of(pages, request, ticket, "suggestion")
        done = await decision(
            pages.frame, request, form.caller, suggestion, choice=choice, fields=form.fields
        )
        other = done.ticket if done.ticket != ticket else None
        return await form.show(done.said, status=done.status, other=other)


def _tagging(router: APIRouter, pages: TicketPages) -> None:
    @router.post("/tags")
    async def change(request: Request, ticket: str) -> Response:
        """Give it the tags of the field; what is as it was is not said."""
        form = await _Form.of(pages, request, ticket, "tags")
        if not {"tags", "tags_was"} <= form.fields.keys():
            # Never guessed: a field that is missing would take every tag off.
            raise Problem(INVALID, "invalid", "tags and tags_was: both are needed")
        try:
            wanted, was = (_tags(form.fields[name]) for name in ("tags", "tags_was"))
        except ValueError:
            return await form.missing("class.tags_wrong", "tags")
        if wanted == was:
            return await form.missing("class.tags_unchanged", "tags")
        if len(wanted) > TAGS_MAX:
            return await form.missing("class.tags_many", "tags")
        body = {"tags_add": sorted(wanted - was), "tags_remove": sorted(was - wanted)}
        command = form.change("classification", body)
        return await form.sent(command, "class.tags_done", *TAGS_SENT)


def _tags(line: str) -> set[str]:
    """Return the tags of a line.

    Raises:
        ValueError: one of its words is no tag.
    """
    words = split_words(line)
    return {str(normal_tag(word)) for word in words} if isinstance(words, list) else set()
